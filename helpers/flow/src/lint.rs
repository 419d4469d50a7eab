//! What is wrong with a flow before anything is given to it: names that do not exist, circles, threads and scopes that
//! two steps would share at the same time.

use std::collections::HashMap;

use clodex_core::{ScopeEntry, ScopeEntryError, scope_overlap};

use crate::flow::{Deed, Flow, InputKind, Overlap, Step, Thread, Verify, Work};
use crate::gate::Gate;
use crate::graph::Graph;
use crate::line_numbers::LineNumbers;
use crate::problem::Problem;
use crate::reference::Reference;
use crate::template::Template;

/// Everything that is wrong.
pub fn problems(flow: &Flow, lines: &LineNumbers<'_>) -> Vec<Problem> {
    let mut lint = one_by_one(flow, lines);
    if let Some(graph) = lint.graph() {
        for (index, step) in flow.steps.iter().enumerate() {
            lint.references(index, step, &graph);
            lint.thread(index, step, &graph);
        }
        for (one, other) in graph.beside() {
            lint.beside(one, other);
        }
    }
    lint.problems
}

/// What is wrong with steps as such, for a flow that is not known as a whole.
pub fn problems_of_steps(flow: &Flow, lines: &LineNumbers<'_>) -> Vec<Problem> {
    one_by_one(flow, lines).problems
}

fn one_by_one<'a>(flow: &'a Flow, lines: &'a LineNumbers<'a>) -> Lint<'a> {
    let mut lint = Lint { flow, lines, by_id: HashMap::new(), problems: Vec::new() };
    lint.ids();
    lint.switches();
    for (index, step) in flow.steps.iter().enumerate() {
        lint.needs(index, step);
        lint.inputs_of(index, step);
        lint.scope(index, step);
        lint.gates(index, step);
    }
    lint
}

struct Lint<'a> {
    flow: &'a Flow,
    lines: &'a LineNumbers<'a>,
    by_id: HashMap<&'a str, usize>,
    problems: Vec<Problem>,
}

impl<'a> Lint<'a> {
    fn refuse(&mut self, index: usize, key: &str, what: String, hint: impl Into<String>) {
        self.problems.push(Problem::at(self.lines.key(index, key), what, hint));
    }

    fn ids(&mut self) {
        for (index, step) in self.flow.steps.iter().enumerate() {
            if let Some(first) = self.by_id.insert(&step.id, index) {
                let first = self.lines.step(first);
                let what = format!("step `{}` is there twice, first on line {first}", step.id);
                self.refuse(index, "id", what, "name one of them otherwise");
            }
        }
    }

    fn switches(&mut self) {
        for (name, input) in &self.flow.inputs {
            let InputKind::Switch { shows: Some(other) } = &input.kind else { continue };
            let known = self.flow.inputs.get(other).map(|other| &other.kind);
            if !matches!(known, Some(InputKind::Text | InputKind::OneOf(_) | InputKind::File)) {
                let line = self.lines.below("inputs", name);
                let what = format!("input {name} shows `{other}`, which is not an input with a text");
                self.problems.push(Problem::at(line, what, "name an input of kind text or file"));
            }
        }
    }

    fn ids_shown(&self) -> String {
        self.flow.steps.iter().map(|step| step.id.as_str()).collect::<Vec<_>>().join(", ")
    }

    fn needs(&mut self, index: usize, step: &'a Step) {
        for need in &step.needs {
            if !self.by_id.contains_key(need.as_str()) {
                let hint = format!("the steps are {}", self.ids_shown());
                self.refuse(
                    index,
                    "needs",
                    format!("step `{}` needs `{need}`, which is not a step", step.id),
                    hint,
                );
            }
        }
    }

    /// Inputs that are packets.
    fn inputs_of(&mut self, index: usize, step: &Step) {
        let Deed::Run(run) = &step.deed else { return };
        let (key, name, wanted) = match &run.work {
            Work::Packet { input, .. } => ("packet", input, InputKind::Packet),
            Work::EachPacket { input } => ("each", input, InputKind::Packets),
            Work::Prompt { of: Some(input), .. } => ("of", input, InputKind::Packet),
            Work::Prompt { of: None, .. } => return,
        };
        if self.flow.inputs.get(name).is_none_or(|input| input.kind != wanted) {
            let kind = if wanted == InputKind::Packet { "packet" } else { "packets" };
            let hint = format!("declare it below `inputs:` as `{name}: {{kind: {kind}}}`");
            self.refuse(index, key, format!("`{name}` is not an input of kind {kind}"), hint);
        }
    }

