//! `when`: whether a step is wanted, said of inputs and of what became of other steps. One comparison, no language.

use std::fmt;

use crate::reference::{Fact, Reference};

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

    /// What its subject is instead, where it is never this word.
    pub fn never(&self) -> Option<String> {
        let Reference::Step { fact, .. } = &self.subject else { return None };
        match fact.words() {
            Some(words) => {
                (!words.contains(&self.word.as_str())).then(|| format!("it is one of {}", words.join(", ")))
            }
            None if *fact == Fact::ExitCode && self.word.parse::<u8>().is_err() => {
                Some("it is a number from 0 to 255".to_owned())
            }
            None => None,
        }
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
    fn a_word_that_a_fact_never_is_is_known() {
        let never = |text: &str| Condition::parse(text).unwrap().never();
        for text in ["steps.a.outcome == dnoe", "steps.a.verdict != CLEAN", "steps.a.exit-code == zero"] {
            assert!(never(text).is_some(), "{text}");
        }
        for text in ["steps.a.outcome != skipped", "steps.a.claim == CLEAN", "steps.a.exit-code == 130"] {
            assert_eq!(never(text), None, "{text}");
        }
        assert_eq!((never("inputs.x == y"), never("steps.a.run == y")), (None, None));
        assert_eq!(never("steps.a.gates == open").as_deref(), Some("it is one of passed, shut"));
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
