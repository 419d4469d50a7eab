//! What of the user's own environment and Codex configuration reaches a run, and what does not.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use clodex_sim::CodexHome;
use clodex_tests::{LIMIT, Packet, binaries, run_with_timeout, text};
use serde_json::{Value, json};

use crate::stage::{Stage, clean, dispatch_with, sh, step};

const CALLERS: [(&str, &str); 8] = [
    ("MOCK_KEY", "provider-secret"),
    ("OPENAI_API_KEY", "caller-openai"),
    ("CODEX_API_KEY", "caller-codex"),
    ("GITHUB_TOKEN", "caller-github"),
    ("MY_SECRET_THING", "caller-thing"),
    ("DB_PASSWORD", "caller-password"),
    ("AWS_ACCESS_KEY_ID", "caller-aws"),
    ("HARMLESS", "caller-harmless"),
];

/// What the worker's commands have in their environment under this configuration.
fn environment_of_the_worker(stage: &Stage, policy: &str) -> (String, String) {
    let home = CodexHome::new(stage.model.port()).env_key("MOCK_KEY").sections(policy);
    stage.sandbox.codex_home_is(&home);
    let packet = Packet::worker(&["src"])
        .script(&json!([step(&[sh("env > src/env.txt; echo kept; sleep 0.3")]), step(&[clean()])]));
    let path = stage.sandbox.packet(&packet);
    let run = dispatch_with(&stage.sandbox, &["--task", path.to_str().unwrap()], b"", &CALLERS).exits(0);
    assert_eq!(stage.asked().last().unwrap().header("authorization"), Some("Bearer provider-secret"));
    let seen = text(stage.sandbox.repo().join("src/env.txt"));
    assert!(seen.contains(&format!("CLODEX_RUN_ID={}\n", run.id())), "{seen}");
    (seen, run.artifact("events.jsonl"))
}

fn assert_no_secret(environment: &str) {
    for (name, value) in &CALLERS[..7] {
        assert!(!environment.contains(value), "{name} in:\n{environment}");
    }
}

#[test]
fn the_provider_gets_its_key_and_the_workers_commands_get_none() {
    let Some(stage) = Stage::real() else { return };
    let (seen, _) = environment_of_the_worker(&stage, "");
    assert_no_secret(&seen);
    assert!(seen.contains("HARMLESS=caller-harmless\n"), "{seen}");
}

#[test]
fn the_runs_mark_survives_a_configuration_that_inherits_little() {
    let Some(stage) = Stage::real() else { return };
    let (seen, _) = environment_of_the_worker(&stage, "[shell_environment_policy]\ninherit = \"core\"");
    assert_no_secret(&seen);
    assert!(!seen.contains("HARMLESS"), "{seen}");
}

/// A home with a server, a notify program and hooks that all leave a trace outside the sandbox.
fn traces(stage: &Stage) -> PathBuf {
    let traces = stage.sandbox.root().join("traces");
    fs::create_dir(&traces).unwrap();
    let touch = |name: &str| format!("touch '{}'", traces.join(name).display());
    let server = binaries().join("clodex-sim-mcp");
    let home = CodexHome::new(stage.model.port()).sections(&format!(
        "[mcp_servers.sim]\ncommand = \"/bin/sh\"\nargs = [\"-c\", \"{}; exec '{}'\"]\n\
         default_tools_approval_mode = \"approve\"\n",
        touch("mcp"),
        server.display()
    ));
    stage.sandbox.codex_home_is(&home);
    let path = stage.sandbox.codex_home().join("config.toml");
    let toml = format!("notify = [\"/bin/sh\", \"-c\", \"{}\"]\n{}", touch("notify"), text(&path));
    fs::write(&path, toml).unwrap();
    let hook = json!([{ "hooks": [{ "type": "command", "command": touch("hook") }] }]);
    let hooks = json!({ "hooks": { "SessionStart": hook, "UserPromptSubmit": hook, "Stop": hook } });
    stage.sandbox.file("codex-home/hooks.json", hooks.to_string());
    traces
}

/// The real Codex, that runs hooks as if the user had trusted them.
fn trusting_codex(stage: &Stage) -> PathBuf {
    let real = fs::canonicalize(stage.sandbox.root().join("bin/codex")).unwrap();
    let real = real.display();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = exec ] || exec '{real}' \"$@\"\nshift\nexec '{real}' exec --dangerously-bypass-hook-trust \"$@\"\n"
    );
    stage.sandbox.program("trusting-codex", &script)
}

fn names(dir: &PathBuf) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn tool() -> Value {
    json!({ "tool": { "namespace": "mcp__sim", "name": "echo", "arguments": { "text": "hello" } } })
}

#[test]
fn servers_hooks_and_notify_of_the_user_are_off() {
    let Some(stage) = Stage::real() else { return };
    let traces = traces(&stage);
    let codex = trusting_codex(&stage);
    // Codex alone starts them: without this the test would show nothing.
    let mut alone = Command::new(&codex);
    alone.args(["exec", "--json", "-s", "workspace-write", "hello"]);
    let env = stage.sandbox.command("codex");
    alone
        .env_clear()
        .envs(env.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(stage.sandbox.repo());
    run_with_timeout(alone, LIMIT);
    assert_eq!(names(&traces), ["hook", "mcp", "notify"]);
    for name in names(&traces) {
        fs::remove_file(traces.join(name)).unwrap();
    }
    let script = json!([step(&[tool()]), step(&[clean()])]);
    let codex = ["--codex", codex.to_str().unwrap()];
    let run = stage.packet(&Packet::worker(&["src"]).script(&script), &codex).exits(0);
    assert_eq!(names(&traces), Vec::<String>::new());
    assert!(!run.artifact("events.jsonl").contains("\"text\":\"hello\""));
}

#[test]
fn a_server_that_the_packet_names_is_on() {
    let Some(stage) = Stage::real() else { return };
    let traces = traces(&stage);
    let script = json!([step(&[tool()]), step(&[clean()])]);
    let packet = Packet::worker(&["src"]).script(&script).with("MCP:\n- sim");
    let run = stage.packet(&packet, &[]).exits(0);
    assert_eq!(names(&traces), ["mcp"]);
    let events = run.artifact("events.jsonl");
    assert!(events.contains(r#""content":[{"type":"text","text":"hello"}]"#), "{events}");
}

#[test]
fn a_server_that_codex_does_not_know_is_refused_with_the_known_ones() {
    let Some(stage) = Stage::real() else { return };
    let packet = Packet::worker(&["src"]).with("MCP: simm");
    stage.packet(&packet, &[]).exits(2).complains(&["simm", "hint: it has no MCP server at all"]);
    traces(&stage);
    stage.packet(&packet, &[]).exits(2).complains(&["simm", "hint: known: sim"]);
    assert!(stage.asked().is_empty());
}
