//! The cases of `tests/evals` in the real Claude Code, with a model that does what a good session would. This proves
//! wiring, not judgement.

use std::fs;
use std::path::{Path, PathBuf};

use clodex_sim::messages::named;
use clodex_tests::{ClaudeStage, Codex, json_file, text};
use serde_json::{Value, json};

const PACKET: &str = "MODE: worker\nWORKDIR: /tmp\nOBJECTIVE: slug() joins words with dashes\nWRITE SCOPE:\n- src/\n\
    NON-GOALS:\n- nothing else\nVERIFICATION:\n- `python3 -m unittest tests/test_slug.py`\nDELIVERABLE:\n- the fix\n";

const ASK: &str = "clodex-thread --sandbox read-only --timeout 900 --no-stream --print-thread-id";

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("evals")
}

fn tool(name: &str, input: &Value) -> Value {
    json!({ "do": [{ "tool": { "name": name, "input": input } }] })
}

fn say(text: &str) -> Value {
    json!({ "do": [{ "say": text }] })
}

/// What a good session does in a case.
fn good_session(case: &str) -> Value {
    match case {
        "a-bounded-task-is-dispatched" => json!([
            tool("Skill", &json!({ "skill": "clodex:clodex" })),
            tool("Write", &json!({ "file_path": "packet.md", "content": PACKET })),
            tool(
                "Bash",
                &json!({ "command": "clodex-dispatch --lint packet.md", "description": "Check the packet" })
            ),
            tool(
                "Bash",
                &json!({ "command": "clodex-dispatch --task packet.md", "description": "Codex: mend slug()",
                         "run_in_background": true, "timeout": 7_200_000 })
            ),
            say("Codex mends slug() in src/ and tests/."),
        ]),
        "a-question-for-codex-is-a-conversation" => json!([
            tool("Skill", &json!({ "skill": "clodex:clodex-thread" })),
            tool(
                "Bash",
                &json!({ "command": format!("{ASK} --prompt-file - <<'EOF'\nStrip accents, or keep them?\nEOF"),
                         "description": "Codex: accents in slug()", "run_in_background": true, "timeout": 7_200_000 })
            ),
            say("Codex is asked whether slug() should strip accents."),
        ]),
        "a-tiny-edit-is-not-dispatched" => {
            json!([
                tool("Write", &json!({ "file_path": "greeting.txt", "content": "hello\n" })),
                say("Written.")
            ])
        }
        "a-question-about-runs-is-answered-by-status" => json!([
            tool("Bash", &json!({ "command": "clodex-status", "description": "What Codex is doing" })),
            say("No run is live."),
        ]),
        "a-violation-is-told-first" => {
            json!([say(
                "Scope violation: Codex changed lib/price.py, which was not its own.\nThe rest is done."
            )])
        }
        other => panic!("what does a good session do in {other}?"),
    }
}

/// Scores a case with this session, without a shell: a call is sent and counted, the host refuses to run it. What it does
/// when it runs, other tests show; here it would take a sandbox program that not every machine has.
/// The result is as `claude plugin eval` tells it.
fn scored(case: &str, session: Value) -> Option<Value> {
    let stage = ClaudeStage::real(json!([]))?;
    stage.model.learn(case, session);
    stage.sandbox.codex_is(Codex::Missing);
    copy(&cases(), &stage.plugin().join("tests/evals"));
    let prompt = stage.plugin().join("tests/evals").join(case).join("prompt.md");
    fs::write(&prompt, format!("{}\n{}\n", text(&prompt), named(case))).unwrap();
    let told = stage.sandbox.root().join("scores.json");
    let plugin = stage.plugin();
    let manner = "--runs 1 --ablation none --trust-plugin --no-publish --allow-tools Write Edit";
    let mut arguments = vec!["plugin", "eval", plugin.to_str().unwrap(), "--eval-dir", "tests/evals"];
    arguments.extend(manner.split(' '));
    arguments.extend(["--case", case, "--json", told.to_str().unwrap()]);
    let output = stage.claude(&arguments);
    assert!(told.exists(), "{case}: {output:?}");
    Some(json_file(&told))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() { copy(&from, &to) } else { fs::copy(&from, &to).map(drop).unwrap() }
    }
}

#[test]
fn every_case_passes_with_a_good_session() {
    for case in fs::read_dir(cases()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        let case = case.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(scores) = scored(&case, good_session(&case)) else { return };
        let run = &scores["cases"][0]["arms"]["with"][0];
        assert_eq!((&run["passed"], &run["turns"] != 0), (&json!(true), true), "{case}: {scores:#}");
    }
}

#[test]
fn a_case_fails_with_a_session_that_does_the_contrary() {
    let dispatch = json!({ "command": "clodex-dispatch --task packet.md", "description": "mend it" });
    for (case, bad) in [
        ("a-bounded-task-is-dispatched", json!([tool("Bash", &dispatch), say("Done.")])),
        ("a-tiny-edit-is-not-dispatched", json!([tool("Bash", &dispatch), say("Done.")])),
        ("a-question-for-codex-is-a-conversation", json!([tool("Bash", &dispatch), say("Done.")])),
        ("a-question-about-runs-is-answered-by-status", json!([say("It works on slug().")])),
        ("a-violation-is-told-first", json!([say("All is well.\nA violation in lib/price.py, by the way.")])),
    ] {
        let Some(scores) = scored(case, bad) else { return };
        let run = &scores["cases"][0]["arms"]["with"][0];
        assert_eq!((&run["passed"], &run["turns"] != 0), (&json!(false), true), "{case}: {scores:#}");
    }
}
