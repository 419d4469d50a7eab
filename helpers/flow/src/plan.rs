//! A flow with its inputs: which steps there really are, where each works and what it may change there. Looks at the
//! file system, because only that says what a scope means; changes nothing.

mod part;
mod verified;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use clodex_core::{Isolate, Mode, Packet, ScopeIn, path_text, slug};
use clodex_scope::Tree;

pub use self::verified::unverifiable;
use crate::condition::Condition;
use crate::flow::{Deed, Flow, RunWish, Step, Verify, Work};
use crate::inputs::Inputs;
use crate::lint::scope_problem;
use crate::problem::Problem;
use crate::reference::Reference;
use crate::schedule::{Kind, Task};
use crate::template::Template;

/// Where steps work that no packet sends anywhere, and what settings say of a place.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Absolute.
    pub workdir: PathBuf,
    /// Whether somebody named it: then prompts without a packet of their own work there, and not where some packet does.
    pub is_named: bool,
    /// Whether who writes in this directory is isolated when nobody says so; or why that cannot be told.
    pub isolate: fn(&Path) -> Result<Isolate, String>,
    /// Where steps work for which that is decided: settings may be others by now, and runs know only what they were told.
    pub decided: Decided,
}

/// Steps, and whether they are isolated.
pub type Decided = BTreeMap<String, Isolate>;

/// A flow that can begin.
#[derive(Debug)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Its steps; those of `each` one by one.
    pub steps: Vec<PlannedStep>,
    /// What it was given.
    pub inputs: Inputs,
}

/// A step that can be taken when it is its turn.
#[derive(Debug)]
pub struct PlannedStep {
    /// Unique in the flow.
    pub id: String,
    /// What it is called while it runs; none = its place and id.
    pub label: Option<Template>,
    /// Steps that have to be through before it.
    pub needs: Vec<usize>,
    /// Whether it is wanted.
    pub when: Option<Condition>,
    /// What it does.
    pub deed: PlannedDeed,
}

/// What a step does.
#[derive(Debug)]
pub enum PlannedDeed {
    /// Asks.
    Ask(Template),
    /// Runs.
    Run(Box<PlannedRun>),
}

/// A run with its place.
#[derive(Debug)]
pub struct PlannedRun {
    /// As the file says it.
    pub wish: RunWish,
    /// The packet that it carries out or is held to, with its number among those of its input.
    pub packet: Option<(String, usize)>,
    /// What Codex is.
    pub mode: Mode,
    /// Absolute work directory.
    pub workdir: PathBuf,
    /// Top of the work tree.
    pub tree: String,
    /// What it may change, as written.
    pub scope: Vec<String>,
    /// The same, as it is understood.
    pub understood: Vec<String>,
    /// Commands that clodex runs afterwards.
    pub checks: Vec<String>,
    /// Where it works.
    pub isolate: Isolate,
    /// Whether it finds there, besides what is at HEAD, what the steps that it needs have changed.
    pub takes_over: bool,
}

impl Plan {
    /// What a flow comes to with its inputs.
    pub fn of(flow: &Flow, inputs: Inputs, around: &Surroundings) -> Result<Self, Vec<Problem>> {
        let mut planner =
            Planner { flow, inputs: &inputs, around, trees: HashMap::new(), problems: Vec::new() };
        let mut steps = planner.steps();
        if planner.problems.is_empty() {
            planner.part(&mut steps);
        }
        if planner.problems.is_empty() {
            let name = flow.name.clone();
            Ok(Self { name, steps, inputs })
        } else {
            Err(planner.problems)
        }
    }

    /// Whether its steps are isolated, so that it is decided once for all processes of the flow.
    pub fn decided(&self) -> Decided {
        self.steps.iter().filter_map(|step| Some((step.id.clone(), step.run()?.isolate))).collect()
    }

    /// What steps need, by name; of those that need something.
    pub fn needs(&self) -> BTreeMap<String, Vec<String>> {
        let ids = |needs: &[usize]| needs.iter().map(|need| self.steps[*need].id.clone()).collect();
        let needing = self.steps.iter().filter(|step| !step.needs.is_empty());
        needing.map(|step| (step.id.clone(), ids(&step.needs))).collect()
    }

    /// The steps, as far as their order matters.
    pub fn tasks(&self) -> Vec<Task> {
        self.steps.iter().map(PlannedStep::task).collect()
    }
}

