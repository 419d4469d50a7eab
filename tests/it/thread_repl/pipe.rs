//! By pipe: a script's lines, one after the other, and what comes out without a terminal.

use std::fs;
use std::process::Output;

use clodex_tests::{LIMIT, Running};

use super::{PATIENT, repl, stage};
use crate::stage::Stage;

fn script(stage: &Stage, arguments: &[&str], lines: &str) -> Output {
    let output = Running::start(repl(&stage.sandbox, arguments), lines.as_bytes()).finish(LIMIT);
    assert!(!output.stderr.contains(&0x1b), "{output:?}");
    output
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn each_line_waits_for_the_turn_before_it_and_answers_alone_are_on_stdout() {
    let Some(stage) = stage() else { return };
    let output = script(&stage, &[], "one\n\n//two\nbe hostile\n");
    assert_eq!(
        stdout(&output),
        "You said: one\nYou said: /two\nbe\u{1b}[2J\u{1b}]0;title\u{7}ware\n",
        "{output:?}"
    );
    assert_eq!(output.status.code(), Some(0));
    let whole = script(&stage, &["--no-stream"], "one\n/quit\nnever said\n");
    assert_eq!((stdout(&whole), whole.status.code()), ("You said: one\n", Some(0)));
}

#[test]
fn what_is_about_the_turn_is_done_at_once() {
    let Some(stage) = stage() else { return };
    let output = script(&stage, &PATIENT, "sleep\n/interrupt\nafter\n/exit\n");
    assert_eq!(stdout(&output), "You said: after\n", "{output:?}");
    assert!(stderr(&output).contains("  interrupted ("), "{output:?}");
    assert_eq!(output.status.code(), Some(130));
}

#[test]
fn what_an_interrupted_turn_was_told_is_never_lost() {
    let Some(stage) = stage() else { return };
    let output = script(&stage, &PATIENT, "sleep\n/steer keep it\n/interrupt\nafter\n");
    assert!(stderr(&output).contains("not yet given to the model: keep it"), "{output:?}");
    assert_eq!(stdout(&output), "You said: after\n", "{output:?}");
    let said = stage.asked().last().unwrap().user_texts().join("\n");
    assert!(said.ends_with("keep it\nafter"), "{said}");
    let left = script(&stage, &PATIENT, "sleep\n/steer keep it\n/interrupt\n");
    assert!(stderr(&left).contains("never given to the model: keep it"), "{left:?}");
    assert_eq!(left.status.code(), Some(130));
}

#[test]
fn a_script_answers_what_codex_asks_where_it_wants_to_be_asked() {
    let Some(stage) = stage() else { return };
    let outside = stage.sandbox.root().join("outside.txt");
    let declined = script(&stage, &[], "leave the sandbox\n");
    assert!(stderr(&declined).contains("declined: --interactive-approvals"), "{declined:?}");
    assert_eq!((stdout(&declined), outside.exists()), ("tried\n", false));
    let asks = ["--interactive-approvals"];
    let accepted = script(&stage, &asks, "leave the sandbox\n/approve\nnext\n");
    assert_eq!((stdout(&accepted), outside.exists()), ("tried\nYou said: next\n", true), "{accepted:?}");
}

#[test]
fn a_turn_that_fails_is_told_whole_and_the_script_goes_on_but_ends_with_its_code() {
    let Some(stage) = stage() else { return };
    let output = script(&stage, &[], "fail\nafter\n");
    assert!(
        stderr(&output).contains("the turn failed: ") && stderr(&output).contains("there is no such model")
    );
    assert_eq!((stdout(&output), output.status.code()), ("You said: after\n", Some(1)), "{output:?}");
}

#[test]
fn no_answer_of_before_is_taken_for_one_of_now_and_each_turn_has_its_summary() {
    let Some(stage) = stage() else { return };
    let out = stage.sandbox.file("answer.md", "of yesterday");
    let output = script(&stage, &["--summary", "--out", out.to_str().unwrap()], "fail\n");
    assert!(!out.exists(), "{output:?}");
    let summaries = stderr(&output).lines().filter(|line| line.starts_with("failed · ")).count();
    assert_eq!((summaries, output.status.code()), (1, Some(1)), "{output:?}");
}

#[test]
fn a_line_that_is_no_command_is_passed_over_and_ends_the_script_with_2_where_nothing_worse_does() {
    let Some(stage) = stage() else { return };
    for (lines, code) in
        [("/frob\none\n", 2), ("one\n/steer\n", 2), ("/frob\nfail\none\n", 1), ("fail\n/frob\none\n", 1)]
    {
        let output = script(&stage, &[], lines);
        assert_eq!(
            (stdout(&output), output.status.code()),
            ("You said: one\n", Some(code)),
            "{lines}: {output:?}"
        );
    }
}

#[test]
fn a_thread_that_is_gone_ends_a_script() {
    let Some(stage) = stage() else { return };
    let output = script(&stage, &["--thread-id", "01a1fbc7-bb57-7293-99d2-e4e427410296"], "hello\n");
    assert_eq!((stdout(&output), output.status.code()), ("", Some(1)));
    assert!(stderr(&output).contains("no rollout found"), "{output:?}");
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    let Some(stage) = stage() else { return };
    for arguments in
        [&["--json"][..], &["--ephemeral", "--thread-id", "x"], &["hello"], &["--uri", "--stdio"]]
    {
        let output = script(&stage, arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }
}

#[test]
fn flags_reach_the_model_and_the_files_that_they_name() {
    let Some(stage) = stage() else { return };
    let (out, frames) = (stage.sandbox.root().join("out.txt"), stage.sandbox.root().join("frames.ndjson"));
    let schema = r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#;
    let schema = stage.sandbox.file("schema.json", schema);
    let [out_file, frames_file, schema] = [&out, &frames, &schema].map(|path| path.to_str().unwrap());
    let flags = [
        "--model",
        "gpt-5.4",
        "--effort",
        "low",
        "--instructions",
        "Answer in verse.",
        "--output-schema",
        schema,
        "--out",
        out_file,
        "--ndjson-file",
        frames_file,
        "--print-thread-id",
        "-v",
        "--personality",
        "pragmatic",
    ];
    let output = script(&stage, &flags, "{\"a\":\"one\"}\n{\"a\":\"two\"}\n{\"a\":3}\n");
    assert!(stderr(&output).contains("the answer breaks the schema at `/a`"), "{output:?}");
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert!(stderr(&output).contains("THREAD_ID="), "{output:?}");
    assert_eq!(fs::read_to_string(&out).unwrap(), r#"{"a":"two"}"#);
    assert!(fs::read_to_string(&frames).unwrap().contains(r#""method":"turn/start""#));
    let asked = stage.asked().last().unwrap().json();
    let said = asked.to_string();
    assert_eq!(
        (&asked["model"], &asked["reasoning"]["effort"]),
        (&"gpt-5.4".into(), &"low".into()),
        "{asked}"
    );
    assert!(said.contains("Answer in verse.") && said.contains("json_schema"), "{said}");
}

#[test]
fn a_fork_and_a_resumed_thread_remember_and_an_ephemeral_one_is_not_kept() {
    let Some(stage) = stage() else { return };
    let first = script(&stage, &["--print-thread-id"], "remember this\n");
    let id = stderr(&first).lines().find_map(|line| line.strip_prefix("THREAD_ID=")).unwrap().to_owned();
    for flag in ["--fork", "--thread-id"] {
        script(&stage, &[flag, &id], "and this\n");
        let said = stage.asked().last().unwrap().user_texts().join("\n");
        assert!(said.contains("remember this"), "{flag}: {said}");
    }
    script(&stage, &["--ephemeral"], "forget this\n");
    let listed = script(&stage, &[], "/list\n");
    assert!(
        stdout(&listed).contains("remember this") && !stdout(&listed).contains("forget this"),
        "{listed:?}"
    );
}

#[test]
fn a_server_of_the_session_is_started_and_ended_with_it() {
    let Some(stage) = stage() else { return };
    let output = script(&stage, &["--start"], "hello\n");
    assert_eq!((stdout(&output), output.status.code()), ("You said: hello\n", Some(0)), "{output:?}");
    let nobody = script(&stage, &["--uri", "ws://127.0.0.1:9"], "hello\n");
    assert_eq!((stdout(&nobody), nobody.status.code()), ("", Some(3)), "{nobody:?}");
}

#[test]
fn a_turn_that_takes_too_long_is_interrupted_and_said() {
    let Some(stage) = stage() else { return };
    let output = script(&stage, &["--deadline", "5"], "sleep\n");
    assert!(stderr(&output).contains("the turn took 5 s and is interrupted"), "{output:?}");
    assert_eq!((stdout(&output), output.status.code()), ("", Some(4)), "{output:?}");
}
