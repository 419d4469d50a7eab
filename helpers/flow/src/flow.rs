//! A flow, read from its file: what the words mean and fit together in each place. What steps have to do with each other
//! is `lint`'s business; what a flow comes to with its inputs is `plan`'s.

mod read;
mod read_step;

use std::collections::BTreeMap;
use std::time::Duration;

use clodex_core::{Isolate, Mode};
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::gate::Gate;
use crate::line_numbers::LineNumbers;
use crate::lint;
use crate::problem::{Origin, Problem, Problems};
use crate::reading::{self, Wholeness};
use crate::template::Template;

/// A flow that holds together, but for what its inputs bring in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// What it is called.
    pub name: String,
    /// What it is good for, in a line.
    pub about: String,
    /// What it is given.
    pub inputs: BTreeMap<String, Input>,
    /// What it does.
    pub steps: Vec<Step>,
    /// How much of everything it may take.
    pub limits: Limits,
    /// What happens to the others when a step fails.
    pub on_failure: OnFailure,
    /// What happens to steps that would write to the same place at the same time.
    pub overlap: Overlap,
}

/// One thing that a flow is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// What it is.
    pub kind: InputKind,
    /// For people.
    pub about: String,
    /// Where the file declares it.
    pub line: usize,
    /// What it is where nothing is given; none = it has to be.
    pub default: Option<String>,
}

/// What an input is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputKind {
    /// A text.
    Text,
    /// One of these words.
    OneOf(Vec<String>),
    /// A file, whose text is the value.
    File,
    /// A switch: `yes` or `no`; or, where it shows another input, that one's text or `none`.
    Switch {
        /// The input that it shows.
        shows: Option<String>,
    },
    /// A task packet.
    Packet,
    /// Task packets, one or more.
    Packets,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name, unique in the flow.
    pub id: String,
    /// Its place in the file, from 0.
    pub place: usize,
    /// The line on which it begins.
    pub line: usize,
    /// What it is called while it runs; none = `2/3 ID`.
    pub label: Option<Template>,
    /// Steps that have to be through before it.
    pub needs: Vec<String>,
    /// Whether it is wanted.
    pub when: Option<Condition>,
    /// What it does.
    pub deed: Deed,
}

impl Step {
    /// The entries of its scope that stand in the file, and depend on no input.
    pub fn written_scope(&self) -> Vec<String> {
        let Deed::Run(run) = &self.deed else { return Vec::new() };
        let Work::Prompt { scope, .. } = &run.work else { return Vec::new() };
        scope.iter().filter_map(|entry| entry.fill(|_| None).ok()).collect()
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Asks Claude or the user, and waits outside.
    Ask(Template),
    /// A run of Codex.
    Run(Box<RunWish>),
}

/// A run, as a step wishes for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunWish {
    /// What is to be done.
    pub work: Work,
    /// Tier, where it is not that of the packet or the settings.
    pub tier: Option<String>,
    /// In which conversation.
    pub thread: Thread,
    /// Where it works; none = as packet and settings say.
    pub isolate: Option<Isolate>,
    /// Whether what it changed in isolation lands in the user's tree when its gates are passed.
    pub land: bool,
    /// What clodex checks itself afterwards.
    pub verify: Verify,
    /// Wall clock, where it is not that of the settings.
    pub timeout: Option<Duration>,
    /// How often it may be tried again.
    pub retry: u32,
    /// What it has to show.
    pub gates: Vec<Gate>,
    /// What it means when it does not.
    pub if_shut: IfShut,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// What a packet says, and perhaps something after it.
    Packet {
        /// The input that is the packet.
        input: String,
        /// Told after the packet; changes nothing of it.
        addendum: Option<Template>,
    },
    /// What each of several packets says: a step each.
    EachPacket {
        /// The input that is the packets.
        input: String,
    },
    /// What a text says.
    Prompt {
        /// What Codex is.
        mode: Mode,
        /// What it may change.
        scope: Vec<Template>,
        /// The text.
        text: Template,
        /// The input that is the packet whose contract it is held to, all but its scope.
        of: Option<String>,
    },
}

/// In which conversation with Codex a step takes place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thread {
    /// In one of its own.
    Fresh,
    /// In that of another step.
    Same(String),
    /// In a copy of that of another step.
    Fork(String),
}

impl Thread {
    /// The step whose thread it builds on.
    pub fn origin(&self) -> Option<&str> {
        match self {
            Self::Fresh => None,
            Self::Same(step) | Self::Fork(step) => Some(step),
        }
    }
}

/// What clodex checks itself when a run has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verify {
    /// As packet and settings say.
    AsSet,
    /// The packet's own VERIFICATION.
    OfPacket,
    /// These commands.
    Commands(Vec<Template>),
}

/// What it means for a step that a gate does not let it pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IfShut {
    /// It failed.
    #[default]
    Fail,
    /// The flow goes on and looks at `steps.ID.gates`.
    GoOn,
}

/// How much of everything a flow may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Runs at the same time.
    pub runs: usize,
    /// Tokens of all runs together.
    pub tokens: Option<u64>,
    /// Wall clock, from its begin (or where it is continued, from there).
    pub timeout: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { runs: 4, tokens: None, timeout: None }
    }
}

/// What happens to the others when a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// They are ended.
    #[default]
    Stop,
    /// What does not need it goes on.
    Finish,
}

/// What happens to steps that would write to the same place at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// The flow does not begin.
    #[default]
    Refuse,
    /// One waits for the other.
    Serialise,
    /// Each works in a worktree of its own; what they changed lands one after the other.
    Isolate,
}

impl Overlap {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Refuse, Self::Serialise, Self::Isolate];

    /// The word used in flags and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Serialise => "serialise",
            Self::Isolate => "isolate",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|overlap| overlap.as_str() == word)
    }
}

impl IfShut {
    /// Reads the word used in files.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "fail" => Some(Self::Fail),
            "go-on" => Some(Self::GoOn),
            _ => None,
        }
    }
}

impl OnFailure {
    /// The word used in flags and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Finish => "finish",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Stop, Self::Finish].into_iter().find(|one| one.as_str() == word)
    }
}

impl Flow {
    /// Reads a flow and checks all that needs no inputs.
    pub fn read(origin: &Origin, text: &str) -> Result<Self, Problems> {
        let (flow, problems) = Self::look_at(text);
        Problems::check(origin, problems)?;
        Ok(flow)
    }

    /// The flow as far as it can be read, with all that is wrong with it and needs no inputs.
    pub fn look_at(text: &str) -> (Self, Vec<Problem>) {
        let lines = LineNumbers::of(text);
        let reading = reading::read(text, &lines);
        let (flow, found) = read::flow(reading.flow, &lines);
        let more = match &reading.whole {
            Wholeness::Whole => [found, lint::problems(&flow, &lines)].concat(),
            // What was left out is missed here and there, which is no problem of its own.
            Wholeness::Keys(harmed) => {
                let mut more = [found, lint::problems_of_steps(&flow, &lines)].concat();
                let is_told = |line| reading.problems.iter().any(|told| told.line == line);
                let is_harmed = |line| harmed.iter().any(|place| lines.holds(*place, line));
                more.retain(|one| !is_told(one.line) && !one.line.is_some_and(is_harmed));
                more
            }
            Wholeness::Nothing => Vec::new(),
        };
        (flow, [reading.problems, more].concat())
    }
}

#[cfg(test)]
pub(crate) mod tests;
