//! What a journal comes to: where each step stands and what is known of it. A fold over the lines, from which a flow goes
//! on, and all that is ever shown of one. Looks at nothing else.

mod step;

use std::collections::BTreeMap;
use std::time::Duration;

use clodex_core::{RunId, cut, harmless, utc_ms};

use crate::end_reason::EndReason;
use crate::facts::Facts;
use crate::journal::{Begun, Entry, Line, Then};
use crate::schedule::Stand;
pub use step::{NotLanded, StepState};

/// A title is not wider.
const TITLE_COLUMNS: usize = 80;

/// A flow, as its journal tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowState {
    /// How it began.
    pub begun: Begun,
    /// When it began.
    pub began_at: String,
    /// What is known of its steps.
    pub steps: BTreeMap<String, StepState>,
    /// Steps in the order in which they came to their end.
    pub ended: Vec<String>,
    /// Runs in the order in which they ended, each with its step.
    pub runs: Vec<(String, RunId)>,
    /// Why nothing more happens by itself, and what the process exited with; none = it is under way, or was killed.
    pub end: Option<(EndReason, u8)>,
    /// Why one of its runs waited for another, where one did.
    pub one_by_one: Option<String>,
    /// When the last line was written.
    pub last_at: String,
    /// Tokens of all runs so far.
    pub tokens: u64,
    /// How long processes carried it out: from the first to the last line of each.
    pub used: Duration,
}

impl FlowState {
    /// The state of a journal; none where it does not begin as one.
    pub fn of(lines: &[Line]) -> Option<Self> {
        let (first, rest) = lines.split_first()?;
        let Entry::Begun(begun) = &first.entry else { return None };
        let mut flow_state = Self {
            begun: begun.clone(),
            began_at: first.at.clone(),
            steps: begun.steps.iter().map(|step| (step.clone(), StepState::default())).collect(),
            ended: Vec::new(),
            runs: Vec::new(),
            end: None,
            one_by_one: None,
            last_at: first.at.clone(),
            tokens: 0,
            used: Duration::ZERO,
        };
        for line in rest {
            flow_state.take_in(line);
        }
        Some(flow_state)
    }

    /// What people call it: a line, however much was said.
    pub fn title(&self) -> String {
        let first = self.begun.title.lines().map(str::trim).find(|line| !line.is_empty());
        cut(&harmless(first.unwrap_or_default()), TITLE_COLUMNS)
    }

    /// What is known of a step.
    pub fn step(&self, id: &str) -> Option<&StepState> {
        self.steps.get(id)
    }

    /// Whether a step comes after one that stands so, however far.
    pub fn waits_behind(&self, id: &str, stands: &[Stand]) -> bool {
        // What is needed was declared, and goes round in no circle, before anything began.
        self.begun.needs.get(id).into_iter().flatten().any(|need| {
            self.step(need).is_some_and(|known| stands.contains(&known.stand))
                || self.waits_behind(need, stands)
        })
    }

    /// Steps whose runs are under way, as far as the journal knows.
    pub fn running(&self) -> Vec<(String, RunId)> {
        let running = self.steps.iter().filter(|(_, known)| known.stand == Stand::Running);
        running.filter_map(|(step, known)| Some((step.clone(), known.run.clone()?))).collect()
    }

    /// Takes in one more line.
    pub fn take_in(&mut self, line: &Line) {
        self.used += self.since_last(line);
        self.last_at.clone_from(&line.at);
        match &line.entry {
            // Nobody begins twice.
            Entry::Begun(_) | Entry::TakenOver { .. } => {}
            Entry::Continued { again, .. } => self.go_on(*again),
            Entry::Run { step, run } => self.with(step, |known| known.runs(run)),
            Entry::Ended { step, facts, then, why, answer } => {
                self.tokens = self.tokens.saturating_add(facts.tokens);
                self.runs.extend(facts.run.iter().map(|run| (step.clone(), run.clone())));
                self.with(step, |known| known.ended(facts, *then, (why, answer)));
                match then {
                    Then::Again => {}
                    Then::Later => self.one_by_one = Some(why.clone()),
                    Then::Passed | Then::ToLand | Then::Failed | Then::Cancelled => {
                        self.ended.push(step.clone());
                    }
                }
            }
            Entry::Interrupted { step, run, why, worked, tokens } => {
                self.tokens = self.tokens.saturating_add(*tokens);
                self.with(step, |known| {
                    known.stand = Stand::Waiting;
                    known.interrupted.extend(worked.then(|| run.clone()));
                    known.why.clone_from(why);
                });
            }
            Entry::Skipped { step, why } => {
                self.ended.push(step.clone());
                self.with(step, |known| {
                    known.stand = Stand::Skipped;
                    known.why.clone_from(why);
                });
            }
            Entry::Asked { step } => self.with(step, |known| known.stand = Stand::Asking),
            Entry::Answered { step, answer } => {
                self.ended.push(step.clone());
                self.with(step, |known| {
                    known.stand = Stand::Passed;
                    known.facts = Some(Facts::answered());
                    known.answer.clone_from(answer);
                });
            }
            Entry::Landed { step, changed } => self.with(step, |known| {
                known.stand = Stand::Passed;
                known.landed.clone_from(changed);
                known.not_landed = None;
            }),
            Entry::NotLanded { step, why, in_the_way } => self.with(step, |known| {
                known.stand = Stand::Failed;
                known.not_landed = Some(NotLanded { why: why.clone(), in_the_way: in_the_way.clone() });
            }),
            Entry::Discarded { step } => {
                self.ended.retain(|ended| ended != step);
                self.with(step, StepState::begins_anew);
            }
            Entry::Finished { end, exit_code } => self.end = Some((*end, *exit_code)),
        }
    }

    /// What was ended before it was through is to be done after all, and with `again` what failed.
    fn go_on(&mut self, again: bool) {
        self.end = None;
        for (id, known) in &mut self.steps {
            if known.goes_on(again) {
                self.ended.retain(|ended| ended != id);
            }
        }
    }

    /// How long the process that wrote this line was at work since the last one; nothing where it only begins here.
    fn since_last(&self, line: &Line) -> Duration {
        let is_of_another = matches!(line.entry, Entry::Continued { .. } | Entry::TakenOver { .. });
        if is_of_another || self.end.is_some() {
            return Duration::ZERO;
        }
        let (then, now) = (utc_ms(&self.last_at).unwrap_or_default(), utc_ms(&line.at).unwrap_or_default());
        // A clock can be put back.
        Duration::from_millis(u64::try_from(now.saturating_sub(then)).unwrap_or_default())
    }

    fn with(&mut self, step: &str, change: impl FnOnce(&mut StepState)) {
        change(self.steps.entry(step.to_owned()).or_default());
    }
}

#[cfg(test)]
pub(crate) mod tests;