impl PlannedStep {
    fn task(&self) -> Task {
        let (kind, retries) = match &self.deed {
            PlannedDeed::Ask(_) => (Kind::Asks, 0),
            PlannedDeed::Run(run) if run.isolate.is_on() => {
                let lands_in = (run.wish.land && run.mode.writes()).then(|| run.tree.clone());
                (Kind::Isolated { lands_in }, run.wish.retry)
            }
            PlannedDeed::Run(run) => {
                (Kind::Runs { tree: run.tree.clone(), scope: run.understood.clone() }, run.wish.retry)
            }
        };
        Task { needs: self.needs.clone(), kind, retries }
    }

    /// Its run, where it has one.
    pub fn run(&self) -> Option<&PlannedRun> {
        match &self.deed {
            PlannedDeed::Ask(_) => None,
            PlannedDeed::Run(run) => Some(run),
        }
    }
}

impl PlannedRun {
    /// What it may change.
    pub fn may_change(&self) -> ScopeIn<'_> {
        ScopeIn { tree: &self.tree, scope: &self.understood }
    }
}

struct Planner<'a> {
    flow: &'a Flow,
    inputs: &'a Inputs,
    around: &'a Surroundings,
    trees: HashMap<PathBuf, Result<Tree, String>>,
    problems: Vec<Problem>,
}

