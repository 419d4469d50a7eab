//! What Codex is in a run.

use serde::{Deserialize, Serialize};

/// The role of Codex in a run. Only a worker writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Changes files inside the write scope.
    Worker,
    /// Runs checks on existing work.
    Verifier,
    /// Reads and criticises.
    Reviewer,
    /// Reads several results and makes one of them.
    Synthesizer,
}

impl Mode {
    /// All modes, in the order in which help texts list them.
    pub const ALL: [Self; 4] = [Self::Worker, Self::Verifier, Self::Reviewer, Self::Synthesizer];

    /// The word used in packets, flags and run ids.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Verifier => "verifier",
            Self::Reviewer => "reviewer",
            Self::Synthesizer => "synthesizer",
        }
    }

    /// Reads the word, whatever its case.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str().eq_ignore_ascii_case(word))
    }

    /// Whether this mode may write at all.
    pub fn writes(self) -> bool {
        self == Self::Worker
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
