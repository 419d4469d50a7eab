//! Directories that are in the tree because of a run and are to go with it: what Codex's sandbox mounts over sensitive
//! names in every writable directory and leaves behind when it is interrupted, and what had to be made so that it could
//! be granted. Empty ones only; they are invisible to git and in everybody's way.

use std::fs;
use std::path::{Path, PathBuf};

use clodex_codex::MountPoints;
use clodex_core::{Access, Enforcement, Sandbox};

use crate::plan::Plan;

/// Directories of a run that were not there before it.
#[derive(Debug, Clone, Default)]
pub struct Temporary {
    mounted: MountPoints,
    made: Vec<PathBuf>,
}

impl Temporary {
    /// What will be there, looked at before anything is.
    pub fn of(plan: &Plan, enforcement: Enforcement) -> Self {
        let (roots, made) = match (enforcement, plan.sandbox) {
            (Enforcement::Profile, _) => {
                let granted = plan.reach.grants.iter().filter(|(_, access)| *access == Access::Write);
                (granted.map(|(path, _)| path).collect(), plan.reach.create.clone())
            }
            (Enforcement::Sandbox, Sandbox::WorkspaceWrite) => (vec![plan.workdir.as_path()], vec![]),
            (Enforcement::Sandbox, Sandbox::ReadOnly | Sandbox::DangerFullAccess)
            | (Enforcement::None, _) => (vec![], vec![]),
        };
        let is_missing = |path: &PathBuf| fs::symlink_metadata(path).is_err();
        Self {
            mounted: MountPoints::missing_in(roots.into_iter()),
            made: made.into_iter().filter(is_missing).collect(),
        }
    }

    /// All of them in the order in which they can be removed: where this run is killed, whoever closes it does it.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.mounted.paths().chain(self.made.iter().rev().map(PathBuf::as_path))
    }

    /// Makes what is to be granted; tells what could not be made.
    pub fn make(&self) -> Vec<String> {
        let failed = |path: &PathBuf| {
            let error = fs::create_dir(path).err()?;
            (error.kind() != std::io::ErrorKind::AlreadyExists)
                .then(|| format!("cannot make {}, so the worker cannot write there: {error}", path.display()))
        };
        self.made.iter().filter_map(failed).collect()
    }

    /// Removes what a sandbox left behind. The caller sees to it that no live run works in the same tree: its sandbox
    /// would lose them.
    pub fn unmount(&self) {
        self.mounted.remove();
    }

    /// Removes what was made and stayed empty, once the tree was compared; under the same condition.
    pub fn unmake(&self) {
        remove_empty(self.made.iter().rev().map(PathBuf::as_path));
    }
}

/// Removes those that are empty directories.
pub fn remove_empty<'a>(paths: impl Iterator<Item = &'a Path>) {
    for path in paths {
        // Fails on anything but an empty directory, which is what is wanted.
        let _ = fs::remove_dir(path);
    }
}
