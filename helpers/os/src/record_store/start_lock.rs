//! One start at a time in a project, and in work trees that contain each other: who looks at the live runs and then begins
//! one must not be overtaken in between.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use clodex_core::path_text;

use super::{RecordStore, StateError};
use crate::RunLock;
use crate::error::Error;

/// It is held for a look at the live records and the writing of one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Held while a run is begun. Let go by dropping it, or by the holder's death.
#[derive(Debug)]
pub struct StartLock {
    _held: Vec<RunLock>,
}

impl RecordStore {
    /// Waits for the runs of this project that begin right now.
    pub fn one_start_at_a_time(&self, git_common_dir: &str) -> Result<StartLock, StateError> {
        Ok(StartLock { _held: vec![self.wait_for_start(git_common_dir)?] })
    }

    /// The same, and for the runs in all work trees that contain this one or lie in it, whatever project they are of: all
    /// of these lie in one outermost tree.
    pub fn one_start_at_a_time_around(
        &self,
        tree_root: &Path,
        git_common_dir: &str,
    ) -> Result<StartLock, StateError> {
        let is_tree = |dir: &&Path| dir.join(".git").symlink_metadata().is_ok();
        let outermost = tree_root.ancestors().filter(is_tree).last().unwrap_or(tree_root);
        let outermost = path_text(outermost.as_os_str().as_encoded_bytes());
        let both = vec![self.wait_for_start(&outermost)?, self.wait_for_start(git_common_dir)?];
        Ok(StartLock { _held: both })
    }

    fn wait_for_start(&self, place: &str) -> Result<RunLock, StateError> {
        let path = self.dir.start_lock(place);
        let late = || Error::System {
            tried: format!("lock {}", path.display()),
            source: io::Error::new(io::ErrorKind::TimedOut, "another start holds it"),
        };
        RunLock::acquire_until(&path, Instant::now() + PATIENCE)
            .and_then(|held| held.ok_or_else(late))
            .map_err(|source| StateError::new(&self.dir, source))
    }
}
