//! Reading a flow file as far as it can be read: where a key has no such name, or its value no such shape, that is
//! told, and all others are read all the same. Knows nothing of what they mean.

use std::collections::BTreeMap;

use clodex_core::{RefusedKey, YamlError, YamlPart, parse_yaml};

use crate::line_numbers::LineNumbers;
use crate::problem::Problem;
use crate::raw::{RawFlow, RawInput, RawStep};

const KEY_HINT: &str = "correct it; keys that clodex does not know are errors";

/// A flow file as far as it can be read.
#[derive(Debug)]
pub struct Reading {
    /// What can be read.
    pub flow: RawFlow,
    /// What cannot.
    pub problems: Vec<Problem>,
    /// How much that leaves out.
    pub whole: Wholeness,
}

/// How much of a flow file could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wholeness {
    /// All of it.
    Whole,
    /// All but some keys, among them those of the steps in these places.
    Keys(Vec<usize>),
    /// Nothing.
    Nothing,
}

/// Reads a flow file.
pub fn read(text: &str, lines: &LineNumbers<'_>) -> Reading {
    let error = match parse_yaml("", text) {
        Ok(flow) => return Reading { flow, problems: Vec::new(), whole: Wholeness::Whole },
        Err(error) => error,
    };
    match parse_yaml::<YamlPart>("", text) {
        Ok(file) => by_keys(file, lines),
        Err(_) => {
            Reading { flow: RawFlow::default(), problems: vec![no_yaml(error)], whole: Wholeness::Nothing }
        }
    }
}

/// What can be read of a file in which something cannot.
fn by_keys(mut file: YamlPart, lines: &LineNumbers<'_>) -> Reading {
    let (mut problems, mut harmed) = (Vec::new(), Vec::new());
    let mut refuse = |all: Vec<RefusedKey>, line: &dyn Fn(&str) -> usize| {
        let at = |refused: RefusedKey| Problem::at(line(&refused.key), refused.why, KEY_HINT);
        problems.extend(all.into_iter().map(at));
    };
    let mut steps = Vec::new();
    for (place, part) in file.take_list("steps").into_iter().enumerate() {
        let (step, refused) = part.read::<RawStep>();
        harmed.extend((!refused.is_empty()).then_some(place));
        refuse(refused, &|key| lines.key(place, key));
        steps.push(step);
    }
    let mut inputs = BTreeMap::new();
    for (name, part) in file.take_map("inputs") {
        let (input, refused) = part.read::<RawInput>();
        refuse(refused, &|_| lines.below("inputs", &name));
        inputs.insert(name, input);
    }
    let (flow, refused) = file.read::<RawFlow>();
    refuse(refused, &|key| lines.top(key));
    Reading { flow: RawFlow { inputs, steps, ..flow }, problems, whole: Wholeness::Keys(harmed) }
}

/// What is no YAML has no keys.
fn no_yaml(error: YamlError) -> Problem {
    let YamlError { what, hint, .. } = error;
    match what.rsplit_once(" at line ") {
        Some((why, place)) => {
            let (line, column) = place.split_once(' ').unwrap_or((place, ""));
            let column = if column.is_empty() { String::new() } else { format!(" ({column})") };
            Problem { line: line.parse().ok(), what: format!("{why}{column}"), hint }
        }
        None => Problem::at(1, what, hint),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let told = |problem: &Problem| format!("{:?} {}", problem.line, problem.what);
        read(text, &LineNumbers::of(text)).problems.iter().map(told).collect()
    }

    #[test]
    fn each_key_that_cannot_be_read_is_told_and_the_others_are_read() {
        let text = "name: x\nstep: []\nlimits: {runs: many}\ninputs:\n  task: {kind: packet, abuot: x}\nsteps:\n  \
            - id: a\n    retry: many\n    promt: x\n  - {id: b, prompt: x}\n  - x\n";
        let reading = read(text, &LineNumbers::of(text));
        assert_eq!(reading.whole, Wholeness::Keys(vec![0, 2]));
        assert_eq!((reading.flow.name.as_str(), reading.flow.steps[1].id.as_str()), ("x", "b"));
        assert_eq!(reading.flow.inputs["task"].kind.as_deref(), Some("packet"));
        let told = told(text);
        let wanted = [
            "Some(8) retry: invalid type",
            "Some(9) unknown field `promt`",
            "Some(11) invalid type: string \"x\"",
            "Some(5) unknown field `abuot`",
            "Some(2) unknown field `step`",
            "Some(3) limits.runs: invalid type",
        ];
        assert_eq!(told.len(), wanted.len(), "{told:#?}");
        for (told, wanted) in told.iter().zip(wanted) {
            assert!(told.starts_with(wanted), "{told}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_line_and_nothing_else() {
        assert_eq!(told("name: x\nname: y\n"), ["Some(2) duplicate entry with key \"name\""]);
        let told = told("name: x\nsteps: [\n");
        assert!(told.len() == 1 && told[0].starts_with("Some(") && told[0].ends_with(')'), "{told:?}");
    }
}
