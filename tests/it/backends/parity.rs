//! Every scenario through both backends, with the real Codex: but for times and ids the results are the same.

use std::fs;

use clodex_sim::CodexHome;
use clodex_tests::{Dispatched, LIMIT, Packet, Underway, eventually, run_with_timeout};
use serde_json::{Value, json};

use crate::stage::{ONE_PIXEL, Stage, clean, sh, step};

const PATCH: &str = "*** Begin Patch\n*** Update File: src/a.txt\n@@\n-a\n+A\n*** Add File: src/new.txt\n+new\n\
                     *** Delete File: src/b.txt\n*** End Patch";
const BACKENDS: [&str; 2] = ["exec", "app-server"];

/// What two runs have in common that do the same: the exit code, and what `result.json`, `policy.json` and the report
/// say, without what names this one run or measures it.
fn normalised(stage: &Stage, run: &Dispatched) -> Value {
    let result = run.result();
    let mut names = [
        (stage.sandbox.root().display().to_string(), "BOX"),
        (run.id(), "RUN"),
        (format!("127.0.0.1:{}", stage.model.port()), "MODEL"),
        (result["thread_id"].as_str().unwrap_or("no thread").to_owned(), "THREAD"),
    ];
    // The longest first: one name may be part of another.
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let plain = |text: &str| {
        let text = names.iter().fold(text.to_owned(), |text, (name, word)| text.replace(name.as_str(), word));
        without_durations(&text)
    };
    let mut told = json!({ "code": run.code, "result": result, "policy": run.policy() });
    told["result"]["durations"].take();
    told["result"]["backend"].take();
    // Only an app-server tells them before the turn has ended.
    if run.code == 130 {
        told["result"]["tokens"].take();
    }
    for entry in told["result"]["verification"].as_array_mut().unwrap() {
        if let Some(check) = entry.get_mut("check").and_then(Value::as_object_mut) {
            check.remove("duration_ms");
        }
    }
    // Whether a sandbox of Codex's is gone an instant before Codex or after it.
    told["policy"]["stragglers_killed"].take();
    for seen in told["result"]["commands_seen"].as_array_mut().unwrap() {
        seen["duration_ms"].take();
    }
    told["report"] = report(&run.stdout, plain).into();
    serde_json::from_str(&plain(&told.to_string())).unwrap()
}

/// The report without its figures and digests, and without an id that is cut where the line ends.
fn report(stdout: &str, plain: impl Fn(&str) -> String) -> Vec<String> {
    let is_of_this_run = |line: &&str| {
        ["took ", "seal ", "backend ", "  passed "].iter().any(|word| line.starts_with(word))
            || line.contains("straggler")
    };
    let lines = stdout.lines().filter(|line| !is_of_this_run(line));
    lines.map(|line| plain(line.split("--resume").next().unwrap_or_default())).collect()
}

/// `103 ms` and `2.4 s` at the end of a line become `T`.
fn without_durations(line: &str) -> String {
    match line.rsplit_once("  ") {
        Some((rest, last)) if last.ends_with("ms") || last.ends_with(" s") => format!("{rest}  T"),
        _ => line.to_owned(),
    }
}

/// Runs a scenario through both and compares; the run over the app-server is given back with its stage.
#[track_caller]
fn same(scenario: impl Fn(&Stage, &[&str]) -> Dispatched) -> Option<(Stage, Dispatched)> {
    let mut told = Vec::new();
    let mut last = None;
    for backend in BACKENDS {
        let stage = Stage::real()?;
        let run = scenario(&stage, &["--backend", backend]);
        has_run_over(backend, &stage, &run);
        told.push(normalised(&stage, &run));
        last = Some((stage, run));
    }
    let [exec, app_server] = &told[..] else { unreachable!("there are two backends") };
    for part in ["code", "policy", "result", "report"] {
        assert_eq!(app_server[part], exec[part], "the {part} is another");
    }
    last
}

/// Both were really asked for it, or there would be nothing to compare.
#[track_caller]
fn has_run_over(backend: &str, stage: &Stage, run: &Dispatched) {
    assert_eq!(run.record(&stage.sandbox)["backend"], backend);
    assert_eq!(run.result()["backend"], backend);
    assert_eq!(run.policy()["degraded"].to_string().matches("was of no use").count(), 0, "{run:?}");
    let events = run.artifact("events.jsonl");
    let first: Value = serde_json::from_str(events.lines().next().unwrap()).unwrap();
    match backend {
        "exec" => assert_eq!(first["type"], "thread.started"),
        _ => assert_eq!(first["id"], 1),
    }
    let turns = ["turn.started", "turn/started"].map(|word| events.matches(&format!("\"{word}\"")).count());
    assert_eq!(turns.iter().sum::<usize>(), 1, "{events}");
    assert!(!stage.asked().is_empty(), "the model was asked for nothing");
}

#[track_caller]
fn same_script(script: &Value, code: i32) -> Option<(Stage, Dispatched)> {
    let packet = Packet::worker(&["src/"]).script(script);
    same(|stage, args| stage.packet(&packet, args).exits(code))
}

