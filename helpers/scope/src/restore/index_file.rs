//! An index file as bytes that can be changed entry by entry and written again: versions 2 to 4, either hash. What is
//! not changed keeps its bytes; caches that would not hold any more are left out, as git allows.

use std::collections::BTreeMap;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::content::ObjectId;

/// Bytes of an entry before its object name: times, device, inode, mode, owner, size.
const STAT: usize = 40;
const MODE_AT: usize = 24;
const ASSUME_UNCHANGED: u16 = 0x8000;
const EXTENDED: u16 = 0x4000;
const SKIP_WORKTREE: u16 = 0x4000;
const INTENT_TO_ADD: u16 = 0x2000;

/// What one entry says, without what it remembers of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) mode: u32,
    pub(super) id: ObjectId,
    pub(super) assume_unchanged: bool,
    pub(super) skip_worktree: bool,
    pub(super) intent_to_add: bool,
}

#[derive(Debug, Clone)]
struct Entry {
    stat: [u8; STAT],
    id: ObjectId,
    flags: u16,
    extended: u16,
}

/// A whole index file.
#[derive(Debug)]
pub(super) struct IndexFile {
    version: u32,
    hash_len: usize,
    /// By path and stage, which is the order of the file.
    entries: BTreeMap<(Vec<u8>, u8), Entry>,
    /// Extensions that hold whatever the entries are.
    extensions: Vec<u8>,
}

impl IndexFile {
    pub(super) fn empty(hash_len: usize) -> Self {
        Self { version: 2, hash_len, entries: BTreeMap::new(), extensions: Vec::new() }
    }

    pub(super) fn parse(bytes: &[u8], hash_len: usize) -> Result<Self, &'static str> {
        let end = bytes.len().checked_sub(hash_len).ok_or("the index is cut off")?;
        let mut reader = Reader { bytes: &bytes[..end], at: 0 };
        if reader.take(4)? != b"DIRC" {
            return Err("the index has no signature");
        }
        let version = reader.u32()?;
        if !(2..=4).contains(&version) {
            return Err("the index has an unknown version");
        }
        let mut index = Self { version, ..Self::empty(hash_len) };
        let mut last = Vec::new();
        for _ in 0..reader.u32()? {
            let (path, entry) = reader.entry(version, hash_len, &last)?;
            let stage = u8::try_from(entry.flags >> 12 & 3).unwrap_or_default();
            last.clone_from(&path);
            index.entries.insert((path, stage), entry);
        }
        while reader.at < end {
            let start = reader.at;
            let (name, len) = (reader.take(4)?, reader.u32()?);
            reader.take(len as usize)?;
            match name {
                b"link" => {
                    return Err(
                        "a split index is not put back; `git update-index --no-split-index` joins it",
                    );
                }
                b"REUC" | b"sdir" => index.extensions.extend_from_slice(&bytes[start..reader.at]),
                // Caches: git makes them again.
                [b'A'..=b'Z', ..] => {}
                _ => return Err("the index has an extension that is not known here"),
            }
        }
        Ok(index)
    }

    /// What the index says of a path, by stage.
    pub(super) fn lines(&self, path: &[u8]) -> BTreeMap<u8, Line> {
        let found = (0..4).filter_map(|stage| Some((stage, self.entries.get(&(path.to_vec(), stage))?)));
        found.map(|(stage, entry)| (stage, entry.line())).collect()
    }

    /// Makes the index say this of a path, and nothing else.
    pub(super) fn replace(&mut self, path: &[u8], lines: BTreeMap<u8, Line>) {
        for stage in 0..4 {
            self.entries.remove(&(path.to_vec(), stage));
        }
        for (stage, line) in lines {
            if line.skip_worktree || line.intent_to_add {
                self.version = self.version.max(3);
            }
            self.entries.insert((path.to_vec(), stage), Entry::of(&line, stage, path.len()));
        }
    }

    /// The bytes of the file.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = b"DIRC".to_vec();
        out.extend(self.version.to_be_bytes());
        out.extend(u32::try_from(self.entries.len()).unwrap_or(u32::MAX).to_be_bytes());
        let mut last: &[u8] = b"";
        for ((path, _), entry) in &self.entries {
            entry.write(&mut out, self.version, path, last);
            last = path;
        }
        out.extend(&self.extensions);
        if self.hash_len == 20 {
            let digest = Sha1::digest(&out);
            out.extend(&digest[..]);
        } else {
            let digest = Sha256::digest(&out);
            out.extend(&digest[..]);
        }
        out
    }
}

