//! What to do now: one line for whoever reads the report of a run that did not end as wished. Pure.

use clodex_core::{ExitCode, FailureKind, Outcome, RunId, Verdict};

use crate::isolate::Left;

/// What the line depends on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The dispatcher's exit code.
    pub code: ExitCode,
    /// What was found about scope.
    pub verdict: Verdict,
    /// Whether everything outside the scope is as it was before.
    pub put_back: bool,
    /// What became of the work.
    pub outcome: Outcome,
    /// Whether the account's limits did not let it begin.
    pub over_quota: bool,
    /// What kind of failure Codex told of.
    pub failure: FailureKind,
    /// The run.
    pub run_id: &'a RunId,
    /// The conversation, where it can be continued.
    pub thread_id: Option<&'a str>,
    /// Whether an isolated run left changes to be landed.
    pub left: Left,
}

/// The next step; none for a run that is done and has nothing to land.
pub fn next_step(at: &Situation<'_>) -> Option<String> {
    let step = step(at);
    let id = at.run_id;
    match at.left {
        Left::Nothing => step,
        Left::Changes | Left::OnlyInWorktree if at.verdict == Verdict::Unknown => step,
        Left::OnlyInWorktree => {
            let take = format!(
                "take what you want from its worktree, then `clodex-apply --discard {id}` removes that"
            );
            Some(step.map_or(take.clone(), |step| format!("{step}; {take}")))
        }
        Left::Changes if at.code == ExitCode::Violation => Some(format!(
            "look at changes.patch; `clodex-apply {id}` lands only what is in scope, `clodex-apply --discard {id}` discards everything"
        )),
        Left::Changes => {
            let land = format!(
                "`clodex-apply {id}` lands what it changed, `clodex-apply --discard {id}` throws it away"
            );
            Some(step.map_or(land.clone(), |step| format!("{step}; {land}")))
        }
    }
}

fn step(at: &Situation<'_>) -> Option<String> {
    let id = at.run_id;
    Some(match at.code {
        ExitCode::Done => return None,
        ExitCode::Violation if at.verdict == Verdict::Unknown => {
            "check the tree by hand: the notes list what could not be compared".to_owned()
        }
        ExitCode::Violation if at.put_back => {
            "it was restored; apply quarantine.patch to get it back, and widen WRITE SCOPE if it was wanted"
                .to_owned()
        }
        ExitCode::Violation => {
            format!(
                "look at changes.patch; put it back with `clodex-scope restore {id}`, or widen WRITE SCOPE and dispatch again"
            )
        }
        ExitCode::Refused if at.over_quota => {
            "wait until it resets, take a tier or model with limits of its own, or start with --force"
                .to_owned()
        }
        ExitCode::Refused => {
            "commit or stash the changes in scope, or start with --allow-dirty-overlap".to_owned()
        }
        ExitCode::Cancelled => or_resume("dispatch it again", at.thread_id),
        ExitCode::Watchdog if at.outcome == Outcome::Stalled => or_resume(
            &format!("see `clodex-debug {id}`; raise --heartbeat-sec if it was still working"),
            at.thread_id,
        ),
        ExitCode::Watchdog => or_resume("raise --timeout-sec", at.thread_id),
        ExitCode::Unreachable => unreachable(at.failure, id),
        ExitCode::Protocol => format!("see result.md, and `clodex-debug {id}` for what Codex sent"),
        ExitCode::TurnFailed => turn_failed(at.failure, id),
        ExitCode::NotDelivered => {
            or_resume(&format!("read what it reports: `clodex-result {id}`"), at.thread_id)
        }
        ExitCode::Usage => format!("see `clodex-debug {id}`"),
    })
}

fn or_resume(what: &str, thread_id: Option<&str>) -> String {
    match thread_id {
        Some(thread) => format!("{what}; continue it with --resume {thread}"),
        None => what.to_owned(),
    }
}

fn unreachable(failure: FailureKind, id: &RunId) -> String {
    match failure {
        FailureKind::Unauthorized => {
            "log in with `codex login`, or set the API key that the model provider wants".to_owned()
        }
        FailureKind::Configuration => "correct the file of Codex's configuration that it names".to_owned(),
        FailureKind::Connection => {
            "check the network, the proxy settings and the model provider's address, then try again"
                .to_owned()
        }
        FailureKind::UsageLimit
        | FailureKind::RateLimit
        | FailureKind::ModelUnavailable
        | FailureKind::Overloaded
        | FailureKind::ContextWindow
        | FailureKind::Thread
        | FailureKind::Other => {
            format!("try `codex exec hello` by hand; `clodex-debug {id}` shows what it said")
        }
    }
}

fn turn_failed(failure: FailureKind, id: &RunId) -> String {
    match failure {
        FailureKind::UsageLimit => {
            "wait until the limit is reset, or choose another model with --tier or -m".to_owned()
        }
        FailureKind::RateLimit | FailureKind::Overloaded => "try again in a while".to_owned(),
        FailureKind::ModelUnavailable => "choose another model with --tier or -m".to_owned(),
        FailureKind::ContextWindow => "split the task into smaller ones, or start a new thread".to_owned(),
        FailureKind::Thread => {
            "take the thread id from `clodex-status --all`, wait for its other run, or start without --resume"
                .to_owned()
        }
        FailureKind::Unauthorized
        | FailureKind::Configuration
        | FailureKind::Connection
        | FailureKind::Other => {
            format!("see `clodex-debug {id}`")
        }
    }
}
