//! Lists of threads and models, from a server that is slow to give them.

use clodex_tests::{Key, LIMIT, Running, Sandbox, Terminal};
use serde_json::json;

use super::{Typing as _, is_ready, repl, thread_of};
use crate::thread::scripted;

/// What is said of a list that was waited for in vain.
const TOO_LATE: &str = "did not answer";

#[test]
fn a_list_that_does_not_come_keeps_nobody_from_hearing_or_leaving() {
    let sandbox = Sandbox::new();
    for (line, asked) in [("/list", "thread/list"), ("/model", "model/list"), ("/resume", "thread/list")] {
        // It tells something else instead.
        let tells = json!({ "tell": ["model/rerouted", { "threadId": "$thread", "toModel": "another" }] });
        let server = scripted(json!([{ asked: [tells] }]));
        let mut shell = sandbox.command("sh");
        shell.args(["-c", "\"$@\"; echo \"ended with $?\"; cat", "sh"]);
        let command = repl(&sandbox, &["--uri", server.address()]);
        let terminal = Terminal::start(&sandbox, shell.arg(command.get_program()).args(command.get_args()));
        terminal.until("an open thread", |screen| thread_of(screen).is_some() && is_ready(screen));
        terminal.send(line);
        terminal.shows(&["another answers instead"]);
        terminal.press(Key::Ctrl('c'));
        terminal.shows(&["Ctrl-C again, or Ctrl-D, leaves"]);
        terminal.press(Key::Ctrl('c'));
        let left = terminal.shows(&["ended with 130"]);
        assert!(!left.contains(TOO_LATE), "{line}: {left}");
        terminal.press(Key::Ctrl('d'));
        terminal.ended();
    }
}

#[test]
fn a_turn_is_followed_and_ended_while_a_list_does_not_come() {
    let sandbox = Sandbox::new();
    let server = scripted(
        json!([{ "turn/start": ["begin", { "message": "on my way" }], "thread/list": [{ "message": "still at it" }] }]),
    );
    let terminal = Terminal::start(&sandbox, &repl(&sandbox, &["--uri", server.address()]));
    terminal.answers(&["  thread "]);
    terminal.send("work");
    terminal.shows(&["on my way"]);
    terminal.send("/list");
    terminal.shows(&["still at it"]);
    terminal.press(Key::Ctrl('c'));
    let ended = terminal.answers(&["  interrupted ("]);
    assert!(!ended.contains(TOO_LATE), "{ended}");
}

#[test]
fn a_script_goes_on_when_it_has_its_list_and_its_thread() {
    let sandbox = Sandbox::new();
    let threads = json!({ "data": [{ "id": "of-before", "preview": "what was said there" }] });
    let models = json!({ "data": [{ "model": "stand-in" }] });
    let server =
        scripted(json!([{ "thread/list": [{ "answer": threads }], "model/list": [{ "answer": models }] }]));
    let lines = b"/list\n/resume 1\n/model\n/new\n/resume\nhello\n/list\n";
    let output = Running::start(repl(&sandbox, &["--uri", server.address()]), lines).finish(LIMIT);
    let told = String::from_utf8_lossy(&output.stderr);
    let listed = |mark| format!("{mark}  1  of-before  what was said there\n");
    let expected = format!("{}* stand-in\nAll done.\n{}", listed(' '), listed('*'));
    assert_eq!(
        (String::from_utf8_lossy(&output.stdout), output.status.code()),
        (expected.into(), Some(0)),
        "{told}"
    );
    let heard = server.heard();
    let said = heard.iter().find(|(_, text)| text.contains("turn/start")).unwrap();
    assert!(said.1.contains(r#""threadId":"of-before""#), "{said:?}");
}
