//! What Codex asks the user during a run, and how an answer of another process reaches it: with the real Codex, each
//! kind of question that it can be made to ask.

use std::process::Output;

use clodex_sim::CodexHome;
use clodex_sim::responses::embed;
use clodex_tests::{LIMIT, Packet, Running, Underway, binaries, eventually};
use serde_json::{Value, json};

use crate::stage::{Stage, clean, helper, sh, step};

/// What somebody says to a run from elsewhere, and what is said back.
fn answered(stage: &Stage, words: &[&str], stdin: &str) -> (Option<i32>, String) {
    let mut control = stage.sandbox.command("clodex-control");
    control.args(["--as", "clodex-answer", "--wait", "60"]).args(words);
    let Output { status, stdout, stderr } = Running::start(control, stdin.as_bytes()).finish(LIMIT);
    (status.code(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

/// A stage whose Codex has these features besides.
fn with_features(features: &[&str]) -> Option<Stage> {
    let stage = Stage::real()?;
    let lines: String = features.iter().map(|feature| [feature, " = true\n"].concat()).collect();
    let home = CodexHome::new(stage.model.port())
        .top_line("suppress_unstable_features_warning = true")
        .sections(&format!("[features]\n{lines}"));
    stage.sandbox.codex_home_is(&home);
    Some(stage)
}

fn begin(stage: &Stage, name: &str, acts: &[Value], more: &str) -> Underway {
    let steps: Vec<Value> =
        acts.iter().map(|act| step(std::slice::from_ref(act))).chain([step(&[clean()])]).collect();
    let packet = Packet::worker(&["src/"]).script(&json!(steps)).with(&format!("NAME: {name}\n{more}"));
    let packet = stage.sandbox.packet(&packet);
    let args = ["--task", packet.to_str().unwrap(), "--backend", "app-server", "--allow-dirty-overlap"];
    Underway::start(stage.sandbox.dispatcher(&args))
}

fn tool(name: &str, arguments: &Value) -> Value {
    json!({ "tool": { "name": name, "arguments": arguments } })
}

/// The question that waits, as the record has it.
fn question(stage: &Stage, run: &Underway) -> Value {
    let asks = |status: &Value| status["open_requests"].as_array().is_some_and(|open| !open.is_empty());
    stage.sandbox.until_status(&run.id, asks)["open_requests"][0].clone()
}

/// What the model was told with its second request.
fn told(stage: &Stage, at: usize) -> String {
    let bodies: Vec<Value> =
        stage.asked().iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
    let outputs =
        bodies[at]["input"].as_array().unwrap().iter().filter(|item| item["type"] == "function_call_output");
    outputs.map(|item| item["output"].to_string()).collect()
}

fn two_questions() -> Value {
    let option = |label: &str, description: &str| json!({ "label": label, "description": description });
    tool(
        "request_user_input",
        &json!({ "questions": [
            { "id": "colour", "header": "Colour", "question": "Which colour\u{1b}[2J?",
              "options": [option("Red", "warm"), option("Blue", "cold")] },
            { "id": "size", "header": "Size", "question": "How big?",
              "options": [option("S", "small"), option("L", "large")] },
        ] }),
    )
}

#[test]
fn several_questions_of_the_model_get_an_answer_each() {
    let Some(stage) = with_features(&["default_mode_request_user_input"]) else { return };
    let run = begin(&stage, "asks", &[two_questions()], "");
    let open = question(&stage, &run);
    assert_eq!(open["question"], "Which colour [2J? / How big?");
    let shown = helper(&stage.sandbox, "clodex-status", &["asks"]);
    for line in ["    size: How big?\n", "      2. L: large\n", "1 colour=TEXT size=TEXT|decline|cancel`"] {
        assert!(shown.contains(line) && !shown.contains('\u{1b}'), "{line:?} in {shown}");
    }
    let (code, all) = answered(&stage, &["asks"], "");
    assert!(
        code == Some(0) && all.contains("    colour: Which colour") && all.contains("1. Red: warm"),
        "{all}"
    );
    for (words, why) in [
        (&["asks", "blue"][..], "it wants an answer to each: colour=… size=…"),
        (&["asks", "colour=2"], "`size` is not answered"),
        (&["asks", "9", "colour=2", "size=L"], "question 9 of asks"),
    ] {
        let (code, line) = answered(&stage, words, "");
        assert!(code == Some(2) && line.contains(why) && line.contains("hint: "), "{line}");
    }
    let (code, line) = answered(&stage, &["asks", "colour=2", "size=as big as a house"], "");
    assert_eq!(code, Some(0), "{line}");
    let done = run.finish().exits(0);
    let heard = told(&stage, 1);
    assert!(
        heard.contains("Blue") && heard.contains("as big as a house") && !heard.contains("Red"),
        "{heard}"
    );
    assert!(done.artifact("policy.json").contains("answered by the user: Which colour"));
    stage.sandbox.assert_no_leftovers();
}

#[test]
fn questions_that_are_declined_let_the_turn_go_on() {
    let Some(stage) = with_features(&["default_mode_request_user_input"]) else { return };
    let run = begin(&stage, "shy", &[two_questions(), sh("echo on > src/on")], "");
    question(&stage, &run);
    let (code, line) = answered(&stage, &["shy", "decline"], "");
    assert_eq!(code, Some(0), "{line}");
    run.finish().exits(0);
    assert!(stage.sandbox.repo().join("src/on").exists());
}

#[test]
fn more_rights_are_named_and_what_is_done_with_them_is_judged() {
    let Some(stage) = with_features(&["request_permissions_tool"]) else { return };
    let repo = stage.sandbox.repo();
    let wanted = json!({ "reason": "the docs, too", "permissions": { "file_system": { "write": [repo] } } });
    let acts = [tool("request_permissions", &wanted), sh("sleep 0.3; echo out > out.txt")];
    for (name, answer, code) in [("wants-no", "decline", 0), ("wants-yes", "accept", 6)] {
        let run = begin(&stage, name, &acts, "");
        let open = question(&stage, &run);
        let whole = open["lines"].to_string();
        assert!(whole.contains(repo.to_str().unwrap()) && whole.contains("It says: the docs, too"), "{open}");
        let (said, line) = answered(&stage, &[name, answer], "");
        assert_eq!(said, Some(0), "{line}");
        let done = run.finish().exits(code);
        assert_eq!(repo.join("out.txt").exists(), answer == "accept");
        let policy = done.policy();
        let degraded = policy["degraded"].to_string();
        assert_eq!(
            degraded.contains("the user let the turn have more rights"),
            answer == "accept",
            "{policy}"
        );
        // The sandbox no longer tells whose a change is: it is not somebody else's.
        assert_eq!(policy["foreign"], json!([]), "{policy}");
    }
}

#[test]
fn a_command_let_out_of_the_sandbox_is_judged_by_what_it_did() {
    let Some(stage) = with_features(&[]) else { return };
    let arguments = json!({
        "cmd": "echo out > out.txt", "sandbox_permissions": "require_escalated", "justification": "so",
    });
    let run = begin(&stage, "escapes", &[tool("exec_command", &arguments)], "");
    question(&stage, &run);
    let (code, line) = answered(&stage, &["escapes", "accept"], "");
    assert_eq!(code, Some(0), "{line}");
    let policy = run.finish().exits(6).policy();
    assert_eq!((&policy["violations"][0]["path"], &policy["foreign"]), (&json!("out.txt"), &json!([])));
}

#[test]
fn a_command_that_wants_more_rights_inside_its_sandbox_says_which() {
    let Some(stage) = with_features(&["exec_permission_approvals"]) else { return };
    let repo = stage.sandbox.repo();
    let arguments = json!({
        "cmd": "echo out > out.txt; sleep 0.3", "sandbox_permissions": "with_additional_permissions",
        "additional_permissions": { "file_system": { "write": [repo] } }, "justification": "so",
    });
    let run = begin(&stage, "wider", &[tool("exec_command", &arguments)], "");
    let open = question(&stage, &run);
    assert!(open["lines"][0].as_str().unwrap().contains(repo.to_str().unwrap()), "{open}");
    let (code, line) = answered(&stage, &["wider", "decline"], "");
    assert_eq!(code, Some(0), "{line}");
    run.finish().exits(0);
    assert!(!repo.join("out.txt").exists());
}

#[test]
fn a_long_command_can_be_read_to_its_end_before_it_is_let_out() {
    let Some(stage) = with_features(&[]) else { return };
    let command = format!("echo {}; echo the very end > src/end.txt", "x".repeat(4000));
    let arguments =
        json!({ "cmd": command, "sandbox_permissions": "require_escalated", "justification": "so" });
    let run = begin(&stage, "long", &[tool("exec_command", &arguments)], "");
    let open = question(&stage, &run);
    assert!(!open["question"].as_str().unwrap().contains("the very end"), "{open}");
    let shown = helper(&stage.sandbox, "clodex-status", &["long"]);
    let (_, all) = answered(&stage, &["long"], "");
    for text in [shown, all] {
        assert!(text.contains(&format!("    {command}\n")), "{text}");
    }
    answered(&stage, &["long", "accept"], "");
    run.finish().exits(0);
    assert!(stage.sandbox.repo().join("src/end.txt").exists());
}

#[test]
fn an_mcp_server_gets_its_form_filled_in_and_its_yes() {
    let Some(stage) = Stage::real() else { return };
    let server = binaries().join("clodex-sim-mcp");
    let home = CodexHome::new(stage.model.port()).sections(&format!(
        "[mcp_servers.sim]\ncommand = \"{}\"\ndefault_tools_approval_mode = \"approve\"\n",
        server.display()
    ));
    stage.sandbox.codex_home_is(&home);
    let ask = |params: Value| json!({ "tool": { "namespace": "mcp__sim", "name": "ask", "arguments": { "params": params } } });
    let form = json!({ "message": "Who are you?", "requestedSchema": { "type": "object", "required": ["name"],
        "properties": { "name": { "type": "string" }, "size": { "type": "string", "enum": ["s", "l"] },
                        "age": { "type": "integer" }, "sure": { "type": "boolean" } } } });
    let plain = json!({ "message": "Go on?", "requestedSchema": { "type": "object", "properties": {} } });
    let run = begin(&stage, "form", &[ask(form), ask(plain)], "MCP:\n- sim");
    let open = question(&stage, &run);
    assert_eq!(open["lines"], json!(["MCP server sim: Who are you?"]));
    let (code, line) = answered(&stage, &["form", "name=Ada", "age=old"], "");
    assert!(code == Some(2) && line.contains("`age` wants a whole number, not `old`"), "{line}");
    let (code, line) = answered(&stage, &["form", "accept"], "");
    assert!(code == Some(7) && line.contains("this wants an answer in words"), "{line}");
    let (code, line) = answered(&stage, &["form", "-"], "name=Ada = me\nsize=2\nage=36\nsure=yes\n");
    assert_eq!(code, Some(0), "{line}");
    eventually(LIMIT, || (question(&stage, &run)["question"] == "MCP server sim: Go on?").then_some(()));
    let (code, line) = answered(&stage, &["form", "accept"], "");
    assert_eq!(code, Some(0), "{line}");
    run.finish();
    let heard = told(&stage, 2).replace('\\', "");
    for said in [r#""name":"Ada = me""#, r#""size":"l""#, r#""age":36"#, r#""sure":true"#, r#""content":{}"#]
    {
        assert!(heard.contains(said), "{said} in {heard}");
    }
}

#[test]
fn a_patch_in_scope_is_accepted_and_one_out_of_scope_declined_before_it_happens() {
    let Some(stage) = with_features(&[]) else { return };
    let patch = |file: &str| json!({ "patch": format!("*** Begin Patch\n*** Add File: {file}\n+new\n*** End Patch") });
    let run =
        begin(&stage, "patches", &[patch("src/in.txt"), patch("lib/out.txt"), sh("ls lib > src/seen")], "");
    let done = run.finish().exits(0);
    let repo = stage.sandbox.repo();
    assert!(repo.join("src/in.txt").exists() && !repo.join("lib/out.txt").exists());
    assert_eq!(done.policy()["denied"], json!([{ "path": "lib/out.txt", "by": "patch" }]));
}

#[test]
fn a_sub_agents_patch_out_of_scope_is_declined_and_listed_like_any() {
    let Some(stage) = with_features(&[]) else { return };
    let patch = |file: &str| json!({ "patch": format!("*** Begin Patch\n*** Add File: {file}\n+new\n*** End Patch") });
    let acts = [patch("src/in.txt"), patch("lib/out.txt"), sh("echo > src/done")];
    let work: Vec<Value> = acts.iter().map(|act| step(std::slice::from_ref(act))).collect();
    let message = format!("work {}", embed(&json!(work)));
    let spawns = json!({ "tool": { "namespace": "multi_agent_v1", "name": "spawn_agent", "arguments": { "message": message } } });
    let waits = sh("until [ -e src/done ]; do sleep 0.05; done");
    // Whoever waits for it may be woken by its end, and answers once more.
    let done = begin(&stage, "agents", &[spawns, waits, clean(), clean()], "").finish().exits(0);
    let repo = stage.sandbox.repo();
    assert!(repo.join("src/in.txt").exists() && !repo.join("lib/out.txt").exists());
    assert_eq!(done.policy()["denied"], json!([{ "path": "lib/out.txt", "by": "patch" }]));
}
