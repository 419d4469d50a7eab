//! How one goes on with a flow that nobody carries out any more: what is to be seen to first, and with which command then.
//! Pure.

use clodex_core::{ExitCode, RunId, Verdict};

use crate::end_reason::EndReason;
use crate::facts::Facts;
use crate::flow::OnFailure;
use crate::flow_state::{FlowState, NotLanded, StepState};
use crate::schedule::Stand;

/// So many steps that failed are told of.
const STEPS_TOLD: usize = 4;

/// Whether there is anything to do for who says `continue` and brings no answer.
pub fn would_continue(flow_state: &FlowState, again: bool) -> bool {
    let is_cut_off = match flow_state.end {
        None => return true,
        Some((EndReason::Cancelled | EndReason::OutOfTime | EndReason::OutOfTokens, _)) => true,
        Some((EndReason::Done | EndReason::Failed | EndReason::Waiting, _)) => false,
    };
    if !any(flow_state, Stand::Failed) {
        return is_cut_off || any(flow_state, Stand::Cancelled);
    }
    again || !is_stopped(flow_state) && flow_state.steps.keys().any(|id| can_be_taken_up(flow_state, id))
}

/// Whether a step is not through, and neither behind one that failed nor behind a question.
fn can_be_taken_up(flow_state: &FlowState, id: &str) -> bool {
    let is_open = flow_state.step(id).is_some_and(|known| match known.stand {
        Stand::Waiting | Stand::Running | Stand::ToLand | Stand::Landing | Stand::Cancelled => true,
        Stand::Asking | Stand::Passed | Stand::Skipped | Stand::Failed => false,
    });
    is_open && !flow_state.waits_behind(id, &[Stand::Failed, Stand::Asking])
}

/// Steps whose questions wait.
pub fn waiting(flow_state: &FlowState) -> impl Iterator<Item = &str> {
    let ids = flow_state.begun.steps.iter().map(String::as_str);
    ids.filter(|id| flow_state.step(id).is_some_and(|known| known.stand == Stand::Asking))
}

/// What to do now, a line each.
pub fn next_actions(flow_state: &FlowState) -> Vec<String> {
    let failed = flow_state.begun.steps.iter().filter_map(|id| Some((id, flow_state.step(id)?)));
    let failed = failed.filter(|(_, known)| known.stand == Stand::Failed);
    let first =
        failed.filter_map(|(id, known)| Some(format!("first, {id}: {}", see_to(flow_state, id, known)?)));
    first.take(STEPS_TOLD).chain(commands(flow_state)).collect()
}

/// What of a step that failed is not mended by beginning it again.
fn see_to(flow_state: &FlowState, id: &str, known: &StepState) -> Option<String> {
    if let Some(not_landed) = &known.not_landed {
        return Some(land(flow_state, id, known, not_landed));
    }
    let facts = known.facts.as_ref()?;
    match (facts.verdict, ExitCode::of(facts.exit_code)) {
        (Some(Verdict::Violation), _) => violation(facts),
        (Some(Verdict::Unknown), _) => Some("inspect your tree: what it changed is unknown".to_owned()),
        (Some(Verdict::Clean | Verdict::Refused) | None, Some(ExitCode::Refused)) => {
            Some(refused(facts, known.interrupted.last()))
        }
        (Some(Verdict::Clean | Verdict::Refused) | None, _) => None,
    }
}

/// How what could not land does, or the flow goes on without it.
fn land(flow_state: &FlowState, id: &str, known: &StepState, not_landed: &NotLanded) -> String {
    let flow = &flow_state.begun.flow;
    let others = flow_state.steps.values().filter(|other| *other != known);
    let in_place = |other: &StepState| {
        let changed = other.facts.as_ref().filter(|facts| !facts.isolated).map(|facts| facts.changed.clone());
        [other.landed.clone(), changed.unwrap_or_default()].concat()
    };
    let mut in_place = others.flat_map(in_place);
    let first = if not_landed.in_the_way.is_empty() {
        "see to what is told above; it then lands without running again"
    } else if in_place.any(|path| not_landed.is_met_at(&path)) {
        "commit what other steps have changed there; it then lands without running again"
    } else {
        "remove what is in its way; it then lands without running again"
    };
    let run = known.run.as_ref().map(RunId::as_str).unwrap_or_default();
    format!(
        "{first}. Or put its changes into your tree yourself, commit them, and add --landed {id}; or let it run again: \
         `clodex-apply --discard {run}`, then clodex-flow continue {flow} --again"
    )
}

fn violation(facts: &Facts) -> Option<String> {
    let run = facts.run.as_ref()?;
    Some(if facts.isolated {
        "nothing of it is in your tree; landing its work lands only what is in scope".to_owned()
    } else if facts.put_back {
        "what it changed out of its scope was put back; widen the scope if it was wanted".to_owned()
    } else {
        format!("look at what it changed out of its scope; `clodex-scope restore {run}` puts that back")
    })
}

