//! The flag of a project's toggle on disk: where the project begins, and reading and setting the flag. What follows
//! from it is not known here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clodex_core::{TOGGLE_FLAG, Toggle};

use crate::error::{Error, Result, Tried as _};
use crate::{atomic_file, git_places, read_regular};

/// A word and a line's end; what is longer is not ours.
const FLAG_MAX_BYTES: u64 = 64;

/// What was found in the flag's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundFlag {
    /// What it says; no flag says off.
    Says(Toggle),
    /// Something that is no word of ours, or that cannot be read: it counts as off.
    Unknown(String),
}

impl FoundFlag {
    /// The toggle in force.
    pub fn toggle(&self) -> Toggle {
        match self {
            Self::Says(toggle) => *toggle,
            Self::Unknown(_) => Toggle::Off,
        }
    }
}

/// The project around a directory, without symlinks: its git work tree, or itself where there is none.
pub fn project_root(inside: &Path) -> Option<PathBuf> {
    git_places(inside).map(|places| places.work_tree).or_else(|| fs::canonicalize(inside).ok())
}

/// What the flag of the project says.
pub fn read_toggle(project: &Path) -> FoundFlag {
    match read_regular(&project.join(TOGGLE_FLAG), FLAG_MAX_BYTES) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let word = text.trim();
            Toggle::from_word(word)
                .map_or_else(|| FoundFlag::Unknown(format!("it says `{word}`")), FoundFlag::Says)
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            FoundFlag::Says(Toggle::Off)
        }
        Err(error) => FoundFlag::Unknown(format!("it cannot be read: {error}")),
    }
}

/// Sets the flag; off removes it. Never through a symlink.
pub fn set_toggle(project: &Path, toggle: Toggle) -> Result<()> {
    let flag = project.join(TOGGLE_FLAG);
    let folder = flag.parent().unwrap_or(project);
    let tried = || format!("look at {}", folder.display());
    match fs::symlink_metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => {
            let folder = folder.display();
            return Err(Error::Untrusted(format!(
                "cannot set the toggle in {folder}: it is not a directory, or a symlink\n\
                 hint: make it a directory of the project"
            )));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && toggle == Toggle::Off => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir(folder).tried(format!("make directory {}", folder.display()))?;
        }
        Err(error) => return Err(error).tried(tried()),
    }
    if toggle == Toggle::Off {
        return match fs::remove_file(&flag) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).tried(format!("remove {}", flag.display()))
            }
            Ok(()) | Err(_) => Ok(()),
        };
    }
    atomic_file::replace(&flag, format!("{}\n", toggle.as_str()).as_bytes(), atomic_file::Durability::Synced)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_set_is_read_and_off_leaves_no_flag() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path();
        assert_eq!(read_toggle(project), FoundFlag::Says(Toggle::Off));
        for toggle in [Toggle::Deny, Toggle::Warn, Toggle::Off, Toggle::Off] {
            set_toggle(project, toggle).unwrap();
            assert_eq!(read_toggle(project), FoundFlag::Says(toggle));
        }
        assert!(!project.join(TOGGLE_FLAG).exists());
    }

    #[test]
    fn what_is_no_flag_of_ours_counts_as_off() {
        let folder = tempfile::tempdir().unwrap();
        let flag = folder.path().join(TOGGLE_FLAG);
        fs::create_dir(folder.path().join(".claude")).unwrap();
        for content in ["", "DENY", "on\n", &"x".repeat(1000)] {
            fs::write(&flag, content).unwrap();
            let found = read_toggle(folder.path());
            assert!(matches!(found, FoundFlag::Unknown(_)) && found.toggle() == Toggle::Off, "{found:?}");
        }
    }

    #[test]
    fn no_symlink_is_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        fs::create_dir_all(project.join(".claude")).unwrap();
        let theirs = folder.path().join("theirs");
        fs::write(&theirs, "deny").unwrap();
        symlink(&theirs, project.join(TOGGLE_FLAG)).unwrap();
        assert_eq!(read_toggle(&project).toggle(), Toggle::Off);
        set_toggle(&project, Toggle::Warn).unwrap();
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "deny");
        let other = folder.path().join("other");
        fs::create_dir(&other).unwrap();
        symlink(project.join(".claude"), other.join(".claude")).unwrap();
        assert!(matches!(set_toggle(&other, Toggle::Deny), Err(Error::Untrusted(_))));
        assert_eq!(read_toggle(&project).toggle(), Toggle::Warn);
    }
}
