//! Which step begins when: `(state, input, now) → actions`. Knows no process, no clock and no file; a step is a number.
//!
//! What holds at every moment, whatever is handed in: a step begins only when all that it needs is through; two steps
//! whose scopes overlap are never under way together; no more run than may; nothing lands beside a run in the same tree,
//! or in one that contains it or lies in it.

use std::time::Duration;

use clodex_core::{ScopeIn, scopes_meet, trees_meet};

use crate::end_reason::EndReason;
use crate::flow::OnFailure;

/// A step, as far as its order matters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Task {
    /// Steps that have to be through before it.
    pub needs: Vec<usize>,
    /// What it does.
    pub kind: Kind,
    /// How often it may be tried again.
    pub retries: u32,
}

/// What a step does, as far as its order matters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Kind {
    /// It waits for somebody outside.
    #[default]
    Asks,
    /// It runs in a tree of the user's.
    Runs {
        /// Which tree.
        tree: String,
        /// What it may change there, as core shows scopes; empty = nothing.
        scope: Vec<String>,
    },
    /// It runs in a worktree of its own.
    Isolated {
        /// The tree in which its changes land; none = they do not.
        lands_in: Option<String>,
    },
}

/// How much of everything there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Runs at the same time.
    pub runs: usize,
    /// Tokens of all runs together.
    pub tokens: Option<u64>,
    /// When time is up.
    pub deadline: Option<Duration>,
    /// What happens to the others when a step fails.
    pub on_failure: OnFailure,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// It has not begun, or is to begin again.
    Waiting,
    /// It is under way.
    Running,
    /// Its run is through, its changes have yet to land.
    ToLand,
    /// Its changes are landing.
    Landing,
    /// It waits for an answer.
    Asking,
    /// It is through.
    Passed,
    /// It was not wanted.
    Skipped,
    /// It failed.
    Failed,
    /// It was ended before it was through.
    Cancelled,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Nothing, but time passed; also the first one.
    Tick,
    /// A step turned out not to be wanted.
    Skipped(usize),
    /// A question was put.
    Asked(usize),
    /// A run came to its end and passed its gates, or a question was answered.
    Passed(usize),
    /// A run came to its end and did not.
    Failed(usize, Again),
    /// A run was refused because another one works in the same place.
    InTheWay(usize),
    /// A run died with an earlier process of the flow, or never got to work.
    Interrupted(usize),
    /// A run was ended from outside.
    Cancelled(usize),
    /// What a run changed has landed.
    Landed(usize),
    /// It could not land.
    NotLanded(usize),
    /// Somebody wants the flow to end.
    Cancel,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It may.
    MayHelp,
    /// A violation, a refusal: it cannot.
    CannotHelp,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Begin a step: skip it, ask, or run.
    Begin(usize),
    /// Land what a step's run changed.
    Land(usize),
    /// End a step's run.
    Cancel(usize),
    /// Nothing more will happen by itself.
    End(EndReason),
}

/// The steps of a flow on their way.
#[derive(Debug, Clone)]
pub struct Schedule {
    tasks: Vec<Task>,
    stands: Vec<Stand>,
    retries_left: Vec<u32>,
    /// Begins only when no other writer is in its tree.
    alone: Vec<bool>,
    rules: Rules,
    /// Tokens of all runs so far.
    taken: u64,
    stopping: Option<EndReason>,
}

impl Schedule {
    /// Nothing has begun.
    pub fn new(tasks: Vec<Task>, rules: Rules) -> Self {
        let count = tasks.len();
        let retries_left = tasks.iter().map(|task| task.retries).collect();
        let (stands, alone) = (vec![Stand::Waiting; count], vec![false; count]);
        Self { tasks, stands, retries_left, alone, rules, taken: 0, stopping: None }
    }

    /// Puts a step where an earlier process left it. `retried` is how often it was tried again so far.
    pub fn restore(&mut self, step: usize, stand: Stand, retried: u32) {
        self.stands[step] = stand;
        self.retries_left[step] = self.tasks[step].retries.saturating_sub(retried);
    }

