//! Landings that are killed, stopped or interrupted: completed or taken back by whoever comes next.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use clodex_tests::{Dispatched, LIMIT, Running, Sandbox, eventually};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::apply::{MUCH, apply, prepare};
use crate::isolate::{everything, isolated};

#[test]
fn a_landing_killed_at_any_moment_is_completed_or_taken_back_by_the_next_call() {
    let sandbox = Sandbox::new();
    prepare(&sandbox);
    let before = everything(&sandbox);
    let id = isolated(&sandbox, MUCH, &[]).exits(0).id();
    let (land, undo) = ([id.as_str()], ["--undo", id.as_str()]);
    let landing_takes = time(|| drop(apply(&sandbox, &land).exits(0)));
    let landed = everything(&sandbox);
    let undoing_takes = time(|| drop(apply(&sandbox, &undo).exits(0)));
    for (there, back, mut takes, to, from) in [
        (&land[..], &undo[..], landing_takes, &landed, &before),
        (&undo, &land, undoing_takes, &before, &landed),
    ] {
        if everything(&sandbox) != *from {
            apply(&sandbox, back).exits(0);
        }
        let mut round = 0;
        while round < KILLS {
            let moment = takes * round / KILLS;
            if killed_after(&sandbox, there, moment) {
                round += 1;
            } else {
                // It was through by then: the machine has less to do now than when the time was taken.
                takes = moment;
            }
            let again = apply(&sandbox, there);
            // It may have been through before it was killed.
            assert!(again.code == 0 || again.stderr.contains("has not landed"), "{again:?}");
            assert_eq!(everything(&sandbox), *to, "{there:?} round {round}");
            apply(&sandbox, back).exits(0);
            assert_eq!(everything(&sandbox), *from, "{there:?} round {round}");
        }
    }
}

/// Kills clodex-apply when one path is done and the next is about to be.
#[cfg(target_os = "linux")]
fn killed_half_way(sandbox: &Sandbox, args: &[&str]) {
    let mut command = sandbox.command("clodex-apply");
    command.args(args);
    let mut renames = 0;
    assert!(clodex_tests::killed_at(&command, |stop| {
        renames += usize::from(stop.begins_safe_rename());
        renames == 2
    }));
    let done = (1..=3).filter(|i| sandbox.repo().join(format!("src/f{i}")).exists()).count();
    assert!((1..=2).contains(&done), "{done} of three are there");
}

#[cfg(target_os = "linux")]
#[test]
fn a_check_of_what_was_killed_half_way_tells_what_the_next_call_does() {
    let sandbox = Sandbox::new();
    let id = isolated(&sandbox, "for i in 1 2 3; do echo $i > src/f$i; done", &[]).exits(0).id();
    let all = json!(["src/f1", "src/f2", "src/f3"]);
    for interrupted in [vec![id.as_str()], vec!["--undo", &id]] {
        killed_half_way(&sandbox, &interrupted);
        let half = everything(&sandbox);
        let told = apply(&sandbox, &["--check", "--json", &id]).exits(0);
        let told: Value = serde_json::from_str(&told.stdout).unwrap();
        assert_eq!((&told["did"], &told["changed"]), (&json!("would-land"), &all), "{interrupted:?}");
        assert_eq!(everything(&sandbox), half, "a check does nothing");
        apply(&sandbox, &[&id]).exits(0);
        let told = apply(&sandbox, &["--check", "--json", &id]).exits(0);
        assert!(told.stdout.contains("already-landed") && told.stdout.contains("src/f1"), "{told:?}");
    }
    killed_half_way(&sandbox, &["--undo", &id]);
    fs::write(sandbox.repo().join("src/f1"), "mine\n").unwrap();
    fs::write(sandbox.repo().join("src/f3"), "mine\n").unwrap();
    let why = "src/f3: a landing or its undoing was interrupted, and it was edited since";
    apply(&sandbox, &["--check", &id]).exits(7).complains(&["nothing was touched", why]);
    apply(&sandbox, &[&id]).exits(7).complains(&["src/f3"]);
}

#[test]
fn a_landing_that_has_begun_is_done_as_a_whole_whoever_wants_it_stopped() {
    let sandbox = Sandbox::new();
    let id = isolated(&sandbox, "for i in $(seq 300); do echo $i > src/f$i; done", &[]).exits(0).id();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let before = everything(&sandbox);
        let mut command = sandbox.command("clodex-apply");
        command.arg(&id);
        let landing = Running::start(command, b"");
        let has_begun = || fs::read_dir(sandbox.repo().join("src")).unwrap().count() > 10;
        eventually(LIMIT, || has_begun().then_some(()));
        landing.signal(signal);
        Dispatched::of(landing.finish(LIMIT)).exits(0).says(&["landed ", "--undo"]);
        assert!((1..=300).all(|i| sandbox.repo().join(format!("src/f{i}")).exists()), "{signal}");
        apply(&sandbox, &["--undo", &id]).exits(0);
        assert_eq!(everything(&sandbox), before, "{signal}");
    }
}

/// How often each way is killed, at moments that are spread over its time.
const KILLS: u32 = 16;

fn time(act: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    act();
    begun.elapsed()
}

/// Kills clodex-apply after this time; whether it was still there to be killed.
fn killed_after(sandbox: &Sandbox, args: &[&str], moment: Duration) -> bool {
    let mut command = sandbox.command("clodex-apply");
    command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    // A timer's slack would make all moments alike.
    while begun.elapsed() < moment {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}
