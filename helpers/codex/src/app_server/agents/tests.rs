//! Agents of a server that a test plays.

use std::thread;
use std::time::Duration;

use clodex_json_rpc::{Connection, Incoming, Message, in_memory};

use super::*;
use crate::app_server::call::ClientInfo;

const LONG: Duration = Duration::from_mins(2);

fn soon() -> Instant {
    Instant::now() + LONG
}

struct Played(Connection);

impl Played {
    fn hear(&self) -> String {
        match self.0.receive(Some(soon())) {
            Some(Incoming::Message(message)) => message.text(),
            other => panic!("{other:?}"),
        }
    }

    fn say(&self, text: &str) {
        self.0.send(Message::read(text.as_bytes()).unwrap(), LONG).unwrap();
    }
}

fn pair() -> (Agents, Played) {
    let (ours, theirs) = in_memory();
    let server = thread::spawn(move || {
        let played = Played(theirs);
        played.hear();
        played.say(r#"{"id":1,"result":{"userAgent":"clodex/0.169.0 (x)"}}"#);
        played.hear();
        played
    });
    let (client, _) = Client::greet(ours, ClientInfo { name: "clodex", version: "0" }, soon()).unwrap();
    (Agents::new(client), server.join().unwrap())
}

/// What happens next, in a line.
fn next(agents: &mut Agents) -> String {
    match agents.next(Some(soon())).expect("something happens soon") {
        AgentEvent::Open(name, open) => format!("{name} is open: {}", open.thread.id),
        AgentEvent::Part(name, text) => format!("{name} says {text}"),
        AgentEvent::Event(name, event) => format!("{name}: {event:?}"),
        AgentEvent::Asked(name, question) => format!("{name} asks {}", question.id()),
        AgentEvent::Resolved(name, id) => format!("{name} was answered {id}"),
        AgentEvent::Ended(name, ended) => format!("{name} ended: {ended:?}"),
        AgentEvent::Steered(name) => format!("{name} was steered"),
        AgentEvent::Failed(name, error) => format!("{name} failed: {error}"),
        AgentEvent::Other(text) => format!("other: {text}"),
        AgentEvent::Closed(closed) => closed.to_string(),
    }
}

fn create(agents: &mut Agents, name: &str) {
    agents.create(name, &ThreadWish::default(), ThreadSettings::default(), Some(soon())).unwrap();
}

fn send(agents: &mut Agents, name: &str, text: &str) -> Result<(), AgentError> {
    agents.send(name, &[Input::Text { text }], &TurnSettings::default(), Some(soon()))
}

/// An agent `a` whose thread `t` works on turn `u`.
fn working() -> (Agents, Played) {
    let (mut agents, played) = pair();
    create(&mut agents, "a");
    played.hear();
    played.say(r#"{"id":2,"result":{"thread":{"id":"t"}}}"#);
    next(&mut agents);
    send(&mut agents, "a", "go").unwrap();
    played.hear();
    played.say(r#"{"id":3,"result":{"turn":{"id":"u"}}}"#);
    played.say(r#"{"method":"turn/started","params":{"threadId":"t","turn":{"id":"u"}}}"#);
    assert_eq!(next(&mut agents), "a: TurnStarted");
    (agents, played)
}

#[test]
fn ten_agents_are_told_apart_by_their_threads() {
    let (mut agents, played) = pair();
    for number in 0..10 {
        create(&mut agents, &format!("agent-{number}"));
        played.hear();
    }
    for number in (0..10).rev() {
        played.say(&format!(r#"{{"id":{},"result":{{"thread":{{"id":"thread-{number}"}}}}}}"#, number + 2));
        assert_eq!(next(&mut agents), format!("agent-{number} is open: thread-{number}"));
    }
    for number in 0..10 {
        send(&mut agents, &format!("agent-{number}"), "go").unwrap();
        played.hear();
    }
    for number in (0..10).rev() {
        let of = format!(r#""threadId":"thread-{number}""#);
        played.say(&format!(
            r#"{{"method":"turn/started","params":{{{of},"turn":{{"id":"turn-{number}"}}}}}}"#
        ));
        let item = format!(r#""item":{{"type":"agentMessage","text":"I am {number}"}}"#);
        played.say(&format!(
            r#"{{"method":"item/completed","params":{{{of},"turnId":"turn-{number}",{item}}}}}"#
        ));
        let turn = format!(r#""turn":{{"id":"turn-{number}","status":"completed"}}"#);
        played.say(&format!(r#"{{"method":"turn/completed","params":{{{of},{turn}}}}}"#));
        let name = format!("agent-{number}");
        let told = [next(&mut agents), next(&mut agents), next(&mut agents)];
        assert!(told.iter().all(|told| told.starts_with(&name)), "{told:?}");
        assert_eq!(told[2], format!("{name} ended: Well(Some(\"I am {number}\"))"));
        assert_eq!(agents.get(&name).unwrap().status, AgentStatus::Completed);
    }
}

#[test]
fn one_that_works_is_steered_or_interrupted_and_never_given_a_second_turn() {
    let (mut agents, played) = working();
    assert_eq!(send(&mut agents, "a", "more").unwrap_err().to_string(), "agent `a` is Processing");
    agents.steer("a", &[Input::Text { text: "gently" }], None).unwrap();
    assert!(played.hear().contains(r#""method":"turn/steer","params":{"threadId":"t","expectedTurnId":"u""#));
    played.say(r#"{"id":4,"result":{"turnId":"u"}}"#);
    assert_eq!(next(&mut agents), "a was steered");
    agents.interrupt("a", None).unwrap();
    played.hear();
    played.say(r#"{"id":5,"result":{}}"#);
    played.say(
        r#"{"method":"turn/completed","params":{"threadId":"t","turn":{"id":"u","status":"interrupted"}}}"#,
    );
    assert_eq!(next(&mut agents), "a ended: Interrupted");
    assert!(played.hear().contains("thread/backgroundTerminals/clean"));
    assert_eq!(agents.get("a").unwrap().status, AgentStatus::Stopped);
    send(&mut agents, "a", "again").unwrap();
}

#[test]
fn what_cannot_be_is_refused_before_codex_is_asked() {
    let (mut agents, played) = pair();
    assert_eq!(send(&mut agents, "nobody", "go").unwrap_err().to_string(), "there is no agent `nobody`");
    create(&mut agents, "a");
    assert_eq!(send(&mut agents, "a", "go").unwrap_err().to_string(), "agent `a` is Opening");
    let twice = agents.create("a", &ThreadWish::default(), ThreadSettings::default(), None);
    assert_eq!(twice.unwrap_err().to_string(), "there is an agent `a` already");
    played.hear();
    played.say(r#"{"id":2,"error":{"code":-32600,"message":"no"}}"#);
    assert_eq!(next(&mut agents), "a failed: codex refused `thread/start`: no (-32600)");
    create(&mut agents, "a");
}

#[test]
fn a_late_answer_to_a_turn_does_not_bring_it_back() {
    let (mut agents, played) = pair();
    create(&mut agents, "a");
    played.hear();
    played.say(r#"{"id":2,"result":{"thread":{"id":"t"}}}"#);
    next(&mut agents);
    send(&mut agents, "a", "go").unwrap();
    played.say(r#"{"method":"turn/started","params":{"threadId":"t","turn":{"id":"u"}}}"#);
    played.say(
        r#"{"method":"turn/completed","params":{"threadId":"t","turn":{"id":"u","status":"completed"}}}"#,
    );
    played.say(r#"{"id":3,"result":{"turn":{"id":"u"}}}"#);
    played.say(r#"{"method":"somebody/else","params":{}}"#);
    next(&mut agents);
    assert_eq!(next(&mut agents), "a ended: Well(None)");
    assert_eq!(next(&mut agents), "other: somebody/else");
    let agent = agents.get("a").unwrap();
    assert_eq!((agent.status, agent.turn_id.clone()), (AgentStatus::Completed, None));
}

#[test]
fn when_the_server_goes_everybody_is_told_once() {
    let (mut agents, played) = working();
    drop(played);
    assert_eq!(next(&mut agents), "the other side closed the connection");
}
