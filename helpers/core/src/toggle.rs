//! What the toggle of a project says: whether Claude may write its source files. Owns the words and the flag's place.

/// Where the flag lies in a project.
pub const TOGGLE_FLAG: &str = ".claude/clodex-toggle.flag";

/// Whether Claude itself may write source files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toggle {
    /// It may.
    Off,
    /// It may, and is told that Codex could.
    Warn,
    /// It plans, and Codex writes.
    Deny,
}

impl Toggle {
    /// The word used in the flag and in commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Off, Self::Warn, Self::Deny].into_iter().find(|toggle| toggle.as_str() == word)
    }
}
