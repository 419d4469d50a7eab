//! Files that are whole or absent, ours alone, and never somebody else's through a symlink.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, Result, Tried as _};

/// What `st_blocks` counts in, whatever the file system's own blocks are.
const BLOCK: u64 = 512;

/// Whether content must be on the disk, not just in its cache, before it takes the old one's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Survives the end of the process: enough for what is written ten times a second.
    Cached,
    /// Survives the end of the machine's power.
    Synced,
}

/// Puts `content` at `path`: readers see the old file or the new one, whole. Mode 0600.
pub fn replace(path: &Path, content: &[u8], durability: Durability) -> Result<()> {
    let temporary = temporary_name(path);
    let written = write_new(&temporary, content, durability).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Whatever is left of it is of no use to anybody; the first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    written.tried(format!("write {}", path.display()))
}

/// Puts `content` where a full disk has no room for [`replace`]: into the blocks that the file has already. For an
/// instant a reader may see halves. An error, and nothing written, when it would need more room.
pub fn overwrite(path: &Path, content: &[u8]) -> Result<()> {
    overwrite_in_its_blocks(path, content).tried(format!("write {} in its own place", path.display()))
}

/// Makes a file that was not there, mode 0600; an error (`AlreadyExists`) for anything in its place, a symlink
/// that leads nowhere included.
pub fn create_new(path: &Path) -> Result<File> {
    open_new(path).tried(format!("create {}", path.display()))
}

/// Whether files can be made in `dir`, as far as the system tells without making one.
pub fn may_write_in(dir: &Path) -> io::Result<()> {
    if !fs::metadata(dir)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(nix::unistd::access(dir, nix::unistd::AccessFlags::W_OK | nix::unistd::AccessFlags::X_OK)?)
}

/// Makes sure that `path` is a directory of ours that nobody else may enter (0700), parents included where
/// they are absent.
pub fn private_dir(path: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.tried(format!("make directory {}", path.display()))?;
    let found = fs::symlink_metadata(path).tried(format!("look at {}", path.display()))?;
    let own = nix::unistd::geteuid().as_raw();
    if !found.is_dir() || found.uid() != own {
        let owner = found.uid();
        return Err(Error::Untrusted(format!(
            "cannot use {} for private files: it is not a directory of user {own} (owner {owner}, or a symlink)\n\
             hint: remove it, or name another place",
            path.display()
        )));
    }
    if found.mode() & 0o077 != 0 {
        let closed = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
        closed.tried(format!("close directory {} to others", path.display()))?;
    }
    Ok(())
}

fn overwrite_in_its_blocks(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW).open(path)?;
    if file.metadata()?.blocks().saturating_mul(BLOCK) < content.len() as u64 {
        return Err(io::ErrorKind::StorageFull.into());
    }
    file.write_all(content)?;
    file.set_len(content.len() as u64)?;
    file.sync_data()
}

fn write_new(path: &Path, content: &[u8], durability: Durability) -> io::Result<()> {
    let mut file = open_new(path)?;
    file.write_all(content)?;
    match durability {
        Durability::Cached => Ok(()),
        Durability::Synced => file.sync_data(),
    }
}

fn open_new(path: &Path) -> io::Result<File> {
    // O_EXCL, which follows no symlink.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// A hidden name beside the file, one for each writer and write: it must be on the same file system.
fn temporary_name(path: &Path) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}-{count}-{}.tmp", std::process::id(), crate::run_suffix()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        for (content, durability) in
            [("first, the longer", Durability::Cached), ("second", Durability::Synced)]
        {
            replace(&path, content.as_bytes(), durability).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn replacing_puts_a_file_in_a_symlinks_place_and_leaves_its_target_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "theirs").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        replace(&link, b"ours", Durability::Cached).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "theirs");
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
    }

    #[test]
    fn a_failed_replacement_leaves_the_old_content_and_no_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        let error = replace(&path, b"x", Durability::Cached).unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot write {}", path.display())), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn overwriting_needs_no_room_and_takes_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        replace(&path, b"first, the longer", Durability::Synced).unwrap();
        overwrite(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        let error = overwrite(&path, &vec![0; 1 << 20]).unwrap_err();
        assert_eq!(error.io().map(io::Error::kind), Some(io::ErrorKind::StorageFull));
        assert_eq!(fs::read(&path).unwrap(), b"second");
    }

    #[test]
    fn create_new_does_not_follow_a_dangling_symlink() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let error = create_new(&link).unwrap_err();
        assert_eq!(error.io().map(io::Error::kind), Some(io::ErrorKind::AlreadyExists));
        assert!(!target.exists());
    }

    #[test]
    fn a_private_directory_is_closed_to_others_and_no_symlink() {
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("a/b");
        fs::create_dir_all(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        private_dir(&open).unwrap();
        assert_eq!(fs::metadata(&open).unwrap().mode() & 0o777, 0o700);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&open, &link).unwrap();
        assert!(matches!(private_dir(&link), Err(Error::Untrusted(_))));
    }
}
