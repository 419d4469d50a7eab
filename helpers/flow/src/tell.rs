//! Telling of a flow: its state as the journal has it now, and its report.

use clodex_os::{Failure, say};

use crate::flow_dir::FlowDir;
use crate::flow_state::FlowState;
use crate::journal;
use crate::leftover_work::left;
use crate::next_actions::waiting;
use crate::report::{self, Report};
use crate::schedule::Stand;

/// The state of a flow, as its journal tells it now.
pub fn flow_state(dir: &FlowDir) -> Result<FlowState, Failure> {
    if !dir.journal().exists() {
        return Err(dir.never_began());
    }
    let lines = journal::read(&dir.journal())?;
    FlowState::of(&lines).ok_or_else(|| dir.never_began())
}

/// Tells of a flow that nobody carries out any more.
pub fn tell(dir: &FlowDir, flow_state: &FlowState, json: bool) {
    say(&report_text(dir, flow_state, json, false));
    keep_report(dir, flow_state);
}

/// Puts the report of a flow that nobody carries out any more where it is found. It can be made again from the journal.
pub fn keep_report(dir: &FlowDir, flow_state: &FlowState) {
    let text = report_text(dir, flow_state, false, false);
    if let Err(failure) = FlowDir::note(&dir.file("report.md"), text.as_bytes()) {
        eprintln!("{}", failure.message());
    }
}

/// The report, for people or programs.
pub fn report_text(dir: &FlowDir, flow_state: &FlowState, json: bool, is_live: bool) -> String {
    let place = dir.path().display().to_string();
    let left = if is_live { Vec::new() } else { left(&dir.records(), flow_state) };
    let report = Report::of(flow_state, &place, is_live, left);
    if json {
        return serde_json::to_string_pretty(&report).unwrap_or_default() + "\n";
    }
    let question = waiting(flow_state).next().and_then(|step| dir.read(&dir.question(step)).ok());
    let answer = last_word(flow_state).and_then(|step| Some((step, dir.read(&dir.answer(step)).ok()?)));
    let answer =
        answer.as_ref().map(|(step, text)| (*step, text.as_str())).filter(|(_, text)| !text.is_empty());
    report::text(&report, flow_state, question.as_deref().unwrap_or_default(), answer)
}

/// The last step that came through, where one builds on the other.
fn last_word(flow_state: &FlowState) -> Option<&str> {
    let passed = |step: &&String| flow_state.step(step).is_some_and(|known| known.stand == Stand::Passed);
    let last =
        flow_state.begun.steps.iter().rev().find(passed).filter(|_| !flow_state.begun.needs.is_empty())?;
    Some(last.as_str())
}
