//! Several runs at once in one tree, or in several trees of one repository.

use clodex_tests::{LIMIT, Packet, Underway, dispatched, leftovers, run_with_timeout};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::stage::Stage;

const NONE: [&str; 0] = [];

/// A run that only reads, and whose command lives until the gate `name` is open.
#[track_caller]
fn reading(stage: &Stage, name: &str, mode: &str) -> Underway {
    let packet = stage.waiting(Packet::read_only(mode), name, "echo x > src/refused; cat src/a.txt", "true");
    let run = stage.begin(name, &packet, &stage.sandbox.repo(), &[]);
    stage.sandbox.until_status(&run.id, |status| {
        status["progress"]["activity"].as_str().is_some_and(|now| now.contains("until ["))
    });
    run
}

#[test]
fn workers_with_scopes_of_their_own_share_a_tree_and_others_are_refused() {
    let Some(stage) = Stage::real() else { return };
    let first = stage.at_work("first", "src/", &["--on-violation", "restore"]);
    let second = stage.at_work("second", "lib/", &["--on-violation", "restore"]);
    let both = stage.mounted(&["src", "lib"]);
    assert!(both.len() >= 6, "this Codex mounts nothing there: {both:?}");

    for (scope, shown) in [("src/a.txt", "src/"), ("lib", "lib/")] {
        let by = if scope == "lib" { &second } else { &first };
        let name = if scope == "lib" { "second" } else { "first" };
        let refused = dispatched(stage.sandbox.dispatcher(&["--scope", scope, "do it"])).exits(7);
        let why = format!("run {} (`{name}`) works in this work tree: `{scope}", by.id);
        refused.complains(&[&why, &format!("overlaps its scope `{shown}`")]);
    }
    assert_eq!(stage.mounted(&["src", "lib"]), both, "nobody takes away what a sandbox needs");

    stage.open("first");
    let first = first.finish().exits(0);
    let in_lib: Vec<_> = both.into_iter().filter(|path| path.starts_with("lib")).collect();
    assert_eq!(stage.mounted(&["lib"]), in_lib);
    stage.open("second");
    let second = second.finish().exits(0);
    assert_eq!(first.policy()["in_scope"], json!(["src/begun", "src/first"]));
    assert_eq!(first.policy()["foreign"], json!(["lib/begun"]));
    assert_eq!(second.policy()["in_scope"], json!(["lib/begun", "lib/second"]));
    assert_eq!(second.policy()["foreign"], json!(["src/first"]));
    assert_eq!(stage.mounted(&["src", "lib"]), NONE);
    let status = stage.sandbox.git(&["status", "--porcelain", "-uall"]);
    assert_eq!(status, "?? lib/begun\n?? lib/second\n?? src/begun\n?? src/first\n");
}

#[test]
fn a_worker_and_two_that_only_read_live_side_by_side() {
    let Some(stage) = Stage::real() else { return };
    let worker = stage.at_work("work", "src/", &[]);
    let reviewer = reading(&stage, "review", "reviewer");
    let verifier = reading(&stage, "verify", "verifier");
    stage.open("work");
    stage.until("repo/src/work");
    let worker = worker.finish().exits(0);
    stage.open("review");
    stage.open("verify");
    for run in [reviewer, verifier] {
        let policy = run.finish().exits(0).policy();
        assert_eq!((&policy["verdict"], &policy["foreign"]), (&json!("clean"), &json!(["src/work"])));
    }
    assert_eq!(worker.policy()["foreign"], json!([]));
    assert_eq!(stage.mounted(&["src"]), NONE);
}

