//! A flow whose process is killed goes on where it was: what is through is not done again, what is not is not left out.

use std::fs;
use std::process::Command;

use clodex_tests::{LIMIT, Running, Sandbox, eventually, run_with_timeout};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{beside, flow, ids, in_repo, leave, only, stage, status, steps};

const CHAIN: &str = "\
name: chain
steps:
  - {id: one, scope: src/, prompt: x, gate: clean}
  - {id: not, needs: one, when: steps.one.exit-code != 0, prompt: x}
  - {id: two, needs: not, scope: src/, prompt: x, gate: clean}
";

fn command(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = sandbox.command("clodex-flow");
    command.args(args);
    command
}

/// The chain on a stage where each run leaves a line in the tree and one beside it.
fn chain() -> (Sandbox, Command) {
    let sandbox = stage(&[]);
    let done = beside(&sandbox, "done");
    sandbox.codex_is(clodex_tests::Codex::StandIn(
        json!({ "exec": clodex_tests::clean_turn(&[leave("src/a.txt"), leave(done.to_str().unwrap())]) }),
    ));
    let file = sandbox.file("flow.yaml", CHAIN);
    let command = command(&sandbox, &["run", file.to_str().unwrap()]);
    (sandbox, command)
}

/// What must be the same however often it was killed.
fn picture(sandbox: &Sandbox) -> (String, String, Vec<(String, String)>, Value) {
    let report = status(sandbox);
    let why: Vec<Value> =
        report["steps"].as_array().unwrap().iter().map(|step| step["why"].clone()).collect();
    let done = fs::read_to_string(beside(sandbox, "done")).unwrap_or_default();
    (in_repo(sandbox, "src/a.txt"), done, steps(&report), json!([report["state"], report["exit_code"], why]))
}

/// The moments around each line of the journal: before it is there, when it is, and when all are on the disk.
#[test]
#[cfg(target_os = "linux")]
fn killed_at_every_boundary_of_its_journal_it_ends_as_if_nothing_had_been() {
    use clodex_tests::{Stop, killed_at};

    let is_boundary = |stop: &Stop| {
        let journal = "journal.jsonl";
        stop.enters && stop.writes(journal) || stop.syncs(journal)
    };
    let (sandbox, command) = chain();
    let mut boundaries = 0;
    assert!(!killed_at(&command, |stop| {
        boundaries += usize::from(is_boundary(stop));
        false
    }));
    let wanted = picture(&sandbox);
    assert_eq!((wanted.0.as_str(), wanted.1.as_str()), ("a\nx\nx\n", "x\nx\n"));
    // Begun, two runs and their ends, one step that is not wanted, the end. The disk is waited for before anything
    // comes of it: at the beginning, before each run is let go, and at the end.
    assert_eq!(boundaries, 7 + 4 * 2);
    for nth in 1..=boundaries {
        let (sandbox, command) = chain();
        let mut seen = 0;
        let killed = killed_at(&command, |stop| {
            seen += usize::from(is_boundary(stop));
            seen == nth
        });
        assert!(killed, "boundary {nth}");
        if nth == 1 {
            let id = only(&sandbox);
            flow(&sandbox, &["continue", &id]).exits(2).complains(&["never began"]);
            assert_eq!(sandbox.recorded().len(), 0);
            continue;
        }
        flow(&sandbox, &["continue", &only(&sandbox)]).exits(0);
        assert_eq!(picture(&sandbox), wanted, "killed at boundary {nth} of {boundaries}");
    }
}

/// With the real Codex, at the worst of these moments: something has happened, and is not written down yet.
#[test]
#[cfg(target_os = "linux")]
fn a_split_of_the_real_codex_that_is_killed_before_any_line_asks_nothing_twice() {
    use clodex_tests::{Stop, killed_at};

    use super::built_in::{packet, role};
    use crate::stage::{Stage, clean, sh, step};

    let is_boundary = |stop: &Stop| stop.enters && stop.writes("journal.jsonl");
    for nth in 1.. {
        let Some(stage) = Stage::real() else { return };
        let stage = stage.answering(|request| match role(request) {
            "implement" => json!([step(&[sh("echo OK >> src/new.txt")]), step(&[clean()])]),
            _ => json!([step(&[clean()])]),
        });
        let sandbox = &stage.sandbox;
        let split = command(sandbox, &["run", "split", "--task", &packet(sandbox)]);
        let mut seen = 0;
        let was_killed = killed_at(&split, |stop| {
            seen += usize::from(is_boundary(stop));
            seen == nth
        });
        let goes_on = flow(sandbox, &["continue", &only(sandbox)]);
        if nth == 1 {
            goes_on.exits(2).complains(&["never began"]);
            continue;
        }
        goes_on.exits(0);
        assert_eq!(in_repo(sandbox, "src/new.txt"), "OK\n", "killed at line {nth}");
        let states: Vec<String> = steps(&status(sandbox)).into_iter().map(|(_, state)| state).collect();
        assert_eq!(states, ["passed", "passed", "passed", "skipped", "skipped"], "killed at line {nth}");
        assert_eq!(stage.asked().len(), 4, "killed at line {nth}");
        if !was_killed {
            // Begun, three runs and their ends, two steps that are not wanted, the end.
            assert_eq!(nth, 10 + 1);
            return;
        }
    }
}

