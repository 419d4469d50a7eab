//! Rough treatment of a run's live control: many at once, too much, too late, not text, and a dispatcher that is killed
//! while a question is open. With the real Codex.

use std::process::Output;

use clodex_tests::{LIMIT, Packet, Running, Underway, eventually, run_with_timeout};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::live::hold_codex_back;
use crate::stage::{Stage, clean, helper, sh, step};

fn saying(stage: &Stage, words: &[&str]) -> std::process::Command {
    let mut control = stage.sandbox.command("clodex-control");
    control.arg("--as").args(words).args(["--wait", "60"]);
    control
}

fn outcome(output: Output) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = output;
    (status.code(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

fn said(stage: &Stage, words: &[&str], stdin: &[u8]) -> (Option<i32>, String) {
    outcome(Running::start(saying(stage, words), stdin).finish(LIMIT))
}

fn begin(stage: &Stage, name: &str, acts: &[Value], args: &[&str]) -> Underway {
    let steps: Vec<Value> =
        acts.iter().map(|act| step(std::slice::from_ref(act))).chain([step(&[clean()])]).collect();
    let packet = Packet::worker(&["src/"]).script(&json!(steps)).with(&format!("NAME: {name}"));
    let packet = stage.sandbox.packet(&packet);
    let first = ["--task", packet.to_str().unwrap(), "--backend", "app-server", "--allow-dirty-overlap"];
    Underway::start(stage.sandbox.dispatcher(&[&first, args].concat()))
}

/// A command that works until the test lets it go on.
fn until_let_go() -> Value {
    sh("echo begun > src/begun; while [ ! -e src/go ]; do sleep 0.05; done")
}

fn has_begun(stage: &Stage) {
    eventually(LIMIT, || stage.sandbox.repo().join("src/begun").exists().then_some(()));
}

fn let_go(stage: &Stage) {
    std::fs::write(stage.sandbox.repo().join("src/go"), "").unwrap();
}

fn escalated(command: &str) -> Value {
    let arguments =
        json!({ "cmd": command, "sandbox_permissions": "require_escalated", "justification": "so" });
    json!({ "tool": { "name": "exec_command", "arguments": arguments } })
}

fn questions(stage: &Stage, run: &Underway, number: usize) {
    let asks = |status: &Value| status["open_requests"].as_array().is_some_and(|open| open.len() == number);
    stage.sandbox.until_status(&run.id, asks);
}

/// Waits until so many messages lie in the run's inbox that nobody has taken up.
fn messages_are(stage: &Stage, run: &Underway, number: usize) {
    let inbox = stage.sandbox.state().join(format!("live/{}.inbox", run.id));
    eventually(LIMIT, || {
        let names = std::fs::read_dir(&inbox).ok()?.flatten().map(|entry| entry.file_name());
        let whole = names.filter(|name| {
            let name = name.to_string_lossy();
            !name.starts_with('.') && name.ends_with(".json")
        });
        (whole.count() == number).then_some(())
    });
}

/// Waits until something has become of every message in the run's inbox.
fn all_is_told(stage: &Stage, run: &Underway) {
    let inbox = stage.sandbox.state().join(format!("live/{}.inbox", run.id));
    eventually(LIMIT, || {
        let mut names = std::fs::read_dir(&inbox).ok()?.flatten().map(|entry| entry.file_name());
        let waits = |name: &str| matches!(name.rsplit_once('.'), Some((_, "json" | "taken")));
        (!names.any(|name| waits(&name.to_string_lossy()))).then_some(())
    });
}

#[test]
fn of_two_answers_at_once_one_counts_and_the_other_is_told_so() {
    let Some(stage) = Stage::real() else { return };
    let run = begin(&stage, "two", &[escalated("echo out > src/out.txt")], &[]);
    questions(&stage, &run, 1);
    run.signal(Signal::SIGSTOP);
    let first = Running::start(saying(&stage, &["clodex-answer", "two", "accept"]), b"");
    messages_are(&stage, &run, 1);
    let second = Running::start(saying(&stage, &["clodex-answer", "two", "decline"]), b"");
    messages_are(&stage, &run, 2);
    run.signal(Signal::SIGCONT);
    let (code, line) = outcome(first.finish(LIMIT));
    assert!(code == Some(0) && line.ends_with(": delivered\n"), "{line}");
    let (code, line) = outcome(second.finish(LIMIT));
    assert!(code == Some(7) && line.contains("question 1 is no longer open"), "{line}");
    run.finish();
    assert!(stage.sandbox.repo().join("src/out.txt").exists());
    stage.sandbox.assert_no_leftovers();
}

#[test]
fn an_answer_after_the_deadline_is_refused_and_changes_nothing() {
    let Some(stage) = Stage::real() else { return };
    let acts = [escalated("echo out > src/out.txt"), until_let_go()];
    let run = begin(&stage, "late", &acts, &["--answer-timeout", "1"]);
    has_begun(&stage);
    let (code, line) = said(&stage, &["clodex-answer", "late", "1", "accept"], b"");
    // The record may still be on its way.
    let is_told = line.contains("it asks nothing") || line.contains("question 1 is no longer open");
    assert!(matches!(code, Some(2 | 7)) && is_told, "{line}");
    let_go(&stage);
    run.finish().exits(0);
    assert!(!stage.sandbox.repo().join("src/out.txt").exists());
    stage.sandbox.assert_no_leftovers();
}

#[test]
fn a_flood_of_words_reaches_the_model_each_once() {
    let Some(stage) = Stage::real() else { return };
    let run = begin(&stage, "flood", &[until_let_go()], &[]);
    has_begun(&stage);
    run.signal(Signal::SIGSTOP);
    let word = |number: usize| format!("<word {number} of the flood>");
    let senders: Vec<Running> = (0..24)
        .map(|number| Running::start(saying(&stage, &["clodex-steer", "flood", &word(number)]), b""))
        .collect();
    messages_are(&stage, &run, senders.len());
    run.signal(Signal::SIGCONT);
    for sender in senders {
        let (code, line) = outcome(sender.finish(LIMIT));
        assert_eq!(code, Some(0), "{line}");
    }
    let_go(&stage);
    run.finish().exits(0);
    let asked = stage.asked();
    let last = String::from_utf8_lossy(&asked.last().unwrap().body).into_owned();
    for number in 0..24 {
        assert_eq!(last.matches(&word(number)).count(), 1, "{number}");
    }
    stage.sandbox.assert_no_leftovers();
}

#[test]
fn a_megabyte_is_said_whole_and_what_is_no_text_or_too_much_is_refused() {
    let Some(stage) = Stage::real() else { return };
    let run = begin(&stage, "much", &[until_let_go()], &[]);
    has_begun(&stage);
    let most = 1 << 20;
    let (begins, ends) = ("<begins>", "<ends>");
    let long = format!("{begins}{}{ends}", "x".repeat(most - begins.len() - ends.len()));
    let too_long = format!("{long}!");
    for (stdin, why) in [
        (too_long.as_bytes(), "cannot say more than 1048576 bytes at once"),
        (b"caf\xe9", "it is not valid UTF-8"),
        (b"", "nothing to say"),
        (b" \n", "nothing to say"),
    ] {
        let (code, line) = said(&stage, &["clodex-steer", "much", "-"], stdin);
        assert!(code == Some(2) && line.contains(why), "{line}");
    }
    let (code, line) = said(&stage, &["clodex-steer", "much", "-"], long.as_bytes());
    assert_eq!(code, Some(0), "{line}");
    let (code, line) = said(&stage, &["clodex-steer", "much", "-"], b"nul\0esc\x1bend");
    assert_eq!(code, Some(0), "{line}");
    let_go(&stage);
    run.finish().exits(0);
    let asked = stage.asked();
    let last = String::from_utf8_lossy(&asked.last().unwrap().body).into_owned();
    assert!(last.contains(&long) && last.contains(r"nul\u0000esc\u001bend"));
    stage.sandbox.assert_no_leftovers();
}

#[test]
fn more_than_a_turn_can_begin_with_is_said_all_the_same() {
    let Some(stage) = Stage::real() else { return };
    let held = hold_codex_back(&stage);
    // The second message may come when the model was asked already: then Codex asks anew, and that is the next step.
    let run = begin(&stage, "heaps", &[until_let_go(), until_let_go()], &[]);
    let long = |mark: &str| format!("<{mark}>{}</{mark}>", mark.repeat(525_000));
    for mark in ["a", "b"] {
        let (code, line) = said(&stage, &["clodex-steer", "heaps", "-"], long(mark).as_bytes());
        assert!(code == Some(0) && line.contains("queued: until its turn begins"), "{line}");
    }
    std::fs::write(held, "").unwrap();
    has_begun(&stage);
    all_is_told(&stage, &run);
    let_go(&stage);
    run.finish().exits(0);
    let asked = stage.asked();
    let last = String::from_utf8_lossy(&asked.last().unwrap().body).into_owned();
    assert!(last.contains(&long("a")) && last.contains(&long("b")), "{} bytes", last.len());
    stage.sandbox.assert_no_leftovers();
}

#[test]
fn a_dispatcher_that_dies_with_an_open_question_leaves_nothing_to_answer() {
    let Some(stage) = Stage::real() else { return };
    let run = begin(&stage, "dies", &[escalated("echo out > src/out.txt")], &[]);
    questions(&stage, &run, 1);
    run.signal(Signal::SIGSTOP);
    let waits = Running::start(saying(&stage, &["clodex-answer", "dies", "accept"]), b"");
    messages_are(&stage, &run, 1);
    run.signal(Signal::SIGKILL);
    let (code, line) = outcome(waits.finish(LIMIT));
    assert!(code == Some(1) && line.contains("not delivered, the run ended first"), "{line}");
    let (code, line) = said(&stage, &["clodex-answer", "dies", "accept"], b"");
    assert!(code == Some(2) && line.contains("its dispatcher died") && line.contains("hint: "), "{line}");
    let closed = run_with_timeout(stage.sandbox.cancel(&["dies"]), LIMIT);
    assert!(closed.status.success(), "{closed:?}");
    let shown = helper(&stage.sandbox, "clodex-status", &[&run.id]);
    assert!(!shown.contains("question 1"), "{shown}");
    assert!(!stage.sandbox.repo().join("src/out.txt").exists());
    drop(run);
    stage.sandbox.assert_no_leftovers();
}

#[test]
fn what_an_interrupt_came_before_begins_the_next_turn() {
    let Some(stage) = Stage::real() else { return };
    let run = begin(&stage, "stopped", &[until_let_go()], &[]);
    has_begun(&stage);
    assert_eq!(said(&stage, &["clodex-steer", "stopped", "keep the old route"], b"").0, Some(0));
    assert_eq!(said(&stage, &["clodex-interrupt", "stopped"], b"").0, Some(0));
    let script = json!([step(&[clean()])]);
    let went_on = said(&stage, &["clodex-steer", "stopped", &format!("go on @@{script}@@")], b"");
    assert!(went_on.1.ends_with(": delivered: it began a new turn\n"), "{went_on:?}");
    run.finish().exits(0);
    let asked = stage.asked();
    let last = String::from_utf8_lossy(&asked.last().unwrap().body);
    let [old, new] = ["keep the old route", "go on @@"].map(|words| last.find(words));
    assert!(old.is_some() && old < new, "{last}");
    assert_eq!(last.matches("keep the old route").count(), 1, "{last}");
    stage.sandbox.assert_no_leftovers();
}
