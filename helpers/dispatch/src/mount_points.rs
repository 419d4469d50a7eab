//! Codex's sandbox mounts empty directories over sensitive names in every writable root, and a Codex that was ended in
//! the middle leaves them behind. They are invisible to git and in everybody's way.

use std::fs;
use std::path::{Path, PathBuf};

use clodex_codex::MOUNT_POINTS;
use clodex_core::Sandbox;
use clodex_scope::Baseline;

/// Removes those below `root` that are empty and were not there before. The caller sees to it that no live run shares
/// the root: its sandbox would lose them.
pub fn remove_left_behind(root: &Path, baseline: &Baseline) {
    for name in MOUNT_POINTS {
        let path = root.join(name);
        let below =
            path.strip_prefix(baseline.tree().root()).map(|below| below.as_os_str().as_encoded_bytes());
        if below.is_ok_and(|below| !baseline.has(below)) {
            // Fails on anything but an empty directory, which is what is wanted.
            let _ = fs::remove_dir(&path);
        }
    }
}

/// Those that are not there yet: where this run is killed, whoever closes it may remove them.
pub fn to_appear(sandbox: Sandbox, workdir: &Path) -> Vec<PathBuf> {
    match sandbox {
        Sandbox::ReadOnly | Sandbox::DangerFullAccess => vec![],
        Sandbox::WorkspaceWrite => {
            let paths = MOUNT_POINTS.iter().map(|name| workdir.join(name));
            paths.filter(|path| fs::symlink_metadata(path).is_err()).collect()
        }
    }
}
