//! The client against the real app-server, as many checks on one server as go together.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use clodex_codex::app_server::call::{ArchiveThread, Input, SteerTurn, ThreadSettings};
use clodex_codex::app_server::{
    AgentEvent, AgentStatus, Agents, Ended, Rejoined, Reply, ThreadWish, TurnSettings,
};
use clodex_json_rpc::{ConnectError, Greeting, web_socket};
use clodex_tests::{LIMIT, eventually, run_with_timeout};
use serde_json::json;

use super::drive::{dial, soon};
use super::talk::{Heard, Server, Talk, asked, greet, reading, script};
use crate::stage::Stage;

fn input(text: &str) -> [Input<'_>; 1] {
    [Input::Text { text }]
}

/// What every agent's turn comes to, by name.
#[track_caller]
fn answers(agents: &mut Agents, of: usize) -> BTreeMap<String, String> {
    let mut answers = BTreeMap::new();
    while answers.len() < of {
        match agents.next(Some(soon())).expect("something happens soon") {
            AgentEvent::Ended(name, Ended::Well(Some(text))) => {
                assert_eq!(agents.get(&name).unwrap().status, AgentStatus::Completed);
                assert!(answers.insert(name, text).is_none());
            }
            bad @ (AgentEvent::Ended(..) | AgentEvent::Failed(..) | AgentEvent::Closed(_)) => {
                panic!("{bad:?}")
            }
            AgentEvent::Open(..)
            | AgentEvent::Part(..)
            | AgentEvent::Event(..)
            | AgentEvent::Asked(..)
            | AgentEvent::Resolved(..)
            | AgentEvent::Steered(_)
            | AgentEvent::Other(_) => {}
        }
    }
    answers
}

#[track_caller]
fn open(agents: &mut Agents, wishes: &[(String, ThreadWish)], settings: &ThreadSettings<'_>) {
    for (name, wish) in wishes {
        let settings =
            ThreadSettings { cwd: settings.cwd, sandbox: settings.sandbox, ..ThreadSettings::default() };
        agents.create(name, wish, settings, Some(soon())).unwrap();
    }
    let mut missing = wishes.len();
    while missing > 0 {
        match agents.next(Some(soon())).expect("something happens soon") {
            AgentEvent::Open(..) => missing -= 1,
            bad @ (AgentEvent::Failed(..) | AgentEvent::Closed(_)) => panic!("{bad:?}"),
            _ => {}
        }
    }
}

#[track_caller]
fn send(agents: &mut Agents, name: &str, text: &str) {
    agents.send(name, &input(text), &TurnSettings::default(), Some(soon())).unwrap();
}

#[test]
fn ten_agents_and_four_copies_of_one_work_on_one_server() {
    let Some(stage) = Stage::real() else { return };
    let config = stage.sandbox.codex_home().join("config.toml");
    let before = fs::read(&config).unwrap();
    let server = Server::start(&stage.sandbox, "ws://127.0.0.1:0", &[]);
    let mut agents = Agents::new(greet(&server).0);
    let settings = reading(&stage.sandbox);
    ten_work_at_once(&mut agents, &settings);
    four_go_on_from_one(&stage, &mut agents, &settings);
    one_is_stopped_and_one_put_away(&stage, &mut agents);
    assert_eq!(fs::read(&config).unwrap(), before);
}

#[track_caller]
fn ten_work_at_once(agents: &mut Agents, settings: &ThreadSettings<'_>) {
    let names: Vec<String> = (0..10).map(|number| format!("agent-{number}")).collect();
    let wishes: Vec<_> = names.iter().map(|name| (name.clone(), ThreadWish::default())).collect();
    open(agents, &wishes, settings);
    for name in &names {
        assert_eq!(agents.get(name).unwrap().status, AgentStatus::Idle);
        let steps = json!([{ "do": [{ "run": "sleep 0.3; echo it ran" }] }, { "do": [{ "say": format!("I am {name}") }] }]);
        send(agents, name, &script(name, &steps));
        assert_eq!(agents.get(name).unwrap().status, AgentStatus::Processing);
    }
    let told = answers(agents, 10);
    assert_eq!(told, names.iter().map(|name| (name.clone(), format!("I am {name}"))).collect());
}

