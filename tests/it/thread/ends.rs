//! Turns that do not end by themselves: Ctrl-C, limits, and a server that dies.

use std::fs;

use clodex_tests::{LIMIT, Running, eventually, leftovers};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{AppServer, asked, endless, object, process, prompt, talking};
use crate::stage::{Stage, step};

/// A turn under way whose command runs.
#[track_caller]
fn under_way(stage: &Stage, flags: &[&str], name: &str) -> Running {
    let said = endless(name);
    let running = Running::start(talking(&stage.sandbox, &[&["--json"], flags, &[&said]].concat()), b"");
    process(&stage.sandbox, |command| command.starts_with("sleep 3000"));
    running
}

/// The turn's command is gone, or goes now.
#[track_caller]
fn assert_no_command(stage: &Stage) {
    let runs =
        || leftovers(stage.sandbox.marker()).into_iter().any(|left| left.command.contains("sleep 3000"));
    eventually(LIMIT, || (!runs()).then_some(()));
}

#[test]
fn a_signal_ends_the_turn_and_its_command() {
    let Some(stage) = Stage::real() else { return };
    let server = AppServer::at_a_socket(&stage.sandbox);
    for (signal, flags) in [
        (Signal::SIGINT, vec!["--stdio"]),
        (Signal::SIGINT, vec!["--uri", server.uri.as_str()]),
        (Signal::SIGTERM, vec!["--uri", server.uri.as_str()]),
    ] {
        let running = under_way(&stage, &flags, "signalled");
        running.signal(signal);
        let object = object(running.finish(LIMIT));
        assert_no_command(&stage);
        assert_eq!(
            (&object["status"], &object["exit_code"]),
            (&json!("interrupted"), &json!(130)),
            "{object}"
        );
        assert!(object["turn_id"].is_string() && object["thread_id"].is_string(), "{object}");
        assert_eq!((&object["text"], &object["messages"][0]["text"]), (&Value::Null, &json!("I begin")));
    }
}

#[test]
fn a_server_of_ours_that_is_killed_leaves_a_turn_unknown() {
    let Some(stage) = Stage::real() else { return };
    let running = under_way(&stage, &[], "killed");
    let server = process(&stage.sandbox, |command| {
        command.ends_with(" app-server") && !command.contains("clodex-contain")
    });
    kill(Pid::from_raw(server), Signal::SIGKILL).unwrap();
    let object = object(running.finish(LIMIT));
    assert_eq!((&object["status"], &object["exit_code"]), (&json!("unknown"), &json!(3)), "{object}");
    assert_eq!(object["error"]["kind"], "connection-lost");
    assert!(object["turn_id"].is_string(), "{object}");
    assert_no_command(&stage);
}

#[test]
fn a_server_that_does_not_come_back_leaves_a_turn_unknown() {
    let Some(stage) = Stage::real() else { return };
    let server = AppServer::at_a_socket(&stage.sandbox);
    let flags = ["--uri", server.uri.as_str(), "--connect-timeout", "5"];
    let running = under_way(&stage, &flags, "gone");
    kill(server.running.pid(), Signal::SIGKILL).unwrap();
    let object = object(running.finish(LIMIT));
    assert_eq!((&object["status"], &object["exit_code"]), (&json!("unknown"), &json!(3)), "{object}");
}

#[test]
fn a_client_that_is_killed_leaves_nothing_of_its_server() {
    let Some(stage) = Stage::real() else { return };
    let running = under_way(&stage, &[], "orphaned");
    running.signal(Signal::SIGKILL);
    eventually(LIMIT, || leftovers(stage.sandbox.marker()).is_empty().then_some(()));
}

#[test]
fn silence_and_talk_both_have_their_limits() {
    let Some(stage) = Stage::real() else { return };
    let silent = asked(&stage.sandbox, &["--timeout", "0.5", &prompt(&[json!({ "silence": true })])]);
    assert_eq!((&silent["status"], &silent["exit_code"]), (&json!("timed-out"), &json!(4)), "{silent}");
    assert_eq!(silent["error"]["kind"], "timeout");
    let words = json!({ "text": "slowly and more and more", "deltas": 20 });
    let endless_talk = prompt(&[json!({ "do": [{ "say": words }], "stream_ms": 6000 })]);
    let chatty = asked(&stage.sandbox, &["--timeout", "100", "--deadline", "2", &endless_talk]);
    assert_eq!(
        (&chatty["status"], &chatty["error"]["kind"]),
        (&json!("timed-out"), &json!("deadline")),
        "{chatty}"
    );
    assert_eq!((&chatty["exit_code"], &chatty["text"]), (&json!(4), &Value::Null));
}

#[test]
fn nobody_who_reads_is_no_reason_to_complain() {
    let Some(stage) = Stage::real() else { return };
    let steps = [
        step(&[json!({ "say": "first" }), json!({ "run": "sleep 0.3" })]),
        step(&[json!({ "say": "second" })]),
    ];
    let mut pipe = stage.sandbox.command("sh");
    let program = talking(&stage.sandbox, &[]).get_program().to_owned();
    pipe.args(["-c", "{ \"$@\"; echo $? > ../code; } | head -c 1", "sh"]).arg(program).arg(prompt(&steps));
    let ended = Running::start(pipe, b"").finish(LIMIT);
    assert_eq!((ended.stdout.as_slice(), ended.stderr.as_slice()), (&b"f"[..], &b""[..]), "{ended:?}");
    assert_eq!(fs::read_to_string(stage.sandbox.root().join("code")).unwrap(), "130\n");
}
