//! The quota gate with the real Codex: it asks an account that is not real, and it meets a scripted model.

use std::fs;

use clodex_sim::account::{self, limit_headers};
use clodex_sim::{Account, CodexHome};
use clodex_tests::{Dispatched, Packet};
use serde_json::{Value, json};

use crate::stage::{Stage, clean, dispatch_with, helper, step};

/// The sandboxes of other tests have no gate.
const GATE: [&str; 2] = ["--quota-gate", "85"];

/// A real Codex that is logged in to this account.
fn logged_in(account: &Account) -> Option<Stage> {
    let stage = Stage::real()?;
    let home = CodexHome::new(stage.model.port())
        .top_line(&account.config_lines())
        .provider_line("requires_openai_auth = true");
    stage.sandbox.codex_home_is(&home);
    account::log_in(&stage.sandbox.codex_home()).unwrap();
    Some(stage)
}

#[track_caller]
fn dispatch(stage: &Stage, script: &Value, args: &[&str]) -> Dispatched {
    let packet = Packet::worker(&["src/"]).script(script);
    let gate = if args.contains(&GATE[0]) { &[][..] } else { &GATE };
    stage.packet(&packet, &[gate, args].concat())
}

fn works() -> Value {
    json!([step(&[clean()])])
}

/// A turn that ends well, with a model that tells limits.
fn told(short: u8, long: u8) -> Value {
    json!([{ "headers": limit_headers(short, long), "do": [clean()] }])
}

#[test]
fn a_full_window_refuses_before_the_model_is_asked_and_force_goes_on() {
    let account = Account::start(91, 40).unwrap();
    let Some(stage) = logged_in(&account) else { return };
    for backend in ["exec", "app-server"] {
        let refused = dispatch(&stage, &works(), &["--backend", backend, "--json"]).exits(7);
        let result: Value = serde_json::from_str(&refused.stdout).unwrap();
        let summary = result["summary"].as_str().unwrap();
        assert!(summary.contains("5-hour window is 91% used, and no run begins from 85% on"), "{summary}");
        assert!(summary.contains("it resets in "), "{summary}");
        assert_eq!((&result["outcome"], &result["verdict"]), (&json!("refused"), &json!("refused")));
        let hint = result["hint"].as_str().unwrap();
        assert!(hint.contains("--force") && hint.contains("wait"), "{hint}");
        assert_eq!(stage.asked().len(), 0, "{backend}");
    }
    account.has_used(10, 95);
    dispatch(&stage, &works(), &[]).exits(7).says(&["weekly window is 95% used"]);
    let forced = dispatch(&stage, &works(), &["--force"]).exits(0);
    let remark = "the quota gate is passed by (--force): weekly window 95% used";
    forced.complains(&[remark]);
    let notes = &forced.policy()["notes"];
    assert!(notes.to_string().contains(remark), "{notes}");
    dispatch(&stage, &works(), &["--quota-gate", "96"]).exits(0);
}

#[test]
fn what_is_known_is_not_asked_again_until_little_is_left() {
    let account = Account::start(20, 30).unwrap();
    let Some(stage) = logged_in(&account) else { return };
    dispatch(&stage, &works(), &[]).exits(0);
    assert_eq!(account.asked(), 1);
    let told = dispatch(&stage, &told(21, 84), &[]).exits(0);
    assert!(!told.stderr.contains("limits"), "{}", told.stderr);
    assert_eq!(account.asked(), 1);
    // Nobody would be asked of what is left when it is known to be nothing.
    account.has_used(22, 86);
    dispatch(&stage, &works(), &["--quota-gate", "84"]).exits(7).says(&["weekly window is 86% used"]);
    assert_eq!(account.asked(), 2);
    let off = ["--quota-gate", "0"];
    dispatch(&stage, &works(), &off).exits(0);
    assert_eq!(account.asked(), 2);
}

