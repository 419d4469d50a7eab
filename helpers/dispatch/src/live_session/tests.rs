//! What the session decides, fact by fact.

use clodex_codex::app_server::AskedOfUs;
use clodex_os::clock::Timestamp;

use super::*;

fn session() -> LiveSession {
    LiveSession::new(Patience { idle: Some(Duration::from_mins(1)) }, 1000)
}

fn working() -> LiveSession {
    let mut session = session();
    session.turn_began();
    session
}

fn said(session: &mut LiveSession, name: &str, wish: LiveWish) -> Vec<LiveAction> {
    session.message(name.to_owned(), Ok(LiveMessage::new(wish)))
}

fn steered(session: &mut LiveSession, name: &str) -> Vec<LiveAction> {
    said(session, name, LiveWish::Steer(format!("say {name}")))
}

fn steer(number: u64, name: &str) -> LiveAction {
    LiveAction::Steer { number, name: name.to_owned(), text: format!("say {name}") }
}

fn saying(names: &[&str]) -> Vec<Said> {
    let said = |name: &&str| Said { name: (*name).to_owned(), text: format!("say {name}") };
    names.iter().map(said).collect()
}

fn go_on(name: &str) -> LiveAction {
    LiveAction::GoOn { again: vec![], said: saying(&[name]) }
}

fn yes(name: &str, how: Option<&str>) -> LiveAction {
    delivered(name.to_owned(), how)
}

fn no(name: &str, why: &str) -> LiveAction {
    refused(name.to_owned(), why.to_owned())
}

#[test]
fn what_is_said_before_the_turn_is_said_in_it_in_order() {
    let mut session = session();
    assert_eq!(steered(&mut session, "a"), [queued("a", "until its turn begins")]);
    steered(&mut session, "b");
    assert_eq!(session.turn_due(), LiveAction::Begin { again: vec![], said: saying(&["a", "b"]) });
    assert_eq!(steered(&mut session, "c"), [queued("c", "until its turn begins")]);
    let how = Some("its turn began with it");
    assert_eq!(session.turn_began(), [yes("a", how), yes("b", how), steer(1, "c")]);
    assert_eq!(session.steered(1), [yes("c", None)]);
    assert_eq!(session.steered(1), []);
}

fn half_of_all(name: &str) -> Said {
    Said { name: name.to_owned(), text: name.repeat(INPUT_MAX_CHARS / 2 - 100) }
}

fn steered_half(session: &mut LiveSession, name: &str) -> Vec<LiveAction> {
    said(session, name, LiveWish::Steer(half_of_all(name).text))
}

#[test]
fn a_turn_begins_with_no_more_than_codex_takes_and_the_rest_is_said_when_it_runs() {
    let mut session = session();
    for name in ["a", "b"] {
        steered_half(&mut session, name);
    }
    steered(&mut session, "c");
    // Beside the task there is room for one of the two, and what comes after the other does not pass it.
    assert_eq!(session.turn_due(), LiveAction::Begin { again: vec![], said: vec![half_of_all("a")] });
    let Said { name, text } = half_of_all("b");
    let began = yes("a", Some("its turn began with it"));
    assert_eq!(session.turn_began(), [began, LiveAction::Steer { number: 1, name, text }, steer(2, "c")]);
}

#[test]
fn a_turn_that_goes_on_begins_with_no_more_than_codex_takes() {
    let mut session = working();
    said(&mut session, "stop", LiveWish::Interrupt);
    for name in ["a", "b", "c"] {
        steered_half(&mut session, name);
    }
    let begun = LiveAction::GoOn { again: vec![], said: vec![half_of_all("a"), half_of_all("b")] };
    assert_eq!(session.interrupted(Instant::now()).last(), Some(&begun));
    let Said { name, text } = half_of_all("c");
    assert_eq!(session.turn_began().last(), Some(&LiveAction::Steer { number: 1, name, text }));
}

#[test]
fn another_model_and_another_way_are_told_no_more_than_fits_beside_the_task() {
    let mut session = working();
    for (name, number) in [("a", 1), ("b", 2)] {
        steered_half(&mut session, name);
        session.steered(number);
    }
    session.turn_failed();
    session.begin_again();
    assert_eq!(session.turn_due(), LiveAction::Begin { again: vec![half_of_all("b").text], said: vec![] });
    assert_eq!(session.unsaid(), [half_of_all("a").text]);
    let mut session = self::session();
    for name in ["a", "b"] {
        steered_half(&mut session, name);
    }
    assert_eq!(session.hand_over(), [half_of_all("a")]);
    assert_eq!(session.end("over", LiveFate::Refused), [no("b", "over")]);
}

