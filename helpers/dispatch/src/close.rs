//! The end of a run: the tree is still. Compare, judge, write everything down, seal it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clodex_core::{
    Claim, Denied, Durations, Ending, Enforcement, ExitCode, FailureKind, Grants, Outcome, Policy, RunRecord,
    RunResult, RunStory, Turn, Verdict, VerificationEntry, claim_about, exit_code,
};
use clodex_os::ExitKind;
use clodex_os::clock::Timestamp;
use clodex_os::record_store::RecordStore;
use clodex_scope::{Baseline, Comparison, Meanwhile, ScopeError};

use crate::artifacts::Artifacts;
use crate::attribution::ToolActions;
use crate::conductor::Stop;
use crate::enforcement::Held;
use crate::final_message;
use crate::isolate::{self, Left};
use crate::judge::{Exit, Facts, Judgement, join_verification, judge};
use crate::next_step::{Situation, next_step};
use crate::plan::Plan;
use crate::put_back::{PuttingBack, Whose};
use crate::report;
use crate::run_publisher::RunPublisher;
use crate::scope_verdict::ScopeVerdict;
use crate::verify::{Verified, Verifier};
use crate::watch::Watched;
use crate::writing::Writing;

/// What `result.json` holds of a message at most.
const MESSAGE_MAX_BYTES: usize = 8 * 1024;

/// Everything that is known when nothing of the run lives any more.
pub struct Ended<'a> {
    /// What was to be done.
    pub plan: &'a Plan,
    /// What held its writes back.
    pub held: &'a Held,
    /// The tree before; or why it could not be taken.
    pub baseline: &'a Result<Baseline, ScopeError>,
    /// The records of all runs.
    pub store: &'a RecordStore,
    /// What runs the packet's checks, when that is wanted.
    pub verifier: Option<Verifier<'a>>,
    /// Where Codex keeps the files of its threads.
    pub codex_home: Option<&'a Path>,
    /// Where this run's things to put back are.
    pub secured: PathBuf,
    /// Whether another live run works in the same tree.
    pub shared: bool,
    /// What other runs did in the same tree.
    pub meanwhile: &'a dyn Fn(&RunRecord) -> Meanwhile,
    /// Paths in scope that were dirty, when the gate refused because of them.
    pub refused_over: Vec<String>,
    /// Why the account's limits did not let it begin.
    pub over_quota: Option<String>,
    /// How Codex ended.
    pub watched: Watched,
    /// Writes that were declined before they happened.
    pub declined: Vec<Denied>,
    /// What the stream told.
    pub story: RunStory,
    /// Whether the final message was taken from Codex's rollout file.
    pub recovered: bool,
    /// What Codex's reviewer answered, where it was asked.
    pub reviewer_says: Option<String>,
    /// The end of Codex's stderr.
    pub last_words: String,
    /// Whether Codex says that nobody is logged in.
    pub not_logged_in: bool,
    /// When the run was accepted.
    pub begun: Instant,
    /// How long the baseline took.
    pub baseline_took: Duration,
    /// Remarks so far.
    pub notes: Vec<String>,
    /// What could not be had as promised, so far.
    pub degraded: Vec<String>,
}

/// What the caller gets.
#[derive(Debug)]
pub struct Finished {
    /// For `--json`.
    pub result: RunResult,
    /// For people and Claude.
    pub report: String,
    /// The dispatcher's exit code.
    pub code: ExitCode,
    /// What could not be written.
    pub failures: Vec<String>,
}

