//! `result.json`: what came out of a run.

use serde::{Deserialize, Serialize};

use crate::{Claim, ClaimedVerdict, Finding, Mode, Outcome, RunId, Verdict, VerificationEntry};

/// Everything that came out of a run, as written to `result.json` and printed by `--json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// Format version; 1.
    pub version: u32,
    /// Id of the run.
    pub run_id: RunId,
    /// What Codex was in this run.
    pub mode: Mode,
    /// What became of it.
    pub outcome: Outcome,
    /// What was found about scope.
    pub verdict: Verdict,
    /// Exit code of the dispatcher.
    pub exit_code: i32,
    /// Whether the verdict is a violation.
    pub policy_violation: bool,
    /// Whether the verdict is clean.
    pub scope_ok: bool,
    /// One line for people: why it failed, what it delivered.
    pub summary: String,
    /// What to do now, when it did not end as wished.
    #[serde(default)]
    pub hint: Option<String>,
    /// The worker's structured answer, when it gave one that follows the schema.
    pub claim: Option<Claim>,
    /// The worker's own word, structured or from the last line.
    pub claimed_verdict: Option<ClaimedVerdict>,
    /// The answer to a schema of the user's own (`--output-schema`).
    pub answer: Option<serde_json::Value>,
    /// What a review found, worst first; there exactly when a review came to its end and its answer holds together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<Finding>>,
    /// What Codex said last, when it is neither `claim`, `answer` nor `findings`: free text, or the part that there is of work that
    /// was stopped. Its beginning; all of it is in `result.md`.
    #[serde(default)]
    pub message: Option<String>,
    /// Whether the final message was taken from Codex's rollout file.
    pub recovered: bool,
    /// The last error, in Codex's words.
    pub error: Option<String>,
    /// Files that patches of the stream named, repo-relative where they are inside it.
    pub files_seen: Vec<String>,
    /// Commands of the stream, in order of their end.
    pub commands_seen: Vec<CommandSeen>,
    /// The packet's VERIFICATION, joined to the commands of the stream, and to clodex's own checks with `--verify`.
    pub verification: Vec<VerificationEntry>,
    /// Tokens of this run; absent when Codex told none.
    pub tokens: Option<Tokens>,
    /// How long things took.
    pub durations: Durations,
    /// Conversation with Codex.
    pub thread_id: Option<String>,
    /// A line that continues the conversation by hand.
    pub resume: Option<String>,
    /// As Codex tells itself.
    pub codex_version: Option<String>,
    /// Model asked for, when one was.
    pub model: Option<String>,
    /// Absolute directory of the artifacts.
    pub artifact_dir: String,
    /// File names in it.
    pub artifacts: Vec<String>,
}

/// A command that the stream told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSeen {
    /// As the model wrote it, without the shell wrapper.
    pub command: String,
    /// Absent when it never ended or was not told.
    pub exit_code: Option<i32>,
    /// Milliseconds from its start to its end, as seen here.
    pub duration_ms: Option<u64>,
}

/// Tokens of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tokens {
    /// Read by the model, cached ones included.
    pub input: u64,
    /// Of `input`, from the cache.
    pub cached_input: u64,
    /// Written by the model, reasoning included.
    pub output: u64,
    /// Of `output`, reasoning.
    pub reasoning: u64,
}

/// How long the parts of a run took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Durations {
    /// From acceptance to the report.
    pub total_ms: u64,
    /// From Codex's start to its end.
    pub codex_ms: u64,
    /// The snapshot before.
    pub baseline_ms: u64,
    /// The snapshot after and its comparison.
    pub compare_ms: u64,
    /// The commands of the packet's VERIFICATION, run by clodex, and what they changed.
    #[serde(default)]
    pub verify_ms: u64,
}
