//! What a step's run is told: the arguments of clodex-dispatch, and the files that they name. The one place that knows
//! the dispatcher's options.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clodex_core::{Isolate, RunId};
use clodex_os::Failure;

use crate::flow::{Thread, Verify, Work};
use crate::flow_dir::FlowDir;
use crate::gate::Gate;
use crate::plan::{PlannedRun, PlannedStep};
use crate::reference::Reference;
use crate::template::Template;
use crate::values::Values;

/// What a step's run needs besides its step.
#[derive(Debug, Clone, Copy)]
pub struct StepCommand<'a> {
    /// Name of the flow.
    pub flow: &'a str,
    /// The step.
    pub step: &'a PlannedStep,
    /// Its run.
    pub run: &'a PlannedRun,
    /// What it is shown as.
    pub label: &'a str,
    /// Earlier runs of this flow that may have left changes where it works, in the order in which they ended.
    pub goes_on: &'a [&'a RunId],
    /// What its texts are filled with.
    pub values: Values<'a>,
    /// `codex`, where the user named one.
    pub codex: Option<&'a PathBuf>,
}

/// Where a packet's file is.
pub fn packet_file(dir: &FlowDir, input: &str, number: usize) -> PathBuf {
    dir.file("packets").join(format!("{input}-{}.md", number + 1))
}

/// Where a step's schema is.
pub fn schema_file(dir: &FlowDir, step: &str) -> PathBuf {
    dir.file("schemas").join(format!("{step}.json"))
}

impl StepCommand<'_> {
    /// Writes what the run is told into files; the arguments come back.
    pub fn arguments(&self) -> Result<Vec<OsString>, Failure> {
        let mut words = self.task()?;
        let (run, wish) = (self.run, &self.run.wish);
        let mut option = |name: &str, value: OsString| words.push(with_value(name, &value));
        option("--name", format!("{}-{}", self.flow, self.step.id).into());
        option("--flow", self.values.dir.id().into());
        option("--step", self.step.id.clone().into());
        option("--step-label", self.label.into());
        if let Some(tier) = &wish.tier {
            option("--tier", tier.into());
        }
        if let Some(timeout) = wish.timeout {
            option("--timeout-sec", timeout.as_secs().to_string().into());
        }
        if let Some(codex) = self.codex {
            option("--codex", codex.into());
        }
        if let Some((how, origin)) = self.thread()? {
            option(how, origin.into());
        }
        if wish.gates.iter().any(|gate| matches!(gate, Gate::Schema(_))) {
            option("--output-schema", schema_file(self.values.dir, &self.step.id).into());
        }
        for check in &run.checks {
            option("--check", check.into());
        }
        // Where nothing was changed after all, there is nothing besides HEAD.
        let takes_over = run.takes_over && !self.goes_on.is_empty();
        if run.mode.writes() && (takes_over || !run.isolate.is_on()) {
            self.goes_on.iter().for_each(|run| option("--goes-on", run.as_str().into()));
        }
        if wish.verify == Verify::OfPacket {
            words.push("--verify".into());
        }
        let isolate = if takes_over { Isolate::WithDirty } else { run.isolate };
        words.push(format!("--isolate={}", isolate.as_str()).into());
        words.extend(["--json", "--quiet", "--await-go"].map(OsString::from));
        Ok(words)
    }

    /// The task, and what it may change.
    fn task(&self) -> Result<Vec<OsString>, Failure> {
        let mut words: Vec<OsString> = Vec::new();
        let dir = self.values.dir;
        match (&self.run.wish.work, &self.run.packet) {
            (Work::Packet { addendum, .. }, Some((input, number))) => {
                words.push(with_value("--task", packet_file(dir, input, *number).as_os_str()));
                if let Some(addendum) = addendum {
                    words.push(with_value("--addendum", self.written(addendum)?.as_os_str()));
                }
            }
            (Work::EachPacket { .. }, Some((input, number))) => {
                words.push(with_value("--task", packet_file(dir, input, *number).as_os_str()));
            }
            (Work::Prompt { text, .. }, packet) => {
                words.push(with_value("--prompt-file", self.written(text)?.as_os_str()));
                match packet {
                    Some((input, number)) => {
                        words.push(with_value("--contract", packet_file(dir, input, *number).as_os_str()));
                    }
                    None => words.push(with_value("--cd", self.run.workdir.as_os_str())),
                }
                words.push(with_value("--mode", self.run.mode.as_str().as_ref()));
                words.extend(self.run.scope.iter().map(|entry| with_value("--scope", entry.as_ref())));
            }
            (Work::Packet { .. } | Work::EachPacket { .. }, None) => {
                return Err(Failure::usage(format!("step `{}` has lost its packet", self.step.id)));
            }
        }
        Ok(words)
    }

    /// A text, filled and put where the run finds it.
    fn written(&self, template: &Template) -> Result<PathBuf, Failure> {
        let text =
            template.fill(|reference| self.values.of(reference)).map_err(|missing| no_value(&missing))?;
        // No prompt may hold a NUL, and what a model or a check says may.
        let text = text.replace('\0', "\u{fffd}");
        let path = self.values.dir.file("prompts").join(format!("{}.md", self.step.id));
        FlowDir::note(&path, text.as_bytes())?;
        Ok(path)
    }

    /// In whose thread it goes on, as the dispatcher is told.
    fn thread(&self) -> Result<Option<(&'static str, String)>, Failure> {
        let (how, origin) = match &self.run.wish.thread {
            Thread::Fresh => return Ok(None),
            Thread::Same(origin) => ("--resume", origin),
            Thread::Fork(origin) => ("--fork", origin),
        };
        let run = self.values.flow_state.step(origin).and_then(|known| known.facts.as_ref()?.run.as_ref());
        run.map(|run| Some((how, run.to_string()))).ok_or_else(|| {
            Failure::usage(format!("step `{origin}` has no run whose thread could be taken on"))
        })
    }
}

/// An option and its value in one word: a value may begin with a dash.
fn with_value(name: &str, value: &OsStr) -> OsString {
    let mut word = OsString::from(name);
    word.push("=");
    word.push(value);
    word
}

/// A reference without a value.
pub fn no_value(missing: &Reference) -> Failure {
    Failure::usage(format!(
        "`{missing}` has no value: the step did not come to its end, or its answer was changed"
    ))
}
