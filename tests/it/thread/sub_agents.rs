//! Sub-agents of the thread: what they ask, and what becomes of what they do when the turn ends.

use std::fs;
use std::process::Command;

use clodex_sim::app_server::AppServer as Scripted;
use clodex_tests::{LIMIT, Running, Sandbox, eventually, leftovers};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{AppServer, answer, asked, object, process, prompt, scripted, talking};
use crate::stage::{Stage, sh, step};

/// Tells something of an item.
fn tells(method: &str, thread: &str, item: &Value) -> Value {
    json!({ "tell": [method, { "threadId": thread, "turnId": "$turn", "item": item }] })
}

/// `thread` has begun a sub-agent, which has a turn.
pub fn begins(thread: &str, sub: &str) -> [Value; 2] {
    let item = json!({ "type": "collabAgentToolCall", "id": "c", "receiverThreadIds": [sub] });
    let turn = json!({ "threadId": sub, "turn": { "id": format!("turn-of-{sub}") } });
    [tells("item/completed", thread, &item), json!({ "tell": ["turn/started", turn] })]
}

/// A patch of this file is proposed.
fn proposes(thread: &str, item: &str, path: &str) -> Value {
    let changes = json!([{ "path": path, "kind": { "type": "add" } }]);
    tells("item/started", thread, &json!({ "type": "fileChange", "id": item, "changes": changes }))
}

/// Asks whether the patch may be applied.
fn asks_for_patch(id: &str, thread: &str, item: &str) -> Value {
    json!({ "ask": [id, "item/fileChange/requestApproval", { "threadId": thread, "turnId": "x", "itemId": item }] })
}

/// These, one after the other, in the turn.
pub fn turn(acts: &[&[Value]]) -> Value {
    let acts = acts.iter().copied().flatten();
    [json!("begin")].iter().chain(acts).cloned().collect()
}

#[test]
fn a_patch_is_asked_about_with_the_files_of_its_own_thread() {
    let sandbox = Sandbox::new();
    let acts = [
        proposes("$thread", "one", "/the/parents"),
        proposes("sub", "one", "/the/sub-agents"),
        asks_for_patch("1", "sub", "one"),
        asks_for_patch("2", "$thread", "one"),
        asks_for_patch("3", "sub", "never told"),
    ];
    let scene = json!({ "turn/start": turn(&[&begins("$thread", "sub"), &acts]),
                        "reply": [], "reply 3": [{ "end": "completed" }] });
    let server = scripted(json!([scene, scene, scene]));
    let object = asked(&sandbox, &["--uri", server.address(), "hi"]);
    let files = ["/the/sub-agents", "/the/parents", ""];
    let declined = files.map(|about| json!({ "kind": "file change", "about": about }));
    assert_eq!(object["declined"], json!(declined), "{object}");
    let shown = |args: &[&str], typed: &str| {
        let args = [&["--interactive-approvals", "--uri", server.address()], args].concat();
        let ended = Running::start(talking(&sandbox, &args), typed.as_bytes()).finish(LIMIT);
        String::from_utf8(ended.stderr).unwrap()
    };
    for told in [shown(&["hi"], ""), shown(&["--repl"], "hi\nn\nn\nn\n")] {
        let asked = ["  new /the/sub-agents", "  new /the/parents", "  files that it does not name"];
        let at = asked.map(|line| told.find(line).unwrap_or_else(|| panic!("{line}: {told}")));
        assert!(at.is_sorted(), "{told}");
    }
}

/// Asks whether this may be run.
pub fn asks_for_command(id: i64, of: &str, turn: &str, command: &str) -> Value {
    let about = json!({ "threadId": of, "turnId": turn, "itemId": "i", "command": command });
    json!({ "ask": [id, "item/commandExecution/requestApproval", about] })
}

/// What the client has asked for, in order: the method, and of which thread.
pub fn heard(server: &Scripted) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let messages = server.heard().into_iter().map(|(_, text)| serde_json::from_str::<Value>(&text).unwrap());
    messages.map(|message| (text(&message["method"]), text(&message["params"]["threadId"]))).collect()
}

