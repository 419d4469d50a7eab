//! What is known of a run that has ended: from its private record, and from artifacts that are what was sealed. What
//! cannot be proven is unknown, and passes no gate. Facts are read, never guessed from an exit code.

use clodex_core::{
    CheckStatus, Enforcement, ExitCode, Outcome, Policy, RunId, RunRecord, RunResult, Verdict,
    VerificationEntry,
};
use clodex_retention::Sealed;

use crate::check_report::checked;
use crate::facts::{Checks, Facts};
use crate::journal::Entry;

/// What is known of a run, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What is known.
    pub facts: Facts,
    /// What it answered.
    pub answer: String,
    /// Whether it ended before it was through, in a way that does no harm: its step can begin anew.
    pub interruption: Option<Interruption>,
}

/// How a run ended whose dispatcher did not see it to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// Codex was never started.
    NeverWorked,
    /// It died at work, and was held so that it could change nothing out of its scope.
    DiedHeld,
}

impl Evidence {
    /// The evidence that a run left.
    pub fn of(record: &RunRecord) -> Self {
        let facts = Facts {
            outcome: Some(record.outcome.unwrap_or(Outcome::Failed)),
            exit_code: record.exit_code.unwrap_or(1),
            verdict: record.verdict,
            summary: record.summary.clone().unwrap_or_default(),
            tokens: record.progress.tokens.unwrap_or_default(),
            run: Some(record.id.clone()),
            artifact_dir: Some(record.artifact_dir.clone()),
            isolated: record.isolated.is_some(),
            ..Facts::without_run(0, "")
        };
        // A run that was refused, or died, has nothing sealed and nothing to show.
        if record.seal.is_none() {
            return Self::of_unsealed(record, facts);
        }
        match sealed(record) {
            Ok((result, policy, text)) => {
                Self { answer: answer(&result, text), ..Self::bare(complete(facts, &result, &policy)) }
            }
            Err(why) => {
                let summary = format!("its artifacts are not what was sealed: {why}");
                Self::bare(Facts { verdict: Some(Verdict::Unknown), summary, ..facts })
            }
        }
    }

    /// Whether it was ended from outside. What was found out of scope is no less so for that.
    pub fn is_cancelled(&self) -> bool {
        self.facts.outcome == Some(Outcome::Cancelled) && self.harm().is_none()
    }

    /// What it did, or may have done, out of its scope.
    pub fn harm(&self) -> Option<String> {
        match self.facts.verdict {
            Some(Verdict::Violation | Verdict::Unknown) => self.facts.shortfall(),
            Some(Verdict::Clean | Verdict::Refused) | None => None,
        }
    }

    /// The line of a run that was interrupted; none = it was not.
    pub fn as_interrupted(&self, step: &str) -> Option<Entry> {
        Some(Entry::Interrupted {
            worked: self.interruption? == Interruption::DiedHeld,
            step: step.to_owned(),
            run: self.facts.run.clone()?,
            why: self.facts.summary.clone(),
            tokens: self.facts.tokens,
        })
    }

    /// What there is where there is no answer.
    pub fn bare(facts: Facts) -> Self {
        Self { facts, answer: String::new(), interruption: None }
    }

    /// A run whose record is gone: nobody knows what it did.
    pub fn lost(run: &RunId) -> Self {
        Self::bare(unjudged(Facts { run: Some(run.clone()), ..Facts::without_run(0, "its record is gone") }))
    }

    /// Whoever starts Codex judges what came of it. Where nobody did, it was never started, or its dispatcher died.
    fn of_unsealed(record: &RunRecord, facts: Facts) -> Self {
        let interruption = match (record.verdict, record.container) {
            (Some(_), _) => return Self::bare(facts),
            (None, None) => Interruption::NeverWorked,
            (None, Some(_)) if is_held(record) => Interruption::DiedHeld,
            (None, Some(_)) => return Self::bare(unjudged(facts)),
        };
        // Nobody judged it, and there is nothing to be judged: it counts as a turn that failed.
        let facts = Facts { exit_code: ExitCode::TurnFailed.into(), ..facts };
        Self { interruption: Some(interruption), ..Self::bare(facts) }
    }
}

/// Whether a run could change nothing out of its scope, whatever became of it.
fn is_held(record: &RunRecord) -> bool {
    match record.enforcement {
        Enforcement::Profile => true,
        // It works in a worktree that nobody else looks at.
        Enforcement::Sandbox => record.isolated.is_some(),
        Enforcement::None => false,
    }
}

/// Nobody judged what it changed, and nobody can any more.
fn unjudged(facts: Facts) -> Facts {
    let run = facts.run.as_ref().map(|run| format!("run {run} ")).unwrap_or_default();
    let summary = format!(
        "{run}died unjudged ({}): look at what it left in your tree, \
         and commit or take back what is in scope; `clodex-flow continue FLOW --again` then takes the rest as it is",
        facts.summary
    );
    let (exit_code, verdict) = (ExitCode::Violation.into(), Some(Verdict::Unknown));
    Facts { exit_code, verdict, summary, ..facts }
}

fn complete(facts: Facts, result: &RunResult, policy: &Policy) -> Facts {
    Facts {
        claim: result.claimed_verdict.clone(),
        checks: checks(&result.verification),
        checked: checked(&result.verification),
        follows_schema: result.answer.is_some(),
        changed: policy.in_scope.clone(),
        violations: policy.violations.iter().map(|violation| violation.path.clone()).collect(),
        put_back: !policy.violations.is_empty() && policy.violations.iter().all(|one| one.restored),
        tokens: result.tokens.map_or(facts.tokens, |tokens| tokens.input.saturating_add(tokens.output)),
        ..facts
    }
}

