//! A Codex that misbehaves: every way of it has its exit code, and says what to do now.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use clodex_sim::ScriptedModel;
use clodex_tests::{
    Codex, Dispatched, Packet, Sandbox, THREAD, begun_turn, clean_turn, dispatched, ended_turn, message,
    real_codex, turn_completed,
};
use serde_json::{Value, json};

/// What a user sees of a run that was started: exit code, outcome, summary and hint.
#[track_caller]
fn seen(run: &Dispatched) -> (i32, String, String, String) {
    let result = run.result();
    let text = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
    let id = text("run_id");
    let hint = text("hint").replace(&id, "ID").replace(THREAD, "THREAD");
    assert_eq!(result["exit_code"], run.code, "{run:?}");
    assert_eq!(run.stdout.contains("\nhint     "), !hint.is_empty(), "{}", run.stdout);
    assert_eq!(run.stderr, "", "{run:?}");
    (run.code, text("outcome"), text("summary"), hint)
}

fn failed_turn(words: &str) -> Value {
    let mut acts = begun_turn(&[]);
    acts.push(json!({ "line": { "type": "error", "message": words } }));
    acts.push(json!({ "line": { "type": "turn.failed", "error": { "message": words } } }));
    acts.push(json!({ "exit": 1 }));
    Value::Array(acts)
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn every_exit_code_has_its_hint() {
    let claim = |result: &str, verdict: &str| {
        json!({ "result": result, "summary": "half of it", "report": "r", "changed_files": [],
                "verification_run": [], "evidence": [], "findings": [], "risks": [], "next": "",
                "verdict": verdict })
        .to_string()
    };
    let debug = "see `clodex-debug ID`";
    let by_hand = "try `codex exec hello` by hand; `clodex-debug ID` shows what it said";
    let report = "read what it reports: `clodex-result ID`; continue it with --resume THREAD";
    let protocol = "see result.md, and `clodex-debug ID` for what Codex sent";
    let login = "log in with `codex login`, or set the API key that the model provider wants";
    let stderr = |text: &str, code: u8| json!(["read_stdin", { "stderr": text }, { "exit": code }]);
    let rows = [
        (clean_turn(&[]), 0, "done", "did it", ""),
        (failed_turn("the model is confused"), 1, "failed", "the model is confused", debug),
        (
            failed_turn("You’ve hit your usage limit."),
            1,
            "failed",
            "You’ve hit your usage limit.",
            "wait until the limit is reset, or choose another model with --tier or -m",
        ),
        (
            failed_turn("Selected model is at capacity."),
            1,
            "failed",
            "Selected model is at capacity.",
            "try again in a while",
        ),
        (
            failed_turn("The requested model 'gpt-0' does not exist."),
            1,
            "failed",
            "The requested model 'gpt-0' does not exist.",
            "choose another model with --tier or -m",
        ),
        (
            failed_turn("unexpected status 401 Unauthorized: Missing bearer"),
            3,
            "failed",
            "unexpected status 401 Unauthorized: Missing bearer",
            login,
        ),
        (
            stderr("Not logged in\n", 1),
            3,
            "failed",
            "codex exited with 1 before it began: Not logged in",
            login,
        ),
        (
            failed_turn("error sending request for url (http://h/)"),
            3,
            "failed",
            "error sending request for url (http://h/)",
            "check the network, the proxy settings and the model provider's address, then try again",
        ),
        (
            stderr("Error: config.toml: bad\n", 1),
            3,
            "failed",
            "codex exited with 1 before it began: Error: config.toml: bad",
            by_hand,
        ),
        (
            stderr("Error: no rollout found for thread id x\n", 1),
            1,
            "failed",
            "codex exited with 1 before it began: Error: no rollout found for thread id x",
            "take the thread id from `clodex-status --all`, wait for its other run, or start without --resume",
        ),
        (stderr("", 101), 3, "failed", "codex exited with 101 before it began", by_hand),
        (json!([]), 5, "failed", "codex exited with 0 without telling how its turn ended", protocol),
        (
            json!(begun_turn(&[json!({ "exit": 101 })])),
            1,
            "failed",
            "codex exited with 101 in the middle of its turn",
            debug,
        ),
        (json!(begun_turn(&[json!({ "die": "SEGV" })])), 1, "failed", "codex was killed by signal 11", debug),
        (json!([{ "die": "KILL" }]), 1, "failed", "codex was killed by signal 9", debug),
        (
            ended_turn("all done"),
            5,
            "failed",
            "the answer follows no schema and its last line is not `VERDICT:`",
            protocol,
        ),
        (json!(begun_turn(&[turn_completed()])), 8, "partial", "Codex ended without a final message", report),
        (ended_turn(&claim("partial", "CLEAN")), 8, "partial", "half of it", report),
        (ended_turn(&claim("blocked", "CLEAN")), 8, "blocked", "half of it", report),
        (ended_turn(&claim("done", "NEEDS_ATTENTION look")), 8, "done", "half of it", report),
        (ended_turn("it is odd\nVERDICT: NEEDS_ATTENTION odd"), 8, "done", "it is odd", report),
    ];
    for (acts, code, outcome, summary, hint) in rows {
        let sandbox = Sandbox::new();
        let run = sandbox.dispatch(&acts);
        let wanted = (code, outcome.to_owned(), summary.to_owned(), hint.to_owned());
        assert_eq!(seen(&run), wanted, "{acts}\n{}", run.stdout);
    }
}

#[test]
fn the_watchdog_a_violation_and_a_gate_have_theirs() {
    let hang = json!(begun_turn(&[json!("hang")]));
    let rows = [
        (
            vec!["--timeout-sec", "1"],
            hang.clone(),
            4,
            "timed-out",
            "stopped: the wall clock limit of 1 s was reached",
            "raise --timeout-sec; continue it with --resume THREAD",
        ),
        (
            vec!["--heartbeat-sec", "1"],
            hang,
            4,
            "stalled",
            "stopped: no sign of life for 1 s",
            "see `clodex-debug ID`; raise --heartbeat-sec if it was still working; continue it with --resume THREAD",
        ),
        (
            vec![],
            clean_turn(&[json!({ "sh": "echo >> lib/x.txt" })]),
            6,
            "done",
            "did it",
            "look at changes.patch; put it back with `clodex-scope restore ID`, or widen WRITE SCOPE and dispatch again",
        ),
    ];
    for (args, acts, code, outcome, summary, hint) in rows {
        let sandbox = Sandbox::new();
        let mut command = sandbox.dispatching(&acts);
        command.args(args);
        let wanted = (code, outcome.to_owned(), summary.to_owned(), hint.to_owned());
        assert_eq!(seen(&dispatched(command)), wanted, "{acts}");
    }
    let sandbox = Sandbox::new();
    sandbox.file("repo/src/a.txt", "mine\n");
    let run = sandbox.dispatch(&clean_turn(&[]));
    let wanted = (
        7,
        "refused",
        "uncommitted changes in scope: src/a.txt",
        "commit or stash the changes in scope, or start with --allow-dirty-overlap",
    );
    let wanted = (wanted.0, wanted.1.to_owned(), wanted.2.to_owned(), wanted.3.to_owned());
    assert_eq!(seen(&run), wanted);
    assert_eq!(fs::read_to_string(sandbox.repo().join("src/a.txt")).unwrap(), "mine\n");
}

#[test]
fn a_codex_that_cannot_be_used_is_refused_before_anything_is_made() {
    let npm = "hint: `npm install -g @openai/codex";
    let says = |act: Value| Codex::StandIn(json!({ "--version": [act] }));
    for (codex, words, hint) in [
        (Codex::Missing, "cannot start codex: there is none on PATH", npm),
        (says(json!({ "line": "codex-cli 0.99.0" })), "is too old: at least 0.101.0 is needed", npm),
    ] {
        let sandbox = Sandbox::new();
        sandbox.codex_is(codex);
        assert_unreachable(&sandbox, &[], words, hint);
    }
    let sandbox = Sandbox::new();
    let plain = sandbox.file("bin/codex", "#!/bin/sh\n");
    assert_unreachable(&sandbox, &[], "there is none on PATH", npm);
    let named = ["--codex", plain.to_str().unwrap()];
    assert_unreachable(&sandbox, &named, "is not an executable file", "hint: check --codex or CLODEX_CODEX");
}

#[test]
fn a_codex_that_hangs_when_asked_for_its_version_is_given_up() {
    let sandbox = Sandbox::new();
    sandbox.codex_is(Codex::StandIn(json!({ "--version": [{ "ignore": ["TERM"] }, "hang"] })));
    let begun = Instant::now();
    assert_unreachable(
        &sandbox,
        &[],
        "did not end in 10s and was killed",
        "hint: run `codex --version` by hand",
    );
    assert!(begun.elapsed() < Duration::from_secs(40));
}

#[track_caller]
fn assert_unreachable(sandbox: &Sandbox, args: &[&str], words: &str, hint: &str) {
    let mut command = sandbox.command("clodex-dispatch");
    command.arg("--task").arg(sandbox.packet(&Packet::worker(&["src/"]))).args(args);
    let run = dispatched(command);
    assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{run:?}");
    let (first, second) = run.stderr.trim_end().split_once('\n').unwrap();
    assert!(first.starts_with("clodex-dispatch: ") && first.contains(words), "{run:?}");
    assert!(second.starts_with(hint), "{run:?}");
    assert!(!sandbox.repo().join(".codex-dispatch").exists());
    assert_eq!(fs::read_dir(sandbox.state().join("live")).unwrap().count(), 0);
}

#[test]
fn a_version_that_cannot_be_read_is_noted_and_nothing_is_taken_for_granted() {
    for (act, degraded) in [
        (
            json!({ "line": "codex, somebody's own" }),
            "codex reports no released version (`codex, somebody's own`): nothing is taken for granted",
        ),
        (json!({ "exit": 1 }), "codex does not report its version: nothing is taken for granted"),
    ] {
        let sandbox = Sandbox::new();
        let mut command = sandbox.dispatching(&json!([]));
        sandbox.codex_is(Codex::StandIn(json!({ "--version": [act], "exec": clean_turn(&[]) })));
        command.arg("--quiet");
        let run = dispatched(command);
        assert_eq!(run.told(), (0, "done".into(), "clean".into()), "{run:?}");
        let held = "writes are not held to the scope, only to Codex's own sandbox: the version of codex is not known";
        assert_eq!(run.policy()["degraded"], json!([degraded, held]));
    }
}

#[test]
fn garbage_halves_and_giants_in_the_stream_change_nothing_about_the_turn() {
    let megabyte = format!(
        "{{\"type\":\"item.completed\",\"item\":{{\"type\":\"odd\",\"x\":\"{}\"}}}}",
        "x".repeat(1 << 20)
    );
    let giant = Sandbox::new();
    let file = giant.file("giant", vec![b'x'; 70 << 20]);
    let duplicate = json!({ "line": "{\"type\":\"item.completed\",\"item\":{\"id\":\"item_9\",\"type\":\"agent_message\",\"text\":\"no\",\"text\":\"twice\"}}" });
    for noise in [
        json!({ "bytes": [255, 254, 10, 0, 1, 2, 10, 123, 10] }),
        json!({ "line": "{\"type\":\"item.comple" }),
        json!({ "line": { "type": "unheard.of", "x": 1 } }),
        json!({ "line": { "type": "item.completed", "item": { "type": "unheard_of" } } }),
        json!({ "line": { "type": "error", "message": "Reconnecting... 1/5" } }),
        json!({ "line": { "type": "error", "message": "not the end of the world" } }),
        json!({ "line": { "type": "turn.started" } }),
        json!({ "line": megabyte }),
        json!({ "file": file }),
        json!({ "text": "\n\n\r\n\u{2028}\u{2029}\n" }),
        duplicate,
        message("an earlier word"),
    ] {
        let run = giant.dispatch(&clean_turn(&[noise.clone(), json!({ "line": "" })]));
        let shown = noise.to_string().chars().take(80).collect::<String>();
        assert_eq!(run.told(), (0, "done".into(), "clean".into()), "{shown}: {run:?}");
    }
}

#[test]
fn items_before_the_turn_and_a_last_line_without_its_end_count() {
    let sandbox = Sandbox::new();
    let mut acts = vec![json!("read_stdin"), message("did it\nVERDICT: CLEAN")];
    acts.push(json!({ "line": { "type": "turn.started" } }));
    acts.push(json!({ "text": turn_completed()["line"].to_string() }));
    let run = sandbox.dispatch(&Value::Array(acts));
    assert_eq!(run.told(), (0, "done".into(), "clean".into()), "{run:?}");
}

#[test]
fn a_codex_that_closes_stdout_early_or_does_not_go_after_its_turn_is_done_all_the_same() {
    let mut closes = begun_turn(&[message("did it\nVERDICT: CLEAN"), turn_completed()]);
    closes.extend([
        json!("close_stdout"),
        json!({ "sleep_ms": 1500 }),
        json!({ "sh": "echo late > src/late" }),
    ]);
    let sandbox = Sandbox::new();
    let run = sandbox.dispatch(&Value::Array(closes));
    assert_eq!(run.told(), (0, "done".into(), "clean".into()), "{run:?}");
    // What it does after closing stdout is part of its run.
    assert_eq!(run.policy()["in_scope"], json!(["src/late"]));

    let mut lingers = begun_turn(&[json!({ "ignore": ["TERM", "INT", "HUP"] })]);
    lingers.extend([message("did it\nVERDICT: CLEAN"), turn_completed(), json!("hang")]);
    let begun = Instant::now();
    let sandbox = Sandbox::new();
    let run = sandbox.dispatch(&Value::Array(lingers));
    assert_eq!(run.told(), (0, "done".into(), "clean".into()), "{run:?}");
    assert!(
        begun.elapsed() >= Duration::from_millis(10_500),
        "10 s to go by itself, half a one to obey TERM"
    );
}

#[test]
fn a_flood_costs_little_memory_and_loses_nothing() {
    const LINES: u64 = 400_000;
    let line = json!({ "type": "item.completed", "item": { "id": "item_$N", "type": "command_execution",
        "command": "echo $N", "aggregated_output": "x".repeat(120), "exit_code": 0, "status": "completed" } });
    let sandbox = Sandbox::new();
    let mut command =
        sandbox.dispatching(&clean_turn(&[json!({ "flood": { "line": line, "count": LINES } })]));
    command.arg("--quiet");
    // The shell tells the peak memory of its child in kilobytes.
    let mut measured = sandbox.command("/usr/bin/time");
    measured
        .args(["-f", "%M", "-o"])
        .arg(sandbox.root().join("peak"))
        .arg(command.get_program())
        .args(command.get_args());
    let run = if Path::new("/usr/bin/time").exists() { dispatched(measured) } else { dispatched(command) };
    assert_eq!(run.told(), (0, "done".into(), "clean".into()), "{run:?}");
    let events = fs::read(run.artifacts().join("events.jsonl")).unwrap();
    assert!(events.len() > 90 << 20);
    assert_eq!(events.split(|byte| *byte == b'\n').count() as u64, LINES + 5);
    assert!(run.stdout.len() <= 8 << 10, "{}", run.stdout.len());
    if let Ok(peak) = fs::read_to_string(sandbox.root().join("peak")) {
        let kilobytes: u64 = peak.trim().parse().unwrap();
        assert!(kilobytes < 32 << 10, "{kilobytes} kB");
    }
}

#[test]
fn the_native_codex_behind_npms_wrapper_is_used() {
    let Ok(codex) = real_codex() else { return };
    let Some(_) = &codex.wrapper else { return };
    let (sandbox, model) = (Sandbox::new(), ScriptedModel::start().unwrap());
    sandbox.codex_is(Codex::Wrapper(codex.clone())).model_is(&model);
    let script = json!([{ "do": [{ "say": "did it\nVERDICT: CLEAN" }] }]);
    let mut command = sandbox.command("clodex-dispatch");
    command.arg("--task").arg(sandbox.packet(&Packet::read_only("reviewer").script(&script)));
    let run = dispatched(command);
    let known = fs::read_to_string(sandbox.state().join("codex-version.json")).unwrap();
    assert!(known.contains(codex.native.canonicalize().unwrap().to_str().unwrap()), "{known}");
    assert_eq!(run.result()["codex_version"], "0.169.0", "{run:?}");
}
