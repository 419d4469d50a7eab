//! Two workers in one work tree: who may begin, who is refused, and that nobody slips through in between.

use std::fs;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use clodex_tests::{Dispatched, LIMIT, Running, Sandbox, Underway, clean_turn, dispatched, eventually, sh};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const STARTERS: usize = 8;

/// A worker on `scope` in `workdir` that waits for the file of [`Sandbox::codex_waits`].
fn worker(sandbox: &Sandbox, workdir: &str, scope: &str) -> Command {
    sandbox.dispatcher(&["-C", workdir, "--scope", scope, "--name", "work", "do it"])
}

/// A worker on `src/` of the repository that has begun its turn.
#[track_caller]
fn at_work(sandbox: &Sandbox) -> Underway {
    let run = Underway::start(worker(sandbox, ".", "src/"));
    sandbox.until_status(&run.id, |status| status["thread_id"].is_string());
    run
}

#[track_caller]
fn assert_refused(run: &Dispatched, by: &str) {
    assert_eq!((run.code, run.stdout.as_str()), (7, ""), "{run:?}");
    run.complains(&[
        &format!("clodex-dispatch: run {by} (`work`) works in this work tree: "),
        &format!("\nhint: wait for it with `clodex-wait {by}`, end it with `clodex-cancel {by}`, or"),
    ]);
}

#[test]
fn of_eight_that_start_at_once_in_one_scope_one_runs_and_seven_are_refused() {
    let sandbox = Sandbox::new();
    let go_on = sandbox.codex_waits();
    let (tell, told) = mpsc::channel();
    for number in 0..STARTERS {
        let mut dispatch = worker(&sandbox, ".", "src/");
        if number % 2 == 0 {
            dispatch.arg("--detach");
        }
        let tell = tell.clone();
        let running = Running::start(dispatch, b"");
        thread::spawn(move || tell.send(Dispatched::of(running.finish(LIMIT))));
    }
    drop(tell);
    let mut refused = 0;
    while refused < STARTERS - 1 {
        let run = told.recv_timeout(LIMIT).unwrap();
        assert!(matches!(run.code, 0 | 7), "{run:?}");
        refused += usize::from(run.code == 7);
    }
    let live = fs::read_dir(sandbox.state().join("live")).unwrap().flatten();
    let ids: Vec<_> = live
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".json")?.to_owned()))
        .filter(|id| !id.starts_with('.'))
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    fs::write(go_on, "").unwrap();
    let ended = sandbox.until_status(&ids[0], |status| status["state"] == "ended");
    assert_eq!((&ended["outcome"], &ended["verdict"]), (&json!("done"), &json!("clean")));
    assert!(told.iter().all(|run| run.code == 0), "the one that ran ends well");
    assert_eq!(
        sandbox.recorded().iter().filter(|start| start.argv.iter().any(|arg| arg == "exec")).count(),
        1
    );
    let runs = fs::read_dir(sandbox.repo().join(".codex-dispatch/runs")).unwrap();
    assert_eq!(runs.count(), 1, "nobody else made a place");
}

#[test]
fn a_second_worker_is_told_whom_to_wait_for_and_readers_and_other_work_trees_are_free() {
    let sandbox = Sandbox::new();
    let side = sandbox.root().join("side").display().to_string();
    sandbox.git(&["worktree", "add", "--quiet", &side]);
    let go_on = sandbox.codex_waits();
    let first = at_work(&sandbox);
    // Without a sandbox that is narrowed to the scope, other scopes are no excuse.
    for scope in ["src/", "src/a.txt", "lib/"] {
        assert_refused(&dispatched(worker(&sandbox, ".", scope)), &first.id);
    }
    let mut json_wanted = worker(&sandbox, "src", "a.txt");
    json_wanted.arg("--json");
    let run = dispatched(json_wanted);
    let object: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (run.code, &object["outcome"], &object["verdict"], &object["exit_code"]),
        (7, &json!("refused"), &json!("refused"), &json!(7))
    );
    let mut detached = worker(&sandbox, ".", "src/");
    detached.arg("--detach");
    assert_refused(&dispatched(detached), &first.id);

    let reader = Underway::start(sandbox.dispatcher(&["just look"]));
    let elsewhere = Underway::start(worker(&sandbox, &side, "src/"));
    fs::write(go_on, "").unwrap();
    for run in [first, reader, elsewhere] {
        let run = run.finish();
        assert_eq!(run.code, 0, "{run:?}");
    }
    assert_eq!(dispatched(worker(&sandbox, ".", "src/")).code, 0, "free again");
}

