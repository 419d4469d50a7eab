//! What is known of a step that has ended: the machine's findings and the worker's word, apart from each other. Written
//! to the journal, looked at by gates, conditions and templates. Where it comes from is not known here.

use clodex_core::{ClaimedVerdict, Outcome, RunId, Verdict};
use serde::{Deserialize, Serialize};

use crate::check_report::{Checked, checked_text};
use crate::reference::Fact;

/// So many paths are named in a line.
pub const PATHS_NAMED: usize = 6;

/// What became of one run, or of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What became of the work; none for a question that was answered.
    pub outcome: Option<Outcome>,
    /// Exit code of the run; 0 for a question that was answered.
    pub exit_code: i32,
    /// What was found about scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What the worker says of its own work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<ClaimedVerdict>,
    /// What clodex's own checks came to.
    #[serde(default)]
    pub checks: Checks,
    /// The same, one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checked: Vec<Checked>,
    /// What its gates came to.
    #[serde(default)]
    pub gates: Gates,
    /// Whether there is an answer that follows the schema that was asked for.
    #[serde(default)]
    pub follows_schema: bool,
    /// Changes in scope, relative to the top of the tree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// Changes out of scope.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<String>,
    /// Whether all of those were put back.
    #[serde(default, skip_serializing_if = "is_false")]
    pub put_back: bool,
    /// Whether it worked in a worktree of its own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub isolated: bool,
    /// One or two lines for people.
    #[serde(default)]
    pub summary: String,
    /// Tokens that it took.
    #[serde(default)]
    pub tokens: u64,
    /// The run; none for a question, and for a run that was refused before it had an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Where its artifacts are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_dir: Option<String>,
}

/// What clodex's own checks came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checks {
    /// None was asked for, or there was nothing to run.
    #[default]
    None,
    /// All that were run passed, and one at least was.
    Passed,
    /// One failed, or ran out of time.
    Failed,
    /// None failed, but one could not be run.
    CouldNotRun,
}

/// What the gates of a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gates {
    /// It has none, or did not come to them.
    #[default]
    None,
    /// All were passed.
    Passed,
    /// One was not.
    Shut,
}

impl Facts {
    /// A question that was answered.
    pub fn answered() -> Self {
        Self { outcome: None, exit_code: 0, ..Self::without_run(0, "") }
    }

    /// A run that was refused before there was anything of it.
    pub fn without_run(exit_code: i32, why: &str) -> Self {
        Self {
            outcome: Some(Outcome::Refused),
            exit_code,
            verdict: None,
            claim: None,
            checks: Checks::None,
            checked: Vec::new(),
            gates: Gates::None,
            follows_schema: false,
            changed: Vec::new(),
            violations: Vec::new(),
            put_back: false,
            isolated: false,
            summary: why.to_owned(),
            tokens: 0,
            run: None,
            artifact_dir: None,
        }
    }

    /// Why the work did not come to its end within its contract, whatever its gates ask for; none when it did.
    pub fn shortfall(&self) -> Option<String> {
        let told = || if self.summary.is_empty() { String::new() } else { format!(": {}", self.summary) };
        match (self.verdict, self.outcome) {
            (Some(Verdict::Violation), _) => {
                Some(format!("it changed what is out of its scope: {}", listed(&self.violations)))
            }
            (Some(Verdict::Unknown), _) => Some(format!("its scope could not be judged{}", told())),
            (_, None) | (Some(Verdict::Clean), Some(Outcome::Done | Outcome::FindingsOnly)) => None,
            (_, Some(outcome)) => Some(format!("its outcome is {outcome}{}", told())),
        }
    }

    /// A fact as a word, or as lines; `result` is kept elsewhere.
    pub fn word(&self, fact: Fact) -> Option<String> {
        let text = match fact {
            Fact::Result => return None,
            Fact::Summary => self.summary.clone(),
            Fact::Outcome => self.outcome.map_or("answered".to_owned(), |outcome| outcome.to_string()),
            Fact::Verdict => self.verdict.map(|verdict| verdict.to_string()).unwrap_or_default(),
            Fact::Claim => match &self.claim {
                Some(ClaimedVerdict::Clean) => "CLEAN".to_owned(),
                Some(ClaimedVerdict::NeedsAttention(_)) => "NEEDS_ATTENTION".to_owned(),
                None => String::new(),
            },
            Fact::ExitCode => self.exit_code.to_string(),
            Fact::Changed => self.changed.join("\n"),
            Fact::Verified => match self.checks {
                Checks::None => String::new(),
                Checks::Passed => "passed".to_owned(),
                Checks::Failed => "failed".to_owned(),
                Checks::CouldNotRun => "could-not-run".to_owned(),
            },
            Fact::Checks => checked_text(&self.checked),
            Fact::Gates => match self.gates {
                Gates::None => String::new(),
                Gates::Passed => "passed".to_owned(),
                Gates::Shut => "shut".to_owned(),
            },
            Fact::Run => self.run.as_ref().map(ToString::to_string).unwrap_or_default(),
        };
        Some(text)
    }

