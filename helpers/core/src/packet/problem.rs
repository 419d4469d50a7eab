//! What can be wrong with a packet, told so that it can be put right at the first try.

use std::fmt;

/// Nobody reads more than this at once.
const MAX_TOLD: usize = 20;

/// One thing that is wrong with a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketProblem {
    /// From 1; none when something is missing altogether.
    pub line: Option<usize>,
    /// What is wrong, lower case.
    pub what: String,
    /// The next step.
    pub hint: String,
}

impl PacketProblem {
    /// A problem of one line. The dispatcher makes these too, when a path does not hold against the repository.
    pub fn at(line: usize, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { line: Some(line), what: what.into(), hint: hint.into() }
    }

    pub(super) fn of_packet(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { line: None, what: what.into(), hint: hint.into() }
    }
}

impl fmt::Display for PacketProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}\n  hint: {}", self.what, self.hint)
    }
}

/// Everything that is wrong with a packet, in the order of its lines; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PacketProblems(Vec<PacketProblem>);

impl PacketProblems {
    pub(super) fn one(problem: PacketProblem) -> Self {
        Self(vec![problem])
    }

    /// `Ok` when there is nothing to tell.
    pub fn check(mut problems: Vec<PacketProblem>) -> Result<(), Self> {
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        Err(Self(problems))
    }

    /// The problems, one by one.
    pub fn iter(&self) -> impl Iterator<Item = &PacketProblem> {
        self.0.iter()
    }

    /// The whole message for people: ``cannot read packet `x.md`: line 7: …`` for each, bounded.
    pub fn about(&self, packet: &str) -> String {
        let lines = self.0.iter().take(MAX_TOLD);
        let mut lines: Vec<String> =
            lines.map(|problem| format!("cannot read packet `{packet}`: {problem}")).collect();
        if self.0.len() > MAX_TOLD {
            lines.push(format!("cannot read packet `{packet}`: and {} more", self.0.len() - MAX_TOLD));
        }
        lines.join("\n")
    }
}

impl fmt::Display for PacketProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}
