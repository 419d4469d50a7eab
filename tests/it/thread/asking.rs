//! What Codex asks for: declined, or answered by the user.

use std::fs;

use clodex_sim::app_server::AppServer as Scripted;
use clodex_tests::{Dispatched, Key, LIMIT, Running, Sandbox, Terminal};
use serde_json::{Value, json};

use super::{answer, asked, object, prompt, scripted, talking};
use crate::stage::{Stage, sh, step};

/// Codex asks before it runs this one, and has something to say afterwards.
fn wanting(name: &str) -> String {
    prompt(&[step(&[sh(&format!("rm -f src/{name}; sleep 0.3"))]), step(&[json!({ "say": "I went on" })])])
}

const WRITING: [&str; 2] = ["--sandbox", "workspace-write"];

#[test]
fn what_codex_asks_for_is_declined_and_told() {
    let Some(stage) = Stage::real() else { return };
    let object = asked(&stage.sandbox, &[&WRITING[..], &[&wanting("a.txt")]].concat());
    assert_eq!((&object["status"], &object["text"]), (&json!("completed"), &json!("I went on")), "{object}");
    assert_eq!(object["declined"][0]["kind"], "command", "{object}");
    assert!(object["declined"][0]["about"].as_str().unwrap().contains("rm -f src/a.txt"), "{object}");
    assert!(stage.sandbox.repo().join("src/a.txt").exists());
}

#[test]
fn the_user_is_asked_where_that_is_wanted() {
    let Some(stage) = Stage::real() else { return };
    let ask = |typed: &str, name: &str| {
        let said = wanting(name);
        let args = [&["--json", "--interactive-approvals"], &WRITING[..], &[&said]].concat();
        let ended = Running::start(talking(&stage.sandbox, &args), typed.as_bytes()).finish(LIMIT);
        let shown = String::from_utf8(ended.stderr.clone()).unwrap();
        assert!(shown.contains(&format!("Codex asks to run:\n  rm -f src/{name}")), "{shown}");
        (object(ended), stage.sandbox.repo().join("src").join(name).exists(), shown)
    };
    let (yes, is_there, shown) = ask("what?\ny\n", "a.txt");
    assert_eq!((&yes["text"], is_there), (&json!("I went on"), false), "{yes}");
    assert!(shown.contains("not understood: `what?`"), "{shown}");
    // Nobody is there to be asked: the end of input is a no.
    let (nobody, is_there, _) = ask("", "b.txt");
    assert_eq!((&nobody["declined"][0]["kind"], is_there), (&json!("command"), true), "{nobody}");
    let (cancelled, is_there, _) = ask("cancel\n", "b.txt");
    assert_eq!((&cancelled["status"], is_there), (&json!("interrupted"), true), "{cancelled}");
    assert_eq!(cancelled["exit_code"], 130);
}

#[test]
fn who_has_no_terminal_and_no_standard_input_left_cannot_be_asked() {
    let Some(stage) = Stage::real() else { return };
    let mut command = stage.sandbox.command("setsid");
    let program = talking(&stage.sandbox, &[]).get_program().to_owned();
    command.arg("--wait").arg(program).args(["--interactive-approvals", "--prompt-file", "-"]);
    let refused = Dispatched::of(Running::start(command, b"hi").finish(LIMIT)).exits(2);
    refused.complains(&["there is no terminal", "hint: name the prompt's file"]);
}

#[test]
fn a_patch_that_codex_asks_for_is_told_with_its_files() {
    let Some(stage) = Stage::real() else { return };
    let outside = stage.sandbox.root().join("outside.txt");
    let patch = format!("*** Begin Patch\n*** Add File: {}\n+x\n*** End Patch", outside.display());
    let said = prompt(&[step(&[json!({ "patch": patch })]), step(&[json!({ "say": "I went on" })])]);
    let object = asked(&stage.sandbox, &[&WRITING[..], &[&said]].concat());
    let declined = json!([{ "kind": "file change", "about": outside.display().to_string() }]);
    assert_eq!((&object["declined"], outside.exists()), (&declined, false), "{object}");
}

/// A server whose turn asks for words, and ends when it is answered.
fn wants_words(question: &Value) -> Scripted {
    let about = json!({ "threadId": "$thread", "turnId": "$turn", "itemId": "i", "questions": [question] });
    scripted(json!([{
        "turn/start": ["begin", { "ask": [7, "item/tool/requestUserInput", about] }],
        "reply": [{ "message": "thank you" }, { "end": "completed" }],
    }]))
}

#[test]
fn nobody_there_to_be_asked_says_nothing_in_the_users_name() {
    let sandbox = Sandbox::new();
    let server = wants_words(&json!({ "id": "q", "question": "Which?" }));
    let told = asked(&sandbox, &["--uri", server.address(), "--interactive-approvals", "hi"]);
    assert_eq!(told["declined"], json!([{ "kind": "question", "about": "Which?" }]), "{told}");
    assert_eq!(answer(&server, 7), Some(json!({ "answers": {} })));
}

#[test]
fn a_secret_is_seen_by_codex_alone() {
    let sandbox = Sandbox::new();
    let server = wants_words(&json!({ "id": "q", "question": "Password?", "isSecret": true }));
    let traffic = sandbox.root().join("traffic");
    let file = traffic.to_str().unwrap();
    let flags = ["--uri", server.address(), "--interactive-approvals", "-vv", "--ndjson-file", file, "hi"];
    let terminal = Terminal::start(&sandbox, &talking(&sandbox, &flags));
    terminal.shows(&["  Password?", "an empty line declines"]);
    terminal.type_text("tulips grow");
    terminal.press(Key::Enter);
    let seen = terminal.ended();
    assert!(seen.contains("thank you") && !seen.contains("tulips"), "{seen}");
    assert_eq!(answer(&server, 7), Some(json!({ "answers": { "q": { "answers": ["tulips grow"] } } })));
    let kept = fs::read_to_string(traffic).unwrap();
    assert!(kept.contains("Password?") && !kept.contains("tulips"), "{kept}");
}

#[test]
fn what_was_typed_before_a_question_is_no_answer_to_it() {
    let sandbox = Sandbox::new();
    let go = sandbox.root().join("go");
    let ask = |id: i64, command: &str| {
        let about = json!({ "threadId": "$thread", "turnId": "$turn", "itemId": "i", "command": command });
        json!({ "ask": [id, "item/commandExecution/requestApproval", about] })
    };
    let settled = json!({ "tell": ["serverRequest/resolved", { "threadId": "$thread", "requestId": 7 }] });
    let server = scripted(json!([{
        "turn/start": ["begin", ask(7, "make"), settled, { "until": go }, ask(8, "rm -rf /second")],
        "reply": [{ "message": "I went on" }, { "end": "completed" }],
    }]));
    let flags = ["--uri", server.address(), "--interactive-approvals", "hi"];
    let terminal = Terminal::start(&sandbox, &talking(&sandbox, &flags));
    terminal.shows(&["(no longer asked)"]);
    terminal.type_text("y");
    terminal.press(Key::Enter);
    terminal.shows(&["no question is open: your input was ignored"]);
    fs::write(&go, "").unwrap();
    terminal.shows(&["  rm -rf /second", "[c]ancel the turn"]);
    terminal.type_text("n");
    terminal.press(Key::Enter);
    assert!(terminal.ended().contains("I went on"));
    assert_eq!(answer(&server, 8), Some(json!({ "decision": "decline" })));
}
