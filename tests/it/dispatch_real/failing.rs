//! Turns that fail: which exit code, in whose words, and the one announced fallback.

use std::fs;

use clodex_tests::{Dispatched, LIMIT, Packet, run_with_timeout};
use serde_json::{Value, json};

use crate::stage::{Stage, clean, sh, step};

fn run(stage: &Stage, script: &Value, args: &[&str]) -> Dispatched {
    stage.packet(&Packet::worker(&["src"]).script(script), args)
}

#[test]
fn a_server_that_fails_fails_the_turn_in_codexs_words() {
    let Some(stage) = Stage::real() else { return };
    let status = json!({ "status": 500 });
    let home = clodex_sim::CodexHome::new(stage.model.port());
    let quick = home.provider_line("request_max_retries = 0").provider_line("stream_max_retries = 1");
    stage.sandbox.codex_home_is(&quick);
    let run = run(&stage, &json!([status, status, status, status]), &[]).exits(1);
    run.says(&["outcome  failed (exit 1)", "verdict  clean", "high demand"]);
    assert_eq!(run.artifact("result.md").lines().last().unwrap().split(' ').nth(1), Some("NEEDS_ATTENTION"));
}

#[test]
fn a_usage_limit_is_told_in_codexs_words() {
    let Some(stage) = Stage::real() else { return };
    let error = json!({ "type": "usage_limit_reached", "message": "limit", "plan_type": "plus", "resets_in_seconds": 60 });
    run(&stage, &json!([{ "status": 429, "error": error }]), &[])
        .exits(1)
        .says(&["hit your usage limit", "try again"]);
    assert_eq!(stage.asked().len(), 1);
}

#[test]
fn a_login_that_is_not_accepted_is_a_codex_that_is_not_reached() {
    let Some(stage) = Stage::real() else { return };
    let home = clodex_sim::CodexHome::new(stage.model.port());
    stage.sandbox.codex_home_is(&home.provider_line("stream_max_retries = 0"));
    let refused = json!({ "status": 401, "error": { "message": "no such key" } });
    run(&stage, &json!([refused, refused]), &[]).exits(3).says(&["401 Unauthorized"]);
}

#[test]
fn a_configuration_that_codex_cannot_read_is_named_and_is_no_missing_login() {
    let Some(stage) = Stage::real() else { return };
    let config = stage.sandbox.codex_home().join("config.toml");
    fs::write(&config, "not toml [\n").unwrap();
    for backend in ["exec", "app-server", "auto"] {
        let run = run(&stage, &json!([]), &["--backend", backend]).exits(3);
        run.says(&["config.toml:1:5", "hint     correct the file of Codex's configuration that it names"]);
        assert!(!run.stdout.contains("codex login"), "{run:?}");
    }
    let mut doctor = stage.sandbox.command("clodex-setup");
    doctor.args(["doctor", "--json"]);
    let told = Dispatched::of(run_with_timeout(doctor, LIMIT)).exits(1);
    told.says(&["codex cannot read its configuration: ", "config.toml:1:5", "correct that file"]);
    assert_eq!(fs::read(&config).unwrap(), b"not toml [\n");
}

#[test]
fn a_stream_that_is_cut_and_recovers_is_done() {
    let Some(stage) = Stage::real() else { return };
    let cut = json!({ "do": [{ "say": "partial" }], "cut": true });
    let run = run(&stage, &json!([cut, step(&[clean()])]), &[]).exits(0);
    assert_eq!(
        (run.result()["outcome"].clone(), run.result()["error"].clone()),
        (json!("done"), Value::Null)
    );
    assert!(run.artifact("events.jsonl").contains("Reconnecting... 1/5"));
}

#[test]
fn a_stream_that_stays_cut_is_a_lost_connection_and_keeps_what_was_said() {
    let Some(stage) = Stage::real() else { return };
    let home = clodex_sim::CodexHome::new(stage.model.port());
    stage.sandbox.codex_home_is(&home.provider_line("stream_max_retries = 1"));
    let cut = json!({ "do": [{ "say": "the half of it" }], "cut": true });
    let run = run(&stage, &json!([cut, cut, cut]), &[]).exits(3);
    run.says(&["stream disconnected before completion"]);
    assert_eq!(run.result()["message"], "the half of it");
    assert!(run.artifact("result.md").starts_with("the half of it\n"));
}

