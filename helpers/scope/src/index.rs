//! Reads git's index file (versions 2 to 4, either hash). Its bytes change with every `git status`; entries and flags
//! only with an intent. An entry is a view of the file's own bytes: a hundred thousand of them cost what the file
//! costs. Knows nothing of work trees.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::content::ObjectId;
use crate::index_extensions::{SharedIndex, cached_trees, shared};
use crate::sparse::DIRECTORY;

/// What the index remembers of the file that it took the blob from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CachedStat {
    pub(crate) ctime: (u32, u32),
    pub(crate) mtime: (u32, u32),
    pub(crate) ino: u32,
    pub(crate) size: u32,
}

/// One entry of the index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexEntry<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) stage: u8,
    pub(crate) mode: u32,
    pub(crate) id: ObjectId,
    pub(crate) assume_unchanged: bool,
    pub(crate) skip_worktree: bool,
    pub(crate) intent_to_add: bool,
    pub(crate) cached: CachedStat,
}

impl IndexEntry<'_> {
    /// Whether the entry says the same, whatever it remembers of the file's times.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        self.mode == other.mode && self.id == other.id && self.flags() == other.flags()
    }

    fn flags(&self) -> [bool; 3] {
        [self.assume_unchanged, self.skip_worktree, self.intent_to_add]
    }

    pub(crate) fn flags_text(&self) -> String {
        let names = ["assume-unchanged", "skip-worktree", "intent-to-add"];
        let named = self.flags().into_iter().zip(names).filter(|(set, _)| *set);
        named.map(|(_, name)| name).collect::<Vec<_>>().join(",")
    }
}

/// A whole index.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct Index {
    /// Records as versions 2 and 3 write them; the rest of the file may lie around them.
    bytes: Vec<u8>,
    /// Where each record begins, sorted by path and stage.
    records: Vec<u32>,
    hash_len: usize,
    /// Whether directories stand among the entries.
    pub(crate) is_sparse: bool,
    /// Trees that the index is known to hold unchanged, by directory (empty: the root).
    pub(crate) trees: Vec<(Vec<u8>, ObjectId)>,
    /// The name of the file that holds the rest of a split index.
    pub(crate) shared: Option<SharedIndex>,
}

/// Of a record: what the file was, before the object name …
const STAT_LEN: usize = 40;
/// … and the flags behind it, whose low bits are the length of the path, or all set when it does not fit.
const PATH_LEN: u16 = 0xfff;
const EXTENDED: u16 = 0x4000;
/// In the flags that follow extended ones.
const SKIP_WORKTREE: u16 = 0x4000;