    /// What can never be a scope; whether an absolute path lies in the repository is seen when there is one.
    fn scope(&mut self, index: usize, step: &Step) {
        for entry in &step.written_scope() {
            if let Err(error) = ScopeEntry::parse(entry, b"", b"/") {
                self.problems.push(scope_problem(&error, self.lines.text(index, entry)));
            }
        }
    }

    /// What nothing verifies is never verified, however often it is tried.
    fn gates(&mut self, index: usize, step: &Step) {
        let Deed::Run(run) = &step.deed else { return };
        if run.verify != Verify::AsSet || !run.gates.contains(&Gate::Verified) {
            return;
        }
        let (checks, of) = match &run.work {
            Work::Prompt { of: None, .. } => ("verify: cargo test", "commands that show it"),
            Work::Prompt { of: Some(_), .. } | Work::Packet { .. } | Work::EachPacket { .. } => {
                ("verify: true", "the packet's own VERIFICATION")
            }
        };
        let what = format!("step `{}` has the gate `verified`, and nothing is verified", step.id);
        self.refuse(index, "gate", what, format!("name {of}: `{checks}`"));
    }

    fn graph(&mut self) -> Option<Graph> {
        let number = |id: &String| self.by_id.get(id.as_str()).copied();
        let needs =
            self.flow.steps.iter().map(|step| step.needs.iter().filter_map(number).collect()).collect();
        match Graph::new(needs) {
            Ok(graph) => Some(graph),
            Err(circle) => {
                let mut ids: Vec<&str> = circle.iter().map(|at| self.flow.steps[*at].id.as_str()).collect();
                ids.push(ids[0]);
                let what = format!("steps need each other in a circle: {}", ids.join(" → "));
                self.refuse(circle[0], "needs", what, "take one of these needs away");
                None
            }
        }
    }

    fn references(&mut self, index: usize, step: &Step, graph: &Graph) {
        if let Some(when) = &step.when {
            self.reference(index, "when", &when.subject, graph);
            if is_prose(&when.subject) {
                let what = format!("`{}` cannot be compared", when.subject);
                self.refuse(index, "when", what, "compare outcome, claim, verdict or exit-code");
            } else if let Some(words) = when.never() {
                let what = format!("`{when}` compares with what it never is");
                self.refuse(index, "when", what, &words);
            }
        }
        for (key, template) in templates(step) {
            for reference in template.references() {
                self.reference(index, key, reference, graph);
                if key == "label" && is_prose(reference) {
                    let line = self.lines.text(index, &reference.to_string());
                    let what = format!("`{reference}` cannot be used in a step's label");
                    self.problems.push(Problem::at(line, what, "use outcome, claim, verdict or exit-code"));
                }
                // Both are looked at before anything runs.
                let hint = match key {
                    "scope" => "name paths, or an input of the flow",
                    "verify" => "name commands, or an input of the flow",
                    _ => continue,
                };
                if matches!(reference, Reference::Step { .. }) {
                    let line = self.lines.text(index, &reference.to_string());
                    let what = format!("{key} may not depend on `{reference}`");
                    self.problems.push(Problem::at(line, what, hint));
                }
            }
        }
    }

    fn reference(&mut self, index: usize, key: &str, reference: &Reference, graph: &Graph) {
        let told = match reference {
            Reference::Input { name, part } => match self.flow.inputs.get(name) {
                None => {
                    let known: Vec<&str> = self.flow.inputs.keys().map(String::as_str).collect();
                    let hint = if known.is_empty() {
                        "declare it under `inputs:`".to_owned()
                    } else {
                        format!("the inputs are {}", known.join(", "))
                    };
                    Some((format!("there is no input `{name}`"), hint))
                }
                Some(input) => match (&input.kind, part) {
                    (InputKind::Packet, _) | (_, None) if input.kind != InputKind::Packets => None,
                    (InputKind::Packets, _) => {
                        let hint = "use `each:` to make a step of each of them";
                        Some((format!("`{name}` is several packets, which have no text"), hint.to_owned()))
                    }
                    (_, _) => {
                        let hint = format!("write `inputs.{name}`");
                        Some((format!("`{name}` is not a packet and has no parts"), hint))
                    }
                },
            },
            Reference::Step { id, .. } => match self.by_id.get(id.as_str()) {
                None => {
                    Some((format!("there is no step `{id}`"), format!("the steps are {}", self.ids_shown())))
                }
                Some(&other) if other == index => {
                    let what = format!("step `{id}` asks for what only it will have found");
                    Some((what, "take it out".to_owned()))
                }
                Some(&other) if !graph.is_before(other, index) => {
                    let what = format!("step `{id}` need not be through when this is asked");
                    Some((what, format!("add `{id}` to the needs of `{}`", self.flow.steps[index].id)))
                }
                Some(&other) if is_each(&self.flow.steps[other]) => {
                    let what = format!("step `{id}` becomes several, so `{reference}` is not one thing");
                    Some((what, "take it out; needing the step is enough".to_owned()))
                }
                Some(_) => None,
            },
        };
        if let Some((what, hint)) = told {
            let line = if key == "when" {
                self.lines.key(index, "when")
            } else {
                self.lines.text(index, &reference.to_string())
            };
            self.problems.push(Problem::at(line, what, hint));
        }
    }

