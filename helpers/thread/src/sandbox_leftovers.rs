//! What Codex's sandbox leaves in the tree when a command is interrupted. It goes with a server of ours.

use std::path::{Path, PathBuf};

use clodex_codex::MountPoints;
use clodex_core::Liveness;
use clodex_os::record_store::{RecordStore, StateDir};

/// Directories that are there because of a session's sandboxes.
#[derive(Debug, Clone, Default)]
pub struct SandboxLeftovers {
    tree: PathBuf,
    mount_points: MountPoints,
}

impl SandboxLeftovers {
    /// What may be left in these writable directories of a tree; looked at before any command runs.
    pub fn expect<'a>(tree: &Path, writable: impl Iterator<Item = &'a Path>) -> Self {
        Self { tree: tree.to_owned(), mount_points: MountPoints::missing_in(writable) }
    }

    /// Removes what was left, once no command of ours lives; unless a run works in the same tree, which would lose its
    /// own. That one removes them when it ends.
    pub fn remove(&self) {
        if self.mount_points.paths().any(|path| path.symlink_metadata().is_ok()) && !self.is_shared() {
            self.mount_points.remove();
        }
    }

    fn is_shared(&self) -> bool {
        let live = StateDir::from_env().map(|state| RecordStore::look_at(state).live()).unwrap_or_default();
        let mut live = live.iter().filter(|run| run.liveness == Liveness::Live);
        live.any(|run| Path::new(&run.record.tree_root) == self.tree)
    }
}
