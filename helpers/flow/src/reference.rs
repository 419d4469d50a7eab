//! What a template or a condition may speak of: the flow's inputs, and what became of steps. Only names; whether they
//! exist is asked by `lint`.

use std::fmt;

/// Something that has a value once the flow is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// `inputs.NAME`, or a part of a packet: `inputs.NAME.scope`.
    Input {
        /// Name of the input.
        name: String,
        /// Which part of the packet that it names.
        part: Option<Part>,
    },
    /// `steps.ID.FACT`.
    Step {
        /// Id of the step.
        id: String,
        /// Which fact of it.
        fact: Fact,
    },
}

/// A part of a packet: each is its field of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    Name,
    Workdir,
    Objective,
    Scope,
    NonGoals,
    Verification,
    Deliverable,
    Context,
}

/// What is known of a step that has ended. Of a step that was skipped, `outcome` is `skipped` and all else is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fact {
    /// What it answered.
    Result,
    /// The answer's summary in a line or two.
    Summary,
    /// `done`, `partial`, `failed`, …; `skipped`; `answered` for a question.
    Outcome,
    /// What was found about scope.
    Verdict,
    /// `CLEAN`, `NEEDS_ATTENTION`, or nothing.
    Claim,
    /// Exit code of its run.
    ExitCode,
    /// Paths that it changed in scope, a line each.
    Changed,
    /// `passed`, `failed`, `could-not-run`, or nothing where clodex ran no check.
    Verified,
    /// What clodex found when it ran the checks: each command, how it ended, the end of what it wrote.
    Checks,
    /// `passed` or `shut`; nothing for a step without a gate.
    Gates,
    /// Id of its run.
    Run,
}

const PARTS: [(&str, Part); 8] = [
    ("name", Part::Name),
    ("workdir", Part::Workdir),
    ("objective", Part::Objective),
    ("scope", Part::Scope),
    ("non-goals", Part::NonGoals),
    ("verification", Part::Verification),
    ("deliverable", Part::Deliverable),
    ("context", Part::Context),
];

const FACTS: [(&str, Fact); 11] = [
    ("result", Fact::Result),
    ("summary", Fact::Summary),
    ("outcome", Fact::Outcome),
    ("verdict", Fact::Verdict),
    ("claim", Fact::Claim),
    ("exit-code", Fact::ExitCode),
    ("changed", Fact::Changed),
    ("verified", Fact::Verified),
    ("checks", Fact::Checks),
    ("gates", Fact::Gates),
    ("run", Fact::Run),
];

impl Fact {
    /// Whether it is more than a word: lines that Codex, or a command, wrote. Such a text stands in a fence, and is
    /// nothing to compare or to call a step by.
    pub fn is_prose(self) -> bool {
        match self {
            Self::Result | Self::Summary | Self::Changed | Self::Checks => true,
            Self::Outcome
            | Self::Verdict
            | Self::Claim
            | Self::ExitCode
            | Self::Verified
            | Self::Gates
            | Self::Run => false,
        }
    }

    /// All words that it can be; none where it can be many.
    pub fn words(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Outcome => Some(&[
                "done",
                "partial",
                "blocked",
                "findings-only",
                "failed",
                "cancelled",
                "timed-out",
                "stalled",
                "refused",
                "skipped",
                "answered",
            ]),
            Self::Verdict => Some(&["clean", "violation", "unknown", "refused"]),
            Self::Claim => Some(&["CLEAN", "NEEDS_ATTENTION"]),
            Self::Verified => Some(&["passed", "failed", "could-not-run"]),
            Self::Gates => Some(&["passed", "shut"]),
            Self::Result | Self::Summary | Self::ExitCode | Self::Changed | Self::Checks | Self::Run => None,
        }
    }
}

impl Reference {
    /// Reads a reference; the error says what one looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('.').collect();
        match parts[..] {
            ["inputs", name] if is_name(name) => Ok(Self::Input { name: name.to_owned(), part: None }),
            ["inputs", name, part] if is_name(name) => match named(&PARTS, part) {
                Some(part) => Ok(Self::Input { name: name.to_owned(), part: Some(part) }),
                None => Err(format!("a packet has no part `{part}`; its parts are {}", names(&PARTS))),
            },
            ["steps", id, fact] if is_name(id) => match named(&FACTS, fact) {
                Some(fact) => Ok(Self::Step { id: id.to_owned(), fact }),
                None => Err(format!("a step has no `{fact}`; it has {}", names(&FACTS))),
            },
            _ => Err("write `inputs.NAME` or `steps.ID.result`".to_owned()),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { name, part: None } => write!(f, "inputs.{name}"),
            Self::Input { name, part: Some(part) } => write!(f, "inputs.{name}.{}", name_of(&PARTS, *part)),
            Self::Step { id, fact } => write!(f, "steps.{id}.{}", name_of(&FACTS, *fact)),
        }
    }
}

/// Whether a text can name a step, an input or a flow: it becomes part of file names, flags and run names.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= 40
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn named<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

fn name_of<T: Copy + PartialEq>(table: &[(&'static str, T)], value: T) -> &'static str {
    table.iter().find(|(_, known)| *known == value).map_or("", |(name, _)| name)
}

fn names<T>(table: &[(&str, T)]) -> String {
    table.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_shown_again() {
        for text in ["inputs.topic", "inputs.task.non-goals", "steps.explore.result", "steps.a-1.exit-code"] {
            assert_eq!(Reference::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_there_is() {
        for (text, wanted) in [
            ("topic", "write `inputs.NAME`"),
            ("inputs", "write `inputs.NAME`"),
            ("inputs.A", "write `inputs.NAME`"),
            ("inputs.task.goals", "no part `goals`; its parts are name, workdir"),
            ("steps.a", "write `inputs.NAME`"),
            ("steps.a.results", "no `results`; it has result, summary"),
            ("steps.a.result.x", "write `inputs.NAME`"),
        ] {
            let error = Reference::parse(text).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
