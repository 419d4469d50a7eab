//! A server that is lost in the middle of a talk, and what is left behind there.

use std::fs;

use clodex_tests::{Codex, Key, LIMIT, Running, Sandbox, Terminal, eventually, leftovers};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{Typing as _, is_ready, repl, stage, talk, thread_of};
use crate::thread::{AppServer, free_port, scripted};

#[test]
fn a_server_that_is_killed_is_started_again_and_its_turn_is_unknown() {
    is_started_again(&[]);
}

#[test]
fn so_is_one_that_others_could_reach() {
    is_started_again(&["--start", "--uri", &format!("ws://127.0.0.1:{}", free_port())]);
}

/// A server of ours, started with these arguments, is killed in the middle of a turn.
fn is_started_again(args: &[&str]) {
    let Some(stage) = stage() else { return };
    let terminal = talk(&stage, args);
    terminal.send("hello");
    terminal.answers(&["You said: hello"]);
    terminal.send("sleep");
    terminal.shows(&["  $ sleep 300"]);
    let all = leftovers(stage.sandbox.marker());
    let codex = stage.sandbox.root().join("bin/codex");
    let is_server =
        |command: &str| command.starts_with(codex.to_str().unwrap()) && command.contains("app-server");
    let server = all.iter().find(|left| is_server(&left.command)).expect("it has a server");
    kill(Pid::from_raw(server.pid), Signal::SIGKILL).unwrap();
    terminal.answers(&["connecting again", "what the turn came to is unknown"]);
    terminal.send("go on");
    terminal.answers(&["You said: go on"]);
    let said = stage.asked().last().unwrap().user_texts().join("\n");
    assert!(said.contains("hello"), "{said}");
}

#[test]
fn a_server_of_somebody_elses_that_comes_back_is_talked_with_again() {
    let Some(stage) = stage() else { return };
    let server = AppServer::at_a_socket(&stage.sandbox);
    let terminal = talk(&stage, &["--uri", &server.uri]);
    terminal.send("remember this");
    terminal.answers(&["You said: remember this"]);
    drop(server);
    terminal.shows(&["connecting again"]);
    let _server = AppServer::at_a_socket(&stage.sandbox);
    terminal.answers(&["connected again"]);
    terminal.send("and now?");
    terminal.answers(&["You said: and now?"]);
    let said = stage.asked().last().unwrap().user_texts().join("\n");
    assert!(said.contains("remember this"), "{said}");
    terminal.send("/exit");
    terminal.ended();
}

#[test]
fn a_scope_holds_on_a_server_that_was_started_anew_and_so_does_what_else_was_said() {
    let Some(stage) = stage() else { return };
    let config = stage.sandbox.codex_home().join("config.toml");
    let free = "sandbox_mode = \"danger-full-access\"\n".to_owned() + &fs::read_to_string(&config).unwrap();
    fs::write(&config, &free).unwrap();
    let server = AppServer::at_a_socket(&stage.sandbox);
    let flags = ["--uri", &server.uri, "--scope", "src", "--instructions", "Answer in verse."];
    let terminal = talk(&stage, &flags);
    let writes = |name: &str| {
        terminal.send(&format!("touch {name}"));
        terminal.answers(&[&format!("touched {name}")]);
        ["src", "lib"].map(|place| stage.sandbox.repo().join(place).join(name).exists())
    };
    assert_eq!(writes("one"), [true, false]);
    drop(server);
    terminal.shows(&["connecting again"]);
    let _server = AppServer::at_a_socket(&stage.sandbox);
    terminal.answers(&["connected again"]);
    assert_eq!(writes("two"), [true, false]);
    let asked = stage.asked().last().unwrap().json().to_string();
    assert!(asked.contains("Answer in verse."), "{asked}");
    assert_eq!(fs::read_to_string(&config).unwrap(), free);
}

#[test]
fn each_new_thread_of_somebody_elses_server_is_held_as_the_server_is_configured_then() {
    let Some(stage) = stage() else { return };
    let config = stage.sandbox.codex_home().join("config.toml");
    let without = fs::read_to_string(&config).unwrap();
    let writes = "sandbox_mode = \"workspace-write\"\n".to_owned() + &without;
    fs::write(&config, &writes).unwrap();
    let server = AppServer::at_a_socket(&stage.sandbox);
    let terminal = talk(&stage, &["--uri", &server.uri]);
    for (name, configured, may_write) in
        [("one", &writes, true), ("two", &without, false), ("three", &writes, true)]
    {
        fs::write(&config, configured).unwrap();
        let before = thread_of(&terminal.screen()).map(str::to_owned);
        terminal.send("/new");
        terminal.until("another thread", |screen| {
            thread_of(screen).map(str::to_owned) != before && is_ready(screen)
        });
        terminal.send(&format!("touch {name}"));
        terminal.answers(&[&format!("touched {name}")]);
        assert_eq!(stage.sandbox.repo().join("src").join(name).exists(), may_write, "{name}");
        assert_eq!(&fs::read_to_string(&config).unwrap(), configured, "{name}");
    }
}

