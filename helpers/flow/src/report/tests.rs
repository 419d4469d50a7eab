//! A whole report, and what keeps it short.

use super::*;
use crate::end_reason::EndReason;
use crate::facts::tests::well;
use crate::flow_state::tests::{begun, ended, line, run};
use crate::journal::{Entry, Then};

fn told(lines: &[crate::journal::Line], answer: Option<(&str, &str)>) -> String {
    let flow_state = FlowState::of(lines).unwrap();
    text(&Report::of(&flow_state, "/state/flows/f", false, Vec::new()), &flow_state, "Which one?", answer)
}

#[test]
fn steps_are_told_in_the_order_in_which_they_ended() {
    let lines = [
        begun(&["a", "b", "c"]),
        ended("b", Then::Passed),
        ended("a", Then::Failed),
        line(Entry::Finished { end: EndReason::Failed, exit_code: 8 }),
    ];
    assert_eq!(
        told(&lines, Some(("b", "the answer\n"))),
        "# split x: failed\n\nflow 20260121T010203Z-split-x-aaaa · 200 tokens · 0 s\n\n\
         - **b**: passed · scope clean · says CLEAN · changed src/a.rs, src/deep/b.rs · run 20260121T010203Z-worker-x-aaaa\n  summary: did it\n  why\n\
         - **a**: failed · scope clean · says CLEAN · changed src/a.rs, src/deep/b.rs · run 20260121T010203Z-worker-x-aaaa\n  summary: did it\n  why\n\
         - **c**: not begun\n\n## b says (its claim, not checked)\n\n> the answer\n\nbegin again what failed: clodex-flow continue 20260121T010203Z-split-x-aaaa --again\n"
    );
}

#[test]
fn a_question_is_told_with_the_way_on() {
    let lines = [begun(&["a"]), line(Entry::Asked { step: "a".into() })];
    let told = told(&lines, None);
    assert!(told.ends_with(
        "## a waits for an answer\n\n> Which one?\n\ncontinue with: clodex-flow continue 20260121T010203Z-split-x-aaaa --input FILE\n"
    ), "{told}");
}