/// The same for the process that brings an answer.
#[test]
#[cfg(target_os = "linux")]
fn killed_at_every_boundary_while_it_takes_an_answer_it_takes_it_once() {
    use clodex_tests::{Stop, killed_at};

    let is_boundary =
        |stop: &Stop| stop.enters && stop.writes("journal.jsonl") || stop.syncs("journal.jsonl");
    let asks =
        "name: asks\nsteps:\n  - {id: which, ask: x}\n  - {id: one, needs: which, scope: src/, prompt: x}\n";
    for nth in 1.. {
        let sandbox = stage(&[leave("src/a.txt")]);
        super::run(&sandbox, asks, &[]).exits(8);
        let (id, answer) = (only(&sandbox), sandbox.file("answer.md", "yes\n"));
        let bring = ["continue", &id, "--input", answer.to_str().unwrap()];
        let mut seen = 0;
        let was_killed = killed_at(&command(&sandbox, &bring), |stop| {
            seen += usize::from(is_boundary(stop));
            seen == nth
        });
        let waits = status(&sandbox)["waits_for"].as_array().unwrap().len();
        // Whoever brought the answer knows only that it was killed; the status tells whether it arrived.
        let again = if waits == 1 { flow(&sandbox, &bring) } else { flow(&sandbox, &bring[..2]) };
        again.exits(0);
        assert_eq!(in_repo(&sandbox, "src/a.txt"), "a\nx\n", "killed at boundary {nth}");
        if !was_killed {
            // The answer, who goes on, the run and its end, the end; waited for before the run, and around it.
            assert_eq!(nth, 5 + 3 * 2 + 1);
            return;
        }
    }
}

#[test]
fn a_run_that_lives_on_without_its_flow_is_waited_for_and_not_begun_again() {
    let sandbox = stage(&[]);
    let go_on = beside(&sandbox, "go-on");
    let done = beside(&sandbox, "done");
    let acts = [leave(done.to_str().unwrap()), json!({ "until": go_on })];
    sandbox.codex_is(clodex_tests::Codex::StandIn(json!({ "exec": clodex_tests::clean_turn(&acts) })));
    let file = sandbox.file("flow.yaml", "name: x\nsteps: [{id: a, prompt: x}]\n");
    let running = Running::start(command(&sandbox, &["run", file.to_str().unwrap()]), b"");
    eventually(LIMIT, || done.exists().then_some(()));
    running.signal(Signal::SIGKILL);
    drop(running.finish(LIMIT));
    let id = only(&sandbox);
    assert_eq!(status(&sandbox)["state"], "interrupted");
    let again = Running::start(command(&sandbox, &["continue", &id]), b"");
    eventually(LIMIT, || (status(&sandbox)["state"] == "running").then_some(()));
    let held = run_with_timeout(command(&sandbox, &["continue", &id]), LIMIT);
    assert_eq!(held.status.code(), Some(7), "one process carries a flow out");
    fs::write(&go_on, "").unwrap();
    let ended = again.finish(LIMIT);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(fs::read_to_string(&done).unwrap(), "x\n", "it ran once");
}

#[test]
fn a_flow_is_cancelled_with_its_runs_whether_its_process_lives_or_not() {
    for lives in [true, false] {
        let sandbox = stage(&[]);
        let done = beside(&sandbox, "done");
        let acts = [leave(done.to_str().unwrap()), json!("hang")];
        sandbox.codex_is(clodex_tests::Codex::StandIn(json!({ "exec": clodex_tests::clean_turn(&acts) })));
        let file = sandbox.file("flow.yaml", "name: x\nsteps: [{id: a, prompt: x}, {id: b, prompt: x}]\n");
        let running = Running::start(command(&sandbox, &["run", file.to_str().unwrap()]), b"");
        eventually(LIMIT, || (fs::read_to_string(&done).unwrap_or_default() == "x\nx\n").then_some(()));
        if !lives {
            running.signal(Signal::SIGKILL);
        }
        let id = only(&sandbox);
        flow(&sandbox, &["cancel", &id]).exits(0).says(&["cancelled"]);
        let live = fs::read_dir(sandbox.state().join("live")).unwrap().flatten();
        let records = live.filter(|entry| entry.path().extension().is_some_and(|end| end == "json")).count();
        assert_eq!(records, 0, "nothing of it lives");
        drop(running.finish(LIMIT));
        assert_eq!(status(&sandbox)["state"], "cancelled");
        assert_eq!(ids(&sandbox).len(), 1);
    }
}
