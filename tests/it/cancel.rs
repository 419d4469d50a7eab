//! Cancelled means dead: what clodex-cancel and the stop signals promise, with the real Codex and with a stubborn one.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use clodex_sim::ScriptedModel;
use clodex_tests::{
    Codex, Dispatched, LIMIT, Leftover, Packet, Running, Sandbox, THREAD, Underway, User, begun_turn,
    binaries, dispatched, eventually, leftovers, message, real_codex, run_with_timeout,
};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getpgid};
use serde_json::{Value, json};

/// All that people do to get away, for longer than any test lasts.
fn stubborn(marker: &str) -> String {
    format!(
        "(setsid sh -c 'sleep 1000; : {marker}' &)
         env -i setsid sh -c 'trap \"\" TERM HUP INT; (setsid sh -c \"sleep 1000; : {marker}\" &); sleep 1000; : {marker}' &
         trap '' TERM HUP INT
         echo begun > src/begun
         sleep 1000; : {marker}"
    )
}

/// Everything alive that belongs to the run, but its dispatcher.
fn alive(sandbox: &Sandbox, dispatcher: i32) -> Vec<Leftover> {
    let mut left = leftovers(sandbox.marker());
    left.retain(|leftover| leftover.pid != dispatcher);
    left
}

/// The real Codex runs a command that will not be ended; cancel ends it.
fn cancel_the_real_codex(user: User, sandboxing: &[&str], containment: &str) {
    let Ok(codex) = real_codex() else { return };
    let Ok(sandbox) = user.sandbox() else { return };
    let model = ScriptedModel::start().unwrap();
    sandbox.codex_is(Codex::Real(codex)).model_is(&model);
    let run = json!({ "run": { "cmd": stubborn(sandbox.marker()), "yield_time_ms": 30000 } });
    let packet = Packet::worker(&["src/"]).script(&json!([{ "do": [{ "say": "I begin" }, run] }]));
    let packet = sandbox.packet(&packet.with("NAME: stubborn"));
    user.settle(&sandbox);
    let mut dispatch =
        sandbox.dispatcher(&["--containment", containment, "--task", packet.to_str().unwrap()]);
    dispatch.args(sandboxing);
    let run = Underway::start(user.run(dispatch));
    eventually(LIMIT, || sandbox.repo().join("src/begun").exists().then_some(()));
    eventually(LIMIT, || (alive(&sandbox, run.pid()).len() >= 4).then_some(()));

    let cancelled = run_with_timeout(user.run(sandbox.cancel(&["stubborn"])), LIMIT);
    let left = alive(&sandbox, run.pid());
    assert_eq!(left, [], "alive after cancel");
    assert_eq!(cancelled.status.code(), Some(0), "{cancelled:?}");
    let told = format!("stubborn ({}): cancelled, clean\n", run.id);
    assert_eq!(String::from_utf8_lossy(&cancelled.stdout), told, "{cancelled:?}");

    let id = run.id.clone();
    let run = run.finish().exits(130);
    assert_sealed(&run, &id);
    let (policy, result) = (run.policy(), run.result());
    assert_eq!(
        (&policy["verdict"], &policy["containment"], &policy["watchdog_killed"]),
        (&json!("clean"), &json!(containment), &json!(false)),
        "{policy}"
    );
    let thread = result["thread_id"].as_str().unwrap();
    assert!(result["resume"].as_str().unwrap().contains(thread), "{result}");
    assert!(run.artifact("result.md").starts_with("I begin\n"));
    let status = sandbox.status(&id);
    assert_eq!(
        (&status["state"], &status["outcome"], &status["exit_code"], &status["thread_id"]),
        (&json!("ended"), &json!("cancelled"), &json!(130), &json!(thread))
    );
    sandbox.assert_no_leftovers();
}