/// Compares, judges, writes and seals.
pub fn close(ended: &Ended<'_>, mut artifacts: Artifacts, mut publisher: RunPublisher) -> Finished {
    let compare_begun = Instant::now();
    let mut found = find(ended, &mut artifacts, &publisher.record);
    let left = isolate::keep(ended.store, &publisher.record, &mut found);
    let compare_took = compare_begun.elapsed();
    let verified = verify(ended, &mut found, &mut artifacts, &mut publisher);
    let durations = Durations {
        total_ms: millis(ended.begun.elapsed()),
        codex_ms: millis(ended.watched.ran_for),
        baseline_ms: millis(ended.baseline_took),
        compare_ms: millis(compare_took),
        verify_ms: millis(verified.took),
    };
    let mut verification = join_verification(ended.plan.verification.lines(), &ended.story.commands);
    verification
        .iter_mut()
        .zip(&verified.checks)
        .for_each(|(entry, check)| entry.check = Some(check.clone()));
    let stop = if verified.cancelled { Some(Stop::Cancelled) } else { ended.watched.stop };
    let judgement = judge_ended(ended, stop, &verification);
    add_claims(&mut verification, judgement.claim.as_ref());
    let code = exit_code(found.verdict, judgement.outcome, judgement.ending, judgement.needs_attention);
    let mut writing = Writing::into(&mut artifacts);
    let message = final_message::markdown(&judgement, said(ended));
    writing.findings(&found, &verification, &message);
    for (name, output) in verified.outputs {
        writing.bytes(&name, output);
    }
    if let Some(output) = &ended.plan.output {
        writing.outside(output, message.as_bytes());
    }
    let putting_back = PuttingBack {
        run_id: &publisher.record.id,
        secured: &ended.secured,
        on_violation: ended.plan.on_violation,
        whose: match publisher.record.isolated {
            Some(_) => Whose::OfWorktree(&ended.plan.tree),
            None if ended.held.is_sandboxed() => Whose::Shared(&ended.plan.tree),
            None => Whose::Unheld,
        },
        shared: ended.shared,
    };
    putting_back.settle(&mut found, writing.artifacts());
    let mut policy = policy(ended, &found, code, &publisher.record);
    let actions = ToolActions::of(&ended.story, ended.codex_home, &publisher.record, ended.begun);
    actions.explain(&mut policy.violations, &ended.story.files, ended.plan);
    policy.denied = actions.denied(ended.plan, ended.baseline.as_ref().ok());
    let known = policy.denied.clone();
    policy.denied.extend(ended.declined.iter().filter(|one| !known.contains(one)).cloned());
    let mut result = result(ended, &judgement, (&policy, left), code, &publisher.record);
    (result.durations, result.verification) = (durations, verification);
    let (seal, mut failures) = writing.outcome(&mut result, &mut policy);
    let report = report::render(&result, &policy, seal.as_deref());
    if found.comparison.is_some() {
        // The stream names what patches touched; the tree knows what commands did, too.
        publisher.record.progress.files.touched = u32::try_from(policy.in_scope.len()).unwrap_or(u32::MAX);
    }
    end_record(&mut publisher.record, &result, &policy, seal);
    let board_id = publisher.record.id.clone();
    if let Err(error) = publisher.end() {
        failures.push(error);
    }
    isolate::leave(ended.store, &board_id, left, found.verdict);
    Finished { result, report, code, failures }
}

/// What was found about scope: the tree against its baseline, the artifacts against memory, processes against the rule
/// that none lives.
fn find(ended: &Ended<'_>, artifacts: &mut Artifacts, record: &RunRecord) -> ScopeVerdict {
    let forged = artifacts.recover(reach(ended));
    let not_started = ended.watched.stop == Some(Stop::NotStarted);
    let mut found = if not_started && ended.baseline.is_ok() {
        ScopeVerdict::refused()
    } else {
        ScopeVerdict::of(ended.baseline, || (ended.meanwhile)(record))
    };
    found.add_survivors(ended.watched.ended.as_ref().map_or(&[], |ended| ended.survivors.as_slice()));
    found.add_forged(ended.plan.tree.root(), reach(ended), forged);
    found.add_doubt(is_told_apart(ended, record));
    found.notes.extend(ended.notes.iter().cloned());
    found
}

/// All that the worker could write to, where that is certain.
fn reach<'e>(ended: &'e Ended<'_>) -> Option<&'e Grants> {
    ended.baseline.as_ref().ok()?.reach()
}

/// Whether the worker's changes can be told from those of others: its sandbox was narrowed to the scope, or let it write
/// nowhere else than in its own worktree.
fn is_told_apart(ended: &Ended<'_>, record: &RunRecord) -> bool {
    reach(ended).is_some() && (ended.held.enforcement == Enforcement::Profile || record.isolated.is_some())
}

