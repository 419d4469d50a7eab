//! clodex-claude asks the real Claude Code with a scripted model: what it answers, what it may do, what is told of it.

use std::fs;
use std::process::Output;

use clodex_sim::messages::embed;
use clodex_tests::{ClaudeStage, LIMIT, Running, run_with_timeout};
use serde_json::{Value, json};

/// A prompt that carries its script.
fn prompt(steps: &Value) -> String {
    format!("a question {}", embed(steps))
}

fn say(text: &str) -> Value {
    json!([{ "do": [{ "say": text }] }])
}

fn tool(name: &str, input: &Value) -> Value {
    json!({ "do": [{ "tool": { "name": name, "input": input } }] })
}

fn ask(stage: &ClaudeStage, arguments: &[&str]) -> Output {
    run_with_timeout(stage.asking(arguments), LIMIT)
}

/// The one object of `--json`, and that its exit code is the program's.
#[track_caller]
fn object(output: &Output) -> Value {
    let told = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(told.matches('\n').count(), 1, "{told}{}", String::from_utf8_lossy(&output.stderr));
    let object: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(object["exit_code"], output.status.code().unwrap(), "{object}");
    object
}

#[track_caller]
fn json_of(stage: &ClaudeStage, arguments: &[&str]) -> Value {
    object(&ask(stage, &[&["--json"], arguments].concat()))
}

#[test]
fn an_answer_comes_with_its_session_messages_tokens_and_cost() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let steps = json!([
        { "do": [{ "say": "I look" }, { "tool": { "name": "Read", "input": { "file_path": "src/a.txt" } } }] },
        { "do": [{ "say": "the answer" }] },
    ]);
    let told = json_of(&stage, &["--model", "sonnet", "--instructions", "BE BRIEF", &prompt(&steps)]);
    let texts: Vec<_> = told["messages"].as_array().unwrap().iter().map(|said| &said["text"]).collect();
    assert_eq!(texts, ["I look", "the answer"], "{told}");
    assert_eq!((&told["status"], &told["text"]), (&json!("completed"), &json!("the answer")));
    assert_eq!(told["session_id"].as_str().unwrap().len(), 36, "{told}");
    let metrics = &told["metrics"];
    assert_eq!((&metrics["input_tokens"], &metrics["output_tokens"]), (&json!(2000), &json!(100)), "{told}");
    assert!(metrics["cost_usd"].as_f64().is_some_and(|cost| cost > 0.0), "{told}");
    let turn = &stage.model.turns()[0].json();
    assert_eq!(turn["model"], metrics["model"]);
    assert!(turn["system"].to_string().contains("BE BRIEF"));
}

#[test]
fn claude_may_read_here_and_nothing_else() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let allow = json!({ "permissions": { "allow": ["Write", "Bash"], "defaultMode": "bypassPermissions" } });
    stage.sandbox.file("home/.claude/settings.json", allow.to_string());
    let steps = json!([
        tool("Write", &json!({ "file_path": "new.txt", "content": "x" })),
        tool("Bash", &json!({ "command": "touch new.txt", "description": "x" })),
        tool("Read", &json!({ "file_path": "/etc/hostname" })),
        { "do": [{ "say": "done" }] },
    ]);
    let told = json_of(&stage, &[&prompt(&steps)]);
    assert_eq!((&told["text"], &told["exit_code"]), (&json!("done"), &json!(0)), "{told}");
    assert!(!stage.sandbox.repo().join("new.txt").exists());
    assert_eq!(told["declined"], json!([{ "kind": "read", "about": "Read /etc/hostname" }]));
}

#[test]
fn what_claude_code_denies_without_asking_is_listed_as_well() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let steps = json!([
        tool("Bash", &json!({ "command": "git status", "description": "x" })),
        tool("Bash", &json!({ "command": "touch new.txt", "description": "x" })),
        { "do": [{ "say": "done" }] },
    ]);
    let unasked = ["--permission-mode", "dontAsk", "--allowed-tools", "Bash(git status:*)"];
    let told = json_of(&stage, &[&unasked[..], &[&prompt(&steps)]].concat());
    assert_eq!((&told["text"], &told["exit_code"]), (&json!("done"), &json!(0)), "{told}");
    assert!(!stage.sandbox.repo().join("new.txt").exists());
    assert_eq!(told["declined"], json!([{ "kind": "command", "about": "Bash touch new.txt" }]), "{told}");
}

