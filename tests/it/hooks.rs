//! The plugin's hooks: what Claude is told, what is answered without it, and what ends with a session. In the real
//! Claude Code where it is about Claude Code, with the built program alone where it is not.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use clodex_sim::messages::embed;
use clodex_tests::{
    ClaudeStage, ClaudeVersion, Codex, LIMIT, Running, Sandbox, clean_turn, eventually, run_with_timeout, sh,
};
use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};

const SESSION: &str = "6a1d3c52-0b1f-4f0e-9a53-6b1c7f2f9d10";
const OFF: &str = r#"{"disableAllHooks":true}"#;

/// A `codex` that makes a directory for each run of two, and waits. Returns how a step of a model waits for both.
fn two_runs_wait(sandbox: &Sandbox) -> Value {
    let [one, two] = ["one", "two"].map(|name| sandbox.root().join(name));
    let arrive = sh(&format!("mkdir {0} || mkdir {1}", one.display(), two.display()));
    let go_on = json!({ "until": sandbox.root().join("go-on") });
    sandbox.codex_is(Codex::StandIn(json!({ "exec": clean_turn(&[arrive, go_on]) })));
    json!({ "until": two })
}

/// Waits until so many runs wait.
#[track_caller]
fn arrived(sandbox: &Sandbox, how_many: &str) {
    eventually(LIMIT, || sandbox.root().join(how_many).exists().then_some(()));
}

fn bash(command: &str) -> Value {
    json!({ "tool": { "name": "Bash", "input": { "command": command, "description": "work" } } })
}

fn state(sandbox: &Sandbox, run: &str) -> Value {
    sandbox.status(run)["state"].clone()
}

fn outcome(sandbox: &Sandbox, run: &str) -> Value {
    sandbox.until_status(run, |status| status["state"] == "ended")["outcome"].clone()
}

fn let_go_on(sandbox: &Sandbox) {
    sandbox.file("go-on", "");
}

/// Starts a run that waits for `go-on` and outlives this call.
fn detached(sandbox: &Sandbox, name: &str) {
    let dispatched = run_with_timeout(sandbox.dispatcher(&["--detach", name]), LIMIT);
    assert!(dispatched.status.success(), "{dispatched:?}");
    sandbox.until_status(name, |status| status["state"] == "live");
}

/// What the model is asked last when `claude -p` goes on in this session.
fn print_in(stage: &ClaudeStage, session: &[&str], prompt: &str) -> String {
    let plugin = stage.plugin();
    let usual = ["-p", "--permission-mode", "manual", "--allowedTools", "Bash", "--plugin-dir"];
    let output = stage.claude(&[&usual[..], &[plugin.to_str().unwrap()], session, &["--", prompt]].concat());
    assert!(output.status.success(), "{output:?}");
    stage.model.asked().pop().unwrap()
}

#[test]
fn claude_is_told_of_its_projects_runs_when_a_session_begins() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    stage.sandbox.codex_waits();
    stage.print("nothing runs", "");
    assert!(!stage.model.asked().pop().unwrap().contains("SessionStart hook additional context"));
    detached(&stage.sandbox, "look");
    stage.print("one runs", "");
    let asked = stage.model.asked().pop().unwrap();
    assert!(
        asked.contains("SessionStart hook additional context: clodex: live Codex runs of this project: ")
    );
    assert!(asked.contains("of another session"), "{asked}");
    let_go_on(&stage.sandbox);
    outcome(&stage.sandbox, "look");
    stage.print("it has ended", "");
    let asked = stage.model.asked().pop().unwrap();
    assert!(asked.contains("clodex: Codex runs that ended lately: "), "{asked}");
    assert!(asked.contains("done, scope clean, just now. `clodex-result ID` prints the report"), "{asked}");
}

/// Writes into the record of a run that a session's run waits for an answer. Its dispatcher must be stopped.
fn asks(record: &Path, session: &str) {
    let mut asking: Value = serde_json::from_slice(&fs::read(record).unwrap()).unwrap();
    asking["session_id"] = json!(session);
    asking["open_requests"] =
        json!([{ "id": "7", "question": "may I push?", "deadline": "2099-01-01T00:00:00.000Z" }]);
    fs::write(record, asking.to_string()).unwrap();
}