fn checks(entries: &[VerificationEntry]) -> Checks {
    let statuses = || entries.iter().filter_map(|entry| entry.check.as_ref()).map(|check| check.status);
    let any = |wanted: CheckStatus| statuses().any(|status| status == wanted);
    if any(CheckStatus::Failed) || any(CheckStatus::TimedOut) {
        Checks::Failed
    } else if any(CheckStatus::CouldNotRun) {
        Checks::CouldNotRun
    } else if any(CheckStatus::Passed) {
        Checks::Passed
    } else {
        Checks::None
    }
}

/// Report, structured answer, or all that it said.
fn answer(result: &RunResult, text: String) -> String {
    if let Some(claim) = &result.claim {
        return claim.report.clone();
    }
    match &result.answer {
        Some(answer) => serde_json::to_string_pretty(answer).unwrap_or_default(),
        None => text,
    }
}

fn sealed(record: &RunRecord) -> Result<(RunResult, Policy, String), String> {
    let sealed = Sealed::of(record)?;
    let result: RunResult = sealed.json("result.json")?;
    let policy: Policy = sealed.json("policy.json")?;
    if result.run_id != record.id || policy.run_id != record.id.as_str() {
        return Err("they are those of another run".to_owned());
    }
    let text = String::from_utf8_lossy(&sealed.bytes("result.md")?).into_owned();
    Ok((result, policy, text))
}

#[cfg(test)]
mod tests {
    use clodex_core::CheckStatus::{CouldNotRun, Failed, NotRun, Passed, TimedOut};
    use clodex_core::{Check, Isolated, VerificationStatus};

    use super::*;
    use clodex_os::sha256_hex;

    fn record() -> RunRecord {
        let text = include_str!("../../os/src/record_store/record-v1.json");
        let mut record: RunRecord = serde_json::from_str(text).unwrap();
        record.outcome = Some(Outcome::Done);
        record.verdict = Some(Verdict::Clean);
        record.exit_code = Some(0);
        record
    }

    #[test]
    fn artifacts_that_are_not_what_was_sealed_prove_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = record();
        record.artifact_dir = folder.path().display().to_string();
        let seal = format!(r#"{{"version":1,"run_id":"{}","sha256":{{}}}}"#, record.id);
        std::fs::write(folder.path().join("seal.json"), &seal).unwrap();
        record.seal = Some(sha256_hex(seal.as_bytes()));
        let told = Evidence::of(&record).facts;
        assert_eq!(told.verdict, Some(Verdict::Unknown));
        assert!(told.summary.contains("result.json"), "{}", told.summary);
        record.seal = Some("00".into());
        assert!(Evidence::of(&record).facts.summary.contains("seal.json is another one"));
    }

    #[test]
    fn a_run_that_died_is_unknown_unless_it_could_do_no_harm() {
        let started = record().container;
        assert!(started.is_some());
        let isolated = Isolated {
            worktree: "/w".into(),
            source_workdir: "/r".into(),
            source_root: "/r".into(),
            base: String::new(),
        };
        let none: Option<Isolated> = None;
        for (enforcement, isolated, container, wanted) in [
            (Enforcement::Profile, none.clone(), started, Some(Interruption::DiedHeld)),
            (Enforcement::Sandbox, Some(isolated.clone()), started, Some(Interruption::DiedHeld)),
            (Enforcement::Sandbox, none.clone(), started, None),
            (Enforcement::None, Some(isolated), started, None),
            (Enforcement::None, none, None, Some(Interruption::NeverWorked)),
        ] {
            let (outcome, exit_code) = (Some(Outcome::Failed), Some(6));
            let ended = RunRecord { seal: None, verdict: None, outcome, exit_code, ..record() };
            let dead = Evidence::of(&RunRecord { enforcement, isolated, container, ..ended });
            assert_eq!(dead.interruption, wanted, "{enforcement:?}");
            let told = dead.facts.shortfall().unwrap();
            let (verdict, code, word) = match wanted {
                Some(_) => (None, 1, "its outcome is failed"),
                None => (Some(Verdict::Unknown), 6, "died unjudged"),
            };
            assert_eq!((dead.facts.verdict, dead.facts.exit_code), (verdict, code));
            assert!(told.contains(word), "{told}");
        }
        assert_eq!(Evidence::lost(&record().id).facts.verdict, Some(Verdict::Unknown));
    }

    #[test]
    fn a_run_that_was_judged_was_not_interrupted() {
        let refused = RunRecord { seal: None, verdict: Some(Verdict::Refused), container: None, ..record() };
        assert_eq!(Evidence::of(&refused).interruption, None);
    }

    #[test]
    fn one_failed_check_is_a_failure_and_none_is_none() {
        let entry = |status: Option<CheckStatus>| VerificationEntry {
            text: "x".into(),
            status: VerificationStatus::NotSeen,
            exit_code: None,
            claimed: None,
            check: status.map(|status| Check::without_result(status, "")),
        };
        for (statuses, wanted) in [
            (&[][..], Checks::None),
            (&[None, Some(NotRun)], Checks::None),
            (&[Some(Passed), Some(NotRun)], Checks::Passed),
            (&[Some(Passed), Some(CouldNotRun)], Checks::CouldNotRun),
            (&[Some(TimedOut), Some(CouldNotRun)], Checks::Failed),
            (&[Some(Passed), Some(Failed)], Checks::Failed),
        ] {
            let entries: Vec<VerificationEntry> = statuses.iter().map(|status| entry(*status)).collect();
            assert_eq!(checks(&entries), wanted, "{statuses:?}");
        }
    }
}
