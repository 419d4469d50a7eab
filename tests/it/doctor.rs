//! The doctor, as its user calls it: what is well is told so, what is broken is found, and only what is ours is mended.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use clodex_tests::{
    Codex, Dispatched, LIMIT, Packet, Running, Sandbox, Underway, eventually, run_with_timeout,
};
use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use crate::stage::Stage;

fn doctor(sandbox: &Sandbox, args: &[&str]) -> Dispatched {
    let mut command = sandbox.command("clodex-setup");
    command.arg("doctor").args(args);
    Dispatched::of(run_with_timeout(command, LIMIT))
}

fn findings(sandbox: &Sandbox, args: &[&str]) -> Vec<Value> {
    let told = doctor(sandbox, &[&["--json"], args].concat());
    let json: Value = serde_json::from_str(&told.stdout).unwrap_or_else(|error| panic!("{error}: {told:?}"));
    assert_eq!(json["version"], 1);
    assert_eq!(told.code, i32::from(json["level"] == "fail"), "{json}");
    json["findings"].as_array().unwrap().clone()
}

/// Level, and all that is told, of one check.
#[track_caller]
fn found(sandbox: &Sandbox, check: &str) -> (String, String) {
    let all = findings(sandbox, &[]);
    let one = all.iter().find(|finding| finding["check"] == check);
    let one = one.unwrap_or_else(|| panic!("no {check} in {all:?}"));
    let word = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
    (word("level"), format!("{} {}", word("what"), word("hint")))
}

#[test]
fn a_real_codex_is_tried_and_nothing_that_a_run_needs_fails() {
    let Some(stage) = Stage::real() else { return };
    fs::set_permissions(stage.sandbox.state(), fs::Permissions::from_mode(0o700)).unwrap();
    let all = findings(&stage.sandbox, &[]);
    let level = |check: &str| {
        let one = all.iter().find(|finding| finding["check"] == check);
        one.unwrap_or_else(|| panic!("no {check}"))["level"].as_str().unwrap().to_owned()
    };
    for check in ["codex", "login", "sandbox", "git", "runs", "worktrees", "state", "disk", "config"] {
        assert_eq!(level(check), "ok", "{check}: {all:?}");
    }
    assert_ne!(level("containment"), "fail", "{all:?}");
    let said =
        |check: &str| all.iter().find(|f| f["check"] == check).unwrap()["what"].as_str().unwrap().to_owned();
    assert!(said("sandbox").contains("`profile`"));
    let text = doctor(&stage.sandbox, &[]).exits(0).stdout;
    let wrong = |line: &&str| !["ok  ", "warn", "fail", "    "].iter().any(|begin| line.starts_with(begin));
    assert_eq!(text.lines().find(wrong), None, "{text}");
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with("ok")) {
        let hint = text.lines().nth(number + 1);
        assert!(
            line.starts_with("  ") || hint.is_some_and(|hint| hint.starts_with("      hint: ")),
            "{text}"
        );
    }
}

#[test]
fn no_codex_an_old_one_and_one_that_hangs_are_told() {
    let sandbox = Sandbox::new();
    sandbox.codex_is(Codex::Missing);
    let (level, told) = found(&sandbox, "codex");
    assert!(level == "fail" && told.contains("npm install -g @openai/codex"), "{told}");
    let begun = Instant::now();
    for (script, wanted) in [("echo codex-cli 0.100.0", "too old"), ("sleep 1000", "did not end")] {
        sandbox.program("bin/codex", &format!("#!/bin/sh\n{script}\n"));
        let (level, told) = found(&sandbox, "codex");
        assert!(level == "fail" && told.contains(wanted), "{told}");
    }
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
}

#[test]
fn a_codex_that_does_not_hold_a_command_is_told() {
    let sandbox = Sandbox::new();
    let unsandboxed = "case $1 in --version) echo codex-cli 0.169.0;; login) exit 1;; \
                       *) while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\";; esac";
    sandbox.program("bin/codex", &format!("#!/bin/sh\n{unsandboxed}\n"));
    let (level, told) = found(&sandbox, "sandbox");
    assert!(level == "warn" && told.contains("let a command write outside"), "{told}");
    assert_eq!(found(&sandbox, "login").0, "fail");
}

