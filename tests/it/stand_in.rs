//! The stand-in for codex and the tools of the tests themselves: a test is worth what these are.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::{Duration, Instant};

use clodex_sim::stand_in::stamps;
use clodex_tests::{Codex, Running, Sandbox, eventually, leftovers, run_with_timeout};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(30);

fn sandbox(script: Value) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.codex_is(Codex::StandIn(script));
    sandbox
}

fn codex(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut codex = sandbox.command("codex");
    codex.args(args);
    codex
}

#[test]
fn without_acts_it_is_a_codex_that_is_well() {
    let sandbox = sandbox(json!({}));
    let version = run_with_timeout(codex(&sandbox, &["--version"]), LIMIT);
    assert_eq!(version.stdout, b"codex-cli 0.169.0\n");
    let login = run_with_timeout(codex(&sandbox, &["login", "status"]), LIMIT);
    assert_eq!((login.stderr.as_slice(), login.status.code()), (&b"Logged in using ChatGPT\n"[..], Some(0)));
    let last = sandbox.root().join("last.txt");
    let exec = codex(&sandbox, &["exec", "--json", "-o", last.to_str().unwrap(), "-"]);
    let output = Running::start(exec, b"hello").finish(LIMIT);
    assert_eq!(output.stdout.split(|&byte| byte == b'\n').count(), 5);
    assert_eq!(fs::read_to_string(last).unwrap(), "All done.");
}

#[test]
fn it_records_how_it_was_started_and_what_it_was_told() {
    let sandbox = sandbox(json!({}));
    let exec = codex(&sandbox, &["exec", "-"]);
    let running = Running::start(exec, b"\xff prompt");
    let pid = running.pid().as_raw();
    running.finish(LIMIT);
    let recorded = sandbox.recorded();
    assert_eq!(recorded.len(), 1);
    let invocation = &recorded[0];
    assert_eq!((&invocation.argv[..], &invocation.cwd), (&["exec".into(), "-".into()][..], &sandbox.repo()));
    assert_eq!((invocation.pid.cast_signed(), invocation.pgid), (pid, pid));
    assert_eq!(invocation.env["CLODEX_TEST_MARKER"], sandbox.marker());
    assert_eq!(invocation.stdin.as_deref(), Some(&b"\xff prompt"[..]));
}

#[test]
fn it_writes_garbage_half_lines_and_floods_as_told() {
    let sandbox = sandbox(json!({ "exec": [
        { "bytes": [255, 254, 10] }, { "flood": { "line": { "n": "$N" }, "count": 100_000 } }, { "text": "{\"ty" }, { "exit": 7 }
    ] }));
    let output = run_with_timeout(codex(&sandbox, &["exec"]), LIMIT);
    assert_eq!(output.status.code(), Some(7));
    assert!(output.stdout.starts_with(b"\xff\xfe\n{\"n\":\"0\"}\n{\"n\":\"1\"}\n"));
    assert!(output.stdout.ends_with(b"{\"n\":\"99999\"}\n{\"ty"));
}

#[test]
fn its_moments_are_stamped_in_order() {
    let sandbox = sandbox(json!({}));
    let file = sandbox.root().join("stamps");
    let flood = json!({ "flood": { "line": "x", "count": 3, "per_second": 100 } });
    sandbox.codex_is(Codex::StandIn(json!({ "stamps": file, "exec": ["read_stdin", flood] })));
    run_with_timeout(codex(&sandbox, &["exec"]), LIMIT);
    let stamps = stamps(&file).unwrap();
    let names: Vec<_> = stamps.iter().map(|stamp| stamp.what.as_str()).collect();
    assert_eq!(names, ["start", "stdin-eof", "line 0", "line 1", "line 2"]);
    assert!(stamps.is_sorted_by_key(|stamp| stamp.ns));
    assert!(stamps[4].ns - stamps[2].ns >= 19_000_000, "{stamps:?}");
}

