//! Whether a run that has not ended is still carried by its dispatcher.

use serde::{Deserialize, Serialize};

/// What the lock beside a record says of the run. Asked of the system by the record store, shown by everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Liveness {
    /// Its dispatcher holds the lock.
    Live,
    /// The lock is free, or the machine was started anew: the dispatcher died without a word.
    Dead,
    /// Another machine's run in a shared state directory: shown, never closed from here.
    OtherHost,
    /// It ended, and its record says how.
    Ended,
}

impl Liveness {
    /// The word used in `clodex-status --json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Dead => "dead",
            Self::OtherHost => "other-host",
            Self::Ended => "ended",
        }
    }
}
