//! What was done once in a turn of a session: a small file for each project and thing, with the newest turns. Two
//! sessions that write at the same instant may lose one entry, which costs a repetition and nothing else. And since when
//! a session's work waits to be looked at: an empty file, whose time says it.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clodex_os::atomic_file::{self, Durability};
use clodex_os::read_regular;
use clodex_os::record_store::StateDir;

/// Turns that are remembered in a project.
const REMEMBERED: usize = 32;
const MAX_BYTES: u64 = 64 << 10;

/// The turns of a project in which one thing was done.
#[derive(Debug)]
pub struct Turns {
    file: PathBuf,
}

impl Turns {
    /// Those in which `what` was done in this project.
    pub fn of(state: &StateDir, what: &str, project: &Path) -> Self {
        Self { file: state.of_turns(what, project.as_os_str().as_bytes()) }
    }

    /// Whether it is done for the first time in this turn; from now on it is not.
    pub fn is_first(&self, session: &str, prompt: &str) -> bool {
        let turn = format!("{} {}", plain(session), plain(prompt));
        let bytes = read_regular(&self.file, MAX_BYTES).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        if text.lines().any(|line| line == turn) {
            return false;
        }
        let lines: Vec<&str> = std::iter::once(turn.as_str()).chain(text.lines()).take(REMEMBERED).collect();
        if let Some(folder) = self.file.parent() {
            // What cannot be remembered is done again.
            let _ = atomic_file::private_dir(folder).and_then(|()| {
                atomic_file::replace(&self.file, lines.join("\n").as_bytes(), Durability::Cached)
            });
        }
        true
    }
}

/// The beginning of what a session has done and nobody has looked at.
#[derive(Debug)]
pub struct OpenWork {
    mark: PathBuf,
}

impl OpenWork {
    /// That of this session, for whoever looks as `what`.
    pub fn of(state: &StateDir, what: &str, session: &str) -> Self {
        Self { mark: state.of_turns(what, session.as_bytes()) }
    }

    /// It begins now, unless it began before.
    pub fn begin(&self) {
        if fs::symlink_metadata(&self.mark).is_err()
            && let Some(folder) = self.mark.parent()
        {
            // What has no beginning is looked at by nobody.
            let _ = atomic_file::private_dir(folder)
                .and_then(|()| atomic_file::replace(&self.mark, b"", Durability::Cached));
        }
    }

    /// The file whose time says it.
    #[cfg(test)]
    pub fn mark(&self) -> &Path {
        &self.mark
    }

    /// When it began, for the one who takes it on: from now on there is none.
    pub fn take(&self) -> Option<SystemTime> {
        let began = fs::symlink_metadata(&self.mark).and_then(|mark| mark.modified()).ok()?;
        fs::remove_file(&self.mark).ok()?;
        Some(began)
    }
}

/// Somebody else's text on one line of ours.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_open_from_its_first_beginning_until_one_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        let work = OpenWork::of(&StateDir::at(folder.path().join("state")), "unseen", "s");
        assert_eq!(work.take(), None);
        work.begin();
        let long_ago = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        fs::File::options().write(true).open(&work.mark).unwrap().set_modified(long_ago).unwrap();
        work.begin();
        assert_eq!((work.take(), work.take()), (Some(long_ago), None));
    }

    #[test]
    fn a_turn_is_first_once_and_only_so_many_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path().join("state"));
        let turns = Turns::of(&state, "toggle", Path::new("/p"));
        assert!(turns.is_first("s", "1") && !turns.is_first("s", "1"));
        assert!(turns.is_first("s", "2") && turns.is_first("other\n", "1") && !turns.is_first("s", "1"));
        assert!(Turns::of(&state, "toggle", Path::new("/q")).is_first("s", "1"));
        for number in 0..REMEMBERED {
            assert!(turns.is_first("s", &format!("more-{number}")));
        }
        assert!(turns.is_first("s", "1"), "it was forgotten");
    }
}
