//! `--verify` with the real Codex: clodex runs the packet's checks itself, in a sandbox, and says what it found.

use std::fs;

use clodex_tests::{
    Dispatched, LIMIT, Packet, Sandbox, Underway, clean_turn, dispatched, leftovers, run_with_timeout, text,
};
use serde_json::{Value, json};

use crate::stage::{Stage, claim, clean, sh, step};

/// A worker that writes one file, has run a check or not, and says that all is well.
fn work(checks: &[&str], run: Option<&str>) -> Packet {
    let mut steps = vec![step(&[sh("echo done > src/a.txt; sleep 0.3")])];
    steps.extend(run.map(|command| step(&[sh(command)])));
    steps.push(step(&[clean()]));
    Packet::worker(&["src"]).checked_by(checks).script(&Value::from(steps))
}

/// Status and exit code of each check.
fn found(run: &Dispatched) -> Vec<Value> {
    let entries = run.json("verification.json");
    let entries = entries.as_array().unwrap().iter();
    entries.map(|entry| json!([entry["check"]["status"], entry["check"]["exit_code"]])).collect()
}

#[test]
fn checks_are_run_again_and_what_they_say_is_kept_beside_the_claim() {
    let Some(stage) = Stage::real() else { return };
    let checks = ["`grep -x done src/a.txt`", "true", "the text reads well", "`echo out; echo err >&2`"];
    let run = stage.packet(&work(&checks, Some("true")), &["--verify"]).exits(0);
    assert_eq!(
        found(&run),
        [json!(["passed", 0]), json!(["passed", 0]), json!(["not-run", null]), json!(["passed", 0])]
    );
    run.says(&[
        "verification (run by clodex)\n  passed         `grep -x done src/a.txt`  (",
        "; the worker's own run passed)",
        "  not run        the text reads well  (no command: for reading)",
    ]);
    let entries = run.result()["verification"].clone();
    assert_eq!(entries[1]["claimed"], "true: passed");
    assert_eq!(entries[3]["check"]["output"], "out\nerr");
    let artifact = entries[3]["check"]["artifact"].as_str().unwrap();
    assert_eq!(run.artifact(artifact), "out\nerr\n");
    assert!(run.json("seal.json")["sha256"][artifact].is_string());
    assert!(run.result()["durations"]["verify_ms"].as_u64().unwrap() > 0);
}

#[test]
fn a_check_that_fails_needs_attention_whatever_the_worker_says() {
    let Some(stage) = Stage::real() else { return };
    let run = stage.packet(&work(&["`grep -x other src/a.txt`"], None), &["--verify"]).exits(8);
    run.says(&[
        "claim    worker says CLEAN",
        "summary  verification failed: `grep -x other src/a.txt`",
        "FAILED",
        "exit 1",
    ]);
    assert_eq!(found(&run), [json!(["failed", 1])]);
}

#[test]
fn what_could_not_run_is_no_failure_but_alone_it_verifies_nothing() {
    let Some(stage) = Stage::real() else { return };
    let alone = stage.packet(&work(&["`no-such-tool --x`"], None), &["--verify"]).exits(8);
    assert_eq!(found(&alone), [json!(["could-not-run", 127])]);
    alone.says(&["not verified: `no-such-tool --x` could not run", "no-such-tool: command not found"]);
    stage.sandbox.git(&["checkout", "-q", "."]);
    let beside = stage.packet(&work(&["`no-such-tool --x`", "true"], None), &["--verify"]).exits(0);
    beside.says(&["  could not run  `no-such-tool --x`  (exit 127; "]);
}

#[test]
fn a_check_has_a_limit_and_leaves_nothing_alive() {
    let Some(stage) = Stage::real() else { return };
    let checks = ["`setsid sleep 1000 & sleep 1000`"];
    let args = ["--verify", "--verify-timeout-sec", "1"];
    let run = stage.packet(&work(&checks, None), &args).exits(8);
    assert_eq!(found(&run), [json!(["timed-out", null])]);
    run.says(&["verification timed out: ", "TIMED OUT"]);
}

