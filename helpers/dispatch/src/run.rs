//! One run from its acceptance to its end: the baseline beside Codex's start, watching, closing. From the
//! first line on stdout there is a result on every path.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use clodex_codex::{CodexConfig, Login, Rollout, find_rollout, reviewer_usage, rollout_review};
use clodex_core::{
    Ending, Enforcement, Liveness, OnViolation, ProgressFold, RunId, RunRecord, RunStory, ThreadBase, Turn,
    path_text,
};
use clodex_os::process::adopt_orphans;
use clodex_os::record_store::RecordStore;
use clodex_os::signals::StopSignals;
use clodex_scope::{Baseline, CtimeTrust, Request, SecureRequest};

use crate::artifacts::Artifacts;
use crate::attempts::{Attempted, Attempts};
use crate::backend::Driver;
use crate::channel::{Channel, Message};
use crate::close::{Ended, Finished, close};
use crate::codex_start::{Codex, Places};
use crate::concurrent_runs::{meanwhile, rests};
use crate::enforcement::Held;
use crate::homes;
use crate::listener::Folds;
use crate::mount_points::{Temporary, remove_empty};
use crate::output_log::OutputLog;
use crate::plan::Plan;
use crate::preflight::Preflight;
use crate::quota::{QuotaGate, QuotaMemory, known_after};
use crate::refusal::Refusal;
use crate::run_publisher::RunPublisher;
use crate::run_resources::{RunResources, remove_scratch};
use crate::verify::{CheckSandbox, Verifier};
use crate::violation_watch::{BaselineTaken, ViolationWatch};

/// Files that are secured at most, so that a tree full of them does not hold up a run.
const SECURED_FILES: usize = 20_000;
/// File in the artifacts with the schema that Codex is given.
const SCHEMA_FILE: &str = "answer.schema.json";

/// What a run needs besides its plan.
#[derive(Debug)]
pub struct Run<'a> {
    /// What is to be done.
    pub plan: &'a Plan,
    /// What does it.
    pub codex: Codex,
    /// How it is driven.
    pub driver: Driver,
    /// What holds its writes back.
    pub held: Held,
    /// Codex's configuration, as far as it matters here.
    pub config: CodexConfig,
    /// Where Codex keeps its own things.
    pub codex_home: Option<PathBuf>,
    /// `clodex-contain`.
    pub wrapper: PathBuf,
    /// The records of all runs.
    pub store: &'a RecordStore,
    /// Runs that had worktrees when this one began.
    pub worktrees: Vec<String>,
    /// Where it is kept what is known of the account's limits, where they concern the run.
    pub memory: Option<QuotaMemory>,
    /// When it was accepted.
    pub begun: Instant,
    /// Whether somebody reads stderr: remarks, and the live line when it is a terminal.
    pub speaks: bool,
}

/// What is there when the run begins.
struct Begun<'a> {
    artifacts: Artifacts,
    publisher: RunPublisher,
    gate: QuotaGate,
    scratch: &'a Path,
    temporary: &'a Temporary,
    notes: Vec<String>,
}