    fn thread(&mut self, index: usize, step: &Step, graph: &Graph) {
        let Deed::Run(run) = &step.deed else { return };
        let Some(origin) = run.thread.origin() else { return };
        let Some(&other) = self.by_id.get(origin) else {
            let hint = format!("the steps are {}", self.ids_shown());
            return self.refuse(index, "thread", format!("there is no step `{origin}`"), hint);
        };
        if !graph.is_before(other, index) {
            let hint = format!("add `{origin}` to its needs");
            return self.refuse(index, "thread", format!("`{origin}` need not be through before it"), hint);
        }
        let first = &self.flow.steps[other];
        if matches!(first.deed, Deed::Ask(_)) || is_each(first) || is_each(step) {
            let hint = "name a step that is one run of Codex";
            self.refuse(index, "thread", format!("`{origin}` and this do not share one thread"), hint);
        } else if first.when.is_some() && first.when != step.when {
            let hint = "give both the same condition, or take the thread of a step that always runs";
            self.refuse(index, "thread", format!("`{origin}` may be skipped, and has no thread then"), hint);
        }
    }

    /// Two steps that may run at the same time.
    fn beside(&mut self, one: usize, other: usize) {
        let (first, second) = (&self.flow.steps[one], &self.flow.steps[other]);
        if let (Some(mine), Some(theirs)) = (self.own_thread(one), self.own_thread(other))
            && mine == theirs
        {
            let what =
                format!("`{}` and `{}` would write in one thread at the same time", first.id, second.id);
            self.refuse(other, "thread", what, "let one need the other, or write `fork:` instead of `same:`");
        }
        if self.flow.overlap != Overlap::Refuse {
            return;
        }
        if let Some((mine, theirs)) = scope_overlap(&open_scope(first), &open_scope(second)) {
            let what = format!(
                "`{}` and `{}` may run at the same time, and their scopes `{mine}` and `{theirs}` overlap",
                first.id, second.id
            );
            let hint = "let one need the other, narrow a scope, isolate one, or write `overlap: serialise`";
            self.refuse(other, "scope", what, hint);
        }
    }

    /// The step that began the thread which this one writes in.
    fn own_thread(&self, index: usize) -> Option<usize> {
        let mut at = index;
        // A circle is not possible: each origin comes before.
        loop {
            let Deed::Run(run) = &self.flow.steps[at].deed else { return None };
            let Thread::Same(origin) = &run.thread else { return Some(at) };
            at = *self.by_id.get(origin.as_str()).filter(|origin| **origin != at)?;
        }
    }
}

fn is_prose(reference: &Reference) -> bool {
    matches!(reference, Reference::Step { fact, .. } if fact.is_prose())
}

fn is_each(step: &Step) -> bool {
    matches!(&step.deed, Deed::Run(run) if matches!(run.work, Work::EachPacket { .. }))
}

/// What a step writes to in the user's tree, as far as the file says it.
fn open_scope(step: &Step) -> Vec<String> {
    match &step.deed {
        Deed::Run(run) if !run.isolate.is_some_and(clodex_core::Isolate::is_on) => step.written_scope(),
        Deed::Run(_) | Deed::Ask(_) => Vec::new(),
    }
}

/// An entry that is no scope, on the line where it stands.
pub fn scope_problem(error: &ScopeEntryError, line: usize) -> Problem {
    let hint = "name paths inside the repository, as seen from the work directory";
    Problem::at(line, format!("scope: {error}"), hint)
}

/// The templates of a step, with the keys that they stand under.
fn templates(step: &Step) -> Vec<(&'static str, &Template)> {
    let mut all: Vec<(&str, &Template)> = step.label.iter().map(|label| ("label", label)).collect();
    match &step.deed {
        Deed::Ask(question) => all.push(("ask", question)),
        Deed::Run(run) => {
            match &run.work {
                Work::Packet { addendum, .. } => all.extend(addendum.iter().map(|text| ("prompt", text))),
                Work::EachPacket { .. } => {}
                Work::Prompt { scope, text, .. } => {
                    all.extend(scope.iter().map(|entry| ("scope", entry)));
                    all.push(("prompt", text));
                }
            }
            if let Verify::Commands(commands) = &run.verify {
                all.extend(commands.iter().map(|command| ("verify", command)));
            }
        }
    }
    all
}