fn refused(facts: &Facts, died: Option<&RunId>) -> String {
    match (&facts.run, died) {
        (Some(_), Some(died)) => {
            format!(
                "the changes there may be those of its run {died}, which died; inspect them, then commit, stash or undo them"
            )
        }
        (Some(_), None) => {
            "see to what refused it; changes in its scope: commit, stash or undo them".to_owned()
        }
        (None, _) => "wait for the run that is in its way, or end that with `clodex-cancel`".to_owned(),
    }
}

fn commands(flow_state: &FlowState) -> Vec<String> {
    let id = &flow_state.begun.flow;
    let asking: Vec<&str> = waiting(flow_state).collect();
    let answer = match asking[..] {
        [] => String::new(),
        [_] => " --input FILE".to_owned(),
        [first, ..] => format!(" --step {first} --input FILE"),
    };
    let (limit, used) = limit(flow_state);
    let goes_on = would_continue(flow_state, false) || !asking.is_empty() && !is_stopped(flow_state);
    let mut ways = Vec::new();
    if goes_on {
        ways.push(format!("continue with: clodex-flow continue {id}{limit}{answer}{used}"));
    }
    if any(flow_state, Stand::Failed) {
        let (too, used) = if goes_on { (", too", "") } else { ("", used.as_str()) };
        ways.push(format!("begin again what failed{too}: clodex-flow continue {id} --again{limit}{used}"));
        if !goes_on && !answer.is_empty() {
            ways.push(format!("answer in the same way: add{answer}"));
        }
    }
    ways
}

/// What moves the limit that was reached, and how much is used of it.
fn limit(flow_state: &FlowState) -> (&'static str, String) {
    match flow_state.end {
        Some((EndReason::OutOfTime, _)) => {
            let seconds = flow_state.used.as_secs();
            (" --timeout-sec SEC", format!(" (of all its processes together; {seconds} s are used)"))
        }
        Some((EndReason::OutOfTokens, _)) => {
            (" --tokens COUNT", format!(" (of all its runs together; {} are used)", flow_state.tokens))
        }
        Some((EndReason::Done | EndReason::Waiting | EndReason::Failed | EndReason::Cancelled, _)) | None => {
            ("", String::new())
        }
    }
}

/// What failed keeps everything else from being begun.
fn is_stopped(flow_state: &FlowState) -> bool {
    flow_state.begun.on_failure == OnFailure::Stop && any(flow_state, Stand::Failed)
}

