//! What a flow is given: checked against what it declares, kept as text so that it can be kept beside the journal, and
//! asked for by templates. Reads no file.

use std::collections::BTreeMap;

use clodex_core::{Packet, PacketItem};
use serde::{Deserialize, Serialize};

use crate::flow::{Flow, Input, InputKind};
use crate::problem::Problem;
use crate::reference::Part;

/// What was given, by name of the input.
pub type Given = BTreeMap<String, GivenValue>;

/// What was given for one input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GivenValue {
    /// A text, the text of a file, a word, or a packet's.
    Text(String),
    /// Texts of packets.
    Texts(Vec<String>),
}

/// Everything that a flow is given, understood.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inputs {
    texts: BTreeMap<String, String>,
    packets: BTreeMap<String, Vec<Packet>>,
}

impl Inputs {
    /// Understands what was given; the problems say what is missing, too much, or wrong.
    pub fn of(flow: &Flow, given: &Given) -> Result<Self, Vec<Problem>> {
        let (mut inputs, mut problems) = (Self::default(), Vec::new());
        for name in given.keys().filter(|name| !flow.inputs.contains_key(*name)) {
            let known: Vec<&str> = flow.inputs.keys().map(String::as_str).collect();
            let hint = format!("the inputs of {} are {}", flow.name, known.join(", "));
            problems.push(Problem::given(format!("there is no input `{name}`"), hint));
        }
        for (name, input) in &flow.inputs {
            if let Err(problem) = inputs.take(name, input, given.get(name)) {
                problems.push(problem);
            }
        }
        inputs.show(flow);
        if problems.is_empty() { Ok(inputs) } else { Err(problems) }
    }

    fn take(&mut self, name: &str, input: &Input, given: Option<&GivenValue>) -> Result<(), Problem> {
        let text = match (given, &input.default) {
            (Some(GivenValue::Texts(texts)), _) => {
                let packets =
                    texts.iter().enumerate().map(|(at, text)| packet(&format!("{name} {}", at + 1), text));
                self.packets.insert(name.to_owned(), packets.collect::<Result<_, _>>()?);
                return Ok(());
            }
            (Some(GivenValue::Text(text)), _) | (None, Some(text)) => text.clone(),
            (None, None) => return Err(missing(name, input)),
        };
        match &input.kind {
            InputKind::Packet => {
                self.packets.insert(name.to_owned(), vec![packet(name, &text)?]);
            }
            InputKind::OneOf(words) if !words.contains(&text) => {
                let hint = format!("it is one of {}", words.join(", "));
                return Err(Problem::given(format!("{name} is `{text}`"), hint));
            }
            InputKind::Switch { .. } if !["yes", "no"].contains(&text.as_str()) => {
                return Err(Problem::given(format!("{name} is `{text}`"), "a switch is yes or no"));
            }
            InputKind::File if given.is_some() && text.trim().is_empty() => {
                return Err(Problem::given(
                    format!("{name} is an empty file"),
                    "write down what it is to say",
                ));
            }
            InputKind::Text
            | InputKind::OneOf(_)
            | InputKind::File
            | InputKind::Switch { .. }
            | InputKind::Packets => {}
        }
        self.texts.insert(name.to_owned(), text);
        Ok(())
    }

    /// A switch that shows another input has its text, or none.
    fn show(&mut self, flow: &Flow) {
        for (name, input) in &flow.inputs {
            let InputKind::Switch { shows: Some(other) } = &input.kind else { continue };
            let is_on = self.texts.get(name).is_some_and(|text| text == "yes");
            let text = self.texts.get(other).filter(|_| is_on).cloned();
            self.texts.insert(name.clone(), text.unwrap_or_else(|| "none".to_owned()));
        }
    }

    /// The packets of an input; empty for other inputs.
    pub fn packets(&self, name: &str) -> &[Packet] {
        self.packets.get(name).map_or(&[], Vec::as_slice)
    }

    /// The first packet that was given.
    pub fn first_packet(&self) -> Option<&Packet> {
        self.packets.values().flatten().next()
    }

    /// How many packets there are.
    pub fn packet_count(&self) -> usize {
        self.packets.values().map(Vec::len).sum()
    }

    /// The text of an input or of a part of it.
    pub fn text(&self, name: &str, part: Option<Part>) -> Option<String> {
        let Some(part) = part else { return self.texts.get(name).cloned() };
        let packet = self.packets(name).first()?;
        let bullets = |items: &[PacketItem]| {
            items
                .iter()
                .map(|item| format!("- {}", item.text.replace('\n', "\n  ")))
                .collect::<Vec<_>>()
                .join("\n")
        };
        Some(match part {
            Part::Name => packet.run_name(),
            Part::Workdir => packet.workdir.text.clone(),
            Part::Objective => packet.objective.clone(),
            Part::Scope => bullets(&packet.write_scope),
            Part::NonGoals => packet.non_goals.clone(),
            Part::Verification => bullets(&packet.verification),
            Part::Deliverable => packet.deliverable.clone(),
            Part::Context => packet.context.clone().unwrap_or_default(),
        })
    }

