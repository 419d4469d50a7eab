//! Many dispatches at once in one repository, some of them killed: none is lost, and nothing is left.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Instant;

use clodex_tests::{
    Codex, Dispatched, LIMIT, Running, Sandbox, Underway, eventually, leftovers, run_with_timeout,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

const RUNS: usize = 32;
const KILLED: usize = 8;

#[test]
fn many_dispatches_at_once_are_all_there_and_the_killed_ones_are_told() {
    let sandbox = Sandbox::new();
    let go_on = sandbox.codex_waits();
    many_at_once(&sandbox, &go_on, "exec");
}

#[test]
fn so_are_many_over_app_servers_of_their_own() {
    let sandbox = Sandbox::new();
    let go_on = sandbox.root().join("go-on");
    let turn = json!(["begin", { "until": go_on }, { "message": "VERDICT: CLEAN" }, { "end": "completed" }]);
    sandbox.codex_is(Codex::StandIn(json!({
        "app-server": { "connections": [{ "turn/start": turn }] },
        "sandbox": [{ "sh": "exit 1" }],
    })));
    many_at_once(&sandbox, &go_on, "app-server");
}

fn many_at_once(sandbox: &Sandbox, go_on: &Path, backend: &str) {
    let name = |number: usize| format!("many-{number}x");
    let (mut attached, mut callers) = (Vec::new(), Vec::new());
    for number in 0..RUNS {
        let mut dispatch = sandbox.dispatcher(&["x", "--name", &name(number)]);
        if number % 2 == 0 {
            attached.push((number, Running::start(dispatch, b"")));
        } else {
            dispatch.arg("--detach");
            callers.push((number, Running::start(dispatch, b"")));
        }
    }
    let mut ids = vec![String::new(); RUNS];
    let mut runs = Vec::new();
    for (number, running) in attached {
        let run = Underway::of(running);
        ids[number].clone_from(&run.id);
        runs.push((number, run));
    }
    for (number, caller) in callers {
        ids[number] = Dispatched::of(caller.finish(LIMIT)).exits(0).id();
    }
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), RUNS, "{ids:?}");

    let mut dispatchers = Vec::new();
    for (number, id) in ids.iter().enumerate() {
        let status = sandbox.until_status(id, |status| status["thread_id"].is_string());
        assert_eq!(
            (&status["id"], &status["state"], &status["backend"]),
            (&json!(id), &json!("live"), &json!(backend))
        );
        assert_eq!(sandbox.status(&name(number))["id"], json!(id));
        dispatchers.push(i32::try_from(status["dispatcher"]["pid"].as_i64().unwrap()).unwrap());
    }
    for dispatcher in &dispatchers[..KILLED] {
        kill(Pid::from_raw(*dispatcher), Signal::SIGKILL).unwrap();
    }
    let killed = Instant::now();
    for id in &ids[..KILLED] {
        // Every process of a run carries its id.
        eventually(LIMIT, || leftovers(id).is_empty().then_some(()));
    }
    // How long that takes with so many others is the machine's matter.
    println!("{KILLED} of {RUNS} gone in {:?}", killed.elapsed());
    for id in &ids[..KILLED] {
        assert_eq!(sandbox.status(id)["state"], "dead", "{id}");
    }

    fs::write(go_on, "").unwrap();
    for (number, run) in runs {
        let run = run.finish();
        let code = if number < KILLED { -(Signal::SIGKILL as i32) } else { 0 };
        assert_eq!(run.code, code, "{number}: {run:?}");
    }
    for id in &ids[KILLED..] {
        let status = sandbox.until_status(id, |status| status["state"] == "ended");
        assert_eq!((&status["outcome"], &status["verdict"]), (&json!("done"), &json!("clean")), "{status}");
    }
    let closed = run_with_timeout(sandbox.cancel(&["--all"]), LIMIT);
    let told = String::from_utf8_lossy(&closed.stdout).into_owned();
    assert_eq!(told.matches("closed, its dispatcher had died").count(), KILLED, "{told}");
    for id in &ids[..KILLED] {
        let status = sandbox.status(id);
        assert_eq!((&status["state"], &status["outcome"]), (&json!("ended"), &json!("failed")), "{status}");
    }
    assert_eq!(fs::read_dir(sandbox.state().join("ended")).unwrap().count(), RUNS);
    eventually(LIMIT, || leftovers(sandbox.marker()).is_empty().then_some(()));
    sandbox.assert_no_leftovers();
}
