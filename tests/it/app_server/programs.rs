//! Our programs against a server with faults: each ends, says what became of the turn, and counts nothing twice.

use clodex_tests::{Codex, LIMIT, Packet, Sandbox, run_with_timeout};
use serde_json::{Value, json};

use crate::stage::dispatch_packet;

/// What a server does about a turn, and what is to be told of it.
struct Case {
    scene: Value,
    /// `clodex-thread`: exit code, status, messages, tokens in and out.
    thread: (i32, &'static str, Vec<&'static str>, [Value; 2]),
    /// `clodex-dispatch`: exit code, and what its report says.
    dispatch: (i32, &'static [&'static str]),
}

const LAST: &str = "Done.\n\nVERDICT: CLEAN";

#[expect(clippy::needless_pass_by_value, reason = "it is written where it is passed")]
fn turn(acts: Value) -> Value {
    json!({ "turn/start": acts })
}

#[track_caller]
fn check(case: &Case) {
    let sandbox = Sandbox::new();
    sandbox.codex_is(Codex::StandIn(json!({ "app-server": { "connections": [case.scene] } })));
    let mut thread = sandbox.command("clodex-thread");
    thread.args(["--sandbox", "read-only", "--json", "go"]);
    let output = run_with_timeout(thread, LIMIT);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let messages = said["messages"].as_array().unwrap();
    let texts: Vec<&str> = messages.iter().map(|message| message["text"].as_str().unwrap()).collect();
    let tokens = ["input_tokens", "output_tokens"].map(|name| said["metrics"][name].clone());
    let (code, status, expected, counted) = &case.thread;
    assert_eq!(
        (output.status.code(), said["status"].as_str(), &texts, &tokens),
        (Some(*code), Some(*status), expected, counted),
        "{said}"
    );
    let (code, says) = case.dispatch;
    dispatch_packet(&sandbox, &Packet::worker(&["src/"]), &["--backend", "app-server"])
        .exits(code)
        .says(says);
}

fn unknown() -> [Value; 2] {
    [Value::Null, Value::Null]
}

#[test]
fn what_is_told_twice_late_or_as_nonsense_changes_nothing() {
    check(&Case {
        scene: turn(json!([
            { "raw": "nonsense" }, "begin", "begin", { "raw": "{\"id\":" }, { "message": LAST }, { "tokens": [500, 20] },
            { "tokens": [1000, 40] }, { "tokens": [500, 20] }, { "tokens": [1000, 40] },
            { "tell": ["item/completed", { "threadId": "$thread", "turnId": "$turn", "item": { "id": "msg_1", "type": "agentMessage", "text": LAST } }] },
            { "end": "completed" }, { "end": "failed" },
        ])),
        thread: (0, "completed", vec![LAST], [json!(1000), json!(40)]),
        dispatch: (0, &["outcome  done (exit 0)", "1040 tokens (in 1000"]),
    });
}

#[test]
fn a_server_that_ends_in_the_middle_of_a_turn_is_never_a_success() {
    let end = json!({ "method": "turn/completed", "params": { "threadId": "$thread", "turn": { "id": "$turn", "status": "completed" } } });
    for end in [json!(["cut"]), json!([{ "half": end }, "cut"])] {
        let mut acts = vec![json!("begin"), json!({ "message": "so far" })];
        acts.extend(end.as_array().unwrap().clone());
        check(&Case {
            scene: turn(acts.into()),
            thread: (3, "unknown", vec!["so far"], unknown()),
            dispatch: (5, &["outcome  failed (exit 5)", "so far"]),
        });
    }
}

#[test]
fn an_overloaded_server_a_question_with_a_pending_id_and_errors_that_pass_are_survived() {
    let ask = json!({ "ask": ["$id", "item/fileChange/requestApproval", { "threadId": "$thread", "turnId": "$turn", "itemId": "i" }] });
    let error = json!({ "tell": ["error", { "error": { "message": "once" }, "willRetry": true, "threadId": "$thread", "turnId": "$turn" }] });
    check(&Case {
        scene: json!({ "turn/start": ["busy"], "turn/start 3": [ask],
                       "reply": ["begin", error, { "message": LAST }, { "tokens": [7, 3] }, { "end": "completed" }] }),
        thread: (0, "completed", vec![LAST], [json!(7), json!(3)]),
        dispatch: (0, &["outcome  done (exit 0)", "10 tokens (in 7"]),
    });
    check(&Case {
        scene: turn(json!(["begin", error, { "end": "failed" }])),
        thread: (1, "failed", Vec::new(), unknown()),
        dispatch: (1, &["outcome  failed (exit 1)", "scripted"]),
    });
}

#[test]
fn what_other_threads_do_is_not_told_as_ours() {
    let theirs = json!({ "threadId": "x", "turnId": "$turn", "item": { "id": "q", "type": "agentMessage", "text": "not ours" } });
    let end = json!({ "threadId": "x", "turn": { "id": "$turn", "status": "failed" } });
    check(&Case {
        scene: turn(json!([
            "begin", { "tell": ["item/completed", theirs] }, { "tell": ["turn/completed", end] }, { "message": LAST },
            { "end": "completed" },
        ])),
        thread: (0, "completed", vec![LAST], unknown()),
        dispatch: (0, &["outcome  done (exit 0)"]),
    });
}

#[test]
fn a_server_that_says_nothing_is_given_up_when_the_time_is_over() {
    let sandbox = Sandbox::new();
    let scene = turn(json!(["begin", { "message": "so far" }, "silence"]));
    sandbox.codex_is(Codex::StandIn(json!({ "app-server": { "connections": [scene] } })));
    let mut thread = sandbox.command("clodex-thread");
    thread.args(["--sandbox", "read-only", "--json", "--timeout", "2", "go"]);
    let output = run_with_timeout(thread, LIMIT);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &said["messages"][0]["text"]), (Some(4), &json!("so far")), "{said}");
    let args = ["--backend", "app-server", "--timeout-sec", "2"];
    dispatch_packet(&sandbox, &Packet::worker(&["src/"]), &args).exits(4).says(&["so far"]);
}