#[test]
fn the_report_is_bounded_whatever_there_is_to_tell() {
    let ids: Vec<String> = (0..100).map(|number| format!("step-{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut lines = vec![begun(&ids)];
    let Entry::Begun(begun) = &mut lines[0].entry else { unreachable!() };
    begun.title = "Where does it go? It must not go anywhere.\n".repeat(400);
    let facts = Facts { changed: vec!["é/".repeat(200); 50], ..well() };
    for step in &ids {
        lines.push(line(Entry::Ended {
            step: (*step).to_owned(),
            facts: Box::new(facts.clone()),
            then: Then::Passed,
            why: "ü".repeat(10_000),
            answer: String::new(),
        }));
    }
    lines.push(line(Entry::Asked { step: "step-3".into() }));
    let flow_state = FlowState::of(&lines).unwrap();
    let worktree = format!("/state/{}", "w".repeat(500));
    let left = LeftoverWork { run: well().run.unwrap(), worktree, can_land: true };
    let report = Report::of(&flow_state, "/state/flows/f", false, vec![left; 9]);
    let text = text(&report, &flow_state, &"ä".repeat(50_000), Some(("step-99", &"ö".repeat(100_000))));
    assert!(text.len() <= REPORT_MAX_BYTES, "{}", text.len());
    assert!(text.contains("more: `clodex-flow status") && text.contains("continue with:"), "{text}");
    assert!(text.ends_with("and 5 more runs left work in worktrees: `clodex-status` names them\n"), "{text}");
    assert!(text.starts_with("# split Where does it go? It must not go anywhere.: interrupted\n"), "{text}");
    assert!(text.contains("**step-0**") && text.contains("## step-3 waits"), "{text}");
}

#[test]
fn a_title_is_one_line_that_is_not_wide() {
    let mut lines = [begun(&["a"])];
    let mut title = |title: &str| {
        let Entry::Begun(begun) = &mut lines[0].entry else { unreachable!() };
        title.clone_into(&mut begun.title);
        FlowState::of(&lines).unwrap().title()
    };
    assert_eq!(title("\n  Where?  \nBeware.\n"), "Where?");
    assert_eq!((title(""), title("a\tb")), (String::new(), "a b".to_owned()));
    assert_eq!(clodex_core::text_width(&title(&"语".repeat(100))), 79);
}

#[test]
fn what_is_said_twice_is_told_once() {
    let refused = Facts::without_run(7, "run x works here");
    let why = refused.shortfall().unwrap();
    let lines = [
        begun(&["a"]),
        line(Entry::Ended {
            step: "a".into(),
            facts: Box::new(refused),
            then: Then::Failed,
            why,
            answer: String::new(),
        }),
    ];
    assert_eq!(told(&lines, None).matches("run x works here").count(), 1);
}

#[test]
fn a_flow_that_nobody_carries_out_says_how_to_go_on_and_calls_nothing_running() {
    let lines = [begun(&["a", "b"]), run("a")];
    let told = told(&lines, None);
    assert!(told.contains("- **a**: not judged yet · run 20260121T010203Z-worker-x-aaaa\n"), "{told}");
    assert!(
        told.ends_with("\ncontinue with: clodex-flow continue 20260121T010203Z-split-x-aaaa\n"),
        "{told}"
    );
    let flow_state = FlowState::of(&lines).unwrap();
    let live = text(&Report::of(&flow_state, "/f", true, Vec::new()), &flow_state, "", None);
    assert!(live.contains("- **a**: running · run ") && !live.contains("continue with"), "{live}");
}

#[test]
fn a_step_that_began_anew_tells_nothing_of_the_run_before_but_its_violation() {
    let facts =
        Facts { verdict: Some(clodex_core::Verdict::Violation), violations: vec!["lib/x".into()], ..well() };
    let (step, why, answer) = ("a".to_owned(), "it changed lib/x".to_owned(), String::new());
    let violation = line(Entry::Ended { step, facts: Box::new(facts), then: Then::Failed, why, answer });
    let process = clodex_core::ProcessMark { pid: 2, start_ticks: 2 };
    let again = line(Entry::Continued { process, again: true });
    let before = "\n  before, and begun again all the same: run 20260121T010203Z-worker-x-aaaa: \
                  it changed what is out of its scope: lib/x\n";
    let lines = [begun(&["a"]), violation, again, ended("a", Then::Passed)];
    let anew = told(&lines[..3], None);
    assert!(anew.contains(&format!("- **a**: not begun{before}")), "{anew}");
    let passed = told(&lines, None);
    assert!(passed.contains("- **a**: passed · scope clean") && passed.contains(before), "{passed}");
}

#[test]
fn a_step_with_tries_left_is_to_be_tried_again_and_one_that_waits_for_its_turn_was_not_tried() {
    let again = told(&[begun(&["a"]), ended("a", Then::Again)], None);
    assert!(again.contains("- **a**: to be tried again · scope clean"), "{again}");
    let later = told(&[begun(&["a"]), ended("a", Then::Later)], None);
    assert!(later.contains("\n\nnot all at once: why\n\n- **a**: not begun\n\n"), "{later}");
}

#[test]
fn what_landed_after_all_is_told_without_what_was_in_its_way() {
    let (step, why, in_the_way) =
        ("a".to_owned(), "it did not land".to_owned(), vec!["x: edited".to_owned()]);
    let process = clodex_core::ProcessMark { pid: 2, start_ticks: 2 };
    let lines = [
        begun(&["a"]),
        ended("a", Then::ToLand),
        line(Entry::NotLanded { step, why, in_the_way }),
        line(Entry::Continued { process, again: true }),
        line(Entry::Landed { step: "a".into(), changed: vec!["x".into()] }),
    ];
    let not = told(&lines[..3], None);
    assert!(not.contains("\n  it did not land\n  in the way: x: edited\n"), "{not}");
    let landed = told(&lines, None);
    assert!(
        landed.contains("- **a**: passed") && landed.contains("landed x\n  summary: did it\n  why\n"),
        "{landed}"
    );
    assert!(!landed.contains("did not land") && !landed.contains("in the way"), "{landed}");
}
