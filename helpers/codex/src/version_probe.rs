//! Asks a Codex binary for its version, once for each build of it.

use std::path::Path;
use std::time::Duration;

use clodex_os::ShortCommand;
use clodex_os::atomic_file::{self, Durability};

use crate::version::{CodexVersion, VersionCache};

/// It takes 7 ms, 50 through node; a machine under load takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The version of `binary`, kept in `state_dir` where there is one. An error only when it could not be started or did
/// not end; what it said instead of a version is in the answer.
pub fn probe_version(binary: &Path, state_dir: Option<&Path>) -> clodex_os::Result<CodexVersion> {
    let cache_file = state_dir.map(|dir| dir.join(VersionCache::FILE));
    let cached = cache_file.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
    let ask = || {
        let finished = ShortCommand::new(binary, PATIENCE).args(["--version"]).run()?;
        Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
    };
    let (version, fresh) = VersionCache::version_of(binary, cached.as_deref(), ask)?;
    if let (Some(path), Some(text)) = (cache_file, fresh) {
        // Without it the next run asks again.
        let _ = atomic_file::replace(&path, text.as_bytes(), Durability::Cached);
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use clodex_sim::write_program;

    use super::*;

    /// A program that counts how often it is asked.
    fn stand_in(dir: &Path, says: &str) -> std::path::PathBuf {
        let path = dir.join("codex");
        let script = format!("#!/bin/sh\necho asked >> '{}/asked'\necho '{says}'\n", dir.display());
        write_program(&path, &script).unwrap();
        path
    }

    #[test]
    fn a_binary_is_asked_once() {
        let dir = tempfile::tempdir().unwrap();
        let binary = stand_in(dir.path(), "codex-cli 0.169.0");
        for _ in 0..2 {
            assert_eq!(probe_version(&binary, Some(dir.path())).unwrap().text().as_deref(), Some("0.169.0"));
        }
        assert_eq!(std::fs::read_to_string(dir.path().join("asked")).unwrap(), "asked\n");
    }

    #[test]
    fn a_codex_that_is_gone_is_an_error_and_one_that_babbles_is_not() {
        let dir = tempfile::tempdir().unwrap();
        assert!(probe_version(&dir.path().join("codex"), None).is_err());
        let binary = stand_in(dir.path(), "segmentation fault");
        assert_eq!(
            probe_version(&binary, None).unwrap(),
            CodexVersion::Unreadable("segmentation fault".into())
        );
    }
}
