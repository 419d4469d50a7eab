//! What Codex asks for: declined, or answered by the user.

use clodex_tests::{Dispatched, LIMIT, Running};
use serde_json::json;

use super::{asked, object, prompt, talking};
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
        assert!(shown.contains(&format!("codex asks: command: `rm -f src/{name}")), "{shown}");
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
