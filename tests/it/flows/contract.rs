//! A split is held to its packet in each of its steps: what it may not read, what it may leave, in which tree it works,
//! and what has to be shown before it is done.

use clodex_tests::{Dispatched, LIMIT, Packet, run_with_timeout};
use serde_json::json;

use super::built_in::role;
use super::{flow, ids, in_repo, report, steps};
use crate::stage::{Stage, claim, clean, sh, step};

fn split(stage: &Stage, packet: &Packet, env: &[(&str, &str)]) -> Dispatched {
    let mut command = stage.sandbox.command("clodex-flow");
    command.args(["run", "split", "--json", "--task"]).arg(stage.sandbox.packet(packet));
    command.envs(env.iter().copied());
    Dispatched::of(run_with_timeout(command, LIMIT))
}

/// What a role was told last.
#[track_caller]
fn told(stage: &Stage, wanted: &str) -> String {
    let asked = stage.asked().into_iter().find(|request| role(request) == wanted);
    asked.and_then(|request| request.prompt()).unwrap_or_else(|| panic!("nobody was asked to {wanted}"))
}

fn states(told: &serde_json::Value) -> Vec<String> {
    steps(told).into_iter().map(|(_, state)| state).collect()
}

#[test]
fn no_step_of_a_split_reads_what_its_packet_denies_and_each_may_leave_its_by_products() {
    let Some(stage) = Stage::real() else { return };
    let stage = stage.answering(|request| match role(request) {
        "implement" => json!([step(&[sh("cat secret.txt; echo OK > src/new.txt")]), step(&[clean()])]),
        _ => json!([step(&[sh("cat secret.txt")]), step(&[clean()])]),
    });
    stage.sandbox.file("repo/secret.txt", "swordfish\n");
    stage.sandbox.file("repo/.git/info/exclude", "made/\n");
    stage.sandbox.file("repo/made/before", "");
    let packet = Packet::worker(&["src/"])
        .checked_by(&["`grep OK src/new.txt > made/out`"])
        .with("DENY READ: secret.txt")
        .with("BY-PRODUCTS: made/");
    let done = report(&split(&stage, &packet, &[]).exits(0));
    assert_eq!(states(&done), ["passed", "passed", "passed", "skipped", "skipped"], "{done}");
    assert_eq!(in_repo(&stage.sandbox, "made/out"), "OK\n");
    let asked = stage.asked();
    assert_eq!(asked.len(), 6, "each looked");
    let knows = asked.iter().filter(|request| request.json().to_string().contains("swordfish"));
    assert_eq!(knows.map(role).collect::<Vec<_>>(), [""; 0], "nobody tells the model");
}

#[test]
fn a_split_that_is_isolated_by_habit_verifies_and_repairs_what_it_changed() {
    let Some(stage) = Stage::real() else { return };
    let stage = stage.answering(|request| match role(request) {
        "implement" => json!([step(&[sh("echo oh > src/new.txt")]), step(&[clean()])]),
        "verify" => json!([step(&[claim("findings-only", "NEEDS_ATTENTION: it says oh")])]),
        "repair" => json!([step(&[sh("grep oh src/new.txt && echo OK > src/new.txt")]), step(&[clean()])]),
        _ => json!([step(&[clean()])]),
    });
    let packet = Packet::worker(&["src/"]).checked_by(&["`grep -q OK src/new.txt`"]);
    let done = report(&split(&stage, &packet, &[("CLODEX_ISOLATE", "head")]).exits(0));
    assert_eq!(states(&done), ["passed"; 5], "{done}");
    assert_eq!(in_repo(&stage.sandbox, "src/new.txt"), "OK\n");
    assert_eq!(done["steps"][2]["facts"]["checks"], "failed", "it looked where the change is: {done}");
    assert_eq!(done["steps"][4]["facts"]["checks"], "passed");
}

#[test]
fn who_repairs_is_told_what_clodex_found_itself() {
    let Some(stage) = Stage::real() else { return };
    let stage = stage.answering(|request| match role(request) {
        "implement" => json!([step(&[sh("echo oh > src/new.txt")]), step(&[clean()])]),
        "repair" => json!([step(&[sh("echo OK > src/new.txt")]), step(&[clean()])]),
        _ => json!([step(&[clean()])]),
    });
    let packet = Packet::worker(&["src/"])
        .checked_by(&["`sed -n s/oh/said-ho/p src/new.txt; grep -q OK src/new.txt`"]);
    let done = report(&split(&stage, &packet, &[]).exits(0));
    assert_eq!(states(&done), ["passed"; 5], "{done}");
    assert_eq!(done["steps"][2]["facts"]["gates"], "shut");
    for role in ["repair", "recheck"] {
        let told = told(&stage, role);
        assert!(told.contains("failed, exit code 1\n    said-ho\n"), "{role}: {told}");
    }
}

#[test]
fn a_check_that_could_not_run_does_not_let_a_split_pass() {
    let Some(stage) = Stage::real() else { return };
    let stage = stage.answering(|request| match role(request) {
        "implement" => json!([step(&[sh("echo OK > src/new.txt")]), step(&[clean()])]),
        _ => json!([step(&[clean()])]),
    });
    let packet = Packet::worker(&["src/"]).checked_by(&["`true`", "`no-such-tool`"]);
    let failed = report(&split(&stage, &packet, &[]).exits(8));
    assert_eq!(states(&failed), ["passed", "passed", "passed", "passed", "failed"], "{failed}");
    assert_eq!(failed["steps"][4]["why"], "gate verified did not let it pass: a check could not be run");
    assert!(told(&stage, "repair").contains("- `no-such-tool`: could not run, exit code 127"));
}

#[test]
fn a_packet_without_a_command_is_not_split() {
    let sandbox = super::stage(&[]);
    let packet = sandbox.packet(&Packet::worker(&["src/"]).checked_by(&["the tests pass"]));
    let told = flow(&sandbox, &["run", "split", "--task", packet.to_str().unwrap()]).exits(2);
    told.complains(&["step `verify`: its gate is `verified`, and clodex finds no command in VERIFICATION"]);
    assert_eq!((ids(&sandbox).len(), sandbox.recorded().len()), (0, 0));
}