/// Lets clodex run the checks, where that is wanted, of a worker that has ended by itself, on a tree that is known.
fn verify(
    ended: &Ended<'_>,
    found: &mut ScopeVerdict,
    artifacts: &mut Artifacts,
    publisher: &mut RunPublisher,
) -> Verified {
    let Some(verifier) = &ended.verifier else { return Verified::default() };
    let is_still = ended.watched.ended.as_ref().is_some_and(|ended| ended.survivors.is_empty());
    let has_ended = ended.story.turn == Turn::Completed
        && matches!(ended.watched.stop, None | Some(Stop::Lingered))
        && is_still;
    let verified = match found.comparison.as_ref().filter(|_| has_ended) {
        Some(after) => verifier.verify(after, publisher),
        None => Verified::none(ended.plan.verification.lines(), "there is no finished work to verify"),
    };
    found.add_checks(&verified);
    // A check can write to less than the worker.
    found.add_forged(ended.plan.tree.root(), reach(ended), artifacts.recover(reach(ended)));
    publisher.finishing();
    verified
}

fn add_claims(verification: &mut [VerificationEntry], claim: Option<&Claim>) {
    let said = claim.map_or(&[][..], |claim| &claim.verification_run);
    for entry in verification.iter_mut().filter(|entry| entry.check.is_some()) {
        entry.claimed = claim_about(&entry.text, said).map(str::to_owned);
    }
}

fn end_record(record: &mut RunRecord, result: &RunResult, policy: &Policy, seal: Option<String>) {
    record.ended = Some(Timestamp::now().rfc3339());
    record.outcome = Some(result.outcome);
    record.verdict = Some(result.verdict);
    record.exit_code = Some(result.exit_code);
    record.summary = Some(headline(result, policy));
    record.seal = seal;
}

fn judge_ended(ended: &Ended<'_>, stop: Option<Stop>, verification: &[VerificationEntry]) -> Judgement {
    let words = ended.watched.start_error.as_deref().unwrap_or(&ended.last_words);
    let mut judgement = judge(&Facts {
        stop,
        timeout_sec: ended.plan.timeout_sec,
        heartbeat_sec: ended.plan.heartbeat_sec,
        idle_timeout_sec: ended.plan.idle_timeout_sec,
        turn: ended.story.turn,
        failure: ended.story.failure.as_ref(),
        broke_off: ended.watched.broke_off.as_ref().map_or("", |broke_off| &broke_off.why),
        exit: match ended.watched.ended.as_ref().map(|ended| ended.status) {
            None => Exit::Unseen,
            Some(ExitKind::Exit(code)) => Exit::Code(code),
            Some(ExitKind::Signal(signal)) => Exit::Signal(signal),
        },
        understood: ended.watched.understood,
        final_message: ended.story.last_message.as_deref(),
        schema: &ended.plan.schema,
        reviewer_says: ended.reviewer_says.as_deref(),
        root: ended.plan.tree.root(),
        last_words: words,
        last_words_kind: clodex_codex::startup_failure_kind(words),
        verification,
    });
    if judgement.outcome == Outcome::Refused {
        match ended.baseline {
            Ok(_) => {
                let overlap = || format!("uncommitted changes in scope: {}", ended.refused_over.join(", "));
                judgement.summary = ended.over_quota.clone().unwrap_or_else(overlap);
            }
            Err(error) => {
                judgement.outcome = Outcome::Failed;
                judgement.ending = Ending::TurnFailed;
                judgement.summary = format!("not started: {error}");
            }
        }
    }
    judgement
}

