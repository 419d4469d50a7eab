//! Letting go of runs: what is old goes with all that belongs to it, what is wanted stays, whoever works beside it or
//! kills it in the middle.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clodex_tests::{
    Dispatched, LIMIT, Packet, Running, Sandbox, clean_turn, dispatched, run_with_timeout, sh,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::isolate::{isolated, worktrees};
use crate::stage::{Stage, clean, looking, step};

fn pruning(sandbox: &Sandbox, args: &[&str]) -> std::process::Command {
    let mut command = sandbox.command("clodex-setup");
    command.arg("prune").args(args);
    command
}

fn prune(sandbox: &Sandbox, args: &[&str]) -> Dispatched {
    Dispatched::of(run_with_timeout(pruning(sandbox, args), LIMIT))
}

fn prune_json(sandbox: &Sandbox, args: &[&str]) -> Value {
    let told = prune(sandbox, &[&["--json"], args].concat()).exits(0);
    serde_json::from_str(&told.stdout).unwrap()
}

/// Runs a worker on `src/` in the user's own tree.
fn worker(sandbox: &Sandbox) -> Dispatched {
    sandbox.dispatch(&clean_turn(&[sh(
        "echo more >> src/a.txt; git add src; git commit -qm x --no-verify || true",
    )]))
}

fn plain(sandbox: &Sandbox) -> Dispatched {
    sandbox.dispatch(&clean_turn(&[]))
}

/// Everything in the state directory that bears a run's id.
fn traces(sandbox: &Sandbox, id: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![sandbox.state()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.to_string_lossy().contains(id) {
                found.push(path);
            } else if entry.file_type().unwrap().is_dir() {
                waiting.push(path);
            }
        }
    }
    found
}

fn is_lock(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "lock")
}

#[test]
fn nothing_is_left_of_an_old_run_and_a_young_one_stays() {
    let Some(stage) = Stage::real() else { return };
    let stage = stage.answering(|_| json!([step(&[clean()])]));
    let sandbox = &stage.sandbox;
    let run = || stage.packet(&Packet::worker(&["src/"]), &["--verify"]).exits(0);
    let (old, young) = (run(), run());
    sandbox.ended_days_ago(&old.id(), 31);
    sandbox.ended_days_ago(&young.id(), 29);
    let looked = prune_json(sandbox, &["--dry-run"]);
    assert!(old.artifacts().join("task.md").exists() && !traces(sandbox, &old.id()).is_empty());
    let told = prune_json(sandbox, &[]);
    let ids: Vec<&Value> = told["runs"].as_array().unwrap().iter().map(|run| &run["id"]).collect();
    assert_eq!(ids, [&json!(old.id())]);
    assert_eq!((&looked["runs"], &looked["dry_run"]), (&told["runs"], &json!(true)));
    assert!(told["bytes"].as_u64().unwrap() > 20_000, "{told}");
    assert_eq!(traces(sandbox, &old.id()), Vec::<PathBuf>::new());
    assert!(!old.artifacts().exists(), "{:?}", fs::read_dir(old.artifacts()).unwrap().collect::<Vec<_>>());
    assert!(young.artifacts().join("seal.json").exists());
    assert_eq!(young.record(sandbox)["id"], json!(young.id()));
    assert_eq!(prune_json(sandbox, &[])["runs"], json!([]), "there is nothing more to do");
}

#[test]
fn who_asks_for_a_run_that_is_gone_is_told_what_to_do() {
    let sandbox = Sandbox::new();
    let run = plain(&sandbox).exits(0);
    prune(&sandbox, &["--older-than", "0"]).exits(0).says(&["gone  ", &run.id()]);
    for name in ["clodex-status", "clodex-result", "clodex-debug", "clodex-wait"] {
        let mut command = looking(&sandbox, name);
        command.arg(run.id());
        let told = Dispatched::of(run_with_timeout(command, LIMIT)).exits(2);
        told.complains(&["hint: ", "clodex-status --all", "retention_days"]);
    }
    let mut apply = sandbox.command("clodex-apply");
    apply.arg(run.id());
    Dispatched::of(run_with_timeout(apply, LIMIT)).exits(2).complains(&["hint: "]);
}