    /// How many tokens all runs have taken so far; the next input is looked at in this light.
    pub fn count_tokens(&mut self, taken: u64) {
        self.taken = taken;
    }

    /// Where the steps stand.
    pub fn stands(&self) -> &[Stand] {
        &self.stands
    }

    /// Whether nothing begins any more.
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// Takes in what happened; gives what is to be done now.
    pub fn handle(&mut self, input: Input, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        self.take_in(input, &mut actions);
        // Also what failed under an earlier process of the flow.
        if self.rules.on_failure == OnFailure::Stop && self.stands.contains(&Stand::Failed) {
            self.stop(EndReason::Failed, &mut actions);
        }
        if self.rules.deadline.is_some_and(|deadline| now >= deadline) && !self.is_through() {
            self.stop(EndReason::OutOfTime, &mut actions);
        }
        if self.rules.tokens.is_some_and(|limit| self.taken > limit) && !self.is_through() {
            self.stop(EndReason::OutOfTokens, &mut actions);
        }
        if self.stopping.is_none() {
            self.begin_what_can(&mut actions);
        }
        self.land_what_can(&mut actions);
        if let Some(end) = self.end() {
            actions.push(Action::End(end));
        }
        actions
    }

    fn take_in(&mut self, input: Input, actions: &mut Vec<Action>) {
        match input {
            Input::Tick => {}
            Input::Skipped(step) => self.stands[step] = Stand::Skipped,
            Input::Interrupted(step) if self.stopping.is_some() => self.stands[step] = Stand::Cancelled,
            Input::Interrupted(step) => self.stands[step] = Stand::Waiting,
            Input::Asked(step) => self.stands[step] = Stand::Asking,
            Input::Landed(step) => self.stands[step] = Stand::Passed,
            Input::Passed(step) => {
                let lands = matches!(self.tasks[step].kind, Kind::Isolated { lands_in: Some(_) });
                self.stands[step] = if lands { Stand::ToLand } else { Stand::Passed };
            }
            Input::Failed(step, again) => {
                if again == Again::MayHelp && self.retries_left[step] > 0 && self.stopping.is_none() {
                    self.retries_left[step] -= 1;
                    self.stands[step] = Stand::Waiting;
                } else {
                    self.stands[step] = Stand::Failed;
                }
            }
            Input::NotLanded(step) => self.stands[step] = Stand::Failed,
            Input::InTheWay(step) => {
                let own = self.neighbours(step).any(|other| self.stands[other] == Stand::Running);
                if own && !self.alone[step] {
                    self.alone[step] = true;
                    self.stands[step] = Stand::Waiting;
                } else {
                    self.stands[step] = Stand::Failed;
                }
            }
            Input::Cancelled(step) => {
                self.stands[step] = Stand::Cancelled;
                if self.rules.on_failure == OnFailure::Stop {
                    self.stop(EndReason::Cancelled, actions);
                }
            }
            Input::Cancel => self.stop(EndReason::Cancelled, actions),
        }
    }

    /// The first reason stays the reason.
    fn stop(&mut self, end: EndReason, actions: &mut Vec<Action>) {
        if self.stopping.is_some() {
            return;
        }
        self.stopping = Some(end);
        let running = (0..self.tasks.len()).filter(|step| self.stands[*step] == Stand::Running);
        actions.extend(running.map(Action::Cancel));
    }

    fn begin_what_can(&mut self, actions: &mut Vec<Action>) {
        for step in 0..self.tasks.len() {
            if self.can_begin(step) {
                self.stands[step] = Stand::Running;
                actions.push(Action::Begin(step));
            }
        }
    }

    fn can_begin(&self, step: usize) -> bool {
        let task = &self.tasks[step];
        if self.stands[step] != Stand::Waiting
            || !task.needs.iter().all(|need| matches!(self.stands[*need], Stand::Passed | Stand::Skipped))
        {
            return false;
        }
        if task.kind == Kind::Asks {
            return true;
        }
        let running = self.under_way().filter(|other| self.tasks[*other].kind != Kind::Asks).count();
        running < self.rules.runs && !self.is_blocked_by_landing(step) && self.has_its_place(step)
    }

