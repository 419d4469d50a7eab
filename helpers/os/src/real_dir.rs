//! A directory that is reached through no symlink at all, and what can be removed from it: by name, never through a
//! link, whatever is put in a place meanwhile.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// What `st_blocks` counts in, whatever the file system's own blocks are.
const BLOCK: u64 = 512;
/// Directories inside each other; what is deeper stays, which is told.
const MAX_DEPTH: usize = 64;

/// An open directory and the one that it lies in.
#[derive(Debug)]
pub struct RealDir {
    parent: OwnedFd,
    name: OsString,
    fd: OwnedFd,
    path: PathBuf,
}

impl RealDir {
    /// Opens an absolute path, step by step from the root. A symlink on the way is an error, and so is `..`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut parts = Vec::new();
        for part in path.components() {
            match part {
                Component::RootDir => {}
                Component::Normal(name) => parts.push(name),
                Component::CurDir | Component::ParentDir | Component::Prefix(_) => {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
            }
        }
        let (Some(name), true) = (parts.pop(), path.is_absolute()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let root = nix::fcntl::open("/", flags(), Mode::empty())?;
        let parent = parts.into_iter().try_fold(root, |above, name| open_below(&above, name))?;
        let fd = open_below(&parent, name)?;
        Ok(Self { parent, name: name.to_owned(), fd, path: path.to_owned() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names in it, unordered.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        names(&self.fd)
    }

    /// The content of a regular file of at most `limit` bytes.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        let file = openat(
            &self.fd,
            name,
            OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
        let file = File::from(file);
        if !file.metadata()?.is_file() || file.metadata()?.len() > limit {
            return Err(io::Error::other("not a small regular file"));
        }
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Removes what has this name, a symlink itself rather than what it leads to, a directory with all in it; gives how
    /// many bytes it took on disk.
    pub fn remove(&self, name: &OsStr) -> io::Result<u64> {
        remove_at(&self.fd, name, MAX_DEPTH)
    }

    /// How many bytes what has this name takes on disk.
    pub fn measure(&self, name: &OsStr) -> u64 {
        measure_at(&self.fd, name, MAX_DEPTH)
    }

    /// Removes the directory itself, if it is empty and still in its place; says whether it is gone.
    pub fn remove_if_empty(self) -> io::Result<bool> {
        match unlinkat(&self.parent, self.name.as_os_str(), UnlinkatFlags::RemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(true),
            Err(Errno::ENOTEMPTY | Errno::EEXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn flags() -> OFlag {
    OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC
}

fn open_below(above: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
    Ok(openat(above, name, flags(), Mode::empty())?)
}

fn names(dir: &OwnedFd) -> io::Result<Vec<OsString>> {
    let mut listed = Dir::from_fd(dir.try_clone()?)?;
    let mut found = Vec::new();
    for entry in listed.iter() {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            found.push(OsString::from_vec(name));
        }
    }
    // Two descriptors of one directory share their place in it.
    nix::unistd::lseek(dir, 0, nix::unistd::Whence::SeekSet)?;
    Ok(found)
}

fn look(dir: &OwnedFd, name: &OsStr) -> io::Result<FileStat> {
    // A name, not a path: nothing leads out of here.
    if matches!(name.as_bytes(), b"" | b"." | b"..") || name.as_bytes().contains(&b'/') {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(fstatat(dir, name.as_bytes(), AtFlags::AT_SYMLINK_NOFOLLOW)?)
}

fn is_dir(found: &FileStat) -> bool {
    found.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits()
}

fn on_disk(found: &FileStat) -> u64 {
    u64::try_from(found.st_blocks).unwrap_or_default().saturating_mul(BLOCK)
}

fn measure_at(dir: &OwnedFd, name: &OsStr, depth: usize) -> u64 {
    let Ok(found) = look(dir, name) else { return 0 };
    let below = |fd: OwnedFd| {
        names(&fd).unwrap_or_default().iter().map(|name| measure_at(&fd, name, depth - 1)).sum::<u64>()
    };
    let inside = if is_dir(&found) && depth > 0 { open_below(dir, name).map_or(0, below) } else { 0 };
    on_disk(&found) + inside
}

fn remove_at(dir: &OwnedFd, name: &OsStr, depth: usize) -> io::Result<u64> {
    let found = look(dir, name)?;
    if !is_dir(&found) {
        unlinkat(dir, name, UnlinkatFlags::NoRemoveDir)?;
        return Ok(on_disk(&found));
    }
    if depth == 0 {
        return Err(io::Error::other("it lies too deep"));
    }
    let below = open_below(dir, name)?;
    let mut bytes = on_disk(&found);
    for name in names(&below)? {
        bytes += remove_at(&below, &name, depth - 1)?;
    }
    unlinkat(dir, name, UnlinkatFlags::RemoveDir)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_symlink_leads_into_it_or_out_of_it() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("runs/one/kept")).unwrap();
        fs::create_dir_all(root.join("theirs")).unwrap();
        fs::write(root.join("theirs/file"), "theirs").unwrap();
        symlink(root.join("runs"), root.join("link")).unwrap();
        symlink(root.join("theirs"), root.join("runs/one/away")).unwrap();
        symlink(root.join("theirs"), root.join("runs/one/kept/away")).unwrap();
        for refused in ["link/one", "runs/../runs/one", "runs/one/away", "gone"] {
            assert!(RealDir::open(&root.join(refused)).is_err(), "{refused}");
        }
        assert!(RealDir::open(Path::new("runs/one")).is_err());
        let dir = RealDir::open(&root.join("runs/one")).unwrap();
        for path in ["", ".", "..", "../../theirs/file", "away/file"] {
            assert!(dir.remove(OsStr::new(path)).is_err(), "{path}");
        }
        let mut names = dir.names().unwrap();
        names.sort();
        assert_eq!(names, ["away", "kept"]);
        for name in names {
            dir.remove(&name).unwrap();
        }
        assert!(dir.remove_if_empty().unwrap());
        assert_eq!(fs::read_to_string(root.join("theirs/file")).unwrap(), "theirs");
        assert!(!root.join("runs/one").exists());
    }

    #[test]
    fn what_is_not_empty_stays_and_what_goes_is_measured() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("one")).unwrap();
        fs::write(root.join("one/big"), vec![7; 100_000]).unwrap();
        let dir = RealDir::open(&root.join("one")).unwrap();
        assert_eq!(dir.read("big", 1 << 20).unwrap().len(), 100_000);
        assert!(dir.read("big", 10).is_err());
        let measured = dir.measure(OsStr::new("big"));
        assert!((100_000..200_000).contains(&measured), "{measured}");
        assert_eq!(dir.remove(OsStr::new("big")).unwrap(), measured);
        fs::write(root.join("one/mine"), "").unwrap();
        assert!(!dir.remove_if_empty().unwrap());
        assert!(root.join("one/mine").exists());
    }
}
