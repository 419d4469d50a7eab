//! The stop gate: its hook alone with the real Codex, then in the real Claude Code.

use std::fs;
use std::path::Path;

use clodex_sim::ScriptedModel;
use clodex_sim::messages::embed;
use clodex_sim::responses::{Request, Script};
use clodex_tests::{
    ClaudeStage, Codex, Key, LIMIT, Running, Sandbox, binaries, eventually, leftovers, real_codex,
};
use serde_json::{Value, json};

use crate::review::{answer, finding};
use crate::stage::{Stage, step};

const ON: &str = "stop_gate: true\n";

/// A session whose events this test sends.
struct Session<'a> {
    sandbox: &'a Sandbox,
    hook: String,
}

impl<'a> Session<'a> {
    fn of(sandbox: &'a Sandbox) -> Self {
        Self { sandbox, hook: "clodex-hook".to_owned() }
    }

    /// What the hook says to these bytes.
    #[track_caller]
    fn said_to(&self, input: &[u8]) -> String {
        let output = Running::start(self.sandbox.command(&self.hook), input).finish(LIMIT);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn said(&self, event: &str, more: &Value) -> String {
        let mut input = json!({ "session_id": "s", "cwd": self.sandbox.repo(), "hook_event_name": event });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.said_to(input.to_string().as_bytes())
    }

    #[track_caller]
    fn prompts(&self) {
        assert_eq!(self.said("UserPromptSubmit", &json!({ "prompt": "do it" })), "");
    }

    /// What is said to a stop of Claude itself.
    #[track_caller]
    fn stops(&self) -> String {
        self.said("Stop", &json!({ "stop_hook_active": false, "background_tasks": [] }))
    }

    /// The note to the user that must be all that is said to a stop.
    #[track_caller]
    fn stops_unreviewed(&self) -> String {
        let said: Value = serde_json::from_str(&self.stops()).unwrap();
        let note = said["systemMessage"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned();
        assert_eq!(said, json!({ "systemMessage": note }));
        note
    }

    fn changes(&self) {
        fs::write(self.sandbox.repo().join("src/a.txt"), "changed\n").unwrap();
    }
}

fn switch_on(sandbox: &Sandbox) {
    sandbox.file("config/clodex/config.yaml", ON);
}

/// A stage with the gate switched on, whose reviewer plays this script.
fn gated(script: impl Fn(&Request) -> Value + Send + Sync + 'static) -> Option<Stage> {
    let stage = Stage::real()?.answering(script);
    switch_on(&stage.sandbox);
    Some(stage)
}

fn bad_file(path: &Path) -> Value {
    json!([step(&[
        json!({ "answer": answer(&[finding(1, "Take the lock", path.to_str().unwrap())], "incorrect") })
    ])])
}

#[test]
fn switched_off_it_leaves_nothing_and_says_nothing_and_no_project_switches_it_on() {
    let sandbox = Sandbox::new();
    sandbox.file("repo/.clodex/config.yaml", ON);
    let session = Session::of(&sandbox);
    for config in ["", "stop_gate: false\n", "tier: fast\n"] {
        sandbox.file("config/clodex/config.yaml", config);
        session.prompts();
        session.changes();
        assert_eq!(session.stops(), "", "{config}");
    }
    assert_eq!(fs::read_dir(sandbox.state()).unwrap().count(), 0);
}

#[test]
fn findings_block_once_a_turn_and_name_the_switch() {
    let Some(stage) = gated(|_| bad_file(Path::new("src/a.txt"))) else { return };
    let session = Session::of(&stage.sandbox);
    session.prompts();
    session.changes();
    let said: Value = serde_json::from_str(&session.stops()).unwrap();
    assert_eq!(said["decision"], "block");
    let reason = said["reason"].as_str().unwrap();
    let off = format!(
        "`stop_gate: false` in {} switches",
        stage.sandbox.root().join("config/clodex/config.yaml").display()
    );
    for part in
        ["1. high: Take the lock (src/a.txt:1-2)\n   Take the lock because.\n", "clodex-result ", &off]
    {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    assert_eq!(session.stops(), "", "the second stop of the turn");
    assert_eq!(stage.asked().len(), 1);
    session.prompts();
    assert_eq!(session.said("Stop", &json!({ "stop_hook_active": true })), "");
    assert_eq!(session.stops(), "", "nothing has changed in this turn");
    assert_eq!(stage.asked().len(), 1);
}

#[test]
fn what_is_fine_or_committed_or_not_claudes_own_stop_needs_no_word() {
    let Some(stage) = gated(|_| json!([step(&[json!({ "answer": answer(&[], "correct") })])])) else {
        return;
    };
    let session = Session::of(&stage.sandbox);
    session.prompts();
    session.changes();
    for (kind, of) in [("subagent", ""), ("workflow", ""), ("teammate", ""), ("shell", "a1")] {
        let more =
            json!({ "stop_hook_active": false, "agent_id": of, "background_tasks": [{ "type": kind }] });
        assert_eq!(session.said("Stop", &more), "");
    }
    assert_eq!(stage.asked().len(), 0, "it is not over");
    let more =
        json!({ "background_tasks": [{ "type": "shell", "status": "running" }, { "type": "monitor" }] });
    assert_eq!(session.said("Stop", &more), "");
    assert_eq!(stage.asked().len(), 1, "servers and monitors never end");
    session.prompts();
    stage.sandbox.file("repo/src/a.txt", "more\n");
    stage.sandbox.git(&["commit", "--quiet", "--all", "--message", "more"]);
    assert_eq!(session.stops(), "");
    assert_eq!(stage.asked().len(), 1, "everything is committed");
}

#[test]
fn what_keeps_codex_from_reviewing_is_shown_and_claude_stops() {
    let error =
        json!({ "status": 400, "error": { "message": "no such thing", "type": "invalid_request_error" } });
    let Some(stage) = gated(move |_| json!([error])) else { return };
    let mut session = Session::of(&stage.sandbox);
    session.prompts();
    session.changes();
    let note = session.stops_unreviewed();
    assert!(note.contains("not reviewed: ") && note.contains("no such thing"), "{note}");
    assert_eq!(session.stops(), "", "told once a turn");

    stage.sandbox.codex_is(Codex::Missing);
    session.prompts();
    session.changes();
    let note = session.stops_unreviewed();
    assert!(note.contains("not reviewed: ") && note.contains("hint: ") && note.contains("codex"), "{note}");
    assert!(note.ends_with(" switches the stop gate off."), "{note}");

    // A link: what has just been written may still be open in a process that another test starts, and then cannot be run.
    let alone = stage.sandbox.file("alone/beside", "").with_file_name("clodex-hook");
    fs::hard_link(binaries().join("clodex-hook"), &alone).unwrap();
    session.hook = alone.display().to_string();
    session.prompts();
    session.changes();
    assert!(session.stops_unreviewed().contains("alone/clodex-dispatch"));

    stage.sandbox.file("config/clodex/config.yaml", "stop_gate: perhaps\n");
    assert!(session.stops_unreviewed().contains("config.yaml"));
}

#[test]
fn malformed_input_says_nothing_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    switch_on(&sandbox);
    let session = Session::of(&sandbox);
    for input in [
        "",
        "{",
        r#"{"hook_event_name":"Stop"}"#,
        r#"{"hook_event_name":"Stop","session_id":"s","background_tasks":7}"#,
        r#"{"hook_event_name":"Stop","session_id":"s","stop_hook_active":"no"}"#,
        r#"{"hook_event_name":"Stop","session_id":"s","cwd":"/nowhere"}"#,
        r#"{"hook_event_name":"UserPromptSubmit","prompt":"no session"}"#,
    ] {
        assert_eq!(session.said_to(input.as_bytes()), "", "{input}");
    }
    assert_eq!(fs::read_dir(sandbox.state()).unwrap().count(), 0);
}

/// The real Claude Code with the gate switched on.
struct Gate {
    stage: ClaudeStage,
    reviewer: ScriptedModel,
}

impl Gate {
    /// Its Codex is the real one, whose reviewer plays this script.
    fn real(script: Value) -> Option<Self> {
        let stage = ClaudeStage::real(json!([]))?;
        let reviewer =
            ScriptedModel::with_default(move |_| Script::from_json(script.clone()).unwrap()).unwrap();
        stage.sandbox.codex_is(Codex::Real(real_codex().ok()?)).model_is(&reviewer);
        switch_on(&stage.sandbox);
        Some(Self { stage, reviewer })
    }

    fn reviews(&self) -> usize {
        self.reviewer.requests().iter().filter(|request| request.path == "/v1/responses").count()
    }

    /// How a model writes a file, says so, and what it says when it is held back.
    fn work(&self) -> Value {
        let file = self.stage.sandbox.repo().join("src/bad.txt");
        let write = json!({ "tool": { "name": "Write", "input": { "file_path": file, "content": "bad" } } });
        json!([{ "do": [write] }, { "do": [{ "say": "I am done" }] }, { "do": [{ "say": "dealt with it" }] }])
    }
}

#[test]
fn a_bad_file_holds_claude_back_once_and_then_it_stops() {
    let Some(gate) = Gate::real(bad_file(Path::new("src/bad.txt"))) else { return };
    let said = gate.stage.print(&format!("do it {}", embed(&gate.work())), "Write");
    assert!(said.ends_with("dealt with it\n"), "{said}");
    let asked = gate.stage.model.asked();
    let told: Vec<bool> =
        asked.iter().map(|asked| asked.contains("1. high: Take the lock (src/bad.txt:1-2)")).collect();
    assert_eq!((told, gate.reviews()), (vec![false, false, true], 1));
}

#[test]
fn a_turn_that_changes_nothing_is_not_reviewed() {
    let Some(gate) = Gate::real(bad_file(Path::new("src/bad.txt"))) else { return };
    fs::write(gate.stage.sandbox.repo().join("src/a.txt"), "the user's own\n").unwrap();
    let said = gate.stage.print(&format!("tell {}", embed(&json!([{ "do": [{ "say": "told" }] }]))), "");
    assert_eq!((said.as_str(), gate.reviews()), ("told\n", 0));
}

#[test]
fn a_user_sees_why_nobody_has_reviewed() {
    let Some(gate) = Gate::real(json!([])) else { return };
    gate.stage.sandbox.codex_is(Codex::Missing);
    let claude = gate.stage.terminal(&["--permission-mode", "manual", "--allowedTools", "Write"]);
    claude.play("work", gate.work());
    let screen = claude.shows(&["I am done", "this turn was not reviewed", "`stop_gate: false`"]);
    assert!(!screen.contains("dealt with it"), "{screen}");
    claude.send("/exit");
    claude.ended();
}

#[test]
fn escape_ends_the_review_and_nothing_of_it_lives() {
    let Some(gate) = Gate::real(json!([{ "silence": true }])) else { return };
    let sandbox = &gate.stage.sandbox;
    let claude = gate.stage.terminal(&["--permission-mode", "manual", "--allowedTools", "Write"]);
    claude.play("work", gate.work());
    eventually(LIMIT, || (gate.reviews() > 0).then_some(()));
    claude.press(Key::Escape);
    claude.shows(&["Interrupted"]);
    let codex = || leftovers(sandbox.marker()).iter().any(|left| left.to_string().contains("codex"));
    eventually(LIMIT, || (!codex()).then_some(()));
    let ended = sandbox.until_status("stop-gate", |run| run["state"] != "live");
    assert_eq!(ended["outcome"], "cancelled", "{ended}");
    claude.send("/exit");
    claude.ended();
}
