//! On a terminal: what a person types and sees.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use clodex_tests::{Key, LIMIT, Sandbox, Terminal, eventually, leftovers};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::{PATIENT, Typing as _, is_ready, repl, stage, talk, thread_of};
use crate::stage::Stage;
use crate::thread::{AppServer, scripted};

fn go(stage: &Stage) {
    fs::write(stage.sandbox.repo().join("go"), "").unwrap();
}

#[test]
fn what_is_said_is_answered_and_plain_text_steers_a_turn_that_runs() {
    let Some(stage) = stage() else { return };
    let terminal = talk(&stage, &[]);
    terminal.send("hello");
    terminal.answers(&["You said: hello", "  done ("]);
    terminal.send("work");
    terminal.shows(&["  $ while"]);
    terminal.send("keep the old route");
    terminal.shows(&["said to the turn that runs"]);
    terminal.send("/steer and the tests");
    terminal.until("two said", |screen| screen.matches("said to the turn that runs").count() == 2);
    go(&stage);
    terminal.answers(&["You said: and the tests"]);
    terminal.send("/exit");
    terminal.ended();
    let said = stage.asked().last().unwrap().user_texts().join("\n");
    assert!(said.contains("keep the old route\nand the tests"), "{said}");
}

#[test]
fn lines_that_come_all_at_once_are_all_heard() {
    let Some(stage) = stage() else { return };
    let terminal = talk(&stage, &[]);
    terminal.send("work");
    terminal.shows(&["  $ while"]);
    terminal.type_text("keep a\rkeep b\rkeep c\r");
    terminal.until("three said", |screen| screen.matches("said to the turn that runs").count() == 3);
    go(&stage);
    terminal.answers(&["You said: keep c"]);
    terminal.send("/exit");
    terminal.ended();
    let said = stage.asked().last().unwrap().user_texts().join("\n");
    assert!(said.contains("keep a\nkeep b\nkeep c"), "{said}");
}

#[test]
fn what_an_interrupted_turns_model_was_never_given_goes_first_with_the_next_message() {
    let Some(stage) = stage() else { return };
    let terminal = talk(&stage, &PATIENT);
    terminal.send("work");
    terminal.shows(&["  $ while"]);
    terminal.send("/steer keep the tests");
    terminal.shows(&["said to the turn that runs"]);
    terminal.send("/interrupt");
    terminal.answers(&[
        "  interrupted (",
        "not yet given to the model: keep the tests",
        "it goes first with your next message",
    ]);
    terminal.send("go on");
    terminal.answers(&["You said: go on"]);
    let said = stage.asked().last().unwrap().user_texts().join("\n");
    assert!(said.ends_with("keep the tests\ngo on"), "{said}");
}

#[test]
fn ctrl_c_ends_the_turn_and_its_command_and_a_second_one_leaves() {
    let Some(stage) = stage() else { return };
    let terminal = talk(&stage, &PATIENT);
    terminal.send("sleep");
    terminal.shows(&["  $ sleep 300"]);
    terminal.press(Key::Ctrl('c'));
    terminal.answers(&["  interrupted ("]);
    let is_asleep =
        || leftovers(stage.sandbox.marker()).iter().any(|left| left.to_string().contains("sleep 300"));
    eventually(LIMIT, || (!is_asleep()).then_some(()));
    terminal.send("still there?");
    terminal.answers(&["You said: still there?"]);
    terminal.press(Key::Ctrl('c'));
    terminal.answers(&["Ctrl-C again, or Ctrl-D, leaves"]);
    terminal.press(Key::Ctrl('c'));
    terminal.ended();
}

#[test]
fn a_command_that_wants_out_is_shown_whole_and_waits_for_an_answer() {
    let Some(stage) = stage() else { return };
    let terminal = talk(&stage, &PATIENT);
    let outside = stage.sandbox.root().join("outside.txt");
    for (answer, is_there) in [("n", false), ("/approve decline", false), ("y", true)] {
        terminal.send("leave the sandbox");
        let asked = terminal.until("the question", |screen| {
            screen.trim_end().ends_with('?') && screen.contains("[c]ancel the turn")
        });
        assert!(asked.contains("echo out > ../outside.txt; echo [8m hidden"), "{asked}");
        assert!(asked.contains("It says: it lies outside"), "{asked}");
        terminal.send("maybe");
        terminal.shows(&["Codex waits for an answer: y, n or c"]);
        terminal.send(answer);
        terminal.answers(&["tried"]);
        assert_eq!(outside.exists(), is_there, "{answer}");
        terminal.press(Key::Ctrl('l'));
        terminal.until("an empty screen", is_cleared);
        terminal.send("/new");
        terminal.until("another thread", |screen| is_ready(screen) && thread_of(screen).is_some());
    }
    terminal.send("leave the sandbox");
    terminal.shows(&["[c]ancel the turn"]);
    terminal.send("c");
    terminal.answers(&["  interrupted ("]);
}

