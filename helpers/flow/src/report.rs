//! What a flow came to, in a few kilobytes: its steps in the order in which they ended, what each found and left, and the
//! last answer. Pure.

mod step;
mod words;

use std::fmt::Write as _;

use clodex_core::{cut, harmless};
use serde::Serialize;

use self::words::quoted;
use crate::facts::Facts;
use crate::flow_state::{FlowState, StepState};
use crate::leftover_work::{self, LeftoverWork};
use crate::next_actions::{next_actions, waiting};
use crate::schedule::Stand;

/// The whole report is never longer.
pub const REPORT_MAX_BYTES: usize = 8 << 10;
/// What is told in a line is not wider.
const WHY_COLUMNS: usize = 240;

/// The word for a step whose run failed, and that has tries left.
pub const TRIED_AGAIN: &str = "to be tried again";

/// Kept for what says that something was left out.
const NOTE_BYTES: usize = 160;

/// A report for programs.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    version: u32,
    flow: &'a str,
    name: &'a str,
    /// How it ended, or `running` or `interrupted`.
    pub state: &'a str,
    #[serde(skip)]
    is_live: bool,
    exit_code: Option<u8>,
    tokens: u64,
    /// How long its processes carried it out.
    seconds: u64,
    workdir: &'a str,
    dir: String,
    steps: Vec<StepReport<'a>>,
    /// Why one of its runs waited for another.
    one_by_one: Option<&'a str>,
    /// What is waited for.
    waits_for: Vec<WaitsFor<'a>>,
    /// What to do now, where nobody carries it out any more.
    next_actions: Vec<String>,
    /// Work in worktrees that is nowhere else.
    left: Vec<LeftoverWork>,
}

#[derive(Debug, Serialize)]
struct StepReport<'a> {
    step: &'a str,
    state: &'static str,
    why: &'a str,
    facts: Option<&'a Facts>,
    landed: &'a [String],
    in_the_way: &'a [String],
    interrupted: usize,
    overruled: &'a [String],
}

/// A question that waits for an answer.
#[derive(Debug, Serialize)]
pub struct WaitsFor<'a> {
    /// The step.
    pub step: &'a str,
    /// File with the question.
    pub question: String,
}

/// How a flow stands, in a word.
pub fn state(flow_state: &FlowState, is_live: bool) -> &'static str {
    match (flow_state.end, is_live) {
        (_, true) => "running",
        (Some((end, _)), false) => end.as_str(),
        (None, false) => "interrupted",
    }
}

/// Where a step stands, in a flow that somebody carries out or nobody does.
fn word_of(known: &StepState, is_live: bool) -> &'static str {
    match known.stand {
        // Whatever became of its run, nobody looked at it yet: `continue` does.
        Stand::Running if !is_live => "not judged yet",
        Stand::Waiting if known.retried > 0 => TRIED_AGAIN,
        stand => stand_word(stand),
    }
}

/// The word for where a step stands.
pub fn stand_word(stand: Stand) -> &'static str {
    match stand {
        Stand::Waiting => "not begun",
        Stand::Running => "running",
        Stand::ToLand | Stand::Landing => "to be landed",
        Stand::Asking => "waits for an answer",
        Stand::Passed => "passed",
        Stand::Skipped => "skipped",
        Stand::Failed => "failed",
        Stand::Cancelled => "cancelled",
    }
}

impl<'a> Report<'a> {
    /// The report of a flow whose files lie in `dir`; `left` is what its runs left.
    pub fn of(flow_state: &'a FlowState, dir: &str, is_live: bool, left: Vec<LeftoverWork>) -> Self {
        let waits_for = waiting(flow_state)
            .map(|step| WaitsFor { step, question: format!("{dir}/answers/{step}.question.md") })
            .collect();
        Self {
            version: 1,
            flow: &flow_state.begun.flow,
            name: &flow_state.begun.name,
            state: state(flow_state, is_live),
            is_live,
            exit_code: flow_state.end.filter(|_| !is_live).map(|(_, code)| code),
            tokens: flow_state.tokens,
            seconds: flow_state.used.as_secs(),
            workdir: &flow_state.begun.workdir,
            dir: dir.to_owned(),
            steps: order(flow_state).map(|(id, known)| step_report(id, known, is_live)).collect(),
            one_by_one: flow_state.one_by_one.as_deref(),
            waits_for,
            next_actions: if is_live {
                Vec::new()
            } else {
                [next_actions(flow_state), leftover_work::told(&left)].concat()
            },
            left,
        }
    }
}

