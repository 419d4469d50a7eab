//! What putting back removed: kept in the run's artifacts as it was, and as a patch that brings it back. Nothing that
//! lies in the way is overwritten, and no symlink is followed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use clodex_core::path_text;
use clodex_os::atomic_file::{self, Durability};
use clodex_os::rename_to_free;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, mkfifoat, symlinkat, unlinkat};
use serde::Serialize;

use super::thing::{DIRECTORY, file_digest, names, set_mode, stat};
use crate::ScopeError;
use crate::listing::{Kind, join};

const DIR: &str = "quarantine";

/// The directory that holds what was removed.
pub(super) struct Quarantine {
    /// Where `quarantine/` lies.
    place: PathBuf,
    dir: OwnedFd,
}

/// `quarantine.json`: what lies in `quarantine/`, and the values that were removed elsewhere.
#[derive(Debug, Serialize)]
struct List<'a> {
    version: u32,
    run_id: &'a str,
    files: Vec<Listed>,
    values: &'a [Value],
}

#[derive(Debug, Serialize)]
struct Listed {
    path: String,
    kind: &'static str,
    mode: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

/// A ref or an index entry that was put back: what stood there.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Value {
    pub(super) path: String,
    pub(super) before: String,
    pub(super) removed: String,
}

impl Quarantine {
    /// Opens it in the run's artifacts; in the private store where these are gone.
    pub(super) fn open(artifact_dir: &Path, store: &Path) -> Result<Self, ScopeError> {
        let open = |place: &Path| -> io::Result<Self> {
            let above = nix::fcntl::open(place, DIRECTORY, Mode::empty())?;
            let dir = enter(&above, OsStr::new(DIR))?;
            Ok(Self { place: place.to_owned(), dir })
        };
        open(artifact_dir)
            .or_else(|_| open(store))
            .map_err(|error| ScopeError::io("make a quarantine in", store, error))
    }

