//! From words to values: a step's keys, and which of them go together.

use std::time::Duration;

use clodex_core::{Isolate, Mode};

use super::read::NAME_HINT;
use super::{Deed, IfShut, RunWish, Step, Thread, Verify, Work};
use crate::condition::Condition;
use crate::gate::Gate;
use crate::line_numbers::LineNumbers;
use crate::problem::Problem;
use crate::raw::{RawGate, RawStep, RawVerify};
use crate::reference::is_name;
use crate::template::Template;

/// Reads steps; collects what is wrong with them.
pub(super) struct StepReader<'a> {
    pub(super) lines: &'a LineNumbers<'a>,
    pub(super) problems: Vec<Problem>,
}

impl StepReader<'_> {
    pub(super) fn step(&mut self, place: usize, raw: RawStep) -> Step {
        if !is_name(&raw.id) {
            let what =
                if raw.id.is_empty() { "a step without id".into() } else { format!("id `{}`", raw.id) };
            self.refuse(place, "id", what, NAME_HINT);
        }
        let when = raw.when.as_deref().and_then(|text| {
            let read = Condition::parse(text);
            read.map_err(|hint| self.refuse(place, "when", format!("`{text}` is not a condition"), &hint))
                .ok()
        });
        let label = raw.label.as_deref().map(|text| self.template(place, text));
        let deed = match &raw.ask {
            Some(question) => {
                self.refuse_beside_ask(place, &raw);
                if question.trim().is_empty() {
                    self.refuse(
                        place,
                        "ask",
                        format!("step `{}` asks nothing", raw.id),
                        "write the question",
                    );
                }
                Deed::Ask(self.template(place, question))
            }
            None => Deed::Run(Box::new(self.run(place, &raw))),
        };
        Step { id: raw.id, place, line: self.lines.step(place), label, needs: raw.needs.0, when, deed }
    }

    fn refuse(&mut self, place: usize, key: &str, what: impl Into<String>, hint: &str) {
        self.problems.push(Problem::at(self.lines.key(place, key), what, hint));
    }

    /// A question starts no run.
    fn refuse_beside_ask(&mut self, place: usize, raw: &RawStep) {
        let given = [
            ("packet", raw.packet.is_some()),
            ("each", raw.each.is_some()),
            ("of", raw.of.is_some()),
            ("mode", raw.mode.is_some()),
            ("tier", raw.tier.is_some()),
            ("scope", !raw.scope.0.is_empty()),
            ("prompt", raw.prompt.is_some()),
            ("thread", raw.thread.is_some()),
            ("isolate", raw.isolate.is_some()),
            ("land", raw.land.is_some()),
            ("verify", raw.verify != RawVerify::No),
            ("timeout", raw.timeout.is_some()),
            ("retry", raw.retry > 0),
            ("gate", !raw.gate.0.is_empty()),
            ("if-shut", raw.if_shut.is_some()),
        ];
        for (key, _) in given.into_iter().filter(|(_, given)| *given) {
            let hint = "a question starts no run: make a step of its own for that";
            self.refuse(place, key, format!("`{key}` cannot be combined with `ask`"), hint);
        }
    }

    fn run(&mut self, place: usize, raw: &RawStep) -> RunWish {
        let isolate = raw.isolate.as_deref().and_then(|word| {
            let isolate = Isolate::from_word(word);
            if isolate.is_none() {
                self.refuse(place, "isolate", format!("isolate `{word}`"), "it is off, head or with-dirty");
            }
            isolate
        });
        let work = self.work(place, raw);
        let if_shut = self.if_shut(place, raw, &work);
        let verify = match &raw.verify {
            RawVerify::No => Verify::AsSet,
            RawVerify::Yes => {
                if matches!(work, Work::Prompt { of: None, .. }) {
                    let hint = "name the commands: `verify: cargo test`";
                    self.refuse(place, "verify", "only a packet has checks of its own", hint);
                }
                Verify::OfPacket
            }
            RawVerify::Commands(commands) => {
                if !matches!(work, Work::Prompt { .. }) {
                    let hint = "write `verify: true`, and the commands into the packet";
                    self.refuse(place, "verify", "a packet says itself how it is verified", hint);
                }
                Verify::Commands(commands.iter().map(|text| self.template(place, text)).collect())
            }
        };
        if raw.timeout == Some(0) {
            self.refuse(place, "timeout", "timeout is 0", "leave it out for that of your settings");
        }
        RunWish {
            work,
            tier: raw.tier.clone(),
            thread: self.thread(place, raw),
            isolate,
            land: raw.land.unwrap_or(true),
            verify,
            timeout: raw.timeout.map(Duration::from_secs),
            retry: raw.retry,
            gates: raw.gate.0.iter().filter_map(|gate| self.gate(place, gate)).collect(),
            if_shut,
        }
    }

    fn if_shut(&mut self, place: usize, raw: &RawStep, work: &Work) -> IfShut {
        let Some(word) = raw.if_shut.as_deref() else { return IfShut::Fail };
        let Some(if_shut) = IfShut::from_word(word) else {
            self.refuse(place, "if-shut", format!("if-shut `{word}`"), "it is fail or go-on");
            return IfShut::Fail;
        };
        if raw.gate.0.is_empty() {
            self.refuse(place, "if-shut", "if-shut without a gate", "write a `gate:` or leave it out");
        }
        if !matches!(work, Work::Prompt { mode, .. } if !mode.writes()) {
            let hint = "only a step that writes nothing may continue past its gate";
            self.refuse(place, "if-shut", "if-shut where something may be written", hint);
        }
        if_shut
    }

    fn work(&mut self, place: usize, raw: &RawStep) -> Work {
        let packet = raw.packet.clone().or_else(|| raw.each.clone());
        if let Some(input) = packet {
            let key = if raw.packet.is_some() { "packet" } else { "each" };
            for (other, given) in
                [("mode", raw.mode.is_some()), ("scope", !raw.scope.0.is_empty()), ("of", raw.of.is_some())]
            {
                if given {
                    self.refuse(
                        place,
                        other,
                        format!("`{other}` cannot be combined with `{key}`"),
                        "the packet says it",
                    );
                }
            }
            if raw.packet.is_some() && raw.each.is_some() {
                self.refuse(place, "each", "`each` cannot be combined with `packet`", "take one of them");
            }
            if key == "each" && raw.prompt.is_some() {
                self.refuse(
                    place,
                    "prompt",
                    "`prompt` cannot be combined with `each`",
                    "the packets say what is to be done",
                );
            }
            return match &raw.each {
                Some(input) => Work::EachPacket { input: input.clone() },
                None => Work::Packet {
                    input,
                    addendum: raw.prompt.as_deref().map(|text| self.template(place, text)),
                },
            };
        }
        let scope: Vec<Template> = raw.scope.0.iter().map(|text| self.template(place, text)).collect();
        let mode = self.mode(place, raw);
        let text = if let Some(text) = raw.prompt.as_ref().filter(|text| !text.trim().is_empty()) {
            self.template(place, text)
        } else {
            let hint = "add `prompt:`, `packet:`, `each:` or `ask:`";
            self.refuse(place, "id", format!("step `{}` does nothing", raw.id), hint);
            Template::default()
        };
        if raw.of.is_some() && mode.writes() {
            let hint = "to write, carry the packet out: `packet: INPUT` with a `prompt`";
            self.refuse(place, "of", "`of` cannot be combined with a `scope`", hint);
        }
        Work::Prompt { mode, scope, text, of: raw.of.clone() }
    }

    fn mode(&mut self, place: usize, raw: &RawStep) -> Mode {
        let has_scope = !raw.scope.0.is_empty();
        let by_scope = if has_scope { Mode::Worker } else { Mode::Reviewer };
        let Some(word) = raw.mode.as_deref() else { return by_scope };
        let Some(mode) = Mode::from_word(word) else {
            let hint = format!("the modes are {}", Mode::ALL.map(Mode::as_str).join(", "));
            self.refuse(place, "mode", format!("mode `{word}` is unknown"), &hint);
            return by_scope;
        };
        if mode.writes() && !has_scope {
            self.refuse(
                place,
                "mode",
                format!("a {mode} needs a scope"),
                "name what it may change: `scope: [src/]`",
            );
        }
        if !mode.writes() && has_scope {
            let hint = "leave out the scope, or write `mode: worker`";
            self.refuse(place, "scope", format!("a {mode} writes nothing, so it has no scope"), hint);
        }
        mode
    }

    fn thread(&mut self, place: usize, raw: &RawStep) -> Thread {
        let word = raw.thread.as_deref().unwrap_or("fresh");
        match (word, word.split_once(':')) {
            ("fresh", _) => Thread::Fresh,
            ("same", _) => {
                if let [only] = &raw.needs.0[..] {
                    return Thread::Same(only.clone());
                }
                let hint = "write `thread: same:STEP`";
                self.refuse(place, "thread", "`same` says whose thread only where there is one need", hint);
                Thread::Fresh
            }
            (_, Some(("same", step))) if is_name(step.trim()) => Thread::Same(step.trim().to_owned()),
            (_, Some(("fork", step))) if is_name(step.trim()) => Thread::Fork(step.trim().to_owned()),
            _ => {
                let hint = "it is fresh, same, same:STEP or fork:STEP";
                self.refuse(place, "thread", format!("thread `{word}`"), hint);
                Thread::Fresh
            }
        }
    }

    fn gate(&mut self, place: usize, raw: &RawGate) -> Option<Gate> {
        let of: Option<Vec<&str>> = raw.of.as_ref().map(|of| of.iter().map(String::as_str).collect());
        let gate = match (raw.word.as_str(), of.as_deref()) {
            ("clean", None) => Gate::Clean,
            ("verified", None) => Gate::Verified,
            ("verdict", Some(["CLEAN"])) => Gate::ClaimsClean,
            ("schema", Some([file])) => Gate::Schema((*file).to_owned()),
            ("changed", Some(paths)) if !paths.is_empty() => {
                if let Some(bad) = paths.iter().find_map(|path| Gate::check_path(path).err()) {
                    self.refuse(
                        place,
                        "gate",
                        bad,
                        "write paths, directories or globs such as `src/**/*.rs`",
                    );
                }
                Gate::Changed(paths.iter().map(|path| (*path).to_owned()).collect())
            }
            (word, _) => {
                let hint = "the gates are `clean`, `verified`, `verdict: CLEAN`, `changed: [paths]` and `schema: FILE`";
                self.refuse(place, "gate", format!("gate `{word}` cannot be read"), hint);
                return None;
            }
        };
        Some(gate)
    }

    fn template(&mut self, place: usize, text: &str) -> Template {
        Template::parse(text).unwrap_or_else(|all| {
            for bad in all {
                let line = self.lines.text(place, &bad.text);
                self.problems.push(Problem::at(line, format!("`{}` is not a reference", bad.text), bad.hint));
            }
            Template::default()
        })
    }
}
