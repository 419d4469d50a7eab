//! HEAD's commit in a repository whose refs are in reftable format, which neither we nor libgit2 read: git itself is
//! asked, with a neutral configuration. `rev-parse` runs nothing of the repository's.

use std::time::Duration;

use clodex_os::{ExitKind, ShortCommand};

use crate::Tree;

const LIMIT: Duration = Duration::from_secs(10);

/// The commit's id in hex; none for other formats, an unborn branch, or without git.
pub(crate) fn reftable_head(tree: &Tree) -> Option<Vec<u8>> {
    if !tree.common_dir().join("reftable").is_dir() {
        return None;
    }
    let mut git = ShortCommand::new("git", LIMIT)
        .args(["-c", "safe.directory=*", "-c", "core.fsmonitor=false", "--git-dir"])
        .args([tree.git_dir()])
        .args(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    for name in
        ["GIT_DIR", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_CEILING_DIRECTORIES"]
    {
        git = git.env_remove(name);
    }
    let said = git.run().ok().filter(|finished| finished.status == ExitKind::Exit(0))?;
    Some(said.stdout.trim_ascii_end().to_vec())
}
