//! Removing a worktree: what git knows of it first, then the tree. Removed is what a place itself has noted and what
//! still names that place; interrupted, it is finished by the next one.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clodex_os::read_regular;

use crate::tree::POINTER;

/// A place that is being removed: `.<name>.removing`.
const REMOVING: &str = ".removing";

/// Removes the worktree of a place with everything in it; nothing is no error.
pub fn remove_worktree(place: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (place.parent(), place.file_name().and_then(OsStr::to_str)) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let removing = parent.join(format!(".{name}{REMOVING}"));
    match fs::rename(place, &removing) {
        Ok(()) => finish(&removing, &parent.canonicalize()?.join(name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Finishes removals that were interrupted.
pub fn finish_removals(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for name in entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
        if let Some(place) = name.strip_prefix('.').and_then(|name| name.strip_suffix(REMOVING))
            && let Ok(real) = parent.canonicalize()
        {
            // What cannot be removed now is tried again by the next one.
            let _ = finish(&parent.join(&name), &real.join(place));
        }
    }
}

fn finish(removing: &Path, place: &Path) -> io::Result<()> {
    let noted = fs::read(removing.join("admin")).unwrap_or_default();
    for line in noted.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        forget(&PathBuf::from(OsStr::from_bytes(line)), place)?;
    }
    remove_tree(removing)
}

/// Removes git's knowledge of a worktree, where it is the one of this place.
fn forget(admin: &Path, place: &Path) -> io::Result<()> {
    let Some(worktrees) = admin.parent().filter(|parent| parent.ends_with("worktrees")) else {
        return Ok(());
    };
    let names_place = read_regular(&admin.join("gitdir"), POINTER)
        .is_ok_and(|named| named.starts_with(&[place.as_os_str().as_bytes(), b"/"].concat()));
    if admin.file_name() == place.file_name() && names_place {
        let _alone = super::alone(place)?;
        fs::remove_dir_all(admin)?;
        // As git does with the last one.
        let _ = fs::remove_dir(worktrees);
    }
    Ok(())
}

/// A worker may have closed directories to everybody.
fn remove_tree(tree: &Path) -> io::Result<()> {
    if fs::remove_dir_all(tree).is_ok() {
        return Ok(());
    }
    open_up(tree);
    fs::remove_dir_all(tree)
}

fn open_up(directory: &Path) {
    let _ = fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
    let Ok(entries) = fs::read_dir(directory) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            open_up(&path);
        }
    }
}