#[test]
fn a_scope_is_written_in_and_nowhere_else_whatever_the_settings_allow() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    stage.sandbox.file("home/.claude/settings.json", r#"{"permissions":{"allow":["Write","Edit"]}}"#);
    let repo = stage.sandbox.repo();
    let steps = json!([
        tool("Write", &json!({ "file_path": "src/new.txt", "content": "in" })),
        tool("Write", &json!({ "file_path": "lib/new.txt", "content": "out" })),
        { "do": [{ "say": "done" }] },
    ]);
    let told = json_of(&stage, &["--scope", "src", &prompt(&steps)]);
    assert_eq!(fs::read_to_string(repo.join("src/new.txt")).unwrap(), "in");
    assert!(!repo.join("lib/new.txt").exists());
    let about = format!("Write {}", repo.canonicalize().unwrap().join("lib/new.txt").display());
    assert_eq!(told["declined"], json!([{ "kind": "file change", "about": about }]), "{told}");
}

#[test]
fn the_user_answers_what_claude_asks_for() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let steps = json!([
        tool("Write", &json!({ "file_path": "yes.txt", "content": "x" })),
        tool("Write", &json!({ "file_path": "no.txt", "content": "x" })),
        tool("Bash", &json!({ "command": "touch one\ntouch two", "description": "x" })),
        { "do": [{ "say": "done" }] },
    ]);
    let asking = stage.asking(&["--interactive-approvals", "--json", &prompt(&steps)]);
    let output = Running::start(asking, b"y\nwhat?\nn\nn\n").finish(LIMIT);
    let (told, shown) = (object(&output), String::from_utf8_lossy(&output.stderr));
    assert_eq!(told["text"], "done", "{shown}");
    let repo = stage.sandbox.repo();
    assert!(repo.join("yes.txt").exists() && !repo.join("no.txt").exists(), "{shown}");
    assert!(shown.contains("Claude asks to use Write (file change):\n  file_path: "), "{shown}");
    assert!(shown.contains("  content: x\n") && shown.contains("not understood: `what?`"), "{shown}");
    assert!(shown.contains("  command:\n    touch one\n    touch two\n"), "{shown}");
}

#[test]
fn a_session_goes_on_is_copied_or_leaves_nothing() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let first = json_of(&stage, &[&prompt(&say("one"))]);
    let id = first["session_id"].as_str().unwrap();
    let second = json_of(&stage, &["--thread-id", id, &prompt(&say("two"))]);
    assert_eq!((&second["session_id"], &second["text"]), (&json!(id), &json!("two")));
    assert!(stage.model.asked().last().unwrap().contains("one"));
    let costs = |told: &Value| {
        ["cost_usd", "session_cost_usd"].map(|name| told["metrics"][name].as_f64().unwrap_or_default())
    };
    let [this, all] = costs(&second);
    assert!(this > 0.0 && all > this, "{second}");
    let copy = json_of(&stage, &["--fork", id, &prompt(&say("three"))]);
    assert!(copy["session_id"] != id && copy["text"] == "three", "{copy}");
    let gone = json_of(&stage, &["--ephemeral", &prompt(&say("four"))]);
    let lost = json_of(&stage, &["--resume", gone["session_id"].as_str().unwrap(), "once more"]);
    assert_eq!((&lost["exit_code"], &lost["error"]["kind"]), (&json!(1), &json!("thread")), "{lost}");
}