#[test]
fn what_codex_had_taken_and_not_given_to_the_model_begins_the_next_turn() {
    let interrupted = || {
        let mut session = working();
        for (name, number) in [("a", 1), ("b", 2)] {
            steered(&mut session, name);
            session.steered(number);
        }
        session.not_read(2);
        // Who stopped it does not want it to go on by itself.
        assert_eq!(session.interrupted(Instant::now()), []);
        session
    };
    let mut session = interrupted();
    let again = vec!["say b".to_owned()];
    assert_eq!(steered(&mut session, "c"), [LiveAction::GoOn { again: again.clone(), said: saying(&["c"]) }]);
    session.none_left(again.clone(), Instant::now());
    assert_eq!(steered(&mut session, "d"), [LiveAction::GoOn { again: again.clone(), said: saying(&["d"]) }]);
    session.turn_began();
    assert_eq!((session.turn_ended(), session.unsaid()), (vec![LiveAction::Close], vec![]));

    let mut session = interrupted();
    session.end("nobody went on in time", LiveFate::Refused);
    assert_eq!(session.unsaid(), again);

    let mut session = working();
    steered(&mut session, "b");
    session.steered(1);
    session.not_read(1);
    assert_eq!(session.turn_ended(), [LiveAction::GoOn { again, said: vec![] }]);
}

#[test]
fn a_message_that_is_longer_than_messages_are_is_refused() {
    let long = LiveWish::Steer("x".repeat(LIVE_TEXT_MAX_BYTES + 1));
    assert_eq!(said(&mut working(), "a", long), [no("a", "more than 1048576 bytes")]);
}

#[test]
fn another_model_is_told_what_the_first_was_told() {
    let mut session = session();
    steered(&mut session, "a");
    session.turn_due();
    session.turn_began();
    steered(&mut session, "b");
    session.steered(1);
    steered(&mut session, "c");
    session.turn_failed();
    assert_eq!(session.unsaid(), Vec::<String>::new());
    session.begin_again();
    steered(&mut session, "d");
    let again = ["say a", "say b"].map(str::to_owned).to_vec();
    assert_eq!(session.turn_due(), LiveAction::Begin { again, said: saying(&["d"]) });
}

#[test]
fn what_waits_is_given_away_when_another_way_is_taken() {
    let mut session = session();
    steered(&mut session, "a");
    assert_eq!(session.hand_over(), saying(&["a"]));
    assert_eq!(steered(&mut session, "b"), [no("b", "its turn is over")]);
    assert_eq!(session.end("over", LiveFate::Refused), []);
}

#[test]
fn what_is_taken_back_is_not_waited_for() {
    let (mut session, now) = (working(), Instant::now());
    assert_eq!(steered(&mut session, "a"), [steer(1, "a")]);
    session.withdrawn(1);
    assert_eq!(session.turn_ended(), [LiveAction::Close]);
    let mut session = working();
    session.interrupted(now);
    assert_eq!(steered(&mut session, "a"), [go_on("a")]);
    session.none_left(vec![], now);
    assert_eq!(session.deadline(), Some(now + Duration::from_mins(1)));
    assert_eq!(steered(&mut session, "b"), [go_on("b")]);
    assert_eq!(session.turn_began(), [yes("b", Some("it began a new turn"))]);
}

#[test]
fn a_turn_that_ends_waits_for_what_was_said_and_goes_on_with_what_it_did_not_take() {
    let mut session = working();
    steered(&mut session, "a");
    steered(&mut session, "b");
    assert_eq!(session.turn_ended(), []);
    assert_eq!(session.steered(1), [yes("a", None)]);
    let refused = session.not_steered(2, Unheard::Refused("no active turn".into()));
    assert_eq!(refused, [LiveAction::PutBack("b".into()), queued("b", "until its turn is over"), go_on("b")]);
    assert_eq!(session.turn_began(), [yes("b", Some("it began a new turn"))]);
    assert_eq!(session.turn_ended(), [LiveAction::Close]);
    assert_eq!(steered(&mut session, "c"), [no("c", "its turn is over")]);
}

