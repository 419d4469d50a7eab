//! Live control of a run over Codex's app-server: told something, interrupted, asked, answered; with the real Codex.

use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, Instant};

use clodex_sim::responses::embed;
use clodex_sim::write_program;
use clodex_tests::{LIMIT, Packet, Running, Underway, eventually, leftovers, run_with_timeout};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::stage::{Stage, clean, helper, sh, step};

const APP_SERVER: [&str; 2] = ["--backend", "app-server"];

/// Says something to a run and waits for what becomes of it.
fn said(stage: &Stage, words: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = run_with_timeout(saying(stage, words), LIMIT);
    (status.code(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

fn saying(stage: &Stage, words: &[&str]) -> std::process::Command {
    let mut control = stage.sandbox.command("clodex-control");
    control.arg("--as").args(words).args(["--wait", "60"]);
    control
}

fn begin(stage: &Stage, name: &str, script: &Value, args: &[&str]) -> Underway {
    let packet = Packet::worker(&["src/"]).script(script).with(&format!("NAME: {name}"));
    let packet = stage.sandbox.packet(&packet);
    let args = [&["--task", packet.to_str().unwrap()], args].concat();
    Underway::start(stage.sandbox.dispatcher(&args))
}

/// A command that works until the test lets it go on.
fn until_let_go() -> Value {
    sh("echo begun > src/begun; while [ ! -e src/go ]; do sleep 0.05; done")
}

fn has_begun(stage: &Stage) {
    eventually(LIMIT, || stage.sandbox.repo().join("src/begun").exists().then_some(()));
}

/// Codex as an app-server starts when the file exists that this returns.
pub fn hold_codex_back(stage: &Stage) -> PathBuf {
    let (codex, held) = (stage.sandbox.root().join("bin/codex"), stage.sandbox.root().join("start"));
    let real = std::fs::read_link(&codex).unwrap();
    std::fs::remove_file(&codex).unwrap();
    let wait = format!("while [ ! -e '{}' ]; do sleep 0.05; done", held.display());
    let script =
        format!("#!/bin/sh\ncase \"$*\" in *app-server*) {wait};; esac\nexec '{}' \"$@\"\n", real.display());
    write_program(&codex, &script).unwrap();
    held
}

/// Waits until so many messages lie in the run's inbox that nothing has become of yet.
fn messages_are(stage: &Stage, run: &Underway, number: usize) {
    let inbox = stage.sandbox.state().join(format!("live/{}.inbox", run.id));
    eventually(LIMIT, || {
        let names = std::fs::read_dir(&inbox).ok()?.flatten().map(|entry| entry.file_name());
        let names = names.map(|name| name.to_string_lossy().into_owned());
        let whole = names.filter(|name| !name.starts_with('.') && !name.ends_with(".outcome")).count();
        (whole == number).then_some(())
    });
}

fn let_go(stage: &Stage) {
    std::fs::write(stage.sandbox.repo().join("src/go"), "").unwrap();
}

/// A command that asks to leave its sandbox.
fn escalated(command: &str) -> Value {
    let arguments = json!({
        "cmd": command, "sandbox_permissions": "require_escalated", "justification": "the net\u{1b}[2J\nis needed",
    });
    json!({ "tool": { "name": "exec_command", "arguments": arguments } })
}

fn question(stage: &Stage, run: &Underway) -> Value {
    let asks = |status: &Value| status["open_requests"].as_array().is_some_and(|open| !open.is_empty());
    stage.sandbox.until_status(&run.id, asks)["open_requests"][0].clone()
}

#[test]
fn what_is_said_in_a_turn_reaches_the_model_with_its_next_step() {
    let Some(stage) = Stage::real() else { return };
    let script = json!([step(&[until_let_go()]), step(&[clean()])]);
    let run = begin(&stage, "told", &script, &APP_SERVER);
    has_begun(&stage);
    let (code, line) = said(&stage, &["clodex-steer", "told", "keep the old route"]);
    assert_eq!((code, line), (Some(0), format!("told ({}): delivered\n", run.id)));
    let_go(&stage);
    run.finish().exits(0);
    let asked = stage.asked();
    let said_in = |at: usize| String::from_utf8_lossy(&asked[at].body).contains("keep the old route");
    assert!(!said_in(0) && said_in(1));
    let (code, line) = said(&stage, &["clodex-steer", "told", "too late"]);
    assert_eq!(code, Some(2), "{line}");
    assert!(
        line.contains("it has ended: done") && line.contains("hint: `clodex-dispatch --resume "),
        "{line}"
    );
    stage.sandbox.assert_no_leftovers();
}

#[test]
fn what_is_said_before_the_turn_waits_for_it_and_is_said_once() {
    let Some(stage) = Stage::real() else { return };
    let held = hold_codex_back(&stage);
    let script = json!([step(&[sh("echo ran > src/ran")]), step(&[clean()])]);
    let run = begin(&stage, "early", &script, &APP_SERVER);
    for words in ["mind the tests", "and the docs"] {
        let (code, line) = said(&stage, &["clodex-steer", "early", words]);
        assert_eq!((code, line), (Some(0), format!("early ({}): queued: until its turn begins\n", run.id)));
    }
    std::fs::write(held, "").unwrap();
    run.finish().exits(0);
    // Both were in the first request: nothing that the model had answered was thrown away for them.
    assert!(stage.sandbox.repo().join("src/ran").exists());
    let asked = stage.asked();
    assert_eq!(asked.len(), 2);
    for request in &asked {
        let body = String::from_utf8_lossy(&request.body);
        let once = |words: &str| body.matches(words).count() == 1;
        assert!(once("mind the tests") && once("and the docs"), "{body}");
    }
    stage.sandbox.assert_no_leftovers();
}

/// What stands in the request, as often as it does.
fn times(stage: &Stage, request: usize, words: &str) -> usize {
    String::from_utf8_lossy(&stage.asked()[request].body).matches(words).count()
}

#[test]
fn what_was_said_to_a_model_that_is_gone_is_said_to_the_one_in_its_place() {
    let Some(stage) = Stage::real() else { return };
    let tiers = "tiers:\n  quick:\n    model: gpt-gone\nfallback:\n  quick: gpt-5.5\n";
    stage.sandbox.file("repo/.clodex/tiers.yaml", tiers);
    let gone = json!({ "status": 404, "error": { "code": "model_not_found", "message": "The model `gpt-gone` does not exist" } });
    let stage = stage.answering(move |request| {
        if request.json()["model"] == "gpt-gone" { json!([gone]) } else { json!([step(&[clean()])]) }
    });
    let held = hold_codex_back(&stage);
    let packet = stage.sandbox.packet(&Packet::worker(&["src/"]).with("NAME: moved"));
    let args = ["--task", packet.to_str().unwrap(), "--backend", "app-server", "--tier", "quick"];
    let run = Underway::start(stage.sandbox.dispatcher(&args));
    let (code, line) = said(&stage, &["clodex-steer", "moved", "mind the tests"]);
    assert_eq!(code, Some(0), "{line}");
    std::fs::write(held, "").unwrap();
    run.finish().exits(0).says(&["fell back to gpt-5.5"]);
    assert_eq!([0, 1].map(|request| times(&stage, request, "mind the tests")), [1, 1]);
    stage.sandbox.assert_no_leftovers();
}

#[test]
fn what_waits_for_an_app_server_that_is_of_no_use_is_said_with_the_task() {
    let Some(stage) = Stage::real() else { return };
    let held = hold_codex_back(&stage);
    let codex = stage.sandbox.root().join("bin/codex");
    // It shakes hands first: that has to be quick where another backend waits.
    let greets = r#"app-server*) read -r _; echo '{"id":1,"result":{"userAgent":"clodex/0.169.0 (x)"}}';"#;
    let script = std::fs::read_to_string(&codex).unwrap();
    let script = script.replace("done;;", "done; exit 3;;").replace("app-server*)", greets);
    std::fs::write(&codex, script).unwrap();
    let script = json!([step(&[clean()])]);
    let run = begin(&stage, "without", &script, &["--backend", "auto"]);
    let (code, line) = said(&stage, &["clodex-steer", "without", "mind the tests"]);
    assert!(code == Some(0) && line.contains("queued: until its turn begins"), "{line}");
    std::fs::write(held, "").unwrap();
    let done = run.finish().exits(0);
    assert_eq!(times(&stage, 0, "mind the tests"), 1);
    let policy = done.artifact("policy.json");
    assert!(
        policy.contains("put behind the task: mind the tests") && policy.contains("was of no use"),
        "{policy}"
    );
    stage.sandbox.assert_no_leftovers();
}

#[test]
fn what_a_killed_sender_has_said_reaches_the_model_once() {
    let Some(stage) = Stage::real() else { return };
    let script = json!([step(&[until_let_go()]), step(&[clean()])]);
    let run = begin(&stage, "heard", &script, &APP_SERVER);
    has_begun(&stage);
    run.signal(Signal::SIGSTOP);
    let sender = Running::start(saying(&stage, &["clodex-steer", "heard", "keep the old route"]), b"");
    messages_are(&stage, &run, 1);
    sender.signal(Signal::SIGKILL);
    sender.finish(LIMIT);
    run.signal(Signal::SIGCONT);
    messages_are(&stage, &run, 0);
    let_go(&stage);
    run.finish().exits(0);
    let asked = stage.asked();
    let last = String::from_utf8_lossy(&asked.last().unwrap().body);
    assert_eq!(last.matches("keep the old route").count(), 1, "{last}");
    stage.sandbox.assert_no_leftovers();
}

#[test]
fn an_interrupt_ends_what_runs_and_a_word_goes_on() {
    let Some(stage) = Stage::real() else { return };
    let marker = stage.sandbox.marker().to_owned();
    let sleeping = json!({ "run": { "cmd": format!("echo begun > src/begun; sleep 300; : {marker}"), "yield_time_ms": 30000 } });
    let script = json!([step(&[sleeping])]);
    let run = begin(&stage, "long", &script, &APP_SERVER);
    has_begun(&stage);
    let sleeps = || leftovers(&marker).into_iter().any(|left| left.command.contains("sleep 300"));
    assert!(sleeps(), "its command is not seen");
    let begun = Instant::now();
    let (code, line) = said(&stage, &["clodex-interrupt", "long"]);
    assert_eq!(code, Some(0), "{line}");
    assert!(line.ends_with(": delivered: nothing of its turn runs; it waits\n"), "{line}");
    // Long before it would end by itself; how long it takes is the machine's matter.
    eventually(LIMIT, || (!sleeps()).then_some(()));
    println!("interrupted, and gone, in {:?}", begun.elapsed());
    let shown = stage.sandbox.until_status(&run.id, |status| status["progress"]["phase"] == "waiting");
    assert_eq!(shown["open_requests"], json!([]));
    let script = json!([step(&[clean()])]);
    let (code, line) = said(&stage, &["clodex-steer", "long", &format!("go on @@{script}@@")]);
    assert_eq!(code, Some(0), "{line}");
    assert!(line.ends_with(": delivered: it began a new turn\n"), "{line}");
    run.finish().exits(0);
}

#[test]
fn an_interrupt_ends_what_sub_agents_run_before_it_says_that_nothing_runs() {
    let Some(stage) = Stage::real() else { return };
    let marker = stage.sandbox.marker().to_owned();
    let runs = |command: &str| step(&[sh(&format!("{command}; : {marker}"))]);
    let silence = json!({ "silence": true });
    let ticks = "echo > src/begun; while sleep 1; do echo tick >> src/ticks; done";
    let work = embed(&json!([runs(ticks), silence]));
    let agent = json!({ "namespace": "multi_agent_v1", "name": "spawn_agent", "arguments": { "message": format!("work {work}") } });
    let script = json!([step(&[json!({ "tool": agent })]), runs("sleep 294"), silence]);
    let run = begin(&stage, "subs", &script, &APP_SERVER);
    has_begun(&stage);
    let works = |what: &str| leftovers(&marker).into_iter().any(|left| left.command.contains(what));
    eventually(LIMIT, || (works("sleep 294") && works("src/ticks")).then_some(()));
    let (code, line) = said(&stage, &["clodex-interrupt", "subs"]);
    assert_eq!(code, Some(0), "{line}");
    assert!(line.ends_with(": delivered: nothing of its turn runs; it waits\n"), "{line}");
    // Neither would ever end by itself in this time.
    eventually(LIMIT, || (!works("sleep 294") && !works("src/ticks")).then_some(()));
    let shown = stage.sandbox.until_status(&run.id, |status| status["progress"]["phase"] == "waiting");
    assert_eq!(shown["open_requests"], json!([]));
    let script = json!([step(&[clean()])]);
    let (code, line) = said(&stage, &["clodex-steer", "subs", &format!("go on @@{script}@@")]);
    assert_eq!(code, Some(0), "{line}");
    run.finish().exits(0);
    stage.sandbox.assert_no_leftovers();
}

#[test]
fn an_interrupted_run_that_nobody_goes_on_with_is_partial() {
    let Some(stage) = Stage::real() else { return };
    let script = json!([step(&[until_let_go()])]);
    let run = begin(&stage, "left", &script, &["--backend", "app-server", "--idle-timeout", "1"]);
    has_begun(&stage);
    let (code, line) = said(&stage, &["clodex-interrupt", "left"]);
    assert_eq!(code, Some(0), "{line}");
    run.finish().exits(8).says(&["partial", "not continued within 1 s"]);
}

#[test]
fn a_command_that_wants_out_of_its_sandbox_is_the_users_to_decide() {
    let Some(stage) = Stage::real() else { return };
    for (answer, happens) in [("accept", true), ("decline", false)] {
        let name = format!("asks-{answer}");
        let file = format!("src/{answer}.txt");
        let script = json!([step(&[escalated(&format!("echo out > {file}"))]), step(&[clean()])]);
        let run = begin(&stage, &name, &script, &["--backend", "app-server", "--allow-dirty-overlap"]);
        let question = question(&stage, &run);
        let text = question["question"].as_str().unwrap();
        assert!(text.contains(&format!("echo out > {file}")) && !text.contains(['\u{1b}', '\n']), "{text}");
        let shown = helper(&stage.sandbox, "clodex-status", &[&run.id]);
        assert!(shown.contains(question["deadline"].as_str().unwrap()), "{shown}");
        assert!(!stage.sandbox.repo().join(&file).exists());
        let (code, line) = said(&stage, &["clodex-answer", &name, "7", answer]);
        assert_eq!(code, Some(2), "{line}");
        let (code, line) = said(&stage, &["clodex-answer", &name, answer]);
        assert_eq!(code, Some(0), "{line}");
        let done = run.finish();
        assert_eq!(stage.sandbox.repo().join(&file).exists(), happens);
        let policy = done.artifact("policy.json");
        assert_eq!(policy.contains("the user let a command out of the sandbox"), happens, "{policy}");
        assert_eq!(policy.contains("declined by the user"), !happens, "{policy}");
    }
}

#[test]
fn a_question_that_nobody_answers_is_declined() {
    let Some(stage) = Stage::real() else { return };
    let script = json!([step(&[escalated("echo out > src/out.txt")]), step(&[clean()])]);
    let run = begin(&stage, "alone", &script, &["--backend", "app-server", "--answer-timeout", "1"]);
    let done = run.finish();
    assert!(!stage.sandbox.repo().join("src/out.txt").exists());
    let policy = done.artifact("policy.json");
    assert!(policy.contains("declined, because nobody answered in time"), "{policy}");
}

#[test]
fn what_breaks_a_rule_of_codex_is_refused_at_once_on_either_backend() {
    let Some(stage) = Stage::real() else { return };
    let script = json!([step(&[sh("echo x > src/kept")]), step(&[sh("rm -f src/kept")]), step(&[clean()])]);
    for backend in ["app-server", "exec"] {
        let args = ["--backend", backend, "--allow-dirty-overlap", "--answer-timeout", "86400"];
        let done = begin(&stage, backend, &script, &args).finish().exits(0);
        assert!(stage.sandbox.repo().join("src/kept").exists());
        let policy = done.artifact("policy.json");
        let noted = policy.contains("declined, because it breaks one of Codex's own rules: `rm -f src/kept`");
        assert_eq!(noted, backend == "app-server", "{policy}");
    }
}

#[test]
fn a_patch_through_a_symlink_out_of_scope_changes_nothing() {
    let Some(stage) = Stage::real() else { return };
    let patch = "*** Begin Patch\n*** Add File: src/link/new.txt\n+out\n*** End Patch";
    let link = sh("mkdir -p src && ln -s ../lib src/link");
    let script = json!([step(&[link]), step(&[json!({ "patch": patch })]), step(&[clean()])]);
    std::fs::create_dir_all(stage.sandbox.repo().join("lib")).unwrap();
    let done = begin(&stage, "through", &script, &APP_SERVER).finish();
    assert!(stage.sandbox.repo().join("src/link").is_symlink());
    assert!(!stage.sandbox.repo().join("lib/new.txt").exists());
    assert!(!done.artifact("changes.patch").contains("lib/new.txt"));
}

#[test]
fn a_patch_out_of_scope_is_declined_before_it_happens_and_listed() {
    let Some(stage) = Stage::real() else { return };
    let patch = "*** Begin Patch\n*** Add File: lib/new.txt\n+out\n*** End Patch";
    let script = json!([step(&[json!({ "patch": patch })]), step(&[clean()])]);
    let run = begin(&stage, "patch", &script, &APP_SERVER);
    let done = run.finish().exits(0);
    assert!(!stage.sandbox.repo().join("lib/new.txt").exists());
    assert_eq!(done.policy()["denied"], json!([{ "path": "lib/new.txt", "by": "patch" }]));
}

#[test]
fn a_run_on_exec_says_why_it_cannot_be_told() {
    let Some(stage) = Stage::real() else { return };
    let script = json!([step(&[until_let_go()]), step(&[clean()])]);
    let run = begin(&stage, "deaf", &script, &["--backend", "exec"]);
    has_begun(&stage);
    let (code, line) = said(&stage, &["clodex-steer", "deaf", "hello"]);
    assert_eq!(code, Some(2), "{line}");
    assert!(line.contains("on the backend `exec`") && line.contains("--backend app-server"), "{line}");
    let_go(&stage);
    run.finish().exits(0);
}

#[test]
fn what_a_killed_dispatcher_had_not_heard_is_told_by_sender_and_status() {
    let Some(stage) = Stage::real() else { return };
    let script = json!([step(&[until_let_go()])]);
    let run = begin(&stage, "killed", &script, &APP_SERVER);
    has_begun(&stage);
    run.signal(Signal::SIGSTOP);
    let sender = Running::start(saying(&stage, &["clodex-steer", "killed", "anybody there?"]), b"");
    let gone = Running::start(saying(&stage, &["clodex-steer", "killed", "and here?"]), b"");
    messages_are(&stage, &run, 2);
    gone.signal(Signal::SIGKILL);
    gone.finish(LIMIT);
    run.signal(Signal::SIGKILL);
    let told = sender.finish(LIMIT);
    let line = String::from_utf8(told.stderr).unwrap();
    assert_eq!(told.status.code(), Some(1), "{line}");
    assert!(line.contains("not delivered, the run ended first"), "{line}");
    let cancelled = run_with_timeout(stage.sandbox.cancel(&["killed"]), LIMIT);
    assert!(cancelled.status.success(), "{cancelled:?}");
    let summary = stage.sandbox.status(&run.id)["summary"].as_str().unwrap().to_owned();
    assert!(summary.ends_with("1 message to it never reached it"), "{summary}");
    drop(run);
}

#[test]
fn time_spent_on_the_users_answer_is_no_stall() {
    let Some(stage) = Stage::real() else { return };
    let script = json!([step(&[escalated("echo out > src/out.txt")]), step(&[clean()])]);
    let args = ["--backend", "app-server", "--heartbeat-sec", "8", "--answer-timeout", "12"];
    let begun = Instant::now();
    begin(&stage, "patient", &script, &args).finish().exits(0);
    assert!(begun.elapsed() >= Duration::from_secs(12));
}