impl Run<'_> {
    /// Runs it to its end.
    pub fn carry_out(
        &self,
        opened: RunResources,
        gate: QuotaGate,
        signals: StopSignals,
    ) -> Result<Finished, Refusal> {
        let RunResources { live, mut record, mut artifacts, scratch, temporary, forced, mut notes } = opened;
        record.codex_version = self.codex.version.text();
        let own = record.clone();
        let publisher = RunPublisher::new(live, record, self.speaks);
        // One word opens two gates: whoever meant the other one hears of it while there is time to think again.
        if let Some(forced) = &forced {
            publisher.remark(forced);
        }
        notes.extend(forced);
        let log = write_first(self.plan, &mut artifacts).and_then(|()| OutputLog::open(&artifacts));
        let finished = match log {
            Ok(log) => {
                let begun =
                    Begun { artifacts, publisher, gate, scratch: &scratch, temporary: &temporary, notes };
                self.watch_and_close(log, begun, signals)
            }
            Err(error) => {
                let refusal = Refusal::usage(
                    format!("cannot write to {}: {error}", artifacts.dir().display()),
                    "free some space there, or name another place with --output-dir",
                );
                publisher.refuse(&refusal);
                Err(refusal)
            }
        };
        remove_scratch(&scratch);
        // Once more, now that this run is none of the living: of two that end at once, each saw the other alive.
        if !self.shares_tree(&own.id) {
            temporary.unmount();
            temporary.unmake();
            remove_empty(rests(self.store, &own).iter().map(Path::new));
        }
        finished
    }

    fn watch_and_close(
        &self,
        mut log: OutputLog,
        begun: Begun<'_>,
        signals: StopSignals,
    ) -> Result<Finished, Refusal> {
        let Begun { mut artifacts, mut publisher, mut gate, scratch, temporary, mut notes } = begun;
        let patience = gate.patience();
        adopt_orphans();
        let channel = Channel::with_signals(signals);
        let taking =
            self.take_baseline(artifacts.dir(), scratch, &publisher.record, gate, channel.sender.clone());
        let mut folds = self.folds();
        notes.extend(self.held.notes.iter().cloned());
        notes.extend(homes::note(&self.plan.homes, &self.plan.tree));
        notes.extend(
            self.plan.reach.notes.iter().filter(|_| self.held.enforcement == Enforcement::Profile).cloned(),
        );
        let places = self.places(&publisher, &artifacts, scratch);
        let attempts = Attempts {
            run: self,
            places: &places,
            channel: &channel,
            log: &mut log,
            folds: &mut folds,
            publisher: &mut publisher,
            notes,
            degraded: vec![],
        };
        let attempted = match attempts.make() {
            Ok(attempted) => attempted,
            Err(refusal) => {
                publisher.refuse(&refusal);
                return Err(refusal);
            }
        };
        let Attempted { watched, declined, let_out, mut notes, mut degraded } = attempted;
        publisher.finishing();
        drop(patience);
        let taken = taking.join().expect("the baseline does not panic").after(let_out);
        if !self.shares_tree(&publisher.record.id) {
            temporary.unmount();
        }
        // Whoever ends last takes them away with its own.
        let rests = rests(self.store, &publisher.record);
        publisher.record.mount_points.extend(rests);
        let last_words = log.last_words();
        degraded.extend(self.degraded(&publisher, &mut artifacts, log));
        taken.write(&mut artifacts, &mut degraded);
        notes.extend(self.told_of_quota(&taken, &mut publisher));
        let mut story = folds.story;
        story.stream_ended();
        notes.extend(story.warnings.iter().map(|warning| format!("codex warns: {warning}")));
        let recovered = self.recover_final_message(&mut story, &publisher);
        let reviewer_says = self.reviewer_says(&mut story, &publisher);
        let not_logged_in = self.is_not_logged_in(&story);
        let sandbox = || {
            let state_dir = self.store.dir().path();
            CheckSandbox::make(self.plan, &self.codex, &self.config, &places, state_dir)
        };
        let beside = |record: &RunRecord| meanwhile(self.store, record, &self.worktrees);
        let verifier = self.plan.verify.map(|limit_sec| Verifier {
            plan: self.plan,
            limit_sec,
            begun: self.begun,
            channel: &channel,
            sandbox: &sandbox,
            meanwhile: &beside,
        });
        let secured = self.secured(&publisher.record.id);
        let ended = Ended {
            secured,
            shared: self.shares_tree(&publisher.record.id),
            plan: self.plan,
            held: &self.held,
            verifier,
            baseline: &taken.baseline,
            store: self.store,
            meanwhile: &beside,
            codex_home: self.codex_home.as_deref(),
            refused_over: taken.dirty_overlap,
            over_quota: taken.over_quota,
            watched,
            declined,
            story,
            recovered,
            reviewer_says,
            last_words,
            not_logged_in,
            begun: self.begun,
            baseline_took: taken.took,
            notes,
            degraded,
        };
        Ok(close(&ended, artifacts, publisher))
    }

    /// Takes the baseline on a thread of its own, and tells the loop whether the run may go on.
    fn take_baseline(
        &self,
        artifact_dir: &Path,
        scratch: &Path,
        record: &RunRecord,
        gate: QuotaGate,
        tell: SyncSender<Message>,
    ) -> JoinHandle<Preflight> {
        let plan = self.plan;
        let tree = plan.tree.clone();
        let request = Request {
            rules: plan.rules.clone(),
            by_products: plan.by_products.clone(),
            exclude: [self.live_artifact_dirs(), vec![artifact_dir.to_path_buf()]].concat(),
            homes: plan.homes.clone(),
            reach: self.held.reach(plan, scratch),
            ctime: CtimeTrust::Probed(artifact_dir.to_path_buf()),
            allow_commit: plan.allow_commit,
            secure: (plan.secured_bytes > 0).then(|| SecureRequest {
                dir: self.secured(&record.id),
                bytes: plan.secured_bytes,
                files: SECURED_FILES,
            }),
        };
        let fails_fast = plan.on_violation == OnViolation::FailFast;
        let (store, record, worktrees) = (self.store.clone(), record.clone(), self.worktrees.clone());
        let (overlap_is_fine, left) = (plan.allow_dirty_overlap, plan.left.clone());
        thread::spawn(move || {
            let begun = Instant::now();
            let baseline = clodex_scope::baseline(&tree, request);
            let dirty_overlap = match &baseline {
                Ok(baseline) if !overlap_is_fine => {
                    baseline.dirty_besides(&left).iter().map(|path| path_text(path)).collect()
                }
                Ok(_) | Err(_) => vec![],
            };
            let took = begun.elapsed();
            let passage = gate.pass();
            let may_go_on = baseline.is_ok() && dirty_overlap.is_empty() && passage.refused.is_none();
            // Nobody listens any more when the run was cancelled meanwhile.
            let warnings = baseline.iter().flat_map(Baseline::warnings).cloned();
            let not_restorable = baseline.iter().filter_map(Baseline::not_restorable).map(str::to_owned);
            let remarks = warnings.chain(not_restorable).chain(passage.remark.clone()).collect();
            let violation_watch = baseline.as_ref().ok().filter(|_| fails_fast).map(|baseline| {
                ViolationWatch::over(
                    baseline.clone(),
                    move || meanwhile(&store, &record, &worktrees),
                    tell.clone(),
                )
            });
            let quota = passage.quota.map(Box::new);
            let _ =
                tell.send(Message::Baseline(BaselineTaken { may_go_on, quota, remarks, violation_watch }));
            Preflight { baseline, dirty_overlap, over_quota: passage.refused, remark: passage.remark, took }
        })
    }

    fn places(&self, publisher: &RunPublisher, artifacts: &Artifacts, scratch: &Path) -> Places {
        Places {
            wrapper: self.wrapper.clone(),
            run_id: publisher.record.id.clone(),
            scratch: scratch.to_path_buf(),
            schema: artifacts.dir().join(SCHEMA_FILE),
            codex_home: self.codex_home.clone(),
            artifacts: artifacts.dir().to_path_buf(),
        }
    }

    /// Whether another live run works in the same tree: what is empty there may be its own.
    fn shares_tree(&self, id: &RunId) -> bool {
        let root = path_text(self.plan.tree.root().as_os_str().as_encoded_bytes());
        self.store.live().into_iter().any(|seen| {
            seen.liveness == Liveness::Live && seen.record.id != *id && seen.record.tree_root == root
        })
    }

    /// Other runs write their artifacts into the same tree, which is nobody's violation: those that live now are left
    /// out of the baseline, all that lived at the same time out of the comparison.
    fn live_artifact_dirs(&self) -> Vec<PathBuf> {
        self.store.live().into_iter().map(|seen| PathBuf::from(seen.record.artifact_dir)).collect()
    }

    /// Where this run's things to put back are.
    fn secured(&self, id: &RunId) -> PathBuf {
        self.store.dir().secured().join(id.as_str())
    }

    /// What was told of the account's limits is for those who come after, too; what has to be said of the gate comes back.
    fn told_of_quota(&self, taken: &Preflight, publisher: &mut RunPublisher) -> Option<String> {
        let (known, thread) = (publisher.record.quota.take(), publisher.record.thread_id.as_deref());
        publisher.record.quota = known_after(known, self.codex_home.as_deref(), thread);
        if let (Some(memory), Some(quota)) = (&self.memory, &publisher.record.quota) {
            memory.keep(quota);
        }
        taken.remark.clone()
    }

    /// A stream without a final message may have lost it: Codex's own file of the thread has it.
    fn recover_final_message(&self, story: &mut RunStory, publisher: &RunPublisher) -> bool {
        let (Some(home), Some(thread)) = (&self.codex_home, &publisher.record.thread_id) else {
            return false;
        };
        if story.last_message.is_some() || story.turn != Turn::Completed {
            return false;
        }
        story.last_message = find_rollout(home, thread)
            .and_then(|path| Rollout::read(&path).ok())
            .and_then(|rollout| rollout.last_message);
        story.last_message.is_some()
    }

    /// What Codex's reviewer answered, and what it used: both stand only in Codex's own files.
    fn reviewer_says(&self, story: &mut RunStory, publisher: &RunPublisher) -> Option<String> {
        let (home, thread) = (self.codex_home.as_ref()?, publisher.record.thread_id.as_ref()?);
        if !self.plan.schema.is_review() {
            return None;
        }
        let used = reviewer_usage(home, thread);
        story.tokens = used.and_then(|usage| ThreadBase::Fresh.tokens_of_run(usage));
        rollout_review(&find_rollout(home, thread)?).ok().flatten()
    }

    /// Asked only when the model could not be reached: Codex tells a missing login and a missing network alike.
    fn is_not_logged_in(&self, story: &RunStory) -> bool {
        let unreached = match &story.failure {
            Some(seen) => story.turn == Turn::Failed && Ending::of_failure(seen.kind) == Ending::Unreachable,
            None => story.turn == Turn::NotStarted,
        };
        unreached && self.codex.login_state(&self.config) == Login::NotLoggedIn
    }

    /// Codex counts tokens over the thread: what a resumed one had used before is not this run's.
    fn folds(&self) -> Folds {
        let before = self.plan.resume.as_ref().or(self.plan.fork.as_ref());
        let base = match (before, &self.codex_home) {
            (None, _) => ThreadBase::Fresh,
            (Some(thread), Some(home)) => find_rollout(home, thread)
                .and_then(|path| Rollout::read(&path).ok()?.usage)
                .map_or(ThreadBase::Unknown, ThreadBase::Used),
            (Some(_), None) => ThreadBase::Unknown,
        };
        let files = self.plan.rules.names_files().and_then(|files| u32::try_from(files).ok());
        let progress = ProgressFold::new(&self.plan.workdir.to_string_lossy(), files, base);
        Folds {
            progress: if self.plan.schema.is_review() { progress.reviewing() } else { progress },
            story: RunStory::new(base),
        }
    }

    fn degraded(&self, publisher: &RunPublisher, artifacts: &mut Artifacts, log: OutputLog) -> Vec<String> {
        let disk = log.close(artifacts).map(|error| format!("the event files are incomplete: {error}"));
        let record = publisher.failed.clone().map(|error| format!("the live record is incomplete: {error}"));
        let held = publisher
            .best_effort_because
            .clone()
            .map(|why| format!("processes are held at best effort: {why}"));
        [self.codex.degraded(), self.held.degraded.clone(), held, disk, record]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Writes what is known before Codex starts.
pub fn write_first(plan: &Plan, artifacts: &mut Artifacts) -> io::Result<()> {
    artifacts.write("task.md", plan.task.clone())?;
    artifacts.write("prompt.md", plan.prompt.clone())?;
    if let Some(session) = &plan.session {
        artifacts.write("session.md", session.to_markdown())?;
    }
    artifacts.write(SCHEMA_FILE, plan.schema.text())
}