fn step_report<'a>(step: &'a str, known: &'a StepState, is_live: bool) -> StepReport<'a> {
    StepReport {
        step,
        state: word_of(known, is_live),
        why: known.why(),
        facts: known.facts.as_ref(),
        landed: &known.landed,
        in_the_way: known.in_the_way(),
        interrupted: known.interrupted.len(),
        overruled: &known.overruled,
    }
}

/// Those that ended in that order, the others in the flow's.
fn order(flow_state: &FlowState) -> impl Iterator<Item = (&str, &StepState)> {
    let rest = flow_state.begun.steps.iter().filter(|id| !flow_state.ended.contains(*id));
    let all = flow_state.ended.iter().chain(rest);
    all.filter_map(|id| Some((id.as_str(), flow_state.step(id)?)))
}

/// The report for people. `question` gives the text of a question that waits, `answer` that of the last step.
pub fn text(
    report: &Report<'_>,
    flow_state: &FlowState,
    question: &str,
    answer: Option<(&str, &str)>,
) -> String {
    let mut head = format!(
        "# {} {}: {}\n\nflow {} · {} tokens · {} s\n\n",
        flow_state.begun.name,
        flow_state.title(),
        report.state,
        flow_state.begun.flow,
        flow_state.tokens,
        report.seconds
    );
    if let Some(why) = &flow_state.one_by_one {
        let _ = writeln!(head, "not all at once: {}\n", cut(&harmless(why), WHY_COLUMNS));
    }
    let ways = report.next_actions.iter().fold(String::new(), |ways, way| ways + "\n" + way + "\n");
    let mut left_out = 0;
    let steps = if report.waits_for.is_empty() { REPORT_MAX_BYTES * 3 / 4 } else { REPORT_MAX_BYTES / 2 };
    // What to do comes last, and is not to be cut.
    let steps = steps.min(REPORT_MAX_BYTES.saturating_sub(ways.len() + 2 * NOTE_BYTES));
    for (id, known) in order(flow_state) {
        let step = step::text(id, known, report.is_live);
        if head.len() + step.len() > steps {
            left_out += 1;
        } else {
            head.push_str(&step);
        }
    }
    if left_out > 0 {
        let _ = writeln!(head, "- … {left_out} more: `clodex-flow status {}`", flow_state.begun.flow);
    }
    let room = REPORT_MAX_BYTES.saturating_sub(head.len() + ways.len() + NOTE_BYTES);
    let end = waits_text(report, question, room) + &ways;
    let room = REPORT_MAX_BYTES.saturating_sub(head.len() + end.len() + NOTE_BYTES);
    let tail = answer.map(|answer| answer_text(report, flow_state, answer, room)).unwrap_or_default();
    let mut text = head + &tail + &end;
    // What a title or a path makes of it cannot be more either.
    text.truncate(text.floor_char_boundary(REPORT_MAX_BYTES));
    text
}

/// The last word of a flow, where one step builds on the other.
fn answer_text(
    report: &Report<'_>,
    flow_state: &FlowState,
    (step, answer): (&str, &str),
    room: usize,
) -> String {
    let is_of_codex =
        flow_state.step(step).and_then(|known| known.facts.as_ref()).is_some_and(|facts| facts.run.is_some());
    let whose = if is_of_codex { "says (its claim, not checked)" } else { "was answered" };
    let head = format!("\n## {step} {whose}\n\n");
    let file = format!("{}/answers/{step}.md", report.dir);
    let quoted = quoted(answer, room.saturating_sub(head.len()), &file);
    head + &quoted
}

fn waits_text(report: &Report<'_>, question: &str, room: usize) -> String {
    let Some(first) = report.waits_for.first() else { return String::new() };
    let head = format!("\n## {} waits for an answer\n\n", first.step);
    let quoted = quoted(question, room.saturating_sub(head.len()), &first.question);
    head + &quoted
}

#[cfg(test)]
mod tests;