#[test]
fn claude_is_told_with_a_prompt_which_question_a_run_of_its_session_waits_with() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    stage.sandbox.codex_waits();
    detached(&stage.sandbox, "look");
    let id = stage.sandbox.status("look")["id"].as_str().unwrap().to_owned();
    let record = stage.sandbox.state().join(format!("live/{id}.json"));
    let dispatcher = stage.sandbox.dispatcher_of(&id);
    // It lives, and writes nothing of its own.
    kill(dispatcher, Signal::SIGSTOP).unwrap();
    let told = "waits for an answer, for ";
    asks(&record, "another");
    let asked = print_in(&stage, &["--session-id", SESSION], "go on");
    assert!(!asked.contains(told), "{asked}");
    asks(&record, SESSION);
    let asked = print_in(&stage, &["--resume", SESSION], "go on");
    assert!(asked.contains(told) && asked.contains("it asks: \"may I push?\" (request 7)."), "{asked}");
    kill(dispatcher, Signal::SIGCONT).unwrap();
    let_go_on(&stage.sandbox);
    outcome(&stage.sandbox, "look");
}

#[test]
fn a_resumed_session_is_told_once_what_ended_meanwhile() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    stage.sandbox.codex_waits();
    let script = json!([{ "do": [bash("clodex-dispatch --detach look")] }, { "do": [{ "say": "sent" }] }]);
    print_in(&stage, &["--session-id", SESSION], &format!("hand it over {}", embed(&script)));
    let_go_on(&stage.sandbox);
    outcome(&stage.sandbox, "look");
    let news = "clodex: Codex runs that ended lately: ";
    let told = |prompt: &str| print_in(&stage, &["--resume", SESSION], prompt).matches(news).count();
    assert_eq!(told("and now?"), 1);
    assert_eq!(told("and again?"), 1, "what is in the transcript already");
}

#[test]
fn without_a_mod_commands_that_show_or_end_runs_are_answered_by_the_hook() {
    let Some(stage) = ClaudeStage::of(ClaudeVersion::WithoutMods, json!([])) else { return };
    stage.sandbox.codex_waits();
    detached(&stage.sandbox, "look");
    for (command, says) in [
        ("/clodex-status", "look"),
        ("/clodex:clodex-status look", "reviewer"),
        ("/clodex-debug 'look'", "look"),
        ("/clodex-debug no'body", "no'body"),
        ("/clodex-cancel look", "cancelled"),
        ("/clodex-status", "no run is live"),
    ] {
        let said = stage.print(command, "");
        assert!(said.contains("blocked by hook") && said.contains(says), "{command}: {said}");
    }
    assert_eq!(stage.model.asked(), Vec::<String>::new());
}

#[test]
fn with_hooks_switched_off_nothing_is_said_and_commands_still_answer() {
    let shown = json!([{ "do": [{ "say": "shown" }] }]);
    let Some(stage) = ClaudeStage::of(ClaudeVersion::WithoutMods, shown) else { return };
    stage.sandbox.codex_waits();
    detached(&stage.sandbox, "look");
    let plugin = stage.plugin();
    let usual =
        ["-p", "--plugin-dir", plugin.to_str().unwrap(), "--permission-mode", "manual", "--settings", OFF];
    let output = stage.claude(&[&usual[..], &["--", "/clodex-status"]].concat());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "shown\n", "{output:?}");
    let asked = stage.model.asked().pop().unwrap();
    assert!(asked.contains("look") && !asked.contains("SessionStart hook"), "{asked}");
    let_go_on(&stage.sandbox);
    outcome(&stage.sandbox, "look");
}

