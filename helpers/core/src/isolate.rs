//! Whether a run works in a worktree of its own, and on top of what.

use serde::{Deserialize, Serialize};

/// Where a run works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolate {
    /// In the user's own tree.
    Off,
    /// In a worktree at the user's HEAD.
    Head,
    /// In a worktree at the user's HEAD, with what is uncommitted in the user's tree.
    WithDirty,
}

impl Isolate {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Head, Self::WithDirty];

    /// The word used in flags and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Head => "head",
            Self::WithDirty => "with-dirty",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isolate| isolate.as_str() == word)
    }

    /// Whether the run has a worktree of its own.
    pub fn is_on(self) -> bool {
        match self {
            Self::Off => false,
            Self::Head | Self::WithDirty => true,
        }
    }
}
