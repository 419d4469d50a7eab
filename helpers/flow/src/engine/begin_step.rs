//! Beginning a step: it is skipped, it asks, or its run is started, held back until its id is written down.

use std::thread;
use std::time::Instant;

use clodex_core::{RunId, cut, harmless};
use clodex_os::{Companion, ExitKind, Failure, Said};
use serde::Deserialize;

use super::{Event, Gone, Hold, Whose, Work};
use crate::flow_dir::FlowDir;
use crate::journal::Entry;
use crate::plan::{PlannedDeed, PlannedStep};
use crate::report::stand_word;
use crate::schedule::{Input, Stand};
use crate::step_command::{StepCommand, no_value};

/// What a step is called while it runs is not wider.
const LABEL_COLUMNS: usize = 80;

/// The first thing that a dispatcher says.
#[derive(Deserialize)]
struct First {
    run_id: RunId,
}

impl Work {
    /// Begins a step; what is known of it at once comes back.
    pub(super) fn begin(&mut self, step: usize) -> Result<Option<Input>, Failure> {
        self.began.insert(step, Instant::now());
        match self.unwanted(step) {
            Ok(None) => self.announce(step),
            Ok(Some(why)) => {
                let id = self.id(step).to_owned();
                self.say(step, stand_word(Stand::Skipped), &why);
                self.write(Entry::Skipped { step: id, why })?;
                return Ok(Some(Input::Skipped(step)));
            }
            Err(failure) => {
                self.refuse(step, &failure);
                return Ok(None);
            }
        }
        if matches!(self.engine.plan.steps[step].deed, PlannedDeed::Run(_)) {
            self.start(step);
            return Ok(None);
        }
        match self.put_question(step) {
            Ok(()) => {
                self.write(Entry::Asked { step: self.id(step).to_owned() })?;
                Ok(Some(Input::Asked(step)))
            }
            Err(failure) => {
                self.refuse(step, &failure);
                Ok(None)
            }
        }
    }

    /// What goes wrong before there is a run is told as the end of the step.
    fn refuse(&self, step: usize, failure: &Failure) {
        let said = serde_json::json!({ "exit_code": 2, "error": failure.message() }).to_string();
        let gone = Gone { step, run: None, said, exit: Some(ExitKind::Exit(2)), whose: Whose::Ours };
        // We hold the other end.
        let _ = self.sender.send(Event::Gone(gone));
    }

    /// Why a step is not wanted; none = it is.
    fn unwanted(&self, step: usize) -> Result<Option<String>, Failure> {
        let Some(when) = &self.engine.plan.steps[step].when else { return Ok(None) };
        let value = self.engine.values().of(&when.subject).ok_or_else(|| no_value(&when.subject))?;
        Ok((!when.holds(&value)).then(|| format!("not: {when}")))
    }

    /// What is done only sometimes, as a repair is, is told when it is done.
    fn announce(&self, step: usize) {
        if let Some(when) = &self.engine.plan.steps[step].when {
            self.say(step, stand_word(Stand::Running), &format!("because {when}"));
        }
    }

    /// Puts the question where it is found.
    fn put_question(&self, step: usize) -> Result<(), Failure> {
        let planned = &self.engine.plan.steps[step];
        let PlannedDeed::Ask(question) = &planned.deed else { return Ok(()) };
        let values = self.engine.values();
        let text = question.fill(|reference| values.of(reference)).map_err(|missing| no_value(&missing))?;
        FlowDir::write(&self.engine.dir.question(&planned.id), text.as_bytes())
    }

    /// Starts a step's run.
    fn start(&mut self, step: usize) {
        match self.spawn(step) {
            Ok((companion, said)) => {
                self.holds.insert(step, Hold::Companion(companion));
                let sender = self.sender.clone();
                thread::spawn(move || {
                    for event in heard(step, said) {
                        // Nobody listens any more: the flow has ended.
                        let _ = sender.send(event);
                    }
                });
            }
            Err(failure) => self.refuse(step, &failure),
        }
    }

    fn spawn(&self, step: usize) -> Result<(Companion, Said), Failure> {
        let engine = &self.engine;
        let planned = &engine.plan.steps[step];
        let Some(run) = planned.run() else {
            return Err(Failure::usage(format!("step `{}` has no run", planned.id)));
        };
        let values = engine.values();
        let label = self.label(step, planned)?;
        let command = StepCommand {
            flow: &engine.plan.name,
            step: planned,
            run,
            label: &label,
            goes_on: &self.goes_on(step),
            values,
            codex: engine.programs.codex.as_ref(),
        };
        let arguments = command.arguments()?;
        let stderr = engine.dir.stderr(&planned.id);
        let started = Companion::start(&engine.programs.dispatch, arguments, &run.workdir, &stderr);
        started.map_err(|error| Failure::usage(format!("{error}\nhint: `clodex-setup` installs the helpers")))
    }

    fn label(&self, step: usize, planned: &PlannedStep) -> Result<String, Failure> {
        let flow = &self.engine.plan.name;
        let Some(label) = &planned.label else {
            let count = self.engine.plan.steps.len();
            return Ok(format!("{flow} {}/{count} {}", step + 1, planned.id));
        };
        let values = self.engine.values();
        let label = label.fill(|reference| values.of(reference)).map_err(|missing| no_value(&missing))?;
        // It is an argument of the dispatcher's and in the record: a line.
        Ok(cut(&harmless(&format!("{flow} {label}")), LABEL_COLUMNS))
    }

    /// Runs of this flow that may have left changes where this step works, in the order in which they ended.
    fn goes_on(&self, step: usize) -> Vec<&RunId> {
        let steps = &self.engine.plan.steps;
        let Some(mine) = steps[step].run() else { return Vec::new() };
        let wrote_here = |id: &str| {
            steps.iter().find(|other| other.id == id).and_then(PlannedStep::run).is_some_and(|theirs| {
                let meets = || clodex_core::scopes_meet(theirs.may_change(), mine.may_change()).is_some();
                theirs.mode.writes() && (theirs.tree == mine.tree && mine.takes_over || meets())
            })
        };
        self.engine.flow_state.runs.iter().filter(|(id, _)| wrote_here(id)).map(|(_, run)| run).collect()
    }
}

/// What a dispatcher says, as it says it: its run's id, where it comes to have one, and its end.
fn heard(step: usize, mut said: Said) -> impl Iterator<Item = Event> {
    let first = said.line().unwrap_or_default();
    let run = serde_json::from_str::<First>(&first).ok().map(|first| first.run_id);
    let announced = run.clone().map(|run| Event::Announced(step, run));
    announced.into_iter().chain(std::iter::once_with(move || {
        let (rest, exit) = said.rest();
        // A refusal is said in the first line.
        let said = if run.is_some() { rest } else { first + &rest };
        Event::Gone(Gone { step, run, said, exit, whose: Whose::Ours })
    }))
}
