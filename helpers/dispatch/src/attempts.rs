//! The starts of Codex in one run: the first, and what may take its place once each: `codex exec` where the app-server
//! is of no use, the other model where the first is not to be had. Judges nothing else.

use clodex_core::{Denied, FailureKind, LiveFate, RunStory, Turn};
use clodex_os::ExitKind;
use clodex_os::record_store::Inbox;

use crate::backend::Driver;
use crate::channel::{Channel, Message};
use crate::codex_start::{Places, start};
use crate::conductor::Stop;
use crate::listener::Folds;
use crate::live_control::LiveControl;
use crate::output_log::OutputLog;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::run_publisher::RunPublisher;
use crate::violation_watch::{BaselineTaken, ViolationWatch};
use crate::watch::{Attempt, Watched, watch};

/// SIGHUP, SIGINT, SIGKILL and SIGTERM: what people and the kernel end programs by. A program that crashes does so by
/// others.
const TO_END: [i32; 4] = [1, 2, 9, 15];

/// What all starts of a run have in common.
pub struct Attempts<'a> {
    /// The run.
    pub run: &'a Run<'a>,
    /// Its places.
    pub places: &'a Places,
    /// Where everything that happens is told.
    pub channel: &'a Channel,
    /// Where the streams are written.
    pub log: &'a mut OutputLog,
    /// What the events come to.
    pub folds: &'a mut Folds,
    /// Where they are shown.
    pub publisher: &'a mut RunPublisher,
    /// Remarks for the report.
    pub notes: Vec<String>,
    /// What was not as promised.
    pub degraded: Vec<String>,
}

/// What they came to.
pub struct Attempted {
    /// How the last one ended.
    pub watched: Watched,
    /// Patches that were declined, because they are out of scope.
    pub declined: Vec<Denied>,
    /// Whether the user let anything out of the sandbox.
    pub let_out: bool,
    /// Remarks for the report.
    pub notes: Vec<String>,
    /// What was not as promised.
    pub degraded: Vec<String>,
}

impl<'a> Attempts<'a> {
    /// Makes one after the other until nothing can take the place of the last.
    pub fn make(mut self) -> Result<Attempted, Refusal> {
        let run = self.run;
        let inbox = run.store.inbox(&self.publisher.record.id);
        let (mut driver, mut model) = (run.driver, run.plan.model.as_deref());
        let mut live = self.live_control(driver, &inbox);
        let mut more = Vec::new();
        let mut watched = loop {
            let attempt = self.attempt(driver, model, &more)?;
            let watched =
                watch(attempt, run.begun, self.channel, self.log, self.folds, self.publisher, &mut live);
            if let Some(why) = not_driven(driver, &watched, &self.folds.story) {
                driver = self.takes_exec(&why);
                more = live.hand_over();
                live.close(&inbox, "it runs on `codex exec` now, which hears nothing", LiveFate::Refused);
                // A baseline that is still to come is in the channel.
                if watched.let_go {
                    self.baseline_stands(watched.violation_watch);
                }
            } else if let Some(other) = self.other_model(&watched, model) {
                self.takes_model(model, other);
                model = Some(other);
                live.session.begin_again();
                self.baseline_stands(watched.violation_watch);
            } else {
                break watched;
            }
        };
        // Nothing is to be looked for any more.
        watched.violation_watch = None;
        live.close(&inbox, "its work was over", LiveFate::Ended);
        self.notes.append(&mut live.notes);
        self.degraded.append(&mut live.degraded);
        let Self { notes, degraded, .. } = self;
        Ok(Attempted { watched, declined: live.declined, let_out: live.let_out, notes, degraded })
    }

    fn live_control(&self, driver: Driver, inbox: &Inbox) -> LiveControl {
        match driver {
            Driver::Exec => LiveControl::deaf(self.run.plan),
            Driver::AppServer { .. } => {
                LiveControl::listening(self.run.plan, inbox.clone(), self.channel.sender.clone())
            }
        }
    }

    /// `more` stands behind the task, where nothing else can be said.
    fn attempt(&self, driver: Driver, model: Option<&str>, more: &[String]) -> Result<Attempt, Refusal> {
        let Run { plan, held, codex, config, .. } = self.run;
        let (command, mut conversation) = start(plan, held, codex, driver, config, self.places, model)?;
        conversation.begins_with(more);
        Ok(Attempt {
            command,
            conversation,
            timeout_sec: plan.timeout_sec,
            heartbeat_sec: plan.heartbeat_sec,
            starts_before_baseline: codex.version.waits_for_prompt(),
        })
    }

    fn takes_exec(&mut self, why: &str) -> Driver {
        let driver = Driver::Exec;
        self.degraded.push(format!("codex's app-server was of no use ({why}): `codex exec` was taken"));
        self.publisher.remark(&format!("codex's app-server is of no use ({why}): taking `codex exec`"));
        driver.as_str().clone_into(&mut self.publisher.record.backend);
        driver
    }

    /// The model to try instead, once, when Codex answers that this one is not to be had.
    fn other_model(&self, watched: &Watched, tried: Option<&str>) -> Option<&'a str> {
        let (plan, story) = (self.run.plan, &self.folds.story);
        let failure = story.failure.as_ref().filter(|_| story.turn == Turn::Failed);
        let unavailable = failure.is_some_and(|seen| seen.kind == FailureKind::ModelUnavailable);
        let other = plan.fallback_model.as_deref()?;
        (unavailable && watched.stop.is_none() && tried == plan.model.as_deref() && tried != Some(other))
            .then_some(other)
    }

    fn takes_model(&mut self, gone: Option<&str>, other: &str) {
        let gone = gone.unwrap_or("the default model");
        self.notes.push(format!("{gone} is not available: fell back to {other}"));
        self.publisher.remark(&format!("{gone} is not available: falling back to {other}"));
        self.folds.story.begin_again();
        self.publisher.record.model = Some(other.to_owned());
    }

    /// The next attempt need not wait for a baseline that there is already.
    fn baseline_stands(&self, violation_watch: Option<ViolationWatch>) {
        let _ = self.channel.sender.send(Message::Baseline(BaselineTaken::stands(violation_watch)));
    }
}

/// Why another driver has to be tried: this one failed before it was told anything, and not by what it was asked for.
fn not_driven(driver: Driver, watched: &Watched, story: &RunStory) -> Option<String> {
    let Driver::AppServer { replaceable: true } = driver else { return None };
    if story.turn != Turn::NotStarted {
        return None;
    }
    match (&watched.broke_off, watched.stop) {
        (Some(broke_off), Some(Stop::BrokeOff)) if broke_off.is_of_the_backend() => {
            Some(broke_off.why.clone())
        }
        (None, None) if !watched.turn_was_asked && watched.start_error.is_none() && !was_killed(watched) => {
            Some("it ended before its first turn".to_owned())
        }
        (_, _) => None,
    }
}

/// Whoever kills it does not want another one in its place.
fn was_killed(watched: &Watched) -> bool {
    match watched.ended.as_ref().map(|ended| ended.status) {
        Some(ExitKind::Signal(signal)) => TO_END.contains(&signal),
        Some(ExitKind::Exit(_)) | None => false,
    }
}
