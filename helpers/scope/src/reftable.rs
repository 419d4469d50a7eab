//! Reads refs in the reftable format (versions 1 and 2), which libgit2 does not know: a stack of tables, of which the
//! newer ones win. Reads what the tables say, and knows nothing of what a ref means.
//!
//! The format: <https://git-scm.com/docs/reftable>.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use crate::content::{self, Digest, ObjectId, digest_of};
use crate::listing::join;
use crate::refs::Refs;

/// How often the list of tables is read again, when git replaced a table meanwhile.
const TRIES: usize = 5;
/// A block says its own length in 24 bits.
const BLOCK_HEADER: usize = 4;

/// What a stack of tables says.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    /// By name; `HEAD` and its like too. Values as in [`Refs`].
    pub(crate) refs: Refs,
    /// Digest of the reflog of `refs/stash`, which is the list of stashes.
    pub(crate) stash_log: Option<Digest>,
}

/// Reads the stack of the repository at `base`; `None` when it keeps its refs in files.
pub(crate) fn read_stack(area: &Path, base: &[u8]) -> Result<Option<Stack>, String> {
    let directory = join(base, b"reftable");
    let list = join(&directory, b"tables.list");
    let mut replaced = None;
    for _ in 0..TRIES {
        let names = match content::read(area, &list) {
            Ok(names) => names,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("list of tables: {error}")),
        };
        let mut records = Records::default();
        let mut lines = names.split(|byte| *byte == b'\n').filter(|name| !name.is_empty());
        match lines.try_for_each(|name| records.add_file(area, &directory, name)) {
            Ok(()) => return Ok(Some(records.into_stack())),
            Err(Fault::Gone(name)) => replaced = Some(name),
            Err(Fault::Broken(why)) => return Err(why),
        }
    }
    Err(format!("table {} is not there", replaced.unwrap_or_default()))
}

enum Fault {
    /// The table is not there (any more).
    Gone(String),
    Broken(String),
}

/// The records of all tables so far, by key; the value is `None` where the newest table deletes it.
#[derive(Default)]
struct Records {
    refs: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    stash_log: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Records {
    fn add_file(&mut self, area: &Path, directory: &[u8], name: &[u8]) -> Result<(), Fault> {
        let shown = String::from_utf8_lossy(name);
        if name.contains(&b'/') {
            return Err(Fault::Broken(format!("{shown} is not a table name")));
        }
        let bytes = content::read(area, &join(directory, name)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Fault::Gone(shown.clone().into_owned()),
            _ => Fault::Broken(format!("table {shown}: {error}")),
        })?;
        self.add_table(&bytes).map_err(|why| Fault::Broken(format!("table {shown}: {why}")))
    }

    fn add_table(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        let table = Table::open(bytes)?;
        table.each_ref(|name, value| {
            self.refs.insert(name, value);
        })?;
        table.each_log(|key, value| {
            if key.starts_with(b"refs/stash\0") {
                self.stash_log.insert(key, value);
            }
        })
    }

    fn into_stack(self) -> Stack {
        let refs = self.refs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let log: Vec<u8> = self.stash_log.into_values().flatten().flatten().collect();
        Stack { refs, stash_log: (!log.is_empty()).then(|| digest_of(&log)) }
    }
}

/// One table: its blocks, the footer left out.
struct Table<'a> {
    body: &'a [u8],
    /// Length of the file header; the first block counts it as its own.
    header: usize,
    block_size: usize,
    hash_len: usize,
    /// Where the log blocks begin; zero when there are none, or nothing else.
    logs: usize,
}

