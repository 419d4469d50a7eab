//! The record of a run: one JSON file in the state directory, all that statusline, status, cancel and hooks read.

use serde::{Deserialize, Serialize};

use crate::{Containment, Enforcement, Mode, Outcome, Progress, QuestionPart, Quota, RunId, Verdict};

/// Format version of the record.
pub const RECORD_VERSION: u32 = 1;

/// Everything that others may know of a run while it lives and afterwards.
///
/// Times are UTC in RFC 3339 with milliseconds. Paths are text (see [`crate::path_text`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// [`RECORD_VERSION`].
    pub version: u32,
    /// Id of the run.
    pub id: RunId,
    /// Short name for people; not unique.
    pub name: String,
    /// What Codex is in this run.
    pub mode: Mode,
    /// First line of the packet's objective, bounded.
    pub objective: String,
    /// Absolute work directory.
    pub workdir: String,
    /// Absolute top of the work tree.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tree_root: String,
    /// What it may change, as understood: relative to the top, directories with a trailing slash; empty = nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub write_scope: Vec<String>,
    /// Absolute git common directory: what makes runs of several worktrees one project.
    pub git_common_dir: String,
    /// Where it works instead of the user's own tree; `workdir` and `tree_root` lie in there then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolated: Option<Isolated>,
    /// Claude Code session that started it.
    pub session_id: Option<String>,
    /// The Claude Code process in which that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claude: Option<ProcessMark>,
    /// Whether the run outlives its caller.
    pub detached: bool,
    /// Machine that runs it.
    pub host: String,
    /// Boot of that machine; pids mean nothing across boots.
    pub boot_id: String,
    /// The dispatcher itself.
    pub dispatcher: ProcessMark,
    /// The outermost process around Codex, once started.
    pub container: Option<ProcessMark>,
    /// The namespace's init, when containment is `kernel`.
    pub init: Option<ProcessMark>,
    /// Codex itself.
    pub codex: Option<ProcessMark>,
    /// How Codex is driven: `exec` or `app-server`.
    pub backend: String,
    /// As it tells itself, e.g. `0.169.0`.
    pub codex_version: Option<String>,
    /// Conversation with Codex.
    pub thread_id: Option<String>,
    /// Model asked for, when one was.
    pub model: Option<String>,
    /// How the processes are held.
    pub containment: Option<Containment>,
    /// What holds writes back.
    pub enforcement: Enforcement,
    /// When it was accepted.
    pub started: String,
    /// When this record was last written.
    pub updated: String,
    /// When it ended.
    pub ended: Option<String>,
    /// When the watchdog will end it.
    pub deadline: Option<String>,
    /// Seconds without a sign of life after which it counts as stalled; 0 = never.
    pub heartbeat_sec: u64,
    /// What it is doing.
    pub progress: Progress,
    /// What became of it.
    pub outcome: Option<Outcome>,
    /// What was found about scope.
    pub verdict: Option<Verdict>,
    /// Exit code of the dispatcher.
    pub exit_code: Option<i32>,
    /// One line for people: why it failed, what it delivered.
    pub summary: Option<String>,
    /// The flow that it is a step of.
    pub flow: Option<Flow>,
    /// How much of the account's limits was used when it was told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// Questions that wait for an answer.
    pub open_requests: Vec<OpenRequest>,
    /// Absolute directory of its artifacts.
    pub artifact_dir: String,
    /// Private temporary directory of the run; whoever closes the run removes it.
    pub scratch_dir: Option<String>,
    /// Absolute directories that were not there before and that an interrupted sandbox leaves behind, empty; whoever
    /// closes the run removes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mount_points: Vec<String>,
    /// SHA-256 of `seal.json`, hex, once sealed.
    pub seal: Option<String>,
}

/// A worktree of its own, outside of the repository, that a run works in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolated {
    /// Absolute top of the worktree.
    pub worktree: String,
    /// Absolute work directory that it was asked for.
    pub source_workdir: String,
    /// Absolute top of the user's tree: where its changes land.
    pub source_root: String,
    /// The commit that it began with; empty until the worktree is there.
    pub base: String,
}

/// A process that cannot be confused with a later one of the same pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessMark {
    /// Process id on the host.
    pub pid: i32,
    /// Start time in clock ticks since boot.
    pub start_ticks: u64,
}

/// The place of a run in a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Id of the flow.
    pub id: String,
    /// Name of the step.
    pub step: String,
    /// What the run is shown as instead of by its name: `split 2/3 implement`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

/// A question of Codex that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRequest {
    /// Id to answer with.
    pub id: String,
    /// What is asked, in one line.
    pub question: String,
    /// When the default answer is given.
    pub deadline: String,
    /// All of what is asked, where that does not fit into one line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// What it wants to know in words; empty = accept or decline.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<QuestionPart>,
}

impl OpenRequest {
    /// All of what is asked, and what can be answered: nobody may agree to what cannot be read to its end.
    pub fn whole(&self) -> Vec<String> {
        let asked = if self.lines.is_empty() { vec![self.question.clone()] } else { self.lines.clone() };
        asked.into_iter().chain(self.parts.iter().flat_map(QuestionPart::lines)).collect()
    }

    /// What can follow a run's name (and the question's id) to answer it.
    pub fn answers(&self) -> String {
        match self.parts.as_slice() {
            [] => "accept|decline|cancel".to_owned(),
            [_] => "TEXT|decline|cancel".to_owned(),
            several => {
                let each: Vec<String> = several.iter().map(|part| format!("{}=TEXT", part.id)).collect();
                format!("{}|decline|cancel", each.join(" "))
            }
        }
    }
}