#[test]
fn workers_in_two_work_trees_of_one_repository_do_not_meet() {
    let Some(stage) = Stage::real() else { return };
    // Inside the other tree, as some tools have it.
    stage.user("git worktree add -q -b side .trees/side");
    let side = stage.sandbox.repo().join(".trees/side");
    let main = stage.at_work("main", "src/", &["--on-violation", "restore"]);
    let packet = Packet::worker(&["src"]).with("ALLOW COMMIT: true");
    let packet = stage.waiting(packet, "side", "echo > src/begun", "git add src; git commit -qm side");
    let other = stage.begin("side", &packet, &side, &[]);
    stage.until(side.join("src/begun"));
    stage.open("side");
    let other = other.finish().exits(0);
    stage.open("main");
    let main = main.finish().exits(0);
    assert_eq!(
        (&other.policy()["in_scope"], &other.policy()["foreign"]),
        (&json!(["src/begun"]), &json!([]))
    );
    let policy = main.policy();
    assert_eq!(policy["in_scope"], json!(["src/begun", "src/main"]));
    assert_eq!(policy["violations"], json!([]));
    assert_eq!(stage.sandbox.git(&["log", "-1", "--format=%s", "side"]), "side\n");
}

#[test]
fn an_isolated_run_and_one_below_the_top_work_beside_a_worker() {
    let Some(stage) = Stage::real() else { return };
    let worker = stage.at_work("work", "src/", &[]);
    let packet = stage.waiting(Packet::worker(&["src/"]), "apart", "echo > src/apart", "true");
    let apart = stage.begin("apart", &packet, &stage.sandbox.repo(), &["--isolate"]);
    let packet =
        stage.waiting(Packet::worker(&["x.txt", "deep/"]), "below", "echo b > x.txt", "echo > deep/n");
    let below = stage.begin("below", &packet, &stage.sandbox.repo().join("lib"), &[]);
    for id in [&apart.id, &below.id] {
        stage.sandbox.until_status(id, |status| {
            status["progress"]["activity"].as_str().is_some_and(|now| now.contains("until ["))
        });
    }
    for gate in ["apart", "below", "work"] {
        stage.open(gate);
    }
    let (worker, apart, below) = (worker.finish().exits(0), apart.finish().exits(0), below.finish().exits(0));
    assert_eq!(worker.policy()["in_scope"], json!(["src/begun", "src/work"]));
    assert_eq!(below.policy()["in_scope"], json!(["lib/deep/n", "lib/x.txt"]));
    assert_eq!(apart.policy()["in_scope"], json!(["src/apart"]));
    for run in [worker, apart, below] {
        assert_eq!(run.policy()["verdict"], "clean");
    }
    assert!(!stage.sandbox.repo().join("src/apart").exists());
    assert_eq!(stage.mounted(&["src", "lib", "lib/deep"]), NONE);
}

#[test]
fn of_two_workers_one_dies_and_the_other_ends_clean_and_takes_its_rests_away() {
    for closes in ["whoever comes next", "the user at once"] {
        let Some(stage) = Stage::real() else { return };
        let dies = stage.at_work("dies", "src/", &[]);
        let lives = stage.at_work("lives", "lib/", &["--on-violation", "restore"]);
        let id = dies.id.clone();
        dies.signal(Signal::SIGKILL);
        dies.finish();
        clodex_tests::eventually(LIMIT, || leftovers(&id).is_empty().then_some(()));
        if closes == "the user at once" {
            let closed = run_with_timeout(stage.sandbox.cancel(&[&id]), LIMIT);
            assert_eq!(closed.status.code(), Some(0), "{closed:?}");
        }
        stage.open("lives");
        let lives = lives.finish().exits(0);
        assert_eq!(lives.policy()["in_scope"], json!(["lib/begun", "lib/lives"]), "{closes}");
        assert_eq!(lives.policy()["violations"], json!([]), "{closes}");
        assert_eq!(stage.mounted(&["src", "lib"]), NONE, "{closes}");
        run_with_timeout(stage.sandbox.cancel(&["--all"]), LIMIT);
        assert_eq!(stage.sandbox.status(&id)["state"], "ended");
        stage.sandbox.assert_no_leftovers();
    }
}
