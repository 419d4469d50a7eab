//! What lies at a name, looked at through its directory's descriptor: compared with what the plan says, and built anew.
//! Follows no symlink, blocks on no FIFO.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use clodex_os::{hex, sha256_hex_of};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FchmodatFlags, Mode, fchmod, fchmodat, fstatat, mkdirat};
use nix::unistd::{Gid, Uid, fchownat, mkfifoat, symlinkat};
use sha2::{Digest as _, Sha256};

use super::plan::{Thing, ThingKind};
use crate::listing::{Kind, Stat};
use crate::walk::stat_of;

const OPEN: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_NONBLOCK).union(OFlag::O_CLOEXEC);
pub(super) const DIRECTORY: OFlag = OPEN.union(OFlag::O_DIRECTORY);

/// Opens the directory that holds the last name of a path, one component at a time; no symlink is followed below the
/// top. `None` where a directory on the way is missing, or is no directory.
pub(super) fn open_parent(top: &Path, path: &[u8]) -> io::Result<Option<(OwnedFd, OsString)>> {
    let mut at = nix::fcntl::open(top, OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    let mut parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let name = parts.pop().unwrap_or_default().to_vec();
    for part in parts {
        at = match openat(&at, OsStr::from_bytes(part), DIRECTORY, Mode::empty()) {
            Ok(below) => below,
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
    }
    Ok(Some((at, OsString::from_vec(name))))
}

/// What `lstat` tells of a name; `None` where nothing lies there.
pub(super) fn stat(dir: impl AsFd, name: &OsStr) -> io::Result<Option<Stat>> {
    match fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(Some(stat_of(&found))),
        Err(Errno::ENOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether what lies at the name is the thing, in every respect that the plan knows.
pub(super) fn is_there(dir: impl AsFd, name: &OsStr, thing: Option<&Thing>) -> io::Result<bool> {
    match (stat(&dir, name)?, thing) {
        (None, None) => Ok(true),
        (Some(found), Some(thing)) => {
            let mode = found.kind == Kind::Symlink || found.mode == thing.mode;
            let owner = (found.uid, found.gid) == (thing.uid, thing.gid);
            Ok(mode && owner && has_content(dir, name, found, &thing.kind)?)
        }
        (None, Some(_)) | (Some(_), None) => Ok(false),
    }
}

/// Whether kind and content are the thing's, whatever mode and owner are.
pub(super) fn has_content(dir: impl AsFd, name: &OsStr, found: Stat, kind: &ThingKind) -> io::Result<bool> {
    Ok(match (found.kind, kind) {
        (Kind::File, ThingKind::File { size, sha256, .. }) => {
            found.size == *size && (sha256.is_none() || *sha256 == Some(file_digest(dir, name)?))
        }
        (Kind::Symlink, ThingKind::Symlink { target }) => {
            readlinkat(dir, name)?.as_bytes() == target.0.as_slice()
        }
        (Kind::Directory, ThingKind::Whole { sha256 }) => whole_digest(dir, name)? == *sha256,
        (Kind::Directory, ThingKind::Directory)
        | (Kind::Fifo, ThingKind::Fifo)
        | (Kind::Socket, ThingKind::Socket)
        | (Kind::Device, ThingKind::Device) => true,
        (
            Kind::File | Kind::Directory | Kind::Symlink | Kind::Fifo | Kind::Socket | Kind::Device,
            ThingKind::File { .. }
            | ThingKind::Directory
            | ThingKind::Whole { .. }
            | ThingKind::Symlink { .. }
            | ThingKind::Fifo
            | ThingKind::Socket
            | ThingKind::Device,
        ) => false,
    })
}

/// Builds the thing at a name that must be free.
pub(super) fn build(dir: impl AsFd, name: &OsStr, thing: &Thing, content: &[u8]) -> io::Result<()> {
    // Nobody else looks into it before it is whole.
    let private = Mode::from_bits_truncate(0o600);
    match &thing.kind {
        ThingKind::File { .. } => {
            let flags = OPEN | OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
            let mut file = File::from(openat(&dir, name, flags, private)?);
            file.write_all(content)?;
        }
        ThingKind::Directory => mkdirat(&dir, name, Mode::from_bits_truncate(0o700))?,
        ThingKind::Symlink { target } => symlinkat(OsStr::from_bytes(&target.0), &dir, name)?,
        ThingKind::Fifo => mkfifoat(&dir, name, private)?,
        ThingKind::Whole { .. } | ThingKind::Socket | ThingKind::Device => {
            return Err(io::Error::other("this kind of thing cannot be made again"));
        }
    }
    set_owner_and_mode(dir, name, thing)
}

/// Gives what lies at the name the thing's owner and mode.
pub(super) fn set_owner_and_mode(dir: impl AsFd, name: &OsStr, thing: &Thing) -> io::Result<()> {
    let Some(found) = stat(&dir, name)? else { return Err(io::ErrorKind::NotFound.into()) };
    if (found.uid, found.gid) != (thing.uid, thing.gid) {
        let (uid, gid) = (Uid::from_raw(thing.uid), Gid::from_raw(thing.gid));
        fchownat(&dir, name, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW)?;
    }
    set_mode(dir, name, found.kind, thing.mode)
}

/// Sets the permission bits of what lies at the name; a symlink has none.
pub(super) fn set_mode(dir: impl AsFd, name: &OsStr, kind: Kind, mode: u16) -> io::Result<()> {
    let mode = Mode::from_bits_truncate(mode.into());
    match kind {
        Kind::Symlink => Ok(()),
        Kind::Directory | Kind::File => {
            let flags = if kind == Kind::Directory { DIRECTORY } else { OPEN };
            match openat(&dir, name, flags, Mode::empty()) {
                Ok(fd) => Ok(fchmod(fd, mode)?),
                // Ours, and closed to ourselves: only its name is left to reach it by.
                Err(Errno::EACCES) => Ok(fchmodat(dir, name, mode, FchmodatFlags::FollowSymlink)?),
                Err(error) => Err(error.into()),
            }
        }
        Kind::Fifo | Kind::Socket | Kind::Device => {
            Ok(fchmodat(dir, name, mode, FchmodatFlags::FollowSymlink)?)
        }
    }
}

/// SHA-256 of a regular file, in hex.
pub(super) fn file_digest(dir: impl AsFd, name: &OsStr) -> io::Result<String> {
    sha256_hex_of(File::from(openat(dir, name, OPEN, Mode::empty())?))
}

/// Digest of a directory with everything in it.
pub(super) fn whole_digest(dir: impl AsFd, name: &OsStr) -> io::Result<String> {
    let mut hasher = Sha256::new();
    add_whole(dir, name, &mut hasher)?;
    Ok(hex(&hasher.finalize()))
}

fn add_whole(dir: impl AsFd, name: &OsStr, hasher: &mut Sha256) -> io::Result<()> {
    let top = openat(dir, name, DIRECTORY, Mode::empty())?;
    for name in names(&top)? {
        let Some(found) = stat(&top, &name)? else { continue };
        hasher.update(name.as_bytes());
        hasher.update([0]);
        hasher.update(found.kind.as_str());
        hasher.update(found.mode.to_be_bytes());
        match found.kind {
            Kind::File => hasher.update(file_digest(&top, &name)?),
            Kind::Symlink => hasher.update(readlinkat(&top, name.as_os_str())?.as_bytes()),
            Kind::Directory => {
                add_whole(&top, &name, hasher)?;
                hasher.update([0]);
            }
            Kind::Fifo | Kind::Socket | Kind::Device => {}
        }
    }
    Ok(())
}

/// The names in a directory, sorted.
pub(super) fn names(dir: &OwnedFd) -> io::Result<Vec<OsString>> {
    let mut listed = Dir::from_fd(openat(dir, ".", DIRECTORY, Mode::empty())?)?;
    let mut names = Vec::new();
    for found in listed.iter() {
        let name = OsStr::from_bytes(found?.file_name().to_bytes()).to_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
