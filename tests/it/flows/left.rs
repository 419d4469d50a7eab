//! What a flow whose process was killed leaves behind, and what is done about it: runs that nobody judged, that somebody
//! cancelled, that were never let go; time and tokens that were taken.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use clodex_tests::{Codex, LIMIT, Running, Sandbox, clean_turn, eventually, json_file, sh, text};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{beside, flow, in_repo, only, pairs, prompts, run, stage, status, steps};

const ONE: &str = "name: x\nsteps: [{id: a, scope: src/, prompt: x, gate: clean}]\n";

/// Records of the runs that live.
fn live(sandbox: &Sandbox) -> Vec<Value> {
    let entries = fs::read_dir(sandbox.state().join("live")).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .map(|path| json_file(&path))
        .collect()
}

fn dispatcher(record: &Value) -> Pid {
    Pid::from_raw(i32::try_from(record["dispatcher"]["pid"].as_i64().unwrap()).unwrap())
}

/// The entries of the journal, in order.
fn entries(sandbox: &Sandbox) -> Vec<String> {
    let journal = text(sandbox.state().join("flows").join(only(sandbox)).join("journal.jsonl"));
    let lines = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| line["entry"].as_str().unwrap().to_owned()).collect()
}

fn command(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = sandbox.command("clodex-flow");
    command.args(args);
    command
}

/// A flow that was killed while its run was at work: that did this, left a mark, and waits for the file that comes back.
fn killed_at_work(flow: &str, deed: &str) -> (Sandbox, PathBuf) {
    killed_at_work_where(flow, deed, &[])
}

/// The same, begun with these variables.
fn killed_at_work_where(flow: &str, deed: &str, variables: &[(&str, &str)]) -> (Sandbox, PathBuf) {
    let sandbox = stage(&[]);
    let (mark, go_on) = (beside(&sandbox, "at-work"), beside(&sandbox, "go-on"));
    let once = sh(&format!("test -e {0} || {{ {deed}; echo x > {0}; }}", mark.display()));
    sandbox.codex_is(Codex::StandIn(json!({ "exec": clean_turn(&[once, json!({ "until": go_on })]) })));
    let file = sandbox.file("flow.yaml", flow);
    let mut run = command(&sandbox, &["run", file.to_str().unwrap()]);
    run.envs(variables.iter().copied());
    let running = Running::start(run, b"");
    eventually(LIMIT, || mark.exists().then_some(()));
    running.signal(Signal::SIGKILL);
    drop(running.finish(LIMIT));
    (sandbox, go_on)
}

#[test]
fn a_run_that_died_unjudged_lets_nothing_pass_before_somebody_has_looked() {
    let (sandbox, go_on) = killed_at_work(ONE, "echo x > lib/planted.txt");
    let record = live(&sandbox).remove(0);
    kill(dispatcher(&record), Signal::SIGKILL).unwrap();
    fs::write(go_on, "").unwrap();
    let (id, run) = (only(&sandbox), record["id"].as_str().unwrap());
    let died = format!("run {run} died unjudged");
    flow(&sandbox, &["continue", &id]).exits(6).says(&["**a**: failed · scope unknown", &died, "--again"]);
    flow(&sandbox, &["continue", &id]).exits(6).says(&["**a**: failed", &died]);
    assert_eq!(prompts(&sandbox).len(), 1, "nothing is paid for that cannot pass");
    // Somebody has looked at it, and takes it as it is.
    flow(&sandbox, &["continue", &id, "--again"]).exits(0).says(&["**a**: passed"]);
    assert_eq!(in_repo(&sandbox, "lib/planted.txt"), "x\n");
}

