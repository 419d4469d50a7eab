//! The built-in flows from their skills in the real Claude Code, down to the real Codex; both models are scripted.

use std::fs;

use clodex_sim::ScriptedModel;
use clodex_sim::messages::{OUTPUT_FILE, embed};
use clodex_sim::responses::Script;
use clodex_tests::{ClaudeStage, Codex, Packet, real_codex};
use serde_json::{Value, json};

use super::built_in::{role, synthesis};
use super::in_repo;
use crate::stage::{clean, sh, step};

/// A stage on which Codex does what its role in a flow is; none where one of the two real ones is missing.
fn stage() -> Option<(ClaudeStage, ScriptedModel)> {
    let stage = ClaudeStage::real(json!([]))?;
    let codex = real_codex().ok()?;
    let model = ScriptedModel::with_default(|request| {
        let steps = match role(request) {
            "implement" => json!([step(&[sh("echo OK > src/new.txt")]), step(&[clean()])]),
            "synthesise" => json!([step(&[synthesis()])]),
            _ => json!([step(&[clean()])]),
        };
        Script::from_json(steps).unwrap()
    });
    let model = model.unwrap();
    stage.sandbox.codex_is(Codex::Real(codex)).model_is(&model);
    Some((stage, model))
}

fn tool(name: &str, input: &Value) -> Value {
    json!({ "do": [{ "tool": { "name": name, "input": input } }] })
}

/// The call that a skill prescribes, in the background and for long.
fn call(command: &str) -> Value {
    let input = json!({ "command": command, "description": "Codex: a flow",
        "run_in_background": true, "timeout": 7_200_000 });
    tool("Bash", &input)
}

fn say(text: &str) -> Value {
    json!({ "do": [{ "say": text }] })
}

fn read_output() -> Value {
    tool("Read", &json!({ "file_path": OUTPUT_FILE }))
}

/// What a session tells that loads the skill, makes this call and reads what came of it.
fn by_skill(stage: &ClaudeStage, skill: &str, steps: &[Value]) -> String {
    let load = tool("Skill", &json!({ "skill": format!("clodex:{skill}") }));
    let script: Vec<Value> = std::iter::once(load).chain(steps.iter().cloned()).collect();
    stage.print(&format!("let Codex do it {}", embed(&Value::Array(script))), "Bash(clodex-flow:*) Read");
    stage.model.asked().join("\n")
}

fn packet(stage: &ClaudeStage, name: &str, scope: &str) -> String {
    let packet =
        Packet::worker(&[scope]).checked_by(&["`grep -q OK src/new.txt`"]).with(&format!("NAME: {name}"));
    let path = stage.sandbox.file(&format!("{name}.md"), packet.to_text(&stage.sandbox.repo()));
    path.to_str().unwrap().to_owned()
}

#[test]
fn each_of_the_three_is_a_command_of_its_bare_name() {
    let Some(stage) = ClaudeStage::real(json!([say("read")])) else { return };
    for (skill, heading) in [
        ("clodex-split", "# One task in three runs"),
        ("clodex-debate", "# Argue it out with Codex"),
        ("clodex-parallel", "# Several packets at once"),
    ] {
        let before = stage.model.asked().len();
        stage.print(&format!("/{skill} don't do $(that) alone"), "");
        let asked = stage.model.asked().split_off(before).concat();
        assert!(asked.contains(&format!("<command-name>/clodex:{skill}</command-name>")), "{asked}");
        assert!(asked.contains(heading) && asked.contains("## Asked\n\ndon't do $(that) alone\n"), "{asked}");
    }
}

#[test]
fn a_split_goes_from_its_skill_to_its_report() {
    let Some((stage, _model)) = stage() else { return };
    let run = call(&format!("clodex-flow run split --task {}", packet(&stage, "add", "src/")));
    let asked = by_skill(&stage, "clodex-split", &[run, say("under way"), read_output(), say("done")]);
    assert!(asked.contains("One task in three runs"), "the skill was loaded");
    assert!(asked.contains("# split add: done"), "{asked}");
    assert_eq!(in_repo(&stage.sandbox, "src/new.txt"), "OK\n");
}

#[test]
fn packets_go_from_their_skill_to_one_report() {
    let Some((stage, _model)) = stage() else { return };
    let (one, other) = (packet(&stage, "one", "src/"), packet(&stage, "other", "docs/"));
    let run = call(&format!("clodex-flow run parallel {one} {other}"));
    let asked = by_skill(&stage, "clodex-parallel", &[run, say("under way"), read_output(), say("done")]);
    assert!(asked.contains("**one**: passed") && asked.contains("**other**: "), "{asked}");
}

#[test]
fn a_debate_goes_from_its_skill_over_claudes_rebuttal_to_its_synthesis() {
    let Some((stage, _model)) = stage() else { return };
    let file = |name: &str, text: &str| stage.sandbox.file(name, text).to_str().unwrap().to_owned();
    let (position, rebuttal) = (file("position.md", "here\n"), file("rebuttal.md", "still here\n"));
    let run =
        call(&format!("clodex-flow run debate --topic 'where does it go?' --claude-position {position}"));
    // The beginning of an id is enough, and each begins with the year.
    let go_on = call(&format!("clodex-flow continue 2 --input {rebuttal}"));
    let steps = [run, say("under way"), read_output(), go_on, say("under way"), read_output(), say("done")];
    let asked = by_skill(&stage, "clodex-debate", &steps);
    assert!(asked.contains("claude-rebuts waits for an answer"), "{asked}");
    assert!(asked.contains("here first"), "{asked}");
    let flows = fs::read_dir(stage.sandbox.state().join("flows")).unwrap().count();
    assert_eq!(flows, 1);
}
