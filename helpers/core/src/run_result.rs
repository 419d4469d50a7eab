//! `result.json`: what came out of a run.

use serde::{Deserialize, Serialize};

use crate::{
    Claim, ClaimedVerdict, Ending, Finding, Mode, Outcome, RunId, RunRecord, Verdict, VerificationEntry,
    exit_code, utc_ms,
};

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
    /// What Codex said last, when it is neither `claim`, `answer` nor `findings`: free text, or the part that there is
    /// of work that was stopped. Its beginning; all of it is in `result.md`.
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
    /// How Codex was driven in the end: `exec` or `app-server`.
    #[serde(default)]
    pub backend: String,
    /// As Codex tells itself.
    pub codex_version: Option<String>,
    /// Model asked for, when one was.
    pub model: Option<String>,
    /// Absolute directory of the artifacts.
    pub artifact_dir: String,
    /// File names in it.
    pub artifacts: Vec<String>,
}

impl RunResult {
    /// The result of a run whose dispatcher died, as its record tells it: the work failed, and nobody judged what it
    /// changed. `artifacts` are the names beside it.
    pub fn unjudged(record: &RunRecord, artifacts: Vec<String>) -> Self {
        let (outcome, verdict) = (Outcome::Failed, Verdict::Unknown);
        let ended = record.ended.as_deref().and_then(utc_ms);
        let took = utc_ms(&record.started).and_then(|started| u64::try_from(ended? - started).ok());
        Self {
            version: 1,
            run_id: record.id.clone(),
            mode: record.mode,
            outcome,
            verdict,
            exit_code: exit_code(verdict, outcome, Ending::TurnFailed, false).into(),
            policy_violation: false,
            scope_ok: false,
            summary: record.summary.clone().unwrap_or_default(),
            hint: Some(unjudged_hint(record)),
            claim: None,
            claimed_verdict: None,
            answer: None,
            findings: None,
            message: None,
            recovered: false,
            error: None,
            files_seen: vec![],
            commands_seen: vec![],
            verification: vec![],
            tokens: None,
            durations: Durations { total_ms: took.unwrap_or_default(), ..Durations::default() },
            thread_id: record.thread_id.clone(),
            resume: record.thread_id.as_ref().map(|_| format!("clodex-resume {}", record.id)),
            backend: record.backend.clone(),
            codex_version: record.codex_version.clone(),
            model: record.model.clone(),
            artifact_dir: record.artifact_dir.clone(),
            artifacts,
        }
    }
}

/// The record names the container from the moment on in which Codex may work.
fn unjudged_hint(record: &RunRecord) -> String {
    let id = &record.id;
    match (record.container, &record.thread_id) {
        (None, _) => "Codex had not begun to work: dispatch it again".to_owned(),
        (Some(_), None) => {
            format!("check the tree by hand, nobody compared it; `clodex-debug {id}` shows what the run did")
        }
        (Some(_), Some(_)) => format!(
            "check the tree by hand, nobody compared it; `clodex-debug {id}` shows what the run did, \
             `clodex-dispatch --resume {id} TEXT` continues its thread"
        ),
    }
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
