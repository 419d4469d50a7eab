//! A client that loses its connection to a scripted server and comes back.

use clodex_json_rpc::{Address, Greeting, web_socket};
use clodex_sim::app_server::AppServer;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;
use crate::app_server::asked::Reply;
use crate::app_server::call::{Input, StartThread, StartTurn, ThreadSettings};
use crate::app_server::client::{Question, ReplyError};
use crate::app_server::notice::{Notice, Told, TurnEnd};

const LONG: Duration = Duration::from_mins(1);
const THREAD: &str = "01a1fbc7-bb57-7293-99d2-000000000001";
const ME: ClientInfo<'static> = ClientInfo { name: "clodex", version: "0" };

fn soon() -> Instant {
    Instant::now() + LONG
}

#[expect(clippy::needless_pass_by_value, reason = "it is written where it is passed")]
fn server(connections: Value) -> AppServer {
    AppServer::tcp(serde_json::from_value(json!({ "connections": connections })).unwrap()).unwrap()
}

fn dial(server: &AppServer) -> Result<Connection, ConnectError> {
    let address: Address = server.address().parse().unwrap();
    web_socket(&address, &Greeting::default(), Some(soon()))
}

/// A client that has begun a turn.
fn working(server: &AppServer) -> Client<()> {
    let (mut client, _) = Client::greet(dial(server).unwrap(), ME, soon()).unwrap();
    let thread = StartThread { settings: ThreadSettings::default(), ephemeral: false };
    assert_eq!(client.call(&thread, soon()).unwrap().thread.id, THREAD);
    let input = [Input::Text { text: "go" }];
    let turn = StartTurn {
        thread_id: THREAD,
        input: &input,
        effort: None,
        model: None,
        output_schema: None,
        client_user_message_id: Some("mine"),
    };
    client.ask(&turn, Some(soon()), ()).unwrap();
    client
}

fn back(client: &mut Client<()>, server: &AppServer) -> Result<CodexVersion, NotBack> {
    client.reconnect(&mut WayBack {
        dial: &mut |_| dial(server),
        wait: &mut WayBack::sleep,
        client: ME,
        until: soon(),
    })
}

fn rejoin(client: &mut Client<()>, awaited: Awaited<'_>) -> Rejoined {
    let thread = ResumeThread { thread_id: THREAD, settings: ThreadSettings::default(), exclude_turns: true };
    client.rejoin(&thread, awaited, soon(), &mut WayBack::sleep).unwrap().1
}

/// What happens up to and with the first thing that holds.
fn until(client: &mut Client<()>, is_last: impl Fn(&str) -> bool) -> (Vec<String>, Option<Question>) {
    let mut told = Vec::new();
    loop {
        let mut asked = None;
        let line = match client.next(Some(soon())).expect("something happens soon") {
            Happened::Answered((), answered) => format!("answered {}", answered.is_ok()),
            Happened::Asked(question) => {
                let line = format!("asked {}", question.id());
                asked = Some(question);
                line
            }
            Happened::Told(told) => {
                match Notice::read(&told.method, told.params.as_deref().map(RawValue::get)).told {
                    Told::Event(clodex_core::Event::Message { text }) => text.into_owned(),
                    Told::TurnEnded(TurnEnd::Completed) => "completed".to_owned(),
                    Told::TurnEnded(TurnEnd::Failed { message, .. }) => format!("failed: {message}"),
                    _ => told.method,
                }
            }
            Happened::Unreadable(text) => text,
            Happened::Woken => "woken".to_owned(),
            Happened::Closed(_) => "closed".to_owned(),
        };
        told.push(line);
        if is_last(told.last().unwrap()) {
            return (told, asked);
        }
    }
}

fn message(id: &str, text: &str) -> Value {
    json!({ "type": "agentMessage", "id": id, "text": text })
}

fn record(status: &str, completed_at: Option<i64>, items: &[Value]) -> Value {
    json!([{ "answer": { "data": [
        { "id": "turn-0", "status": "completed", "completedAt": 1, "items": [] },
        { "id": "$turn", "status": status, "completedAt": completed_at, "items": items,
          "error": (status == "failed").then(|| json!({ "message": "the model is gone" })) },
    ] } }])
}

const ACTIVE: &str = "active";

fn resumed(status: &str) -> Value {
    json!({ "answer": { "thread": { "id": "$thread", "status": { "type": status } } } })
}