#[test]
fn thoughts_messages_patches_and_commands() {
    let script = json!([
        step(&[json!({ "think": "**Hm**" }), json!({ "say": "I begin" }), json!({ "patch": PATCH })]),
        step(&[sh("echo shell > src/shell.txt; sleep 0.3")]),
        step(&[sh("exit 3")]),
        step(&[sh("true")]),
        step(&[clean()]),
    ]);
    let Some((_stage, run)) = same_script(&script, 0) else { return };
    assert_eq!(run.policy()["in_scope"], json!(["src/a.txt", "src/b.txt", "src/new.txt", "src/shell.txt"]));
    assert_eq!(run.result()["files_seen"], json!(["src/a.txt", "src/b.txt", "src/new.txt"]));
    let seen = run.result()["commands_seen"].clone();
    let codes: Vec<&Value> = seen.as_array().unwrap().iter().map(|seen| &seen["exit_code"]).collect();
    assert_eq!(codes, [0, 3, 0]);
    assert_eq!(run.result()["tokens"]["input"], 5000);
    // What Codex tells piece by piece was not wanted.
    for word in ["/delta", "Delta\"", "turn/diff/updated"] {
        assert!(!run.artifact("events.jsonl").contains(word), "{word}");
    }
}

#[test]
fn a_violation_where_only_the_sandbox_holds() {
    let script = json!([step(&[sh("echo x > outside.txt; sleep 0.3")]), step(&[clean()])]);
    let packet = Packet::worker(&["src/"]).script(&script);
    let ran =
        same(|stage, args| stage.packet(&packet, &[args, &["--enforcement", "sandbox"]].concat()).exits(6));
    let Some((_stage, run)) = ran else { return };
    assert_eq!(run.violations(), ["outside.txt"]);
}

#[test]
fn a_write_outside_the_scope_is_prevented() {
    let script = json!([step(&[sh("sleep 0.3; echo x > outside.txt || exit 9")]), step(&[clean()])]);
    let Some((_stage, run)) = same_script(&script, 0) else { return };
    assert_eq!(run.policy()["verdict"], "clean");
}

#[test]
fn a_run_that_nothing_holds_back() {
    let script = json!([step(&[sh("echo x > outside.txt; sleep 0.3")]), step(&[clean()])]);
    let packet = Packet::worker(&["src/"]).script(&script);
    let unheld = ["-s", "danger-full-access", "--enforcement", "none", "--i-know-this-is-unsandboxed"];
    let ran = same(|stage, args| stage.packet(&packet, &[args, &unheld].concat()).exits(6));
    let Some((_stage, run)) = ran else { return };
    assert_eq!(
        (&run.violations()[..], &run.policy()["enforcement"]),
        (&["outside.txt".to_owned()][..], &json!("none"))
    );
}

#[test]
fn a_run_in_a_worktree_that_is_checked_afterwards() {
    let script = json!([step(&[sh("echo new > src/b.txt; sleep 0.3")]), step(&[clean()])]);
    let packet = Packet::worker(&["src/"]).checked_by(&["grep -q new src/b.txt"]).script(&script);
    let ran =
        same(|stage, args| stage.packet(&packet, &[args, &["--isolate", "--verify"]].concat()).exits(0));
    let Some((stage, run)) = ran else { return };
    assert_eq!(run.result()["verification"][0]["check"]["status"], "passed");
    assert_eq!(run.policy()["in_scope"], json!(["src/b.txt"]));
    assert_eq!(
        fs::read_to_string(stage.sandbox.repo().join("src/b.txt")).unwrap(),
        "b\n",
        "it has not landed"
    );
}

#[test]
fn an_image_is_seen_and_no_thread_is_kept() {
    let packet = Packet::read_only("reviewer").script(&json!([step(&[clean()])]));
    let ran = same(|stage, args| {
        let image = stage.sandbox.file("dot.png", ONE_PIXEL);
        let run = [args, &["--ephemeral", "--image", image.to_str().unwrap()]].concat();
        let run = stage.packet(&packet, &run).exits(0);
        let asked = String::from_utf8_lossy(&stage.asked()[0].body).into_owned();
        assert!(asked.contains("data:image/png;base64,"), "{asked}");
        assert!(!stage.sandbox.codex_home().join("sessions").exists());
        run
    });
    let Some((_stage, run)) = ran else { return };
    assert_eq!(run.result()["resume"], Value::Null);
}

#[test]
fn a_reviewer_reads_and_an_empty_answer_delivers_nothing() {
    let packet =
        Packet::read_only("reviewer").script(&json!([step(&[sh("cat src/a.txt")]), step(&[clean()])]));
    let Some((_stage, run)) = same(|stage, args| stage.packet(&packet, args).exits(0)) else { return };
    assert_eq!(run.result()["commands_seen"][0]["command"], "cat src/a.txt");
    same_script(&json!([step(&[json!({ "say": "" })])]), 8);
}

#[test]
fn an_answer_that_breaks_the_users_own_schema() {
    let script = json!([step(&[json!({ "answer": { "n": "one" } })])]);
    let packet = Packet::read_only("reviewer").script(&script);
    same(|stage, args| {
        let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } },
                             "required": ["n"], "additionalProperties": false });
        stage.sandbox.file("schema.json", schema.to_string());
        let schema = stage.sandbox.root().join("schema.json");
        stage.packet(&packet, &[args, &["--output-schema", schema.to_str().unwrap()]].concat()).exits(5)
    });
}

