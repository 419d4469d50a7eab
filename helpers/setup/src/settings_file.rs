//! `settings.json` on disk: read once, replaced whole, and only where it still is what was read. Knows no key of it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use clodex_os::{Failure, exchange, rename_to_free, run_suffix};

use crate::json_text::JsonText;

/// Links that are followed before they count as a circle.
const LINKS: usize = 40;

/// The file as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFile {
    /// Where it really lies: settings are often a link into somebody's collection of such files.
    target: PathBuf,
    was: Option<Was>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Was {
    bytes: Vec<u8>,
    mode: u32,
}

/// Why nothing was written.
#[derive(Debug)]
pub enum NotWritten {
    /// Somebody else wrote in between: read again.
    Changed,
    /// The system refused.
    Failed(Failure),
}

impl SettingsFile {
    /// Reads it; a file that is not there is empty.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::usage(format!("cannot read `{}`: {error}", path.display()));
        let target = follow(path).map_err(failed)?;
        let was = match fs::read(&target) {
            Ok(bytes) => {
                let mode = fs::metadata(&target).map_err(failed)?.permissions().mode() & 0o7777;
                Some(Was { bytes, mode })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        Ok(Self { target, was })
    }

    /// Whether there was one.
    pub fn exists(&self) -> bool {
        self.was.is_some()
    }

    /// What it held.
    pub fn bytes(&self) -> &[u8] {
        self.was.as_ref().map_or(b"", |was| &was.bytes)
    }

    /// Where it really lies.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// What it held, as JSON; what is none is not ours to repair.
    pub fn json(&self) -> Result<JsonText, Failure> {
        let none = |why: String| {
            let path = self.target.display();
            Failure::usage(format!(
                "cannot change `{path}`: {why}\nhint: repair it by hand; it was left as it is"
            ))
        };
        let text = String::from_utf8(self.bytes().to_vec()).map_err(|error| none(error.to_string()))?;
        JsonText::parse(text).map_err(none)
    }

    /// Puts `content` in its place, with its permissions.
    pub fn replace(&self, content: &[u8]) -> Result<(), NotWritten> {
        let Some(parent) = self.target.parent() else { return Ok(()) };
        let name = self.target.file_name().unwrap_or_default();
        let temporary = parent.join(format!(".{}.{}.tmp", name.display(), run_suffix()));
        let mode = self.was.as_ref().map_or(0o600, |was| was.mode);
        let written = fs::create_dir_all(parent)
            .and_then(|()| write_new(&temporary, content, mode))
            .and_then(|()| self.put(parent, &temporary));
        if !matches!(written, Ok(true)) {
            // What is left of it is of no use to anybody.
            let _ = fs::remove_file(&temporary);
        }
        match written {
            Ok(true) => Ok(()),
            Ok(false) => Err(NotWritten::Changed),
            Err(error) => Err(NotWritten::Failed(Failure::usage(format!(
                "cannot write `{}`: {error}",
                self.target.display()
            )))),
        }
    }

    /// Removes it.
    pub fn remove(&self) -> Result<(), NotWritten> {
        let now = fs::read(&self.target).unwrap_or_default();
        if now != self.bytes() {
            return Err(NotWritten::Changed);
        }
        fs::remove_file(&self.target).map_err(|error| {
            NotWritten::Failed(Failure::usage(format!("cannot remove `{}`: {error}", self.target.display())))
        })
    }

    /// Moves the new file to its place and looks at what lay there; false, and all as it was, if that is not what was
    /// read.
    fn put(&self, parent: &Path, temporary: &Path) -> io::Result<bool> {
        let dir = File::open(parent)?;
        let (Some(new), Some(name)) = (temporary.file_name(), self.target.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let Some(was) = &self.was else {
            return match rename_to_free(&dir, new, &dir, name) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    fs::hard_link(temporary, &self.target)?;
                    fs::remove_file(temporary)?;
                    Ok(true)
                }
                Err(error) => Err(error),
            };
        };
        match exchange(&dir, new, &dir, name) {
            Ok(()) if fs::read(temporary)? == was.bytes => {
                fs::remove_file(temporary)?;
                Ok(true)
            }
            Ok(()) => {
                exchange(&dir, new, &dir, name)?;
                Ok(false)
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                if fs::read(&self.target)? != was.bytes {
                    return Ok(false);
                }
                fs::rename(temporary, &self.target)?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Where a path leads, through links that may lead to nothing yet.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut at = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&at) {
            Ok(target) => at = at.parent().unwrap_or(Path::new("/")).join(target),
            Err(_) => return Ok(at),
        }
    }
    Err(io::Error::other("too many links"))
}

fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_linked_file_is_replaced_where_it_lies_and_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let (dotfiles, link) = (folder.path().join("dotfiles"), folder.path().join("settings.json"));
        fs::create_dir(&dotfiles).unwrap();
        fs::write(dotfiles.join("claude.json"), "{}").unwrap();
        fs::set_permissions(dotfiles.join("claude.json"), Permissions::from_mode(0o640)).unwrap();
        symlink("dotfiles/claude.json", &link).unwrap();
        SettingsFile::read(&link).unwrap().replace(b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(dotfiles.join("claude.json")).unwrap(), b"new");
        let mode = fs::metadata(dotfiles.join("claude.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert_eq!(fs::read_dir(&dotfiles).unwrap().count(), 1);
    }

    #[test]
    fn what_somebody_wrote_in_between_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        for first in [None, Some("{}")] {
            if let Some(first) = first {
                fs::write(&path, first).unwrap();
            }
            let read = SettingsFile::read(&path).unwrap();
            fs::write(&path, "theirs").unwrap();
            assert!(matches!(read.replace(b"ours"), Err(NotWritten::Changed)));
            assert!(matches!(read.remove(), Err(NotWritten::Changed)));
            assert_eq!(fs::read(&path).unwrap(), b"theirs");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_made_with_its_directory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/settings.json");
        let read = SettingsFile::read(&path).unwrap();
        assert!(!read.exists());
        read.replace(b"{}").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"{}");
    }
}
