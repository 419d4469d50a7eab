//! What was done once in a turn of a session: a small file for each project and thing, with the newest turns. Two
//! sessions that write at the same instant may lose one entry, which costs a repetition and nothing else.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

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

/// Somebody else's text on one line of ours.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