#[test]
fn work_that_is_nowhere_else_is_kept_and_said_until_it_landed() {
    let sandbox = Sandbox::new();
    let waits = isolated(&sandbox, "echo A > src/a.txt", &[]).exits(0);
    let idle = isolated(&sandbox, "true", &[]).exits(0);
    let told = prune(&sandbox, &["--older-than", "0"]).exits(0);
    told.says(&[
        &format!("kept  {}  its changes were neither landed nor thrown away", waits.id()),
        &format!("hint: `clodex-apply {}` lands them", waits.id()),
        &format!("gone  {}", idle.id()),
    ]);
    assert_eq!(worktrees(&sandbox).len(), 1);
    assert!(waits.artifacts().join("seal.json").exists() && !idle.artifacts().exists());
    // The worktree may be gone: what is to be landed is enough.
    let landing = sandbox.state().join("landings").join(waits.id());
    assert!(landing.exists());
    let mut apply = sandbox.command("clodex-apply");
    apply.arg(waits.id());
    Dispatched::of(run_with_timeout(apply, LIMIT)).exits(0);
    prune(&sandbox, &["--older-than", "0"]).exits(0).says(&[&format!("gone  {}", waits.id())]);
    assert_eq!(traces(&sandbox, &waits.id()), Vec::<PathBuf>::new());
    assert_eq!(fs::read_to_string(sandbox.repo().join("src/a.txt")).unwrap(), "A\n");
}

#[test]
fn what_a_user_put_among_the_artifacts_stays() {
    let sandbox = Sandbox::new();
    let run = worker(&sandbox);
    fs::write(run.artifacts().join("notes.md"), "mine").unwrap();
    prune(&sandbox, &["--older-than", "0"]).exits(0).says(&["1 files that are not ours stay in "]);
    let left: Vec<_> =
        fs::read_dir(run.artifacts()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["notes.md"]);
}

#[test]
fn nothing_is_removed_through_a_symlink() {
    let sandbox = Sandbox::new();
    let run = plain(&sandbox).exits(0);
    let moved = sandbox.root().join("elsewhere");
    fs::rename(sandbox.repo().join(".codex-dispatch"), &moved).unwrap();
    symlink(&moved, sandbox.repo().join(".codex-dispatch")).unwrap();
    assert!(run.artifacts().join("task.md").exists());
    prune(&sandbox, &["--older-than", "0"]).exits(0).says(&["its artifacts stay: "]);
    assert!(run.artifacts().join("task.md").exists());
}

#[test]
fn elsewhere_only_what_has_the_runs_seal_is_removed() {
    let sandbox = Sandbox::new();
    let run = |out: &str| {
        let mut command = sandbox.dispatching(&clean_turn(&[]));
        command.arg("--output-dir").arg(sandbox.root().join(out));
        dispatched(command).exits(0)
    };
    let (sealed, forged) = (run("one"), run("two"));
    fs::write(forged.artifacts().join("seal.json"), "{}").unwrap();
    prune(&sandbox, &["--older-than", "0"]).exits(0).says(&["does not have its seal"]);
    assert!(!sealed.artifacts().exists() && forged.artifacts().join("task.md").exists());
    assert!(sealed.artifacts().parent().unwrap().exists(), "the directory that the user named");
}

#[test]
fn a_dispatch_prunes_once_a_day_and_never_where_runs_are_kept_for_ever() {
    let sandbox = Sandbox::new();
    let old = plain(&sandbox).exits(0);
    sandbox.ended_days_ago(&old.id(), 8);
    let days = |days: &str| {
        let mut command = sandbox.dispatching(&clean_turn(&[]));
        command.env("CLODEX_RETENTION_DAYS", days);
        dispatched(command).exits(0);
        old.artifacts().exists()
    };
    assert!(days("7"), "it was done today");
    sandbox.pruned_days_ago(2);
    assert!(days("0"), "kept for ever");
    assert!(days("9"), "not old enough");
    sandbox.pruned_days_ago(2);
    assert!(!days("7"));
    sandbox.file("config/clodex/config.yaml", "retention_days: 0\n");
    prune(&sandbox, &[]).exits(0).says(&["kept for ever"]);
}