#[test]
fn it_ignores_signals_and_dies_by_them_as_told() {
    let sandbox = sandbox(json!({ "exec": [{ "ignore": ["TERM", "INT"] }, { "line": "deaf" }, "hang"],
                                  "login": [{ "die": "SEGV" }] }));
    let login = run_with_timeout(codex(&sandbox, &["login"]), LIMIT);
    assert_eq!(login.status.signal(), Some(Signal::SIGSEGV as i32));
    let mut running = Running::start(codex(&sandbox, &["exec"]), b"");
    running.stdout_with("deaf", LIMIT);
    running.signal(Signal::SIGTERM);
    running.signal(Signal::SIGINT);
    running.signal(Signal::SIGKILL);
    assert_eq!(running.finish(LIMIT).status.signal(), Some(Signal::SIGKILL as i32));
}

/// Waits until the orphan is found, and kills all that is left.
#[track_caller]
fn end_the_orphan(sandbox: &Sandbox) {
    let left = eventually(LIMIT, || {
        let left = leftovers(sandbox.marker());
        left.iter().any(|left| left.command == "sleep 1000").then_some(left)
    });
    for leftover in left {
        kill(Pid::from_raw(leftover.pid), Signal::SIGKILL).unwrap();
    }
}

#[test]
fn its_orphans_outlive_it_and_are_found_even_without_an_environment() {
    for how in ["child", "session", "orphan"] {
        let spawn = json!({ "spawn": { "sh": "sleep 1000; true", "how": how, "clear_env": true } });
        let sandbox = sandbox(json!({ "exec": [spawn] }));
        assert!(run_with_timeout(codex(&sandbox, &["exec"]), LIMIT).status.success());
        end_the_orphan(&sandbox);
    }
}

#[test]
fn an_mcp_server_leaves_an_orphan_when_told_to() {
    let sandbox = Sandbox::new();
    let mut server = sandbox.command("clodex-sim-mcp");
    server.args(["--orphan", "sleep 1000; true"]);
    let answer = Running::start(server, b"{\"id\":1,\"method\":\"ping\"}\n").finish(LIMIT);
    assert_eq!(answer.stdout, b"{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":{}}\n");
    end_the_orphan(&sandbox);
}

#[test]
fn a_sandbox_fails_the_test_that_leaves_a_process_and_kills_it() {
    let sandbox = sandbox(json!({ "exec": [{ "spawn": { "sh": "sleep 1000; true", "how": "orphan" } }] }));
    let marker = sandbox.marker().to_owned();
    run_with_timeout(codex(&sandbox, &["exec"]), LIMIT);
    let dropped = catch_unwind(move || drop(sandbox));
    let told = *dropped.unwrap_err().downcast::<String>().unwrap();
    assert!(told.contains("left behind") && told.contains("sleep 1000"), "{told}");
    eventually(LIMIT, || leftovers(&marker).is_empty().then_some(()));
}

#[test]
fn a_program_that_takes_too_long_is_killed_with_its_group() {
    let sandbox =
        sandbox(json!({ "exec": [{ "spawn": { "sh": "sleep 1000; true" } }, { "line": "words" }, "hang"] }));
    let command = codex(&sandbox, &["exec"]);
    let started = Instant::now();
    let late = catch_unwind(AssertUnwindSafe(|| run_with_timeout(command, Duration::from_millis(300))));
    let told = *late.unwrap_err().downcast::<String>().unwrap();
    assert!(told.starts_with("too late: it still runs") && told.contains("words"), "{told}");
    assert!(started.elapsed() < LIMIT);
    eventually(LIMIT, || leftovers(sandbox.marker()).is_empty().then_some(()));
}

#[test]
fn a_missing_codex_is_found_nowhere() {
    let sandbox = sandbox(json!({}));
    sandbox.codex_is(Codex::Missing);
    assert!(codex(&sandbox, &["--version"]).output().is_err());
    assert!(sandbox.git(&["log", "--format=%s"]).starts_with("base"));
}
