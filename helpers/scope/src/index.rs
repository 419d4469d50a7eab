//! Reads git's index file (versions 2 to 4, either hash) into entries. Its bytes change with every `git status`;
//! entries and flags only with an intent. Knows nothing of work trees.

use crate::content::ObjectId;

/// What the index remembers of the file that it took the blob from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CachedStat {
    pub(crate) ctime: (u32, u32),
    pub(crate) mtime: (u32, u32),
    pub(crate) ino: u32,
    pub(crate) size: u32,
}

/// One entry of the index.
#[derive(Debug, Clone)]
pub(crate) struct IndexEntry {
    pub(crate) path: Vec<u8>,
    pub(crate) stage: u8,
    pub(crate) mode: u32,
    pub(crate) id: ObjectId,
    pub(crate) assume_unchanged: bool,
    pub(crate) skip_worktree: bool,
    pub(crate) intent_to_add: bool,
    pub(crate) cached: CachedStat,
}

impl IndexEntry {
    /// Whether the entry says the same, whatever it remembers of the file's times.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        self.mode == other.mode && self.id == other.id && self.flags() == other.flags()
    }

    pub(crate) fn flags(&self) -> String {
        let named = [
            (self.assume_unchanged, "assume-unchanged"),
            (self.skip_worktree, "skip-worktree"),
            (self.intent_to_add, "intent-to-add"),
        ];
        named.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect::<Vec<_>>().join(",")
    }
}

/// A whole index.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Sorted by path and stage.
    pub(crate) entries: Vec<IndexEntry>,
    /// Trees that the index is known to hold unchanged, by directory (empty: the root).
    pub(crate) trees: Vec<(Vec<u8>, ObjectId)>,
    /// The name of the file that holds the rest of a split index.
    pub(crate) shared: Option<SharedIndex>,
}

/// A split index: what replaces and removes entries of the shared file, as bitmaps over its positions.
#[derive(Debug)]
pub(crate) struct SharedIndex {
    pub(crate) id: ObjectId,
    pub(crate) deleted: Vec<usize>,
    pub(crate) replaced: Vec<usize>,
}

impl Index {
    /// Parses the bytes of an index file; the error says what is wrong with them.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        Self::parse_with(bytes, 20).or_else(|error| Self::parse_with(bytes, 32).map_err(|_| error))
    }

    fn parse_with(bytes: &[u8], hash_len: usize) -> Result<Self, &'static str> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.take(4)? != b"DIRC" {
            return Err("no index signature");
        }
        let version = reader.u32()?;
        if !(2..=4).contains(&version) {
            return Err("unknown index version");
        }
        let count = reader.u32()?;
        let mut index = Self::default();
        for _ in 0..count {
            let entry = reader.entry(version, hash_len, index.entries.last())?;
            index.entries.push(entry);
        }
        let end = bytes.len().checked_sub(hash_len).ok_or("index is cut off")?;
        while reader.at < end {
            let (name, len) = (reader.take(4)?, reader.u32()?);
            let body = reader.take(len as usize)?;
            match name {
                b"TREE" => index.trees = cached_trees(body, hash_len).unwrap_or_default(),
                b"link" => index.shared = Some(shared(body, hash_len)?),
                _ => {}
            }
        }
        if reader.at == end { Ok(index) } else { Err("index does not end where it should") }
    }

    /// Puts the entries of the shared file under those of a split index.
    pub(crate) fn merge_shared(&mut self, shared_entries: Vec<IndexEntry>) {
        let Some(shared) = self.shared.take() else { return };
        let mut replacements: Vec<IndexEntry> = Vec::new();
        let mut added = Vec::new();
        for entry in self.entries.drain(..) {
            if entry.path.is_empty() { replacements.push(entry) } else { added.push(entry) }
        }
        let mut replacements = replacements.into_iter();
        for (position, mut entry) in shared_entries.into_iter().enumerate() {
            if shared.replaced.binary_search(&position).is_ok()
                && let Some(replacement) = replacements.next()
            {
                entry = IndexEntry { path: entry.path, ..replacement };
            }
            if shared.deleted.binary_search(&position).is_err() {
                added.push(entry);
            }
        }
        added.sort_by(|a, b| (&a.path, a.stage).cmp(&(&b.path, b.stage)));
        self.entries = added;
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let end =
            self.at.checked_add(len).filter(|end| *end <= self.bytes.len()).ok_or("index is cut off")?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, &'static str> {
        let taken = self.take(4)?;
        Ok(u32::from_be_bytes([taken[0], taken[1], taken[2], taken[3]]))
    }

    fn u16(&mut self) -> Result<u16, &'static str> {
        let taken = self.take(2)?;
        Ok(u16::from_be_bytes([taken[0], taken[1]]))
    }

    fn entry(
        &mut self,
        version: u32,
        hash_len: usize,
        last: Option<&IndexEntry>,
    ) -> Result<IndexEntry, &'static str> {
        let start = self.at;
        let (ctime, mtime) = ((self.u32()?, self.u32()?), (self.u32()?, self.u32()?));
        let (_dev, ino, mode) = (self.u32()?, self.u32()?, self.u32()?);
        let (_uid, _gid, size) = (self.u32()?, self.u32()?, self.u32()?);
        let id = ObjectId::new(self.take(hash_len)?).ok_or("no object name")?;
        let flags = self.u16()?;
        let extended = if version >= 3 && flags & 0x4000 != 0 { self.u16()? } else { 0 };
        let path = if version == 4 {
            self.prefix_compressed(last.map_or(&[], |entry| &entry.path))?
        } else {
            let path = self.until_nul()?.to_vec();
            // Versions 2 and 3 pad each entry with NULs to a multiple of eight.
            let len = self.at - 1 - start;
            self.take((len / 8 + 1) * 8 - (len + 1))?;
            path
        };
        Ok(IndexEntry {
            path,
            stage: u8::try_from(flags >> 12 & 3).unwrap_or_default(),
            mode,
            id,
            assume_unchanged: flags & 0x8000 != 0,
            skip_worktree: extended & 0x4000 != 0,
            intent_to_add: extended & 0x2000 != 0,
            cached: CachedStat { ctime, mtime, ino, size },
        })
    }

    fn until_nul(&mut self) -> Result<&'a [u8], &'static str> {
        let len = self.bytes[self.at..].iter().position(|byte| *byte == 0).ok_or("index is cut off")?;
        let taken = self.take(len)?;
        self.at += 1;
        Ok(taken)
    }

    fn prefix_compressed(&mut self, last: &[u8]) -> Result<Vec<u8>, &'static str> {
        let mut strip: usize = 0;
        let mut first = true;
        loop {
            let byte = self.take(1)?[0];
            strip = if first { 0 } else { strip.checked_add(1).ok_or("bad path length")? } << 7
                | usize::from(byte & 127);
            first = false;
            if byte & 128 == 0 {
                break;
            }
        }
        let kept = last.len().checked_sub(strip).ok_or("bad path length")?;
        Ok([&last[..kept], self.until_nul()?].concat())
    }
}

