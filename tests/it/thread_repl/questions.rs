//! Questions that somebody else settles, that nobody can answer, and answers that come too late.

use clodex_sim::app_server::AppServer;
use clodex_tests::{Key, LIMIT, Running, Sandbox, Terminal};
use serde_json::{Value, json};

use super::{Typing as _, repl};
use crate::thread::scripted;

/// Asks whether this may be run.
fn asks(id: i64, command: &str) -> Value {
    let about = json!({ "threadId": "$thread", "turnId": "$turn", "itemId": "i", "command": command });
    json!({ "ask": [id, "item/commandExecution/requestApproval", about] })
}

/// Says that it needs no answer any more.
fn settled(id: i64) -> Value {
    json!({ "tell": ["serverRequest/resolved", { "threadId": "$thread", "requestId": id }] })
}

/// A server whose turns ask these, and end with the first answer.
fn asking(acts: &[Value]) -> AppServer {
    let acts: Vec<Value> = [json!("begin")].iter().chain(acts).cloned().collect();
    scripted(json!([{ "turn/start": acts, "reply": [{ "message": "I went on" }, { "end": "completed" }] }]))
}

fn has_heard(server: &AppServer, words: &str) -> bool {
    server.heard().iter().any(|(_, text)| text.contains(words))
}

#[test]
fn the_next_question_is_put_when_the_one_before_it_is_settled_elsewhere() {
    let sandbox = Sandbox::new();
    let server = asking(&[asks(7, "make"), asks(8, "rm -rf /second"), settled(7)]);
    let terminal = Terminal::start(&sandbox, &repl(&sandbox, &["--uri", server.address()]));
    terminal.answers(&["  thread "]);
    terminal.send("go");
    terminal.shows(&["already settled: no answer needed", "  rm -rf /second", "(declined after 120 s)"]);
    terminal.send("n");
    terminal.answers(&["I went on"]);
    assert!(has_heard(&server, r#"{"id":8,"result":{"decision":"decline"}}"#), "{:?}", server.heard());
}

#[test]
fn what_an_interrupt_answers_is_told_as_declined() {
    let sandbox = Sandbox::new();
    let asks = [json!("begin"), asks(7, "make")];
    for ends in [json!([{ "end": "interrupted" }]), json!([settled(7), { "end": "interrupted" }])] {
        let server = scripted(json!([{ "turn/start": asks, "turn/interrupt": ends }]));
        let terminal = Terminal::start(&sandbox, &repl(&sandbox, &["--uri", server.address()]));
        terminal.answers(&["  thread "]);
        terminal.send("go");
        terminal.shows(&["  make", "(declined after 120 s)"]);
        terminal.press(Key::Ctrl('c'));
        let screen = terminal.answers(&["declined: the turn is interrupted", "  interrupted ("]);
        assert!(!screen.contains("already settled"), "{screen}");
    }
}

#[test]
fn a_yes_that_comes_too_late_is_not_said_to_the_model() {
    let sandbox = Sandbox::new();
    let server = asking(&[asks(7, "make"), settled(7)]);
    let terminal = Terminal::start(&sandbox, &repl(&sandbox, &["--uri", server.address()]));
    terminal.answers(&["  thread "]);
    terminal.send("go");
    terminal.shows(&["already settled"]);
    terminal.send("y");
    terminal.shows(&["the question is closed"]);
    assert!(!has_heard(&server, "turn/steer"), "{:?}", server.heard());
    terminal.send("keep the tests");
    terminal.shows(&["said to the turn that runs"]);
}

#[test]
fn a_script_that_has_no_answer_has_said_no() {
    let sandbox = Sandbox::new();
    for (lines, answers) in [("hello\n", 1), ("hello\nsecond prompt\n", 2)] {
        let server = asking(&[asks(7, "make")]);
        let flags = ["--uri", server.address(), "--interactive-approvals", "--timeout", "0"];
        let output = Running::start(repl(&sandbox, &flags), lines.as_bytes()).finish(LIMIT);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "I went on\n".repeat(answers));
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(told.matches("the next line is not an answer: declined").count(), answers, "{told}");
        assert!(has_heard(&server, r#""decision":"decline""#), "{told}");
    }
}