#[test]
fn what_a_run_that_died_in_isolation_left_stays_in_sight_until_somebody_throws_it_away() {
    let flow_text = "name: x\nsteps: [{id: a, scope: src/, prompt: x, isolate: head}]\n";
    let (sandbox, go_on) = killed_at_work(flow_text, "echo half >> src/a.txt");
    let record = live(&sandbox).remove(0);
    kill(dispatcher(&record), Signal::SIGKILL).unwrap();
    let (id, run) = (only(&sandbox), record["id"].as_str().unwrap());
    let worktree = record["isolated"]["worktree"].as_str().unwrap();
    let left = format!(
        "run {run} left its work, which nobody judged, in {worktree}: take from there what you want, then \
         `clodex-apply --discard {run}`"
    );
    // The kernel takes its time to end who was killed.
    eventually(LIMIT, || flow(&sandbox, &["status", &id]).exits(0).stdout.contains(&left).then_some(()));
    fs::write(go_on, "").unwrap();
    flow(&sandbox, &["continue", &id]).exits(0).says(&["**a**: passed", "died while it ran", &left]);
    assert_eq!(in_repo(&sandbox, "src/a.txt"), "a\n", "the run that took its place changed nothing");
    assert_eq!(text(PathBuf::from(worktree).join("src/a.txt")), "a\nhalf\n");
    let mut discard = sandbox.command("clodex-apply");
    discard.args(["--discard", run]);
    assert!(clodex_tests::run_with_timeout(discard, LIMIT).status.success());
    let told = flow(&sandbox, &["status", &id]).exits(0);
    assert!(!told.stdout.contains(worktree), "{told:?}");
}

#[test]
fn who_cancels_a_flow_in_isolation_is_told_where_its_work_lies() {
    let flow_text = "name: x\nsteps: [{id: a, scope: src/, prompt: x, isolate: head}]\n";
    let (sandbox, _) = killed_at_work(flow_text, "echo half >> src/a.txt");
    let record = live(&sandbox).remove(0);
    let (id, run) = (only(&sandbox), record["id"].as_str().unwrap());
    let worktree = record["isolated"]["worktree"].as_str().unwrap();
    let wanted = format!("run {run} left its work in {worktree}: `clodex-apply {run}` lands it");
    flow(&sandbox, &["cancel", &id]).exits(0).says(&["cancelled", &wanted]);
    flow(&sandbox, &["status", &id]).exits(0).says(&[&wanted]);
}

#[test]
fn where_a_step_works_is_decided_once_whatever_the_settings_are_later() {
    const TWO: &str =
        "name: x\nsteps: [{id: a, scope: src/, prompt: x}, {id: b, needs: a, scope: src/, prompt: x}]\n";

    for (begun, later) in [("head", "off"), ("off", "head")] {
        let (sandbox, go_on) =
            killed_at_work_where(TWO, "echo new > src/a.txt", &[("CLODEX_ISOLATE", begun)]);
        fs::write(go_on, "").unwrap();
        let mut command = command(&sandbox, &["continue", &only(&sandbox)]);
        command.env("CLODEX_ISOLATE", later);
        clodex_tests::Dispatched::of(clodex_tests::run_with_timeout(command, LIMIT)).exits(0);
        assert_eq!(in_repo(&sandbox, "src/a.txt"), "new\n", "begun as {begun}");
        let worktrees = sandbox.git(&["worktree", "list"]);
        assert_eq!(worktrees.lines().count(), 1, "{worktrees}");
    }
}

#[test]
fn a_run_that_somebody_cancelled_is_not_begun_again_by_itself() {
    let (sandbox, go_on) = killed_at_work(ONE, "true");
    let run = live(&sandbox).remove(0)["id"].as_str().unwrap().to_owned();
    let mut cancel = sandbox.command("clodex-control");
    cancel.args(["--as", "clodex-cancel", &run]);
    assert!(clodex_tests::run_with_timeout(cancel, LIMIT).status.success());
    let id = only(&sandbox);
    flow(&sandbox, &["continue", &id]).exits(130).says(&["**a**: cancelled", "its run was cancelled"]);
    assert_eq!(prompts(&sandbox).len(), 1);
    assert_eq!(entries(&sandbox), ["begun", "run", "continued", "ended", "finished"]);
    fs::write(go_on, "").unwrap();
    flow(&sandbox, &["continue", &id]).exits(0);
    assert_eq!(prompts(&sandbox).len(), 2);
}

