//! How a run's processes are held, and how its writes are held back.

use serde::{Deserialize, Serialize};

/// How the run's processes are contained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Containment {
    /// In a user, pid and mount namespace: when its init dies, the kernel ends every process of the run.
    Kernel,
    /// By a sub-reaper, the process group and an inherited mark: tried, checked, survivors named.
    BestEffort,
}

/// What keeps a worker from writing outside its scope while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Enforcement {
    /// A Codex permission profile made from the packet's scope.
    Profile,
    /// Codex's own `read-only` or `workspace-write` sandbox.
    Sandbox,
    /// Nothing: the user bypassed the sandbox explicitly.
    None,
}

impl Enforcement {
    /// The word used in flags, files and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Sandbox => "sandbox",
            Self::None => "none",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Profile, Self::Sandbox, Self::None]
            .into_iter()
            .find(|enforcement| enforcement.as_str() == word)
    }
}

/// Codex's legacy sandbox modes (`codex exec -s`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sandbox {
    /// Nothing may be written.
    ReadOnly,
    /// The work directory and the temp directory may be written.
    WorkspaceWrite,
    /// No sandbox at all.
    DangerFullAccess,
}

impl Sandbox {
    /// The word Codex and our `-s` flag use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::WorkspaceWrite => "workspace-write",
            Self::DangerFullAccess => "danger-full-access",
        }
    }
}
