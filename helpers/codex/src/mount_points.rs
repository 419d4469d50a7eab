//! What Codex's sandbox leaves behind: it mounts over these names in every directory that a command may write, and when it is
//! interrupted the empty directories stay. They show on the host while any command runs.

use std::path::{Path, PathBuf};

use clodex_core::Sandbox;

use crate::exec_argv::SlashTmp;

/// The names, directly below each writable root.
pub const MOUNT_POINTS: [&str; 4] = [".git", ".agents", ".codex", ".aws"];

/// The directories in which they may appear. An empty directory of such a name that was not there before the run, and whose root no other
/// live run shares, is Codex's and may be removed.
pub fn mount_point_roots(
    sandbox: Sandbox,
    workdir: &Path,
    tmpdir: Option<&Path>,
    slash_tmp: SlashTmp,
) -> Vec<PathBuf> {
    match sandbox {
        Sandbox::ReadOnly | Sandbox::DangerFullAccess => Vec::new(),
        Sandbox::WorkspaceWrite => {
            let slash_tmp = match slash_tmp {
                SlashTmp::Private => Some(Path::new("/tmp")),
                SlashTmp::Shared => None,
            };
            [Some(workdir), tmpdir, slash_tmp].into_iter().flatten().map(Path::to_owned).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_written_gets_mount_points() {
        let roots = |sandbox, slash_tmp| {
            mount_point_roots(sandbox, Path::new("/w"), Some(Path::new("/t")), slash_tmp)
        };
        assert_eq!(roots(Sandbox::ReadOnly, SlashTmp::Private), Vec::<PathBuf>::new());
        assert_eq!(
            roots(Sandbox::WorkspaceWrite, SlashTmp::Private),
            ["/w", "/t", "/tmp"].map(PathBuf::from)
        );
        assert_eq!(roots(Sandbox::WorkspaceWrite, SlashTmp::Shared), ["/w", "/t"].map(PathBuf::from));
    }
}
