//! The starts of Codex in one run: the first, and what may take its place once each: `codex exec` where the app-server
//! is of no use, the other model where the first is not to be had. Judges nothing else.

use clodex_core::{Denied, FailureKind, RunStory, Turn};
use clodex_os::record_store::Inbox;

use crate::backend::Driver;
use crate::board::Board;
use crate::channel::{Channel, Message};
use crate::codex_start::{Places, start};
use crate::conductor::Stop;
use crate::listener::Folds;
use crate::live_control::LiveControl;
use crate::lookout::{BaselineTaken, Lookout};
use crate::refusal::Refusal;
use crate::run::Run;
use crate::tape::Tape;
use crate::watch::{Attempt, Watched, watch};

/// What all starts of a run have in common.
pub struct Attempts<'a> {
    /// The run.
    pub run: &'a Run<'a>,
    /// Its places.
    pub places: &'a Places,
    /// Where everything that happens is told.
    pub channel: &'a Channel,
    /// Where the streams are written.
    pub tape: &'a mut Tape,
    /// What the events come to.
    pub folds: &'a mut Folds,
    /// Where they are shown.
    pub board: &'a mut Board,
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
    /// Remarks for the report.
    pub notes: Vec<String>,
    /// What was not as promised.
    pub degraded: Vec<String>,
}

impl<'a> Attempts<'a> {
    /// Makes one after the other until nothing can take the place of the last.
    pub fn make(mut self) -> Result<Attempted, Refusal> {
        let run = self.run;
        let inbox = run.store.inbox(&self.board.record.id);
        let (mut driver, mut model) = (run.driver, run.plan.model.as_deref());
        let mut live = self.live_control(driver, &inbox);
        let mut watched = loop {
            let attempt = self.attempt(driver, model)?;
            let watched =
                watch(attempt, run.begun, self.channel, self.tape, self.folds, self.board, &mut live);
            if let Some(why) = not_driven(driver, &watched, &self.folds.story) {
                driver = self.takes_exec(&why);
                live.close(&inbox);
                // A baseline that is still to come is in the channel.
                if watched.let_go {
                    self.baseline_stands(watched.lookout);
                }
            } else if let Some(other) = self.other_model(&watched, model) {
                self.takes_model(model, other);
                model = Some(other);
                live.desk.begin_again();
                self.baseline_stands(watched.lookout);
            } else {
                break watched;
            }
        };
        // Nothing is to be looked for any more.
        watched.lookout = None;
        live.close(&inbox);
        self.notes.append(&mut live.notes);
        self.degraded.append(&mut live.degraded);
        let Self { notes, degraded, .. } = self;
        Ok(Attempted { watched, declined: live.declined, notes, degraded })
    }

    fn live_control(&self, driver: Driver, inbox: &Inbox) -> LiveControl {
        match driver {
            Driver::Exec => LiveControl::deaf(self.run.plan),
            Driver::AppServer { .. } => {
                LiveControl::listening(self.run.plan, inbox.clone(), self.channel.sender.clone())
            }
        }
    }

    fn attempt(&self, driver: Driver, model: Option<&str>) -> Result<Attempt, Refusal> {
        let Run { plan, held, codex, config, .. } = self.run;
        let (command, conversation) = start(plan, held, codex, driver, config, self.places, model)?;
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
        self.board.remark(&format!("codex's app-server is of no use ({why}): taking `codex exec`"));
        driver.as_str().clone_into(&mut self.board.record.backend);
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
        self.board.remark(&format!("{gone} is not available: falling back to {other}"));
        self.folds.story.begin_again();
        self.board.record.model = Some(other.to_owned());
    }

    /// The next attempt need not wait for a baseline that there is already.
    fn baseline_stands(&self, lookout: Option<Lookout>) {
        let _ = self.channel.sender.send(Message::Baseline(BaselineTaken::stands(lookout)));
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
        (None, None) if !watched.turn_was_asked && watched.start_error.is_none() => {
            Some("it ended before its first turn".to_owned())
        }
        (_, _) => None,
    }
}