/// One checkpoint, and four who go on from it at the same time.
#[track_caller]
fn four_go_on_from_one(stage: &Stage, agents: &mut Agents, settings: &ThreadSettings<'_>) {
    let origin = agents.get("agent-0").unwrap().thread_id.clone().unwrap();
    let copies: Vec<_> =
        (0..4).map(|number| (format!("copy-{number}"), ThreadWish::Fork(origin.clone()))).collect();
    open(agents, &copies, settings);
    for (name, _) in &copies {
        assert_ne!(agents.get(name).unwrap().thread_id.as_ref(), Some(&origin));
        send(agents, name, &script(name, &json!([{ "do": [{ "say": format!("{name} goes on") }] }])));
    }
    let told = answers(agents, 4);
    assert_eq!(told, copies.iter().map(|(name, _)| (name.clone(), format!("{name} goes on"))).collect());
    let remember = |request: &&clodex_sim::Request| {
        let text = request.user_texts().join(" ");
        text.contains("copy-") && text.contains("I am agent-0")
    };
    assert_eq!(stage.asked().iter().filter(remember).count(), 4);
}

/// The one in the middle of a command.
#[track_caller]
fn one_is_stopped_and_one_put_away(stage: &Stage, agents: &mut Agents) {
    send(agents, "agent-1", &script("run", &json!([{ "do": [{ "run": "sleep 271" }] }])));
    let is_at_work = |event: &AgentEvent| matches!(event, AgentEvent::Event(name, clodex_core::Event::CommandStarted { .. }) if name == "agent-1");
    while !is_at_work(&agents.next(Some(soon())).unwrap()) {}
    agents.interrupt("agent-1", Some(soon())).unwrap();
    while !matches!(agents.next(Some(soon())).unwrap(), AgentEvent::Ended(_, Ended::Interrupted)) {}
    agents.destroy("agent-2", Some(soon())).unwrap();
    assert!(agents.get("agent-2").is_none() && agents.names().count() == 13);
    eventually(LIMIT, || {
        // What the agents are told meanwhile ends the command.
        let _ = agents.next(Some(std::time::Instant::now()));
        let left = clodex_tests::leftovers(stage.sandbox.marker());
        (!left.iter().any(|left| left.command.contains("sleep 271"))).then_some(())
    });
}

#[test]
fn a_lost_connection_costs_nothing_and_a_killed_server_no_false_success() {
    let Some(stage) = Stage::real() else { return };
    let mut server = Server::start(&stage.sandbox, "ws://127.0.0.1:0", &[]);
    let mut talk = Talk::start(&server, &stage.sandbox);
    a_question_survives_its_connection(&server, &mut talk);
    let mut talk = what_ends_unheard_is_told_once(&stage, &server, talk);
    a_killed_server_leaves_a_turn_unknown_and_its_thread_whole(&stage, &mut server, &mut talk);
}

/// That of a command that wants out of the sandbox.
#[track_caller]
fn a_question_survives_its_connection(server: &Server, talk: &mut Talk) {
    let run = json!({ "run": { "cmd": "echo out", "sandbox_permissions": "require_escalated", "justification": "why not" } });
    let turn =
        talk.say(&script("go", &json!([{ "do": [{ "say": "first" }, run] }, { "do": [{ "say": "last" }] }])));
    let (messages, question) = talk.until(asked);
    assert_eq!(messages, ["first"]);
    talk.come_back(server).unwrap();
    assert_eq!(talk.rejoin(&turn), Rejoined::Working(turn.clone()));
    assert!(talk.client.reply(question, &Reply::Accept, 0).is_err());
    let (messages, question) = talk.until(asked);
    assert_eq!(messages, Vec::<String>::new());
    talk.client.reply(question, &Reply::Accept, 0).unwrap();
    assert_eq!(talk.end(), (vec!["last".to_owned()], "completed"));
}

#[track_caller]
fn what_ends_unheard_is_told_once(stage: &Stage, server: &Server, mut talk: Talk) -> Talk {
    let go = stage.sandbox.root().join("go");
    let steps = json!([{ "do": [{ "say": "one" }, { "run": "true" }] }, { "do": [{ "until": go }, { "say": "two" }] }]);
    let turn = talk.say(&script("again", &steps));
    talk.until(|heard| matches!(heard, Heard::Message(_)).then_some(()));
    let mut other = Talk::join(server, &talk.thread);
    let Talk { thread, client } = talk;
    drop(client);
    fs::write(&go, "").unwrap();
    other.end();
    let mut talk = Talk { client: greet(server).0, thread };
    assert_eq!(talk.rejoin(&turn), Rejoined::Ended(turn));
    assert_eq!(talk.end(), (vec!["one".to_owned(), "two".to_owned()], "completed"));
    talk
}

