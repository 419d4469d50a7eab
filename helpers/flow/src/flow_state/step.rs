//! What is known of one step, and what a line of the journal makes of that.

use clodex_core::{RunId, Verdict};

use crate::facts::Facts;
use crate::journal::Then;
use crate::schedule::Stand;

/// What is known of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepState {
    /// State of the step.
    pub stand: Stand,
    /// How often it was tried again.
    pub retried: u32,
    /// Its last run.
    pub run: Option<RunId>,
    /// What is known of that, once it ended.
    pub facts: Option<Facts>,
    /// Evidence, or why it failed, was skipped or interrupted.
    pub why: String,
    /// SHA-256 of its answer, hex.
    pub answer: String,
    /// Paths that landed.
    pub landed: Vec<String>,
    /// Why what its run changed did not land.
    pub not_landed: Option<NotLanded>,
    /// Runs that died at work, held, before they were through.
    pub interrupted: Vec<RunId>,
    /// What earlier runs did, or may have done, out of their scope, before somebody let it begin again.
    pub overruled: Vec<String>,
}

/// Why what a run changed did not land.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotLanded {
    /// In a sentence.
    pub why: String,
    /// Paths that are in the way, with the reason.
    pub in_the_way: Vec<String>,
}

impl NotLanded {
    /// Whether it is this path that is in the way.
    pub fn is_met_at(&self, path: &str) -> bool {
        self.in_the_way.iter().any(|met| met.strip_prefix(path).is_some_and(|why| why.starts_with(": ")))
    }
}

impl Default for StepState {
    fn default() -> Self {
        Self {
            stand: Stand::Waiting,
            retried: 0,
            run: None,
            facts: None,
            why: String::new(),
            answer: String::new(),
            landed: Vec::new(),
            not_landed: None,
            interrupted: Vec::new(),
            overruled: Vec::new(),
        }
    }
}

impl StepState {
    /// Why it stands where it does.
    pub fn why(&self) -> &str {
        self.not_landed.as_ref().map_or(&self.why, |not_landed| &not_landed.why)
    }

    /// Paths that are in the way of landing, with the reason.
    pub fn in_the_way(&self) -> &[String] {
        self.not_landed.as_ref().map_or(&[], |not_landed| &not_landed.in_the_way)
    }

    /// A run of it is let go; what was known of another one is no more what is known of the step.
    pub(super) fn runs(&mut self, run: &RunId) {
        self.forget();
        self.stand = Stand::Running;
        self.run = Some(run.clone());
    }

    pub(super) fn ended(&mut self, facts: &Facts, then: Then, (why, answer): (&str, &str)) {
        self.retried += u32::from(then == Then::Again);
        self.run.clone_from(&facts.run);
        if then == Then::Later {
            // It was not tried.
            return self.forget();
        }
        self.stand = stand_after(then);
        self.facts = Some(facts.clone());
        why.clone_into(&mut self.why);
        answer.clone_into(&mut self.answer);
    }

    /// Somebody goes on with the flow: what was ended is done after all, with `again` what failed, too. Work that could
    /// not land is only landed again. Whether it begins anew comes back.
    pub(super) fn goes_on(&mut self, again: bool) -> bool {
        let is_taken_up = self.stand == Stand::Cancelled || again && self.stand == Stand::Failed;
        if is_taken_up && self.not_landed.take().is_some() {
            self.stand = Stand::ToLand;
            return false;
        }
        if is_taken_up {
            self.begins_anew();
        }
        is_taken_up
    }

    /// Somebody lets it begin from the beginning, whatever it came to.
    pub(super) fn begins_anew(&mut self) {
        self.overruled.extend(self.facts.as_ref().and_then(harm));
        self.retried = 0;
        self.not_landed = None;
        self.forget();
    }

    /// Nothing is known of a run of it.
    fn forget(&mut self) {
        self.stand = Stand::Waiting;
        self.facts = None;
        self.why.clear();
        self.answer.clear();
    }
}

/// What a run did, or may have done, out of its scope.
fn harm(facts: &Facts) -> Option<String> {
    let why = match facts.verdict? {
        Verdict::Violation | Verdict::Unknown => facts.shortfall()?,
        Verdict::Clean | Verdict::Refused => return None,
    };
    Some(facts.run.as_ref().map_or_else(|| why.clone(), |run| format!("run {run}: {why}")))
}

fn stand_after(then: Then) -> Stand {
    match then {
        Then::Passed => Stand::Passed,
        Then::ToLand => Stand::ToLand,
        Then::Again | Then::Later => Stand::Waiting,
        Then::Failed => Stand::Failed,
        Then::Cancelled => Stand::Cancelled,
    }
}