#[track_caller]
fn assert_sealed(run: &Dispatched, id: &str) {
    let (artifacts, result, seal) = (run.artifacts(), run.result(), run.json("seal.json"));
    assert_eq!((&result["run_id"], &result["outcome"]), (&json!(id), &json!("cancelled")));
    for name in result["artifacts"].as_array().unwrap() {
        let name = name.as_str().unwrap();
        assert!(artifacts.join(name).is_file(), "{name} is missing");
        assert!(name == "seal.json" || seal["sha256"][name].is_string(), "{name} is not sealed: {seal}");
    }
}

const UNSANDBOXED: [&str; 3] = ["-s", "danger-full-access", "--i-know-this-is-unsandboxed"];

#[test]
fn cancel_ends_a_sandboxed_command() {
    cancel_the_real_codex(User::Caller, &[], "kernel");
}

#[test]
fn cancel_ends_a_sandboxed_command_without_a_namespace() {
    cancel_the_real_codex(User::Caller, &[], "best-effort");
}

#[test]
fn cancel_ends_an_unsandboxed_command() {
    cancel_the_real_codex(User::Caller, &UNSANDBOXED, "kernel");
}

#[test]
fn cancel_ends_an_unsandboxed_command_without_a_namespace() {
    cancel_the_real_codex(User::Caller, &UNSANDBOXED, "best-effort");
}

#[test]
fn cancel_ends_an_ordinary_users_sandboxed_command() {
    cancel_the_real_codex(User::Ordinary, &[], "kernel");
}

#[test]
fn cancel_ends_an_ordinary_users_sandboxed_command_without_a_namespace() {
    cancel_the_real_codex(User::Ordinary, &[], "best-effort");
}

#[test]
fn cancel_ends_an_ordinary_users_unsandboxed_command() {
    cancel_the_real_codex(User::Ordinary, &UNSANDBOXED, "kernel");
}

#[test]
fn cancel_ends_an_ordinary_users_unsandboxed_command_without_a_namespace() {
    cancel_the_real_codex(User::Ordinary, &UNSANDBOXED, "best-effort");
}

/// Acts of a Codex that has begun and will not end by itself; `first` comes before all.
fn silent(first: &[Value]) -> Value {
    let spawn = json!({ "spawn": { "sh": "sleep 1000; true", "how": "orphan", "clear_env": true } });
    let acts = [first, &begun_turn(&[spawn, message("half"), json!("hang")])].concat();
    json!({ "exec": acts })
}

fn stage(script: Value) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.codex_is(Codex::StandIn(script));
    sandbox
}

/// A run whose Codex has said something, and says nothing more.
fn begin(sandbox: &Sandbox, arguments: &[&str]) -> Underway {
    begun(sandbox, sandbox.dispatcher(&[]), arguments)
}

/// The same for a command that ends in a dispatcher.
fn begun(sandbox: &Sandbox, mut command: Command, arguments: &[&str]) -> Underway {
    command.args(arguments);
    let run = Underway::start(command);
    sandbox.until_status(&run.id, |status| status["thread_id"] == THREAD);
    run.until_told("half");
    run
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn each_stop_signal_cancels_an_attached_run() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let sandbox = stage(silent(&[]));
        let run = begin(&sandbox, &["x"]);
        run.signal(signal);
        let id = run.id.clone();
        let run = run.finish();
        assert_eq!(leftovers(sandbox.marker()), [], "{signal}");
        assert_eq!(run.code, 130, "{signal}: {run:?}");
        assert_sealed(&run, &id);
        assert_eq!(sandbox.status(&id)["outcome"], "cancelled");
        assert!(run.artifact("result.md").starts_with("half\n"));
        sandbox.assert_no_leftovers();
    }
}