#[test]
fn a_prune_that_is_killed_anywhere_can_be_gone_on_with() {
    let sandbox = Sandbox::new();
    let runs: Vec<(String, PathBuf)> = (0..8)
        .map(|number| {
            let run =
                if number % 2 == 0 { plain(&sandbox) } else { isolated(&sandbox, "echo A > src/a.txt", &[]) };
            (run.id(), run.artifacts())
        })
        .collect();
    let mut kills = 0;
    // The longer it may go on, the further it comes; the last one is not killed.
    for micros in (0_u64..40).map(|step| step * 500) {
        let running = Running::start(pruning(&sandbox, &["--older-than", "0"]), b"");
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_micros(micros) {
            std::hint::spin_loop();
        }
        // It may have ended.
        kills += usize::from(nix::sys::signal::kill(running.pid(), Signal::SIGKILL).is_ok());
        let _ = running.finish(LIMIT);
        for (id, artifacts) in &runs {
            let is_recorded = sandbox.state().join("ended").join(format!("{id}.json")).exists();
            assert!(is_recorded || !artifacts.exists(), "{id} has artifacts that no record names");
            assert!(is_recorded || traces(&sandbox, id).iter().all(|trace| is_lock(trace)), "{id}");
        }
    }
    assert!(kills > 10, "{kills}");
    prune(&sandbox, &["--older-than", "0"]).exits(0);
    for (number, (id, artifacts)) in runs.iter().enumerate() {
        assert_eq!(artifacts.exists(), number % 2 == 1, "{id}: what was not landed stays, all else goes");
        assert_eq!(traces(&sandbox, id).is_empty(), number % 2 == 0, "{:?}", traces(&sandbox, id));
    }
    assert_eq!(live(&sandbox), Vec::<PathBuf>::new());
}

fn live(sandbox: &Sandbox) -> Vec<String> {
    let names = fs::read_dir(sandbox.state().join("live")).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn runs_that_begin_and_end_while_it_prunes_are_none_the_worse() {
    let sandbox = Sandbox::new();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let pruner = scope.spawn(|| {
            let mut gone = 0;
            while !over.load(Ordering::Relaxed) {
                gone += prune_json(&sandbox, &["--older-than", "0"])["runs"].as_array().unwrap().len();
            }
            gone + prune_json(&sandbox, &["--older-than", "0"])["runs"].as_array().unwrap().len()
        });
        let run = |number| if number % 2 == 0 { plain(&sandbox) } else { isolated(&sandbox, "true", &[]) };
        let runs: Vec<_> = (0..6).map(run).collect();
        // Whatever became of them: the pruner waits for this.
        over.store(true, Ordering::Relaxed);
        for run in runs {
            run.exits(0).says(&["VERDICT"]);
        }
        assert_eq!(pruner.join().unwrap(), 6);
    });
    assert_eq!((live(&sandbox), worktrees(&sandbox)), (vec![], vec![]));
    let runs = sandbox.repo().join(".codex-dispatch/runs");
    assert_eq!(fs::read_dir(Path::new(&runs)).unwrap().count(), 0);
}

#[test]
fn a_live_run_is_nobodys_to_prune() {
    let sandbox = Sandbox::new();
    let go_on = sandbox.codex_waits();
    let packet = sandbox.packet(&Packet::worker(&["src/"]));
    let run = clodex_tests::Underway::start(sandbox.dispatcher(&["--task", packet.to_str().unwrap()]));
    assert_eq!(prune_json(&sandbox, &["--older-than", "0"])["runs"], json!([]));
    assert!(run.artifacts.join("task.md").exists());
    fs::write(go_on, "").unwrap();
    run.finish().exits(0);
}
