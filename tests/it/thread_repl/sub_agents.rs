//! Sub-agents of a talk: what they ask, and what ends them.

use std::fs;

use clodex_sim::app_server::AppServer as Scripted;
use clodex_tests::{Key, LIMIT, Running, Sandbox, Terminal, eventually, leftovers};
use serde_json::json;

use super::{Typing as _, repl, stage, talk};
use crate::stage::Stage;
use crate::thread::sub_agents::{asks_for_command, begins, heard, turn};
use crate::thread::{AppServer, answer, process, scripted};

/// The command runs.
fn is_asleep(stage: &Stage, command: &str) {
    process(&stage.sandbox, |runs| runs.starts_with(command));
}

fn nobody_sleeps(stage: &Stage) {
    let sleeps = || leftovers(stage.sandbox.marker()).iter().any(|left| left.command.starts_with("sleep "));
    eventually(LIMIT, || (!sleeps()).then_some(()));
}

#[test]
fn ctrl_c_ends_what_sub_agents_run_too_before_it_says_so() {
    let Some(stage) = stage() else { return };
    let server = AppServer::at_a_socket(&stage.sandbox);
    let terminal = talk(&stage, &["--uri", &server.uri]);
    terminal.send("delegate and sleep");
    is_asleep(&stage, "sleep 300");
    is_asleep(&stage, "sleep 299");
    terminal.press(Key::Ctrl('c'));
    terminal.answers(&["  interrupted ("]);
    nobody_sleeps(&stage);
    terminal.send("still there?");
    terminal.answers(&["You said: still there?"]);
}

#[test]
fn ctrl_c_ends_sub_agents_of_an_idle_thread_and_only_a_second_one_leaves() {
    let Some(stage) = stage() else { return };
    let server = AppServer::at_a_socket(&stage.sandbox);
    let terminal = talk(&stage, &["--uri", &server.uri]);
    let delegates = || {
        terminal.send("delegate");
        is_asleep(&stage, "sleep 300");
        fs::write(stage.sandbox.repo().join("go"), "").unwrap();
        terminal.answers(&["delegated", "sub-agents of it still work: Ctrl-C ends them"]);
        fs::remove_file(stage.sandbox.repo().join("go")).unwrap();
    };
    delegates();
    terminal.send("/interrupt");
    terminal.answers(&["what its sub-agents did is ended"]);
    nobody_sleeps(&stage);
    terminal.press(Key::Ctrl('l'));
    terminal.until("an empty screen", |screen| screen.trim() == ">");
    delegates();
    terminal.press(Key::Ctrl('c'));
    terminal.answers(&["what its sub-agents did is ended"]);
    nobody_sleeps(&stage);
    terminal.send("still there?");
    terminal.answers(&["You said: still there?"]);
    terminal.press(Key::Ctrl('c'));
    terminal.answers(&["Ctrl-C again, or Ctrl-D, leaves"]);
    terminal.press(Key::Ctrl('c'));
    terminal.ended();
}

#[test]
fn what_a_sub_agent_asks_waits_for_its_answer_when_the_turn_is_over() {
    let Some(stage) = stage() else { return };
    let terminal = talk(&stage, &[]);
    terminal.send("delegate a question");
    terminal.shows(&["  echo out > ../outside.txt", "[c]ancel the turn"]);
    fs::write(stage.sandbox.repo().join("go"), "").unwrap();
    terminal.until("the turn's end", |screen| {
        screen.contains("delegated") && screen.contains("  done (") && screen.trim_end().ends_with('?')
    });
    terminal.send("y");
    terminal.answers(&["  accepted"]);
    eventually(LIMIT, || stage.sandbox.root().join("outside.txt").exists().then_some(()));
}