fn is_cleared(screen: &str) -> bool {
    screen.trim() == ">"
}

#[test]
fn a_question_that_nobody_answers_is_declined_at_its_deadline() {
    let sandbox = Sandbox::new();
    let about = json!({ "threadId": "$thread", "turnId": "$turn", "itemId": "i", "command": "rm -rf ." });
    let server = scripted(json!([{
        "turn/start": ["begin", { "ask": [7, "item/commandExecution/requestApproval", about] }],
        "reply": [{ "message": "I went on" }, { "end": "completed" }],
    }]));
    let flags = ["--uri", server.address(), "--thread-id", "t", "--timeout", "5"];
    let terminal = Terminal::start(&sandbox, &repl(&sandbox, &flags));
    terminal.answers(&["  thread "]);
    terminal.send("go");
    terminal.shows(&["  rm -rf .", "(declined after 5 s)"]);
    terminal.answers(&["not answered in time: declined", "I went on"]);
    assert!(server.heard().iter().any(|(_, text)| text.contains(r#""decision":"decline""#)));
}

#[test]
fn what_is_told_beside_the_talk_stands_above_the_prompt() {
    let sandbox = Sandbox::new();
    let server = scripted(json!([]));
    let flags = ["--uri", server.address(), "-vv", "--print-thread-id", "--summary"];
    let terminal = Terminal::start(&sandbox, &repl(&sandbox, &flags));
    terminal.answers(&["  thread "]);
    terminal.send("hi");
    terminal.answers(&["All done.", "completed · "]);
    let all = terminal.scrollback();
    for told in ["--> {", "<-- {", "THREAD_ID=", "turn turn-1 has begun", "completed · "] {
        assert!(all.lines().any(|line| line.starts_with(told)), "{told}: {all}");
        let torn = ["> ", "… "].map(|prompt| format!("{prompt}{told}"));
        assert!(!all.lines().any(|line| torn.iter().any(|torn| line.starts_with(torn.as_str()))), "{all}");
    }
}

#[test]
fn threads_are_begun_listed_gone_on_with_and_copied() {
    let Some(stage) = stage() else { return };
    let terminal = talk(&stage, &[]);
    let first = thread_of(&terminal.screen()).unwrap().to_owned();
    terminal.send("remember this");
    terminal.answers(&["You said: remember this"]);
    terminal.send("/new");
    let screen = terminal.until("another thread", |screen| {
        is_ready(screen) && thread_of(screen).is_some_and(|now| now != first)
    });
    let second = thread_of(&screen).unwrap().to_owned();
    terminal.send("/thread");
    terminal.answers(&[&format!("thread     {second}"), "model      gpt-5.5"]);
    terminal.send("forget that");
    terminal.answers(&["You said: forget that"]);
    terminal.send("/list");
    terminal.answers(&[&format!("*  1  {second}  forget that"), &format!("   2  {first}  remember this")]);
    terminal.send("/resume 2");
    terminal.until("the first again", |screen| is_ready(screen) && thread_of(screen) == Some(&first));
    terminal.send("/fork");
    terminal.answers(&[&format!(", a copy of {first}")]);
    terminal.send("/resume 01a1fbc7-bb57-7293-99d2-e4e427410296");
    terminal.answers(&["no rollout found", "you are still in the previous thread"]);
    terminal.send("what did I say?");
    terminal.answers(&["You said: what did I say?"]);
    let asked = stage.asked().last().unwrap().user_texts().join("\n");
    assert!(asked.contains("remember this") && !asked.contains("forget that"), "{asked}");
    terminal.press(Key::Ctrl('d'));
    terminal.ended();
}

#[test]
fn a_thread_where_somebody_elses_turn_runs_is_not_talked_into() {
    let Some(stage) = stage() else { return };
    let server = AppServer::at_a_socket(&stage.sandbox);
    let first = talk(&stage, &["--uri", &server.uri]);
    let busy = thread_of(&first.screen()).unwrap().to_owned();
    first.send("work");
    first.shows(&["  $ while"]);
    let second = talk(&stage, &["--uri", &server.uri]);
    second.send(&format!("/resume {busy}"));
    second.answers(&["somebody else's turn is under way there", "begin a new thread?"]);
    second.send("/resume 01a1fbc7-bb57-7293-99d2-e4e427410296");
    second.answers(&["no rollout found"]);
    second.send("hello there");
    second.answers(&["there is no thread: /new begins one"]);
    go(&stage);
    first.answers(&["worked"]);
}

#[test]
fn a_thread_that_is_gone_is_said_and_a_new_one_offered() {
    let Some(stage) = stage() else { return };
    let stale = repl(&stage.sandbox, &["--thread-id", "01a1fbc7-bb57-7293-99d2-e4e427410296"]);
    let terminal = Terminal::start(&stage.sandbox, &stale);
    terminal.answers(&["no rollout found", "begin a new thread?"]);
    terminal.send("hello");
    terminal.answers(&["there is no thread: /new begins one"]);
    terminal.send("y");
    terminal.until("a thread", |screen| is_ready(screen) && thread_of(screen).is_some());
    terminal.send("hello again");
    terminal.answers(&["You said: hello again"]);
}

#[test]
fn reviews_models_and_room_are_asked_for() {
    let Some(stage) = stage() else { return };
    stage.sandbox.file("repo/src/a.txt", "changed\n");
    let terminal = talk(&stage, &[]);
    terminal.send("/help");
    terminal.answers(&["/approve [accept|decline|cancel|TEXT]", "/interrupt"]);
    terminal.send("/model");
    terminal.answers(&["* gpt-5.5"]);
    terminal.send("/model gpt-5.4 high");
    terminal.answers(&["from the next turn on: gpt-5.4, effort high"]);
    terminal.send("which are you?");
    terminal.answers(&["You said: which are you?"]);
    let asked = stage.asked().last().unwrap().json();
    assert_eq!(
        (&asked["model"], &asked["reasoning"]["effort"]),
        (&"gpt-5.4".into(), &"high".into()),
        "{asked}"
    );
    terminal.press(Key::Ctrl('l'));
    terminal.until("an empty screen", is_cleared);
    terminal.send("/review");
    terminal.answers(&["  done ("]);
    let reviewed = stage
        .asked()
        .iter()
        .filter(|asked| asked.json().to_string().contains("Review the current code changes"))
        .count();
    assert!(reviewed > 0);
    terminal.press(Key::Ctrl('l'));
    terminal.until("an empty screen", is_cleared);
    terminal.send("/compact");
    terminal.answers(&["  done ("]);
    terminal.send("/frob");
    terminal.answers(&["there is no /frob"]);
    terminal.send("/interrupt");
    terminal.answers(&["no turn is running"]);
    terminal.send("/quit");
    terminal.ended();
}

#[test]
fn lines_are_completed_remembered_privately_and_edited() {
    let Some(stage) = stage() else { return };
    let terminal = talk(&stage, &[]);
    terminal.type_text("/thr");
    terminal.press(Key::Tab);
    terminal.until("a completed command", |screen| screen.trim_end().ends_with("> /thread"));
    terminal.press(Key::Enter);
    terminal.answers(&["thread     "]);
    terminal.send("hello world");
    terminal.answers(&["You said: hello world"]);
    terminal.send("/exit");
    terminal.ended();
    let history = stage.sandbox.state().join("thread-history");
    assert_eq!(fs::metadata(&history).unwrap().permissions().mode() & 0o777, 0o600);
    let again = talk(&stage, &[]);
    again.press(Key::Up);
    again.press(Key::Up);
    again.until("the line of before", |screen| screen.trim_end().ends_with("> hello world"));
    again.press(Key::Ctrl('w'));
    again.type_text("you");
    again.press(Key::Enter);
    again.answers(&["You said: hello you"]);
}

#[test]
fn nothing_that_codex_says_steers_the_terminal() {
    let Some(stage) = stage() else { return };
    let terminal = talk(&stage, &[]);
    terminal.send("be hostile");
    terminal.answers(&["be [2J ]0;title ware"]);
}

#[test]
fn the_terminal_is_as_before_when_the_program_is_told_to_end() {
    let Some(stage) = stage() else { return };
    let command = repl(&stage.sandbox, &[]);
    let mut shell = stage.sandbox.command("sh");
    shell.args(["-c", "\"$0\" --repl; echo \"ended with $?\"; stty -a; cat"]).arg(command.get_program());
    let terminal = Terminal::start(&stage.sandbox, &shell);
    terminal.until("an open thread", |screen| thread_of(screen).is_some() && is_ready(screen));
    let all = leftovers(stage.sandbox.marker());
    let ours = all.iter().find(|left| {
        left.to_string().contains("clodex-thread --repl") && !left.to_string().contains("sh -c")
    });
    kill(Pid::from_raw(ours.expect("it runs").pid), Signal::SIGTERM).unwrap();
    let screen = terminal.shows(&["ended with 130", " echo "]);
    assert!(screen.contains(" icanon "), "{screen}");
    // Nothing of the prompt is left before it.
    assert!(screen.lines().any(|line| line.trim_end() == "ended with 130"), "{screen}");
    terminal.press(Key::Ctrl('d'));
    terminal.ended();
}
