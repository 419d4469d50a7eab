//! What the desk decides, fact by fact.

use clodex_codex::app_server::AskedOfUs;
use clodex_os::clock::Timestamp;

use super::*;

fn desk() -> Desk {
    Desk::new(Patience { idle: Some(Duration::from_mins(1)) })
}

fn working() -> Desk {
    let mut desk = desk();
    desk.turn_began();
    desk
}

fn said(desk: &mut Desk, name: &str, wish: LiveWish) -> Vec<Do> {
    desk.message(name.to_owned(), Ok(LiveMessage::new(wish)))
}

fn steered(desk: &mut Desk, name: &str) -> Vec<Do> {
    said(desk, name, LiveWish::Steer(format!("say {name}")))
}

fn steer(number: u64, name: &str) -> Do {
    Do::Steer { number, name: name.to_owned(), text: format!("say {name}") }
}

fn saying(names: &[&str]) -> Vec<Said> {
    let said = |name: &&str| Said { name: (*name).to_owned(), text: format!("say {name}") };
    names.iter().map(said).collect()
}

fn go_on(name: &str) -> Do {
    Do::GoOn(saying(&[name]))
}

fn yes(name: &str, how: Option<&str>) -> Do {
    delivered(name.to_owned(), how)
}

fn no(name: &str, why: &str) -> Do {
    refused(name.to_owned(), why.to_owned())
}

#[test]
fn what_is_said_before_the_turn_is_said_in_it_in_order() {
    let mut desk = desk();
    assert_eq!(steered(&mut desk, "a"), [queued("a", "until its turn begins")]);
    steered(&mut desk, "b");
    assert_eq!(desk.turn_due(), Do::Begin(saying(&["a", "b"])));
    assert_eq!(steered(&mut desk, "c"), [queued("c", "until its turn begins")]);
    let how = Some("its turn began with it");
    assert_eq!(desk.turn_began(), [yes("a", how), yes("b", how), steer(1, "c")]);
    assert_eq!(desk.steered(1), [yes("c", None)]);
    assert_eq!(desk.steered(1), []);
}

#[test]
fn what_is_taken_back_is_not_waited_for() {
    let (mut desk, now) = (working(), Instant::now());
    assert_eq!(steered(&mut desk, "a"), [steer(1, "a")]);
    desk.withdrawn(1);
    assert_eq!(desk.turn_ended(), [Do::Close]);
    let mut desk = working();
    desk.interrupted(now);
    assert_eq!(steered(&mut desk, "a"), [go_on("a")]);
    desk.none_left(now);
    assert_eq!(desk.deadline(), Some(now + Duration::from_mins(1)));
    assert_eq!(steered(&mut desk, "b"), [go_on("b")]);
    assert_eq!(desk.turn_began(), [yes("b", Some("it began a new turn"))]);
}

#[test]
fn a_turn_that_ends_waits_for_what_was_said_and_goes_on_with_what_it_did_not_take() {
    let mut desk = working();
    steered(&mut desk, "a");
    steered(&mut desk, "b");
    assert_eq!(desk.turn_ended(), []);
    assert_eq!(desk.steered(1), [yes("a", None)]);
    let refused = desk.not_steered(2, Unheard::Refused("no active turn".into()));
    assert_eq!(refused, [Do::PutBack("b".into()), queued("b", "until its turn is over"), go_on("b")]);
    assert_eq!(desk.turn_began(), [yes("b", Some("it began a new turn"))]);
    assert_eq!(desk.turn_ended(), [Do::Close]);
    assert_eq!(steered(&mut desk, "c"), [no("c", "its turn is over")]);
}

#[test]
fn what_codex_did_not_answer_is_unknown_and_not_said_again() {
    let mut desk = working();
    steered(&mut desk, "a");
    let unknown = Do::Tell { name: "a".into(), fate: LiveFate::Unknown("late".into()) };
    assert_eq!(desk.not_steered(1, Unheard::Unanswered("late".into())), [unknown]);
    assert_eq!(desk.turn_ended(), [Do::Close]);
}

#[test]
fn a_failed_turn_ends_everything_that_waits() {
    let mut desk = working();
    steered(&mut desk, "a");
    said(&mut desk, "i", LiveWish::Interrupt);
    steered(&mut desk, "b");
    let why = "its turn has failed";
    let unknown = Do::Tell { name: "a".into(), fate: LiveFate::Unknown(why.into()) };
    assert_eq!(desk.turn_failed(), [no("i", why), no("b", why), unknown, Do::Close]);
    assert_eq!(desk.unsaid(), ["say b"]);
}

