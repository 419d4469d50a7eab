//! The end of a run: what is known of it, whether that passes, and what it means for the step.

use clodex_core::{ExitCode, Liveness, RunId};
use clodex_os::record_store::RecordStore;
use clodex_os::{ExitKind, Failure, sha256_hex};
use serde::Deserialize;

use super::{Gone, Whose, Work};
use crate::evidence::Evidence;
use crate::facts::{Facts, Gates};
use crate::flow::IfShut;
use crate::flow_dir::FlowDir;
use crate::gate::Gate;
use crate::journal::{Entry, Then};
use crate::report::{TRIED_AGAIN, stand_word};
use crate::schedule::{Action, Again, Input, Stand};

/// What a dispatcher says that has no run.
#[derive(Deserialize)]
struct Refused {
    exit_code: i32,
    error: String,
    #[serde(default)]
    hint: Option<String>,
}

impl Work {
    /// Judges a run whose dispatcher has ended, writes that down, and gives what is to be done now.
    pub(super) fn judge(&mut self, gone: &Gone) -> Result<Vec<Action>, Failure> {
        let step = gone.step;
        self.holds.remove(&step);
        let evidence = self.evidence(gone)?;
        let was_asked = self.asked_to_end.contains(&step);
        // A run of ours that is interrupted is a try: it would be for ever if it were none.
        if gone.whose == Whose::Adopted
            && !was_asked
            && let Some(entry) = evidence.as_interrupted(self.id(step))
        {
            self.write(entry)?;
            return Ok(self.handle(Input::Interrupted(step)));
        }
        let (input, why, gates) = self.meaning(step, &evidence, was_asked);
        let taken = self.tokens().saturating_add(evidence.facts.tokens);
        self.engine.schedule.count_tokens(taken);
        let actions = self.engine.schedule.handle(input, self.clock.now());
        let stand = self.engine.schedule.stands()[step];
        let then = then(input, stand);
        let answer = keep_answer(&self.engine.dir, self.id(step), &evidence.answer)?;
        let entry = Entry::Ended {
            step: self.id(step).to_owned(),
            facts: Box::new(Facts { gates, ..evidence.facts }),
            then,
            why: why.clone(),
            answer,
        };
        self.write(entry)?;
        self.say(step, word_after(then), &why);
        Ok(actions)
    }

    fn handle(&mut self, input: Input) -> Vec<Action> {
        let taken = self.tokens();
        self.engine.schedule.count_tokens(taken);
        self.engine.schedule.handle(input, self.clock.now())
    }

    /// What is known of a run whose dispatcher has ended.
    fn evidence(&self, gone: &Gone) -> Result<Evidence, Failure> {
        let last_words = || {
            let said = self.engine.dir.read(&self.engine.dir.stderr(self.id(gone.step))).unwrap_or_default();
            said.lines()
                .last()
                .map_or_else(|| "its dispatcher ended without a word".to_owned(), str::to_owned)
        };
        match &gone.run {
            Some(run) => of_ended(&self.engine.store, run),
            None => Ok(Evidence::bare(refused(gone, last_words))),
        }
    }

    /// What the end of a run means: its input for the schedule, and why.
    fn meaning(&self, step: usize, evidence: &Evidence, was_asked: bool) -> (Input, String, Gates) {
        let facts = &evidence.facts;
        // One that was asked to end before it could hear it was killed by that.
        let is_ended = was_asked && (facts.run.is_none() || evidence.interruption.is_some());
        if is_ended || evidence.is_cancelled() {
            let why = if was_asked { "the flow was being ended" } else { "its run was cancelled" };
            return (Input::Cancelled(step), why.to_owned(), Gates::None);
        }
        if facts.run.is_none() && facts.exit_code == i32::from(ExitCode::Refused) {
            return (Input::InTheWay(step), facts.summary.clone(), Gates::None);
        }
        let wish = self.engine.plan.steps[step].run().map(|run| &run.wish);
        let gates: &[Gate] = wish.map_or(&[], |wish| &wish.gates);
        let goes_on = facts.shortfall().is_none() && wish.is_some_and(|wish| wish.if_shut == IfShut::GoOn);
        match judged(facts, gates) {
            Ok(evidence) if gates.is_empty() => (Input::Passed(step), evidence, Gates::None),
            Ok(evidence) => (Input::Passed(step), evidence, Gates::Passed),
            Err(why) if goes_on => (Input::Passed(step), why, Gates::Shut),
            Err(why) => (Input::Failed(step, again(facts)), why, Gates::Shut),
        }
    }
}

/// What is known of a run that has ended; a dispatcher that died is seen to.
pub fn of_ended(store: &RecordStore, run: &RunId) -> Result<Evidence, Failure> {
    let mut seen = store.see(run);
    if seen.as_ref().is_some_and(|seen| seen.liveness != Liveness::Ended) {
        store.reap(run).map_err(|error| Failure::usage(error.to_string()))?;
        seen = store.see(run);
    }
    Ok(seen.map_or_else(|| Evidence::lost(run), |seen| Evidence::of(&seen.record)))
}

