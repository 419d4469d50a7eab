//! Our plugin in the real Claude Code with a scripted model: it is valid, and its commands are there by their names.

use clodex_sim::ScriptedModel;
use clodex_sim::messages::embed;
use clodex_tests::{ClaudeStage, Codex, Packet, real_codex};
use serde_json::json;

fn told(output: &std::process::Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

#[test]
fn the_plugin_is_valid_by_the_strictest_rules_there_are() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let plugin = stage.plugin();
    let plugin = plugin.to_str().unwrap();
    for rules in [&["--strict"][..], &["--profile", "directory"]] {
        let output = stage.claude(&[&["plugin", "validate"], rules, &[plugin]].concat());
        assert!(output.status.success(), "{rules:?}: {}", told(&output));
    }
}

#[test]
fn the_mod_passes_its_own_tests() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let output = stage.claude(&["plugin", "test", stage.plugin().to_str().unwrap()]);
    assert!(output.status.success(), "{}", told(&output));
}

#[test]
fn looking_and_cancelling_answer_to_their_bare_names_without_the_model() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    for (command, helper_says) in [
        ("/clodex-status", "no run is live"),
        ("/clodex-cancel don't;x", "cannot find run `don't;x`"),
        ("/clodex-debug nothing-of-that-name", "cannot find run `nothing-of-that-name`"),
        ("/clodex-now", "no run is live"),
    ] {
        let said = stage.print(command, "");
        assert!(said.contains(helper_says), "{command}: {said}");
    }
    assert_eq!(stage.model.asked(), Vec::<String>::new());
}

#[test]
fn a_run_in_the_background_wakes_claude_when_it_ends() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let Ok(codex) = real_codex() else { return };
    let model = ScriptedModel::start().unwrap();
    stage.sandbox.codex_is(Codex::Real(codex)).model_is(&model);
    let work = json!([{ "do": [{ "run": "echo new > src/new.txt" }] }, { "do": [{ "answer": claim() }] }]);
    let packet = stage.sandbox.packet(&Packet::worker(&["src/"]).objective("add a file").script(&work));
    let dispatch = json!({ "command": format!("clodex-dispatch --task {}", packet.display()),
        "description": "Codex adds a file", "run_in_background": true, "timeout": 7_200_000 });
    let script = json!([
        { "do": [{ "tool": { "name": "Bash", "input": dispatch } }] },
        { "do": [{ "say": "dispatched" }] },
        { "do": [{ "say": "it has ended" }] },
    ]);
    let said = stage.print(&format!("hand it to Codex {}", embed(&script)), "Bash(clodex-dispatch:*)");
    assert_eq!(said, "dispatched\n\nit has ended\n");
    let asked = stage.model.asked();
    let notice = r#"Background command "Codex adds a file" completed (exit code 0)"#;
    assert!(asked.last().unwrap().contains(notice), "{}", asked.last().unwrap());
    assert_eq!(std::fs::read_to_string(stage.sandbox.repo().join("src/new.txt")).unwrap(), "new\n");
}

/// What a worker says who has done it.
fn claim() -> serde_json::Value {
    json!({ "result": "done", "summary": "added it", "report": "Added.", "changed_files": ["src/new.txt"],
            "verification_run": [], "evidence": [], "findings": [], "risks": [], "next": "", "verdict": "CLEAN" })
}