/// A program that is never told that nobody will type any more. All that it says is on stdout.
fn with_somebody_there(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = sandbox.command("sh");
    command.args(["-c", "mkfifo ../stdin && exec \"$0\" \"$@\" <>../stdin 2>&1"]);
    command.arg(talking(sandbox, &[]).get_program()).args(args);
    command
}

/// The object on the last line.
#[track_caller]
fn last(running: Running) -> Value {
    let told = String::from_utf8(running.finish(LIMIT).stdout).unwrap();
    told.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_else(|| panic!("{told}"))
}

/// The model begins a sub-agent that does this.
fn spawns(steps: &[Value]) -> Value {
    let arguments = json!({ "message": prompt(steps) });
    json!({ "tool": { "namespace": "multi_agent_v1", "name": "spawn_agent", "arguments": arguments } })
}

#[test]
fn a_signal_ends_what_sub_agents_run_too() {
    let Some(stage) = Stage::real() else { return };
    let server = AppServer::at_a_socket(&stage.sandbox);
    let work = [step(&[spawns(&[step(&[sh("sleep 3001")])])]), step(&[sh("sleep 3000")])];
    let said = ["--json", "--uri", server.uri.as_str(), &prompt(&work)];
    let running = Running::start(talking(&stage.sandbox, &said), b"");
    for command in ["sleep 3000", "sleep 3001"] {
        process(&stage.sandbox, |runs| runs.starts_with(command));
    }
    running.signal(Signal::SIGINT);
    let object = object(running.finish(LIMIT));
    assert_eq!((&object["status"], &object["exit_code"]), (&json!("interrupted"), &json!(130)), "{object}");
    // That of the sub-agent is over before this is told, while the server lives on.
    assert_eq!(object["notifications"]["turn/completed"], 2, "{object}");
    let runs =
        || leftovers(stage.sandbox.marker()).into_iter().any(|left| left.command.starts_with("sleep 300"));
    eventually(LIMIT, || (!runs()).then_some(()));
}

#[test]
fn what_begins_while_the_turn_is_being_ended_ends_too() {
    let sandbox = Sandbox::new();
    let clean = "thread/backgroundTerminals/clean";
    // Their turns are told of before who they are.
    let [[late, late_turn], [later, later_turn]] = [begins("sub", "late"), begins("late", "later")];
    let server = scripted(json!([{
        "turn/start": turn(&[&begins("$thread", "sub"), &[asks_for_command(7, "$thread", "$turn", "make")]]),
        "reply": [],
        // That of the sub-agent: it has ended by itself, and what it ran is put away.
        "turn/interrupt": [{ "refuse": [-32600, "no such turn"] }],
        "thread/backgroundTerminals/clean": [{ "refuse": [-32600, "thread not found"] }],
        "turn/interrupt 2": turn_ends(&[late_turn, late]),
        "turn/interrupt 3": turn_ends(&[]),
        "turn/interrupt 4": turn_ends(&[]),
        // The last answer that is waited for brings the last one of them.
        "thread/backgroundTerminals/clean 2": [{ "answer": {} }],
        "thread/backgroundTerminals/clean 3": [later_turn, later, { "answer": {} }],
        "thread/backgroundTerminals/clean 4": [{ "refuse": [-32603, "no clean"] }],
    }]));
    let running = Running::start(talking(&sandbox, &["--json", "--uri", server.address(), "hi"]), b"");
    // It has heard of the sub-agent before it has declined.
    eventually(LIMIT, || server.heard().iter().any(|(_, text)| text.contains("decline")).then_some(()));
    running.signal(Signal::SIGINT);
    let object = object(running.finish(LIMIT));
    assert_eq!(object["status"], "interrupted", "{object}");
    let thread = object["thread_id"].as_str().unwrap();
    let of = |method: &str| -> Vec<String> {
        heard(&server).into_iter().filter(|(heard, _)| heard == method).map(|(_, thread)| thread).collect()
    };
    assert_eq!(of("turn/interrupt"), ["sub", thread, "late", "later"]);
    assert_eq!(of(clean), ["sub", thread, "late", "later"]);
}