#[test]
fn an_interrupted_run_waits_and_goes_on_with_one_turn() {
    let (mut desk, now) = (working(), Instant::now());
    assert_eq!(said(&mut desk, "i", LiveWish::Interrupt), [Do::Interrupt("i".into())]);
    assert_eq!(said(&mut desk, "j", LiveWish::Interrupt), []);
    let waits = Some("nothing of its turn runs; it waits");
    assert_eq!(desk.interrupted(now), [yes("i", waits), yes("j", waits)]);
    assert_eq!(desk.deadline(), Some(now + Duration::from_mins(1)));
    assert_eq!(steered(&mut desk, "a"), [go_on("a")]);
    assert_eq!(steered(&mut desk, "b"), [queued("b", "until its new turn begins")]);
    assert_eq!(desk.deadline(), None);
    assert_eq!(desk.turn_began(), [yes("a", Some("it began a new turn")), steer(1, "b")]);
}

#[test]
fn nobody_going_on_in_time_is_given_up() {
    let (mut desk, now) = (working(), Instant::now());
    said(&mut desk, "i", LiveWish::Interrupt);
    desk.interrupted(now);
    assert_eq!(desk.tick(now), []);
    assert_eq!(desk.tick(now + Duration::from_mins(1)), [Do::GiveUp]);
    assert_eq!(steered(&mut desk, "a"), [no("a", "its turn is over")]);
}

#[test]
fn an_interrupt_before_the_turn_or_taken_back_leaves_it_as_it_is() {
    let mut early = desk();
    let why = "its turn has not begun; clodex-cancel ends the run";
    assert_eq!(said(&mut early, "i", LiveWish::Interrupt), [no("i", why)]);
    let mut desk = working();
    said(&mut desk, "i", LiveWish::Interrupt);
    desk.taken_back("i");
    assert_eq!(steered(&mut desk, "a"), [steer(1, "a")]);
    said(&mut desk, "j", LiveWish::Interrupt);
    assert_eq!(desk.not_interrupted("no"), [no("j", "no")]);
}

#[test]
fn a_question_waits_for_its_answer_or_its_deadline() {
    let (mut desk, now) = (working(), Instant::now());
    let about = AskedOfUs::Command { command: "echo\u{1b}[2J x\nrm y".into(), reason: "two\nlines".into() };
    let question = Question::of(&about, Some((now, Timestamp::now()))).unwrap();
    assert!(question.text.contains("x ⏎ rm y` outside"), "{question:?}");
    assert!(!question.text.contains(['\u{1b}', '\n']), "{question:?}");
    desk.asked(7, question.clone());
    let wish = |request: &str, reply| LiveWish::Answer { request: request.into(), reply };
    let gone = said(&mut desk, "a", wish("8", LiveReply::Accept));
    assert_eq!(gone, [no("a", "question 8 does not wait any more")]);
    let reply = |reply, name: Option<&str>| Do::Reply { question: 7, reply, name: name.map(str::to_owned) };
    let text = said(&mut desk, "b", wish("7", LiveReply::Text("hm".into())));
    assert_eq!(text, [reply(Reply::Text("hm".into()), Some("b"))]);
    let wrong = desk.replied(7, Some("b".into()), &Err(NoAnswer::WantsDecision));
    assert_eq!(wrong, (None, vec![no("b", "this wants accept, decline or cancel, not a text")]));
    assert_eq!(desk.tick(now), [reply(Reply::Decline, None)]);
    assert_eq!(desk.tick(now), [], "it is answered once");
    assert_eq!(desk.replied(7, None, &Ok(())).0.map(|settled| settled.text), Some(question.text));
    assert_eq!(desk.questions().count(), 0);
}

#[test]
fn who_has_let_a_question_pass_is_asked_again_only_after_a_word() {
    let (mut desk, now) = (working(), Instant::now());
    let question = || {
        let about = AskedOfUs::Command { command: "make".into(), reason: "the net".into() };
        Question::of(&about, Some((now, Timestamp::now()))).unwrap()
    };
    let declined = |question| [Do::Reply { question, reply: Reply::Decline, name: None }];
    assert_eq!(desk.asked(1, question()), []);
    assert_eq!(desk.tick(now), declined(1));
    assert_eq!(desk.asked(2, question()), declined(2));
    steered(&mut desk, "a");
    assert_eq!(desk.asked(3, question()), []);
}