#[test]
fn ctrl_c_leaves_where_a_server_is_waited_for_that_says_nothing() {
    let sandbox = Sandbox::new();
    let server = scripted(json!([{ "turn/start": ["begin", "cut"] }, { "initialize": ["silence"] }]));
    let mut shell = sandbox.command("sh");
    shell.args(["-c", "\"$@\"; echo \"ended with $?\"; cat", "sh"]);
    let command = repl(&sandbox, &["--uri", server.address(), "--connect-timeout", "0"]);
    let terminal = Terminal::start(&sandbox, shell.arg(command.get_program()).args(command.get_args()));
    terminal.until("an open thread", |screen| thread_of(screen).is_some() && is_ready(screen));
    terminal.send("hi");
    terminal.shows(&["connecting again"]);
    let greets_again = |(connection, text): &(usize, String)| *connection == 1 && text.contains("initialize");
    eventually(LIMIT, || server.heard().iter().any(greets_again).then_some(()));
    terminal.press(Key::Ctrl('c'));
    terminal.shows(&["interrupted by Ctrl-C; what the turn came to is unknown", "ended with 130"]);
    terminal.press(Key::Ctrl('d'));
    terminal.ended();
}

#[test]
fn a_server_that_does_not_come_back_leaves_its_turn_unknown() {
    let sandbox = Sandbox::new();
    let silent = json!({ "initialize": ["silence"] });
    let server = scripted(json!([{ "turn/start": ["begin", "cut"] }, silent, silent, silent]));
    let flags = ["--uri", server.address(), "--connect-timeout", "0.3"];
    let output = Running::start(repl(&sandbox, &flags), b"work\n").finish(LIMIT);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("  connecting again: "), "{told}");
    assert_eq!(told.matches("what the turn came to is unknown").count(), 1, "{told}");
    assert!(told.contains("cannot reach the app-server"), "{told}");
    assert_eq!(output.status.code(), Some(3), "{told}");
}

#[test]
fn who_leaves_a_server_that_ends_nothing_is_told_that_the_turn_is_unknown() {
    let sandbox = Sandbox::new();
    for (keys, code) in [(&[Key::Ctrl('d')][..], 1), (&[Key::Ctrl('c'), Key::Ctrl('c')], 130)] {
        let server = scripted(json!([{ "turn/start": ["begin"], "turn/interrupt": [] }]));
        let mut shell = sandbox.command("sh");
        shell.args(["-c", "\"$@\"; echo \"ended with $?\"; cat", "sh"]);
        let command = repl(&sandbox, &["--uri", server.address()]);
        let terminal = Terminal::start(&sandbox, shell.arg(command.get_program()).args(command.get_args()));
        terminal.until("an open thread", |screen| thread_of(screen).is_some() && is_ready(screen));
        terminal.send("work");
        eventually(LIMIT, || {
            server.heard().iter().any(|(_, text)| text.contains("turn/start")).then_some(())
        });
        for key in keys {
            terminal.press(*key);
        }
        terminal.shows(&["what the turn came to is unknown", &format!("ended with {code}")]);
        terminal.press(Key::Ctrl('d'));
        terminal.ended();
    }
}

#[test]
fn what_was_said_to_a_turn_when_its_connection_broke_is_unknown_and_not_said_twice() {
    let sandbox = Sandbox::new();
    let turns = json!({ "data": [{ "id": "$turn", "status": "inProgress", "items": [] }] });
    let open = json!({ "thread": { "id": "$thread", "status": { "type": "active" } }, "model": "stand-in" });
    let server = scripted(json!([
        { "turn/start": ["begin"], "turn/steer": ["cut"] },
        { "thread/resume": [{ "answer": open }],
          "thread/turns/list": [{ "answer": turns }, { "message": "done" }, { "end": "completed" }] },
    ]));
    let lines = b"work\n/steer keep the tests\n";
    let output = Running::start(repl(&sandbox, &["--uri", server.address()]), lines).finish(LIMIT);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("whether Codex has heard this is unknown: keep the tests"), "{told}");
    assert_eq!((output.stdout.as_slice(), output.status.code()), (&b"done\n"[..], Some(3)), "{told}");
    let said = server.heard().into_iter().filter(|(_, text)| text.contains("keep the tests")).count();
    assert_eq!(said, 1, "{told}");
}