#[test]
fn what_codex_did_not_answer_is_unknown_and_not_said_again() {
    let mut session = working();
    steered(&mut session, "a");
    let unknown = LiveAction::Tell { name: "a".into(), fate: LiveFate::Unknown("late".into()) };
    assert_eq!(session.not_steered(1, Unheard::Unanswered("late".into())), [unknown]);
    assert_eq!(session.turn_ended(), [LiveAction::Close]);
}

#[test]
fn a_failed_turn_ends_everything_that_waits() {
    let mut session = working();
    steered(&mut session, "a");
    said(&mut session, "i", LiveWish::Interrupt);
    steered(&mut session, "b");
    let why = "its turn has failed";
    let unknown = LiveAction::Tell { name: "a".into(), fate: LiveFate::Unknown(why.into()) };
    let ended = |name: &str| LiveAction::Tell { name: name.into(), fate: LiveFate::Ended(why.into()) };
    assert_eq!(session.turn_failed(), [ended("i"), ended("b"), unknown, LiveAction::Close]);
    assert_eq!(session.unsaid(), ["say b"]);
}

#[test]
fn an_interrupted_run_waits_and_goes_on_with_one_turn() {
    let (mut session, now) = (working(), Instant::now());
    assert_eq!(said(&mut session, "i", LiveWish::Interrupt), [LiveAction::Interrupt("i".into())]);
    assert_eq!(said(&mut session, "j", LiveWish::Interrupt), []);
    let waits = Some("nothing of its turn runs; it waits");
    assert_eq!(session.interrupted(now), [yes("i", waits), yes("j", waits)]);
    assert_eq!(session.deadline(), Some(now + Duration::from_mins(1)));
    assert_eq!(steered(&mut session, "a"), [go_on("a")]);
    assert_eq!(steered(&mut session, "b"), [queued("b", "until its new turn begins")]);
    assert_eq!(session.deadline(), None);
    assert_eq!(session.turn_began(), [yes("a", Some("it began a new turn")), steer(1, "b")]);
}

#[test]
fn an_interrupt_beside_a_turn_that_is_about_to_begin_waits_for_it() {
    let (mut session, now) = (working(), Instant::now());
    said(&mut session, "i", LiveWish::Interrupt);
    session.interrupted(now);
    assert_eq!(steered(&mut session, "a"), [go_on("a")]);
    assert_eq!(said(&mut session, "j", LiveWish::Interrupt), []);
    let began = yes("a", Some("it began a new turn"));
    assert_eq!(session.turn_began(), [began, LiveAction::Interrupt("j".into())]);
    assert_eq!(steered(&mut session, "b"), [queued("b", "until its turn is interrupted")]);
    let waits = yes("j", Some("nothing of its turn runs; it waits"));
    assert_eq!(session.interrupted(now), [waits, go_on("b")]);
}

#[test]
fn interrupts_that_wait_for_a_turn_and_are_taken_back_leave_it_running() {
    let (mut session, now) = (working(), Instant::now());
    said(&mut session, "i", LiveWish::Interrupt);
    session.interrupted(now);
    steered(&mut session, "a");
    said(&mut session, "j", LiveWish::Interrupt);
    said(&mut session, "k", LiveWish::Interrupt);
    steered(&mut session, "b");
    let began = session.turn_began();
    let waits = queued("b", "until its turn is interrupted");
    assert_eq!(began[1..], [waits, LiveAction::Interrupt("j".into())]);
    assert_eq!(session.taken_back("j"), [LiveAction::Interrupt("k".into())]);
    assert_eq!(session.taken_back("k"), [steer(1, "b")]);
    assert_eq!(said(&mut session, "l", LiveWish::Interrupt), [LiveAction::Interrupt("l".into())]);
}

#[test]
fn nobody_going_on_in_time_is_given_up() {
    let (mut session, now) = (working(), Instant::now());
    said(&mut session, "i", LiveWish::Interrupt);
    session.interrupted(now);
    assert_eq!(session.tick(now), []);
    assert_eq!(session.tick(now + Duration::from_mins(1)), [LiveAction::GiveUp]);
    assert_eq!(steered(&mut session, "a"), [no("a", "its turn is over")]);
}

