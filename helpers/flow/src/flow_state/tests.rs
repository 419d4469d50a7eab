//! What lines of a journal come to.

use clodex_core::ProcessMark;

use super::Stand::{Asking, Failed, Passed, Running, ToLand, Waiting};
use super::*;
use crate::facts::tests::well;
use crate::flow::OnFailure;

pub(crate) fn line(entry: Entry) -> Line {
    Line { at: "2026-01-21T01:02:03.000Z".to_owned(), entry }
}

pub(crate) fn begun(steps: &[&str]) -> Line {
    chain(steps, &[], OnFailure::Stop)
}

/// The beginning of a flow in which the second of each pair needs the first.
pub(crate) fn chain(steps: &[&str], pairs: &[(&str, &str)], on_failure: OnFailure) -> Line {
    let mut needs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (need, step) in pairs {
        needs.entry((*step).to_owned()).or_default().push((*need).to_owned());
    }
    line(Entry::Begun(Begun {
        version: 1,
        flow: "20260121T010203Z-split-x-aaaa".into(),
        name: "split".into(),
        title: "x".into(),
        workdir: "/w".into(),
        process: ProcessMark { pid: 1, start_ticks: 1 },
        session: None,
        steps: steps.iter().map(|step| (*step).to_owned()).collect(),
        needs,
        on_failure,
    }))
}

pub(crate) fn ended(step: &str, then: Then) -> Line {
    let (facts, why) = (Box::new(well()), "why".to_owned());
    line(Entry::Ended { step: step.into(), facts, then, why, answer: String::new() })
}

pub(crate) fn run(step: &str) -> Line {
    line(Entry::Run { step: step.into(), run: well().run.unwrap() })
}

fn stands(lines: &[Line]) -> Vec<Stand> {
    FlowState::of(lines).unwrap().steps.values().map(|step| step.stand).collect()
}

#[test]
fn every_prefix_of_a_journal_is_a_state() {
    let lines = [
        begun(&["a", "b"]),
        run("a"),
        ended("a", Then::Again),
        run("a"),
        ended("a", Then::ToLand),
        line(Entry::Landed { step: "a".into(), changed: vec!["x".into()] }),
        line(Entry::Asked { step: "b".into() }),
        line(Entry::Finished { end: EndReason::Waiting, exit_code: 8 }),
        line(Entry::Answered { step: "b".into(), answer: "00".into() }),
    ];
    let wanted = [Waiting, Running, Waiting, Running, ToLand, Passed, Passed, Passed, Passed];
    let second = [Waiting, Waiting, Waiting, Waiting, Waiting, Waiting, Asking, Asking, Passed];
    for upto in 1..=lines.len() {
        assert_eq!(stands(&lines[..upto]), [wanted[upto - 1], second[upto - 1]], "{upto} lines");
    }
    let flow_state = FlowState::of(&lines).unwrap();
    assert_eq!(
        (flow_state.tokens, flow_state.steps["a"].retried, flow_state.ended),
        (200, 1, vec!["a".into(), "b".into()])
    );
    assert_eq!(FlowState::of(&lines[1..]), None);
}

#[test]
fn who_goes_on_does_what_was_cancelled_and_nothing_that_failed() {
    let lines = [
        begun(&["a", "b"]),
        ended("a", Then::Cancelled),
        ended("b", Then::Failed),
        line(Entry::Finished { end: EndReason::Cancelled, exit_code: 130 }),
        goes_on(false),
    ];
    assert_eq!(stands(&lines), [Waiting, Failed]);
    let flow_state = FlowState::of(&lines).unwrap();
    assert_eq!((flow_state.end, flow_state.ended), (None, vec!["b".to_owned()]));
}

fn goes_on(again: bool) -> Line {
    line(Entry::Continued { process: ProcessMark { pid: 2, start_ticks: 2 }, again })
}

#[test]
fn who_goes_on_again_does_what_failed_and_only_lands_what_could_not_land() {
    let not_landed = Entry::NotLanded { step: "b".into(), why: "no".into(), in_the_way: vec!["x".into()] };
    let lines = [
        begun(&["a", "b"]),
        ended("a", Then::Again),
        ended("a", Then::Failed),
        ended("b", Then::ToLand),
        line(not_landed),
        goes_on(true),
    ];
    assert_eq!(stands(&lines[..5]), [Failed, Failed]);
    assert_eq!(stands(&lines), [Waiting, ToLand]);
    let flow_state = FlowState::of(&lines).unwrap();
    assert_eq!((flow_state.steps["a"].retried, flow_state.ended), (0, vec!["b".to_owned()]));
    assert!(flow_state.steps["b"].in_the_way().is_empty());
}

#[test]
fn an_interruption_is_no_try() {
    let run_id = well().run.unwrap();
    let (step, why) = ("a".to_owned(), "died".to_owned());
    let interrupted = Entry::Interrupted { step, run: run_id.clone(), why, worked: true, tokens: 70 };
    let flow_state = FlowState::of(&[begun(&["a"]), run("a"), line(interrupted)]).unwrap();
    let step = &flow_state.steps["a"];
    assert_eq!((step.stand, step.retried, step.interrupted.as_slice()), (Waiting, 0, &[run_id][..]));
    assert_eq!(flow_state.tokens, 70, "what it took was taken");
}

#[test]
fn time_is_that_of_all_processes_and_not_that_between_them() {
    let at = |second: u32, entry: Entry| Line { at: format!("2026-01-21T01:02:{second:02}.500Z"), entry };
    let asked = || Entry::Asked { step: "a".into() };
    let process = ProcessMark { pid: 2, start_ticks: 2 };
    let waiting = Entry::Finished { end: EndReason::Waiting, exit_code: 8 };
    let lines = [
        Line { at: "2026-01-21T01:02:00.500Z".into(), ..begun(&["a"]) },
        at(3, asked()),
        // Killed; the next one asks once more.
        at(10, Entry::Continued { process, again: false }),
        at(11, waiting),
        // Waited for.
        at(30, Entry::Answered { step: "a".into(), answer: "00".into() }),
        at(31, Entry::Continued { process, again: false }),
        at(29, asked()),
        at(33, asked()),
        at(50, Entry::TakenOver { process }),
        at(51, Entry::Finished { end: EndReason::Cancelled, exit_code: 130 }),
    ];
    let used = |upto: usize| FlowState::of(&lines[..upto]).unwrap().used.as_secs();
    let seconds: Vec<u64> = (1..=lines.len()).map(used).collect();
    assert_eq!(seconds, [0, 3, 3, 4, 4, 4, 4, 8, 8, 9]);
}
