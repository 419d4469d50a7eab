//! What happens when a run changes something outside its scope. Pure.

/// What the user wants done about violations. The verdict is the same whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnViolation {
    /// They are told.
    Report,
    /// At the end of the run they are put back, as far as that can be done.
    Restore,
    /// The run is ended when the first one is seen, and they are told.
    FailFast,
}

impl OnViolation {
    /// The word used in flags, files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Restore => "restore",
            Self::FailFast => "fail-fast",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Report, Self::Restore, Self::FailFast].into_iter().find(|what| what.as_str() == word)
    }
}