#[test]
fn what_a_run_is_told_holds_for_the_next_one_whichever_backend() {
    for backend in ["exec", "app-server"] {
        let account = Account::start(20, 30).unwrap();
        let Some(stage) = logged_in(&account) else { return };
        let first = dispatch(&stage, &told(97, 41), &["--backend", backend]).exits(0);
        let record: Value = serde_json::from_str(
            &fs::read_to_string(stage.sandbox.state().join(format!("ended/{}.json", first.id()))).unwrap(),
        )
        .unwrap();
        assert_eq!(record["backend"], backend);
        let used = |window: &str| record["quota"][window]["used_percent"].as_u64();
        assert_eq!((used("primary"), used("secondary")), (Some(97), Some(41)), "{backend}: {record}");
        let status = helper(&stage.sandbox, "clodex-status", &[]);
        assert!(status.contains("quota: 5-hour window 97% used, resets in "), "{status}");
        assert!(status.contains(" · weekly window 41% used, resets in "), "{status}");
        // Nobody can be asked any more, and it cannot have become less.
        drop(account);
        dispatch(&stage, &works(), &["--backend", backend]).exits(7).says(&["5-hour window is 97% used"]);
    }
}

#[test]
fn an_account_that_cannot_be_asked_is_told_and_stops_nothing() {
    let account = Account::start(99, 99).unwrap();
    let Some(stage) = logged_in(&account) else { return };
    drop(account);
    let unknown = "how much of the account's limits is used is not known: codex says: ";
    let run = dispatch(&stage, &works(), &[]).exits(0);
    run.complains(&[unknown]);
    assert!(run.policy()["notes"].to_string().contains(unknown));
}

#[test]
fn an_api_key_has_no_windows_and_needs_no_warning() {
    let account = Account::start(99, 99).unwrap();
    let Some(stage) = logged_in(&account) else { return };
    account::log_in_by_key(&stage.sandbox.codex_home()).unwrap();
    let run = dispatch(&stage, &works(), &[]).exits(0);
    assert!(!run.stderr.contains("limits"), "{}", run.stderr);
    assert_eq!(account.asked(), 0);
}

#[test]
fn a_key_that_codex_takes_instead_of_the_account_has_no_windows() {
    let account = Account::start(99, 99).unwrap();
    let Some(stage) = logged_in(&account) else { return };
    let packet = stage.sandbox.packet(&Packet::worker(&["src/"]).script(&works()));
    let start = |backend| {
        let args = [&["--backend", backend, "--task", packet.to_str().unwrap()], &GATE[..]].concat();
        dispatch_with(&stage.sandbox, &args, b"", &[("CODEX_API_KEY", "nobodys-key")])
    };
    let run = start("exec").exits(0);
    assert!(!run.stderr.contains("limits"), "{}", run.stderr);
    assert_eq!(account.asked(), 0);
    let keys = |stage: &Stage| {
        stage
            .asked()
            .iter()
            .filter_map(|asked| asked.header("authorization").map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&stage), ["Bearer nobodys-key"]);
    // The app-server does not look at it; so it is not for `auto` to take.
    start("app-server").exits(7);
    let run = start("auto").exits(0);
    run.says(&["\nbackend   exec ", "CODEX_API_KEY is set"]);
    assert_eq!(keys(&stage), ["Bearer nobodys-key", "Bearer nobodys-key"]);
}

#[test]
fn a_model_of_the_users_own_has_no_gate() {
    let account = Account::start(99, 99).unwrap();
    let Some(stage) = logged_in(&account) else { return };
    let home = CodexHome::new(stage.model.port()).top_line(&account.config_lines());
    stage.sandbox.codex_home_is(&home);
    dispatch(&stage, &told(99, 99), &[]).exits(0);
    dispatch(&stage, &works(), &[]).exits(0);
    assert_eq!(account.asked(), 0);
}

#[test]
fn the_doctor_tells_the_windows_and_when_no_run_begins() {
    let account = Account::start(20, 91).unwrap();
    let Some(stage) = logged_in(&account) else { return };
    let told = |gate: &str| {
        let mut doctor = stage.sandbox.command("clodex-setup");
        doctor.arg("doctor").env("CLODEX_QUOTA_GATE", gate);
        let told = String::from_utf8(clodex_tests::run_with_timeout(doctor, clodex_tests::LIMIT).stdout);
        told.unwrap().lines().find(|line| line.contains("  quota ")).unwrap_or_default().to_owned()
    };
    let open = told("92");
    assert!(open.starts_with("ok    quota        5-hour window 20% used, resets in "), "{open}");
    let shut = told("85");
    assert!(shut.starts_with("warn  quota") && shut.contains("no run begins from 85% on"), "{shut}");
    assert!(told("0").contains("the gate is off"));
}
