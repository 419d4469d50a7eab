//! How clodex-claude ends when things do not end well, with the real Claude Code: one object and one exit code on every
//! path, and nothing of Claude Code left behind (the sandbox looks for that itself).

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use clodex_sim::messages::embed;
use clodex_tests::{ClaudeStage, LIMIT, Running, Sandbox, eventually, run_with_timeout};
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::{Value, json};

#[track_caller]
fn object(output: &std::process::Output) -> Value {
    let object: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    assert_eq!(object["exit_code"], output.status.code().unwrap(), "{object}");
    object
}

/// What matters of an object: code, status, kind of trouble.
fn end(object: &Value) -> (u64, &str, &str) {
    let [status, kind] =
        [&object["status"], &object["error"]["kind"]].map(|word| word.as_str().unwrap_or(""));
    (object["exit_code"].as_u64().unwrap(), status, kind)
}

/// A question over which Claude runs a command that makes this file and never ends.
fn endless(made: &Path) -> String {
    let command = format!("touch {} && exec tail -f /dev/null", made.display());
    let call = json!({ "name": "Bash", "input": { "command": command, "description": "x" } });
    embed(&json!([{ "do": [{ "say": "begun" }, { "tool": call }] }]))
}

#[test]
fn what_cannot_begin_is_told_as_one_object() {
    let sandbox = Sandbox::new();
    sandbox.file("repo/schema.json", "[1]");
    for (arguments, wanted) in [
        (&["--json", "--bogus"][..], (2, "not-started", "usage")),
        (&["--json", "x", "--output-schema", "schema.json"], (2, "not-started", "usage")),
        (&["--json", "x", "--add-dir", "missing"], (2, "not-started", "usage")),
        (&["--json", "--prompt-file", "missing"], (2, "not-started", "usage")),
        (&["--json", "x", "--thread-id", "s", "--ephemeral"], (2, "not-started", "usage")),
        (&["--json", "x"], (3, "not-started", "unreachable")),
        (&["--json", "x", "--claude", "missing"], (3, "not-started", "unreachable")),
    ] {
        let mut asking = sandbox.command("clodex-claude");
        asking.args(arguments);
        let told = object(&run_with_timeout(asking, LIMIT));
        assert_eq!(end(&told), wanted, "{arguments:?}: {told}");
    }
}

/// A pipe whose other end is not written to, as somebody's who has begun to type.
#[test]
fn a_signal_is_heard_while_the_prompt_is_waited_for() {
    let sandbox = Sandbox::new();
    let pipe = sandbox.root().join("pipe");
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    for program in ["clodex-claude", "clodex-thread"] {
        let mut asking = sandbox.command(program);
        asking.args(["--json", "--prompt-file"]).arg(&pipe);
        let running = Running::start(asking, b"");
        // It can be written to as soon as somebody reads.
        let mut writing = fs::OpenOptions::new();
        writing.write(true).custom_flags(OFlag::O_NONBLOCK.bits());
        let _open = eventually(LIMIT, || writing.open(&pipe).ok());
        running.signal(Signal::SIGINT);
        let told = object(&running.finish(LIMIT));
        assert_eq!(end(&told), (130, "not-started", "interrupted"), "{program}: {told}");
    }
}

#[test]
fn a_claude_that_ends_before_its_turn_has_not_begun_one() {
    let sandbox = Sandbox::new();
    let begun = r#"echo '{"type":"system","subtype":"init","session_id":"s"}'"#;
    for (script, wanted) in [
        ("echo oops >&2; exit 3", (3, "not-started", "unreachable")),
        (begun, (3, "unknown", "connection-lost")),
        ("echo nonsense", (5, "unknown", "protocol")),
    ] {
        let claude = sandbox.program("claude", &format!("#!/bin/sh\n{script}\n"));
        let mut asking = sandbox.command("clodex-claude");
        asking.args(["--json", "x"]).env("CLODEX_CLAUDE", claude);
        let told = object(&run_with_timeout(asking, LIMIT));
        assert_eq!(end(&told), wanted, "{script}: {told}");
    }
}

#[test]
fn a_sandbox_of_codex_without_network_is_told_at_once() {
    let sandbox = Sandbox::new();
    let claude = sandbox.program("claude", "#!/bin/sh\ntouch started\n");
    let mut asking = sandbox.command("clodex-claude");
    asking.args(["--json", "x"]).env("CODEX_SANDBOX_NETWORK_DISABLED", "1").env("CLODEX_CLAUDE", claude);
    let told = object(&run_with_timeout(asking, LIMIT));
    assert_eq!(end(&told), (3, "not-started", "unreachable"), "{told}");
    assert!(!sandbox.repo().join("started").exists());
}

