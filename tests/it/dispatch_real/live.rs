//! A run while it lives, seen through the helpers that look at it, and afterwards.

use std::fs;
use std::io::Write as _;
use std::time::Duration;

use clodex_tests::{LIMIT, Packet, Running, Underway, eventually};
use serde_json::{Value, json};

use crate::stage::{Stage, clean, helper, looking, sh, step};

const PATCH: &str = "*** Begin Patch\n*** Update File: src/a.txt\n@@\n-a\n+A\n*** End Patch";

/// Starts a dispatch that waits in the middle of its turn until the file exists.
#[track_caller]
fn start(stage: &Stage, packet: &Packet, args: &[&str]) -> Underway {
    let path = stage.sandbox.packet(packet);
    let mut command = stage.sandbox.dispatcher(&["--task"]);
    command.arg(path).args(args);
    Underway::start(command)
}

fn status(stage: &Stage) -> Value {
    serde_json::from_str(&helper(&stage.sandbox, "clodex-status", &["--json"])).unwrap()
}

fn statusline(stage: &Stage) -> String {
    let mut command = stage.sandbox.command("clodex-statusline");
    command.env("COLUMNS", "120").env("NO_COLOR", "1");
    let cwd = stage.sandbox.repo();
    let input =
        json!({ "session_id": "s", "cwd": cwd, "workspace": { "current_dir": cwd, "project_dir": cwd } });
    let output = Running::start(command, input.to_string().as_bytes()).finish(LIMIT);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_helper_shows_the_run_that_lives_and_the_run_that_has_ended() {
    let Some(stage) = Stage::real() else { return };
    let go = stage.sandbox.root().join("go");
    let script = json!([
        step(&[json!({ "patch": PATCH })]),
        step(&[sh("echo working; until [ -e ../go ]; do sleep 0.1; done; exit 3")]),
        step(&[clean()]),
    ]);
    let packet = Packet::worker(&["src/a.txt", "src/b.txt"])
        .objective("add slug()")
        .script(&script)
        .with("NAME: slugs");
    let run = start(&stage, &packet, &[]);
    let id = run.id.clone();

    let seen = eventually(LIMIT, || {
        let run = status(&stage)[0].clone();
        (run["progress"]["phase"] == "running").then_some(run)
    });
    assert_eq!(seen["id"], id.as_str(), "{seen}");
    let activity = seen["progress"]["activity"].as_str().unwrap();
    assert!(activity.starts_with("echo working;"), "{seen}");
    assert_eq!(seen["progress"]["files"], json!({ "touched": 1, "of": 2 }), "{seen}");
    assert_eq!(seen["state"], "live", "{seen}");

    let line = statusline(&stage);
    println!("{line}");
    for words in ["codex slugs", "running echo working", "1/2 files"] {
        assert!(line.contains(words), "no `{words}` in {line}");
    }
    let debug = helper(&stage.sandbox, "clodex-debug", &["slugs"]);
    println!("{debug}");
    assert!(debug.contains("echo working") && debug.contains("still running"), "{debug}");

    let mut wait = looking(&stage.sandbox, "clodex-wait");
    wait.arg(&id);
    let wait = Running::start(wait, b"");
    fs::File::create(&go).unwrap().write_all(b"go").unwrap();
    let waited = wait.finish(LIMIT);
    run.finish().exits(0);
    let waited = String::from_utf8(waited.stdout).unwrap();
    println!("{waited}");
    assert!(waited.contains(&id) && waited.contains("done"), "{waited}");

    let result = helper(&stage.sandbox, "clodex-result", &[&id]);
    println!("{result}");
    assert!(result.contains("Wrote `slug()`.") && result.contains("VERDICT: CLEAN"), "{result}");
    let debug = helper(&stage.sandbox, "clodex-debug", &[&id]);
    println!("{debug}");
    assert!(debug.contains("src/a.txt") && debug.contains("exit 3"), "{debug}");
    let line = statusline(&stage);
    println!("{line}");
    assert!(line.contains("slugs") && line.contains("done"), "{line}");
    assert_eq!(status(&stage), json!([]));
    println!("{}", helper(&stage.sandbox, "clodex-status", &["--all"]));
    println!("{}", helper(&stage.sandbox, "clodex-status", &[&id]));
}

#[test]
fn a_detached_run_outlives_the_command_that_started_it() {
    let Some(stage) = Stage::real() else { return };
    let script = json!([step(&[sh("until [ -e ../go ]; do sleep 0.1; done")]), step(&[clean()])]);
    let started = stage.packet(&Packet::worker(&["src"]).script(&script), &["--detach"]).exits(0);
    assert_eq!(started.stdout.lines().count(), 1, "{}", started.stdout);
    let id = started.id();
    eventually(LIMIT, || (status(&stage)[0]["progress"]["phase"] == "running").then_some(()));
    fs::write(stage.sandbox.root().join("go"), "").unwrap();
    helper(&stage.sandbox, "clodex-wait", &[&id]);
    assert_eq!(started.result()["outcome"], "done");
}

#[test]
fn a_run_without_a_sandbox_is_confirmed_and_shown_everywhere() {
    let Some(stage) = Stage::real() else { return };
    let script = json!([
        step(&[sh("until [ -e ../go ]; do sleep 0.1; done; git config --get user.name")]),
        step(&[clean()]),
    ]);
    let packet = Packet::worker(&["src"]).script(&script).with("NAME: free");
    let danger = ["-s", "danger-full-access"];
    let refused = stage.packet(&packet, &danger).exits(2);
    refused.complains(&["danger-full-access", "--i-know-this-is-unsandboxed"]);
    assert!(stage.asked().is_empty());

    let run = start(&stage, &packet, &[danger[0], danger[1], "--i-know-this-is-unsandboxed"]);
    let line = eventually(LIMIT, || Some(statusline(&stage)).filter(|line| line.contains("running")));
    println!("{line}");
    assert!(line.to_lowercase().contains("unsandboxed"), "{line}");
    fs::write(stage.sandbox.root().join("go"), "").unwrap();
    let run = run.finish().exits(0);
    run.says(&["verdict  clean (UNSANDBOXED, "]);
    assert_eq!(run.policy()["enforcement"], "none");
}

#[test]
fn a_busy_quiet_command_is_no_stall() {
    let Some(stage) = Stage::real() else { return };
    let busy = "python3 -c 'import time\nend = time.monotonic() + 8\nwhile time.monotonic() < end: pass'";
    let run = json!({ "run": { "cmd": busy, "yield_time_ms": 30000 } });
    let packet = Packet::worker(&["src"]).script(&json!([step(&[run]), step(&[clean()])]));
    let run = stage.packet(&packet, &["--heartbeat-sec", "3"]).exits(0);
    let took = run.result()["commands_seen"][0]["duration_ms"].as_u64().unwrap();
    assert!(took > 2 * 3000, "{took}");
}

#[test]
fn a_silent_model_is_a_stall_that_keeps_what_there_is() {
    let Some(stage) = Stage::real() else { return };
    let script = json!([step(&[json!({ "say": "I begin" }), sh("true; sleep 0.3")]), { "silence": true }]);
    let packet = Packet::worker(&["src"]).script(&script).with("NAME: quiet");
    let run = stage.packet(&packet, &["--heartbeat-sec", "8"]).exits(4);
    run.says(&[
        "outcome  stalled (exit 4)",
        "no sign of life for 8 s",
        "last message (its claim, not checked)\n  I begin\n",
    ]);
    println!("{}", run.stdout);
    let result = run.result();
    assert_eq!((&result["outcome"], &result["message"]), (&json!("stalled"), &json!("I begin")));
    assert!(result["thread_id"].is_string() && result["resume"].is_string(), "{result}");
    assert_eq!(run.policy()["watchdog_killed"], true);
    assert!(run.artifact("result.md").starts_with("I begin\n\nVERDICT: NEEDS_ATTENTION"));
}

#[test]
fn the_wall_clock_ends_a_run_that_lives() {
    let Some(stage) = Stage::real() else { return };
    let run =
        json!({ "run": { "cmd": "while true; do echo tick; sleep 0.2; done", "yield_time_ms": 30000 } });
    let packet = Packet::worker(&["src"]).script(&json!([step(&[run]), step(&[clean()])]));
    let begun = std::time::Instant::now();
    let run = stage.packet(&packet, &["--timeout-sec", "4"]).exits(4);
    assert!(begun.elapsed() < Duration::from_secs(30));
    run.says(&["outcome  timed-out (exit 4)", "the wall clock limit of 4 s was reached"]);
    println!("{}", run.stdout);
    let result = run.result();
    assert_eq!(result["commands_seen"][0]["exit_code"], Value::Null);
    assert_eq!(run.record(&stage.sandbox)["outcome"], "timed-out");
}
