//! The four ways to a server, and what comes of a server that is not there.

use std::net::TcpListener;

use clodex_tests::{Codex, LIMIT, Running, Sandbox, leftovers};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{AppServer, asked, free_port, object, saying, scripted, talking};
use crate::stage::Stage;

#[track_caller]
fn assert_answered(object: &Value) {
    assert_eq!((&object["status"], &object["text"]), (&json!("completed"), &json!("forty-two")), "{object}");
    assert!(object["thread_id"].is_string() && object["turn_id"].is_string(), "{object}");
    assert_eq!(object["error"], Value::Null);
}

#[test]
fn an_answer_comes_over_each_of_the_ways_to_a_server() {
    let Some(stage) = Stage::real() else { return };
    let said = saying("forty-two");
    assert_answered(&asked(&stage.sandbox, &[&said]));
    assert_answered(&asked(&stage.sandbox, &["--stdio", &said]));
    assert_answered(&asked(&stage.sandbox, &["--start", &said]));
    let named = format!("unix://{}/own", stage.sandbox.root().display());
    assert_answered(&asked(&stage.sandbox, &["--start", "--uri", &named, &said]));
    // Nothing of a server of ours is left, however others could reach it.
    assert_eq!(leftovers(stage.sandbox.marker()), []);
    let socket = AppServer::at_a_socket(&stage.sandbox);
    assert_answered(&asked(&stage.sandbox, &["--uri", &socket.uri, &said]));
    let port = AppServer::at_a_port(&stage.sandbox, &[]);
    assert_answered(&asked(&stage.sandbox, &["--uri", &port.uri, &said]));
}

#[test]
fn several_talk_with_one_server_at_a_time() {
    let Some(stage) = Stage::real() else { return };
    let server = AppServer::at_a_socket(&stage.sandbox);
    let say = |number: usize| {
        let said = saying(&format!("answer {number}"));
        Running::start(talking(&stage.sandbox, &["--json", "--uri", &server.uri, &said]), b"")
    };
    let all: Vec<Running> = (0..4).map(say).collect();
    for (number, running) in all.into_iter().enumerate() {
        assert_eq!(object(running.finish(LIMIT))["text"], format!("answer {number}"));
    }
}

#[test]
fn a_server_with_a_token_wants_it_from_the_environment() {
    let Some(stage) = Stage::real() else { return };
    let token = "correct-horse-0123";
    let digest = Sha256::digest(token).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let server = AppServer::at_a_port(
        &stage.sandbox,
        &["--ws-auth", "capability-token", "--ws-token-sha256", &digest],
    );
    let ask = |value: &str| {
        let args =
            ["--json", "--uri", &server.uri, "--header-env", "Authorization=WORD", &saying("forty-two")];
        let mut command = talking(&stage.sandbox, &args);
        command.env("WORD", value);
        object(Running::start(command, b"").finish(LIMIT))
    };
    assert_answered(&ask(token));
    let refused = ask("wrong-0123");
    assert_eq!((&refused["error"]["kind"], &refused["error"]["code"]), (&json!("unreachable"), &json!(401)));
    assert_eq!((&refused["exit_code"], &refused["status"]), (&json!(3), &json!("not-started")));
    assert!(!refused.to_string().contains("wrong-0123"), "{refused}");
    let unset = asked(&stage.sandbox, &["--uri", &server.uri, "--header-env", "Authorization=NO_SUCH", "hi"]);
    assert_eq!(unset["exit_code"], 2, "{unset}");
}

#[test]
fn no_server_and_no_codex_are_told_in_one_object() {
    let sandbox = Sandbox::new();
    // A port that the system gives to nobody by itself.
    let refused = asked(&sandbox, &["--uri", "ws://127.0.0.1:1", "--connect-timeout", "5", "hi"]);
    assert_eq!(
        (&refused["exit_code"], &refused["error"]["kind"]),
        (&json!(3), &json!("unreachable")),
        "{refused}"
    );
    let socket = format!("unix://{}/none", sandbox.root().display());
    assert_eq!(asked(&sandbox, &["--uri", &socket, "hi"])["exit_code"], 3);
    let long = format!("{socket}{}", "x".repeat(100));
    for start in [&["--start"][..], &[]] {
        let told = asked(&sandbox, &[start, &["--uri", &long, "hi"]].concat());
        let message = told["error"]["message"].as_str().unwrap();
        assert!(message.contains("\nhint: name a shorter path") && told["exit_code"] == 3, "{told}");
    }
    assert_eq!(asked(&sandbox, &["hi"])["error"]["kind"], "unreachable");
    sandbox.codex_is(Codex::StandIn(json!({ "stderr": "broken", "exit": 7 })));
    assert_eq!(asked(&sandbox, &["hi"])["exit_code"], 3);
}

#[test]
fn a_server_of_our_own_that_has_ended_keeps_nobody() {
    let Some(stage) = Stage::real() else { return };
    // Codex does not listen there without a token, and nobody waits for ever, though nothing limits it.
    let uri = format!("ws://0.0.0.0:{}", free_port());
    let ended = asked(&stage.sandbox, &["--start", "--uri", &uri, "--connect-timeout", "0", "hi"]);
    assert_eq!((&ended["exit_code"], &ended["error"]["kind"]), (&json!(3), &json!("unreachable")), "{ended}");
    let message = ended["error"]["message"].as_str().unwrap();
    assert!(message.contains("it ended before") && message.contains("it said: "), "{message}");
}

#[test]
fn a_server_of_our_own_is_never_taken_for_the_one_that_answers_there() {
    let sandbox = Sandbox::new();
    let theirs = scripted(json!([]));
    let told = asked(&sandbox, &["--start", "--uri", theirs.address(), "hi"]);
    assert_eq!((&told["exit_code"], &told["status"]), (&json!(3), &json!("not-started")), "{told}");
    assert!(told["error"]["message"].as_str().unwrap().contains("another server answers there"), "{told}");
}

#[test]
fn a_server_that_says_nothing_keeps_nobody() {
    let sandbox = Sandbox::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ws://127.0.0.1:{}", silent.local_addr().unwrap().port());
    let late = asked(&sandbox, &["--uri", &uri, "--connect-timeout", "0.2", "hi"]);
    assert_eq!((&late["exit_code"], &late["status"]), (&json!(3), &json!("not-started")), "{late}");
    assert!(late["error"]["message"].as_str().unwrap().contains("hint: --connect-timeout"), "{late}");
    let secret = asked(&sandbox, &["--uri", "ws://me:secret@127.0.0.1:80", "hi"]);
    let message = secret["error"]["message"].as_str().unwrap();
    assert!(message.contains("hint: --header-env") && !message.contains("secret@"), "{message}");

    let waits =
        Running::start(talking(&sandbox, &["--json", "--uri", &uri, "--connect-timeout", "0", "hi"]), b"");
    // The second connection: it waits now.
    drop(silent.accept().unwrap());
    let connected = silent.accept().unwrap();
    waits.signal(Signal::SIGINT);
    let left = object(waits.finish(LIMIT));
    assert_eq!((&left["exit_code"], &left["error"]["kind"]), (&json!(130), &json!("interrupted")), "{left}");
    drop(connected);
}
