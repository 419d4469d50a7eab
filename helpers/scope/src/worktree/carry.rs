//! What is brought along from the user's tree although git does not: uncommitted work, files that git stores otherwise
//! than they lie there, and what was declared. Copies share their blocks where the file system can do that. No symlink
//! is followed.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use clodex_os::open_regular;

use super::git::failed;
use crate::ScopeError;
use crate::baseline::Baseline;

/// Copying waits for the disk more than it computes.
const THREADS: usize = 4;

/// A file or symlink, and where it goes to.
type Pair = (PathBuf, PathBuf);

/// Uncommitted work: what lies in the source lies there, what is gone is gone there, whatever is staged.
pub(super) fn uncommitted(before: &Baseline, root: &Path) -> Result<(), ScopeError> {
    let mut pairs = Vec::new();
    for path in before.uncommitted() {
        let at = OsStr::from_bytes(path);
        let (from, to) = (before.root().join(at), root.join(at));
        let lies_there = fs::symlink_metadata(&from).is_ok_and(|found| !found.is_dir());
        if lies_there {
            pairs.push((from, to));
        } else if fs::symlink_metadata(&to).is_ok_and(|found| !found.is_dir()) {
            fs::remove_file(&to).map_err(|error| ScopeError::io("remove", &to, error))?;
            let above = to.ancestors().skip(1).take_while(|above| *above != root);
            // As git does: a directory goes with the last file in it.
            let _ = above.map(fs::remove_dir).take_while(Result::is_ok).count();
        }
    }
    copy_all(root, pairs)
}

/// Files that a filter writes (LFS, for one): no filter is run, so they come from where they were written already.
pub(super) fn stored_otherwise(before: &Baseline, root: &Path) -> Result<(), ScopeError> {
    let inner = &before.inner;
    let Some(Ok(index)) = inner.survey.own().map(|own| &own.index) else { return Ok(()) };
    let wanted = index.entries().filter(|entry| {
        let is_file = entry.mode >> 12 == 0o10;
        is_file
            && inner.survey_rules.check_in(b"").may_convert(entry.path)
            && !inner.survey.status.contains_key(entry.path)
    });
    let pairs = wanted.map(|entry| {
        let at = OsStr::from_bytes(entry.path);
        (before.root().join(at), root.join(at))
    });
    copy_all(root, pairs.filter(|(_, to)| to.symlink_metadata().is_ok()).collect())
}

/// A file or directory that the packet declares, at the same place below the work directory.
pub(super) fn declared(from: &Path, to: &Path, named: &str) -> Result<(), ScopeError> {
    let refused = |why: &str| failed(&format!("COPY `{named}`: {why}"));
    let mut source = from.to_owned();
    let parts: Vec<&str> = named.trim_end_matches('/').split('/').collect();
    for (number, part) in parts.iter().enumerate() {
        source.push(part);
        let found = fs::symlink_metadata(&source).map_err(|error| refused(&error.to_string()))?;
        if number + 1 < parts.len() && !found.is_dir() {
            return Err(refused("it is below a symlink or a file"));
        }
    }
    let mut pairs = Vec::new();
    list(&source, &to.join(named.trim_end_matches('/')), &mut pairs)
        .map_err(|error| refused(&error.to_string()))?;
    copy_all(to, pairs)
}

/// Makes the directories and lists the rest. Repositories, FIFOs and the like are not brought along.
fn list(from: &Path, to: &Path, pairs: &mut Vec<Pair>) -> io::Result<()> {
    let found = fs::symlink_metadata(from)?;
    if !found.is_dir() {
        if found.is_file() || found.is_symlink() {
            pairs.push((from.to_owned(), to.to_owned()));
        }
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        if name != ".git" {
            list(&from.join(&name), &to.join(&name), pairs)?;
        }
    }
    fs::set_permissions(to, fs::Permissions::from_mode(found.permissions().mode() | 0o700))
}

fn copy_all(root: &Path, pairs: Vec<Pair>) -> Result<(), ScopeError> {
    // One after the other: two files may want the same directory in the place of another file.
    for (_, to) in &pairs {
        make_parents(root, to).map_err(|error| ScopeError::io("make the directory of", to, error))?;
    }
    let threads = THREADS.min(pairs.len() / 64 + 1);
    let queue = Mutex::new(pairs.into_iter());
    let work = || {
        while let Some((from, to)) = { queue.lock().unwrap_or_else(PoisonError::into_inner).next() } {
            copy(&from, &to).map_err(|error| ScopeError::io("copy", from, error))?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        others.into_iter().map(|other| other.join().unwrap_or(Ok(()))).fold(own, Result::and)
    })
}

/// Directories down to the file; what is no directory there, is none in the user's tree any more.
fn make_parents(root: &Path, to: &Path) -> io::Result<()> {
    let below = to.parent().and_then(|parent| parent.strip_prefix(root).ok()).unwrap_or(Path::new(""));
    let mut directory = root.to_owned();
    for part in below {
        directory.push(part);
        match fs::symlink_metadata(&directory) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => {
                fs::remove_file(&directory)?;
                fs::create_dir(&directory)?;
            }
            Err(_) => fs::create_dir(&directory)?,
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    match fs::symlink_metadata(to) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(to)?,
        Ok(_) => fs::remove_file(to)?,
        Err(_) => {}
    }
    let found: Metadata = match fs::symlink_metadata(from) {
        // It went since it was seen: it is the user's to remove.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if found.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    let mut source = match open_regular(from) {
        Err(_) if !found.is_file() => return Ok(()),
        opened => opened?,
    };
    let mut target = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut target)?;
    target.set_permissions(fs::Permissions::from_mode(found.permissions().mode() & 0o777))
}