#[test]
fn an_answer_follows_its_schema_or_is_none() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let schema = json!({ "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"] });
    let schema = stage.sandbox.file("schema.json", schema.to_string());
    let with = ["--output-schema", schema.to_str().unwrap()];
    let well = json!([tool("StructuredOutput", &json!({ "a": 1 }))]);
    let told = json_of(&stage, &[&with[..], &[&prompt(&well)]].concat());
    assert_eq!((&told["structured"], &told["text"]), (&json!({ "a": 1 }), &json!(r#"{"a":1}"#)), "{told}");
    let never: Vec<Value> = (0..20).map(|_| json!({ "do": [{ "say": "words" }] })).collect();
    let told = json_of(&stage, &[&with[..], &[&prompt(&json!(never))]].concat());
    assert_eq!((&told["exit_code"], &told["error"]["kind"]), (&json!(5), &json!("schema")), "{told}");
    assert_eq!((&told["status"], &told["text"]), (&json!("failed"), &Value::Null), "{told}");
}

#[test]
fn a_prompt_reaches_the_model_as_it_is_even_when_it_looks_like_a_command() {
    let Some(stage) = ClaudeStage::real(say("read")) else { return };
    let text = "/cost \"of\" `this`\n$(and) that ü";
    let output = Running::start(stage.asking(&["--prompt-file", "-"]), text.as_bytes()).finish(LIMIT);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "read\n");
    assert!(stage.model.asked()[0].contains(text), "{:?}", stage.model.asked());
}

#[test]
fn a_file_that_the_prompt_mentions_is_not_read_for_that() {
    let Some(stage) = ClaudeStage::real(say("read")) else { return };
    let secret = stage.sandbox.file("secret", "nobody is to know this");
    let text = format!("review this: @{} and @src/a.txt", secret.display());
    assert_eq!(json_of(&stage, &[&text])["text"], "read");
    let asked = &stage.model.asked()[0];
    assert!(asked.contains(&text) && !asked.contains("nobody is to know this"), "{asked}");
}

#[test]
fn what_is_said_is_recorded_without_secrets_and_told_as_loudly_as_wanted() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let (out, record) = (stage.sandbox.root().join("out"), stage.sandbox.root().join("record"));
    fs::write(&out, "an answer of before").unwrap();
    let asked = format!("use ghp_abcdefghij0123456789 {}", prompt(&say("the answer")));
    let paths = [out.to_str().unwrap(), record.to_str().unwrap()];
    let arguments = ["--out", paths[0], "--ndjson-file", paths[1], "--no-stream", "-vv", "--summary"];
    let output = ask(&stage, &[&arguments[..], &["--print-session-id", &asked]].concat());
    let (shown, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((shown.as_ref(), fs::read_to_string(&out).unwrap().as_str()), ("the answer\n", "the answer"));
    for wanted in ["--> {\"type\":\"user\"", "<-- {\"", "SESSION_ID=", "completed · "] {
        assert!(stderr.contains(wanted), "no `{wanted}`: {stderr}");
    }
    let record = fs::read_to_string(record).unwrap();
    assert!(record.contains("[redacted]") && !record.contains("ghp_"), "{record}");
    let ways: Vec<Value> =
        record.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["way"].clone()).collect();
    assert!(ways[0] == "out" && ways.contains(&json!("in")), "{ways:?}");
}

#[test]
fn a_session_around_it_is_no_business_of_claudes() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let look = json!({ "command": "echo \"[$CLAUDE_CODE_SESSION_ID][$CLAUDE_PLUGIN_ROOT][$CLAUDE_ENV_FILE]\"",
                       "description": "look" });
    let steps = json!([tool("Bash", &look), { "do": [{ "say": "seen" }] }]);
    let mut asking = stage.asking(&["--json", "--allowed-tools", "Bash", &prompt(&steps)]);
    let around = ["CLAUDE_CODE_SESSION_ID", "CLAUDE_PLUGIN_ROOT", "CLAUDE_ENV_FILE", "CLAUDECODE"];
    asking.envs(around.map(|name| (name, "/of/another")));
    let told = object(&run_with_timeout(asking, LIMIT));
    let seen = stage.model.asked().last().unwrap().clone();
    let wanted = format!("[{}][][]", told["session_id"].as_str().unwrap());
    assert!(seen.contains(&wanted), "no {wanted} in {seen}");
}
