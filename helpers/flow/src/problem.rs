//! What is wrong with a flow file, told so that it can be put right at the first try. Knows no flow.

use std::fmt;

use clodex_os::Failure;
use serde::{Deserialize, Serialize};

/// Nobody reads more than this at once.
const MAX_TOLD: usize = 20;

/// Where the text of a flow comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// It comes along with clodex, under this name: nobody sees its lines.
    BuiltIn(String),
    /// A file, as it was named.
    File(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(name) => write!(f, "{name} (built in)"),
            Self::File(file) => f.write_str(file),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// From 1; none where it stands on no line, as something that is missing from the command line.
    pub line: Option<usize>,
    /// What is wrong, lower case.
    pub what: String,
    /// The next step.
    pub hint: String,
}

impl Problem {
    /// A problem of a line.
    pub fn at(line: usize, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { line: Some(line), what: what.into(), hint: hint.into() }
    }

    /// A problem of what was given to the flow.
    pub fn given(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { line: None, what: what.into(), hint: hint.into() }
    }
}

/// Everything that is wrong with one flow, in the order of its lines; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    origin: Origin,
    all: Vec<Problem>,
}

impl Problems {
    /// `Ok` when there is nothing to tell.
    pub fn check(origin: &Origin, mut all: Vec<Problem>) -> Result<(), Self> {
        if all.is_empty() {
            return Ok(());
        }
        all.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        Err(Self { origin: origin.clone(), all })
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::usage(problems.to_string())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused = match &self.origin {
            Origin::BuiltIn(name) => format!("cannot use the built-in flow {name}"),
            Origin::File(file) => format!("cannot use flow `{file}`"),
        };
        for (index, Problem { line, what, hint }) in self.all.iter().take(MAX_TOLD).enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            let line = line.filter(|_| matches!(self.origin, Origin::File(_)));
            let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            write!(f, "{separator}{refused}: {line}{what}\n  hint: {hint}")?;
        }
        match self.all.len() {
            0..=1 => Ok(()),
            count @ 2..=MAX_TOLD => write!(f, "\n{refused}: {count} problems"),
            count => write!(f, "\n{refused}: {count} problems, and these are the first {MAX_TOLD}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_told_in_the_order_of_their_lines_and_never_without_end() {
        let file = |name: &str| Origin::File(name.to_owned());
        assert_eq!(Problems::check(&file("f"), vec![]), Ok(()));
        let all = vec![Problem::given("no task", "give one"), Problem::at(3, "bad", "fix it")];
        let told = Problems::check(&file("f.yaml"), all).unwrap_err().to_string();
        assert_eq!(
            told,
            "cannot use flow `f.yaml`: line 3: bad\n  hint: fix it\ncannot use flow `f.yaml`: no task\n  hint: give one\n\
             cannot use flow `f.yaml`: 2 problems"
        );
        let many = (1..=30).map(|line| Problem::at(line, "bad", "fix it")).collect();
        let told = Problems::check(&file("f"), many).unwrap_err().to_string();
        assert!(told.ends_with("cannot use flow `f`: 30 problems, and these are the first 20"), "{told}");
    }
    #[test]
    fn what_nobody_sees_has_no_lines() {
        let missing = vec![Problem::at(3, "input task is missing", "give it with `--task PACKET.md`")];
        let told = Problems::check(&Origin::BuiltIn("split".into()), missing).unwrap_err().to_string();
        assert_eq!(
            told,
            "cannot use the built-in flow split: input task is missing\n  hint: give it with `--task PACKET.md`"
        );
    }
}