    /// The same of a step that was skipped.
    pub fn word_of_skipped(fact: Fact) -> String {
        if fact == Fact::Outcome { "skipped".to_owned() } else { String::new() }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks in this way")]
fn is_false(word: &bool) -> bool {
    !word
}

/// Paths in a line: so many, and how many more.
pub fn listed(paths: &[String]) -> String {
    let named = paths.iter().take(PATHS_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match paths.len().saturating_sub(PATHS_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A run that went well.
    pub(crate) fn well() -> Facts {
        Facts {
            outcome: Some(Outcome::Done),
            verdict: Some(Verdict::Clean),
            exit_code: 0,
            claim: Some(ClaimedVerdict::Clean),
            checks: Checks::Passed,
            changed: vec!["src/a.rs".into(), "src/deep/b.rs".into()],
            tokens: 100,
            run: RunId::try_from("20260121T010203Z-worker-x-aaaa".to_owned()).ok(),
            ..Facts::without_run(0, "did it")
        }
    }

    /// Whatever a fact comes to is among the words that a condition may compare it with.
    #[test]
    fn words_that_may_be_compared_are_those_that_there_are() {
        use clodex_core::Outcome::{
            Blocked, Cancelled, Done, Failed, FindingsOnly, Partial, Refused, Stalled, TimedOut,
        };
        let all = |fact: Fact, facts: &[Facts]| {
            for word in facts.iter().filter_map(|facts| facts.word(fact)).filter(|word| !word.is_empty()) {
                assert!(fact.words().unwrap().contains(&word.as_str()), "{word}");
            }
        };
        let outcomes = [Blocked, Cancelled, Done, Failed, FindingsOnly, Partial, Refused, Stalled, TimedOut];
        let outcomes = outcomes.map(|outcome| Facts { outcome: Some(outcome), ..well() });
        all(Fact::Outcome, &outcomes);
        assert!(Fact::Outcome.words().unwrap().contains(&Facts::word_of_skipped(Fact::Outcome).as_str()));
        assert!(
            Fact::Outcome.words().unwrap().contains(&Facts::answered().word(Fact::Outcome).unwrap().as_str())
        );
        let verdicts = [Verdict::Clean, Verdict::Violation, Verdict::Unknown, Verdict::Refused];
        all(Fact::Verdict, &verdicts.map(|verdict| Facts { verdict: Some(verdict), ..well() }));
        let needs = ClaimedVerdict::NeedsAttention(String::new());
        all(Fact::Claim, &[well(), Facts { claim: Some(needs), ..well() }]);
        let checks = [Checks::None, Checks::Passed, Checks::Failed, Checks::CouldNotRun];
        all(Fact::Verified, &checks.map(|checks| Facts { checks, ..well() }));
        let gates = [Gates::None, Gates::Passed, Gates::Shut];
        all(Fact::Gates, &gates.map(|gates| Facts { gates, ..well() }));
    }

    #[test]
    fn only_delivered_work_with_a_clean_scope_is_no_shortfall() {
        assert_eq!(well().shortfall(), None);
        assert_eq!(Facts { exit_code: 8, claim: None, ..well() }.shortfall(), None);
        assert_eq!(Facts::answered().shortfall(), None);
        for (facts, wanted) in [
            (
                Facts { verdict: Some(Verdict::Violation), violations: vec!["x".into()], ..well() },
                "out of its scope: x",
            ),
            (Facts { verdict: Some(Verdict::Unknown), ..well() }, "could not be judged: did it"),
            (Facts { verdict: None, ..well() }, "its outcome is done"),
            (Facts { outcome: Some(Outcome::Partial), ..well() }, "its outcome is partial: did it"),
            (Facts::without_run(7, "dirty"), "its outcome is refused: dirty"),
        ] {
            assert!(facts.shortfall().unwrap().contains(wanted), "{:?}", facts.shortfall());
        }
    }

    #[test]
    fn many_violations_are_counted_and_not_all_named() {
        let violations: Vec<String> = (0..3000).map(|number| format!("lib/{number}")).collect();
        let told = Facts { verdict: Some(Verdict::Violation), violations, ..well() }.shortfall().unwrap();
        assert!(told.ends_with(": lib/0, lib/1, lib/2, lib/3, lib/4, lib/5 and 2994 more"), "{told}");
    }

    #[test]
    fn every_fact_but_the_answer_is_a_word() {
        let word = |fact| well().word(fact).unwrap();
        assert_eq!(word(Fact::ExitCode), "0");
        assert_eq!(word(Fact::Claim), "CLEAN");
        assert_eq!(word(Fact::Verified), "passed");
        assert_eq!(word(Fact::Changed), "src/a.rs\nsrc/deep/b.rs");
        assert_eq!(Facts::answered().word(Fact::Outcome).unwrap(), "answered");
        assert_eq!(
            (well().word(Fact::Result), Facts::word_of_skipped(Fact::Outcome).as_str()),
            (None, "skipped")
        );
    }

    #[test]
    fn facts_of_version_1_are_read() {
        let text = r#"{"outcome":"done","exit_code":8,"verdict":"clean","claim":{"word":"NEEDS_ATTENTION","reason":"x"}}"#;
        let facts: Facts = serde_json::from_str(text).unwrap();
        assert_eq!(facts.word(Fact::Claim).unwrap(), "NEEDS_ATTENTION");
        assert_eq!((facts.checks, facts.tokens), (Checks::None, 0));
    }
}
