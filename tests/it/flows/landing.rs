//! Isolated steps whose changes do not land at once: how the flow goes on, and that nothing of them is lost.

use std::fs;

use clodex_tests::{Codex, Dispatched, LIMIT, Sandbox, clean_turn, run_with_timeout, sh};
use serde_json::{Value, json};

use crate::isolate::worktrees;

use super::{beside, flow, in_repo, only, pairs, prompts, run, stage, status, steps};

const CONFLICTS: &str = "name: x\nsteps:\n  - {id: a, prompt: x, scope: src/, isolate: head}\n  \
                         - {id: b, needs: a, prompt: x}\n";

/// Throws away what the run of a step left.
pub fn discard(sandbox: &Sandbox, step: &str) {
    let report = status(sandbox);
    let known = report["steps"].as_array().unwrap().iter().find(|known| known["step"] == step).unwrap();
    let run = known["facts"]["run"].as_str().unwrap().to_owned();
    let mut apply = sandbox.command("clodex-apply");
    apply.args(["--discard", &run]);
    Dispatched::of(run_with_timeout(apply, LIMIT)).exits(0);
}

/// The act of leaving a line, in the first step only.
fn only_a() -> Value {
    sh("case $CLODEX_RUN_ID in *-x-a-*) echo x >> src/a.txt;; esac")
}

/// A flow whose first step cannot land, for the user has edited the same file.
fn in_the_way() -> (Sandbox, String) {
    let sandbox = stage(&[only_a()]);
    fs::write(sandbox.repo().join("src/a.txt"), "mine\n").unwrap();
    let told = run(&sandbox, CONFLICTS, &[]).exits(7);
    let id = only(&sandbox);
    told.says(&["first, a: remove what is in its way", "and add --landed a", "`clodex-apply --discard "]);
    assert_eq!(prompts(&sandbox).len(), 1);
    (sandbox, id)
}

#[test]
fn what_was_merged_by_hand_is_taken_as_landed() {
    let (sandbox, id) = in_the_way();
    flow(&sandbox, &["continue", &id, "--landed", "b"])
        .exits(2)
        .complains(&["`b` has no changes that could"]);
    fs::write(sandbox.repo().join("src/a.txt"), "both\n").unwrap();
    let told = flow(&sandbox, &["continue", &id, "--landed", "a"]).exits(0);
    told.says(&["run ", " left its work in ", "throws it away"]);
    assert_eq!(steps(&status(&sandbox)), pairs(&[("a", "passed"), ("b", "passed")]));
    assert_eq!((in_repo(&sandbox, "src/a.txt").as_str(), prompts(&sandbox).len()), ("both\n", 2));
    discard(&sandbox, "a");
    assert_eq!(status(&sandbox)["left"], json!([]));
}

#[test]
fn what_was_thrown_away_runs_again() {
    let (sandbox, id) = in_the_way();
    sandbox.git(&["checkout", "--quiet", "src/a.txt"]);
    discard(&sandbox, "a");
    flow(&sandbox, &["continue", &id, "--again"]).exits(0);
    assert_eq!((in_repo(&sandbox, "src/a.txt").as_str(), prompts(&sandbox).len()), ("a\nx\n", 3));
}

#[test]
fn what_landed_first_is_to_be_committed_before_what_meets_it_lands() {
    let sandbox = stage(&[]);
    let lines: Vec<String> = (1..=40).map(|line| line.to_string()).collect();
    fs::write(sandbox.repo().join("src/a.txt"), lines.join("\n") + "\n").unwrap();
    sandbox.git(&["commit", "--quiet", "--all", "-m", "lines"]);
    let act = sh(
        "case $CLODEX_RUN_ID in *-x-a-*) sed -i 's/^2$/a/' src/a.txt;; *) sed -i 's/^39$/b/' src/a.txt;; esac",
    );
    sandbox.codex_is(Codex::StandIn(json!({ "exec": clean_turn(&[act]) })));
    let flow_text = "name: x\nsteps:\n  - {id: a, prompt: x, scope: src/, isolate: head}\n  \
                     - {id: b, prompt: x, scope: src/, isolate: head}\n";
    let told = run(&sandbox, flow_text, &["--on-failure", "finish"]).exits(7);
    told.says(&["commit what other steps have changed there; it then lands without running again"]);
    sandbox.git(&["commit", "--quiet", "--all", "-m", "landed"]);
    flow(&sandbox, &["continue", &only(&sandbox), "--again"]).exits(0);
    let both = in_repo(&sandbox, "src/a.txt");
    assert!(both.contains("\na\n") && both.contains("\nb\n"), "{both}");
    assert_eq!(prompts(&sandbox).len(), 2);
}

/// The second step works on top of what the first one left uncommitted, as often as it is tried.
#[test]
fn an_isolated_step_on_top_of_anothers_changes_can_be_tried_again() {
    let sandbox = stage(&[]);
    let tried = beside(&sandbox, "tried").display().to_string();
    let act = sh(&format!(
        "case $CLODEX_RUN_ID in *-x-a-*) echo a >> src/a.txt;; *) echo b >> src/a.txt; \
         if [ -e {tried} ]; then echo b > src/new.txt; else : > {tried}; fi;; esac"
    ));
    sandbox.codex_is(Codex::StandIn(json!({ "exec": clean_turn(&[act]) })));
    let flow_text = "name: x\nsteps:\n  - {id: a, prompt: x, scope: src/}\n  - {id: b, needs: a, prompt: x, \
                     scope: src/, isolate: head, retry: 1, gate: {changed: src/new.txt}}\n";
    run(&sandbox, flow_text, &[]).exits(0);
    assert_eq!(in_repo(&sandbox, "src/a.txt"), "a\na\nb\n");
    assert_eq!(in_repo(&sandbox, "src/new.txt"), "b\n");
}

#[test]
fn changes_that_cannot_be_kept_to_be_landed_stay_in_their_worktree() {
    let sandbox = stage(&[only_a()]);
    let (state, landings) = (sandbox.state(), sandbox.state().join("landings"));
    fs::create_dir_all(&state).unwrap();
    fs::write(&landings, "no directory").unwrap();
    run(&sandbox, CONFLICTS, &[]).exits(7);
    fs::remove_file(&landings).unwrap();
    let told = flow(&sandbox, &["continue", &only(&sandbox), "--again"]).exits(7);
    told.says(&["left nothing that could be landed but its worktree", "take what you want from there"]);
    let kept = worktrees(&sandbox).remove(0).join("repo/src/a.txt");
    assert_eq!(fs::read_to_string(kept).unwrap(), "a\nx\n");
    assert_eq!(in_repo(&sandbox, "src/a.txt"), "a\n");
}