/// Answers an interrupt after these, and ends the turn.
fn turn_ends(acts: &[Value]) -> Vec<Value> {
    acts.iter().cloned().chain([json!({ "answer": {} }), json!({ "end": "interrupted" })]).collect()
}

#[test]
fn a_limit_ends_what_sub_agents_do_too() {
    let sandbox = Sandbox::new();
    let scene = json!({ "turn/start": turn(&[&begins("$thread", "sub")]) });
    let server = scripted(json!([scene, scene]));
    let limits = ["--uri", server.address(), "--deadline", "3"];
    for (args, typed) in [(&["hi"][..], ""), (&["--repl"], "hi\n")] {
        let before = heard(&server).len();
        let ended =
            Running::start(talking(&sandbox, &[&limits[..], args].concat()), typed.as_bytes()).finish(LIMIT);
        assert_eq!(ended.status.code(), Some(4), "{ended:?}");
        let heard = heard(&server).split_off(before);
        for method in ["turn/interrupt", "thread/backgroundTerminals/clean"] {
            let of: Vec<&String> =
                heard.iter().filter(|(of, _)| of == method).map(|(_, thread)| thread).collect();
            assert!(of.len() == 2 && of.iter().any(|of| *of == "sub"), "{heard:?}");
        }
    }
}

#[test]
fn what_a_sub_agent_still_asks_when_the_turn_is_over_is_declined_and_told() {
    let sandbox = Sandbox::new();
    let acts = [asks_for_command(8, "sub", "turn-of-sub", "make"), json!({ "end": "completed" })];
    let server = scripted(json!([{ "turn/start": turn(&[&begins("$thread", "sub"), &acts]), "reply": [] }]));
    let args = ["--json", "--interactive-approvals", "--uri", server.address(), "hi"];
    let object = last(Running::start(with_somebody_there(&sandbox, &args), b""));
    assert_eq!(object["status"], "completed", "{object}");
    assert_eq!(object["declined"], json!([{ "kind": "command", "about": "`make`" }]), "{object}");
    assert_eq!(answer(&server, 8), Some(json!({ "decision": "decline" })));
}

#[test]
fn a_sub_agent_goes_on_when_nobody_is_left_to_answer_it() {
    let Some(stage) = Stage::real() else { return };
    let server = AppServer::at_a_socket(&stage.sandbox);
    let outside = json!({ "run": { "cmd": "echo out > ../outside.txt", "sandbox_permissions": "require_escalated",
                                   "justification": "so" } });
    let wait = sh("while [ ! -e go ]; do sleep 0.05; done");
    let agent = spawns(&[step(&[outside]), step(&[json!({ "say": "I went on" })])]);
    let work = prompt(&[step(&[agent]), step(&[wait]), step(&[json!({ "say": "the parent ends" })])]);
    let args = ["--json", "--interactive-approvals", "--uri", server.uri.as_str(), &work];
    let mut running = Running::start(with_somebody_there(&stage.sandbox, &args), b"");
    running.stdout_with("Codex asks to run:\n  echo out", LIMIT);
    fs::write(stage.sandbox.repo().join("go"), "").unwrap();
    let object = last(running);
    assert_eq!(
        (&object["status"], &object["text"]),
        (&json!("completed"), &json!("the parent ends")),
        "{object}"
    );
    assert_eq!(object["declined"].as_array().unwrap().len(), 1, "{object}");
    let is_told = || stage.asked().iter().any(|asked| asked.json().to_string().contains("rejected by user"));
    eventually(LIMIT, || is_told().then_some(()));
    assert!(!stage.sandbox.root().join("outside.txt").exists());
}