/// The moment before the id of a run is written down; its dispatcher hears late that nobody will let it go, as on a busy
/// machine.
#[test]
#[cfg(target_os = "linux")]
fn a_run_that_was_never_let_go_is_ended_before_anything_begins() {
    use clodex_tests::killed_at;

    let sandbox = stage(&[super::leave("src/a.txt")]);
    let file = sandbox.file("flow.yaml", ONE);
    let (mut writes, mut nobody_yet) = (0, None);
    let was_killed = killed_at(&command(&sandbox, &["run", file.to_str().unwrap()]), |stop| {
        writes += usize::from(stop.enters && stop.writes("journal.jsonl"));
        if writes == 2 {
            // Its stdin is a pipe that ends when nobody can write to it any more.
            let stdin = format!("/proc/{}/fd/0", dispatcher(&live(&sandbox)[0]));
            nobody_yet = Some(fs::File::options().write(true).open(stdin).unwrap());
        }
        writes == 2
    });
    assert!(was_killed);
    let held = live(&sandbox).remove(0);
    let id = only(&sandbox);
    let running = Running::start(command(&sandbox, &["continue", &id]), b"");
    let is_asked = sandbox.state().join(format!("live/{}.cancel.lock", held["id"].as_str().unwrap()));
    eventually(LIMIT, || is_asked.exists().then_some(()));
    assert_eq!(prompts(&sandbox).len(), 0, "nothing begins beside it");
    drop(nobody_yet);
    let ended = running.finish(LIMIT);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!((in_repo(&sandbox, "src/a.txt").as_str(), prompts(&sandbox).len()), ("a\nx\n", 1));
}

#[test]
fn who_cancels_a_flow_that_was_killed_says_what_became_of_its_runs() {
    let (sandbox, _) = killed_at_work(ONE, "true");
    let id = only(&sandbox);
    flow(&sandbox, &["cancel", &id]).exits(0).says(&["cancelled"]);
    assert_eq!(steps(&status(&sandbox)), pairs(&[("a", "cancelled")]));
    flow(&sandbox, &["status"]).exits(0).says(&["x x · cancelled · 0/1 steps · "]);
    assert_eq!(entries(&sandbox), ["begun", "run", "taken-over", "ended", "finished"]);
    let report = text(sandbox.state().join("flows").join(&id).join("report.md"));
    assert!(report.contains("# x x: cancelled") && report.contains("**a**: cancelled"), "{report}");
}

#[test]
#[cfg(target_os = "linux")]
fn nobody_waits_for_whoever_brings_an_answer() {
    use clodex_tests::killed_at;

    let sandbox = stage(&[]);
    run(&sandbox, "name: asks\nsteps: [{id: which, ask: x}]\n", &[]).exits(8);
    let (id, answer) = (only(&sandbox), sandbox.file("answer.md", "yes\n"));
    let bring = command(&sandbox, &["continue", &id, "--input", answer.to_str().unwrap()]);
    let was_killed = killed_at(&bring, |stop| {
        let reads = stop.file.as_ref().is_some_and(|file| file.ends_with("answer.md"));
        if reads {
            flow(&sandbox, &["cancel", &id]).exits(0).says(&["cancelled"]);
        }
        reads
    });
    assert!(was_killed);
}

#[test]
#[cfg(target_os = "linux")]
fn a_flow_that_was_killed_before_its_journal_was_there_never_began() {
    use clodex_tests::killed_at;

    let sandbox = stage(&[]);
    let file = sandbox.file("flow.yaml", ONE);
    let was_killed = killed_at(&command(&sandbox, &["run", file.to_str().unwrap()]), |stop| {
        stop.enters && stop.file.as_ref().is_some_and(|file| file.to_string_lossy().contains("inputs.json"))
    });
    assert!(was_killed);
    let id = only(&sandbox);
    for what in ["continue", "status", "cancel"] {
        let told = flow(&sandbox, &[what, &id]).exits(2);
        told.complains(&["never began: nothing of it was started\nhint: run it again"]);
    }
}

#[test]
fn time_is_limited_over_all_processes_of_a_flow() {
    let sandbox = stage(&[json!("hang")]);
    run(&sandbox, "name: x\nlimits: {timeout: 1}\nsteps: [{id: a, prompt: x}]\n", &[]).exits(4);
    let (id, asked) = (only(&sandbox), prompts(&sandbox).len());
    sandbox.codex_is(Codex::StandIn(json!({ "exec": clean_turn(&[]) })));
    let told = flow(&sandbox, &["continue", &id]).exits(4);
    told.says(&["out of time", &format!("clodex-flow continue {id} --timeout-sec SEC")]);
    assert_eq!(prompts(&sandbox).len(), asked, "no time is left");
    flow(&sandbox, &["continue", &id, "--timeout-sec", "600"]).exits(0).says(&["**a**: passed"]);
}