#[test]
fn a_big_output_is_one_command() {
    let Some((_stage, run)) = same_script(&json!([step(&[sh("seq 1 200000")]), step(&[clean()])]), 0) else {
        return;
    };
    assert_eq!(run.result()["commands_seen"].as_array().unwrap().len(), 1);
}

/// A provider that Codex does not ask for long.
fn impatient(stage: &Stage) {
    let home = CodexHome::new(stage.model.port());
    let quick = home.provider_line("request_max_retries = 0").provider_line("stream_max_retries = 1");
    stage.sandbox.codex_home_is(&quick);
}

#[test]
fn models_that_fail_and_streams_that_break() {
    let usage = json!({ "type": "usage_limit_reached", "message": "limit", "plan_type": "plus" });
    let cut = json!({ "do": [{ "say": "half of it" }], "cut": true });
    for (script, code) in [
        (json!([{ "status": 500 }, { "status": 500 }, { "status": 500 }, { "status": 500 }]), 1),
        (json!([{ "status": 429, "error": usage }]), 1),
        (
            json!([{ "status": 401, "error": { "message": "no" } }, { "status": 401, "error": { "message": "no" } }]),
            3,
        ),
        (json!([{ "failed": { "code": "context_length_exceeded", "message": "x" } }]), 1),
        (json!([{ "incomplete": "max_output_tokens" }, { "incomplete": "max_output_tokens" }]), 1),
        (json!([cut, step(&[clean()])]), 0),
        (json!([cut, cut, cut]), 3),
    ] {
        let packet = Packet::worker(&["src/"]).script(&script);
        let ran = same(|stage, args| {
            impatient(stage);
            stage.packet(&packet, args).exits(code)
        });
        if ran.is_none() {
            return;
        }
    }
}

#[test]
fn a_run_that_is_cancelled() {
    let packet = Packet::worker(&["src/"])
        .script(&json!([
            step(&[json!({ "say": "I begin" }), sh("true")]),
            step(&[sh("echo > src/begun; sleep 300")]),
        ]))
        .with("NAME: slow");
    let ran = same(|stage, args| {
        let path = stage.sandbox.packet(&packet);
        let args = [&["--task", path.to_str().unwrap()], args].concat();
        let run = Underway::start(stage.sandbox.dispatcher(&args));
        eventually(LIMIT, || stage.sandbox.repo().join("src/begun").exists().then_some(()));
        // As Codex tells it: the prompt holds the words of the script.
        run.until_told("-lc 'echo > src/begun");
        assert!(run_with_timeout(stage.sandbox.cancel(&["slow"]), LIMIT).status.success());
        run.finish().exits(130)
    });
    let Some((_stage, run)) = ran else { return };
    // What the model was paid for until then; of an answer Codex tells when its commands have ended.
    assert!(run.result()["tokens"]["input"].as_u64() >= Some(1000), "{run:?}");
}

#[test]
fn runs_that_the_watchdog_ends() {
    let slow = Packet::worker(&["src/"]).script(&json!([step(&[sh("sleep 300")])]));
    let silent =
        Packet::worker(&["src/"]).script(&json!([{ "do": [{ "say": "I begin" }], "silence": true }]));
    // How far each comes before that depends on the machine; how it ends does not.
    for (packet, limit, outcome) in
        [(slow, "--timeout-sec", "timed-out"), (silent, "--heartbeat-sec", "stalled")]
    {
        for backend in BACKENDS {
            let Some(stage) = Stage::real() else { return };
            let run = stage.packet(&packet, &["--backend", backend, limit, "4"]);
            assert_eq!(run.told(), (4, outcome.to_owned(), "clean".to_owned()), "{backend}");
            assert_eq!(run.policy()["watchdog_killed"], true);
        }
    }
}

#[test]
fn a_thread_that_goes_on_counts_its_own_tokens() {
    let packet = Packet::worker(&["src/"]).script(&json!([step(&[clean()])]));
    let ran = same(|stage, args| {
        let first = stage.packet(&packet, args).exits(0);
        let second = stage.packet(&packet, &[args, &["--resume", &first.id()]].concat()).exits(0);
        assert_eq!(second.result()["thread_id"], first.result()["thread_id"]);
        second
    });
    let Some((_stage, run)) = ran else { return };
    assert_eq!(run.result()["tokens"]["input"], 1000);
}

#[test]
fn a_thread_that_is_not_there_fails_the_turn() {
    let packet = Packet::worker(&["src/"]).script(&json!([step(&[clean()])]));
    for backend in BACKENDS {
        let Some(stage) = Stage::real() else { return };
        let unknown = "01a1fbc7-bb57-7293-99d2-e4e427410296";
        let run = stage.packet(&packet, &["--backend", backend, "--resume", unknown]).exits(1);
        run.says(&["no rollout found for thread id", "the thread id from `clodex-status --all`"]);
    }
}