#[test]
fn nobody_logged_in_is_unreachable_and_a_refusal_is_a_failed_turn() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let mut asking = stage.asking(&["--json", "x"]);
    asking.env_remove("ANTHROPIC_API_KEY");
    let told = object(&run_with_timeout(asking, LIMIT));
    assert_eq!(end(&told), (3, "failed", "unauthorized"), "{told}");
    let error = json!({ "type": "not_found_error", "message": "model: nonsense" });
    let refusal = embed(&json!([{ "status": 404, "error": error }]));
    let asking = stage.asking(&["--json", "--model", "nonsense", &refusal]);
    let told = object(&run_with_timeout(asking, LIMIT));
    assert_eq!(end(&told), (1, "failed", "model-unavailable"), "{told}");
    assert_eq!(told["error"]["code"], 404);
}

#[test]
fn a_login_that_is_refused_again_ends_the_turn() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let error = json!({ "type": "authentication_error", "message": "no" });
    let refusal = embed(&json!([{ "status": 401, "error": error }]));
    // Claude Code would go on for three minutes.
    let asking = stage.asking(&["--json", "--timeout", "0", &refusal]);
    let told = object(&run_with_timeout(asking, LIMIT));
    assert_eq!(end(&told), (3, "failed", "unauthorized"), "{told}");
    assert_eq!(told["error"]["code"], 401);
    assert_eq!(told["notifications"]["system/api_retry"], 2, "{told}");
}

#[test]
fn trying_again_in_vain_is_no_sign_of_life() {
    let sandbox = Sandbox::new();
    let begun = r#"{"type":"system","subtype":"init","session_id":"s"}"#;
    let retry =
        r#"{"type":"system","subtype":"api_retry","attempt":3,"error_status":429,"error":"rate_limit"}"#;
    let script = format!("#!/bin/sh\necho '{begun}'\nwhile echo '{retry}'; do sleep 0.1; done\n");
    let claude = sandbox.program("claude", &script);
    let mut asking = sandbox.command("clodex-claude");
    asking.args(["--json", "--timeout", "8", "x"]).env("CLODEX_CLAUDE", claude);
    let told = object(&run_with_timeout(asking, LIMIT));
    assert_eq!(end(&told), (1, "failed", "rate-limit"), "{told}");
    assert_eq!(told["error"]["code"], 429);
}

#[test]
fn what_a_hook_of_the_users_forbids_is_no_answer() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let hook = json!({ "type": "command", "command": "echo not today >&2; exit 2" });
    let hooks = json!({ "hooks": { "UserPromptSubmit": [{ "hooks": [hook] }] } });
    stage.sandbox.file("home/.claude/settings.json", hooks.to_string());
    let told = object(&run_with_timeout(stage.asking(&["--json", "x"]), LIMIT));
    assert_eq!(end(&told), (1, "not-started", "refused"), "{told}");
    assert!(told["error"]["message"].as_str().unwrap().ends_with("not today"), "{told}");
}

#[test]
fn silence_and_length_have_their_limits() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let never = stage.sandbox.root().join("never");
    let silent = embed(&json!([{ "do": [{ "say": "begun" }, { "until": never }] }]));
    for (limit, kind) in [("--timeout", "timeout"), ("--deadline", "deadline")] {
        let told = object(&run_with_timeout(stage.asking(&["--json", limit, "4", &silent]), LIMIT));
        assert_eq!(end(&told), (4, "timed-out", kind), "{told}");
    }
}

#[test]
fn ctrl_c_ends_the_turn_and_what_it_runs() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let made = stage.sandbox.root().join("made");
    let asking = stage.asking(&["--json", "--allowed-tools", "Bash", &endless(&made)]);
    let running = Running::start(asking, b"");
    eventually(LIMIT, || made.exists().then_some(()));
    running.signal(Signal::SIGINT);
    let told = object(&running.finish(LIMIT));
    assert_eq!(end(&told), (130, "interrupted", "interrupted"), "{told}");
    assert_eq!(told["messages"][0]["text"], "begun");
    assert!(told["session_id"].is_string(), "{told}");
}

#[test]
fn nothing_lives_on_when_the_client_is_killed() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let made = stage.sandbox.root().join("made");
    let asking = stage.asking(&["--allowed-tools", "Bash", &endless(&made)]);
    let running = Running::start(asking, b"");
    eventually(LIMIT, || made.exists().then_some(()));
    running.signal(Signal::SIGKILL);
    drop(running.finish(LIMIT));
    // That nothing of it is left is what the sandbox looks for at its end.
}
