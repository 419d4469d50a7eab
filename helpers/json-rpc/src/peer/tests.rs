//! A peer talks with another one in memory.

use super::*;
use crate::{Id, in_memory};

fn soon() -> Instant {
    Instant::now() + Duration::from_mins(2)
}

/// A peer, and the bare connection of the other side.
fn pair() -> (Peer<&'static str>, Connection) {
    let (ours, theirs) = in_memory();
    (Peer::new(ours), theirs)
}

fn heard(theirs: &Connection) -> String {
    match theirs.receive(Some(soon())) {
        Some(Incoming::Message(message)) => message.text(),
        other => panic!("{other:?}"),
    }
}

fn say(theirs: &Connection, text: &str) {
    theirs.send(Message::read(text.as_bytes()).unwrap(), STUCK).unwrap();
}

/// An event in a line.
fn next(peer: &mut Peer<&'static str>) -> String {
    match peer.next(Some(soon())).expect("something happens soon") {
        Event::Answered(call, Ok(result)) => format!("{call}: {result}"),
        Event::Answered(call, Err(error)) => format!("{call} refused: {error}"),
        Event::Unanswered(call, why) => format!("{call}: {why}"),
        Event::Asked(request) => format!("asked {} {}", request.id, request.method),
        Event::Told(told) => format!("told {}", told.method),
        Event::Stray(response) => format!("stray {}", response.id),
        Event::Unreadable(unreadable) => format!("unreadable {unreadable}"),
        Event::Woken => "woken".to_owned(),
        Event::Closed(closed) => closed.to_string(),
    }
}

#[test]
fn answers_out_of_order_find_their_calls() {
    let (mut peer, theirs) = pair();
    for call in ["first", "second", "third"] {
        peer.ask(call, &(), None, call).unwrap();
    }
    assert_eq!(heard(&theirs), r#"{"id":1,"method":"first"}"#);
    say(&theirs, r#"{"id":3,"result":"c"}"#);
    say(&theirs, r#"{"id":1,"error":{"code":-32001,"message":"busy"}}"#);
    say(&theirs, r#"{"id":2,"result":"b"}"#);
    assert_eq!(
        [next(&mut peer), next(&mut peer), next(&mut peer)],
        ["third: \"c\"", "first refused: busy (-32001)", "second: \"b\""]
    );
}

#[test]
fn a_question_with_the_id_of_a_waiting_call_is_a_question() {
    let (mut peer, theirs) = pair();
    peer.ask("ours", &(), None, "ours").unwrap();
    heard(&theirs);
    say(&theirs, r#"{"id":1,"method":"theirs"}"#);
    assert_eq!(next(&mut peer), "asked 1 theirs");
    peer.answer(Id::Number(1), &"yes").unwrap();
    assert_eq!(heard(&theirs), r#"{"id":1,"result":"yes"}"#);
    peer.refuse(Id::Text("x".to_owned()), RpcError::new(RpcError::METHOD_NOT_FOUND, "never heard of it"))
        .unwrap();
    assert_eq!(heard(&theirs), r#"{"id":"x","error":{"code":-32601,"message":"never heard of it"}}"#);
    say(&theirs, r#"{"id":1,"result":{}}"#);
    assert_eq!(next(&mut peer), "ours: {}");
}

#[test]
fn a_call_is_given_up_at_its_deadline_even_by_a_peer_that_never_falls_silent() {
    let (mut peer, theirs) = pair();
    peer.ask("slow", &(), Some(Instant::now()), "slow").unwrap();
    say(&theirs, r#"{"method":"chatter"}"#);
    assert_eq!(next(&mut peer), "slow: no answer in time");
    assert_eq!(next(&mut peer), "told chatter");
    say(&theirs, r#"{"id":1,"result":"too late"}"#);
    assert_eq!(next(&mut peer), "stray 1");
}

#[test]
fn when_the_other_side_goes_every_call_is_told_and_then_the_end() {
    let (mut peer, theirs) = pair();
    peer.ask("first", &(), None, "first").unwrap();
    peer.ask("second", &(), Some(soon()), "second").unwrap();
    say(&theirs, r#"{"method":"last words"}"#);
    drop(theirs);
    assert_eq!(next(&mut peer), "told last words");
    let closed = "the other side closed the connection";
    assert_eq!([next(&mut peer), next(&mut peer)], [format!("first: {closed}"), format!("second: {closed}")]);
    assert_eq!(next(&mut peer), closed);
}

#[test]
fn nothing_happens_until_then() {
    let (mut peer, _theirs) = pair();
    peer.ask("waits", &(), Some(soon()), "waits").unwrap();
    let until = Instant::now() + Duration::from_millis(5);
    assert!(peer.next(Some(until)).is_none());
    assert!(Instant::now() >= until);
}

#[test]
fn a_waiting_peer_is_woken_once_however_often_it_is_called() {
    let (ours, theirs) = in_memory();
    let waker = ours.waker();
    let mut peer = Peer::new(ours);
    peer.ask("slow", &(), None, "slow").unwrap();
    let caller = std::thread::spawn(move || (0..3).for_each(|_| waker.wake()));
    caller.join().unwrap();
    assert_eq!(next(&mut peer), "woken");
    say(&theirs, r#"{"id":1,"result":2}"#);
    assert_eq!(next(&mut peer), "slow: 2");
}

#[test]
fn every_message_is_heard_on_its_way() {
    let (ours, theirs) = in_memory();
    let (to, heard_so_far) = std::sync::mpsc::channel();
    let ours = ours.heard_by(move |way, text| to.send(format!("{way:?} {text}")).unwrap());
    let mut peer = Peer::new(ours);
    peer.ask("m", &[7], None, "m").unwrap();
    say(&theirs, r#"{"id":1,"result":2}"#);
    assert_eq!(next(&mut peer), "m: 2");
    drop(peer);
    let all: Vec<String> = heard_so_far.iter().collect();
    assert_eq!(all, [r#"Out {"id":1,"method":"m","params":[7]}"#, r#"In {"id":1,"result":2}"#]);
}
