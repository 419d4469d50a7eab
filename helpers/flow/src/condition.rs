//! `when`: whether a step is wanted, said of inputs and of what became of other steps. One comparison, no language.

use std::fmt;

use crate::reference::Reference;

/// `REFERENCE == WORD` or `REFERENCE != WORD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What is looked at.
    pub subject: Reference,
    wanted: Wanted,
    word: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Same,
    Other,
}

impl Condition {
    /// Reads a condition; the error says what one looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let hint = "write `REFERENCE == WORD` or `REFERENCE != WORD`, as `steps.verify.exit-code != 0`";
        let (wanted, (subject, word)) = match (text.split_once("=="), text.split_once("!=")) {
            (Some(parts), None) => (Wanted::Same, parts),
            (None, Some(parts)) => (Wanted::Other, parts),
            (None, None) | (Some(_), Some(_)) => return Err(hint.to_owned()),
        };
        let word = word.trim();
        let is_word = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if word.is_empty() || !is_word {
            return Err(hint.to_owned());
        }
        Ok(Self { subject: Reference::parse(subject.trim())?, wanted, word: word.to_owned() })
    }

    /// Whether it holds for this value of its subject.
    pub fn holds(&self, value: &str) -> bool {
        match self.wanted {
            Wanted::Same => value == self.word,
            Wanted::Other => value != self.word,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.wanted {
            Wanted::Same => "==",
            Wanted::Other => "!=",
        };
        write!(f, "{} {sign} {}", self.subject, self.word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_holds_or_does_not() {
        let condition = Condition::parse("steps.verify.exit-code != 0").unwrap();
        assert_eq!((condition.holds("0"), condition.holds("8"), condition.holds("")), (false, true, true));
        let condition = Condition::parse("inputs.rounds==2").unwrap();
        assert_eq!((condition.holds("2"), condition.holds("22")), (true, false));
        assert_eq!(condition.to_string(), "inputs.rounds == 2");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "inputs.a",
            "inputs.a = 1",
            "a == 1",
            "inputs.a == ",
            "inputs.a == x y",
            "inputs.a == 1 != 2",
        ] {
            assert!(Condition::parse(text).is_err(), "{text}");
        }
    }
}
