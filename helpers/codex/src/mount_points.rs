//! What Codex's sandbox leaves behind: it mounts over these names in every directory that a command may write, and when
//! it is interrupted the empty directories stay. They show on the host while any command runs.

use std::fs;
use std::path::{Path, PathBuf};

/// The names, directly below each writable root.
pub const MOUNT_POINTS: [&str; 4] = [".git", ".agents", ".codex", ".aws"];

/// Places that sandboxes will mount over and that were not there before: what lies there empty afterwards is Codex's,
/// and may be removed once no other live run shares the tree, whose sandbox would lose it.
#[derive(Debug, Clone, Default)]
pub struct MountPoints(Vec<PathBuf>);

impl MountPoints {
    /// Those in these writable directories, looked at before any command runs.
    pub fn missing_in<'a>(roots: impl Iterator<Item = &'a Path>) -> Self {
        let all = roots.flat_map(|root| Self::of_made(root).0);
        Self(all.filter(|path| fs::symlink_metadata(path).is_err()).collect())
    }

    /// Those in a directory that was made to be written to, in which nothing was.
    pub fn of_made(root: &Path) -> Self {
        Self(MOUNT_POINTS.map(|name| root.join(name)).into())
    }

    /// Where they are.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(PathBuf::as_path)
    }

    /// Removes what was left behind.
    pub fn remove(&self) {
        for path in &self.0 {
            // Fails on anything but an empty directory, which is what is wanted.
            let _ = fs::remove_dir(path);
            // An older Codex (0.124) mounts over an empty file, and leaves it whenever a command has run.
            if fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == 0) {
                let _ = fs::remove_file(path);
            }
        }
    }
}
