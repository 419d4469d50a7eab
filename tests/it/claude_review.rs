//! `/clodex-review` in the real Claude Code: the call of Bash that the command prescribes reviews with the real Codex.

use std::fs;
use std::path::Path;

use clodex_sim::ScriptedModel;
use clodex_sim::messages::{OUTPUT_FILE, embed};
use clodex_sim::responses::Script;
use clodex_tests::{ClaudeStage, Codex, real_codex};
use serde_json::{Value, json};

const COMMAND: &str = include_str!("../../commands/clodex-review.md");
const FOCUS: &str = "don't trust \"locks\"; $(touch planted) `touch planted`\n--write\tand\\n the rest";

/// What the command tells Claude to call Bash with.
fn prescribed(options: &str, focus: &str) -> Value {
    let code: Vec<&str> = COMMAND.split("```").collect();
    let command = code[1].strip_prefix("sh\n").unwrap();
    assert!(command.contains("--review --prompt-file - <<'") && command.contains("\nFOCUS\n"), "{command}");
    let command = command
        .replace("--review", &format!("--review{options}"))
        .replace("\nFOCUS\n", &format!("\n{focus}\n"));
    let says = |key: &str| {
        let (_, rest) = COMMAND.split_once(&format!("`{key}: ")).unwrap();
        serde_json::from_str::<Value>(rest.split_once('`').unwrap().0).unwrap()
    };
    json!({ "command": command, "description": "Codex reviews the uncommitted changes",
        "run_in_background": says("run_in_background"), "timeout": says("timeout") })
}

#[test]
fn the_prescribed_call_runs_in_the_background_for_as_long_as_claude_code_allows() {
    let call = prescribed("", "x");
    assert_eq!((&call["run_in_background"], &call["timeout"]), (&json!(true), &json!(7_200_000)));
}

#[test]
fn a_review_goes_from_the_slash_command_to_its_findings_and_changes_nothing() {
    let call = prescribed(" --adversarial", FOCUS);
    let script = json!([
        { "do": [{ "tool": { "name": "Bash", "input": call } }] },
        { "do": [{ "say": "under review" }] },
        { "do": [{ "tool": { "name": "Read", "input": { "file_path": OUTPUT_FILE } } }] },
        { "do": [{ "say": "1. high, src/a.txt:1: take the lock" }] },
    ]);
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let Ok(codex) = real_codex() else { return };
    let repo = stage.sandbox.repo();
    let answer = answer(&repo.join("src/a.txt"));
    let model = ScriptedModel::with_default(move |_| {
        Script::from_json(json!([{ "do": [{ "answer": answer }] }])).unwrap()
    })
    .unwrap();
    stage.sandbox.codex_is(Codex::Real(codex)).model_is(&model);
    fs::write(repo.join("src/a.txt"), "changed\n").unwrap();

    let said = stage.print(&format!("/clodex-review --adversarial {FOCUS} {}", embed(&script)), "");
    assert_eq!(said, "under review\n\n1. high, src/a.txt:1: take the lock\n");
    let asked = stage.model.asked();
    assert!(asked[0].contains(FOCUS) && asked[0].contains("Fix nothing."), "{}", asked[0]);
    let notice = r#"Background command "Codex reviews the uncommitted changes" failed with exit code 8"#;
    assert!(asked.iter().any(|text| text.contains(notice)), "{}", asked.last().unwrap());
    let report = asked.last().unwrap();
    assert!(report.contains("1. high      src/a.txt:1  Take the lock"), "{report}");
    let reviewer = model.requests().into_iter().find(|request| request.path == "/v1/responses").unwrap();
    let prompt = reviewer.prompt().unwrap();
    assert!(prompt.contains("question the change itself") && prompt.ends_with(FOCUS), "{prompt}");
    assert!(!repo.join("planted").exists());
    assert_eq!(fs::read_to_string(repo.join("src/a.txt")).unwrap(), "changed\n");
}

fn answer(path: &Path) -> Value {
    let place = json!({ "absolute_file_path": path, "line_range": { "start": 1, "end": 1 } });
    json!({ "findings": [{ "title": "[P1] Take the lock", "body": "Two at once.", "confidence_score": 0.9,
            "priority": 1, "code_location": place }],
        "overall_correctness": "patch is incorrect", "overall_explanation": "The lock is missing.",
        "overall_confidence_score": 0.8 })
}
