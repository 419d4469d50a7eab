//! A tree in which nothing is ever reached through a symlink: each directory on the way is opened from the one above
//! it. Looks, and makes and removes directories; files and symlinks are put by `exchanged`.

use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clodex_core::{FileState, PathBytes};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{Mode, SFlag, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::contents::{Contents, copy_hashed};

/// A tree, by its open top.
#[derive(Debug)]
pub struct Rooted {
    root: OwnedFd,
}

impl Rooted {
    /// Opens the top; it may be reached through symlinks itself.
    pub fn open(root: &Path) -> io::Result<Self> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        Ok(Self { root: nix::fcntl::open(root, flags, Mode::empty())? })
    }

    /// What lies at a path; nothing, where the way to it is not there.
    pub fn state(&self, path: &[u8]) -> io::Result<FileState> {
        self.look(path, |file| copy_hashed(file, &mut io::sink()))
    }

    /// The same, and its content is kept.
    pub fn keep(&self, path: &[u8], contents: &Contents) -> io::Result<FileState> {
        self.look(path, |file| contents.put_from(file))
    }

    fn look(
        &self,
        path: &[u8],
        digest: impl FnOnce(&mut File) -> io::Result<String>,
    ) -> io::Result<FileState> {
        match self.parent(path)? {
            Some((parent, name)) => look(&parent, name, digest),
            None => Ok(FileState::Missing),
        }
    }

    /// Whether a directory lies there.
    pub fn is_dir(&self, path: &[u8]) -> io::Result<bool> {
        let Some((parent, name)) = self.parent(path)? else { return Ok(false) };
        match fstatat(&parent, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(found.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits()),
            Err(Errno::ENOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Permission bits of a directory.
    pub fn dir_mode(&self, path: &[u8]) -> io::Result<u32> {
        let directory = File::from(self.directory(path)?.ok_or(io::ErrorKind::NotFound)?);
        Ok(directory.metadata()?.permissions().mode() & 0o7777)
    }

    /// Names in a directory.
    pub fn names(&self, path: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let directory = self.directory(path)?.ok_or(io::ErrorKind::NotFound)?;
        let mut names = Vec::new();
        for entry in nix::dir::Dir::from_fd(directory)?.iter() {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Makes a directory; one that is there is fine.
    pub fn make_dir(&self, path: &[u8], mode: Option<u32>) -> io::Result<()> {
        let (parent, name) = self.parent(path)?.ok_or(io::ErrorKind::NotFound)?;
        match mkdirat(&parent, name, Mode::from_bits_truncate(0o777)) {
            Ok(()) => {}
            Err(Errno::EEXIST) if self.is_dir(path)? => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let Some(mode) = mode else { return Ok(()) };
        let made = File::from(self.directory(path)?.ok_or(io::ErrorKind::NotFound)?);
        made.set_permissions(Permissions::from_mode(mode))
    }

    /// Removes a directory if nothing lies in it.
    pub fn remove_empty_dir(&self, path: &[u8]) -> io::Result<()> {
        let Some((parent, name)) = self.parent(path)? else { return Ok(()) };
        match unlinkat(&parent, name, UnlinkatFlags::RemoveDir) {
            Ok(()) | Err(Errno::ENOENT | Errno::ENOTEMPTY | Errno::EEXIST | Errno::ENOTDIR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The open directory of a path and its last name; `None` where the way there is no chain of directories.
    pub(super) fn parent<'p>(&self, path: &'p [u8]) -> io::Result<Option<(OwnedFd, &'p OsStr)>> {
        let (above, name) = path
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or((&b""[..], path), |at| (&path[..at], &path[at + 1..]));
        if matches!(name, b"" | b"." | b"..") {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(self.directory(above)?.map(|parent| (parent, OsStr::from_bytes(name))))
    }

    fn directory(&self, path: &[u8]) -> io::Result<Option<OwnedFd>> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let mut directory = openat(&self.root, ".", flags, Mode::empty())?;
        for part in path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            if part == b".." {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            directory = match openat(&directory, OsStr::from_bytes(part), flags, Mode::empty()) {
                Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => return Ok(None),
                opened => opened?,
            };
        }
        Ok(Some(directory))
    }
}

/// What lies at a name.
pub(super) fn look(
    parent: &OwnedFd,
    name: &OsStr,
    digest: impl FnOnce(&mut File) -> io::Result<String>,
) -> io::Result<FileState> {
    let found = match fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Err(Errno::ENOENT) => return Ok(FileState::Missing),
        found => found?,
    };
    Ok(match SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFDIR => FileState::Missing,
        SFlag::S_IFLNK => FileState::Symlink { target: PathBytes(readlinkat(parent, name)?.into_vec()) },
        SFlag::S_IFREG => {
            let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
            let mut file = File::from(openat(parent, name, flags, Mode::empty())?);
            let mode = file.metadata()?.permissions().mode() & 0o7777;
            FileState::File { mode, sha256: digest(&mut file)? }
        }
        _ => FileState::Unknown,
    })
}
