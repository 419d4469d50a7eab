//! The skill for Codex, in the real Codex: it is offered, read, and what it tells to do asks the real Claude Code. Both
//! models are scripted.

use clodex_sim::ScriptedModel;
use clodex_sim::messages::embed;
use clodex_tests::{ClaudeStage, Codex, LIMIT, Running, binaries, real_codex, run_with_timeout};
use serde_json::{Value, json};

const SKILL: &str = include_str!("../../skills-codex/clodex-claude/SKILL.md");
const PAGE: &str = include_str!("../../docs/claude.md");
const QUESTION: &str =
    "Read src/cache.rs. Which inputs make `evict` drop an entry that is still in use? Name lines.";

/// The call that the skill prescribes.
fn prescribed() -> String {
    let call = SKILL.split_once("```sh\n").unwrap().1.split_once("```").unwrap().0;
    let call: Vec<&str> = call.lines().map(str::trim_start).collect();
    assert!(call.contains(&QUESTION), "{call:?}");
    call.join("\n")
}

/// By the line that the page tells.
fn install(claude: &ClaudeStage) {
    let line = PAGE.lines().find(|line| line.contains("cp -R skills-codex/")).unwrap().trim_start();
    let mut shell = claude.sandbox.command("sh");
    shell.args(["-c", line]).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    assert!(run_with_timeout(shell, LIMIT).status.success(), "{line}");
    // Codex runs commands in a login shell.
    let profile = format!("export PATH='{}':\"$PATH\"\n", binaries().display());
    claude.sandbox.file("home/.profile", profile);
}

#[test]
fn every_flag_that_the_skill_names_is_one() {
    let sandbox = clodex_tests::Sandbox::new();
    let mut help = sandbox.command("clodex-claude");
    help.arg("--help");
    let help = String::from_utf8(run_with_timeout(help, LIMIT).stdout).unwrap();
    let words = SKILL.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let flags: Vec<&str> = words.filter(|word| word.starts_with("--") && word.len() > 3).collect();
    assert!(flags.len() > 5, "{flags:?}");
    for flag in flags {
        assert!(help.contains(&format!("{flag} ")) || help.contains(&format!("{flag}\n")), "{flag}: {help}");
    }
}

#[test]
fn codex_is_offered_the_skill_reads_it_and_gets_claudes_answer() {
    let answer = "Line 3 drops it.";
    let Some(claude) = ClaudeStage::real(json!([{ "do": [{ "say": answer }] }])) else { return };
    let Ok(codex) = real_codex() else { return };
    let model = ScriptedModel::start().unwrap();
    claude.sandbox.codex_is(Codex::Real(codex)).model_is(&model);
    install(&claude);
    let steps = json!([{ "do": [{ "run": prescribed() }] }, { "do": [{ "say": "asked" }] }]);
    // The sandbox lies below the plugin's manifest, whose name Codex puts before that of the skill.
    let prompt = format!("$clodex:clodex-claude ask Claude {}", embed(&steps));
    let mut exec = claude.sandbox.command("codex");
    exec.args(["exec", "--json", "--skip-git-repo-check", "-s", "workspace-write"]);
    exec.args(["-c", "sandbox_workspace_write.network_access=true"]);
    exec.arg("--add-dir").arg(claude.sandbox.root().join("tmp")).arg("-");
    exec.envs(claude.environment());
    let output = Running::start(exec, prompt.as_bytes()).finish(LIMIT);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let requests = model.requests();
    let first = requests.iter().find(|request| request.path == "/v1/responses").unwrap().json().to_string();
    assert!(first.contains("Use when a second opinion from Claude would help"), "not offered: {first}");
    assert!(first.contains("What Claude says is a claim"), "not read: {first}");
    assert!(claude.model.asked()[0].contains(QUESTION), "{:?}", claude.model.asked());
    let object = answer_in(&told);
    assert_eq!((&object["text"], &object["exit_code"]), (&json!(answer), &json!(0)), "{told}");
}

/// What `clodex-claude` printed in the command that Codex ran.
fn answer_in(events: &str) -> Value {
    let items = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["item"].clone());
    let mut ran = items.filter(|item| item["type"] == "command_execution" && item["status"] == "completed");
    let output = ran.next_back().unwrap()["aggregated_output"].as_str().unwrap().to_owned();
    serde_json::from_str(output.trim()).unwrap_or_else(|error| panic!("{error}: {output}"))
}