#[test]
fn checks_can_write_by_products_and_their_temp_directory_alone() {
    let Some(stage) = Stage::real() else { return };
    fs::write(stage.sandbox.repo().join(".gitignore"), "out/\n").unwrap();
    fs::create_dir(stage.sandbox.repo().join("out")).unwrap();
    stage.sandbox.git(&["add", ".gitignore"]);
    stage.sandbox.git(&["commit", "-qm", "ignore"]);
    let checks = [
        "`echo x > out/x && echo x > \"$TMPDIR/x\" && test -z \"$GITHUB_TOKEN\"`",
        "`echo x > src/b.txt`",
        "`echo x > x.txt`",
        "`echo x > .git/x`",
        "`echo x > \"$HOME/x\"`",
        "`(exec 3<>/dev/tcp/1.1.1.1/80)`",
    ];
    let run = stage.packet(&work(&checks, None), &["--verify"]).exits(8);
    let codes: Vec<Value> = found(&run).into_iter().map(|check| check[0].clone()).collect();
    assert_eq!(codes, ["passed", "failed", "failed", "failed", "failed", "failed"]);
    assert_eq!(run.policy()["verdict"], "clean");
    assert_eq!(run.policy()["by_products"], json!(["out/"]));
    assert_eq!(run.policy()["in_scope"], json!(["src/a.txt"]));
}

#[test]
fn a_check_that_changes_the_tree_is_a_violation_that_names_it() {
    let Some(stage) = Stage::real() else { return };
    let repo = stage.sandbox.repo();
    fs::write(repo.join(".gitignore"), "dist/\n").unwrap();
    fs::create_dir(repo.join("dist")).unwrap();
    fs::write(repo.join("dist/tracked.js"), "1\n").unwrap();
    stage.sandbox.git(&["add", "-f", "."]);
    stage.sandbox.git(&["commit", "-qm", "a build that is kept"]);
    let run = stage.packet(&work(&["`echo 2 > dist/tracked.js`", "true"], None), &["--verify"]).exits(6);
    let violations = run.policy()["violations"].clone();
    assert_eq!(
        (violations.as_array().unwrap().len(), &violations[0]["path"]),
        (1, &json!("dist/tracked.js"))
    );
    let detail = violations[0]["detail"].as_str().unwrap();
    assert!(detail.ends_with("by the verification `echo 2 > dist/tracked.js`"), "{detail}");
}

#[test]
fn a_worker_that_did_not_finish_is_not_verified() {
    let Some(stage) = Stage::real() else { return };
    let packet = Packet::worker(&["src"]).script(&json!([{ "status": 400 }]));
    let run = stage.packet(&packet, &["--verify"]).exits(1);
    assert_eq!(found(&run), [json!(["not-run", null])]);
    let packet = Packet::worker(&["src"]).script(&json!([step(&[claim("blocked", "NEEDS_ATTENTION: x")])]));
    let run = stage.packet(&packet, &["--verify"]).exits(8);
    assert_eq!(found(&run), [json!(["passed", 0])]);
}

#[test]
fn cancel_ends_a_check_at_once() {
    let Some(stage) = Stage::real() else { return };
    let packet = work(&["`echo $$ > \"$TMPDIR/begun\"; sleep 1000`", "true"], None);
    let path = stage.sandbox.packet(&packet);
    let dispatch = stage.sandbox.dispatcher(&["--task", path.to_str().unwrap(), "--verify"]);
    let underway = Underway::start(dispatch);
    let status =
        stage.sandbox.until_status(&underway.id, |status| status["progress"]["phase"] == "verifying");
    assert!(status.to_string().contains("sleep 1000"), "{status}");
    let cancelled = run_with_timeout(stage.sandbox.cancel(&[&underway.id]), LIMIT);
    let mut left = leftovers(stage.sandbox.marker());
    // It has told how the run ended, and may still be on its way out.
    left.retain(|leftover| leftover.pid != underway.pid());
    assert_eq!(left, [], "alive after cancel");
    assert!(cancelled.status.success(), "{cancelled:?}");
    let run = underway.finish().exits(130);
    assert_eq!(run.result()["outcome"], "cancelled");
    assert_eq!(found(&run), [json!(["not-run", null]), json!(["not-run", null])]);
    assert_eq!(text(stage.sandbox.repo().join("src/a.txt")), "done\n");
}

#[test]
fn without_a_narrow_sandbox_nothing_is_run() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.dispatching(&clean_turn(&[]));
    command.arg("--verify");
    let run = dispatched(command).exits(8);
    assert_eq!(found(&run), [json!(["could-not-run", null])]);
    run.says(&["summary  not verified: true could not run: this Codex cannot be narrowed: "]);
}
