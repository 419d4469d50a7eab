//! Why a flow stops: the word that schedule, journal and report have in common.

use serde::{Deserialize, Serialize};

/// Why nothing more happens by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// Everything is through.
    Done,
    /// Answers are waited for.
    Waiting,
    /// Something failed.
    Failed,
    /// Somebody wanted it.
    Cancelled,
    /// Time was up.
    OutOfTime,
    /// So many tokens may be taken and no more.
    OutOfTokens,
}

impl EndReason {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::OutOfTime => "out of time",
            Self::OutOfTokens => "out of tokens",
        }
    }
}
