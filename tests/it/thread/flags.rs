//! Each flag has its effect: on what Codex is asked, on what it may do, on what is printed and kept.

use std::fs;

use clodex_tests::{LIMIT, Running};
use serde_json::{Value, json};

use super::{asked, prompt, saying, talk, talking};
use crate::stage::{Stage, sh, step};

#[test]
fn what_is_asked_of_codex_reaches_its_model() {
    let Some(stage) = Stage::real() else { return };
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"],
        "additionalProperties": false });
    let schema = stage.sandbox.file("schema.json", schema.to_string());
    let object = asked(
        &stage.sandbox,
        &[
            "--model",
            "gpt-5.5",
            "--effort",
            "low",
            "--instructions",
            "answer like a pirate",
            "--personality",
            "none",
            "--output-schema",
            schema.to_str().unwrap(),
            &saying("{\"n\":1}"),
        ],
    );
    assert_eq!(object["status"], "completed", "{object}");
    let request = stage.asked().pop().unwrap().json();
    assert_eq!((&request["model"], &request["reasoning"]["effort"]), (&json!("gpt-5.5"), &json!("low")));
    assert!(request.to_string().contains("answer like a pirate"), "{request}");
    assert_eq!(request["text"]["format"]["schema"]["required"], json!(["n"]), "{request}");
}

#[test]
fn writes_are_held_and_the_users_configuration_stays_as_it_was() {
    let Some(stage) = Stage::real() else { return };
    let config = stage.sandbox.codex_home().join("config.toml");
    let before = fs::read(&config).unwrap();
    let repo = stage.sandbox.repo();
    let writes = |name: &str| sh(&format!("echo x > src/{name}; echo x > lib/{name}; sleep 0.3"));
    let run = |flags: &[&str], name: &str| {
        let said = prompt(&[step(&[writes(name)]), step(&[json!({ "say": "tried" })])]);
        let object = asked(&stage.sandbox, &[flags, &[&said]].concat());
        assert_eq!(object["text"], "tried", "{object}");
        ["src", "lib"].map(|dir| repo.join(dir).join(name).exists())
    };
    assert_eq!(run(&["--sandbox", "read-only"], "r"), [false, false]);
    assert_eq!(run(&["--sandbox", "workspace-write"], "w"), [true, true]);
    assert_eq!(run(&["--scope", "src/"], "s"), [true, false]);
    assert_eq!(run(&["-C", "lib", "--sandbox", "read-only"], "c"), [false, false]);
    assert_eq!(fs::read(&config).unwrap(), before);
}

#[test]
fn what_is_said_comes_from_a_file_or_standard_input_byte_for_byte() {
    let Some(stage) = Stage::real() else { return };
    let text = format!("  --json `$HOME` \"quoted\" \\ ü\n\n{}\n", saying("heard"));
    let file = stage.sandbox.file("prompt.md", &text);
    assert_eq!(asked(&stage.sandbox, &["--prompt-file", file.to_str().unwrap()])["text"], "heard");
    assert_eq!(stage.asked().pop().unwrap().prompt().unwrap(), text);
    let piped = Running::start(talking(&stage.sandbox, &["--json", "--prompt-file", "-"]), text.as_bytes());
    assert_eq!(super::object(piped.finish(LIMIT))["text"], "heard");
    assert_eq!(stage.asked().pop().unwrap().prompt().unwrap(), text);
}

#[test]
fn the_answer_is_kept_and_an_old_one_never_taken_for_it() {
    let Some(stage) = Stage::real() else { return };
    let out = stage.sandbox.file("answer.md", "of yesterday");
    let out_arg = out.to_str().unwrap();
    talk(&stage.sandbox, &["--out", out_arg, &saying("a\u{1b}b")]).exits(0);
    assert_eq!(fs::read_to_string(&out).unwrap(), "a\u{1b}b");
    let failing = prompt(&[json!({ "status": 400, "error": { "message": "no" } })]);
    talk(&stage.sandbox, &["--out", out_arg, &failing]).exits(1);
    assert_eq!(fs::read_to_string(&out).unwrap_or_default(), "");
}

#[test]
fn the_traffic_is_appended_without_secrets() {
    let Some(stage) = Stage::real() else { return };
    let file = stage.sandbox.root().join("traffic.ndjson");
    let secret = "ghp_abcdefghij0123456789";
    for _ in 0..2 {
        let said = saying(&format!("use {secret}"));
        asked(&stage.sandbox, &["--ndjson-file", file.to_str().unwrap(), &said]);
    }
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains(secret) && text.contains("use [redacted]"), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |way: &str, method: &str| {
        lines.iter().filter(|line| line["way"] == way && line["message"]["method"] == method).count()
    };
    assert_eq!(
        (count("out", "initialize"), count("out", "turn/start"), count("in", "turn/completed")),
        (2, 2, 2)
    );
}

#[test]
fn stderr_tells_as_much_as_is_wanted() {
    let Some(stage) = Stage::real() else { return };
    let said = prompt(&[step(&[sh("sleep 0.3; echo seen")]), step(&[json!({ "say": "done" })])]);
    let quiet = talk(&stage.sandbox, &[&said]).exits(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("done\n", ""));
    let summary = talk(&stage.sandbox, &["--summary", &said]).exits(0);
    assert_eq!(summary.stderr.lines().count(), 1, "{summary:?}");
    summary.complains(&["completed · ", " tokens in (", "model gpt-5.5 · thread ", " · turn "]);
    let lifecycle = talk(&stage.sandbox, &["-v", &said]).exits(0);
    lifecycle.complains(&[
        "connected with codex ",
        " is open, model gpt-5.5",
        "$ sleep 0.3; echo seen",
        "turn ended: ",
    ]);
    assert!(!lifecycle.stderr.contains("--> {"), "{lifecycle:?}");
    let frames = talk(&stage.sandbox, &["-vv", &said]).exits(0);
    frames.complains(&[
        "--> {\"id\":1,\"method\":\"initialize\"",
        "<-- {\"id\":1,\"result\":{",
        "\"turn/completed\"",
    ]);
}

#[test]
fn bad_arguments_are_one_object_too() {
    let Some(stage) = Stage::real() else { return };
    let bad: [&[&str]; 9] = [
        &[],
        &["--bogus", "hi"],
        &["--ephemeral", "--thread-id", "t", "hi"],
        &["--uri", "http://localhost", "hi"],
        &["--timeout", "soon", "hi"],
        &["--prompt-file", "no-such-file"],
        &["--output-schema", "no-such-file", "hi"],
        &["-C", "no-such-directory", "hi"],
        &["--scope", "../outside", "hi"],
    ];
    for args in bad {
        let object = asked(&stage.sandbox, args);
        assert_eq!(
            (&object["exit_code"], &object["error"]["kind"]),
            (&json!(2), &json!("usage")),
            "{args:?}"
        );
        assert_eq!(object["status"], "not-started");
    }
    assert_eq!(stage.asked().len(), 0);
    assert_eq!(talk(&stage.sandbox, &["--ephemeral", "--thread-id", "t", "hi"]).exits(2).stdout, "");
    assert!(talk(&stage.sandbox, &["--help"]).exits(0).stdout.contains("--interactive-approvals"));
}
