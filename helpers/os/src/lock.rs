//! The lock that says whether a run's dispatcher lives.
//!
//! On Linux it is an open-file-description lock: it ends with its holder, zombie or not, and can be asked for
//! without being taken. Elsewhere it is `flock(2)`, where asking takes it for an instant.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Result, Tried as _};

/// The kernel wakes nobody up before a deadline: between two tries.
const ASK_AGAIN: Duration = Duration::from_millis(1);

/// The lock, held. It is let go by dropping it, or by the end of the process, however that comes.
#[derive(Debug)]
pub struct RunLock {
    file: File,
}

impl RunLock {
    /// Takes the lock at `path`, made if absent (mode 0600). None = somebody else holds it.
    pub fn acquire(path: &Path) -> Result<Option<Self>> {
        let shown = || format!("lock {}", path.display());
        loop {
            let file = open(path, OpenOptions::new().read(true).write(true).create(true)).tried(shown())?;
            if !system::try_lock(&file).tried(shown())? {
                return Ok(None);
            }
            // Whoever held it before may have removed the file meanwhile: then this lock guards nothing.
            if is_same_file(&file, path).tried(shown())? {
                return Ok(Some(Self { file }));
            }
        }
    }

    /// Takes the lock at `path` when whoever holds it lets go; None = not before the deadline. For locks that are held
    /// for moments.
    pub fn acquire_until(path: &Path, deadline: Instant) -> Result<Option<Self>> {
        loop {
            match Self::acquire(path)? {
                None if Instant::now() < deadline => std::thread::sleep(ASK_AGAIN),
                taken_or_late => return Ok(taken_or_late),
            }
        }
    }

    /// Another descriptor of the locked file: whoever inherits it holds the lock, too.
    pub fn share(&self) -> Result<File> {
        self.file.try_clone().tried("share a lock")
    }

    /// Lets the lock go at once, whoever shares it.
    pub fn release(self) -> Result<()> {
        system::unlock(&self.file).tried("let a lock go")
    }

    /// Whether somebody holds the lock at `path` now: microseconds. An absent file is held by nobody.
    pub fn is_held(path: &Path) -> Result<bool> {
        let shown = || format!("ask for the lock {}", path.display());
        match open(path, OpenOptions::new().read(true)) {
            Ok(file) => system::is_locked_by_other(&file).tried(shown()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).tried(shown()),
        }
    }
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK).open(path)
}

fn is_same_file(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(named) => Ok((opened.dev(), opened.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs::File;
    use std::io;

    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, fcntl};

    /// All of the file, from its first byte to wherever it ends.
    #[expect(clippy::cast_possible_truncation, reason = "the constants are below 3")]
    const fn whole_file(kind: i32) -> libc::flock {
        libc::flock {
            l_type: kind as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        }
    }

    pub(super) fn try_lock(file: &File) -> io::Result<bool> {
        match fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_WRLCK))) {
            Ok(_) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(super) fn unlock(file: &File) -> io::Result<()> {
        fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_UNLCK)))?;
        Ok(())
    }

    pub(super) fn is_locked_by_other(file: &File) -> io::Result<bool> {
        let mut asked = whole_file(libc::F_WRLCK);
        fcntl(file, FcntlArg::F_OFD_GETLK(&mut asked))?;
        Ok(i32::from(asked.l_type) != libc::F_UNLCK)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::fs::{File, TryLockError};
    use std::io;

    pub(super) fn try_lock(file: &File) -> io::Result<bool> {
        tried(file.try_lock())
    }

    pub(super) fn unlock(file: &File) -> io::Result<()> {
        file.unlock()
    }

    pub(super) fn is_locked_by_other(file: &File) -> io::Result<bool> {
        Ok(!tried(file.try_lock_shared())?)
    }

    fn tried(result: Result<(), TryLockError>) -> io::Result<bool> {
        match result {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn one_holder_at_a_time_and_asking_does_not_take_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.lock");
        assert!(!RunLock::is_held(&path).unwrap(), "absent");
        let lock = RunLock::acquire(&path).unwrap().expect("free");
        assert!(RunLock::is_held(&path).unwrap());
        assert!(RunLock::is_held(&path).unwrap(), "asked twice");
        assert!(RunLock::acquire(&path).unwrap().is_none());
        drop(lock);
        // A process that another test begins just now holds whatever is open until its program starts.
        let soon = Instant::now() + Duration::from_secs(10);
        assert!(RunLock::acquire_until(&path, soon).unwrap().is_some());
        while RunLock::is_held(&path).unwrap() {
            assert!(Instant::now() < soon);
        }
    }

    #[test]
    fn who_waits_has_the_lock_once_it_is_free_or_nothing_at_the_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("start.lock");
        let lock = RunLock::acquire(&path).unwrap().expect("free");
        assert!(RunLock::acquire_until(&path, Instant::now()).unwrap().is_none());
        let wait = || RunLock::acquire_until(&path, Instant::now() + Duration::from_mins(1));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| wait().unwrap().is_some());
            drop(lock);
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn who_inherits_a_lock_holds_it_until_their_end_or_until_it_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("begins.lock");
        let soon = || Instant::now() + Duration::from_mins(1);
        let heir = |lock: &RunLock| {
            let mut command = Command::new("cat");
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(lock.share().unwrap());
            command.spawn().unwrap()
        };
        let lock = RunLock::acquire(&path).unwrap().expect("free");
        let mut child = heir(&lock);
        drop(lock);
        assert!(RunLock::is_held(&path).unwrap());
        drop(child.stdin.take());
        child.wait().unwrap();
        let lock = RunLock::acquire_until(&path, soon()).unwrap().expect("it has ended");
        let mut child = heir(&lock);
        lock.release().unwrap();
        assert!(!RunLock::is_held(&path).unwrap());
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn a_lock_on_a_removed_file_is_not_taken_for_one_on_the_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.lock");
        let _old = RunLock::acquire(&path).unwrap().expect("free");
        std::fs::remove_file(&path).unwrap();
        let _new = RunLock::acquire(&path).unwrap().expect("a new file is free");
        assert!(RunLock::is_held(&path).unwrap());
    }

    #[test]
    fn a_symlink_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("run.lock"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(RunLock::acquire(&link).is_err());
        assert!(!target.exists());
    }
}
