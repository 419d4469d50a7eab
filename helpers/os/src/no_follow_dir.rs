//! A directory that is reached through no symlink at all, and what can be read in it, removed from it and added to it: by
//! name, never through a link, whatever is put in a place meanwhile.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::rename_to_free;

/// What `st_blocks` counts in, whatever the file system's own blocks are.
const BLOCK: u64 = 512;
/// Directories inside each other; what is deeper stays, which is told.
const MAX_DEPTH: usize = 64;

/// An open directory and the one that it lies in.
#[derive(Debug)]
pub struct NoFollowDir {
    parent: OwnedFd,
    name: OsString,
    fd: OwnedFd,
    path: PathBuf,
}

impl NoFollowDir {
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

    /// Makes a directory of ours (0700) in it, unless there is one of this name.
    pub fn make_dir(&self, name: &OsStr) -> io::Result<()> {
        match mkdirat(&self.fd, name, Mode::S_IRWXU) {
            Ok(()) | Err(Errno::EEXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Adds a file (0600) under a name that must be free: `AlreadyExists` when it is not. It is whole or not there.
    pub fn add(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let temporary = format!(".{name}.{}-{}.tmp", std::process::id(), crate::run_suffix());
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&self.fd, temporary.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
        let added = File::from(file).write_all(content).and_then(|()| self.rename_to_free(&temporary, name));
        if added.is_err() {
            // Whatever is left of it is of no use to anybody; the first error is the one to tell.
            let _ = unlinkat(&self.fd, temporary.as_str(), UnlinkatFlags::NoRemoveDir);
        }
        added
    }

    fn rename_to_free(&self, from: &str, to: &str) -> io::Result<()> {
        match rename_to_free(&self.fd, OsStr::new(from), &self.fd, OsStr::new(to)) {
            // A file system that cannot promise it (NFS): looked at first, which is as good as it gets there.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                match look(&self.fd, OsStr::new(to)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        Ok(renameat(&self.fd, from, &self.fd, to)?)
                    }
                    Err(error) => Err(error),
                    Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
                }
            }
            renamed => renamed,
        }
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
            assert!(NoFollowDir::open(&root.join(refused)).is_err(), "{refused}");
        }
        assert!(NoFollowDir::open(Path::new("runs/one")).is_err());
        let dir = NoFollowDir::open(&root.join("runs/one")).unwrap();
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
    fn a_file_is_added_whole_and_only_under_a_free_name() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::write(root.join("theirs"), "theirs").unwrap();
        symlink(root.join("nowhere"), root.join("link")).unwrap();
        let dir = NoFollowDir::open(&root).unwrap();
        for taken in ["theirs", "link"] {
            assert_eq!(dir.add(taken, b"ours").unwrap_err().kind(), io::ErrorKind::AlreadyExists, "{taken}");
        }
        dir.add("free", b"ours").unwrap();
        dir.make_dir(OsStr::new("made")).unwrap();
        dir.make_dir(OsStr::new("made")).unwrap();
        assert_eq!(fs::read(root.join("free")).unwrap(), b"ours");
        assert_eq!(fs::read(root.join("theirs")).unwrap(), b"theirs");
        let mut names = dir.names().unwrap();
        names.sort();
        assert_eq!(names, ["free", "link", "made", "theirs"], "no rest of a file that could not be added");
    }

    #[test]
    fn what_is_not_empty_stays_and_what_goes_is_measured() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("one")).unwrap();
        fs::write(root.join("one/big"), vec![7; 100_000]).unwrap();
        let dir = NoFollowDir::open(&root.join("one")).unwrap();
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