/// Whoever ends a whole group asks first, and kills what is left of it a moment later.
#[test]
fn a_run_whose_whole_group_is_killed_still_tells_its_end() {
    for containment in ["kernel", "best-effort"] {
        let sandbox = stage(silent(&[json!({ "ignore": ["TERM", "INT", "HUP"] })]));
        let mut shell = sandbox.command("sh");
        shell.args(["-c", "\"$@\"; :", "sh"]).arg(binaries().join("clodex-dispatch"));
        let run = begun(&sandbox, shell, &["x", "--containment", containment]);
        let dispatcher = sandbox.dispatcher_of(&run.id);
        let group = Pid::from_raw(run.pid());
        assert_eq!(getpgid(Some(dispatcher)), Ok(group), "the test starts it in the group of its shell");
        killpg(group, Signal::SIGTERM).unwrap();
        eventually(LIMIT, || getpgid(Some(dispatcher)).ok().filter(|now| *now != group));
        // What is left of the group, if anything: the shell may be gone already.
        let _ = killpg(group, Signal::SIGKILL);
        let ended = sandbox.until_status(&run.id, |status| status["state"] == "ended");
        assert_eq!((&ended["outcome"], &ended["verdict"]), (&json!("cancelled"), &json!("clean")), "{ended}");
        eventually(LIMIT, || leftovers(sandbox.marker()).is_empty().then_some(()));
        let id = run.id.clone();
        assert_sealed(&run.finish(), &id);
        sandbox.assert_no_leftovers();
    }
}

#[test]
fn a_hangup_that_the_caller_ignores_does_not_end_the_run() {
    let sandbox = Sandbox::new();
    let go_on = sandbox.codex_waits();
    let mut nohup = sandbox.command("sh");
    nohup.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(binaries().join("clodex-dispatch")).arg("x");
    let run = Underway::start(nohup);
    sandbox.until_status(&run.id, |status| status["thread_id"] == THREAD);
    run.signal(Signal::SIGHUP);
    fs::write(go_on, "").unwrap();
    run.finish().exits(0);
}

#[test]
fn two_who_cancel_are_both_told_how_it_ended() {
    let sandbox = stage(silent(&[json!({ "ignore": ["TERM", "INT", "HUP"] })]));
    let run = begin(&sandbox, &["x", "--name", "deaf"]);
    let first = Running::start(sandbox.cancel(&["deaf"]), b"");
    let second = Running::start(sandbox.cancel(&["deaf"]), b"");
    for told in [first, second].map(|cancel| told(&cancel.finish(LIMIT))) {
        let (who, how) = told.split_once(": ").unwrap();
        assert_eq!(who, format!("deaf ({})", run.id));
        assert!(["cancelled, clean\n", "already ended: cancelled\n"].contains(&how), "{told}");
    }
    assert_eq!(alive(&sandbox, run.pid()), []);
    let id = run.id.clone();
    assert_sealed(&run.finish().exits(130), &id);
    sandbox.assert_no_leftovers();
}

#[test]
fn a_deaf_codex_is_killed_after_the_grace() {
    let sandbox = stage(silent(&[json!({ "ignore": ["TERM", "INT", "HUP"] })]));
    let run = begin(&sandbox, &["x"]);
    let cancelled = run_with_timeout(sandbox.cancel(&[&run.id]), LIMIT);
    assert_eq!(alive(&sandbox, run.pid()), []);
    assert_eq!(cancelled.status.code(), Some(0), "{cancelled:?}");
    run.finish().exits(130);
}

#[test]
fn a_stopped_dispatcher_is_killed_and_its_run_closed() {
    let sandbox = stage(silent(&[]));
    let run = begin(&sandbox, &["x"]);
    run.signal(Signal::SIGSTOP);
    let cancelled = run_with_timeout(sandbox.cancel(&[&run.id]), LIMIT);
    assert_eq!(leftovers(sandbox.marker()), []);
    assert_eq!(cancelled.status.code(), Some(0), "{cancelled:?}");
    assert!(told(&cancelled).ends_with(": killed, its dispatcher did not answer\n"), "{cancelled:?}");
    let id = run.id.clone();
    run.finish().exits(-(Signal::SIGKILL as i32));
    assert_eq!(sandbox.status(&id)["state"], "ended");
    sandbox.assert_no_leftovers();
}