#[track_caller]
fn a_killed_server_leaves_a_turn_unknown_and_its_thread_whole(
    stage: &Stage,
    server: &mut Server,
    talk: &mut Talk,
) {
    let turn = talk.say(&script("stop", &json!([{ "do": [{ "say": "begun" }, { "run": "sleep 272" }] }])));
    talk.until(|heard| matches!(heard, Heard::Command).then_some(()));
    server.kill();
    talk.until(|heard| matches!(heard, Heard::Closed).then_some(()));
    server.start_again(&stage.sandbox);
    talk.come_back(server).unwrap();
    assert_eq!(
        talk.rejoin(&turn),
        Rejoined::Unknown("the server ended in the middle of the turn".to_owned())
    );
    talk.say(&script("and now", &json!([{ "do": [{ "say": "here I am" }] }])));
    assert_eq!(talk.end(), (vec!["here I am".to_owned()], "completed"));
}

#[test]
fn two_clients_are_asked_and_the_first_answer_counts_and_a_slow_one_loses_nothing() {
    let Some(stage) = Stage::real() else { return };
    let socket = stage.sandbox.root().join("s");
    let server = Server::start(&stage.sandbox, &format!("unix://{}", socket.display()), &[]);
    let mut one = Talk::start(&server, &stage.sandbox);
    one.say("hello");
    one.end();
    let mut two = Talk::join(&server, &one.thread);
    let run = json!({ "run": { "cmd": "echo out", "sandbox_permissions": "require_escalated", "justification": "why not" } });
    one.say(&script("go", &json!([{ "do": [run] }, { "do": [{ "say": "declined" }] }])));
    let (_, _unanswered) = two.until(asked);
    let (_, question) = one.until(asked);
    one.client.reply(question, &Reply::Decline, 0).unwrap();
    two.until(|heard| matches!(heard, Heard::Resolved).then_some(()));
    assert_eq!(one.end(), (vec!["declined".to_owned()], "completed"));
    assert_eq!(two.end(), (vec!["declined".to_owned()], "completed"));

    // One reads, the other has more in store for it than its queue and its socket hold.
    let long = "0123456789".repeat(3000);
    one.say(&script("talk", &json!([{ "do": [{ "say": { "text": long, "deltas": 10 } }] }])));
    assert_eq!(one.end(), (vec![long.clone()], "completed"));
    let mut parts = String::new();
    loop {
        match two.next() {
            Heard::Part(part) => parts.push_str(&part),
            Heard::End(how) => break assert_eq!(how, "completed"),
            _ => {}
        }
    }
    assert_eq!(parts, long);
}

#[test]
fn a_token_opens_the_door_and_a_wrong_one_does_not() {
    let Some(stage) = Stage::real() else { return };
    let file = stage.sandbox.file("token", "a-token-that-nobody-guesses-0123456789");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let args = ["--ws-auth", "capability-token", "--ws-token-file", file.to_str().unwrap()];
    let server = Server::start(&stage.sandbox, "ws://127.0.0.1:0", &args);
    let bearer =
        |token: &str| Greeting::default().header("Authorization", &format!("Bearer {token}")).unwrap();
    let connection = dial(&server.address, &bearer("a-token-that-nobody-guesses-0123456789"));
    let (mut client, version) =
        clodex_codex::app_server::Client::<()>::greet(connection, super::drive::ME, soon()).unwrap();
    assert_eq!(version.text().as_deref(), Some(clodex_sim::npm_codex::VERSION));
    client.call(&clodex_codex::app_server::call::ReadAccount {}, soon()).unwrap();
    for greeting in [bearer("another"), Greeting::default()] {
        let refused = web_socket(&server.address.parse().unwrap(), &greeting, Some(soon()));
        assert!(matches!(refused, Err(ConnectError::Refused { status: 401, .. })), "{refused:?}");
    }
    let ask = |token: &str| {
        let mut thread = stage.sandbox.command("clodex-thread");
        thread.args([
            "--json",
            "--uri",
            &server.address,
            "--header-env",
            "Authorization=TOKEN",
            "--sandbox",
            "read-only",
        ]);
        thread
            .arg(script("hi", &json!([{ "do": [{ "say": "hello" }] }])))
            .env("TOKEN", format!("Bearer {token}"));
        let output = run_with_timeout(thread, LIMIT);
        (output.status.code(), serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap())
    };
    let (code, said) = ask("a-token-that-nobody-guesses-0123456789");
    assert_eq!((code, &said["text"]), (Some(0), &json!("hello")), "{said}");
    let (code, said) = ask("another");
    assert_eq!(code, Some(3), "{said}");
    assert!(!said.to_string().contains("Bearer another"), "{said}");
}

