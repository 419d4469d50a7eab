//! What of the git directories a worker may write that may commit: all but what decides how git behaves, and what
//! belongs to other work trees.

use std::path::Path;

use clodex_core::{Access, Grants};

use crate::Tree;

/// Names in a git directory that change what git does, here or elsewhere.
const BEHAVIOUR: [&str; 7] =
    ["hooks", "config", "config.worktree", "info", "modules", "worktrees", "objects/info"];
/// What else of the common directory is the main work tree's own, for a linked one.
const MAIN_TREE: [&str; 2] = ["HEAD", "index"];
/// What ties a linked work tree to its repository.
const LINK: [&str; 3] = ["gitdir", "commondir", "config.worktree"];

/// Lets the worker commit. Only what is there can be held: what is made anew is found afterwards.
pub(super) fn allow_commit(tree: &Tree, grants: &mut Grants) {
    let (own, common) = (tree.git_dir(), tree.common_dir());
    grants.set(common, Access::Write);
    hold(grants, common, &BEHAVIOUR);
    if own != common {
        hold(grants, common, &MAIN_TREE);
        grants.set(own, Access::Write);
        hold(grants, own, &LINK);
    }
}

fn hold(grants: &mut Grants, dir: &Path, names: &[&str]) {
    for path in names.iter().map(|name| dir.join(name)) {
        if path.symlink_metadata().is_ok_and(|found| !found.is_symlink()) {
            grants.set(path, Access::Read);
        }
    }
}
