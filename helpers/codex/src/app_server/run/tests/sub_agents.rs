//! What a run's sub-agents do, and what becomes of it when the run is interrupted.

use super::*;

fn turn(method: &str, thread: &str, turn: &str, status: &str) -> String {
    format!(
        r#"{{"method":"turn/{method}","params":{{"threadId":"{thread}","turn":{{"id":"{turn}","status":"{status}"}}}}}}"#
    )
}

fn ends(id: u64, thread: &str, turn: &str) -> String {
    format!(r#"{{"id":{id},"method":"turn/interrupt","params":{{"threadId":"{thread}","turnId":"{turn}"}}}}"#)
}

fn cleans(id: u64, thread: &str) -> String {
    format!(r#"{{"id":{id},"method":"thread/backgroundTerminals/clean","params":{{"threadId":"{thread}"}}}}"#)
}

fn done(id: u64) -> String {
    format!(r#"{{"id":{id},"result":{{}}}}"#)
}

const OTHERS: &str = r#"Unknown { kind: "another thread" }"#;

/// A run whose sub-agent works as well, and which is to be interrupted: what was asked for.
fn interrupted() -> AppServerRun {
    let mut run = working();
    assert_eq!(hear(&mut run, &turn("started", "sub", "s", "inProgress")), [OTHERS]);
    run.interrupt(Instant::now());
    assert_eq!(effects(&mut run), [ends(4, "sub", "s"), ends(5, "t", "u")]);
    run
}

#[test]
fn an_interrupt_ends_sub_agents_too_before_it_is_said_that_nothing_runs() {
    let mut run = interrupted();
    assert_eq!(hear(&mut run, &done(5)), [cleans(6, "t")]);
    assert_eq!(hear(&mut run, &turn("completed", "t", "u", "interrupted")).len(), 1);
    assert_eq!(hear(&mut run, &done(6)), Vec::<String>::new());
    assert_eq!(hear(&mut run, &done(4)), [cleans(7, "sub")]);
    assert_eq!(hear(&mut run, &done(7)), Vec::<String>::new());
    assert_eq!(hear(&mut run, &turn("completed", "sub", "s", "interrupted")), [OTHERS, "Interrupted"]);
}

#[test]
fn what_begins_after_an_interrupt_ends_until_the_run_goes_on() {
    let mut run = interrupted();
    for line in [done(5), done(4), turn("completed", "t", "u", "interrupted"), done(6), done(7)] {
        hear(&mut run, &line);
    }
    // One that was being started meanwhile.
    let late = turn("started", "late", "l", "inProgress");
    assert_eq!(hear(&mut run, &late), [OTHERS.to_owned(), ends(8, "late", "l")]);
    assert_eq!(hear(&mut run, &turn("completed", "sub", "s", "interrupted")), [OTHERS]);
    assert_eq!(hear(&mut run, &done(8)), [cleans(9, "late")]);
    assert_eq!(hear(&mut run, &done(9)), Vec::<String>::new());
    assert_eq!(hear(&mut run, &turn("completed", "late", "l", "interrupted")), [OTHERS, "Interrupted"]);
    // A sub-agent that has ended may wake the run: nobody has wanted that turn.
    let woken = hear(&mut run, &turn("started", "t", "woken", "inProgress"));
    assert_eq!(woken, [ends(10, "t", "woken"), "TurnStarted".to_owned()]);
    for line in [done(10), turn("completed", "t", "woken", "interrupted")] {
        hear(&mut run, &line);
    }
    assert_eq!(hear(&mut run, &done(11)), ["Interrupted"]);

    run.go_on(&["and now?".to_owned()], Instant::now());
    effects(&mut run);
    assert_eq!(hear(&mut run, &turn("started", "t", "v", "inProgress"))[0], "Began");
    assert_eq!(hear(&mut run, &turn("started", "sub", "s2", "inProgress")), [OTHERS]);
    run.interrupt(Instant::now());
    let clean_late = cleans(13, "late");
    assert_eq!(effects(&mut run), [clean_late, ends(14, "sub", "s2"), ends(15, "t", "v")]);
}

#[test]
fn a_sub_agent_that_has_ended_by_itself_leaves_nothing_running_and_one_that_is_gone_is_no_trouble() {
    let mut run = interrupted();
    let gone = |id: u64| format!(r#"{{"id":{id},"error":{{"code":-32600,"message":"thread not found"}}}}"#);
    for line in [done(5), done(6), turn("completed", "t", "u", "interrupted")] {
        hear(&mut run, &line);
    }
    assert_eq!(hear(&mut run, &gone(4)), [cleans(7, "sub")]);
    assert_eq!(hear(&mut run, &gone(7)), ["Interrupted"]);
}

#[test]
fn a_sub_agent_that_cannot_be_ended_ends_with_the_run() {
    let mut run = interrupted();
    run.tick(Instant::now() + 2 * ANSWER);
    let told = effects(&mut run);
    let why = "what the interrupted turn ran could not be ended: codex did not answer `turn/interrupt`";
    assert!(told.iter().any(|effect| effect.contains(why)), "{told:?}");
    assert!(!told.contains(&"Interrupted".to_owned()), "{told:?}");
}

#[test]
fn an_answer_that_ends_the_turn_ends_its_sub_agents_too() {
    let mut run = working();
    hear(&mut run, &turn("started", "sub", "s", "inProgress"));
    let ended = hear(&mut run, &turn("completed", "t", "u", "interrupted"));
    assert_eq!(ended[1..], [cleans(4, "t"), ends(5, "sub", "s")]);
}

#[test]
fn a_turns_end_takes_only_its_own_questions_with_it() {
    let mut run = working();
    let asks = |id: u64, thread: &str, turn: &str| {
        let params = format!(r#"{{"threadId":"{thread}","turnId":"{turn}","itemId":"i","command":"x"}}"#);
        format!(r#"{{"id":{id},"method":"item/commandExecution/requestApproval","params":{params}}}"#)
    };
    let patch = r#"{"method":"item/started","params":{"threadId":"sub","turnId":"s","item":{"type":"fileChange","id":"p","changes":[{"path":"/p/b","kind":{"type":"add"}}]}}}"#;
    for line in [asks(0, "t", "u"), patch.to_owned(), asks(1, "sub", "s")] {
        hear(&mut run, &line);
    }
    let ended = hear(&mut run, &turn("completed", "t", "u", "completed"));
    assert!(ended.contains(&"Resolved(1)".to_owned()) && !ended.contains(&"Resolved(2)".to_owned()));
    // Its files are known as well.
    let asked = hear(
        &mut run,
        r#"{"id":2,"method":"item/fileChange/requestApproval","params":{"threadId":"sub","turnId":"s","itemId":"p"}}"#,
    );
    assert_eq!(asked, [r#"Asked(3, Patch { paths: ["/p/b"], reason: "" })"#]);
    assert_eq!(run.reply(2, &Reply::Accept, 0), Ok(()));
    effects(&mut run);
    let ended = hear(&mut run, &turn("completed", "sub", "s", "completed"));
    assert_eq!(ended, ["Resolved(3)", OTHERS]);
}

#[test]
fn a_sub_agents_patch_is_asked_about_with_its_own_files_and_its_question_can_be_settled() {
    let mut run = working();
    for (thread, path) in [("sub", "/p/b"), ("t", "/p/a")] {
        hear(
            &mut run,
            &format!(
                r#"{{"method":"item/started","params":{{"threadId":"{thread}","turnId":"u","item":{{"type":"fileChange","id":"i","changes":[{{"path":"{path}","kind":{{"type":"add"}}}}]}}}}}}"#
            ),
        );
    }
    let asks = r#"{"id":0,"method":"item/fileChange/requestApproval","params":{"threadId":"sub","turnId":"u","itemId":"i","reason":null}}"#;
    assert_eq!(hear(&mut run, asks), [r#"Asked(1, Patch { paths: ["/p/b"], reason: "" })"#]);
    let settled = r#"{"method":"serverRequest/resolved","params":{"threadId":"sub","requestId":0}}"#;
    assert_eq!(hear(&mut run, settled)[0], "Resolved(1)");
    hear(
        &mut run,
        r#"{"method":"turn/completed","params":{"threadId":"sub","turn":{"id":"u","status":"completed"}}}"#,
    );
    assert_eq!(hear(&mut run, asks), [r#"Asked(2, Patch { paths: [], reason: "" })"#]);
}