    /// The items of a part that is a list.
    pub fn items(&self, name: &str, part: Option<Part>) -> Option<Vec<String>> {
        let packet = self.packets(name).first()?;
        let items = match part? {
            Part::Scope => &packet.write_scope,
            Part::Verification => &packet.verification,
            Part::Name
            | Part::Workdir
            | Part::Objective
            | Part::NonGoals
            | Part::Deliverable
            | Part::Context => {
                return None;
            }
        };
        Some(items.iter().map(|item| item.text.clone()).collect())
    }
}

fn packet(name: &str, text: &str) -> Result<Packet, Problem> {
    Packet::parse(text.as_bytes()).map_err(|problems| {
        let first = problems.iter().next();
        let what = first.map_or_else(
            || "it is not a packet".to_owned(),
            |first| {
                let line = first.line.map(|line| format!("line {line}: ")).unwrap_or_default();
                format!("packet {name}: {line}{}", first.what)
            },
        );
        let hint = first.map_or_else(String::new, |first| first.hint.clone());
        Problem::given(what, format!("{hint}; `clodex-dispatch --lint` lists all of them"))
    })
}

fn missing(name: &str, input: &Input) -> Problem {
    let about = if input.about.is_empty() { String::new() } else { format!(" ({})", input.about) };
    let hint = match &input.kind {
        InputKind::Packets => "name the packets after the flow: `clodex-flow run FLOW A.md B.md`".to_owned(),
        InputKind::Packet => format!("give it with `--{name} PACKET.md`"),
        InputKind::File => format!("give it with `--{name} FILE`"),
        InputKind::Text | InputKind::OneOf(_) | InputKind::Switch { .. } => {
            format!("give it with `--{name} TEXT`")
        }
    };
    Problem::at(input.line, format!("input {name} is missing{about}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::tests::flow_of;

    const PACKET: &str = "MODE: worker\nWORKDIR: /repo\nOBJECTIVE: do it\nWRITE SCOPE:\n- src/\n- docs/a.md\n\
        NON-GOALS:\n- nothing else\nVERIFICATION:\n- `cargo test`\nDELIVERABLE:\n- a report\n";

    fn flow() -> Flow {
        let text = "name: x\ninputs:\n  task: {kind: packet}\n  all: {kind: packets}\n  topic: {about: what it is about}\n  \
            open: {kind: switch, shows: topic}\n  rounds: {one-of: ['1', '2'], default: '2'}\nsteps: [{id: a, ask: x}]\n";
        flow_of(text).unwrap()
    }

    fn given(values: &[(&str, &str)]) -> Given {
        let text = |(name, text): &(&str, &str)| ((*name).to_owned(), GivenValue::Text((*text).to_owned()));
        let mut given: Given = values.iter().map(text).collect();
        given.insert("all".into(), GivenValue::Texts(vec![PACKET.into(), PACKET.into()]));
        given
    }

    #[test]
    fn what_is_given_and_what_is_set_can_be_asked_for() {
        let inputs = Inputs::of(&flow(), &given(&[("task", PACKET), ("topic", "{{x}}")])).unwrap();
        assert_eq!(inputs.text("topic", None).as_deref(), Some("{{x}}"));
        assert_eq!(
            (inputs.text("rounds", None).unwrap(), inputs.text("open", None).unwrap()),
            ("2".into(), "none".into())
        );
        let shown =
            Inputs::of(&flow(), &given(&[("task", PACKET), ("topic", "x"), ("open", "yes")])).unwrap();
        assert_eq!(shown.text("open", None).as_deref(), Some("x"));
        assert_eq!(inputs.text("task", Some(Part::Scope)).as_deref(), Some("- src/\n- docs/a.md"));
        assert_eq!(inputs.items("task", Some(Part::Scope)).unwrap(), ["src/", "docs/a.md"]);
        assert_eq!((inputs.items("topic", None), inputs.packets("all").len()), (None, 2));
    }

    #[test]
    fn what_is_missing_wrong_or_too_much_is_told_at_once() {
        let wrong = given(&[("task", "MODE: x"), ("rounds", "3"), ("tpoic", ""), ("open", "true")]);
        let problems = Inputs::of(&flow(), &wrong).unwrap_err();
        let told: Vec<&str> = problems.iter().map(|problem| problem.what.as_str()).collect();
        assert_eq!(told[..3], ["there is no input `tpoic`", "open is `true`", "rounds is `3`"]);
        assert!(told[3].starts_with("packet task: line 1: MODE `x` is unknown"), "{told:?}");
        assert_eq!(
            problems[4],
            Problem::at(5, "input topic is missing (what it is about)", "give it with `--topic TEXT`")
        );
    }

    #[test]
    fn what_was_given_is_kept_as_it_was() {
        let given = given(&[("topic", "a\"b")]);
        let kept = serde_json::to_string(&given).unwrap();
        assert_eq!(serde_json::from_str::<Given>(&kept).unwrap(), given);
    }
}