    fn under_way(&self) -> impl Iterator<Item = usize> {
        (0..self.tasks.len()).filter(|step| self.stands[*step] == Stand::Running)
    }

    /// Whether nobody under way would write where it writes.
    fn has_its_place(&self, step: usize) -> bool {
        let Some(mine) = self.may_change(step) else { return true };
        let mut others = self.neighbours(step).filter(|other| self.stands[*other] == Stand::Running);
        others.all(|other| {
            let Some(theirs) = self.may_change(other) else { return true };
            !self.alone[step] && !self.alone[other] && scopes_meet(mine, theirs).is_none()
        })
    }

    /// What a step may change in the user's tree; none = nothing.
    fn may_change(&self, step: usize) -> Option<ScopeIn<'_>> {
        match &self.tasks[step].kind {
            Kind::Runs { tree, scope } if !scope.is_empty() => Some(ScopeIn { tree, scope }),
            Kind::Runs { .. } | Kind::Isolated { .. } | Kind::Asks => None,
        }
    }

    /// Other writers in the same tree, or in one that contains it or lies in it.
    fn neighbours(&self, step: usize) -> impl Iterator<Item = usize> {
        let mine = self.may_change(step);
        (0..self.tasks.len()).filter(move |other| {
            let both = mine.zip(self.may_change(*other));
            *other != step && both.is_some_and(|(mine, theirs)| trees_meet(mine.tree, theirs.tree))
        })
    }

    /// Whoever waits to land would wait for ever if others kept beginning in its tree.
    fn is_blocked_by_landing(&self, step: usize) -> bool {
        let Kind::Runs { tree, .. } = &self.tasks[step].kind else { return false };
        (0..self.tasks.len()).any(|other| {
            matches!(self.stands[other], Stand::ToLand | Stand::Landing)
                && self.lands_in(other).is_some_and(|lands_in| trees_meet(lands_in, tree))
        })
    }

    fn lands_in(&self, step: usize) -> Option<&String> {
        match &self.tasks[step].kind {
            Kind::Isolated { lands_in } => lands_in.as_ref(),
            Kind::Runs { .. } | Kind::Asks => None,
        }
    }

    /// One after the other; what is through lands even when the flow is being stopped: its work was paid for and judged.
    fn land_what_can(&mut self, actions: &mut Vec<Action>) {
        if self.stands.contains(&Stand::Landing) || matches!(self.stopping, Some(EndReason::Cancelled)) {
            return;
        }
        let is_free = |step: &usize| {
            let is_there = |tree: &String| self.lands_in(*step).is_some_and(|mine| trees_meet(mine, tree));
            self.stands[*step] == Stand::ToLand
                && self.under_way().all(
                    |other| !matches!(&self.tasks[other].kind, Kind::Runs { tree, .. } if is_there(tree)),
                )
        };
        let next = (0..self.tasks.len()).find(is_free);
        if let Some(step) = next {
            self.stands[step] = Stand::Landing;
            actions.push(Action::Land(step));
        }
    }

    fn is_through(&self) -> bool {
        self.stands.iter().all(|stand| matches!(stand, Stand::Passed | Stand::Skipped))
    }

    /// Nothing is under way, and nothing can begin.
    fn end(&self) -> Option<EndReason> {
        let waits_to_land =
            self.stopping != Some(EndReason::Cancelled) && self.stands.contains(&Stand::ToLand);
        if waits_to_land || self.stands.iter().any(|stand| matches!(stand, Stand::Running | Stand::Landing)) {
            return None;
        }
        if let Some(end) = self.stopping {
            return Some(end);
        }
        let any = |stand: Stand| self.stands.contains(&stand);
        Some(match (any(Stand::Asking), any(Stand::Failed) || any(Stand::Cancelled)) {
            (true, _) => EndReason::Waiting,
            (false, true) => EndReason::Failed,
            (false, false) => EndReason::Done,
        })
    }
}

#[cfg(test)]
mod tests;