    /// Where `quarantine/` lies.
    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// Takes a name in, under the path that people know it by.
    pub(super) fn take(&self, from: &OwnedFd, name: &OsStr, shown: &[u8]) -> io::Result<()> {
        let mut parts: Vec<&[u8]> =
            shown.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
        let last = parts.pop().unwrap_or(b"nameless");
        let mut dir = self.dir.try_clone()?;
        for part in parts {
            dir = enter(&dir, OsStr::from_bytes(part))?;
        }
        for target in names_like(OsStr::from_bytes(last)) {
            match take_as(from, name, &dir, &target) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                done => return done,
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// The bytes, and the mode as git tells it, of what was taken from a path; `None` where nothing was.
    pub(super) fn bytes(&self, shown: &[u8]) -> Option<(u32, Vec<u8>)> {
        let (dir, name) = super::thing::open_parent(&self.place.join(DIR), shown).ok()??;
        let found = stat(&dir, &name).ok()??;
        match found.kind {
            Kind::File => {
                let mut bytes = Vec::new();
                let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
                let mut file = File::from(openat(&dir, name.as_os_str(), flags, Mode::empty()).ok()?);
                io::Read::read_to_end(&mut file, &mut bytes).ok()?;
                Some((if found.mode & 0o100 == 0 { 0o100_644 } else { 0o100_755 }, bytes))
            }
            Kind::Symlink => Some((0o120_000, readlinkat(&dir, name.as_os_str()).ok()?.as_bytes().to_vec())),
            Kind::Directory | Kind::Fifo | Kind::Socket | Kind::Device => None,
        }
    }

    /// Writes `quarantine.json` and `quarantine.patch` beside `quarantine/`, for everything that is in it now.
    pub(super) fn write(&self, run_id: &str, values: &[Value], patch: &[u8]) -> io::Result<()> {
        let mut files = Vec::new();
        list(&self.dir, b"", &mut files)?;
        let mut text = serde_json::to_vec_pretty(&List { version: 1, run_id, files, values })?;
        text.push(b'\n');
        for (name, content) in [("quarantine.json", text.as_slice()), ("quarantine.patch", patch)] {
            atomic_file::replace(&self.place.join(name), content, Durability::Cached)
                .map_err(io::Error::other)?;
        }
        Ok(())
    }
}

/// A name, and what to call it where that is taken.
fn names_like(name: &OsStr) -> impl Iterator<Item = OsString> {
    let numbered = |name: &OsStr, number: u32| {
        let mut other = name.to_owned();
        other.push(format!(".{number}"));
        other
    };
    std::iter::once(name.to_owned()).chain((1..1000).map(move |number| numbered(name, number)))
}

/// Makes and opens a directory; where something else has its name, one with a number.
fn enter(above: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
    for name in names_like(name) {
        match mkdirat(above, name.as_os_str(), Mode::from_bits_truncate(0o700)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(error.into()),
        }
        match openat(above, name.as_os_str(), DIRECTORY, Mode::empty()) {
            Err(Errno::ENOTDIR | Errno::ELOOP) => {}
            opened => return Ok(opened?),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn take_as(from: &OwnedFd, name: &OsStr, to: &OwnedFd, target: &OsStr) -> io::Result<()> {
    match rename_to_free(from, name, to, target) {
        Err(error) if error.raw_os_error() == Some(Errno::EXDEV as i32) => {
            copy(from, name, to, target)?;
            remove(from, name)
        }
        done => done,
    }
}

/// Copies across file systems.
fn copy(from: &OwnedFd, name: &OsStr, to: &OwnedFd, target: &OsStr) -> io::Result<()> {
    let Some(found) = stat(from, name)? else { return Err(io::ErrorKind::NotFound.into()) };
    let private = Mode::from_bits_truncate(0o600);
    match found.kind {
        Kind::File => {
            let read = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
            let write = read | OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
            let mut source = File::from(openat(from, name, read, Mode::empty())?);
            let mut copy = File::from(openat(to, target, write, private)?);
            io::copy(&mut source, &mut copy)?;
        }
        Kind::Symlink => symlinkat(readlinkat(from, name)?.as_os_str(), to, target)?,
        Kind::Directory => {
            mkdirat(to, target, Mode::from_bits_truncate(0o700))?;
            let below = openat(from, name, DIRECTORY, Mode::empty())?;
            let copy_below = openat(to, target, DIRECTORY, Mode::empty())?;
            for name in names(&below)? {
                copy(&below, &name, &copy_below, &name)?;
            }
        }
        Kind::Fifo => mkfifoat(to, target, private)?,
        // They hold nothing.
        Kind::Socket | Kind::Device => return Ok(()),
    }
    set_mode(to, target, found.kind, found.mode)
}

fn remove(from: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let Some(found) = stat(from, name)? else { return Ok(()) };
    if found.kind != Kind::Directory {
        return Ok(unlinkat(from, name, UnlinkatFlags::NoRemoveDir)?);
    }
    let below = openat(from, name, DIRECTORY, Mode::empty())?;
    for name in names(&below)? {
        remove(&below, &name)?;
    }
    Ok(unlinkat(from, name, UnlinkatFlags::RemoveDir)?)
}

fn list(dir: &OwnedFd, path: &[u8], files: &mut Vec<Listed>) -> io::Result<()> {
    for name in names(dir)? {
        let Some(found) = stat(dir, &name)? else { continue };
        let below = join(path, name.as_bytes());
        if found.kind == Kind::Directory {
            if let Ok(opened) = openat(dir, name.as_os_str(), DIRECTORY, Mode::empty()) {
                list(&opened, &below, files)?;
            }
            continue;
        }
        let target = match found.kind {
            Kind::Symlink => Some(path_text(readlinkat(dir, name.as_os_str())?.as_bytes())),
            Kind::File | Kind::Directory | Kind::Fifo | Kind::Socket | Kind::Device => None,
        };
        files.push(Listed {
            path: path_text(&below),
            kind: found.kind.as_str(),
            mode: format!("{:o}", found.mode),
            sha256: (found.kind == Kind::File).then(|| file_digest(dir, &name)).transpose()?,
            target,
        });
    }
    Ok(())
}
