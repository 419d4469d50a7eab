//! Progress from hand-made events; the recorded streams are folded where they can be read.

use super::*;
use crate::{ChangeKind, FailureKind, FilesTouched};

fn fold(events: &[Event<'_>]) -> ProgressFold {
    let mut fold = ProgressFold::new("/w", None, ThreadBase::Fresh);
    for (event, at) in events.iter().zip(1..) {
        fold.apply(event, at * 1000);
    }
    fold
}

fn started<'a>(item: &'a str, command: &'a str) -> Event<'a> {
    Event::CommandStarted { item: item.into(), command: command.into() }
}

fn ended(item: &str, status: CommandStatus) -> Event<'_> {
    Event::CommandEnded { item: item.into(), command: "".into(), exit_code: None, status, output: "".into() }
}

fn patched<'a>(item: &'a str, paths: &[&'a str], status: PatchStatus) -> Event<'a> {
    let changes = paths.iter().map(|&path| FileChange { path: path.into(), kind: ChangeKind::Add }).collect();
    Event::FilesChanged { item: item.into(), changes, status }
}

fn shows(fold: &ProgressFold) -> (Phase, &str) {
    (fold.progress().phase, &fold.progress().activity)
}

#[test]
fn of_parallel_commands_the_latest_unfinished_is_shown() {
    let both = [Event::TurnStarted, started("a", "cargo test"), started("b", "cat   x")];
    let mut fold = fold(&both);
    assert_eq!(shows(&fold), (Phase::Reading, "cat x"));
    fold.apply(&ended("b", CommandStatus::Completed), 9);
    assert_eq!(shows(&fold), (Phase::Testing, "cargo test"));
    fold.apply(&ended("a", CommandStatus::Failed), 9);
    assert_eq!(shows(&fold), (Phase::Thinking, ""));
    assert_eq!((fold.progress().commands_run, fold.progress().commands_failed), (2, 1));
}

#[test]
fn files_are_counted_once_and_only_when_changed() {
    let fold = fold(&[
        patched("a", &["/w/x", "/w/y"], PatchStatus::Completed),
        patched("b", &["/w/x"], PatchStatus::Completed),
        patched("c", &["/w/z"], PatchStatus::Failed),
    ]);
    assert_eq!(fold.progress().files, FilesTouched { touched: 2, of: None });
}

#[test]
fn a_patch_is_shown_by_its_first_file_inside_the_work_directory() {
    let change = |path: &'static str| FileChange { path: path.into(), kind: ChangeKind::Update };
    let changes = vec![change("/w/src/a.rs"), change("/elsewhere")];
    let fold = fold(&[Event::FilesChanging { item: "a".into(), changes }]);
    assert_eq!(shows(&fold), (Phase::Editing, "src/a.rs +1"));
}

#[test]
fn a_reconnect_is_shown_until_work_goes_on_and_is_no_life() {
    let message = "Reconnecting... 1/5 (cut)";
    let mut fold = fold(&[Event::TurnStarted, Event::Reconnecting { message: message.into() }]);
    assert_eq!(shows(&fold), (Phase::Reconnecting, message));
    assert_eq!(fold.progress().last_life_ms, 1000);
    fold.apply(&Event::Message { text: "on".into() }, 5000);
    assert_eq!(shows(&fold), (Phase::Thinking, ""));
    assert_eq!(fold.progress().last_life_ms, 5000);
}

#[test]
fn tokens_are_those_of_the_run_and_unknown_is_not_zero() {
    let usage = Usage { input: 2000, cached_input: 400, output: 100, reasoning: 10 };
    let before = Usage { input: 1000, cached_input: 200, output: 50, reasoning: 5 };
    let total = |base: ThreadBase, usage| {
        base.tokens_of_run(usage).map(|t| (t.input, t.cached_input, t.output, t.reasoning))
    };
    assert_eq!(total(ThreadBase::Fresh, usage), Some((2000, 400, 100, 10)));
    assert_eq!(total(ThreadBase::Used(before), usage), Some((1000, 200, 50, 5)));
    assert_eq!(total(ThreadBase::Unknown, usage), None);
    assert_eq!(total(ThreadBase::Fresh, Usage::default()), None);
    assert_eq!(fold(&[Event::TurnCompleted { usage }]).progress().tokens, Some(2100));
    assert_eq!(fold(&[Event::TurnStarted]).progress().tokens, None);
}

#[test]
fn the_end_of_the_turn_closes_what_never_ended() {
    let usage = Usage::default();
    let fold = fold(&[started("a", "sleep 9"), Event::TurnCompleted { usage }]);
    assert_eq!(shows(&fold), (Phase::Finishing, ""));
}

#[test]
fn items_before_the_turn_do_not_end_the_start() {
    let warning = Event::Warning { message: "metadata".into() };
    assert_eq!(
        shows(&fold(&[Event::ThreadStarted { thread_id: "t".into() }, warning])),
        (Phase::Starting, "")
    );
}

#[test]
fn an_error_stays_and_is_bounded() {
    let message = "x".repeat(5000);
    let fold =
        fold(&[Event::Error { message: message.into(), kind: FailureKind::Other }, Event::TurnStarted]);
    assert_eq!(fold.progress().last_error.as_ref().map(|text| text.chars().count()), Some(401));
}

#[test]
fn memory_is_bounded_when_nothing_ever_ends() {
    let mut fold = ProgressFold::new("/w", Some(3), ThreadBase::Fresh);
    for n in 0..10_000 {
        fold.apply(&started(&n.to_string(), "sleep 1"), n);
    }
    assert_eq!(fold.open.len(), OPEN_LIMIT);
    assert_eq!(fold.progress().files.of, Some(3));
}

#[test]
fn a_phase_that_no_event_tells_lasts_until_the_next_work() {
    let mut fold = fold(&[Event::TurnStarted]);
    fold.set_phase(Phase::Waiting, "may it?");
    fold.apply(&Event::Unknown { kind: "x".into() }, 1);
    assert_eq!(shows(&fold), (Phase::Waiting, "may it?"));
    fold.apply(&started("a", "ls"), 2);
    assert_eq!(shows(&fold), (Phase::Reading, "ls"));
}
