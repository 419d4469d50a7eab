//! What Codex's sandbox leaves in the tree when a command is interrupted. It goes with a server of ours.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clodex_codex::MountPoints;
use clodex_core::Liveness;
use clodex_os::record_store::{RecordStore, StateDir};
use clodex_scope::Tree;

/// Directories that are there because of a session's sandboxes.
#[derive(Debug, Clone, Default)]
pub struct SandboxLeftovers {
    tree: PathBuf,
    mount_points: MountPoints,
    /// The tree's top, locked by each session that may write below it. None = nobody can tell who else does.
    lock: Option<Arc<File>>,
}

impl SandboxLeftovers {
    /// What may be left in these writable directories of a tree; looked at before any command runs.
    pub fn expect<'a>(tree: &Path, writable: impl Iterator<Item = &'a Path>) -> Self {
        let lock = File::open(tree).and_then(|top| Ok(top.try_lock_shared().map(|()| Arc::new(top))?)).ok();
        Self { tree: tree.to_owned(), mount_points: MountPoints::missing_in(writable), lock }
    }

    /// The same for Codex's own mode that lets commands write in the work directory.
    pub fn of_workspace(workdir: &Path) -> Self {
        let tree = Tree::discover(workdir).map_or_else(|_| workdir.to_owned(), |tree| tree.root().to_owned());
        Self::expect(&tree, std::iter::once(workdir))
    }

    /// Removes what was left, once no command of ours lives; unless somebody else works in the same tree, who would
    /// lose what is mounted there.
    pub fn remove(&self) {
        if self.mount_points.paths().any(|path| path.symlink_metadata().is_ok()) && self.is_alone() {
            self.mount_points.remove();
        }
        // Nobody is to wait for a session whose server has ended.
        let _ = self.lock.as_ref().map(|top| top.unlock());
    }

    fn is_alone(&self) -> bool {
        let live = StateDir::from_env().map(|state| RecordStore::look_at(state).live()).unwrap_or_default();
        let is_here = |root: &Path| root.starts_with(&self.tree) || self.tree.starts_with(root);
        let mut live = live.iter().filter(|run| run.liveness == Liveness::Live);
        !live.any(|run| is_here(Path::new(&run.record.tree_root)))
            && self.lock.as_ref().is_some_and(|top| top.try_lock().is_ok())
    }
}