/// What every Codex from 0.124 on can do.
fn older(version: &str) {
    let (Some(stage), Ok(codex)) = (Stage::real(), clodex_tests::older_codex(version)) else { return };
    stage.sandbox.codex_is(clodex_tests::Codex::Real(codex));
    let config = stage.sandbox.codex_home().join("config.toml");
    let before = fs::read(&config).unwrap();
    let server = Server::start(&stage.sandbox, "ws://127.0.0.1:0", &[]);
    assert_eq!(greet::<()>(&server).1.text().as_deref(), Some(version));
    let mut talk = Talk::start(&server, &stage.sandbox);
    is_steered_and_joined_again(&stage, &server, &mut talk);
    is_interrupted_with_what_it_runs(&stage, &mut talk);
    is_copied_and_put_away(&stage, &server, &mut talk);
    assert_eq!(fs::read(&config).unwrap(), before);
}

/// While the model thinks.
#[track_caller]
fn is_steered_and_joined_again(stage: &Stage, server: &Server, talk: &mut Talk) {
    let go = stage.sandbox.root().join("go");
    let steps = json!([{ "do": [{ "say": "one" }, { "run": "sleep 0.5" }] }, { "do": [{ "until": go }, { "say": "two" }] }]);
    let turn = talk.say(&script("go", &steps));
    let (messages, ()) = talk.until(|heard| matches!(heard, Heard::Message(_)).then_some(()));
    assert_eq!(messages, ["one"]);
    let words = input("and gently");
    let (thread_id, expected_turn_id) = (&talk.thread, &turn);
    let steer = SteerTurn { thread_id, expected_turn_id, input: &words, client_user_message_id: None };
    talk.client.call(&steer, soon()).unwrap();
    talk.come_back(server).unwrap();
    assert_eq!(talk.rejoin(&turn), Rejoined::Working(turn));
    fs::write(&go, "").unwrap();
    let (messages, end) = talk.end();
    assert!(messages.first().is_some_and(|text| text == "two") && end == "completed", "{messages:?} {end}");
    assert!(stage.asked().iter().any(|request| request.user_texts().contains(&"and gently".to_owned())));
}

#[track_caller]
fn is_interrupted_with_what_it_runs(stage: &Stage, talk: &mut Talk) {
    let turn = talk.say(&script("run", &json!([{ "do": [{ "run": "sleep 273" }] }])));
    talk.until(|heard| matches!(heard, Heard::Command).then_some(()));
    let thread_id = &talk.thread;
    let interrupt = clodex_codex::app_server::call::InterruptTurn { thread_id, turn_id: &turn };
    talk.client.call(&interrupt, soon()).unwrap();
    talk.client.call(&clodex_codex::app_server::call::CleanTerminals { thread_id }, soon()).unwrap();
    assert_eq!(talk.end().1, "interrupted");
    eventually(LIMIT, || {
        let left = clodex_tests::leftovers(stage.sandbox.marker());
        (!left.iter().any(|left| left.command.contains("sleep 273"))).then_some(())
    });
}

#[track_caller]
fn is_copied_and_put_away(stage: &Stage, server: &Server, talk: &mut Talk) {
    let mut agents = Agents::new(greet(server).0);
    open(
        &mut agents,
        &[("copy".to_owned(), ThreadWish::Fork(talk.thread.clone()))],
        &reading(&stage.sandbox),
    );
    send(&mut agents, "copy", &script("copy", &json!([{ "do": [{ "say": "I am the copy" }] }])));
    assert_eq!(answers(&mut agents, 1)["copy"], "I am the copy");
    talk.client.call(&ArchiveThread { thread_id: &talk.thread }, soon()).unwrap();
}

#[test]
fn codex_0_150_does_what_is_asked_of_it() {
    older("0.150.0");
}

#[test]
fn codex_0_124_does_what_is_asked_of_it() {
    older("0.124.0");
}

#[test]
fn a_codex_before_0_124_is_refused_with_a_clear_message() {
    let (Some(stage), Ok(codex)) = (Stage::real(), clodex_tests::older_codex("0.101.0")) else { return };
    stage.sandbox.codex_is(clodex_tests::Codex::Real(codex));
    let server = Server::start(&stage.sandbox, "ws://127.0.0.1:0", &[]);
    let connection = dial(&server.address, &Greeting::default());
    let refused =
        clodex_codex::app_server::Client::<()>::greet(connection, super::drive::ME, soon()).unwrap_err();
    let why = "codex 0.101.0 is too old for its app-server to be used; 0.124.0 is the oldest";
    assert_eq!(refused.to_string(), why);
    let mut thread = stage.sandbox.command("clodex-thread");
    thread.args(["--uri", &server.address, "hello"]);
    let output = run_with_timeout(thread, LIMIT);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(3) && said.contains(why), "{output:?}");
}
