//! The extensions of git's index file that say something of its entries: which trees it holds unchanged, and what a
//! split index replaces and removes of the shared one.

use serde::{Deserialize, Serialize};

use crate::content::ObjectId;
use crate::index::Reader;
use crate::listing::join;

/// A split index: what replaces and removes entries of the shared file, as bitmaps over its positions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SharedIndex {
    pub(crate) id: ObjectId,
    pub(crate) deleted: Vec<usize>,
    pub(crate) replaced: Vec<usize>,
}

/// The cache-tree extension: directories in pre-order, each with its number of subtrees; -1 marks an outdated one.
pub(crate) fn cached_trees(body: &[u8], hash_len: usize) -> Result<Vec<(Vec<u8>, ObjectId)>, &'static str> {
    let mut reader = Reader::new(body);
    let mut trees = Vec::new();
    let mut open: Vec<(Vec<u8>, usize)> = Vec::new();
    while !reader.is_at_end() {
        let name = reader.until_nul()?;
        let line_len = reader.rest().iter().position(|byte| *byte == b'\n').ok_or("cut off")?;
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
                join(parent, name)
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

/// The link extension.
pub(crate) fn shared(body: &[u8], hash_len: usize) -> Result<SharedIndex, &'static str> {
    let mut reader = Reader::new(body);
    let id = ObjectId::new(reader.take(hash_len)?).ok_or("no object name")?;
    let mut bitmap = || if reader.is_at_end() { Ok(Vec::new()) } else { ewah(&mut reader) };
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