#[test]
fn a_turn_that_goes_on_is_told_whole_and_its_question_is_asked_again() {
    let approval = json!(["item/fileChange/requestApproval", { "threadId": "$thread", "itemId": "i" }]);
    let ask = |id: i64| json!({ "ask": [id, approval[0], approval[1]] });
    let started = json!({ "type": "commandExecution", "id": "call_1", "status": "inProgress" });
    let server = server(json!([
        { "turn/start": ["begin", { "message": "heard" }, ask(7), "cut"] },
        { "thread/resume": [resumed(ACTIVE), ask(0), { "message": "on its way" }],
          "thread/turns/list": record("inProgress", None, &[message("msg_1", "heard"), message("msg_9", "missed"),
                                                         message("msg_2", "on its way"), started]),
          "reply": [{ "tell": ["item/completed", { "threadId": "$thread", "turnId": "$turn", "item": message("msg_9", "missed") }] },
                    { "message": "last" }, { "end": "completed" }] },
    ]));
    let mut client = working(&server);
    let (told, _) = until(&mut client, |line| line == "asked 7");
    assert_eq!(told, ["answered true", "turn/started", "heard", "asked 7"]);
    let (told, _) = until(&mut client, |line| line == "closed");
    assert_eq!(told, ["closed"]);
    back(&mut client, &server).unwrap();
    assert_eq!(rejoin(&mut client, Awaited::Turn("turn-1")), Rejoined::Working("turn-1".to_owned()));
    let (told, asked) = until(&mut client, |line| line == "asked 0");
    assert_eq!(told, ["missed", "asked 0"]);
    let (told, _) = until(&mut client, |line| line == "on its way");
    assert_eq!(told, ["on its way"]);
    client.reply(asked.unwrap(), &Reply::Accept, 0).unwrap();
    assert_eq!(until(&mut client, |line| line == "completed").0, ["last", "completed"]);
}

#[test]
fn a_question_of_a_lost_connection_is_not_answered_on_the_next_one() {
    let ask = json!({ "ask": [7, "item/fileChange/requestApproval", { "threadId": "$thread" }] });
    let server = server(json!([{ "turn/start": ["begin", ask, "close"] }, {}]));
    let mut client = working(&server);
    let (_, question) = until(&mut client, |line| line == "asked 7");
    until(&mut client, |line| line == "closed");
    back(&mut client, &server).unwrap();
    let lost = client.reply(question.unwrap(), &Reply::Accept, 0);
    assert!(matches!(lost, Err(ReplyError::Lost)), "{lost:?}");
    client.call(&crate::app_server::call::ListModels {}, soon()).unwrap();
    assert!(server.heard().iter().all(|(_, message)| !message.contains("decision")), "{:?}", server.heard());
}

#[test]
fn a_turn_that_has_ended_meanwhile_is_told_with_what_was_missed_and_once() {
    for (status, completed_at, end) in [
        ("completed", None, "completed"),
        ("failed", Some(1), "failed: the model is gone"),
        ("interrupted", Some(1), "turn/completed"),
    ] {
        let server = server(json!([
            { "turn/start": ["begin", { "message": "one" }, "cut"] },
            // The record of an older Codex, with numbers for ids.
            { "thread/resume": [resumed("idle"), { "end": status }],
              "thread/turns/list": record(status, completed_at, &[message("item-1", "one"), message("item-2", "two")]) },
        ]));
        let mut client = working(&server);
        until(&mut client, |line| line == "closed");
        back(&mut client, &server).unwrap();
        assert_eq!(rejoin(&mut client, Awaited::Turn("turn-1")), Rejoined::Ended("turn-1".to_owned()));
        client.ask(&crate::app_server::call::ListModels {}, None, ()).unwrap();
        let (told, _) = until(&mut client, |line| line == "answered true");
        assert_eq!(told.len(), 3, "{told:?}");
        assert_eq!(told[0], "two");
        assert!(told[1] == end || told[1] == "failed: scripted", "{told:?}");
    }
}

#[test]
fn what_cannot_be_known_is_unknown_and_never_success() {
    let items = [message("msg_1", "half of it")];
    for (state, turns) in [
        // Codex tells a turn that ended with its server so.
        ("idle", record("interrupted", None, &items)),
        ("idle", record("inProgress", None, &items)),
        (ACTIVE, record("thinking about it", None, &items)),
        (ACTIVE, json!([{ "answer": { "data": [] } }])),
    ] {
        let server = server(json!([
            { "turn/start": ["begin", "cut"] },
            { "thread/resume": [resumed(state)], "thread/turns/list": turns },
        ]));
        let mut client = working(&server);
        until(&mut client, |line| line == "closed");
        back(&mut client, &server).unwrap();
        let rejoined = rejoin(&mut client, Awaited::Turn("turn-1"));
        assert!(matches!(rejoined, Rejoined::Unknown(_)), "{rejoined:?}");
    }
}