impl Entry {
    fn of(line: &Line, stage: u8, path_len: usize) -> Self {
        // All times zero: git looks at the file before it believes anything.
        let mut stat = [0; STAT];
        stat[MODE_AT..MODE_AT + 4].copy_from_slice(&line.mode.to_be_bytes());
        let set = |on: bool, bit: u16| if on { bit } else { 0 };
        let extended = set(line.skip_worktree, SKIP_WORKTREE) | set(line.intent_to_add, INTENT_TO_ADD);
        let len = u16::try_from(path_len).unwrap_or(u16::MAX).min(0xfff);
        let flags = set(line.assume_unchanged, ASSUME_UNCHANGED)
            | set(extended != 0, EXTENDED)
            | u16::from(stage) << 12
            | len;
        Self { stat, id: line.id, flags, extended }
    }

    fn line(&self) -> Line {
        let mode: [u8; 4] = self.stat[MODE_AT..MODE_AT + 4].try_into().expect("four bytes");
        Line {
            mode: u32::from_be_bytes(mode),
            id: self.id,
            assume_unchanged: self.flags & ASSUME_UNCHANGED != 0,
            skip_worktree: self.extended & SKIP_WORKTREE != 0,
            intent_to_add: self.extended & INTENT_TO_ADD != 0,
        }
    }

    fn write(&self, out: &mut Vec<u8>, version: u32, path: &[u8], last: &[u8]) {
        let start = out.len();
        out.extend(self.stat);
        out.extend(self.id.bytes());
        out.extend(self.flags.to_be_bytes());
        if self.flags & EXTENDED != 0 {
            out.extend(self.extended.to_be_bytes());
        }
        if version == 4 {
            let common = path.iter().zip(last).take_while(|(one, other)| one == other).count();
            out.extend(varint(last.len() - common));
            out.extend(&path[common..]);
            out.push(0);
        } else {
            out.extend(path);
            // NULs up to a multiple of eight, at least one.
            let len = out.len() - start;
            out.resize(start + (len / 8 + 1) * 8, 0);
        }
    }
}

/// The number as git's offset encoding writes it.
fn varint(mut number: usize) -> Vec<u8> {
    let low = |number: usize| u8::try_from(number & 127).unwrap_or_default();
    let mut bytes = vec![low(number)];
    number >>= 7;
    while number > 0 {
        number -= 1;
        bytes.insert(0, low(number) | 128);
        number >>= 7;
    }
    bytes
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let end =
            self.at.checked_add(len).filter(|end| *end <= self.bytes.len()).ok_or("the index is cut off")?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, &'static str> {
        Ok(self.take(4)?.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    fn u16(&mut self) -> Result<u16, &'static str> {
        Ok(self.take(2)?.iter().fold(0, |sum, byte| sum << 8 | u16::from(*byte)))
    }

    fn entry(
        &mut self,
        version: u32,
        hash_len: usize,
        last: &[u8],
    ) -> Result<(Vec<u8>, Entry), &'static str> {
        let start = self.at;
        let mut stat = [0; STAT];
        stat.copy_from_slice(self.take(STAT)?);
        let id = ObjectId::new(self.take(hash_len)?).ok_or("the index has no object name")?;
        let flags = self.u16()?;
        let extended = if flags & EXTENDED == 0 { 0 } else { self.u16()? };
        let kept = if version == 4 {
            last.len().checked_sub(self.varint()?).ok_or("the index has a bad path")?
        } else {
            0
        };
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(|byte| *byte == 0).ok_or("the index is cut off")?;
        let path = [&last[..kept], self.take(len)?].concat();
        let padding = if version == 4 { 1 } else { 8 - (self.at - start) % 8 };
        self.take(padding)?;
        Ok((path, Entry { stat, id, flags, extended }))
    }

    fn varint(&mut self) -> Result<usize, &'static str> {
        let mut byte = self.take(1)?[0];
        let mut number = usize::from(byte & 127);
        while byte & 128 != 0 {
            byte = self.take(1)?[0];
            number =
                number.checked_add(1).and_then(|n| n.checked_mul(128)).ok_or("the index has a bad path")?;
            number += usize::from(byte & 127);
        }
        Ok(number)
    }
}
