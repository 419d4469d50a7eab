//! The scripted model, proven by the real Codex: what Codex makes of each kind of answer.

use std::fs;
use std::process::{Command, Output};

use clodex_sim::responses::embed;
use clodex_sim::{CodexHome, ScriptedModel};
use clodex_tests::{
    Codex, LIMIT, RealCodex, Running, Sandbox, binaries, eventually, real_codex, run_with_timeout,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// A sandbox whose real Codex talks to a scripted model.
fn stage(codex: RealCodex) -> (Sandbox, ScriptedModel) {
    let (sandbox, model) = (Sandbox::new(), ScriptedModel::start().unwrap());
    sandbox.codex_is(Codex::Real(codex)).model_is(&model);
    (sandbox, model)
}

fn codex_exec(sandbox: &Sandbox) -> Command {
    let mut codex = sandbox.command("codex");
    codex.args(["exec", "--json", "-s", "workspace-write", "--disable", "unbounded_connection_retries", "-"]);
    codex
}

/// Runs a script to its end, and returns Codex's events and exit code.
fn run(sandbox: &Sandbox, script: &Value) -> (Vec<Value>, Option<i32>) {
    let output = Running::start(codex_exec(sandbox), embed(script).as_bytes()).finish(LIMIT);
    (events(&output), output.status.code())
}

fn events(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The error message of a turn that has failed, which comes last.
fn failure(events: &[Value]) -> &str {
    let last = events.last().unwrap();
    assert_eq!(last["type"], "turn.failed");
    last["error"]["message"].as_str().unwrap()
}

fn messages(events: &[Value]) -> Vec<&str> {
    let items = events.iter().map(|event| &event["item"]).filter(|item| item["type"] == "agent_message");
    items.map(|item| item["text"].as_str().unwrap()).collect()
}

#[test]
fn a_turn_with_patch_command_and_message_takes_place() {
    let Ok(codex) = real_codex() else { return };
    let (sandbox, _model) = stage(codex);
    let patch = "*** Begin Patch\n*** Update File: src/a.txt\n@@\n-a\n+A\n*** Add File: src/new.txt\n+new\n*** End Patch";
    let (mut events, code) = run(
        &sandbox,
        &json!([
            { "do": [{ "think": "**Hm**" }, { "say": "I patch" }, { "patch": patch }] },
            { "do": [{ "run": "echo shell; sleep 0.3; exit 3" }] },
            { "do": [{ "search": "rust pidfd" }, { "run": { "cmd": "read x; echo got $x", "tty": true, "yield_time_ms": 300 } }] },
            { "do": [{ "stdin": "input\n" }] },
            { "do": [{ "say": { "text": "final", "deltas": 2 } }], "stream_ms": 5,
              "usage": { "input": 1, "cached": 0, "output": 2, "reasoning": 0 } },
        ]),
    );
    events[0]["thread_id"] = "T".into();
    let in_repo = |name| sandbox.repo().join(name);
    let changed = json!([{ "path": in_repo("src/a.txt"), "kind": "update" }, { "path": in_repo("src/new.txt"), "kind": "add" }]);
    let execution = |id, command, output, code: Option<i32>, status| {
        json!({ "id": id, "type": "command_execution", "command": command, "aggregated_output": output,
                "exit_code": code, "status": status })
    };
    let shell = "/bin/bash -lc 'echo shell; sleep 0.3; exit 3'";
    let read = "/bin/bash -lc 'read x; echo got $x'";
    let started = |item| json!({ "type": "item.started", "item": item });
    let completed = |item| json!({ "type": "item.completed", "item": item });
    // Codex writes the key `id` twice here; the last one is read.
    let search =
        |query, action| json!({ "id": "ws_3_0", "type": "web_search", "query": query, "action": action });
    assert_eq!(
        events,
        [
            json!({ "type": "thread.started", "thread_id": "T" }),
            json!({ "type": "turn.started" }),
            completed(json!({ "id": "item_0", "type": "reasoning", "text": "**Hm**" })),
            completed(json!({ "id": "item_1", "type": "agent_message", "text": "I patch" })),
            started(
                json!({ "id": "item_2", "type": "file_change", "changes": changed, "status": "in_progress" })
            ),
            completed(
                json!({ "id": "item_2", "type": "file_change", "changes": changed, "status": "completed" })
            ),
            started(execution("item_3", shell, "", None, "in_progress")),
            completed(execution("item_3", shell, "shell\n", Some(3), "failed")),
            started(search("", json!({ "type": "other" }))),
            completed(search("rust pidfd", json!({ "type": "search", "query": "rust pidfd" }))),
            started(execution("item_5", read, "", None, "in_progress")),
            completed(execution("item_5", read, "input\r\ngot input\r\n", Some(0), "completed")),
            completed(json!({ "id": "item_6", "type": "agent_message", "text": "final" })),
            json!({ "type": "turn.completed", "usage": {
                "input_tokens": 4001, "cached_input_tokens": 800, "cache_write_input_tokens": 0,
                "output_tokens": 202, "reasoning_output_tokens": 28 } }),
        ]
    );
    assert_eq!(code, Some(0));
    assert_eq!(fs::read_to_string(in_repo("src/a.txt")).unwrap(), "A\n");
}

#[test]
fn a_usage_limit_fails_the_turn_at_once() {
    let Ok(codex) = real_codex() else { return };
    let (sandbox, model) = stage(codex);
    let error = json!({ "type": "usage_limit_reached", "message": "limit", "plan_type": "plus", "resets_in_seconds": 60 });
    let headers = json!({ "x-codex-primary-used-percent": "100" });
    let (events, code) = run(&sandbox, &json!([{ "status": 429, "error": error, "headers": headers }]));
    assert!(failure(&events).contains("hit your usage limit"), "{events:?}");
    assert_eq!((code, responses(&model)), (Some(1), 1));
}

#[test]
fn a_cut_stream_is_tried_again_and_recovers() {
    let Ok(codex) = real_codex() else { return };
    let (sandbox, model) = stage(codex);
    let script = json!([{ "do": [{ "say": "partial" }], "cut": true }, { "do": [{ "say": "recovered" }] }]);
    let (events, code) = run(&sandbox, &script);
    assert_eq!(messages(&events), ["partial", "recovered"]);
    let errors: Vec<_> = events.iter().filter(|event| event["type"] == "error").collect();
    assert_eq!(errors.len(), 1);
    assert!(errors[0]["message"].as_str().unwrap().starts_with("Reconnecting... 1/5 (stream disconnected"));
    assert_eq!((code, responses(&model)), (Some(0), 2));
}

#[test]
fn a_model_that_does_not_exist_fails_the_turn_with_the_servers_words() {
    let Ok(codex) = real_codex() else { return };
    let (sandbox, _model) = stage(codex);
    let error = json!({ "code": "model_not_found", "message": "The model `gpt-5.5` does not exist" });
    let (events, code) = run(&sandbox, &json!([{ "status": 404, "error": error }]));
    assert!(failure(&events).contains("The model `gpt-5.5` does not exist"), "{events:?}");
    assert_eq!(code, Some(1));
}

#[test]
fn a_failed_and_an_incomplete_response_fail_the_turn() {
    let Ok(codex) = real_codex() else { return };
    let (sandbox, _model) = stage(codex);
    let (events, code) =
        run(&sandbox, &json!([{ "failed": { "code": "context_length_exceeded", "message": "x" } }]));
    assert!(failure(&events).contains("ran out of room"), "{events:?}");
    assert_eq!(code, Some(1));
    let (events, code) =
        run(&sandbox, &json!([{ "do": [{ "say": "half" }], "incomplete": "max_output_tokens" }]));
    assert!(failure(&events).contains("max_output_tokens"), "{events:?}");
    assert_eq!(code, Some(1));
}

#[test]
fn a_silent_stream_lasts_until_codex_goes_away() {
    let Ok(codex) = real_codex() else { return };
    let (sandbox, model) = stage(codex);
    let mut running = Running::start(codex_exec(&sandbox), embed(&json!([{ "silence": true }])).as_bytes());
    running.stdout_with("turn.started", LIMIT);
    eventually(LIMIT, || (responses(&model) == 1 && model.open_connections() == 1).then_some(()));
    running.signal(Signal::SIGTERM);
    let output = running.finish(LIMIT);
    assert_eq!(events(&output).last().unwrap()["type"], "turn.started");
    eventually(LIMIT, || (model.open_connections() == 0).then_some(()));
}

#[test]
fn pings_do_not_keep_a_silent_stream_from_timing_out() {
    let Ok(codex) = real_codex() else { return };
    let (sandbox, model) = stage(codex);
    let home = CodexHome::new(model.port());
    sandbox.codex_home_is(
        &home.provider_line("stream_idle_timeout_ms = 700").provider_line("stream_max_retries = 0"),
    );
    let (events, code) = run(&sandbox, &json!([{ "silence": true, "ping_ms": 50 }]));
    assert!(failure(&events).contains("idle timeout"), "{events:?}");
    assert_eq!(code, Some(1));
}

#[test]
fn an_mcp_tool_answers_and_its_server_works_outside_the_sandbox() {
    let Ok(codex) = real_codex() else { return };
    let (sandbox, model) = stage(codex);
    let server = binaries().join("clodex-sim-mcp");
    sandbox.codex_home_is(&CodexHome::new(model.port()).sections(&format!(
        "[mcp_servers.sim]\ncommand = {server:?}\ndefault_tools_approval_mode = \"approve\""
    )));
    let outside = sandbox.root().join("outside.txt");
    let tool = |name, arguments| json!({ "tool": { "namespace": "mcp__sim", "name": name, "arguments": arguments } });
    let script = json!([
        { "do": [tool("echo", json!({ "text": "hello" }))] },
        { "do": [tool("sh", json!({ "cmd": format!("echo x > '{}'", outside.display()) }))] },
        { "do": [{ "say": "done" }] },
    ]);
    let (events, code) = run(&sandbox, &script);
    let called = events.iter().find(|event| event["type"] == "item.completed").unwrap();
    assert_eq!(
        called["item"]["result"]["content"],
        json!([{ "type": "text", "text": "hello" }]),
        "{events:?}"
    );
    assert_eq!((fs::read_to_string(outside).unwrap().as_str(), code), ("x\n", Some(0)));
}

#[test]
fn a_large_prompt_arrives_byte_for_byte() {
    let Ok(codex) = real_codex() else { return };
    let (sandbox, model) = stage(codex);
    let line = "\"quotes\" 'single' `ticks` $(touch PWNED) \\n --write ✓ 🦀 \u{2028} \t end\r\n";
    let prompt = line.repeat(200_000 / line.len() + 1);
    let output = Running::start(codex_exec(&sandbox), prompt.as_bytes()).finish(LIMIT);
    assert_eq!(messages(&events(&output)), ["All done."]);
    let requests = model.requests();
    let request = requests.iter().find(|request| request.path == "/v1/responses").unwrap();
    assert!(request.prompt().unwrap() == prompt);
}

#[test]
fn the_providers_key_comes_from_the_environment_that_the_home_names() {
    let Ok(codex) = real_codex() else { return };
    let (sandbox, model) = stage(codex);
    sandbox.codex_home_is(&CodexHome::new(model.port()).env_key("MOCK_KEY"));
    let (events, code) = run(&sandbox, &json!([]));
    assert_eq!((failure(&events), code), ("Missing environment variable: `MOCK_KEY`.", Some(1)));
    let mut codex = codex_exec(&sandbox);
    codex.env("MOCK_KEY", "secret");
    let output = Running::start(codex, b"hello").finish(LIMIT);
    assert!(output.status.success());
    let requests = model.requests();
    let request = requests.iter().find(|request| request.path == "/v1/responses").unwrap();
    assert_eq!(request.header("authorization"), Some("Bearer secret"));
}

#[test]
fn npms_wrapper_is_the_same_codex() {
    let Ok(codex) = real_codex() else { return };
    if codex.wrapper.is_none() {
        return;
    }
    let (sandbox, _model) = stage(codex.clone());
    let version = |which| {
        let mut command = sandbox.codex_is(which).command("codex");
        command.arg("--version");
        String::from_utf8(run_with_timeout(command, LIMIT).stdout).unwrap()
    };
    let native = version(Codex::Real(codex.clone()));
    assert!(native.starts_with("codex-cli "), "{native}");
    assert_eq!(version(Codex::Wrapper(codex)), native);
}

/// How many times the model was asked.
fn responses(model: &ScriptedModel) -> usize {
    model.requests().iter().filter(|request| request.path == "/v1/responses").count()
}
