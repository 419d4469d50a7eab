//! Turns that do not end by themselves: Ctrl-C, limits, and a server that dies.

use std::fs;
use std::path::PathBuf;

use clodex_codex::MOUNT_POINTS;
use clodex_tests::{Codex, Dispatched, LIMIT, Running, Sandbox, eventually, leftovers};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{AppServer, asked, endless, object, process, prompt, saying, scripted, talking};
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
fn an_interrupted_command_leaves_nothing_in_the_tree() {
    let Some(stage) = Stage::real() else { return };
    let repo = stage.sandbox.repo();
    fs::write(repo.join(".gitignore"), "build/\n").unwrap();
    fs::create_dir(repo.join("build")).unwrap();
    let mounted = || -> Vec<PathBuf> {
        let directories = ["", "src", "build"].map(|directory| repo.join(directory));
        let all = directories.iter().flat_map(|directory| MOUNT_POINTS.map(|name| directory.join(name)));
        all.filter(|path| path.symlink_metadata().is_ok() && *path != repo.join(".git")).collect()
    };
    for flags in [["--scope", "src/"], ["--sandbox", "workspace-write"]] {
        let running = under_way(&stage, &flags, "interrupted");
        assert_ne!(mounted(), Vec::<PathBuf>::new(), "{flags:?}");
        running.signal(Signal::SIGINT);
        object(running.finish(LIMIT));
        assert_eq!(mounted(), Vec::<PathBuf>::new(), "{flags:?}");
    }
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
fn a_signal_that_comes_before_the_arguments_are_read_is_told_in_one_object_too() {
    let sandbox = Sandbox::new();
    let server = scripted(json!([{ "turn/start": ["begin"] }]));
    // It takes a while to read these.
    let verbose = format!("-{}", "v".repeat(30_000));
    let args = ["--json", "--uri", server.address(), &verbose, "hi"];
    let running = Running::start(talking(&sandbox, &args), b"");
    // From then on it is the program itself that catches signals.
    eventually(LIMIT, || catches_signals(running.pid()).then_some(()));
    running.signal(Signal::SIGINT);
    let object = object(running.finish(LIMIT));
    assert_eq!((&object["exit_code"], &object["error"]["kind"]), (&json!(130), &json!("interrupted")));
}

/// Whether it has seen to SIGXFSZ, which is what our programs do first, whatever else they catch.
fn catches_signals(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    caught & (1 << (Signal::SIGXFSZ as u64 - 1)) != 0
}

#[test]
fn a_server_of_ours_that_is_killed_leaves_a_turn_unknown() {
    let Some(stage) = Stage::real() else { return };
    let running = under_way(&stage, &[], "killed");
    let server = process(&stage.sandbox, |command| {
        command.contains(" app-server ") && !command.contains("clodex-contain")
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
    let flags = ["--uri", server.uri.as_str(), "--connect-timeout", "10"];
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
fn a_turn_that_is_out_of_time_ends_with_its_command() {
    let Some(stage) = Stage::real() else { return };
    let server = AppServer::at_a_socket(&stage.sandbox);
    let flags = ["--json", "--uri", server.uri.as_str(), "--deadline", "10", &endless("late")];
    let object = object(Running::start(talking(&stage.sandbox, &flags), b"").finish(LIMIT));
    assert_eq!((&object["status"], &object["exit_code"]), (&json!("timed-out"), &json!(4)), "{object}");
    assert_eq!(object["error"]["kind"], "deadline", "{object}");
    assert_no_command(&stage);
}

#[test]
fn a_model_that_cannot_be_reached_ends_the_turn_whatever_the_limit() {
    let Some(Stage { sandbox, model }) = Stage::real() else { return };
    drop(model);
    let gone = asked(&sandbox, &["--timeout", "0", "x"]);
    assert_eq!((&gone["status"], &gone["exit_code"]), (&json!("failed"), &json!(3)), "{gone}");
    assert_eq!(gone["error"]["kind"], "connection", "{gone}");
}

#[test]
fn silence_and_talk_both_have_their_limits() {
    let Some(stage) = Stage::real() else { return };
    // A new thread would have to be open within the limit, too.
    let begun = asked(&stage.sandbox, &[&saying("begun")]);
    let thread = ["--thread-id", begun["thread_id"].as_str().unwrap()];
    let silence = prompt(&[json!({ "silence": true })]);
    let silent = asked(&stage.sandbox, &[&thread[..], &["--timeout", "1", &silence]].concat());
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

#[test]
fn what_others_do_on_the_server_is_no_sign_of_life() {
    let sandbox = Sandbox::new();
    let of_another = json!({ "threadId": "another", "turnId": "u", "itemId": "i", "delta": "on and on" });
    for drips in [
        json!({ "method": "item/agentMessage/delta", "params": of_another }),
        json!({ "method": "account/rateLimits/updated", "params": { "rateLimits": {} } }),
        json!({ "id": "an answer to nothing that was asked", "result": {} }),
        json!("no message"),
    ] {
        let scene = json!({ "turn/start": ["begin", { "drip": [drips, 50] }] });
        sandbox.codex_is(Codex::StandIn(json!({ "app-server": { "connections": [scene] } })));
        // A thread that exists may take longer to be open.
        let limits = ["--thread-id", "t", "--timeout", "1", "--deadline", "90"];
        let object = asked(&sandbox, &[&limits[..], &["hi"]].concat());
        assert_eq!((&object["error"]["kind"], &object["exit_code"]), (&json!("timeout"), &json!(4)));
        let repl = Running::start(talking(&sandbox, &[&["--repl"], &limits[..]].concat()), b"hi\n/quit\n");
        let told = String::from_utf8(repl.finish(LIMIT).stderr).unwrap();
        assert!(told.contains("Codex was silent for 1 s"), "{drips}: {told}");
    }
}

#[test]
fn a_thread_that_does_not_open_has_its_limit_whoever_waits() {
    let sandbox = Sandbox::new();
    let silent = json!({ "thread/start": [], "thread/resume": [], "thread/fork": [] });
    sandbox.codex_is(Codex::StandIn(json!({ "app-server": { "connections": [silent] } })));
    let ways: [(&[&str], &str, &str); 3] = [
        (&[], "--timeout", "--resume-timeout"),
        (&["--thread-id", "t"], "--resume-timeout", "--timeout"),
        (&["--fork", "t"], "--resume-timeout", "--timeout"),
    ];
    for (which, limit, other) in ways {
        let flags = [&[limit, "1", other, "0", "--connect-timeout", "0"], which].concat();
        let object = asked(&sandbox, &[&flags[..], &["hi"]].concat());
        assert_eq!((&object["exit_code"], &object["error"]["kind"]), (&json!(4), &json!("timeout")));
        let hint = format!("hint: {limit} sets the limit");
        assert!(object["error"]["message"].as_str().unwrap().contains(&hint), "{object}");
        let repl = Running::start(talking(&sandbox, &[&["--repl"], &flags[..]].concat()), b"hi\n");
        let ended = Dispatched::of(repl.finish(LIMIT)).exits(4);
        ended.complains(&[&hint]);
    }
}