#[test]
fn a_turn_without_words_that_was_lost_is_no_turn_of_before() {
    let sandbox = Sandbox::new();
    let before = json!({ "type": "userMessage", "id": "x", "content": [] });
    let before =
        json!({ "data": [{ "id": "before", "status": "completed", "completedAt": 1, "items": [before] }] });
    for (line, asked, acts) in [
        ("/review", "review/start", json!(["cut"])),
        ("/compact", "thread/compact/start", json!(["cut"])),
        ("/compact", "thread/compact/start", json!([{ "answer": {} }, "cut"])),
    ] {
        let server = scripted(json!([{ asked: acts }, { "thread/turns/list": [{ "answer": before }] }]));
        let lines = format!("{line}\nhello\n");
        let output =
            Running::start(repl(&sandbox, &["--uri", server.address()]), lines.as_bytes()).finish(LIMIT);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("what the turn came to is unknown"), "{line}: {told}");
        // That of the prompt.
        assert_eq!(told.matches("done (").count(), 1, "{line}: {told}");
        assert_eq!((output.stdout.as_slice(), output.status.code()), (&b"All done.\n"[..], Some(3)));
    }
}

#[test]
fn nothing_more_is_heard_of_a_thread_that_is_left() {
    let Some(stage) = stage() else { return };
    let traffic = stage.sandbox.root().join("traffic");
    let flags = ["--print-thread-id", "--ndjson-file", traffic.to_str().unwrap()];
    let lines = b"one\n/new\ntwo\n/fork\nthree\n";
    let output = Running::start(repl(&stage.sandbox, &flags), lines).finish(LIMIT);
    let told = String::from_utf8(output.stderr).unwrap();
    let threads: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("THREAD_ID=")).collect();
    assert_eq!((threads.len(), output.status.code()), (3, Some(0)), "{told}");
    let kept = fs::read_to_string(traffic).unwrap();
    let messages: Vec<Value> =
        kept.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["message"].take()).collect();
    let left = messages.iter().filter(|message| message["method"] == "thread/unsubscribe");
    let left: Vec<&str> = left.map(|message| message["params"]["threadId"].as_str().unwrap()).collect();
    assert_eq!(left, threads[..2]);
    let gone = messages.iter().filter(|message| message["result"]["status"] == "unsubscribed").count();
    assert_eq!(gone, 2, "{kept}");
}

#[test]
fn who_reads_no_more_leaves_no_turn_behind() {
    let sandbox = Sandbox::new();
    let server = scripted(json!([{
        "turn/start": ["begin", { "message": "first" }, { "message": "second" }],
    }]));
    let mut pipe = sandbox.command("sh");
    pipe.args(["-c", "{ \"$@\"; echo $? > code; } | true", "sh"]);
    let command = repl(&sandbox, &["--uri", server.address()]);
    pipe.arg(command.get_program()).args(command.get_args());
    let ended = Running::start(pipe, b"work\n").finish(LIMIT);
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(fs::read_to_string(sandbox.repo().join("code")).unwrap(), "130\n", "{told}");
    assert!(!told.contains("cannot write"), "{told}");
    assert!(server.heard().iter().any(|(_, text)| text.contains("turn/interrupt")), "{told}");
}

#[test]
fn a_server_of_ours_that_does_not_end_a_turn_is_ended_and_another_one_goes_on() {
    let sandbox = Sandbox::new();
    let heard = sandbox.root().join("heard");
    let scene = json!({ "turn/start": ["begin"], "turn/interrupt": [] });
    let script = json!({ "app-server": { "heard": heard, "connections": [scene] } });
    sandbox.codex_is(Codex::StandIn(script));
    let lines = b"first\n/interrupt\nsecond\n/interrupt\n";
    let output = Running::start(repl(&sandbox, &["--print-thread-id"]), lines).finish(LIMIT);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told.matches("its server is ended").count(), 2, "{told}");
    assert_eq!(told.matches("what the turn came to is unknown").count(), 2, "{told}");
    let threads: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("THREAD_ID=")).collect();
    assert_eq!((threads.len(), output.status.code()), (3, Some(130)), "{told}");
    assert!(threads.iter().all(|thread| *thread == threads[0]), "{told}");
    let heard = fs::read_to_string(heard).unwrap();
    assert_eq!(heard.matches("thread/resume").count(), 2, "{heard}");
    assert_eq!(leftovers(sandbox.marker()).len(), 0);
}

#[test]
fn an_ephemeral_conversation_is_waited_for_longer_and_not_lost_in_silence() {
    let sandbox = Sandbox::new();
    let heard = sandbox.root().join("heard");
    let scene = json!({ "turn/start": ["begin"], "turn/interrupt": [] });
    let script = json!({ "app-server": { "heard": heard, "connections": [scene] } });
    sandbox.codex_is(Codex::StandIn(script));
    let output = Running::start(repl(&sandbox, &["--ephemeral"]), b"first\n/interrupt\n").finish(LIMIT);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("unknown: codex did not end the turn in 5 s"), "{told}");
    assert_eq!(told.matches("the next one is new and knows nothing of it").count(), 1, "{told}");
    assert_eq!(output.status.code(), Some(130), "{told}");
    let heard = fs::read_to_string(heard).unwrap();
    assert_eq!(
        (heard.matches("thread/start").count(), heard.matches("thread/resume").count()),
        (2, 0),
        "{heard}"
    );
}
