//! One start at a time in a project: who looks at the live runs and then begins one must not be overtaken in between.

use std::io;
use std::time::{Duration, Instant};

use super::{RecordStore, StateError};
use crate::RunLock;
use crate::error::Error;

/// It is held for a look at the live records and the writing of one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Held while a run is begun. Let go by dropping it, or by the holder's death.
#[derive(Debug)]
pub struct StartLock {
    _held: RunLock,
}

impl RecordStore {
    /// Waits for the runs of this project that begin right now.
    pub fn one_start_at_a_time(&self, git_common_dir: &str) -> Result<StartLock, StateError> {
        let path = self.dir.start_lock(git_common_dir);
        let late = || Error::System {
            tried: format!("lock {}", path.display()),
            source: io::Error::new(io::ErrorKind::TimedOut, "another start holds it"),
        };
        let held = RunLock::acquire_until(&path, Instant::now() + PATIENCE)
            .and_then(|held| held.ok_or_else(late))
            .map_err(|source| StateError::new(&self.dir, source))?;
        Ok(StartLock { _held: held })
    }
}
