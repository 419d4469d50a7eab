//! The toggle in the real Claude Code, and its helper without it.

use std::fs;

use clodex_sim::messages::embed;
use clodex_tests::{
    ClaudeStage, Codex, LIMIT, Running, Sandbox, binaries, clean_turn, dispatched, run_with_timeout, sh,
};
use serde_json::{Value, json};

/// Calls clodex-toggle in the sandbox's repository, and gives its exit code, stdout and stderr.
fn toggle(sandbox: &Sandbox, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = sandbox.command("clodex-hook");
    std::os::unix::process::CommandExt::arg0(&mut command, "clodex-toggle").args(arguments);
    let output = run_with_timeout(command, LIMIT);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_toggle_works_without_claude_code() {
    let sandbox = Sandbox::new();
    let flag = sandbox.repo().join(".claude/clodex-toggle.flag");
    let said = |arguments: &[&str]| {
        let (code, stdout, stderr) = toggle(&sandbox, arguments);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
        stdout
    };
    assert!(said(&[]).starts_with("clodex-toggle is off in "));
    assert!(said(&["deny"]).starts_with("clodex-toggle is deny in "));
    assert_eq!(fs::read_to_string(&flag).unwrap(), "deny\n");
    fs::write(&flag, "DENY!").unwrap();
    assert!(said(&["--inline"]).contains("is not a flag (it says `DENY!`)"));
    assert!(said(&["off"]).starts_with("clodex-toggle is off in "));
    assert!(!flag.exists());
    assert!(said(&["--help"]).contains("Not seen: "));
    assert_eq!(toggle(&sandbox, &["on"]).0, Some(2));
    assert!(said(&["on", "--inline"]).contains("hint: clodex-toggle [off|warn|deny]"));
}

#[test]
fn any_bytes_on_stdin_leave_the_hook_silent() {
    let sandbox = Sandbox::new();
    toggle(&sandbox, &["deny"]);
    for input in [
        "",
        "{",
        "\u{0}",
        r#"{"hook_event_name":"PreToolUse","tool_name":7}"#,
        r#"{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"$(((((`"}}"#,
    ] {
        let file = sandbox.file("event.json", input);
        let mut command = sandbox.command("clodex-hook");
        command.stdin(fs::File::open(file).unwrap());
        let output = command.output().unwrap();
        assert!(
            output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(),
            "{input}: {output:?}"
        );
    }
}

/// What Claude Code is told when the model uses this tool, and what the model is told in return.
fn used(stage: &ClaudeStage, tool: &str, input: &Value) -> String {
    let before = stage.model.asked().len();
    let script = json!([
        { "do": [{ "tool": { "name": tool, "input": input } }] },
        { "do": [{ "say": "done" }] },
    ]);
    let said = stage.print(&format!("do it {}", embed(&script)), "Bash Write Edit Read Agent");
    assert_eq!(said, "done\n");
    stage.model.asked().split_off(before).pop().unwrap()
}

#[test]
fn deny_refuses_source_files_with_a_packet_and_lets_the_rest_through() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let repo = stage.sandbox.repo();
    let at = |name: &str| repo.join(name).display().to_string();
    toggle(&stage.sandbox, &["deny"]);
    let told = used(&stage, "Write", &json!({ "file_path": at("src/new.rs"), "content": "x" }));
    assert!(
        told.contains("Claude plans, Codex writes") && told.contains("WRITE SCOPE:\n- src/new.rs"),
        "{told}"
    );
    let told =
        used(&stage, "Bash", &json!({ "command": "cd src && echo x > new.rs", "description": "write" }));
    assert!(told.contains("WRITE SCOPE:\n- src/new.rs"), "{told}");
    let agent = json!([
        { "do": [{ "tool": { "name": "Bash", "input": { "command": "touch x; tee src/new.rs < README.md", "description": "write" } } }] },
        { "do": [{ "say": "refused" }] },
    ]);
    let agent = json!({ "description": "write", "prompt": format!("write {}", embed(&agent)),
        "subagent_type": "general-purpose", "run_in_background": false });
    let before = stage.model.asked().len();
    used(&stage, "Agent", &agent);
    let asked = stage.model.asked().split_off(before);
    assert!(
        asked.iter().any(|told| told.contains("Claude plans, Codex writes")),
        "the subagent was not refused"
    );
    assert!(!repo.join("src/new.rs").exists());
    used(&stage, "Write", &json!({ "file_path": at("docs/new.md"), "content": "plan" }));
    assert_eq!(fs::read_to_string(repo.join("docs/new.md")).unwrap(), "plan");
}

/// What stands in the refusal is what Claude copies: it is the packet with the holes filled in, and nothing else.
#[test]
fn what_a_refusal_prescribes_is_a_dispatch_that_works() {
    let sandbox = Sandbox::new();
    sandbox.codex_is(Codex::StandIn(json!({ "exec": clean_turn(&[sh("echo new > src/new.rs")]) })));
    toggle(&sandbox, &["deny"]);
    let event = json!({ "hook_event_name": "PreToolUse", "session_id": "s", "cwd": sandbox.repo(),
        "tool_name": "Write", "tool_input": { "file_path": sandbox.repo().join("src/new.rs") } });
    let hook = Running::start(sandbox.command("clodex-hook"), event.to_string().as_bytes()).finish(LIMIT);
    let answer: Value = serde_json::from_slice(&hook.stdout).unwrap();
    let reason = answer["hookSpecificOutput"]["permissionDecisionReason"].as_str().unwrap();
    assert!(reason.contains("run_in_background: true") && reason.contains("timeout: 7200000"), "{reason}");
    let (_, prescribed) = reason.split_once("\n\n").unwrap();
    let (prescribed, _) = prescribed.split_once("\n\n").unwrap();
    let dispatcher = binaries().join("clodex-dispatch");
    let command = prescribed
        .replace("clodex-dispatch ", &format!("{} ", dispatcher.display()))
        .replace("<what shall be true at the end>", "there is a new file")
        .replace("<what must stay as it is>", "all the rest")
        .replace("<what to hand back>", "the file")
        .replace("<command>", "true");
    assert!(!command.contains("<w") && !command.contains("<c"), "{command}");
    let mut shell = sandbox.command("bash");
    shell.args(["-c", &command]);
    let run = dispatched(shell).exits(0);
    assert!(run.artifact("task.md").contains("OBJECTIVE: there is a new file"));
    assert_eq!(run.policy()["verdict"], "clean");
}

#[test]
fn warn_lets_through_with_a_note_and_off_without() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let new = stage.sandbox.repo().join("src/new.rs");
    for (state, noted) in [("warn", true), ("off", false)] {
        toggle(&stage.sandbox, &[state]);
        let told = used(&stage, "Write", &json!({ "file_path": new, "content": state }));
        assert_eq!(told.contains("Told once a turn."), noted, "{told}");
        assert_eq!(fs::read_to_string(&new).unwrap(), state);
        fs::remove_file(&new).unwrap();
    }
}

#[test]
fn the_command_sets_the_toggle() {
    let Some(stage) = ClaudeStage::real(json!([{ "do": [{ "say": "shown" }] }])) else { return };
    assert_eq!(stage.print("/clodex-toggle deny", ""), "shown\n");
    let flag = stage.sandbox.repo().join(".claude/clodex-toggle.flag");
    assert_eq!(fs::read_to_string(flag).unwrap(), "deny\n");
    assert!(stage.model.asked().pop().unwrap().contains("clodex-toggle is deny in "));
}
