//! A Claude Code session becomes context for Codex, in its thread or in its prompt.

use std::fs;
use std::path::PathBuf;

use clodex_sim::responses::embed;
use clodex_sim::{Request, ScriptedModel};
use clodex_tests::{ClaudeStage, Codex, Sandbox, ended_turn, json_file, real_codex, text};
use serde_json::{Value, json};

use crate::stage::{clean, dispatch_with, step};

const SECRET: &str = "ghp_abcdefghij0123456789";

/// The texts of what Codex asked the model last, in order.
pub fn conversation(model: &ScriptedModel) -> Vec<String> {
    let requests = model.requests();
    let last = requests.iter().rev().find(|request| request.path == "/v1/responses").unwrap();
    let input = Request::json(last)["input"].clone();
    let texts = |item: &Value| -> Vec<String> {
        let blocks = item["content"].as_array().cloned().unwrap_or_default();
        blocks.iter().filter_map(|block| block["text"].as_str().map(str::to_owned)).collect()
    };
    input.as_array().unwrap().iter().flat_map(texts).collect()
}

/// Which of them holds these words first.
pub fn at(conversation: &[String], words: &str) -> Option<usize> {
    conversation.iter().position(|text| text.contains(words))
}

/// A session of the real Claude Code in which it calls clodex-dispatch with these arguments.
fn session_that_calls(arguments: &str) -> Option<(ClaudeStage, ScriptedModel)> {
    let codex = real_codex().ok()?;
    let call = json!({ "command": format!("clodex-dispatch --json {arguments}"), "timeout": 600_000 });
    let first = json!({ "do": [{ "say": "The slug is the culprit." }, { "tool": { "name": "Bash", "input": call } }] });
    let stage = ClaudeStage::real(json!([first, { "do": [{ "say": "Codex is through." }] }]))?;
    let model = ScriptedModel::start().unwrap();
    stage.sandbox.codex_is(Codex::Real(codex)).model_is(&model);
    let script = embed(&json!([step(&[clean()])]));
    stage.sandbox.file("task.txt", format!("say what is wrong {script}"));
    Some((stage, model))
}

/// The run that ended last.
fn run(stage: &ClaudeStage) -> Value {
    let ended = fs::read_dir(stage.sandbox.state().join("ended")).unwrap();
    let mut records: Vec<_> = ended.map(|entry| entry.unwrap().path()).collect();
    records.sort();
    json_file(records.last().unwrap())
}

#[test]
fn a_session_of_claude_code_is_the_beginning_of_the_runs_thread() {
    let Some((stage, model)) = session_that_calls("--from-session --prompt-file ../task.txt") else { return };
    let prompt = format!("Two shoes get one URL. My key is {SECRET}. Let Codex look.");
    let said = stage.print(&prompt, "Bash(clodex-dispatch:*)");
    assert_eq!(said, "Codex is through.\n");
    let run = run(&stage);
    let seen = conversation(&model);
    let (user, claude, task) =
        (at(&seen, "Two shoes"), at(&seen, "the culprit"), at(&seen, "say what is wrong"));
    assert!(user.is_some() && user < claude && claude < task, "{seen:#?}\n{run:#}");
    assert!(!seen.concat().contains(SECRET), "{seen:#?}");
    assert!(seen[task.unwrap()].contains("1 things that look like secrets"), "{seen:#?}");
    let artifacts = PathBuf::from(run["artifact_dir"].as_str().unwrap());
    let kept = text(artifacts.join("session.md"));
    assert!(kept.contains("Two shoes") && !kept.contains(SECRET), "{kept}");
    let seal = json_file(&artifacts.join("seal.json"));
    assert!(seal.to_string().contains("session.md"), "{seal}");
    let session = run["session_id"].as_str().unwrap();
    // Another run gets a thread of its own, although it begins with the same session.
    let call = |more: &[&str]| {
        let id = format!("--from-session={session}");
        dispatch_with(&stage.sandbox, &[&[&id, "--prompt-file", "../task.txt"], more].concat(), b"", &[])
            .exits(0)
    };
    let second = call(&[]).result();
    assert!(second["thread_id"].is_string() && second["thread_id"] != run["thread_id"], "{second}\n{run}");
    // Where no thread may be left, it is in the prompt.
    let run = call(&["--ephemeral"]);
    let seen = conversation(&model);
    assert_eq!(
        (at(&seen, "Two shoes"), at(&seen, "the culprit")),
        (at(&seen, "say what is wrong"), at(&seen, "say what is wrong"))
    );
    assert!(run.artifact("prompt.md").contains("Two shoes"));
}

#[test]
fn where_codex_cannot_import_the_session_is_in_the_prompt_and_that_is_said() {
    let Some((stage, _)) = session_that_calls("--from-session --prompt-file ../task.txt") else { return };
    // A Codex that knows `exec` only.
    stage.sandbox.codex_is(Codex::StandIn(json!({ "exec": ended_turn("looked\nVERDICT: CLEAN") })));
    stage.print("Two shoes get one URL.", "Bash(clodex-dispatch:*)");
    let run = run(&stage);
    let artifacts = PathBuf::from(run["artifact_dir"].as_str().unwrap());
    let prompt = text(artifacts.join("prompt.md"));
    assert!(prompt.contains("Two shoes") && prompt.contains("the culprit"), "{prompt}");
    let policy = json_file(&artifacts.join("policy.json"));
    assert!(
        policy["notes"].to_string().contains("the session is in the prompt, not imported: "),
        "{policy:#}"
    );
}

#[test]
fn a_session_that_is_not_there_is_refused_before_anything_starts() {
    let sandbox = Sandbox::new();
    sandbox.codex_is(Codex::StandIn(json!({})));
    for (args, words) in [
        (
            &["--from-session", "x"][..],
            "cannot tell which session is meant: CLAUDE_CODE_SESSION_ID is not set",
        ),
        (&["--from-session=0a-1b", "x"], "cannot find the transcript of session `0a-1b`"),
        (&["--from-session=../x", "x"], "cannot find the transcript of session `../x`"),
    ] {
        dispatch_with(&sandbox, args, b"", &[]).exits(2).complains(&[words, "hint: "]);
    }
    sandbox.file("home/.claude/projects/p/0a-1b.jsonl", "{\"type\":\"summary\"}\n\u{0}nonsense\n");
    let run = dispatch_with(&sandbox, &["--from-session=0a-1b", "x"], b"", &[]).exits(2);
    run.complains(&["there is nothing in session `0a-1b` to hand over"]);
}
