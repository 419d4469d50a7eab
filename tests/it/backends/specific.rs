//! What belongs to one backend, or to the choice between them.

use std::fs;

use clodex_sim::responses::{Request, embed};
use clodex_tests::{Codex, Dispatched, LIMIT, Packet, Running, Sandbox, binaries, older_codex};
use serde_json::{Value, json};

use crate::stage::{Stage, clean, dispatch_packet, sh, step};

fn packet() -> Packet {
    Packet::worker(&["src/"]).script(&json!([step(&[sh("echo new > src/b.txt")]), step(&[clean()])]))
}

#[test]
fn a_codex_that_is_known_to_be_good_at_it_is_driven_over_its_app_server() {
    let Some(stage) = Stage::real() else { return };
    let run = stage.packet(&packet(), &[]).exits(0);
    assert_eq!(run.record(&stage.sandbox)["backend"], "app-server");
    assert_eq!(run.result()["backend"], "app-server");
    run.says(&["\nbackend   app-server (codex "]);
    let first: Value = serde_json::from_str(run.artifact("events.jsonl").lines().next().unwrap()).unwrap();
    assert_eq!(first["id"], 1, "what Codex said is kept as it said it");
    assert_eq!(run.policy()["degraded"], json!([]));
    assert_eq!(run.policy()["enforcement"], "profile");
}

#[test]
fn a_codex_that_is_not_is_driven_by_exec_and_the_run_says_so() {
    let (Some(stage), Ok(codex)) = (Stage::real(), older_codex("0.124.0")) else { return };
    stage.sandbox.codex_is(Codex::Real(codex));
    let run = stage.packet(&packet(), &[]).exits(0);
    assert_eq!(run.record(&stage.sandbox)["backend"], "exec");
    run.says(&[
        "\nbackend   exec (codex 0.124.0)",
        "uses `codex exec`, ",
        "of codex 0.124.0 is not known to be good",
    ]);
    assert!(run.artifact("events.jsonl").starts_with("{\"type\":\"thread.started\""));
    assert_eq!(run.policy()["in_scope"], json!(["src/b.txt"]));
    // Who names it is not told why.
    let named = stage.packet(&packet(), &["--backend", "exec", "--allow-dirty-overlap"]).exits(0);
    assert!(!named.stdout.contains("uses `codex exec`"), "{named:?}");
}

#[test]
fn codexs_configuration_is_untouched_and_that_of_the_project_is_not_read() {
    let Some(stage) = Stage::real() else { return };
    stage.sandbox.file("repo/.codex/config.toml", "model = \"gpt-of-the-project\"\n");
    stage.sandbox.git(&["add", "--all"]);
    stage.sandbox.git(&["commit", "-qm", "configuration"]);
    let config = stage.sandbox.codex_home().join("config.toml");
    let before = fs::read(&config).unwrap();
    // A scope of everything is what makes Codex trust a directory.
    let all = Packet::worker(&["./"]).script(&json!([step(&[clean()])]));
    for args in [&["--backend", "app-server"][..], &["--backend", "app-server", "--enforcement", "sandbox"]] {
        stage.packet(&all, args).exits(0);
    }
    assert_eq!(fs::read(&config).unwrap(), before);
    let asked = stage.asked();
    assert!(asked.iter().all(|request| !said(request).contains("gpt-of-the-project")));
}

fn said(request: &Request) -> String {
    String::from_utf8_lossy(&request.body).into_owned()
}

/// A Codex that is known to be good at it, and is not.
fn pretender(scene: &Value) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.codex_is(Codex::StandIn(json!({
        "app-server": { "connections": [scene] },
        "sandbox": [{ "sh": "echo 1 > inside/written" }],
    })));
    sandbox
}

fn starts_of_exec(sandbox: &Sandbox) -> usize {
    let starts = sandbox.recorded().into_iter();
    starts.filter(|start| start.argv.iter().any(|word| word == "exec")).count()
}

#[test]
fn an_app_server_that_cannot_be_talked_to_is_replaced_once_before_the_first_turn() {
    for scene in [
        json!({ "connected": ["cut"] }),
        json!({ "initialize": [] }),
        json!({ "initialize": [{ "refuse": [-32600, "not today"] }] }),
        json!({ "thread/start": [{ "refuse": [-32603, "no thread today"] }] }),
    ] {
        let sandbox = pretender(&scene);
        let task = Packet::worker(&["src/"]);
        let run = dispatch_packet(&sandbox, &task, &[]);
        assert_eq!(run.record(&sandbox)["backend"], "exec", "{run:?}");
        let degraded = run.policy()["degraded"].to_string();
        assert!(degraded.contains("codex's app-server was of no use"), "{degraded}");
        assert_eq!(starts_of_exec(&sandbox), 1);
    }
}