/// The server's turns end at once and leave a sub-agent that asks this.
fn asking(acts: &[serde_json::Value]) -> Scripted {
    let end = [json!({ "message": "that is all" }), json!({ "end": "completed" })];
    scripted(
        json!([{ "turn/start": turn(&[&begins("$thread", "sub"), acts, &end]), "turn/start 2": ["well"], "reply": [] }]),
    )
}

#[test]
fn a_turns_end_takes_its_own_questions_with_it_and_none_is_left_without_an_answer() {
    let sandbox = Sandbox::new();
    let server = asking(&[
        asks_for_command(6, "$thread", "$turn", "rm own"),
        asks_for_command(7, "sub", "turn-of-sub", "rm first"),
        asks_for_command(8, "sub", "turn-of-sub", "rm second"),
        asks_for_command(9, "sub", "turn-of-sub", "rm third"),
    ]);
    let terminal = Terminal::start(&sandbox, &repl(&sandbox, &["--uri", server.address()]));
    terminal.answers(&["  thread "]);
    terminal.send("go");
    terminal.shows(&["rm own", "already settled", "rm first"]);
    let decline = json!({ "decision": "decline" });
    eventually(LIMIT, || (answer(&server, 6)? == decline).then_some(()));
    terminal.send("y");
    terminal.shows(&["  accepted", "rm second"]);
    eventually(LIMIT, || (answer(&server, 7)? == json!({ "decision": "accept" })).then_some(()));
    // Nobody will be asked for this thread any more.
    terminal.send("/new");
    terminal.answers(&["declined: command: `rm second`", "declined: command: `rm third`"]);
    for id in [8, 9] {
        eventually(LIMIT, || (answer(&server, id)? == decline).then_some(()));
    }
}

#[test]
fn a_scripts_next_line_answers_what_a_sub_agent_asks() {
    let sandbox = Sandbox::new();
    for (lines, decision, said) in [
        ("hello\ny\nnext\n", "accept", "that is all\nAll done.\n"),
        ("hello\nnext\n", "decline", "that is all\nAll done.\n"),
        ("hello\n", "decline", "that is all\n"),
    ] {
        let server = asking(&[asks_for_command(7, "sub", "turn-of-sub", "make")]);
        let flags = ["--uri", server.address(), "--interactive-approvals"];
        let output = Running::start(repl(&sandbox, &flags), lines.as_bytes()).finish(LIMIT);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), said, "{lines}");
        assert_eq!(answer(&server, 7), Some(json!({ "decision": decision })), "{lines}");
    }
}

#[test]
fn a_script_goes_on_when_its_sub_agents_have_ended() {
    let sandbox = Sandbox::new();
    let server = asking(&[]);
    let lines = b"hello\n/model waits-for-the-turns-end\n/interrupt\nafter\n";
    let output = Running::start(repl(&sandbox, &["--uri", server.address()]), lines).finish(LIMIT);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("what its sub-agents did is ended"), "{told}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "that is all\nAll done.\n");
    let asked: Vec<String> = heard(&server).into_iter().map(|(method, _)| method).collect();
    let last = |method: &str| asked.iter().rposition(|asked| asked == method).unwrap();
    assert!(last("turn/interrupt") < last("thread/backgroundTerminals/clean"), "{asked:?}");
    assert!(last("thread/backgroundTerminals/clean") < last("turn/start"), "{asked:?}");
}

#[test]
fn a_sub_agent_that_does_not_end_is_told_of_and_the_talk_goes_on() {
    let sandbox = Sandbox::new();
    let begun = turn(&[&begins("$thread", "sub"), &[json!({ "end": "completed" })]]);
    let server = scripted(json!([{ "turn/start": begun, "turn/start 2": ["well"], "turn/interrupt": [] }]));
    let lines = b"hello\n/model waits-for-the-turns-end\n/interrupt\nafter\n";
    let output = Running::start(repl(&sandbox, &["--uri", server.address()]), lines).finish(LIMIT);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("codex did not end what sub-agents run in 5 s"), "{told}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "All done.\n");
}