impl Index {
    /// Parses the bytes of an index file; the error says what is wrong with them.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, &'static str> {
        let read = Self::read(&bytes, 20).or_else(|error| Self::read(&bytes, 32).map_err(|_| error))?;
        // Only paths that were compressed had to be written anew.
        let index = if read.bytes.is_empty() { Self { bytes, ..read } } else { read };
        let is_sorted = index.raw().map(|(head, path)| (path, stage(head, index.hash_len))).is_sorted();
        if is_sorted { Ok(index) } else { Err("index is not sorted") }
    }

    fn read(bytes: &[u8], hash_len: usize) -> Result<Self, &'static str> {
        let mut reader = Reader::new(bytes);
        if reader.take(4)? != b"DIRC" {
            return Err("no index signature");
        }
        let version = reader.u32()?;
        let count = reader.u32()?;
        let mut index = Self { hash_len, ..Self::default() };
        match version {
            2 | 3 => {
                for _ in 0..count {
                    index.records.push(position(reader.at)?);
                    let head = reader.record(hash_len)?;
                    index.is_sparse |= mode(head) == DIRECTORY;
                }
            }
            4 => {
                let mut path = Vec::new();
                for _ in 0..count {
                    let head = reader.head(hash_len)?;
                    reader.prefix_compressed(&mut path)?;
                    index.push(head, &path)?;
                }
            }
            _ => return Err("unknown index version"),
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

    /// Adds a record with another path than it had.
    fn push(&mut self, head: &[u8], path: &[u8]) -> Result<(), &'static str> {
        self.is_sparse |= mode(head) == DIRECTORY;
        self.records.push(position(self.bytes.len())?);
        let (before, flags) = head.split_at(STAT_LEN + self.hash_len);
        let len = u16::try_from(path.len()).unwrap_or(PATH_LEN).min(PATH_LEN);
        let flag = u16::from_be_bytes([flags[0], flags[1]]) & !PATH_LEN | len;
        for part in [before, &flag.to_be_bytes(), &flags[2..], path, b"\0"] {
            self.bytes.extend_from_slice(part);
        }
        Ok(())
    }

    /// The entries, some of them replaced by others that are told as their paths, modes and blobs: what git writes
    /// when it takes a sparse directory apart.
    pub(crate) fn with_replaced(
        &self,
        mut replaced: impl FnMut(&IndexEntry<'_>) -> Option<Vec<(Vec<u8>, u32, ObjectId)>>,
    ) -> Result<Self, &'static str> {
        let mut index = Self { hash_len: self.hash_len, trees: self.trees.clone(), ..Self::default() };
        for (entry, (head, path)) in self.entries().zip(self.raw()) {
            let Some(files) = replaced(&entry) else {
                index.push(head, path)?;
                continue;
            };
            for (path, mode, id) in files {
                let mut head = [0; STAT_LEN];
                head[24..28].copy_from_slice(&mode.to_be_bytes());
                let flags = [EXTENDED.to_be_bytes(), SKIP_WORKTREE.to_be_bytes()].concat();
                index.push(&[&head, id.bytes(), &flags].concat(), &path)?;
            }
        }
        Ok(index)
    }

    /// Puts the entries of the shared file under those of a split index.
    pub(crate) fn merge_shared(&mut self, below: &Self) -> Result<(), &'static str> {
        let Some(shared) = self.shared.take() else { return Ok(()) };
        let mut merged = Self { hash_len: self.hash_len, ..Self::default() };
        let (replacements, added): (Vec<_>, Vec<_>) = self.raw().partition(|(_, path)| path.is_empty());
        let mut replacements = replacements.into_iter();
        let mut records = added;
        for (position, (mut head, path)) in below.raw().enumerate() {
            if shared.replaced.binary_search(&position).is_ok()
                && let Some((replacement, _)) = replacements.next()
            {
                head = replacement;
            }
            if shared.deleted.binary_search(&position).is_err() {
                records.push((head, path));
            }
        }
        records.sort_by_key(|(head, path)| (*path, stage(head, self.hash_len)));
        for (head, path) in records {
            merged.push(head, path)?;
        }
        *self = Self { trees: std::mem::take(&mut self.trees), ..merged };
        Ok(())
    }

    /// Every record as what stands before its path, and the path.
    fn raw(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.records.iter().map(|at| {
            let record = &self.bytes[*at as usize..];
            let path = path_range(record, self.hash_len);
            (&record[..path.start], &record[path])
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn path(&self, at: usize) -> &[u8] {
        let record = &self.bytes[self.records[at] as usize..];
        &record[path_range(record, self.hash_len)]
    }

    pub(crate) fn entry(&self, at: usize) -> IndexEntry<'_> {
        let record = &self.bytes[self.records[at] as usize..];
        let number =
            |at: usize| u32::from_be_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]]);
        let path = path_range(record, self.hash_len);
        let after_id = &record[STAT_LEN + self.hash_len..path.start];
        let extended = after_id.get(2).copied().unwrap_or_default();
        IndexEntry {
            path: &record[path],
            stage: stage(record, self.hash_len),
            mode: mode(record),
            id: ObjectId::new(&record[STAT_LEN..STAT_LEN + self.hash_len])
                .expect("either hash has this length"),
            assume_unchanged: after_id[0] & 0x80 != 0,
            skip_worktree: extended & 0x40 != 0,
            intent_to_add: extended & 0x20 != 0,
            cached: CachedStat {
                ctime: (number(0), number(4)),
                mtime: (number(8), number(12)),
                ino: number(20),
                size: number(36),
            },
        }
    }

    /// All entries, sorted by path and stage.
    pub(crate) fn entries(&self) -> impl Iterator<Item = IndexEntry<'_>> {
        (0..self.len()).map(|at| self.entry(at))
    }

    /// The first position in the range whose path is not before what is looked for.
    pub(crate) fn partition_point(&self, range: Range<usize>, is_before: impl Fn(&[u8]) -> bool) -> usize {
        let records = &self.records[range.clone()];
        range.start
            + records.partition_point(|at| {
                let record = &self.bytes[*at as usize..];
                is_before(&record[path_range(record, self.hash_len)])
            })
    }

    /// The entry with exactly this path.
    pub(crate) fn find(&self, path: &[u8]) -> Option<IndexEntry<'_>> {
        let at = self.partition_point(0..self.len(), |other| other < path);
        (at < self.len() && self.path(at) == path).then(|| self.entry(at))
    }

    /// The positions of what lies below a directory; empty: all.
    pub(crate) fn below(&self, directory: &[u8]) -> Range<usize> {
        if directory.is_empty() {
            return 0..self.len();
        }
        let mut bound = [directory, b"/"].concat();
        let start = self.partition_point(0..self.len(), |path| path < bound.as_slice());
        // The byte after the slash.
        bound[directory.len()] += 1;
        start..self.partition_point(start..self.len(), |path| path < bound.as_slice())
    }

    /// Whether all entries say the same, whatever is remembered of the files' times.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let alike = |(was, is): (IndexEntry<'_>, IndexEntry<'_>)| {
            (was.path, was.stage) == (is.path, is.stage) && was.says_the_same(&is)
        };
        self.bytes == other.bytes
            || self.len() == other.len() && self.entries().zip(other.entries()).all(alike)
    }
}