#[test]
fn a_dead_run_is_named_and_closed_only_when_asked() {
    let sandbox = Sandbox::new();
    let _go_on = sandbox.codex_waits();
    let packet = sandbox.packet(&Packet::worker(&["src/"]));
    let run = Underway::start(sandbox.dispatcher(&["--task", packet.to_str().unwrap()]));
    let id = run.id.clone();
    run.signal(Signal::SIGKILL);
    let _ = run.finish();
    let (level, told) = found(&sandbox, "runs");
    assert!(level == "warn" && told.contains(&format!("clodex-cancel {id}")), "{told}");
    assert!(sandbox.state().join("live").join(format!("{id}.json")).exists(), "looking changes nothing");
    let fixed = findings(&sandbox, &["--fix"]);
    assert!(
        fixed.iter().any(|one| one["check"] == "fixed" && one["what"].as_str().unwrap().contains("closed 1"))
    );
    assert_eq!(found(&sandbox, "runs").0, "ok");
    assert!(sandbox.state().join("ended").join(format!("{id}.json")).exists());
}

#[test]
fn a_process_that_outlived_its_run_is_ended_when_asked_and_a_strangers_never() {
    let sandbox = Sandbox::new();
    let run = sandbox.dispatch(&clodex_tests::clean_turn(&[])).exits(0);
    let marked = |id: &str| {
        let mut command = sandbox.command("sleep");
        command.arg("1000").env("CLODEX_RUN_ID", id);
        Running::start(command, b"")
    };
    let (ours, strange) = (marked(&run.id()), marked("20260101T000000Z-worker-elsewhere-zzzz"));
    let pid = |running: &Running| format!("pid {}", running.pid());
    eventually(LIMIT, || found(&sandbox, "processes").1.contains(&pid(&ours)).then_some(()));
    assert_eq!(found(&sandbox, "processes").0, "warn");
    findings(&sandbox, &["--fix"]);
    assert!(!ours.finish(LIMIT).status.success());
    // The suite's other runs are as strange, so that the list may be cut before this one.
    let (level, told) = found(&sandbox, "processes");
    assert!(level == "warn" && told.contains("another CLODEX_STATE_DIR"), "{told}");
    kill(strange.pid(), None).expect("the stranger lives on");
}

#[test]
fn the_line_that_wins_is_judged_and_timed() {
    let sandbox = Sandbox::new();
    assert_eq!(found(&sandbox, "statusline").0, "warn");
    let line = |command: &str| format!(r#"{{"statusLine":{{"type":"command","command":"{command}"}}}}"#);
    let program = clodex_tests::binaries().join("clodex-statusline");
    sandbox.file("home/.claude/settings.json", line(program.to_str().unwrap()));
    assert_eq!(found(&sandbox, "statusline").0, "ok");
    assert_ne!(found(&sandbox, "line-speed").0, "fail");
    sandbox.file("repo/.claude/settings.json", line("cat > /dev/null; sleep 0.3"));
    let (level, told) = found(&sandbox, "statusline");
    assert!(level == "warn" && told.contains("wins over ours"), "{told}");
    assert_eq!(found(&sandbox, "line-speed").0, "warn");
    sandbox.file("repo/.claude/settings.local.json", r#"{"disableAllHooks": true}"#);
    assert_eq!(found(&sandbox, "hooks").0, "warn");
}

#[test]
fn what_lies_open_or_is_broken_is_told_with_its_place() {
    let sandbox = Sandbox::new();
    sandbox.dispatch(&clodex_tests::clean_turn(&[])).exits(0);
    let secret = sandbox.state().join("ended");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(found(&sandbox, "state").0, "warn");
    findings(&sandbox, &["--fix"]);
    assert_eq!(found(&sandbox, "state").0, "ok");
    sandbox.file("config/clodex/tiers.yaml", "tiers:\n  fast: {modl: x}\n");
    sandbox.file("repo/.clodex/config.yaml", "retention_days: 1\n");
    let broken: Vec<String> = findings(&sandbox, &[])
        .iter()
        .filter(|one| one["check"] == "config" && one["level"] == "fail")
        .map(|one| one["what"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(broken.len(), 2, "{broken:?}");
    assert!(broken[1].contains("clodex/tiers.yaml") && broken[1].contains("line 2"), "{broken:?}");
}
