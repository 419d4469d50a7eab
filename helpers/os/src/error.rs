//! The one error type of this crate: what was tried on what, and what the system said.

use std::fmt::Display;
use std::io;

/// What went wrong at the system's edge.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused one operation.
    #[error("cannot {tried}: {source}")]
    System {
        /// What was tried, on what, as in `open lock "/x/y"`.
        tried: String,
        /// What the system said.
        source: io::Error,
    },
    /// The wrapper reported that it could not start the program, or could not contain it.
    #[error("{0}")]
    NotContained(String),
    /// Something on disk is not ours to use: wrong owner, wrong kind, open to others.
    #[error("{0}")]
    Untrusted(String),
}

/// Short for a result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The system's own error, where there is one: for callers that tell `ENOSPC` from `EACCES`.
    pub fn io(&self) -> Option<&io::Error> {
        match self {
            Self::System { source, .. } => Some(source),
            Self::NotContained(_) | Self::Untrusted(_) => None,
        }
    }
}

/// Says what was tried when a system call fails.
pub(crate) trait Tried<T> {
    fn tried(self, what: impl Display) -> Result<T>;
}

impl<T, E: Into<io::Error>> Tried<T> for std::result::Result<T, E> {
    fn tried(self, what: impl Display) -> Result<T> {
        self.map_err(|source| Error::System { tried: what.to_string(), source: source.into() })
    }
}
