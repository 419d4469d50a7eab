//! Runs and those who start them: a detached run holds nothing of its caller's, and an attached one survives its caller.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use clodex_tests::{Codex, LIMIT, Running, Sandbox, binaries, dispatched, eventually, first_line, leftovers};
use nix::sys::signal::Signal;
use serde_json::json;

/// A Codex that waits for a file before it ends its turn well.
fn stage() -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new();
    let go_on = sandbox.codex_waits();
    (sandbox, go_on)
}

#[track_caller]
fn ends_well(sandbox: &Sandbox, id: &str) {
    let status = sandbox.until_status(id, |status| status["state"] == "ended");
    assert_eq!((&status["outcome"], &status["exit_code"]), (&json!("done"), &json!(0)), "{status}");
    eventually(LIMIT, || leftovers(sandbox.marker()).is_empty().then_some(()));
    sandbox.assert_no_leftovers();
}

#[test]
fn a_detached_run_is_told_at_once_and_holds_nothing_of_its_caller() {
    let (sandbox, go_on) = stage();
    let (stdin, mut into_stdin) = io::pipe().unwrap();
    let (mut stdout, stdout_end) = io::pipe().unwrap();
    let (stderr, stderr_end) = io::pipe().unwrap();
    let mut dispatch = sandbox.dispatcher(&["--detach", "x"]);
    let mut caller = dispatch.stdin(stdin).stdout(stdout_end).stderr(stderr_end).spawn().unwrap();
    drop(dispatch);
    let status = caller.wait().unwrap();
    let told = io::read_to_string(&mut stdout).unwrap();
    assert_eq!(io::read_to_string(stderr).unwrap(), "");
    let (id, _) = first_line(&told);
    assert_eq!(status.code(), Some(0), "{told}");
    assert_eq!(into_stdin.write_all(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    // All of this while the run lives.
    let status = sandbox.until_status(&id, |status| status["thread_id"].is_string());
    assert_eq!((&status["state"], &status["detached"]), (&json!("live"), &json!(true)));
    fs::write(go_on, "").unwrap();
    ends_well(&sandbox, &id);
}

#[cfg(target_os = "linux")]
#[test]
fn a_detached_run_outlives_its_callers_session_and_terminal() {
    use std::fs::File;
    use std::process::Command;

    let (sandbox, go_on) = stage();
    let terminal = nix::pty::openpty(None, None).unwrap();
    let inner = sandbox.dispatcher(&["--detach", "x"]);
    let mut session = Command::new("setsid");
    session.arg("--ctty").arg("sh").arg("-c").arg("\"$@\"; exec sleep 1000").arg("sh");
    session.arg(inner.get_program()).args(inner.get_args()).current_dir(sandbox.repo()).env_clear();
    session.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    session.stdin(terminal.slave.try_clone().unwrap()).stdout(terminal.slave.try_clone().unwrap());
    let mut session = session.stderr(terminal.slave).spawn().unwrap();
    let mut master = BufReader::new(File::from(terminal.master));
    let mut told = String::new();
    master.read_line(&mut told).unwrap();
    let (id, _) = first_line(told.trim_end());
    sandbox.until_status(&id, |status| status["thread_id"].is_string());
    drop(master);
    // What leads the session would be hung up on, where nobody had hang-ups ignored.
    session.kill().unwrap();
    assert!(!session.wait().unwrap().success());
    assert_eq!(sandbox.status(&id)["state"], "live");
    fs::write(go_on, "").unwrap();
    ends_well(&sandbox, &id);
}

#[test]
fn a_run_that_cannot_begin_is_told_to_the_detached_caller() {
    let sandbox = Sandbox::new();
    sandbox.codex_is(Codex::Missing);
    let run = dispatched(sandbox.dispatcher(&["--detach", "x"])).exits(3);
    assert_eq!(run.stdout, "");
    run.complains(&["hint: "]);
    sandbox.assert_no_leftovers();
}

#[test]
fn an_attached_run_goes_on_when_nobody_reads_it_any_more() {
    let (sandbox, go_on) = stage();
    let mut dispatch = sandbox.dispatcher(&["x"]);
    let (stdout, stdout_end) = io::pipe().unwrap();
    let (stderr, stderr_end) = io::pipe().unwrap();
    let mut run = dispatch.stdin(Stdio::null()).stdout(stdout_end).stderr(stderr_end).spawn().unwrap();
    drop(dispatch);
    let mut stdout = BufReader::new(stdout);
    let mut told = String::new();
    stdout.read_line(&mut told).unwrap();
    drop((stdout, stderr));
    fs::write(go_on, "").unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(0));
    ends_well(&sandbox, &first_line(&told).0);
}

#[test]
fn an_attached_run_goes_on_when_its_caller_is_killed() {
    let (sandbox, go_on) = stage();
    let mut caller = sandbox.command("sh");
    caller.args(["-c", "\"$@\"; :", "sh"]).arg(binaries().join("clodex-dispatch")).arg("x");
    let mut caller = Running::start(caller, b"");
    let (id, _) = first_line(&caller.stdout_with("\n", LIMIT));
    caller.signal(Signal::SIGKILL);
    fs::write(go_on, "").unwrap();
    let output = caller.finish(LIMIT);
    assert_eq!(output.status.code(), None);
    assert!(String::from_utf8_lossy(&output.stdout).contains("outcome  done"), "{output:?}");
    ends_well(&sandbox, &id);
}

/// The time that the dispatcher and its containment spend on a CPU while Codex says nothing.
#[cfg(target_os = "linux")]
#[test]
fn a_silent_run_costs_next_to_no_cpu() {
    use std::process::Command;

    let (sandbox, go_on) = stage();
    let id = dispatched(sandbox.dispatcher(&["--detach", "x"])).exits(0).id();
    let status = sandbox.until_status(&id, |status| status["thread_id"].is_string());
    let watchers = ["dispatcher", "container", "init"].map(|key| status[key]["pid"].as_u64().unwrap());
    let begun = watchers.map(cpu_time);
    assert!(begun[0] > Duration::ZERO, "this system does not tell");
    assert!(Command::new("sleep").arg("3").status().unwrap().success());
    let spent: Duration =
        watchers.into_iter().zip(begun).map(|(pid, begun)| cpu_time(pid).saturating_sub(begun)).sum();
    println!("a silent run of 3 s cost {spent:?}");
    // Some milliseconds where nothing else runs. Whoever polls takes a second or more.
    assert!(spent < Duration::from_millis(300), "{spent:?} in 3 s");
    fs::write(go_on, "").unwrap();
    ends_well(&sandbox, &id);
}

/// Of all threads that a process has now.
#[cfg(target_os = "linux")]
fn cpu_time(pid: u64) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let nanoseconds = threads.map(|thread| {
        let spent = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
        spent.split(' ').next().unwrap().parse::<u64>().unwrap()
    });
    Duration::from_nanos(nanoseconds.sum())
}