#[test]
fn a_repository_and_one_that_lies_in_it_are_one_place() {
    for (first, second, place) in [(".", "src/inner", "which holds"), ("src/inner", ".", "which lies in")] {
        let sandbox = Sandbox::new();
        sandbox.git(&["init", "--quiet", "src/inner"]);
        let go_on = sandbox.codex_waits();
        let first = Underway::start(worker(&sandbox, first, "a.txt"));
        sandbox.until_status(&first.id, |status| status["thread_id"].is_string());
        let refused = dispatched(worker(&sandbox, second, "b.txt")).exits(7);
        refused.complains(&[&format!("run {} (`work`) works in ", first.id), place]);
        fs::write(go_on, "").unwrap();
        first.finish().exits(0);
    }
}

#[test]
fn who_is_forced_works_beside_the_other_and_the_report_says_so() {
    let sandbox = Sandbox::new();
    let go_on = sandbox.codex_waits();
    let first = at_work(&sandbox);
    let mut forced = worker(&sandbox, ".", "src/");
    forced.arg("--force");
    let forced = Underway::start(forced);
    sandbox.until_status(&forced.id, |status| status["thread_id"].is_string());
    fs::write(go_on, "").unwrap();
    let told = forced.finish();
    assert_eq!(told.told(), (0, "done".into(), "clean".into()), "{told:?}");
    let remark = format!("begun all the same (--force): run {} (`work`) works in this work tree: ", first.id);
    told.says(&[&remark]);
    told.complains(&[&format!("clodex-dispatch: {remark}")]);
    assert!(told.policy()["notes"].to_string().contains(&remark), "{told:?}");
    first.finish().exits(0);
}

#[test]
fn what_a_worker_does_in_its_scope_is_no_fault_of_a_reader_beside_it() {
    let sandbox = Sandbox::new();
    let (gate, read) = (sandbox.root().join("gate"), sandbox.root().join("read"));
    let touch = "echo more >> src/a.txt; mkdir -p .agents; echo > ../done";
    let acts = [json!({ "until": gate }), sh(touch), json!({ "until": read })];
    let worker = Underway::start(sandbox.dispatching(&clean_turn(&acts)));
    sandbox.until_status(&worker.id, |status| status["thread_id"].is_string());

    let go_on = sandbox.codex_waits();
    let reader = Underway::start(sandbox.dispatcher(&["just look"]));
    sandbox.until_status(&reader.id, |status| status["thread_id"].is_string());
    fs::write(gate, "").unwrap();
    eventually(LIMIT, || sandbox.root().join("done").exists().then_some(()));
    fs::write(go_on, "").unwrap();
    let reader = reader.finish();
    assert_eq!(reader.told(), (0, "done".into(), "clean".into()), "{reader:?}");
    assert_eq!(reader.policy()["foreign"], json!(["src/a.txt"]));
    reader.says(&["changed by others (1)\n  src/a.txt\n"]);
    fs::write(read, "").unwrap();
    let worker = worker.finish();
    assert_eq!((worker.code, &worker.policy()["in_scope"]), (0, &json!(["src/a.txt"])), "{worker:?}");
}

#[test]
fn a_worker_whose_dispatcher_was_killed_is_in_nobodys_way() {
    let sandbox = Sandbox::new();
    let go_on = sandbox.codex_waits();
    let first = at_work(&sandbox);
    first.signal(Signal::SIGKILL);
    first.finish();
    fs::write(go_on, "").unwrap();
    assert_eq!(dispatched(worker(&sandbox, ".", "src/")).code, 0);
}
