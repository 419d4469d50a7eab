//! The client talks with a server that a test plays.

use std::thread;
use std::time::Duration;

use clodex_json_rpc::{Incoming, Message, in_memory};

use super::*;
use crate::app_server::call::{ListModels, ReadThread};

const LONG: Duration = Duration::from_mins(2);

fn soon() -> Instant {
    Instant::now() + LONG
}

fn me() -> ClientInfo<'static> {
    ClientInfo { name: "clodex", version: "0" }
}

/// The other side's connection, after it has greeted as this version.
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

/// What a client hears from a server of this version.
fn greeted(user_agent: &str) -> Result<(Client<&'static str>, Played), CallError> {
    let (ours, theirs) = in_memory();
    let agent = user_agent.to_owned();
    let server = thread::spawn(move || {
        let played = Played(theirs);
        assert!(
            played
                .hear()
                .starts_with(r#"{"id":1,"method":"initialize","params":{"clientInfo":{"name":"clodex""#)
        );
        played.say(&format!(r#"{{"id":1,"result":{{"userAgent":"{agent}"}}}}"#));
        played
    });
    let greeted = Client::greet(ours, me(), soon());
    let played = server.join().unwrap();
    let (client, _) = greeted?;
    assert_eq!(played.hear(), r#"{"method":"initialized","params":{}}"#);
    Ok((client, played))
}

fn pair() -> (Client<&'static str>, Played) {
    greeted("clodex/0.169.0 (Debian 12.0.0; x86_64) unknown (clodex; 0)").unwrap()
}

/// What happens next, in a line.
fn next(client: &mut Client<&'static str>) -> String {
    match client.next(Some(soon())).expect("something happens soon") {
        Happened::Answered(caller, Ok(result)) => format!("{caller}: {result}"),
        Happened::Answered(caller, Err(error)) => format!("{caller}: {error}"),
        Happened::Asked(question) => format!("{:?}", question.asked().question),
        Happened::Told(told) => told.method,
        Happened::Unreadable(text) => text,
        Happened::Woken => "woken".to_owned(),
        Happened::Closed(closed) => closed.to_string(),
    }
}

#[test]
fn an_old_server_is_told_apart_at_once() {
    let too_old = greeted("clodex/0.101.0 (x)").err().unwrap();
    assert_eq!(
        too_old.to_string(),
        "codex 0.101.0 is too old for its app-server to be used; 0.124.0 is the oldest"
    );
    // A build that does not tell its version is tried.
    greeted("something else").unwrap();
}

#[test]
fn what_happens_while_an_answer_is_waited_for_is_kept_in_order() {
    let (mut client, played) = pair();
    let server = thread::spawn(move || {
        played.hear();
        played.say(r#"{"method":"first"}"#);
        played.say(r#"{"id":0,"method":"item/fileChange/requestApproval","params":{}}"#);
        played.say(r#"{"id":2,"result":{"data":[{"model":"m"}]}}"#);
        played.say(r#"{"method":"last"}"#);
        played
    });
    let page = client.call(&ListModels {}, soon()).unwrap();
    assert_eq!(page.data[0].model, "m");
    assert_eq!(next(&mut client), "first");
    assert!(next(&mut client).starts_with("Patch"));
    assert_eq!(next(&mut client), "last");
    drop(server.join().unwrap());
}

#[test]
fn an_overloaded_server_is_asked_again_until_the_deadline() {
    let (mut client, played) = pair();
    client.ask(&ListModels {}, Some(soon()), "again").unwrap();
    let server = thread::spawn(move || {
        for id in [2, 3] {
            assert_eq!(played.hear(), format!(r#"{{"id":{id},"method":"model/list","params":{{}}}}"#));
            played.say(&format!(
                r#"{{"id":{id},"error":{{"code":-32001,"message":"Server overloaded; retry later."}}}}"#
            ));
        }
        played.hear();
        played.say(r#"{"id":4,"result":{}}"#);
        played
    });
    assert_eq!(next(&mut client), "again: {}");
    let played = server.join().unwrap();
    client.ask(&ListModels {}, Some(Instant::now() + Duration::from_millis(50)), "no time").unwrap();
    played.hear();
    played.say(r#"{"id":5,"error":{"code":-32001,"message":"busy"}}"#);
    // The refusal itself, or on a machine that has more to do that it was late.
    let told = next(&mut client);
    let [busy, late] = ["refused `model/list`: busy (-32001)", "did not answer `model/list` in time"];
    assert!([busy, late].map(|why| format!("no time: codex {why}")).contains(&told), "{told}");
}

#[test]
fn a_question_that_cannot_be_answered_is_refused_and_one_answered_wrongly_still_waits() {
    let (mut client, played) = pair();
    played.say(r#"{"id":7,"method":"something/new"}"#);
    let Some(Happened::Asked(question)) = client.next(Some(soon())) else { panic!("no question") };
    client.reply(question, &Reply::Decline, 0).unwrap();
    assert_eq!(played.hear(), r#"{"id":7,"error":{"code":-32601,"message":"clodex does not answer this"}}"#);
    played.say(r#"{"id":8,"method":"item/fileChange/requestApproval","params":{}}"#);
    let Some(Happened::Asked(question)) = client.next(Some(soon())) else { panic!("no question") };
    let Err(ReplyError::Wrong(_, question)) = client.reply(question, &Reply::Text("hm".to_owned()), 0) else {
        panic!("a text is not a decision")
    };
    client.reply(*question, &Reply::Cancel, 0).unwrap();
    assert_eq!(played.hear(), r#"{"id":8,"result":{"decision":"cancel"}}"#);
}

#[test]
fn every_call_is_told_of_the_end_of_the_connection_also_one_that_waits_to_be_asked_again() {
    let (mut client, played) = pair();
    client.ask(&ListModels {}, None, "waits").unwrap();
    client.ask(&ReadThread { thread_id: "t", include_turns: false }, None, "again").unwrap();
    let server = thread::spawn(move || {
        played.hear();
        played.hear();
        played.say(r#"{"id":3,"error":{"code":-32001,"message":"busy"}}"#);
    });
    let lost = "the other side closed the connection";
    let mut told = [next(&mut client), next(&mut client)];
    told.sort();
    assert_eq!(
        told,
        [
            format!("again: codex did not answer `thread/read`: {lost}"),
            format!("waits: codex did not answer `model/list`: {lost}"),
        ]
    );
    assert_eq!(next(&mut client), lost);
    assert!(client.call(&ListModels {}, soon()).is_err());
    server.join().unwrap();
}

#[test]
fn an_answer_of_another_shape_is_no_success() {
    let (mut client, played) = pair();
    let server = thread::spawn(move || {
        played.hear();
        played.say(r#"{"id":2,"result":{"thread":{}}}"#);
        played
    });
    let error = client.call(&ReadThread { thread_id: "t", include_turns: false }, soon()).unwrap_err();
    assert!(
        error.to_string().starts_with("codex answered `thread/read` with something else: missing field `id`"),
        "{error}"
    );
    drop(server.join().unwrap());
}