/// Puts an answer where others find it; its digest comes back.
pub fn keep_answer(dir: &FlowDir, step: &str, answer: &str) -> Result<String, Failure> {
    FlowDir::note(&dir.answer(step), answer.as_bytes())?;
    Ok(sha256_hex(answer.as_bytes()))
}

/// Evidence of all gates, or the first thing that is missing.
fn judged(facts: &Facts, gates: &[Gate]) -> Result<String, String> {
    if let Some(shortfall) = facts.shortfall() {
        return Err(shortfall);
    }
    let told = gates.iter().map(|gate| {
        gate.judge(facts).map_err(|why| format!("gate {} did not let it pass: {why}", gate.shown()))
    });
    Ok(told.collect::<Result<Vec<_>, _>>()?.join("; "))
}

/// A violation stays one, and what was refused is refused again.
fn again(facts: &Facts) -> Again {
    let is_final = [ExitCode::Violation, ExitCode::Refused, ExitCode::Usage].map(i32::from);
    if is_final.contains(&facts.exit_code) { Again::CannotHelp } else { Again::MayHelp }
}

fn refused(gone: &Gone, last_words: impl FnOnce() -> String) -> Facts {
    if let Ok(Refused { exit_code, error, hint }) = serde_json::from_str(&gone.said) {
        // How to get past a gate of the dispatcher's is not how to get past it in a flow.
        let hint = hint.filter(|_| exit_code != i32::from(ExitCode::Refused));
        let hint = hint.map(|hint| format!("; hint: {hint}")).unwrap_or_default();
        return Facts::without_run(exit_code, &format!("{error}{hint}"));
    }
    let code = gone.exit.map_or(1, ExitKind::shell_code);
    Facts::without_run(code, &last_words())
}

/// What is said of a step when its run has ended.
fn word_after(then: Then) -> &'static str {
    match then {
        Then::Passed => stand_word(Stand::Passed),
        Then::ToLand => stand_word(Stand::ToLand),
        Then::Again => TRIED_AGAIN,
        Then::Later => "waits for its turn",
        Then::Failed => stand_word(Stand::Failed),
        Then::Cancelled => stand_word(Stand::Cancelled),
    }
}

fn then(input: Input, stand: Stand) -> Then {
    match (input, stand) {
        (Input::Passed(_), Stand::ToLand | Stand::Landing) => Then::ToLand,
        (Input::Passed(_), _) => Then::Passed,
        (Input::Cancelled(_), _) => Then::Cancelled,
        (_, Stand::Failed) => Then::Failed,
        (Input::InTheWay(_), _) => Then::Later,
        (_, _) => Then::Again,
    }
}

#[cfg(test)]
mod tests {
    use clodex_core::Verdict;

    use super::*;
    use crate::facts::tests::well;

    #[test]
    fn gates_tell_their_evidence_or_the_first_that_is_missing() {
        let gates = [Gate::Clean, Gate::Verified];
        assert_eq!(
            judged(&well(), &gates),
            Ok("nothing was changed out of scope; clodex's own checks passed".to_owned())
        );
        let unchecked = Facts { checks: crate::facts::Checks::None, ..well() };
        let told = judged(&unchecked, &gates).unwrap_err();
        assert_eq!(told, "gate verified did not let it pass: clodex ran no check");
        let violating = Facts { verdict: Some(Verdict::Violation), violations: vec!["x".into()], ..well() };
        assert!(judged(&violating, &[]).unwrap_err().contains("out of its scope: x"));
    }

    #[test]
    fn what_a_dispatcher_without_a_run_says_is_the_reason() {
        let gone = |said: &str, exit: ExitKind| Gone {
            step: 0,
            run: None,
            said: said.to_owned(),
            exit: Some(exit),
            whose: Whose::Ours,
        };
        let facts = refused(
            &gone(r#"{"exit_code":2,"error":"no such packet","hint":"write it"}"#, ExitKind::Exit(2)),
            String::new,
        );
        assert_eq!((facts.exit_code, facts.summary.as_str()), (2, "no such packet; hint: write it"));
        let facts = refused(
            &gone(r#"{"exit_code":7,"error":"in the way","hint":"--force"}"#, ExitKind::Exit(7)),
            String::new,
        );
        assert_eq!((facts.exit_code, facts.summary.as_str()), (7, "in the way"));
        let facts = refused(&gone("", ExitKind::Signal(9)), || "out of memory".to_owned());
        assert_eq!(
            (facts.exit_code, facts.summary.as_str(), again(&facts)),
            (137, "out of memory", Again::MayHelp)
        );
        assert_eq!(again(&Facts::without_run(6, "")), Again::CannotHelp);
    }
}