#[test]
fn a_turn_whose_beginning_was_not_heard_is_found_by_what_was_said() {
    let said = json!({ "type": "userMessage", "id": "x", "clientId": "mine", "content": [] });
    let server = server(json!([
        { "turn/start": ["cut"] },
        { "thread/resume": [resumed(ACTIVE)], "thread/turns/list": record("inProgress", None, &[said]) },
    ]));
    let mut client = working(&server);
    let (told, _) = until(&mut client, |line| line == "closed");
    assert_eq!(told, ["answered false", "closed"]);
    back(&mut client, &server).unwrap();
    assert_eq!(rejoin(&mut client, Awaited::Begin("mine")), Rejoined::Working("turn-1".to_owned()));
    let other = rejoin(&mut client, Awaited::Begin("somebody else's"));
    assert!(matches!(other, Rejoined::Unknown(_)), "{other:?}");
    assert_eq!(rejoin(&mut client, Awaited::Nothing), Rejoined::Idle);
}

#[test]
fn a_turn_that_was_asked_for_without_a_name_is_no_other_one() {
    let unnamed = json!({ "type": "userMessage", "id": "x", "content": [] });
    let server = server(json!([
        { "turn/start": ["cut"] },
        { "thread/resume": [resumed("idle")], "thread/turns/list": record("completed", Some(1), &[unnamed]) },
    ]));
    let mut client = working(&server);
    until(&mut client, |line| line == "closed");
    back(&mut client, &server).unwrap();
    for awaited in [Awaited::BeginUnnamed, Awaited::Begin("")] {
        let found = rejoin(&mut client, awaited);
        assert!(matches!(found, Rejoined::Unknown(_)), "{awaited:?}: {found:?}");
    }
}

#[test]
fn it_is_tried_again_with_pauses_and_no_longer_than_it_may() {
    let server = server(json!([{ "turn/start": ["begin", "cut"] }, { "initialize": ["cut"] }, {}]));
    let mut client = working(&server);
    until(&mut client, |line| line == "closed");
    let nobody: Address = "unix:///nobody/is/there".parse().unwrap();
    let mut tries = 0;
    let mut pauses = Vec::new();
    let mut way = WayBack {
        dial: &mut |_| {
            tries += 1;
            // Twice nobody is there, then somebody who hangs up.
            if tries < 3 { web_socket(&nobody, &Greeting::default(), Some(soon())) } else { dial(&server) }
        },
        wait: &mut |pause| {
            pauses.push(pause);
            ControlFlow::Continue(())
        },
        client: ME,
        until: soon(),
    };
    client.reconnect(&mut way).unwrap();
    assert_eq!((tries, pauses.len()), (4, 3));
    assert!(
        pauses.is_sorted_by(|one, next| *one <= *next * 2) && pauses[0] >= Duration::from_millis(50),
        "{pauses:?}"
    );
    assert_eq!(rejoin(&mut client, Awaited::Nothing), Rejoined::Idle);
}

#[test]
fn who_wants_nothing_to_do_with_us_is_not_asked_again() {
    let server = server(json!([{ "turn/start": ["cut"] }]));
    let mut client = working(&server);
    until(&mut client, |line| line == "closed");
    let mut tries = 0;
    let mut refuse = |_| {
        tries += 1;
        Err(ConnectError::Refused { status: 401, said: "missing websocket bearer token".to_owned() })
    };
    let mut give_up = |_| ControlFlow::Break(());
    let mut way = WayBack { dial: &mut refuse, wait: &mut give_up, client: ME, until: soon() };
    let refused = client.reconnect(&mut way).unwrap_err();
    assert_eq!(refused.to_string(), "the server refused with HTTP 401: missing websocket bearer token");
    let mut gone = |_| Err(ConnectError::Unreachable(std::io::ErrorKind::ConnectionRefused.into()));
    let mut way = WayBack { dial: &mut gone, wait: &mut give_up, client: ME, until: soon() };
    assert!(matches!(client.reconnect(&mut way), Err(NotBack::GivenUp)));
    let mut way = WayBack { dial: &mut gone, wait: &mut WayBack::sleep, client: ME, until: Instant::now() };
    assert!(matches!(client.reconnect(&mut way), Err(NotBack::Unreachable(_, 1))));
    assert_eq!(tries, 1);
}

#[test]
fn who_is_woken_and_wants_to_leave_does_not_wait_for_a_server_that_says_nothing() {
    let server = server(json!([{ "turn/start": ["cut"] }, { "initialize": ["silence"] }]));
    let mut client = working(&server);
    until(&mut client, |line| line == "closed");
    let mut way = WayBack {
        dial: &mut |_| dial(&server).inspect(|connection| connection.waker().wake()),
        wait: &mut |_| ControlFlow::Break(()),
        client: ME,
        until: soon(),
    };
    assert!(matches!(client.reconnect(&mut way), Err(NotBack::GivenUp)));
}
