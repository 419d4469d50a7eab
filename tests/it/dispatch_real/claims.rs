//! What a final message is worth, in clodex's schema, in free text, and in a schema of the user's own.

use clodex_tests::{Codex, Dispatched, Packet, Sandbox};
use serde_json::{Value, json};

use crate::stage::{Stage, claim, dispatch_packet, sh, step};

fn review(stage: &Stage, last: Value, args: &[&str]) -> Dispatched {
    stage.packet(&Packet::read_only("reviewer").script(&json!([step(&[last])])), args)
}

fn says(text: &str) -> Value {
    json!({ "say": text })
}

#[test]
fn a_structured_answer_is_taken_at_its_word_and_no_further() {
    let Some(stage) = Stage::real() else { return };
    review(&stage, claim("findings-only", "CLEAN"), &[]).exits(0).says(&["outcome  findings-only (exit 0)"]);
    let attention = review(&stage, claim("done", "NEEDS_ATTENTION: flaky"), &[]).exits(8);
    attention.says(&["outcome  done (exit 8)", "claim    worker says NEEDS_ATTENTION flaky"]);
    review(&stage, claim("blocked", "CLEAN"), &[]).exits(8).says(&["outcome  blocked (exit 8)"]);
    review(&stage, claim("partial", "CLEAN"), &[]).exits(8);
    review(&stage, claim("done", "NOT CLEAN"), &[]).exits(5).says(&["verdict is `NOT CLEAN`"]);
}

#[test]
fn free_text_needs_the_exact_last_line() {
    let Some(stage) = Stage::real() else { return };
    let clean = review(&stage, says("I looked.\n\nVERDICT: CLEAN"), &[]).exits(0);
    assert_eq!(clean.artifact("result.md"), "I looked.\n\nVERDICT: CLEAN\n");
    assert_eq!(clean.result()["message"], "I looked.\n\nVERDICT: CLEAN");
    let attention = review(&stage, says("Hm.\nVERDICT: NEEDS_ATTENTION: two bugs"), &[]).exits(8);
    attention.says(&["worker says NEEDS_ATTENTION two bugs"]);
    for text in ["VERDICT: NOT CLEAN", "all CLEAN", "VERDICT: CLEAN\nbut one test fails", "VERDICT: CLEAN."] {
        let run = review(&stage, says(text), &[]).exits(5);
        assert!(run.artifact("result.md").starts_with(text));
        assert_eq!(run.result()["message"], text);
    }
}

#[test]
fn a_schema_of_ones_own_is_checked() {
    let Some(stage) = Stage::real() else { return };
    let schema = json!({ "type": "object", "required": ["n"], "additionalProperties": false,
                         "properties": { "n": { "type": "integer" } } });
    let schema = stage.sandbox.file("schema.json", schema.to_string());
    let own = ["--output-schema", schema.to_str().unwrap()];
    let run = review(&stage, json!({ "answer": { "n": 3 } }), &own).exits(0);
    assert_eq!(
        (run.result()["answer"].clone(), run.result()["claim"].clone()),
        (json!({ "n": 3 }), Value::Null)
    );
    assert_eq!(run.artifact("result.md"), "{\"n\":3}");
    assert_eq!(stage.asked()[0].json()["text"]["format"]["schema"]["required"], json!(["n"]));
    let broken = review(&stage, json!({ "answer": { "n": "three" } }), &own).exits(5);
    broken.says(&["the answer breaks the schema at `/n`"]);
    assert_eq!(broken.result()["answer"], Value::Null);
    let bad = stage.sandbox.file("bad.json", "{\"type\": 3}");
    review(&stage, says("x"), &["--output-schema", bad.to_str().unwrap()]).exits(2).complains(&["bad.json"]);
}

#[test]
fn a_message_that_the_stream_lost_is_taken_from_codexs_own_record() {
    let thread = "01a1fbc7-bb57-7293-99d2-e4e427410296";
    let sandbox = Sandbox::new();
    sandbox.codex_is(Codex::StandIn(json!({ "exec": [
        "read_stdin",
        { "line": { "type": "thread.started", "thread_id": thread } },
        { "line": { "type": "turn.started" } },
        { "line": { "type": "turn.completed", "usage": { "input_tokens": 10, "output_tokens": 1 } } },
    ] })));
    let packet = Packet::read_only("reviewer");
    dispatch_packet(&sandbox, &packet, &[]).exits(8).says(&["Codex ended without a final message"]);
    let event = |payload: Value| json!({ "timestamp": "2026-11-21T00:00:00Z", "type": "event_msg", "payload": payload });
    let rollout = [
        event(json!({ "type": "task_started" })),
        event(json!({ "type": "task_complete", "last_agent_message": "It holds.\nVERDICT: CLEAN" })),
    ];
    let lines = rollout.map(|line| line.to_string()).join("\n") + "\n";
    sandbox
        .file(&format!("codex-home/sessions/2026/11/21/rollout-2026-11-21T00-00-00-{thread}.jsonl"), lines);
    let run = dispatch_packet(&sandbox, &packet, &[]).exits(0);
    assert_eq!(run.result()["recovered"], true);
    run.says(&["worker says CLEAN", "recovered"]);
    assert!(run.artifact("result.md").starts_with("It holds.\n"));
}

#[test]
fn read_only_modes_cannot_write_and_pass_when_they_do_not() {
    let Some(stage) = Stage::real() else { return };
    for mode in ["verifier", "reviewer", "synthesizer"] {
        let packet = Packet::read_only(mode).script(&json!([
            step(&[sh("sleep 0.3; echo x > src/a.txt; echo y > new.txt; cat src/a.txt")]),
            step(&[claim("findings-only", "CLEAN")]),
        ]));
        let run = stage.packet(&packet, &[]).exits(0);
        run.says(&["verdict  clean"]);
        let events = run.artifact("events.jsonl");
        assert!(events.contains("Read-only file system"), "{mode}: {events}");
        assert_eq!(stage.sandbox.git(&["status", "--porcelain"]), "", "{mode}");
    }
}
