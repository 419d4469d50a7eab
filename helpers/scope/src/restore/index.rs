//! Puts the entries of single paths back into an index, under its lock: all other entries stay as they are.

use std::collections::BTreeMap;
use std::io;

use super::entries::Outcome;
use super::git_lock::{Content, GitLock};
use super::index_file::{IndexFile, Line};
use super::plan::{IndexLine, IndexPath};
use crate::content::ObjectId;

/// Puts all these paths of one index back; one outcome each.
pub(super) fn put_back(changes: &[&IndexPath], own: &str) -> Vec<Outcome> {
    let all = |outcome: Outcome| vec![outcome; changes.len()];
    match try_put_back(changes, own) {
        Ok(Ok(outcomes)) => outcomes,
        Ok(Err(why)) => all(Outcome::Failed(why.to_owned())),
        Err(error) => all(Outcome::from(error)),
    }
}

fn try_put_back(changes: &[&IndexPath], own: &str) -> io::Result<Result<Vec<Outcome>, &'static str>> {
    let Some(first) = changes.first() else { return Ok(Ok(Vec::new())) };
    let Some(lock) = GitLock::take(&first.git_dir.path(), b"index", own)? else {
        return Ok(Err("another program holds index.lock"));
    };
    let bytes = match lock.read()? {
        Some(Content::File(bytes)) => Some(bytes),
        None => None,
        Some(Content::Symlink(_) | Content::Other(_)) => {
            lock.release()?;
            return Ok(Err("the index is not a file"));
        }
    };
    let hash_len = changes.iter().flat_map(|change| change.before.iter().chain(&change.after));
    let hash_len = hash_len.map(|line| line.id.len() / 2).next().unwrap_or(20);
    let parsed = bytes
        .as_deref()
        .map_or_else(|| Ok(IndexFile::empty(hash_len)), |bytes| IndexFile::parse(bytes, hash_len));
    let mut index = match parsed {
        Ok(index) => index,
        Err(why) => {
            lock.release()?;
            return Ok(Err(why));
        }
    };
    let outcomes: Vec<Outcome> = changes.iter().map(|change| replace(&mut index, change)).collect();
    if outcomes.contains(&Outcome::Restored) {
        lock.commit(&index.bytes())?;
    } else {
        lock.release()?;
    }
    Ok(Ok(outcomes))
}

fn replace(index: &mut IndexFile, change: &IndexPath) -> Outcome {
    let now = index.lines(&change.path.0);
    let (before, after) = (by_stage(&change.before), by_stage(&change.after));
    if now == before {
        return Outcome::Already;
    }
    if now != after {
        return Outcome::Changed;
    }
    index.replace(&change.path.0, before);
    Outcome::Restored
}

fn by_stage(lines: &[IndexLine]) -> BTreeMap<u8, Line> {
    let line = |line: &IndexLine| {
        let id = ObjectId::from_hex(line.id.as_bytes())?;
        let (assume_unchanged, skip_worktree) = (line.assume_unchanged, line.skip_worktree);
        Some(Line { mode: line.mode, id, assume_unchanged, skip_worktree, intent_to_add: line.intent_to_add })
    };
    lines.iter().filter_map(|found| Some((found.stage, line(found)?))).collect()
}
