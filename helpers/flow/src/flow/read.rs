//! From words to values: the flow's own keys. What cannot be read is told, and something harmless stands in its place.

use std::collections::BTreeMap;
use std::time::Duration;

use super::read_step::StepReader;
use super::{Flow, Input, InputKind, Limits, OnFailure, Overlap};
use crate::cli::is_option_of_run;
use crate::line_numbers::LineNumbers;
use crate::problem::Problem;
use crate::raw::{RawFlow, RawInput, RawLimits};
use crate::reference::is_name;

pub(super) const NAME_HINT: &str = "lower-case letters, digits and `-`, a letter first, 40 at most";

pub(super) fn flow(raw: RawFlow, lines: &LineNumbers<'_>) -> (Flow, Vec<Problem>) {
    let mut problems = Vec::new();
    if !is_name(&raw.name) {
        let what =
            if raw.name.is_empty() { "name is missing".into() } else { format!("name `{}`", raw.name) };
        problems.push(Problem::at(lines.top("name"), what, NAME_HINT));
    }
    if raw.steps.is_empty() {
        problems.push(Problem::at(
            lines.top("steps"),
            "there are no steps",
            "add `steps:` with one at least",
        ));
    }
    let inputs: BTreeMap<String, Input> = raw
        .inputs
        .into_iter()
        .map(|(name, input)| {
            let input = self::input(&name, input, lines.below("inputs", &name), &mut problems);
            (name, input)
        })
        .collect();
    problems.extend(packets_once(&inputs));
    let overlap = word(raw.overlap, Overlap::from_word, "it is refuse, serialise or isolate");
    let on_failure = word(raw.on_failure, OnFailure::from_word, "it is stop or finish");
    let mut told = |key: &str, result: Result<(), Problem>| {
        problems.extend(result.err().map(|problem| Problem { line: Some(lines.top(key)), ..problem }));
    };
    told("overlap", overlap.clone().map(|_| ()));
    told("on-failure", on_failure.clone().map(|_| ()));
    let limits = limits(&raw.limits, lines, &mut problems);
    let mut reader = StepReader { lines, problems };
    let steps = raw.steps.into_iter().enumerate().map(|(place, step)| reader.step(place, step)).collect();
    let flow = Flow {
        name: raw.name,
        about: raw.about,
        inputs,
        steps,
        limits,
        on_failure: on_failure.unwrap_or_default(),
        overlap: overlap.unwrap_or_default(),
    };
    (flow, reader.problems)
}

/// Packets are the arguments that stand after the flow.
fn packets_once(inputs: &BTreeMap<String, Input>) -> Option<Problem> {
    let mut several = inputs.iter().filter(|(_, input)| input.kind == InputKind::Packets);
    let (first, _) = several.next()?;
    let (name, input) = several.next()?;
    let what = format!("input {name}: `{first}` is all packets that are given");
    Some(Problem::at(input.line, what, "make one input of both, or packets of their own: `kind: packet`"))
}

fn word<T: Default>(
    word: Option<String>,
    read: impl Fn(&str) -> Option<T>,
    hint: &str,
) -> Result<T, Problem> {
    let Some(word) = word else { return Ok(T::default()) };
    read(&word).ok_or_else(|| Problem::given(format!("`{word}` is none of the words"), hint))
}

fn input(name: &str, raw: RawInput, line: usize, problems: &mut Vec<Problem>) -> Input {
    let mut refuse = |what: String, hint: &str| problems.push(Problem::at(line, what, hint));
    if !is_name(name) {
        refuse(format!("`{name}` cannot name an input"), NAME_HINT);
    }
    if is_option_of_run(name) {
        refuse(format!("`{name}` cannot name an input: it is an option of clodex-flow"), "name it otherwise");
    }
    let kind = match raw.kind.as_deref() {
        None | Some("text") if raw.one_of.is_empty() => InputKind::Text,
        None | Some("text") => InputKind::OneOf(raw.one_of.clone()),
        Some("file") => InputKind::File,
        Some("switch") => InputKind::Switch { shows: raw.shows.clone() },
        Some("packet") => InputKind::Packet,
        Some("packets") => InputKind::Packets,
        Some(other) => {
            let what = format!("input {name}: kind `{other}` is unknown");
            refuse(what, "the kinds are text, file, switch, packet and packets");
            InputKind::Text
        }
    };
    let takes_default = matches!(kind, InputKind::Text | InputKind::OneOf(_));
    if raw.default.is_some() && !takes_default {
        refuse(format!("input {name} can have no default"), "only a text can");
    }
    if let (InputKind::OneOf(words), Some(default)) = (&kind, &raw.default)
        && !words.contains(default)
    {
        refuse(format!("input {name}: its default `{default}` is none of its words"), "take one of them");
    }
    if raw.shows.is_some() && !matches!(kind, InputKind::Switch { .. }) {
        refuse(format!("input {name} can show no other"), "only a switch can");
    }
    let default = if matches!(kind, InputKind::Switch { .. }) { Some("no".to_owned()) } else { raw.default };
    Input { kind, about: raw.about, line, default }
}

fn limits(raw: &RawLimits, lines: &LineNumbers<'_>, problems: &mut Vec<Problem>) -> Limits {
    let zero = [
        ("runs", raw.runs == Some(0)),
        ("tokens", raw.tokens == Some(0)),
        ("timeout", raw.timeout == Some(0)),
    ];
    for (key, _) in zero.into_iter().filter(|(_, is_zero)| *is_zero) {
        let line = lines.below("limits", key);
        problems.push(Problem::at(line, format!("{key} is 0"), "leave it out where there is no limit"));
    }
    let default = Limits::default();
    Limits {
        runs: raw.runs.unwrap_or(default.runs).max(1),
        tokens: raw.tokens,
        timeout: raw.timeout.map(Duration::from_secs),
    }
}