fn result(
    ended: &Ended<'_>,
    judgement: &Judgement,
    (policy, left): (&Policy, Left),
    code: ExitCode,
    record: &RunRecord,
) -> RunResult {
    let verdict = policy.verdict;
    let resumable = record.thread_id.as_deref().filter(|_| !ended.plan.ephemeral);
    let hint = next_step(&Situation {
        code,
        verdict,
        put_back: !policy.violations.is_empty() && policy.violations.iter().all(|one| one.restored),
        outcome: judgement.outcome,
        over_quota: ended.over_quota.is_some(),
        failure: match judgement.failure {
            FailureKind::Configuration => FailureKind::Configuration,
            _ if ended.not_logged_in => FailureKind::Unauthorized,
            kind => kind,
        },
        run_id: &record.id,
        thread_id: resumable,
        left,
    });
    RunResult {
        version: 1,
        run_id: record.id.clone(),
        mode: ended.plan.mode,
        outcome: judgement.outcome,
        verdict,
        exit_code: code.into(),
        policy_violation: verdict == Verdict::Violation,
        scope_ok: verdict == Verdict::Clean,
        summary: judgement.summary.clone(),
        hint,
        claim: judgement.claim.clone(),
        claimed_verdict: judgement.claimed_verdict.clone(),
        answer: judgement.answer.clone(),
        findings: judgement.review.as_ref().map(|review| review.findings().to_vec()),
        message: unstructured_message(judgement, said(ended)),
        recovered: ended.recovered,
        error: ended.story.failure.as_ref().map(|seen| seen.message.clone()),
        files_seen: ended
            .story
            .files
            .iter()
            .map(|file| in_repository(file, ended.plan.tree.root()))
            .collect(),
        commands_seen: ended.story.commands.clone(),
        verification: vec![],
        tokens: ended.story.tokens,
        durations: Durations::default(),
        thread_id: record.thread_id.clone(),
        resume: resumable.map(clodex_codex::resume_hint),
        backend: record.backend.clone(),
        codex_version: record.codex_version.clone(),
        model: record.model.clone(),
        artifact_dir: record.artifact_dir.clone(),
        artifacts: vec![],
    }
}

/// What Codex said last: its reviewer's own words, where there are some, rather than a rendering of them.
fn said<'a>(ended: &'a Ended<'_>) -> Option<&'a str> {
    ended.reviewer_says.as_deref().or(ended.story.last_message.as_deref())
}

/// The last message where nothing else in the result holds it, cut at [`MESSAGE_MAX_BYTES`].
fn unstructured_message(judgement: &Judgement, message: Option<&str>) -> Option<String> {
    if judgement.claim.is_some() || judgement.answer.is_some() || judgement.review.is_some() {
        return None;
    }
    message.map(|message| message[..message.floor_char_boundary(MESSAGE_MAX_BYTES)].to_owned())
}

/// A file as the repository calls it; one outside keeps its absolute path.
fn in_repository(file: &str, root: &Path) -> String {
    Path::new(file).strip_prefix(root).map_or_else(|_| file.to_owned(), |inside| inside.display().to_string())
}

fn policy(ended: &Ended<'_>, found: &ScopeVerdict, code: ExitCode, record: &RunRecord) -> Policy {
    Policy {
        version: 1,
        run_id: record.id.to_string(),
        mode: ended.plan.mode,
        verdict: found.verdict,
        containment: record.containment,
        policy_violation: found.verdict == Verdict::Violation,
        scope_ok: found.verdict == Verdict::Clean,
        exit_code: code.into(),
        watchdog_killed: matches!(ended.watched.stop, Some(Stop::TimedOut | Stop::Stalled)),
        enforcement: ended.held.enforcement,
        profile: ended.held.shown(ended.plan),
        write_scope: ended.plan.write_scope.clone(),
        violations: found.violations(),
        by_products: found.paths(|comparison| &comparison.by_products),
        foreign: found.paths(|comparison| &comparison.foreign),
        in_scope: found.paths(|comparison| &comparison.in_scope),
        left: found.comparison.as_ref().map(Comparison::left).unwrap_or_default(),
        commits: found.paths(|comparison| &comparison.commits),
        dirty_overlap: ended.refused_over.clone(),
        denied: vec![],
        stragglers_killed: ended
            .watched
            .ended
            .as_ref()
            .and_then(|ended| ended.stragglers)
            .unwrap_or_default(),
        notes: found.notes.clone(),
        degraded: ended.degraded.clone(),
    }
}

/// One line for the statusline: what somebody who looks up should know first.
fn headline(result: &RunResult, policy: &Policy) -> String {
    match policy.violations.as_slice() {
        [] => result.summary.clone(),
        [only] => only.path.clone(),
        [first, more @ ..] => format!("{} and {} more", first.path, more.len()),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
