//! `settings.json` on disk: read once, replaced whole, and only where it still is what was read. Knows no key of it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use clodex_os::{
    Failure, exchange, is_open_for_writing, open_regular, read_regular, rename_to_free, run_suffix,
};

use crate::json_text::JsonText;

/// Links that are followed before they count as a circle.
const LINKS: usize = 40;
/// Settings are some kilobytes.
const MAX_BYTES: u64 = 64 << 20;

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
    owner: Owner,
}

/// A user and a group, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owner(u32, u32);

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
        if let Some(parent) = target.parent().filter(|parent| target != path && !parent.is_dir()) {
            let why = format!("its link leads into `{}`, which is not there", parent.display());
            return Err(failed(io::Error::new(io::ErrorKind::NotFound, why)));
        }
        let was = match read_regular(&target, MAX_BYTES) {
            Ok(bytes) => {
                let found = fs::metadata(&target).map_err(failed)?;
                let owner = Owner(found.uid(), found.gid());
                Some(Was { bytes, mode: found.mode() & 0o7777, owner })
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
        let written = fs::create_dir_all(parent)
            .and_then(|()| write_new(&temporary, content, self.was.as_ref()))
            .and_then(|()| self.put(parent, &temporary, content));
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

    /// Removes what a killed call has left beside it: the beginning, or all, of a text that is known otherwise.
    pub fn remove_rests(&self, is_known: impl Fn(&[u8]) -> bool) {
        let (Some(parent), Some(name)) = (self.target.parent(), self.target.file_name()) else { return };
        let prefix = format!(".{}.", name.display());
        let is_rest =
            |found: &str| found.strip_prefix(&prefix).is_some_and(|rest| rest.strip_suffix(".tmp").is_some());
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let path = entry.path();
            if is_rest(&entry.file_name().to_string_lossy())
                && read_regular(&path, MAX_BYTES).is_ok_and(|bytes| is_known(&bytes))
            {
                let _ = fs::remove_file(path);
            }
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
    fn put(&self, parent: &Path, temporary: &Path, content: &[u8]) -> io::Result<bool> {
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
        let turn = || exchange(&dir, new, &dir, name);
        // For the time between two turns others would see what was written for older content: rarely is that needed.
        if fs::read(&self.target).ok().as_ref() != Some(&was.bytes) {
            return Ok(false);
        }
        match turn() {
            Ok(()) => settle(temporary, &was.bytes, content, turn),
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

/// Looks at what came out of the exchange, `out`: true, and it is removed, if it is what was read. Else somebody else
/// wrote it and it goes back; and if what comes out then is not what was put there, somebody wrote over that meanwhile,
/// and it goes back in turn: the newest counts.
fn settle(out: &Path, was: &[u8], content: &[u8], turn: impl Fn() -> io::Result<()>) -> io::Result<bool> {
    let (mut expected, mut placed) = (was.to_vec(), content.to_vec());
    let mut is_ours = true;
    loop {
        let file = open_regular(out)?;
        // Asked first: who has it open may still write, and nobody else can open it any more.
        let is_written_to = is_open_for_writing(&file);
        let found = fs::read(out)?;
        if found == expected && !is_written_to {
            fs::remove_file(out)?;
            return Ok(is_ours);
        }
        turn()?;
        is_ours = false;
        expected = std::mem::replace(&mut placed, found);
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

fn write_new(path: &Path, content: &[u8], was: Option<&Was>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    if let Some(Was { mode, owner, .. }) = was {
        let made = file.metadata()?;
        if *owner != Owner(made.uid(), made.gid()) {
            fchown(&file, Some(owner.0), Some(owner.1))?;
        }
        file.set_permissions(Permissions::from_mode(*mode))?;
    }
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
    fn whoever_wrote_last_counts_even_while_ours_is_taken_out_again() {
        let folder = tempfile::tempdir().unwrap();
        let (out, name) = (folder.path().join("out"), folder.path().join("name"));
        let dir = File::open(folder.path()).unwrap();
        // As after the first exchange: ours is in place, and what came out is not what was read.
        fs::write(&name, "ours").unwrap();
        fs::write(&out, "theirs").unwrap();
        let later = std::cell::Cell::new(Some("theirs, later"));
        let turn = || {
            if let Some(later) = later.take() {
                fs::write(&name, later).unwrap();
            }
            exchange(&dir, "out".as_ref(), &dir, "name".as_ref())
        };
        assert!(!settle(&out, b"read", b"ours", turn).unwrap());
        assert_eq!((fs::read(&name).unwrap(), out.exists()), (b"theirs, later".to_vec(), false));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_being_written_is_not_what_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        fs::write(&path, "{}").unwrap();
        let read = SettingsFile::read(&path).unwrap();
        let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
        assert!(matches!(read.replace(b"ours"), Err(NotWritten::Changed)));
        writer.write_all(b"theirs").unwrap();
        drop(writer);
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_call_left_goes_and_what_is_only_called_so_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        for (name, text) in [
            ("settings.json", "{}"),
            (".settings.json.ab12.tmp", "{}"),
            (".settings.json.ab13.tmp", "theirs"),
            (".other.json.ab14.tmp", "{}"),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        SettingsFile::read(&path).unwrap().remove_rests(|bytes| b"{}".starts_with(bytes));
        assert!(!folder.path().join(".settings.json.ab12.tmp").exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_link_into_nowhere_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("settings.json");
        symlink("gone/claude.json", &link).unwrap();
        assert!(SettingsFile::read(&link).unwrap_err().message().contains("gone`, which is not there"));
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
