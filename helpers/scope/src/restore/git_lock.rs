//! Git's own lock on one of its files: `<file>.lock`. It is a second name of a file of ours, so that whoever runs again
//! after a kill can tell our lock from somebody else's.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

use super::thing::{DIRECTORY, names, stat};
use crate::listing::Kind;

/// A lock that is held.
pub(super) struct GitLock {
    top: OwnedFd,
    dir: OwnedFd,
    name: OsString,
    lock: OsString,
    own: OsString,
    file: File,
}

impl GitLock {
    /// Takes the lock on a file below a git directory; directories on the way are made. `None` when somebody holds it.
    /// `own` is a name in the git directory that nobody else uses.
    pub(super) fn take(git_dir: &Path, path: &[u8], own: &str) -> io::Result<Option<Self>> {
        let top = nix::fcntl::open(git_dir, OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        let mut parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        let name = OsStr::from_bytes(parts.pop().unwrap_or_default()).to_owned();
        let mut dir = top.try_clone()?;
        for part in parts {
            let part = OsStr::from_bytes(part);
            match mkdirat(&dir, part, Mode::from_bits_truncate(0o777)) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(error) => return Err(error.into()),
            }
            dir = openat(&dir, part, DIRECTORY, Mode::empty())?;
        }
        let mut lock = name.clone();
        lock.push(".lock");
        let own = OsString::from(own);
        let_go_of_an_older_one(&top, &own, &dir, &lock)?;
        let mode =
            stat(&dir, &name)?.filter(|found| found.kind == Kind::File).map_or(0o644, |found| found.mode);
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = File::from(openat(&top, own.as_os_str(), flags, Mode::from_bits_truncate(mode.into()))?);
        nix::sys::stat::fchmod(&file, Mode::from_bits_truncate(mode.into()))?;
        let held = Self { top, dir, name, lock, own, file };
        match linkat(&held.top, held.own.as_os_str(), &held.dir, held.lock.as_os_str(), AtFlags::empty()) {
            Ok(()) => Ok(Some(held)),
            Err(error) => {
                unlinkat(&held.top, held.own.as_os_str(), UnlinkatFlags::NoRemoveDir)?;
                if error == Errno::EEXIST { Ok(None) } else { Err(error.into()) }
            }
        }
    }

    /// What the file holds; for a symlink where it leads to. `None` where there is none.
    pub(super) fn read(&self) -> io::Result<Option<Content>> {
        Ok(match stat(&self.dir, &self.name)?.map(|found| found.kind) {
            None | Some(Kind::Directory) => None,
            Some(Kind::File) => {
                let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
                let mut bytes = Vec::new();
                File::from(openat(&self.dir, self.name.as_os_str(), flags, Mode::empty())?)
                    .read_to_end(&mut bytes)?;
                Some(Content::File(bytes))
            }
            Some(Kind::Symlink) => {
                Some(Content::Symlink(readlinkat(&self.dir, self.name.as_os_str())?.as_bytes().to_vec()))
            }
            Some(kind @ (Kind::Fifo | Kind::Socket | Kind::Device)) => Some(Content::Other(kind)),
        })
    }

    /// Puts new content in the file's place and lets go.
    pub(super) fn commit(mut self, content: &[u8]) -> io::Result<()> {
        self.file.write_all(content)?;
        if stat(&self.dir, &self.name)?.is_some_and(|found| found.kind == Kind::Directory) {
            remove_empty(&self.dir, &self.name)?;
        }
        renameat(&self.dir, self.lock.as_os_str(), &self.dir, self.name.as_os_str())?;
        unlinkat(&self.top, self.own.as_os_str(), UnlinkatFlags::NoRemoveDir)?;
        Ok(())
    }

    /// Removes the file and lets go.
    pub(super) fn remove(self) -> io::Result<()> {
        match unlinkat(&self.dir, self.name.as_os_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => self.release(),
            Err(error) => {
                self.release()?;
                Err(error.into())
            }
        }
    }

    /// Lets go and leaves the file as it is.
    pub(super) fn release(self) -> io::Result<()> {
        unlinkat(&self.dir, self.lock.as_os_str(), UnlinkatFlags::NoRemoveDir)?;
        unlinkat(&self.top, self.own.as_os_str(), UnlinkatFlags::NoRemoveDir)?;
        Ok(())
    }
}

/// What a file of git holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    File(Vec<u8>),
    Symlink(Vec<u8>),
    Other(Kind),
}

/// A lock whose holder was killed: it is ours if it is the same file as the one with our name.
fn let_go_of_an_older_one(top: &OwnedFd, own: &OsStr, dir: &OwnedFd, lock: &OsStr) -> io::Result<()> {
    let Some(ours) = stat(top, own)? else { return Ok(()) };
    if stat(dir, lock)?.is_some_and(|found| (found.dev, found.ino) == (ours.dev, ours.ino)) {
        unlinkat(dir, lock, UnlinkatFlags::NoRemoveDir)?;
    }
    unlinkat(top, own, UnlinkatFlags::NoRemoveDir)?;
    Ok(())
}

/// Removes a directory that holds nothing but directories, as git does where a ref takes its place.
fn remove_empty(dir: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let below = openat(dir, name, DIRECTORY, Mode::empty())?;
    for name in names(&below)? {
        if stat(&below, &name)?.is_some_and(|found| found.kind == Kind::Directory) {
            remove_empty(&below, &name)?;
        }
    }
    Ok(unlinkat(dir, name, UnlinkatFlags::RemoveDir)?)
}