impl Planner<'_> {
    fn steps(&mut self) -> Vec<PlannedStep> {
        let (mut steps, mut numbers): (Vec<PlannedStep>, BTreeMap<&str, Vec<usize>>) =
            (Vec::new(), BTreeMap::new());
        let flow = self.flow;
        for step in &flow.steps {
            let begin = steps.len();
            for (id, deed) in self.deeds(step, &steps) {
                let (label, when) = (step.label.clone(), step.when.clone());
                steps.push(PlannedStep { id, label, needs: Vec::new(), when, deed });
            }
            numbers.insert(&step.id, (begin..steps.len()).collect());
        }
        for step in &flow.steps {
            let needs: Vec<usize> = step
                .needs
                .iter()
                .flat_map(|need| numbers.get(need.as_str()).cloned().unwrap_or_default())
                .collect();
            for &number in numbers.get(step.id.as_str()).into_iter().flatten() {
                steps[number].needs.clone_from(&needs);
            }
        }
        steps
    }

    /// The steps that a step of the file becomes: one, or with `each` one for each packet.
    fn deeds(&mut self, step: &Step, others: &[PlannedStep]) -> Vec<(String, PlannedDeed)> {
        let wish = match &step.deed {
            Deed::Ask(question) => return vec![(step.id.clone(), PlannedDeed::Ask(question.clone()))],
            Deed::Run(wish) => wish,
        };
        let Work::EachPacket { input } = &wish.work else {
            let run = self.run(step, &step.id, wish, None);
            return run.map(|run| (step.id.clone(), PlannedDeed::Run(Box::new(run)))).into_iter().collect();
        };
        let mut made: Vec<(String, PlannedDeed)> = Vec::new();
        for (number, packet) in self.inputs.packets(input).iter().enumerate() {
            let is_taken = |id: &str| {
                made.iter().any(|(known, _)| known == id)
                    || others.iter().any(|other| other.id == id)
                    || self.flow.steps.iter().any(|known| known.id == id)
            };
            let id = free_id(id_of_packet(packet, step, number), is_taken);
            if let Some(run) = self.run(step, &id, wish, Some(number)) {
                made.push((id, PlannedDeed::Run(Box::new(run))));
            }
        }
        made
    }

    fn run(&mut self, step: &Step, id: &str, wish: &RunWish, number: Option<usize>) -> Option<PlannedRun> {
        let (packet, mode, workdir, scope) = match &wish.work {
            Work::Packet { input, .. } | Work::EachPacket { input } => {
                let number = number.unwrap_or(0);
                let packet = self.inputs.packets(input).get(number)?;
                let scope = packet.write_scope.iter().map(|item| item.text.clone()).collect();
                (Some((input.clone(), number)), packet.mode, PathBuf::from(&packet.workdir.text), scope)
            }
            Work::Prompt { mode, scope, of: None, .. } => {
                let scope = self.list(step, scope);
                (None, *mode, self.workdir(), scope)
            }
            Work::Prompt { mode, of: Some(input), .. } => {
                let packet = self.inputs.packets(input).first()?;
                (Some((input.clone(), 0)), *mode, PathBuf::from(&packet.workdir.text), Vec::new())
            }
        };
        let checks = match &wish.verify {
            Verify::Commands(commands) => self.list(step, commands),
            Verify::AsSet | Verify::OfPacket => Vec::new(),
        };
        let (tree, understood) = self.understand(step, &workdir, &scope)?;
        self.see_whether_it_can_be_verified(step, wish, &workdir, (&packet, &checks));
        let isolate = match (self.around.decided.get(id), wish.isolate) {
            (Some(isolate), _) => *isolate,
            (None, Some(isolate)) => isolate,
            // Who only looks, looks at the tree in which the others leave what they did.
            (None, None) if !mode.writes() => Isolate::Off,
            (None, None) => self.habit(step, &workdir)?,
        };
        Some(PlannedRun {
            wish: wish.clone(),
            packet,
            mode,
            workdir,
            tree,
            scope,
            understood,
            checks,
            isolate,
            takes_over: false,
        })
    }

    /// Whether who writes there is isolated by habit.
    fn habit(&mut self, step: &Step, workdir: &Path) -> Option<Isolate> {
        let habit = (self.around.isolate)(workdir);
        habit.map_err(|why| self.refuse(step, &why.replace("\nhint: ", "; "), "fix the settings")).ok()
    }

    fn workdir(&self) -> PathBuf {
        match self.inputs.first_packet() {
            Some(packet) if !self.around.is_named => PathBuf::from(&packet.workdir.text),
            Some(_) | None => self.around.workdir.clone(),
        }
    }

    /// Entries of a list: one that is a packet's list stands for all of that.
    fn list(&mut self, step: &Step, entries: &[Template]) -> Vec<String> {
        let mut list = Vec::new();
        for entry in entries {
            if let Some(Reference::Input { name, part }) = entry.alone()
                && let Some(items) = self.inputs.items(name, *part)
            {
                list.extend(items);
                continue;
            }
            match entry.fill(|reference| value_of_input(self.inputs, reference)) {
                Ok(text) => list.push(text),
                Err(reference) => {
                    self.refuse(step, &format!("`{reference}` has no value yet"), "use an input");
                }
            }
        }
        list
    }

    fn understand(&mut self, step: &Step, workdir: &Path, scope: &[String]) -> Option<(String, Vec<String>)> {
        let found = self.trees.entry(workdir.to_owned()).or_insert_with(|| {
            let real = workdir.canonicalize().map_err(|error| format!("{}: {error}", workdir.display()))?;
            Tree::discover(&real).map_err(|error| error.to_string())
        });
        let understood = match found {
            Ok(tree) => {
                let entries =
                    scope.iter().map(|entry| tree.scope_entry(entry)).collect::<Result<Vec<_>, _>>();
                let root = path_text(tree.root().as_os_str().as_encoded_bytes());
                let entries = entries.map(|entries| (root, tree.scope_rules(entries).entries()));
                entries.map_err(|error| scope_problem(&error, step.line))
            }
            Err(why) => {
                Err(Problem::at(step.line, why.replace("\nhint: ", "; "), "name a directory of a repository"))
            }
        };
        understood.map_err(|Problem { what, hint, .. }| self.refuse(step, &what, &hint)).ok()
    }

    fn refuse(&mut self, step: &Step, what: &str, hint: &str) {
        let what = format!("step `{}`: {what}", step.id);
        // What a packet says stands on no line of the flow's.
        let is_own =
            matches!(&step.deed, Deed::Run(wish) if matches!(wish.work, Work::Prompt { of: None, .. }));
        let line = is_own.then_some(step.line);
        self.problems.push(Problem { line, ..Problem::given(what, hint) });
    }
}

/// The id of a packet's step: its name, or, where that has no letter that an id could have, its place among the packets.
fn id_of_packet(packet: &Packet, step: &Step, number: usize) -> String {
    let has_letters = packet.title().to_lowercase().chars().any(|c| c.is_ascii_alphanumeric());
    if has_letters { slug(packet.title()) } else { format!("{}-{}", step.id, number + 1) }
}

fn free_id(wanted: String, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(&wanted) {
        return wanted;
    }
    let mut numbered = (2..).map(|copy: u32| format!("{wanted}-{copy}"));
    numbered.find(|id| !is_taken(id)).expect("there are more numbers than steps")
}

/// The value of an input; none for what steps tell.
pub fn value_of_input(inputs: &Inputs, reference: &Reference) -> Option<String> {
    match reference {
        Reference::Input { name, part } => inputs.text(name, *part),
        Reference::Step { .. } => None,
    }
}

#[cfg(test)]
pub(crate) mod tests;