#[test]
fn a_full_context_window_fails_the_turn() {
    let Some(stage) = Stage::real() else { return };
    let failed = json!({ "failed": { "code": "context_length_exceeded", "message": "x" } });
    run(&stage, &json!([failed]), &[]).exits(1).says(&["ran out of room in the model's context window"]);
}

fn tiers(stage: &Stage, fallback: bool) {
    let mut tiers = "tiers:\n  quick:\n    model: gpt-gone\n    effort: low\n".to_owned();
    if fallback {
        tiers.push_str("fallback:\n  quick: gpt-5.5\n");
    }
    stage.sandbox.file("repo/.clodex/tiers.yaml", tiers);
    stage.sandbox.git(&["add", "--all"]);
    stage.sandbox.git(&["commit", "--quiet", "--message", "tiers"]);
}

fn gone() -> Value {
    json!({ "status": 404, "error": { "code": "model_not_found", "message": "The model `gpt-gone` does not exist" } })
}

#[test]
fn a_model_that_is_gone_is_replaced_once_and_announced() {
    let Some(stage) = Stage::real() else { return };
    tiers(&stage, true);
    // A second attempt is a new thread: it begins with the first step again, so the model decides by name.
    let stage = stage.answering(|request| {
        if request.json()["model"] == "gpt-gone" { json!([gone()]) } else { json!([step(&[clean()])]) }
    });
    let run = stage.packet(&Packet::worker(&["src"]), &["--tier", "quick"]).exits(0);
    run.says(&["gpt-gone is not available: fell back to gpt-5.5"]);
    run.complains(&["gpt-gone is not available: falling back to gpt-5.5"]);
    assert_eq!(run.result()["model"], "gpt-5.5");
    assert_eq!(run.result()["error"], Value::Null);
    assert_eq!(run.record(&stage.sandbox)["model"], "gpt-5.5");
    let models: Vec<_> = stage.asked().iter().map(|request| request.json()["model"].clone()).collect();
    assert_eq!(models, ["gpt-gone", "gpt-5.5"]);
}

#[test]
fn there_is_one_fallback_and_no_second() {
    let Some(stage) = Stage::real() else { return };
    tiers(&stage, true);
    let stage = stage.answering(|_| json!([gone()]));
    stage.packet(&Packet::worker(&["src"]), &["--tier", "quick"]).exits(1).says(&["does not exist"]);
    assert_eq!(stage.asked().len(), 2);
}

#[test]
fn a_model_that_is_gone_without_a_fallback_fails_the_turn() {
    let Some(stage) = Stage::real() else { return };
    tiers(&stage, false);
    let run = run(&stage, &json!([gone()]), &["--tier", "quick"]).exits(1);
    run.says(&["The model `gpt-gone` does not exist"]);
    assert_eq!(stage.asked().len(), 1);
}

#[test]
fn an_unknown_tier_lists_the_known_ones_and_a_tier_takes_no_model() {
    let Some(stage) = Stage::real() else { return };
    let unknown = run(&stage, &json!([]), &["--tier", "quik"]).exits(2);
    unknown.complains(&["quik", "fast", "standard", "deep", "hint:"]);
    run(&stage, &json!([]), &["--tier", "fast", "-m", "x"]).exits(2).complains(&["--tier", "--model"]);
    assert!(stage.asked().is_empty());
}

#[test]
fn a_failed_check_outweighs_the_workers_word() {
    let Some(stage) = Stage::real() else { return };
    let packet = Packet::worker(&["src"])
        .script(&json!([step(&[sh("true; exit 7")]), step(&[clean()])]))
        .with("NAME: checked");
    let text = packet
        .to_text(&stage.sandbox.repo())
        .replace("VERIFICATION:\n- true\n", "VERIFICATION:\n- `true; exit 7`\n");
    let path = stage.sandbox.file("task.md", text);
    let run = stage.run(&["--task", path.to_str().unwrap()]).exits(8);
    run.says(&[
        "outcome  done (exit 8)",
        "summary  verification failed: `true; exit 7`",
        "FAILED    `true; exit 7`",
    ]);
}
