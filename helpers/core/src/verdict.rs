//! What the machine found out about the scope of a run. Never what somebody says of it.

use serde::{Deserialize, Serialize};

/// The verdict over a run's scope. `Unknown` never passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing changed outside the scope.
    Clean,
    /// Something changed outside the scope.
    Violation,
    /// A gate refused the run; nothing was started.
    Refused,
    /// The comparison could not be completed.
    Unknown,
}

impl Verdict {
    /// The word used in records and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Violation => "violation",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What happened to the thing that a violation names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViolationKind {
    /// It was not there before.
    Added,
    /// It is not there any more.
    Removed,
    /// Its content, mode, target or flags differ.
    Modified,
    /// It is another kind of thing now (file, directory, symlink, …).
    TypeChanged,
}

/// One change outside the scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Violation {
    /// Repo-relative path (see [`crate::path_text`]), or `HEAD`, `refs/…`, `.git/…`, `index:<path>`.
    pub path: String,
    /// What happened to it.
    pub kind: ViolationKind,
    /// Before → after, in a few words.
    pub detail: String,
    /// Whether it was put back.
    pub restored: bool,
    /// What did it, as far as that can be told: `patch`, `command …`, `during …`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}
