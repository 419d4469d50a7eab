//! The fold of the events so far: what a run is doing now.

mod command_phase;
mod fold;

use serde::{Deserialize, Serialize};

pub use command_phase::command_phase;
pub use fold::{ProgressFold, ThreadBase};

/// What a run is doing, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Codex boots, the baseline is taken.
    #[default]
    Starting,
    /// The model thinks or writes.
    Thinking,
    /// The model looks for what is wrong with a change.
    Reviewing,
    /// A command that only looks.
    Reading,
    /// A patch.
    Editing,
    /// A command or a tool.
    Running,
    /// A test command.
    Testing,
    /// clodex runs the packet's verification.
    Verifying,
    /// A question is open.
    Waiting,
    /// The connection to the model is lost.
    Reconnecting,
    /// Codex ended; the verdict is being made.
    Finishing,
}

impl Phase {
    /// The word used in records and live lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Thinking => "thinking",
            Self::Reviewing => "reviewing",
            Self::Reading => "reading",
            Self::Editing => "editing",
            Self::Running => "running",
            Self::Testing => "testing",
            Self::Verifying => "verifying",
            Self::Waiting => "waiting",
            Self::Reconnecting => "reconnecting",
            Self::Finishing => "finishing",
        }
    }
}

/// Files touched so far, against the scope where it names files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FilesTouched {
    /// Distinct files that patches named.
    pub touched: u32,
    /// Files that the scope names, when it names only files.
    pub of: Option<u32>,
}

/// What a run has done and is doing. Part of the run's record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// The file, command or tool it is busy with; empty when there is none.
    pub activity: String,
    /// Files touched so far.
    pub files: FilesTouched,
    /// Commands that ended.
    pub commands_run: u32,
    /// Of those, failed.
    pub commands_failed: u32,
    /// Tokens of this run (not of the thread), input and output; absent until known.
    pub tokens: Option<u64>,
    /// Steps done and in all of the model's own plan.
    pub plan: Option<(u32, u32)>,
    /// The last error, in Codex's words.
    pub last_error: Option<String>,
    /// Milliseconds from the run's start to the last sign of life.
    pub last_life_ms: u64,
    /// Lines seen so far.
    pub events: u64,
}
