//! A step in a report: a line with what is known of it, and a few more with what was said and why.

use std::fmt::Write as _;

use clodex_core::{ClaimedVerdict, harmless};

use super::word_of;
use crate::facts::{Facts, PATHS_NAMED, listed};
use crate::flow_state::StepState;
use crate::schedule::Stand;

/// A step's lines take so much at most.
const MAX_BYTES: usize = 600;

/// The lines of a step.
pub fn text(id: &str, known: &StepState, is_live: bool) -> String {
    let mut line = format!("- **{id}**: {}", word_of(known, is_live));
    if let Some(facts) = &known.facts {
        found(&mut line, facts);
    } else if let (Stand::Running, Some(run)) = (known.stand, &known.run) {
        let _ = write!(line, " · run {run}");
    }
    paths(&mut line, "landed", &known.landed);
    let summary = known.facts.as_ref().map_or("", |facts| facts.summary.as_str());
    // Why it failed often is what it summed up.
    if !summary.is_empty() && !known.why().contains(summary) {
        let _ = write!(line, "\n  summary: {}", harmless(summary));
    }
    if !known.why().is_empty() {
        let _ = write!(line, "\n  {}", harmless(known.why()));
    }
    for path in known.in_the_way().iter().take(PATHS_NAMED) {
        let _ = write!(line, "\n  in the way: {}", harmless(path));
    }
    for run in &known.interrupted {
        let _ = write!(line, "\n  its run {run} died while it ran");
    }
    for told in &known.overruled {
        let _ = write!(line, "\n  before, and begun again all the same: {}", harmless(told));
    }
    line.truncate(line.floor_char_boundary(MAX_BYTES));
    line + "\n"
}

/// What was found of its run, and what that says of itself.
fn found(line: &mut String, facts: &Facts) {
    if let Some(verdict) = facts.verdict {
        let _ = write!(line, " · scope {verdict}");
    }
    match &facts.claim {
        Some(ClaimedVerdict::Clean) => line.push_str(" · says CLEAN"),
        Some(ClaimedVerdict::NeedsAttention(why)) => {
            let _ = write!(line, " · says NEEDS_ATTENTION: {}", harmless(why));
        }
        None => {}
    }
    paths(line, "changed", &facts.changed);
    paths(line, "VIOLATION", &facts.violations);
    if let Some(run) = &facts.run {
        let _ = write!(line, " · run {run}");
    }
}

fn paths(line: &mut String, what: &str, paths: &[String]) {
    if !paths.is_empty() {
        let _ = write!(line, " · {what} {}", harmless(&listed(paths)));
    }
}