#[test]
fn an_interrupt_before_the_turn_or_taken_back_leaves_it_as_it_is() {
    let mut early = session();
    let why = "its turn has not begun; clodex-cancel ends the run";
    assert_eq!(said(&mut early, "i", LiveWish::Interrupt), [no("i", why)]);
    let mut session = working();
    said(&mut session, "i", LiveWish::Interrupt);
    session.taken_back("i");
    assert_eq!(steered(&mut session, "a"), [steer(1, "a")]);
    said(&mut session, "j", LiveWish::Interrupt);
    assert_eq!(session.not_interrupted("no"), [no("j", "no")]);
}

fn command(command: &str, reason: &str) -> AskedOfUs {
    let (workdir, wanted) = ("/p".to_owned(), None);
    AskedOfUs::Command { command: command.to_owned(), workdir, wanted, reason: reason.to_owned() }
}

#[test]
fn a_question_is_there_to_its_end_and_what_nobody_could_read_is_not_asked() {
    let of = |about: &AskedOfUs| Question::of(about, None).map(|question| question.shown(1).whole());
    let long = format!("echo \u{1b}[2J\t{} \u{202e}&& rm x\n  make", "x".repeat(5000));
    let shown = format!("  echo \\u{{1b}}[2J    {} \\u{{202e}}&& rm x", "x".repeat(5000));
    let whole = vec![
        "May it run this outside its sandbox, in /p?".to_owned(),
        shown,
        "    make".to_owned(),
        "It says: so".to_owned(),
    ];
    assert_eq!(of(&command(&long, "so")), Ok(whole));
    assert_eq!(of(&command(&"x".repeat(70_000), "so")), Err(NotAsked::TooLong));
    assert_eq!(of(&AskedOfUs::Nobody("x".to_owned())), Err(NotAsked::NotForPeople));
    let rights = AskedOfUs::Permissions { wanted: r#"{"network":{}}"#.to_owned(), reason: String::new() };
    assert_eq!(
        of(&rights).unwrap(),
        ["May it have these rights until its turn ends?", r#"  {"network":{}}"#]
    );
}

#[test]
fn a_question_waits_for_its_answer_or_its_deadline() {
    let (mut session, now) = (working(), Instant::now());
    let about = command("echo\u{1b}[2J x\nrm y", "two\nlines");
    let question = Question::of(&about, Some((now, Timestamp::now()))).unwrap();
    assert!(question.text.contains("x ⏎ rm y` outside"), "{question:?}");
    assert!(!question.text.contains(['\u{1b}', '\n']), "{question:?}");
    session.asked(7, question.clone());
    let wish = |request: &str, reply| LiveWish::Answer { request: request.into(), reply };
    let gone = said(&mut session, "a", wish("8", LiveReply::Accept));
    assert_eq!(gone, [no("a", "question 8 is no longer open")]);
    let reply =
        |reply, name: Option<&str>| LiveAction::Reply { question: 7, reply, name: name.map(str::to_owned) };
    let text = said(&mut session, "b", wish("7", LiveReply::Text("hm".into())));
    assert_eq!(text, [reply(Reply::Text("hm".into()), Some("b"))]);
    let wrong = session.replied(7, Some("b".into()), &Err(NoAnswer::WantsDecision));
    assert_eq!(wrong, (None, vec![no("b", "this wants accept, decline or cancel, not a text")]));
    assert_eq!(session.tick(now), [reply(Reply::Decline, None)]);
    assert_eq!(session.tick(now), [], "it is answered once");
    assert_eq!(session.replied(7, None, &Ok(())).0.map(|settled| settled.text), Some(question.text));
    assert_eq!(session.questions().count(), 0);
}

#[test]
fn who_has_let_a_question_pass_is_asked_again_only_after_a_word() {
    let (mut session, now) = (working(), Instant::now());
    let question = || Question::of(&command("make", "the net"), Some((now, Timestamp::now()))).unwrap();
    let declined = |question| [LiveAction::Reply { question, reply: Reply::Decline, name: None }];
    assert_eq!(session.asked(1, question()), []);
    assert_eq!(session.tick(now), declined(1));
    assert_eq!(session.asked(2, question()), declined(2));
    steered(&mut session, "a");
    assert_eq!(session.asked(3, question()), []);
}