#[test]
fn a_session_that_ends_takes_along_what_nobody_looks_after_and_spares_what_is_detached() {
    let Some(stage) = ClaudeStage::real(json!([])) else { return };
    let both_wait = two_runs_wait(&stage.sandbox);
    let command = "clodex-dispatch attached >/dev/null 2>&1 & clodex-dispatch --detach apart";
    let script = json!([{ "do": [bash(command)] }, { "do": [both_wait, { "say": "both wait" }] }]);
    let said = stage.print(&format!("two runs {}", embed(&script)), "Bash");
    assert_eq!(said, "both wait\n");
    assert_eq!(state(&stage.sandbox, "attached"), "ended");
    assert_eq!(outcome(&stage.sandbox, "attached"), "cancelled");
    assert_eq!(state(&stage.sandbox, "apart"), "live");
    let_go_on(&stage.sandbox);
    assert_eq!(outcome(&stage.sandbox, "apart"), "done");
}

/// What the built hook says to an event of this session.
fn hook(sandbox: &Sandbox, session: &str, event: &str, more: &str) -> Output {
    let input = format!(
        r#"{{"session_id":"{session}","cwd":"{}","hook_event_name":"{event}"{more}}}"#,
        sandbox.repo().display()
    );
    let output = Running::start(sandbox.command("clodex-hook"), input.as_bytes()).finish(LIMIT);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    output
}

/// A shell that has put a run of the session `s` into the background: it ends when its stdin does.
fn shell_with_a_run(sandbox: &Sandbox, name: &str) -> Command {
    let mut shell = sandbox.command("setsid");
    let dispatcher = sandbox.dispatcher(&[]);
    shell.args(["sh", "-c", "\"$0\" \"$1\" >/dev/null 2>&1 </dev/null & read _"]);
    shell.arg(dispatcher.get_program()).arg(name).env("CLAUDE_CODE_SESSION_ID", "s").stdin(Stdio::piped());
    shell
}

#[test]
fn a_run_whose_shell_lives_was_moved_by_the_user_and_goes_on() {
    let sandbox = Sandbox::new();
    two_runs_wait(&sandbox);
    let mut moved = shell_with_a_run(&sandbox, "moved").spawn().unwrap();
    let mut left = shell_with_a_run(&sandbox, "left").spawn().unwrap();
    arrived(&sandbox, "two");
    drop(left.stdin.take());
    left.wait().unwrap();
    for (session, reason) in [("s", "clear"), ("s", "resume"), ("another", "other"), ("", "other"), ("s", "")]
    {
        hook(&sandbox, session, "SessionEnd", &format!(r#","reason":"{reason}""#));
        assert_eq!(state(&sandbox, "left"), "live", "{session} {reason}");
    }
    hook(&sandbox, "s", "SessionEnd", r#","reason":"prompt_input_exit""#);
    assert_eq!((state(&sandbox, "left"), outcome(&sandbox, "left")), (json!("ended"), json!("cancelled")));
    assert_eq!(state(&sandbox, "moved"), "live");
    let_go_on(&sandbox);
    assert_eq!(outcome(&sandbox, "moved"), "done");
    drop(moved.stdin.take());
    moved.wait().unwrap();
}

#[test]
fn two_sessions_in_one_directory_are_told_of_each_other_and_end_their_own() {
    let sandbox = Sandbox::new();
    two_runs_wait(&sandbox);
    let mut shell = shell_with_a_run(&sandbox, "one").spawn().unwrap();
    arrived(&sandbox, "one");
    drop(shell.stdin.take());
    shell.wait().unwrap();
    let told = |session: &str| {
        let output = hook(&sandbox, session, "SessionStart", r#","source":"startup""#);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["hookSpecificOutput"]["additionalContext"].as_str().unwrap().to_owned()
    };
    assert!(!told("s").contains("of another session"));
    assert!(told("other").contains("of another session"));
    hook(&sandbox, "other", "SessionEnd", r#","reason":"logout""#);
    assert_eq!(state(&sandbox, "one"), "live");
    hook(&sandbox, "s", "SessionEnd", r#","reason":"logout""#);
    assert_eq!(outcome(&sandbox, "one"), "cancelled");
    eventually(LIMIT, || clodex_tests::leftovers(sandbox.marker()).is_empty().then_some(()));
    sandbox.assert_no_leftovers();
}
