//! Waking up when something in a directory changes: inotify on Linux, short naps elsewhere.

#[cfg(target_os = "linux")]
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::Instant;

use crate::error::{Result, Tried as _};
use crate::process::ProcessHandle;

/// A directory that is watched from the moment this is made: what changes between a look at the directory and
/// the wait is not missed, if the watch was made before the look.
#[derive(Debug)]
pub struct DirectoryWatch {
    #[cfg(target_os = "linux")]
    inotify: nix::sys::inotify::Inotify,
}

/// What a wait for a change gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Something may have changed: look again.
    ByChange,
    /// The deadline passed.
    ByDeadline,
}

/// What a wait beside a process gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WokenBeside<const N: usize> {
    /// Something may have changed in the directories that say so; none = the deadline passed.
    Changed([bool; N]),
    /// The process has ended.
    Alone,
}

#[cfg(target_os = "linux")]
impl DirectoryWatch {
    /// Watches what appears in, leaves, or is written in `directory` (not below it).
    pub fn new(directory: &Path) -> Result<Self> {
        use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
        let shown = format!("watch directory {}", directory.display());
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).tried(&shown)?;
        let wanted = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        inotify.add_watch(directory, wanted).tried(&shown)?;
        Ok(Self { inotify })
    }

    /// Waits for a change since the last call, or until the deadline.
    pub fn wait(&mut self, deadline: Option<Instant>) -> Result<Woken> {
        if !crate::poll::is_readable(&self.inotify, deadline).tried("wait for a change")? {
            return Ok(Woken::ByDeadline);
        }
        self.drain();
        Ok(Woken::ByChange)
    }

    /// Waits for a change in any of the directories, for the end of a process, or until the deadline.
    pub fn wait_beside<const N: usize>(
        process: &ProcessHandle,
        watches: &mut [Self; N],
        deadline: Option<Instant>,
    ) -> Result<WokenBeside<N>> {
        let mut polled = vec![process.as_fd()];
        polled.extend(watches.iter().map(|watch| watch.inotify.as_fd()));
        let ready = crate::poll::readable(&polled, deadline).tried("wait for a change")?;
        let Some((ended, changed)) = ready.split_first() else { return Ok(WokenBeside::Changed([false; N])) };
        if *ended {
            return Ok(WokenBeside::Alone);
        }
        let changed = std::array::from_fn(|at| changed[at]);
        watches.iter().zip(changed).filter(|(_, changed)| *changed).for_each(|(watch, _)| watch.drain());
        Ok(WokenBeside::Changed(changed))
    }

    /// Which change it was does not matter; an overflow says that there was one, too.
    fn drain(&self) {
        while self.inotify.read_events().is_ok_and(|events| !events.is_empty()) {}
    }
}

#[cfg(not(target_os = "linux"))]
impl DirectoryWatch {
    /// Watches `directory`.
    pub fn new(directory: &Path) -> Result<Self> {
        std::fs::read_dir(directory).tried(format!("watch directory {}", directory.display()))?;
        Ok(Self {})
    }

    /// Naps, then says that something may have changed; or waits until the deadline, if that is sooner.
    pub fn wait(&mut self, deadline: Option<Instant>) -> Result<Woken> {
        let nap = std::time::Duration::from_millis(50);
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        std::thread::sleep(left.map_or(nap, |left| left.min(nap)));
        Ok(if left.is_some_and(|left| left <= nap) { Woken::ByDeadline } else { Woken::ByChange })
    }

    /// Naps, then says that something may have changed everywhere, or that the process has ended.
    pub fn wait_beside<const N: usize>(
        process: &ProcessHandle,
        _watches: &mut [Self; N],
        deadline: Option<Instant>,
    ) -> Result<WokenBeside<N>> {
        // Nobody waits for this one as for a result: longer naps, for the sake of the battery.
        let nap = std::time::Duration::from_secs(1);
        let until = Instant::now() + nap;
        let ended = process.wait(deadline.map_or(until, |deadline| deadline.min(until))).tried("wait")?;
        Ok(if ended { WokenBeside::Alone } else { WokenBeside::Changed([true; N]) })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_rename_into_the_directory_wakes_and_silence_lasts_until_the_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = DirectoryWatch::new(folder.path()).unwrap();
        let file = folder.path().join("live.json");
        crate::atomic_file::replace(&file, b"{}", crate::atomic_file::Durability::Cached).unwrap();
        let far = Some(Instant::now() + Duration::from_secs(30));
        assert_eq!(watch.wait(far).unwrap(), Woken::ByChange);
        let begun = Instant::now();
        let mut woken = Woken::ByChange;
        while woken == Woken::ByChange {
            woken = watch.wait(Some(begun + Duration::from_millis(120))).unwrap();
        }
        assert!(begun.elapsed() >= Duration::from_millis(120));
    }

    #[test]
    fn beside_a_process_it_is_told_which_directory_changed_and_when_the_process_ends() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let mut watches = folders.each_ref().map(|folder| DirectoryWatch::new(folder.path()).unwrap());
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let id = crate::process::ProcessId::of(child.id()).unwrap();
        let process = ProcessHandle::open(id).unwrap().unwrap();
        let mut wait = |left: Duration| {
            let deadline = Some(Instant::now() + left);
            DirectoryWatch::wait_beside(&process, &mut watches, deadline).unwrap()
        };
        std::fs::write(folders[1].path().join("new"), "").unwrap();
        if cfg!(target_os = "linux") {
            assert_eq!(wait(Duration::from_secs(30)), WokenBeside::Changed([false, true]));
            assert_eq!(wait(Duration::from_millis(20)), WokenBeside::Changed([false, false]));
        }
        child.kill().unwrap();
        assert_eq!(wait(Duration::from_secs(30)), WokenBeside::Alone);
        child.wait().unwrap();
    }

    #[test]
    fn a_missing_directory_is_an_error_that_names_it() {
        let error = DirectoryWatch::new(Path::new("/no/such")).unwrap_err();
        assert!(error.to_string().starts_with("cannot watch directory /no/such: "), "{error}");
    }
}