fn position(at: usize) -> Result<u32, &'static str> {
    u32::try_from(at).map_err(|_| "index is too big")
}

fn mode(record: &[u8]) -> u32 {
    u32::from_be_bytes([record[24], record[25], record[26], record[27]])
}

fn flags(record: &[u8], hash_len: usize) -> u16 {
    u16::from_be_bytes([record[STAT_LEN + hash_len], record[STAT_LEN + hash_len + 1]])
}

fn stage(record: &[u8], hash_len: usize) -> u8 {
    u8::try_from(flags(record, hash_len) >> 12 & 3).unwrap_or_default()
}

/// Where the path lies in a record that was read before.
fn path_range(record: &[u8], hash_len: usize) -> Range<usize> {
    let flags = flags(record, hash_len);
    let start = STAT_LEN + hash_len + if flags & EXTENDED == 0 { 2 } else { 4 };
    let len = match flags & PATH_LEN {
        PATH_LEN => record[start..].iter().position(|byte| *byte == 0).unwrap_or(record.len() - start),
        len => usize::from(len),
    };
    start..start + len
}

/// Takes one thing after the other.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let end =
            self.at.checked_add(len).filter(|end| *end <= self.bytes.len()).ok_or("index is cut off")?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, &'static str> {
        let taken = self.take(4)?;
        Ok(u32::from_be_bytes([taken[0], taken[1], taken[2], taken[3]]))
    }

    pub(crate) fn until_nul(&mut self) -> Result<&'a [u8], &'static str> {
        let len = self.rest().iter().position(|byte| *byte == 0).ok_or("index is cut off")?;
        let taken = self.take(len)?;
        self.at += 1;
        Ok(taken)
    }

    /// What stands before the path in a record.
    fn head(&mut self, hash_len: usize) -> Result<&'a [u8], &'static str> {
        let start = self.at;
        let plain = self.take(STAT_LEN + hash_len + 2)?;
        if flags(plain, hash_len) & EXTENDED != 0 {
            self.take(2)?;
        }
        Ok(&self.bytes[start..self.at])
    }

    /// A record of version 2 or 3, padded with NULs to a multiple of eight.
    fn record(&mut self, hash_len: usize) -> Result<&'a [u8], &'static str> {
        let head = self.head(hash_len)?;
        let path = self.until_nul()?;
        let told = usize::from(flags(head, hash_len) & PATH_LEN);
        if told != path.len().min(usize::from(PATH_LEN)) {
            return Err("bad path length");
        }
        let len = head.len() + path.len();
        self.take((len / 8 + 1) * 8 - (len + 1)).map(|_| head)
    }

    /// A path of version 4: how much of the last one is dropped, and what follows instead.
    fn prefix_compressed(&mut self, path: &mut Vec<u8>) -> Result<(), &'static str> {
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
        path.truncate(path.len().checked_sub(strip).ok_or("bad path length")?);
        path.extend_from_slice(self.until_nul()?);
        Ok(())
    }
}
