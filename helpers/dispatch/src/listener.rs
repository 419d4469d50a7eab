//! What Codex says, taken in: what it changes in the folds, the record, the watchdog. Performs nothing.

use std::time::{Duration, Instant};

use clodex_codex::app_server::{Effect, Stage};
use clodex_codex::startup_failure_kind;
use clodex_core::{Event, FailureKind, ProgressFold, RunStory};

use crate::conductor::{Conductor, Input};
use crate::conversation::Conversation;
use crate::run_publisher::RunPublisher;
use crate::violation_watch::ViolationWatch;

/// What the events come to: what is shown now, and what is told at the end.
#[derive(Debug)]
pub struct Folds {
    /// Published while the run lives.
    pub progress: ProgressFold,
    /// For the report.
    pub story: RunStory,
}

/// A conversation that could not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokeOff {
    /// How far it had come.
    pub stage: Stage,
    /// What was in its way.
    pub why: String,
}

impl BrokeOff {
    /// Whether another backend may do better: not when what was asked for is what is wrong, and never once a thread is
    /// open.
    pub fn is_of_the_backend(&self) -> bool {
        match self.stage {
            Stage::Greeting | Stage::Opening => {
                !matches!(startup_failure_kind(&self.why), FailureKind::Thread | FailureKind::Configuration)
            }
            Stage::Opened | Stage::Turn => false,
        }
    }
}

/// Everything that a line may change.
pub struct Listener<'a> {
    /// How Codex is talked to.
    pub conversation: Conversation,
    /// What decides.
    pub conductor: Conductor,
    /// What the events come to.
    pub folds: &'a mut Folds,
    /// Where they are shown.
    pub publisher: &'a mut RunPublisher,
    /// Who looks for violations.
    pub violation_watch: Option<ViolationWatch>,
    /// Whether any line was understood.
    pub understood: bool,
    /// What is still to be done.
    pub effects: Vec<Effect>,
}

impl Listener<'_> {
    /// Takes a line of stdout in, `elapsed` after the run's acceptance.
    pub fn read(&mut self, line: &[u8], elapsed: Duration) {
        let effects = match &mut self.conversation {
            Conversation::Exec(_) => return self.told(&clodex_codex::event_from_line(line), elapsed),
            Conversation::AppServer(talk) => talk.hear(line, Instant::now()),
        };
        for effect in effects {
            match effect {
                Effect::Event(event) => self.told(&event, elapsed),
                other => {
                    self.understood = true;
                    self.conductor.step(Input::Life, elapsed);
                    self.effects.push(other);
                }
            }
        }
    }

    /// Takes an event in.
    pub fn told(&mut self, event: &Event<'_>, elapsed: Duration) {
        self.understood |= !matches!(event, Event::Garbage);
        if event.is_life() {
            self.conductor.step(Input::Life, elapsed);
        }
        if let Event::ThreadStarted { thread_id } = event {
            self.publisher.thread_started(thread_id);
        }
        if matches!(event, Event::TurnStarted) {
            self.conductor.step(Input::TurnBegan, elapsed);
        }
        if matches!(event, Event::TurnCompleted { .. } | Event::TurnFailed { .. }) {
            self.conductor.step(Input::TurnEnded, elapsed);
        }
        if let (Some(violation_watch), Event::CommandEnded { .. } | Event::FilesChanged { .. }) =
            (&self.violation_watch, event)
        {
            violation_watch.look();
        }
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        self.folds.progress.apply(event, elapsed_ms);
        self.folds.story.apply(event, elapsed_ms);
    }
}