#[test]
fn nothing_takes_the_place_of_a_backend_that_was_named_or_whose_turn_was_asked_for() {
    let refused = pretender(&json!({ "initialize": [{ "refuse": [-1, "no"] }] }));
    let run = dispatch_packet(&refused, &Packet::worker(&["src/"]), &["--backend", "app-server"]).exits(3);
    run.says(&["codex refused `initialize`: no"]);

    // It opens the thread without the profile that was asked for.
    let open = pretender(&json!({}));
    let run = dispatch_packet(&open, &Packet::worker(&["src/"]), &[]).exits(3);
    run.says(&["codex opened the thread without profile"]);
    assert!(!run.artifact("events.jsonl").contains("turn/started"));

    let died = pretender(&json!({ "turn/start": [{ "die": "KILL" }] }));
    let held = ["--enforcement", "sandbox"];
    let run = dispatch_packet(&died, &Packet::worker(&["src/"]), &held).exits(1);
    run.says(&["codex was killed by signal 9"]);
    // Killed before its turn: whoever did that does not want another one.
    let killed = pretender(&json!({ "thread/start": [{ "die": "KILL" }] }));
    let run = dispatch_packet(&killed, &Packet::worker(&["src/"]), &[]).exits(1);
    run.says(&["codex was killed by signal 9"]);
    for sandbox in [&refused, &open, &died, &killed] {
        assert_eq!(starts_of_exec(sandbox), 0);
    }
}

#[test]
fn a_checkpoint_is_forked_into_parallel_runs() {
    let Some(stage) = Stage::real() else { return };
    let ask = |words: &str| format!("{words} {}", embed(&json!([step(&[clean()])])));
    for backend in ["app-server", "exec"] {
        let first = stage.run(&["--backend", backend, &ask("which of the two is right?")]).exits(0);
        let thread = first.result()["thread_id"].clone();
        let forks: Vec<Running> = (0..4)
            .map(|n| {
                let prompt = ask(&format!("and why, number {n}?"));
                let args = ["--backend", backend, "--fork", &first.id(), &prompt];
                Running::start(stage.sandbox.dispatcher(&args), b"")
            })
            .collect();
        let forks: Vec<Dispatched> =
            forks.into_iter().map(|run| Dispatched::of(run.finish(LIMIT)).exits(0)).collect();
        let mut threads: Vec<Value> = forks.iter().map(|run| run.result()["thread_id"].clone()).collect();
        threads.sort_by_key(Value::to_string);
        threads.dedup();
        assert!(threads.len() == 4 && !threads.contains(&thread), "{threads:?}");
        for run in &forks {
            assert_eq!(run.result()["tokens"]["input"], 1000, "{backend}: its own tokens, not the thread's");
        }
        // The copies know what was said, the original does not know of them.
        let asked = stage.asked();
        let of_forks = asked.iter().filter(|request| said(request).contains("and why, number"));
        assert!(of_forks.clone().count() >= 4);
        assert!(of_forks.into_iter().all(|request| said(request).contains("which of the two")));
    }
}

#[test]
fn a_server_for_one_run_is_ready_before_the_turn_or_there_is_none() {
    let Some(stage) = Stage::real() else { return };
    let echo =
        json!({ "tool": { "namespace": "mcp__docs", "name": "echo", "arguments": { "text": "hello" } } });
    let packet = Packet::read_only("reviewer").script(&json!([step(&[echo]), step(&[clean()])]));
    let server = format!("docs=sleep 0.5; exec '{}'", binaries().join("clodex-sim-mcp").display());
    for backend in ["app-server", "exec"] {
        let run = stage.packet(&packet, &["--backend", backend, "--mcp", &server]).exits(0);
        assert!(run.artifact("events.jsonl").contains("hello"), "{backend}");
        let asked = stage.asked().len();
        let run = stage.packet(&packet, &["--backend", backend, "--mcp", "docs=exit 3"]).exits(3);
        assert_eq!(run.record(&stage.sandbox)["backend"], backend);
        assert_eq!(stage.asked().len(), asked, "nothing was asked of the model");
    }
    let taken = "[mcp_servers.docs]\ncommand = \"true\"\n";
    let config = stage.sandbox.codex_home().join("config.toml");
    fs::write(&config, fs::read_to_string(&config).unwrap() + taken).unwrap();
    stage.packet(&packet, &["--mcp", &server]).exits(2).complains(&["has an MCP server `docs` already"]);
    let twice = ["--mcp", "more=true", "--mcp", "more=false"];
    stage.packet(&packet, &twice).exits(2).complains(&["--mcp gives two servers the name `more`"]);
}
