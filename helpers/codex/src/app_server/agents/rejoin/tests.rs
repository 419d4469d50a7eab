//! Agents that lose their connection to a scripted server and come back.

use clodex_json_rpc::{Address, ConnectError, Connection, Greeting, web_socket};
use clodex_sim::app_server::AppServer;
use serde_json::{Value, json};

use super::*;
use crate::app_server::agents::{ThreadWish, TurnSettings};
use crate::app_server::asked::Reply;
use crate::app_server::call::{ClientInfo, Input};
use crate::app_server::client::Client;

const LONG: Duration = Duration::from_mins(1);
/// The thread of `a`.
const THREAD: &str = "01a1fbc7-bb57-7293-99d2-000000000001";
const ME: ClientInfo<'static> = ClientInfo { name: "clodex", version: "0" };

fn soon() -> Instant {
    Instant::now() + LONG
}

fn dial(server: &AppServer) -> Result<Connection, ConnectError> {
    let address: Address = server.address().parse().unwrap();
    web_socket(&address, &Greeting::default(), Some(soon()))
}

/// A server that loses the first connection while `a` works on a turn and `b` has nothing to do, and the agents when
/// they know that it is lost.
fn lost(turn: &[Value], next: &Value) -> (AppServer, Agents) {
    let other = json!([{ "answer": { "thread": { "id": "other" } } }]);
    let connections = json!([{ "turn/start": turn, "thread/start 2": other }, next]);
    let script = serde_json::from_value(json!({ "connections": connections })).unwrap();
    let server = AppServer::tcp(script).unwrap();
    let (client, _) = Client::greet(dial(&server).unwrap(), ME, soon()).unwrap();
    let mut agents = Agents::new(client);
    for name in ["a", "b"] {
        agents.create(name, &ThreadWish::default(), ThreadSettings::default(), Some(soon())).unwrap();
        assert!(matches!(agents.next(Some(soon())), Some(AgentEvent::Open(open, _)) if open == name));
    }
    send(&mut agents);
    loop {
        match agents.next(Some(soon())).expect("the connection is lost soon") {
            AgentEvent::Closed(_) => return (server, agents),
            AgentEvent::Event(name, _) | AgentEvent::Failed(name, _) => assert_eq!(name, "a"),
            event => panic!("{event:?}"),
        }
    }
}

fn send(agents: &mut Agents) {
    agents.send("a", &[Input::Text { text: "go" }], &TurnSettings::default(), Some(soon())).unwrap();
}

fn come_back(agents: &mut Agents, server: &AppServer) {
    let (dial, wait) = (&mut |_| dial(server), &mut WayBack::sleep);
    agents.reconnect(&mut WayBack { dial, wait, client: ME, until: soon() }, LONG).unwrap();
}

fn resumed(thread: &str, status: &str) -> Value {
    json!([{ "answer": { "thread": { "id": thread, "status": { "type": status } } } }])
}

fn record(status: &str, items: &[Value]) -> Value {
    json!([{ "answer": { "data": [{ "id": "turn-1", "status": status, "completedAt": null, "items": items }] } }])
}

fn message(id: &str, text: &str) -> Value {
    json!({ "type": "agentMessage", "id": id, "text": text })
}

fn status(agents: &Agents, name: &str) -> AgentStatus {
    agents.get(name).unwrap().status
}

/// The name and the end of the next turn that ends.
fn end(agents: &mut Agents) -> (String, Ended) {
    loop {
        match agents.next(Some(soon())).expect("a turn ends soon") {
            AgentEvent::Ended(name, ended) => return (name, ended),
            AgentEvent::Asked(name, question) => {
                assert_eq!(name, "a");
                agents.reply(question, &Reply::Accept, 0).unwrap();
            }
            AgentEvent::Closed(closed) => panic!("{closed}"),
            _ => {}
        }
    }
}

#[test]
fn work_goes_on_with_what_was_missed_and_what_is_asked_again() {
    let about = json!({ "threadId": THREAD, "itemId": "i" });
    let mut resume = resumed(THREAD, "active");
    let ask = json!({ "ask": [0, "item/fileChange/requestApproval", about] });
    resume.as_array_mut().unwrap().push(ask);
    let ended = json!({ "id": "turn-1", "status": "completed" });
    let next = json!({
        "thread/resume": resume, "thread/resume 2": resumed("other", "idle"),
        "thread/turns/list": record("inProgress", &[message("m", "missed")]), "reply": [{ "tell": ["turn/completed", { "threadId": THREAD, "turn": ended }] }],
    });
    let (server, mut agents) = lost(&[json!("begin"), json!("cut")], &next);
    assert_eq!([status(&agents, "a"), status(&agents, "b")], [AgentStatus::Unknown, AgentStatus::Idle]);
    come_back(&mut agents, &server);
    assert_eq!([status(&agents, "a"), status(&agents, "b")], [AgentStatus::Processing, AgentStatus::Idle]);
    assert_eq!(end(&mut agents), ("a".to_owned(), Ended::Well(Some("missed".to_owned()))));
    assert_eq!(status(&agents, "a"), AgentStatus::Completed);
}

#[test]
fn a_turn_whose_begin_was_not_heard_is_found_by_what_was_said() {
    let said = json!({ "type": "userMessage", "id": "x", "clientId": "clodex-a-1", "content": [] });
    let turns = record("completed", &[said, message("m", "the answer")]);
    let next = json!({ "thread/resume": resumed(THREAD, "idle"), "thread/turns/list": turns });
    let (server, mut agents) = lost(&[json!("cut")], &next);
    come_back(&mut agents, &server);
    assert_eq!(end(&mut agents), ("a".to_owned(), Ended::Well(Some("the answer".to_owned()))));
}

#[test]
fn a_turn_that_ended_with_its_server_is_unknown_and_its_agent_can_be_told_more() {
    let next =
        json!({ "thread/resume": resumed(THREAD, "idle"), "thread/turns/list": record("interrupted", &[]) });
    let (server, mut agents) = lost(&[json!("begin"), json!("cut")], &next);
    come_back(&mut agents, &server);
    let (name, ended) = end(&mut agents);
    assert!(name == "a" && matches!(ended, Ended::Unknown(_)), "{ended:?}");
    assert_eq!(status(&agents, "a"), AgentStatus::Stopped);
    send(&mut agents);
    assert_eq!(end(&mut agents), ("a".to_owned(), Ended::Well(Some("All done.".to_owned()))));
}

#[test]
fn whose_thread_is_gone_is_unknown_and_the_others_come_back() {
    let gone = json!([{ "refuse": [-32600, "no rollout found"] }]);
    let next = json!({ "thread/resume": gone, "thread/resume 2": resumed("other", "idle") });
    let (server, mut agents) = lost(&[json!("begin"), json!("cut")], &next);
    come_back(&mut agents, &server);
    let (name, ended) = end(&mut agents);
    assert!(
        name == "a" && matches!(&ended, Ended::Unknown(why) if why.contains("no rollout found")),
        "{ended:?}"
    );
    assert_eq!([status(&agents, "a"), status(&agents, "b")], [AgentStatus::Unknown, AgentStatus::Idle]);
}
