//! Puts a ref back by compare-and-swap under git's own locks: loose, packed, HEAD. Writes no reflog: what was undone did
//! not happen.

use std::io;
use std::path::Path;

use super::entries::Outcome;
use super::git_lock::{Content, GitLock};
use super::plan::RefValue;
use crate::refs::{packed_refs, symlink_value};

/// Why a ref of such a repository stays as it is.
pub(super) const IN_TABLES: &str = "refs that git keeps in tables are put back with `git update-ref`";

/// Puts the ref back when it says what the final snapshot saw.
pub(super) fn put_back(change: &RefValue, own: &str) -> Outcome {
    try_put_back(change, own).unwrap_or_else(Outcome::from)
}

fn try_put_back(change: &RefValue, own: &str) -> io::Result<Outcome> {
    let git_dir = change.git_dir.path();
    let name = change.name.0.as_slice();
    let Some(lock) = GitLock::take(&git_dir, name, own)? else { return Ok(held(name)) };
    let loose = lock.read()?.map(|content| value(name, content));
    let packed = if name == b"HEAD" { None } else { packed_value(&git_dir, name)? };
    let now = loose.or(packed);
    let bytes = |value: &Option<super::plan::Bytes>| value.as_ref().map(|bytes| bytes.0.clone());
    if now == bytes(&change.before) {
        lock.release()?;
        return Ok(Outcome::Already);
    }
    if now != bytes(&change.after) {
        lock.release()?;
        return Ok(Outcome::Changed);
    }
    if let Some(before) = bytes(&change.before) {
        lock.commit(&[before.as_slice(), b"\n"].concat())?;
        return Ok(Outcome::Restored);
    }
    match unpack(&git_dir, name, &format!("{own}.packed")) {
        Ok(true) => lock.remove()?,
        Ok(false) => {
            lock.release()?;
            return Ok(held(b"packed-refs"));
        }
        Err(error) => {
            lock.release()?;
            return Err(error);
        }
    }
    Ok(Outcome::Restored)
}

fn held(name: &[u8]) -> Outcome {
    let name = clodex_core::path_text(name);
    Outcome::Failed(format!("another program holds {name}.lock"))
}

/// What a loose ref says, in the words of a snapshot.
fn value(name: &[u8], content: Content) -> Vec<u8> {
    match content {
        Content::File(bytes) => bytes.trim_ascii().to_vec(),
        Content::Symlink(target) if name == b"HEAD" => [b"ref: ", target.as_slice()].concat(),
        Content::Symlink(target) => symlink_value(&target),
        Content::Other(kind) => kind.as_str().as_bytes().to_vec(),
    }
}

fn packed_text(git_dir: &Path) -> io::Result<Vec<u8>> {
    match crate::content::read(git_dir, b"packed-refs") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

fn packed_value(git_dir: &Path, name: &[u8]) -> io::Result<Option<Vec<u8>>> {
    Ok(packed_refs(&packed_text(git_dir)?).remove(name))
}

/// Takes the ref out of `packed-refs`; `false` when somebody holds its lock.
fn unpack(git_dir: &Path, name: &[u8], own: &str) -> io::Result<bool> {
    if packed_value(git_dir, name)?.is_none() {
        return Ok(true);
    }
    let Some(lock) = GitLock::take(git_dir, b"packed-refs", own)? else { return Ok(false) };
    let text = packed_text(git_dir)?;
    let mut kept = Vec::with_capacity(text.len());
    let mut is_ours = false;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        // A line with `^` belongs to the ref before it.
        if !line.starts_with(b"^") {
            is_ours = packed_refs(line).contains_key(name);
        }
        if !is_ours {
            kept.extend_from_slice(line);
        }
    }
    lock.commit(&kept)?;
    Ok(true)
}
