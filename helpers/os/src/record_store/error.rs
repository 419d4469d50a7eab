//! Why a record cannot be kept, and what the user can do about it.

use std::io;
use std::path::PathBuf;

use super::StateDir;
use crate::Error;

/// The state directory could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep the run's record in {}: {source}\nhint: {}", dir.display(), self.hint())]
pub struct StateError {
    dir: PathBuf,
    source: Box<Error>,
}

impl StateError {
    pub(super) fn new(dir: &StateDir, source: Error) -> Self {
        Self { dir: dir.path().to_owned(), source: Box::new(source) }
    }

    /// The system's own error, where there is one.
    pub fn io(&self) -> Option<&io::Error> {
        self.source.io()
    }

    fn hint(&self) -> &'static str {
        match self.io().map(io::Error::kind) {
            Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                "free some space on its file system, or set CLODEX_STATE_DIR to a directory on another one"
            }
            Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
                "set CLODEX_STATE_DIR to a directory that you may write"
            }
            Some(_) | None => "see that it is a directory of yours, or set CLODEX_STATE_DIR to another one",
        }
    }
}