/// The cache-tree extension: directories in pre-order, each with its number of subtrees; -1 marks an outdated one.
fn cached_trees(body: &[u8], hash_len: usize) -> Result<Vec<(Vec<u8>, ObjectId)>, &'static str> {
    let mut reader = Reader { bytes: body, at: 0 };
    let mut trees = Vec::new();
    let mut open: Vec<(Vec<u8>, usize)> = Vec::new();
    while reader.at < body.len() {
        let name = reader.until_nul()?;
        let line_len = body[reader.at..].iter().position(|byte| *byte == b'\n').ok_or("cut off")?;
        let line = str::from_utf8(reader.take(line_len)?).map_err(|_| "no number")?;
        reader.take(1)?;
        let (count, subtrees) = line.split_once(' ').ok_or("no number")?;
        let subtrees: usize = subtrees.parse().map_err(|_| "no number")?;
        while open.last().is_some_and(|(_, left)| *left == 0) {
            open.pop();
        }
        let path = match open.last_mut() {
            Some((parent, left)) => {
                *left -= 1;
                crate::listing::join(parent, name)
            }
            None => Vec::new(),
        };
        if !count.starts_with('-') {
            trees.push((path.clone(), ObjectId::new(reader.take(hash_len)?).ok_or("no object name")?));
        }
        open.push((path, subtrees));
    }
    trees.sort();
    Ok(trees)
}

fn shared(body: &[u8], hash_len: usize) -> Result<SharedIndex, &'static str> {
    let mut reader = Reader { bytes: body, at: 0 };
    let id = ObjectId::new(reader.take(hash_len)?).ok_or("no object name")?;
    let mut bitmap = || if reader.at < body.len() { ewah(&mut reader) } else { Ok(Vec::new()) };
    Ok(SharedIndex { id, deleted: bitmap()?, replaced: bitmap()? })
}

/// An EWAH bitmap: run-length words, each followed by its literal words. Returns the positions that are set.
fn ewah(reader: &mut Reader<'_>) -> Result<Vec<usize>, &'static str> {
    let bits = reader.u32()? as usize;
    let words = reader.u32()? as usize;
    let mut read_word = || Ok::<u64, &'static str>(u64::from(reader.u32()?) << 32 | u64::from(reader.u32()?));
    let (mut set, mut at, mut word) = (Vec::new(), 0_usize, 0);
    while word < words {
        let marker = read_word()?;
        let run = usize::try_from(marker >> 1 & 0xffff_ffff).unwrap_or_default().saturating_mul(64);
        if marker & 1 == 1 {
            set.extend(at..at.saturating_add(run).min(bits));
        }
        at = at.saturating_add(run);
        let literals = usize::try_from(marker >> 33).unwrap_or_default();
        for _ in 0..literals {
            let literal = read_word()?;
            set.extend((0..64).filter(|bit| literal >> bit & 1 == 1).map(|bit| at + bit));
            at += 64;
        }
        word += 1 + literals;
    }
    reader.u32()?;
    Ok(set)
}