impl<'a> Table<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let mut reader = Reader(bytes);
        if reader.take(4)? != b"REFT" {
            return Err("no signature");
        }
        let version = reader.take(1)?[0];
        let block_size = reader.number(3)?;
        reader.take(16)?;
        let (header, hash_len) = match version {
            1 => (24, 20),
            2 => match reader.take(4)? {
                b"sha1" => (28, 20),
                b"s256" => (28, 32),
                _ => return Err("unknown hash"),
            },
            _ => return Err("unknown version"),
        };
        // The footer: the header again, five positions, a checksum.
        let end = bytes.len().checked_sub(header + 5 * 8 + 4).ok_or("cut off")?;
        let mut footer = Reader(&bytes[end..]);
        if footer.take(header)? != &bytes[..header] {
            return Err("the footer does not fit the header");
        }
        footer.take(3 * 8)?;
        let logs = footer.number(8)?;
        Ok(Self { body: &bytes[..end], header, block_size, hash_len, logs })
    }

    /// The type of the block at a position; `None` at the end.
    fn block_type(&self, at: usize) -> Option<u8> {
        self.body.get(at + self.skipped(at)).copied()
    }

    /// What lies before the block header: the file header, in the first block.
    fn skipped(&self, at: usize) -> usize {
        if at == 0 { self.header } else { 0 }
    }

    /// Where the records of a block begin, and the length that the block says it has.
    fn block(&self, at: usize) -> Result<(usize, usize), &'static str> {
        let start = at + self.skipped(at);
        let mut reader = Reader(self.body.get(start + 1..).ok_or("cut off")?);
        Ok((start + BLOCK_HEADER, reader.number(3)?))
    }

    fn each_ref(&self, mut each: impl FnMut(Vec<u8>, Option<Vec<u8>>)) -> Result<(), &'static str> {
        let mut at = 0;
        while self.block_type(at) == Some(b'r') {
            let (start, len) = self.block(at)?;
            let block = self.body.get(start..at + len).ok_or("cut off")?;
            each_record(block, |key, kind, reader| {
                reader.varint()?;
                each(key, self.ref_value(kind, reader)?);
                Ok(())
            })?;
            at += self.padded(at, len);
        }
        Ok(())
    }

    /// Blocks are padded to the block size, unless what follows is not aligned.
    fn padded(&self, at: usize, len: usize) -> usize {
        let is_padding = self.body.get(at + len).is_none_or(|byte| *byte == 0);
        if is_padding { len.max(self.block_size) } else { len }
    }

    fn ref_value(&self, kind: u8, reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, &'static str> {
        let mut id = || {
            let bytes = reader.take(self.hash_len)?;
            Ok(ObjectId::new(bytes).map(|id| id.to_string().into_bytes()))
        };
        match kind {
            0 => Ok(None),
            1 => id(),
            2 => {
                let value = id()?;
                id()?;
                Ok(value)
            }
            3 => {
                let len = reader.varint()?;
                Ok(Some([b"ref: ", reader.take(len)?].concat()))
            }
            _ => Err("unknown kind of ref"),
        }
    }

    fn each_log(&self, mut each: impl FnMut(Vec<u8>, Option<Vec<u8>>)) -> Result<(), &'static str> {
        let mut at = self.logs;
        while self.block_type(at) == Some(b'g') {
            let (start, len) = self.block(at)?;
            let len = len.checked_sub(start - at).ok_or("bad block length")?;
            let (block, used) = inflate(self.body.get(start..).ok_or("cut off")?, len)?;
            each_record(&block, |key, kind, reader| {
                each(key, self.log_value(kind, reader)?);
                Ok(())
            })?;
            at = start + used;
        }
        Ok(())
    }

    /// Old and new object, name, mail, time, zone and message, as they stand there.
    fn log_value(&self, kind: u8, reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, &'static str> {
        if kind == 0 {
            return Ok(None);
        }
        let begin = reader.0;
        reader.take(2 * self.hash_len)?;
        for _ in ["name", "mail"] {
            let len = reader.varint()?;
            reader.take(len)?;
        }
        reader.varint()?;
        reader.take(2)?;
        let len = reader.varint()?;
        reader.take(len)?;
        Ok(Some(begin[..begin.len() - reader.0.len()].to_vec()))
    }
}

/// Goes through the records of a block: keys share prefixes; what follows a key depends on its kind.
fn each_record(
    block: &[u8],
    mut each: impl FnMut(Vec<u8>, u8, &mut Reader<'_>) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    let counted = block.len().checked_sub(2).ok_or("cut off")?;
    let restarts = Reader(&block[counted..]).number(2)?;
    let end = counted.checked_sub(3 * restarts).ok_or("cut off")?;
    let mut reader = Reader(&block[..end]);
    let mut last: Vec<u8> = Vec::new();
    while !reader.0.is_empty() {
        let shared = reader.varint()?;
        let rest = reader.varint()?;
        let key = [last.get(..shared).ok_or("bad prefix")?, reader.take(rest >> 3)?].concat();
        each(key.clone(), u8::try_from(rest & 7).unwrap_or_default(), &mut reader)?;
        last = key;
    }
    Ok(())
}

/// Exactly `len` bytes out of a zlib stream, and how many bytes that took.
fn inflate(stream: &[u8], len: usize) -> Result<(Vec<u8>, usize), &'static str> {
    let mut out = vec![0; len];
    let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, used, made) = decompress(&mut DecompressorOxide::new(), stream, &mut out, 0, flags);
    if status == TINFLStatus::Done && made == len { Ok((out, used)) } else { Err("bad log block") }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or("cut off")?;
        self.0 = rest;
        Ok(taken)
    }

    /// A big-endian number.
    fn number(&mut self, len: usize) -> Result<usize, &'static str> {
        let number = self.take(len)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        usize::try_from(number).map_err(|_| "bad number")
    }

    /// Seven bits a byte, and one more for each byte that follows.
    fn varint(&mut self) -> Result<usize, &'static str> {
        let mut byte = self.take(1)?[0];
        let mut value = usize::from(byte & 127);
        while byte & 128 != 0 {
            byte = self.take(1)?[0];
            value = value.checked_add(1).ok_or("bad number")?;
            value = value.checked_mul(128).ok_or("bad number")? | usize::from(byte & 127);
        }
        Ok(value)
    }
}