fn any(flow_state: &FlowState, wanted: Stand) -> bool {
    flow_state.steps.values().any(|known| known.stand == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::tests::well;
    use crate::flow_state::tests::{begun, chain, line};
    use crate::journal::{Entry, Line, Then};

    fn finished(end: EndReason) -> Line {
        line(Entry::Finished { end, exit_code: 1 })
    }

    fn asked(step: &str) -> Line {
        line(Entry::Asked { step: step.into() })
    }

    fn ended(step: &str, facts: Facts, then: Then) -> Line {
        let (facts, why) = (Box::new(facts), String::new());
        line(Entry::Ended { step: step.into(), facts, then, why, answer: String::new() })
    }

    fn ways(lines: &[Line]) -> Vec<String> {
        ways_of(begun(&["a", "q", "r"]), lines)
    }

    fn ways_of(begun: Line, lines: &[Line]) -> Vec<String> {
        let flow_state = FlowState::of(&[&[begun], lines].concat()).unwrap();
        let id = flow_state.begun.flow.clone();
        let run = well().run.unwrap().to_string();
        next_actions(&flow_state).iter().map(|way| way.replace(&id, "ID").replace(&run, "RUN")).collect()
    }

    #[test]
    fn each_end_has_its_way_on() {
        let failed = || ended("a", well(), Then::Failed);
        let cancelled = || ended("a", Facts { exit_code: 130, ..well() }, Then::Cancelled);
        for (lines, wanted) in [
            (vec![], vec!["continue with: clodex-flow continue ID"]),
            (vec![finished(EndReason::Done)], vec![]),
            (
                vec![cancelled(), finished(EndReason::Cancelled)],
                vec!["continue with: clodex-flow continue ID"],
            ),
            // Only its own runs were cancelled, one by one.
            (vec![cancelled(), finished(EndReason::Failed)], vec!["continue with: clodex-flow continue ID"]),
            (
                vec![cancelled(), finished(EndReason::OutOfTokens)],
                vec![
                    "continue with: clodex-flow continue ID --tokens COUNT (of all its runs together; 100 are used)",
                ],
            ),
            (
                vec![failed(), finished(EndReason::Failed)],
                vec!["begin again what failed: clodex-flow continue ID --again"],
            ),
            (
                vec![asked("q"), finished(EndReason::Waiting)],
                vec!["continue with: clodex-flow continue ID --input FILE"],
            ),
            (
                vec![asked("q"), asked("r"), finished(EndReason::Waiting)],
                vec!["continue with: clodex-flow continue ID --step q --input FILE"],
            ),
            (
                vec![asked("q"), failed(), finished(EndReason::Failed)],
                vec![
                    "begin again what failed: clodex-flow continue ID --again",
                    "answer in the same way: add --input FILE",
                ],
            ),
        ] {
            assert_eq!(ways(&lines), wanted, "{lines:?}");
        }
    }

    #[test]
    fn beside_a_step_that_failed_only_what_helps_is_told() {
        let failed = || ended("a", well(), Then::Failed);
        let cancelled = |step: &str| ended(step, Facts { exit_code: 130, ..well() }, Then::Cancelled);
        let used = " (of all its processes together; 0 s are used)";
        let (goes_on, again) = (
            "continue with: clodex-flow continue ID --timeout-sec SEC",
            "clodex-flow continue ID --again --timeout-sec SEC",
        );
        let both = vec![format!("{goes_on}{used}"), format!("begin again what failed, too: {again}")];
        let only = vec![format!("begin again what failed: {again}{used}")];
        let late = |more: Vec<Line>| [vec![failed()], more, vec![finished(EndReason::OutOfTime)]].concat();
        for (on_failure, pairs, lines, wanted) in [
            // What failed keeps the others from being begun.
            (OnFailure::Stop, vec![], late(vec![cancelled("q")]), &only),
            (OnFailure::Finish, vec![], late(vec![cancelled("q")]), &both),
            (OnFailure::Finish, vec![], late(vec![]), &both),
            // All that is left comes after what failed.
            (OnFailure::Finish, vec![("a", "q"), ("q", "r")], late(vec![]), &only),
            (OnFailure::Finish, vec![("a", "q")], late(vec![]), &both),
        ] {
            let begun = chain(&["a", "q", "r"], &pairs, on_failure);
            assert_eq!(&ways_of(begun, &lines), wanted, "{on_failure:?} {pairs:?}");
        }
        let waits = [asked("q"), failed(), finished(EndReason::Waiting)];
        assert_eq!(
            ways_of(chain(&["a", "q", "r"], &[("q", "r")], OnFailure::Finish), &waits),
            [
                "continue with: clodex-flow continue ID --input FILE",
                "begin again what failed, too: clodex-flow continue ID --again",
            ]
        );
    }

    #[test]
    fn what_beginning_again_does_not_mend_is_told_first() {
        let violation = || Facts { verdict: Some(Verdict::Violation), exit_code: 6, ..well() };
        let refused = || Facts { verdict: None, exit_code: 7, ..well() };
        let first = |lines: &[Line]| ways(&[lines, &[finished(EndReason::Failed)]].concat()).remove(0);
        let failed = |facts: Facts| first(&[ended("a", facts, Then::Failed)]);
        assert!(failed(violation()).contains("`clodex-scope restore RUN` puts that back"));
        assert!(failed(Facts { isolated: true, ..violation() }).contains("nothing of it is in your tree"));
        assert!(failed(Facts { put_back: true, ..violation() }).contains("was put back"));
        assert!(failed(refused()).contains("commit, stash or undo"));
        assert!(failed(Facts { run: None, ..refused() }).contains("wait for the run"));
        let (step, run, why) = ("a".to_owned(), well().run.unwrap(), String::new());
        let died = line(Entry::Interrupted { step, run, why, worked: true, tokens: 0 });
        let left = first(&[died, ended("a", refused(), Then::Failed)]);
        assert_eq!(
            left,
            "first, a: the changes there may be those of its run RUN, which died; inspect them, then commit, stash or undo them"
        );
        let (step, why) = ("a".to_owned(), String::new());
        let not_landed = line(Entry::NotLanded { step, why, in_the_way: vec![] });
        let told = first(&[ended("a", well(), Then::ToLand), not_landed]);
        assert!(told.contains("see to what is told above; it then lands without running"), "{told}");
        let not_landed = |path: &str| {
            let (step, why) = ("a".to_owned(), String::new());
            line(Entry::NotLanded { step, why, in_the_way: vec![format!("{path}: it is edited")] })
        };
        let (a, q) = (ended("a", well(), Then::ToLand), ended("q", well(), Then::Passed));
        let told = first(&[a.clone(), q.clone(), not_landed("src/a.rs")]);
        assert!(told.contains("commit what other steps have changed there"), "{told}");
        let told = first(&[a, q, not_landed("src/a")]);
        assert!(told.contains("remove what is in its way"), "{told}");
    }

    #[test]
    fn there_is_something_to_do_where_a_step_can_be_taken_up() {
        let flow_state = |then: Then, end: EndReason| {
            FlowState::of(&[begun(&["a"]), ended("a", well(), then), finished(end)]).unwrap()
        };
        for (then, end, wanted) in [
            (Then::Passed, EndReason::Done, [false, false]),
            (Then::Failed, EndReason::Failed, [false, true]),
            (Then::Failed, EndReason::Waiting, [false, true]),
            (Then::Passed, EndReason::Waiting, [false, false]),
            (Then::Cancelled, EndReason::Failed, [true, true]),
            (Then::Passed, EndReason::Cancelled, [true, true]),
            (Then::Failed, EndReason::Cancelled, [false, true]),
        ] {
            let flow_state = flow_state(then, end);
            assert_eq!(
                [false, true].map(|again| would_continue(&flow_state, again)),
                wanted,
                "{then:?} {end:?}"
            );
        }
    }
}
