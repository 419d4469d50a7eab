//! The parallel walk: every name below a top is seen once, by `openat` and `fstatat` relative to its directory, and
//! no symlink is ever followed. Owns how it is done; what the names mean is for others.

use std::ffi::{CStr, OsStr};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

use clodex_core::path_text;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat};

use crate::ScopeError;
use crate::listing::{Draft, Kind, Listing, Stat};

/// What the walk does with a directory that it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meet {
    /// Records it and looks into it.
    Enter,
    /// Records it alone.
    Name,
    /// Takes no notice.
    Skip,
}

/// A kernel takes paths up to 4096 bytes; longer ones are opened in steps.
const STEP: usize = 3000;
const MAX_THREADS: usize = 8;
const DIRECTORY: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Lists everything below `top`. `meet` is asked for the path of each directory, relative to `top`. What is as in the
/// `known` listing is not kept a second time.
pub(crate) fn walk(
    top: &Path,
    known: Option<&Listing>,
    meet: impl Fn(&[u8]) -> Meet + Sync,
) -> Result<Listing, ScopeError> {
    let root = open(top, DIRECTORY, Mode::empty()).map_err(|error| ScopeError::io("list", top, error))?;
    let queue = Queue::new();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let work = || {
        let (mut part, mut draft) = (Listing::default(), Draft::default());
        while let Some(path) = queue.next() {
            let mut below = Vec::new();
            draft.begin(&path);
            match list(&root, &path, &meet, &mut draft, &mut below) {
                Ok(()) => {
                    let known = known.and_then(|known| known.directory(&path));
                    part.directories.push(draft.finish(known));
                }
                Err(Errno::ENOENT) if !path.is_empty() => {}
                Err(error) => part.problems.push(format!("cannot list `{}`: {error}", path_text(&path))),
            }
            queue.done(below);
        }
        part
    };
    let mut whole = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut whole = work();
        for other in others {
            match other.join() {
                Ok(part) => {
                    whole.directories.extend(part.directories);
                    whole.problems.extend(part.problems);
                }
                Err(_) => whole.problems.push("a walking thread died".to_owned()),
            }
        }
        whole
    });
    whole.directories.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(whole)
}

fn list(
    root: &OwnedFd,
    path: &[u8],
    meet: &impl Fn(&[u8]) -> Meet,
    draft: &mut Draft,
    below: &mut Vec<Vec<u8>>,
) -> Result<(), Errno> {
    let mut dir = match open_below(root, path).and_then(Dir::from_fd) {
        Ok(dir) => dir,
        Err(Errno::EACCES | Errno::EPERM) => {
            draft.unreadable = true;
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let fd = dir.as_fd().try_clone_to_owned().map_err(|_| Errno::EMFILE)?;
    for found in dir.iter() {
        let found = found?;
        let name = found.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        match record(&fd, name, draft, meet, below) {
            // Names may be read, what they name may not.
            Err(Errno::EACCES | Errno::EPERM) => draft.unreadable = true,
            other => other?,
        }
    }
    Ok(())
}

fn record(
    fd: &OwnedFd,
    name: &CStr,
    draft: &mut Draft,
    meet: &impl Fn(&[u8]) -> Meet,
    below: &mut Vec<Vec<u8>>,
) -> Result<(), Errno> {
    let stat = match fstatat(fd, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(found) => stat_of(&found),
        // Gone since it was listed: as if it never had been.
        Err(Errno::ENOENT) => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut what = Meet::Name;
    if stat.kind == Kind::Directory {
        let path = draft.path_of(name.to_bytes());
        what = meet(&path);
        if what == Meet::Enter {
            below.push(path);
        }
    }
    let target = if stat.kind == Kind::Symlink { readlinkat(fd, name)? } else { std::ffi::OsString::new() };
    if what != Meet::Skip {
        draft.push(name.to_bytes(), target.as_bytes(), stat);
    }
    Ok(())
}

/// Opens a directory below the root without following a symlink at its end.
fn open_below(root: &OwnedFd, path: &[u8]) -> Result<OwnedFd, Errno> {
    if path.len() <= STEP {
        let path = if path.is_empty() { b"." } else { path };
        return openat(root, OsStr::from_bytes(path), DIRECTORY, Mode::empty());
    }
    let end = path[..STEP].iter().rposition(|byte| *byte == b'/').ok_or(Errno::ENAMETOOLONG)?;
    let above = openat(root, OsStr::from_bytes(&path[..end]), DIRECTORY, Mode::empty())?;
    open_below(&above, &path[end + 1..])
}

#[expect(clippy::unnecessary_cast, reason = "the width of the fields differs between systems")]
pub(crate) fn stat_of(found: &FileStat) -> Stat {
    let kind = match SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Kind::File,
        SFlag::S_IFDIR => Kind::Directory,
        SFlag::S_IFLNK => Kind::Symlink,
        SFlag::S_IFIFO => Kind::Fifo,
        SFlag::S_IFSOCK => Kind::Socket,
        _ => Kind::Device,
    };
    let nanoseconds = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
    Stat {
        kind,
        mode: u16::try_from(found.st_mode & 0o7777).unwrap_or_default(),
        uid: found.st_uid,
        gid: found.st_gid,
        size: u64::try_from(found.st_size).unwrap_or_default(),
        mtime: nanoseconds(found.st_mtime, found.st_mtime_nsec),
        ctime: nanoseconds(found.st_ctime, found.st_ctime_nsec),
        ino: found.st_ino,
        dev: found.st_dev as u64,
        nlink: u32::try_from(found.st_nlink).unwrap_or(u32::MAX),
    }
}

/// Directories that wait, and how many are being listed now: empty and none means the end.
struct Queue {
    state: Mutex<(Vec<Vec<u8>>, usize)>,
    changed: Condvar,
}

impl Queue {
    fn new() -> Self {
        Self { state: Mutex::new((vec![Vec::new()], 0)), changed: Condvar::new() }
    }

    fn next(&self) -> Option<Vec<u8>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(path) = state.0.pop() {
                state.1 += 1;
                return Some(path);
            }
            if state.1 == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, below: Vec<Vec<u8>>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 -= 1;
        let wake = state.1 == 0 || !below.is_empty();
        state.0.extend(below);
        drop(state);
        if wake {
            self.changed.notify_all();
        }
    }
}