#[test]
fn a_run_that_ended_is_not_rewritten_by_cancel() {
    let sandbox = stage(json!({}));
    let run = Underway::start(sandbox.dispatcher(&["x"]));
    let id = run.id.clone();
    let artifacts = run.finish().artifacts();
    let record = sandbox.state().join(format!("ended/{id}.json"));
    let seen = || {
        let written =
            |path: &Path| (fs::metadata(path).unwrap().modified().unwrap(), fs::read(path).unwrap());
        (written(&record), written(&artifacts.join("result.json")))
    };
    let before = seen();
    let outcome = sandbox.status(&id)["outcome"].clone();
    let cancelled = run_with_timeout(sandbox.cancel(&[&id]), LIMIT);
    assert_eq!(cancelled.status.code(), Some(0));
    assert!(
        told(&cancelled).ends_with(&format!(": already ended: {}\n", outcome.as_str().unwrap())),
        "{cancelled:?}"
    );
    assert_eq!(seen(), before);
}

#[test]
fn an_ambiguous_name_is_listed_and_nothing_is_cancelled() {
    let sandbox = stage(silent(&[]));
    let runs = [begin(&sandbox, &["x", "--name", "twin"]), begin(&sandbox, &["x", "--name", "twin"])];
    let refused = run_with_timeout(sandbox.cancel(&["twin"]), LIMIT);
    assert_eq!(refused.status.code(), Some(2));
    for run in &runs {
        assert!(told(&refused).contains(&run.id), "{refused:?}");
        assert_eq!(sandbox.status(&run.id)["state"], "live");
    }
    let all = run_with_timeout(sandbox.cancel(&["--all"]), LIMIT);
    assert_eq!((all.status.code(), told(&all).matches("cancelled").count()), (Some(0), 2), "{all:?}");
    for run in runs {
        run.finish().exits(130);
    }
    assert_eq!(leftovers(sandbox.marker()), []);
    sandbox.assert_no_leftovers();
}

#[test]
fn only_the_sessions_runs_are_cancelled() {
    let sandbox = stage(silent(&[]));
    let start = |session: &str| {
        let mut dispatch = sandbox.dispatcher(&["x"]);
        dispatch.env("CLAUDE_CODE_SESSION_ID", session);
        let run = Underway::start(dispatch);
        sandbox.until_status(&run.id, |status| status["thread_id"] == THREAD);
        run
    };
    let (ours, theirs) = (start("ours"), start("theirs"));
    let mut cancel = sandbox.cancel(&["--session"]);
    cancel.env("CLAUDE_CODE_SESSION_ID", "ours");
    let cancelled = run_with_timeout(cancel, LIMIT);
    assert!(told(&cancelled).contains(&ours.id) && !told(&cancelled).contains(&theirs.id), "{cancelled:?}");
    assert_eq!(sandbox.status(&theirs.id)["state"], "live");
    ours.finish().exits(130);
    assert!(run_with_timeout(sandbox.cancel(&["--all"]), LIMIT).status.success());
    theirs.finish().exits(130);
}

#[test]
fn a_detached_run_is_cancelled_like_any_other() {
    let sandbox = stage(silent(&[]));
    let run = dispatched(sandbox.dispatcher(&["--detach", "x"])).exits(0);
    let id = run.id();
    sandbox.until_status(&id, |status| status["thread_id"] == THREAD);
    let cancelled = run_with_timeout(sandbox.cancel(&[&id]), LIMIT);
    assert_eq!(cancelled.status.code(), Some(0), "{cancelled:?}");
    assert_sealed(&run, &id);
    eventually(LIMIT, || leftovers(sandbox.marker()).is_empty().then_some(()));
    sandbox.assert_no_leftovers();
}
