//! Our plugin in the real Claude Code with a scripted model: it is valid, and its commands are there by their names.

use clodex_sim::ScriptedModel;
use clodex_sim::messages::embed;
use clodex_tests::{ClaudeStage, Codex, LIMIT, Packet, real_codex, run_with_timeout};
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

/// What a command is called with, and what is then to be seen of it, to the model or to the user.
fn call_of(command: &str) -> (&'static str, &'static str) {
    match command {
        "clodex-status" => ("", "no run is live"),
        "clodex-cancel" | "clodex-debug" | "clodex-interrupt" | "clodex-result" | "clodex-resume" => {
            ("no-such-run", "no-such-run")
        }
        "clodex-answer" | "clodex-steer" => ("no-such-run don't $(say) it", "no-such-run don't $(say) it"),
        "clodex-dispatch" => ("don't let slug() leave $(spaces) in", "don't let slug() leave $(spaces) in"),
        _ => ("", ""),
    }
}

#[test]
fn every_command_answers_to_its_bare_name_with_what_its_helper_says() {
    let Some(stage) = ClaudeStage::real(json!([{ "do": [{ "say": "shown" }] }])) else { return };
    let mut commands: Vec<_> =
        std::fs::read_dir(stage.plugin().join("commands")).unwrap().flatten().collect();
    commands.sort_by_key(std::fs::DirEntry::file_name);
    for command in commands {
        let command = command.path().file_stem().unwrap().to_str().unwrap().to_owned();
        let (arguments, wanted) = call_of(&command);
        let before = stage.model.asked().len();
        let said = stage.print(format!("/{command} {arguments}").trim(), "");
        // Some are answered by a hook or a mod, without the model.
        let asked = stage.model.asked().split_off(before).concat();
        let shown = match asked.split_once(&format!("<command-name>/clodex:{command}</command-name>")) {
            Some((_, prompt)) => {
                prompt.split_once("## Task").expect("a command says what is to be done").0.to_owned()
            }
            None => said,
        };
        assert!(shown.contains(wanted) && shown != "shown\n", "{command}: {shown}\n{asked}");
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
fn the_plugin_costs_a_session_little() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let plugin = stage.plugin();
    for arguments in [
        &["plugin", "marketplace", "add", plugin.to_str().unwrap()][..],
        &["plugin", "install", "clodex@clodex"],
    ] {
        let output = stage.claude(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", told(&output));
    }
    // The scripted model cannot count tokens; without one Claude Code estimates them.
    let mut details = stage.command();
    details.args(["plugin", "details", "clodex"]).env("ANTHROPIC_BASE_URL", "http://127.0.0.1:9");
    let details = told(&run_with_timeout(details, LIMIT));
    let always = details.split_once("Always-on:").and_then(|(_, rest)| {
        let number: String =
            rest.chars().skip_while(|c| !c.is_ascii_digit()).take_while(|c| *c != ' ').collect();
        number.replace(',', "").parse::<u32>().ok()
    });
    assert!(always.is_some_and(|tokens| (1..=400).contains(&tokens)), "{details}");
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
