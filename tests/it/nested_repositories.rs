//! Submodules and other repositories in the user's tree: what runs change in them lands, is shown and is restored like
//! anything else.

use std::fs;
use std::path::Path;
use std::process::Output;

use clodex_tests::{Dispatched, LIMIT, Sandbox, clean_turn, dispatched, run_with_timeout, sh};
use serde_json::json;

use crate::isolate::{everything, isolated, with_submodule};

fn call(sandbox: &Sandbox, program: &str, args: &[&str]) -> Output {
    let mut command = sandbox.command(program);
    command.args(args);
    run_with_timeout(command, LIMIT)
}

/// Runs a worker on `src/` in the user's tree.
fn in_place(sandbox: &Sandbox, script: &str) -> Dispatched {
    dispatched(sandbox.dispatching(&clean_turn(&[sh(script)])))
}

/// Commits a file `m.txt` in a repository that the one around it knows nothing of.
fn with_repository(sandbox: &Sandbox, at: &str) {
    let script =
        format!("git init -q {at} && cd {at} && echo m > m.txt && git add m.txt && git commit -qm m");
    let mut command = sandbox.command("sh");
    command.args(["-c", &script]).current_dir(sandbox.repo());
    assert!(run_with_timeout(command, LIMIT).status.success());
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn what_an_isolated_run_changed_in_a_submodule_lands_and_is_taken_back() {
    let sandbox = Sandbox::new();
    with_submodule(&sandbox, "src/sub");
    let before = everything(&sandbox);
    let run = isolated(&sandbox, "echo z >> src/sub/m.txt; echo n > src/sub/n.txt", &[]).exits(0);
    let (id, file) = (run.id(), sandbox.repo().join("src/sub/m.txt"));
    sandbox.git(&["apply", "--check", run.artifacts().join("changes.patch").to_str().unwrap()]);
    let apply = |args: &[&str]| Dispatched::of(call(&sandbox, "clodex-apply", args));
    apply(&[&id]).exits(0);
    assert_eq!((text(&file), sandbox.repo().join("src/sub/n.txt").exists()), ("m\nz\n".into(), true));
    apply(&["--undo", &id]).exits(0);
    assert_eq!(everything(&sandbox), before);
    fs::write(&file, "mine\n").unwrap();
    apply(&[&id]).exits(7).complains(&["src/sub/m.txt: you have uncommitted changes there"]);
    fs::write(&file, "first\nm\n").unwrap();
    sandbox.git(&["-C", "src/sub", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "mine"]);
    apply(&[&id]).exits(0).says(&["src/sub/m.txt  (merged with yours)"]);
    assert_eq!(text(&file), "first\nm\nz\n");
}

#[test]
fn the_patch_of_a_run_fits_the_tree_around_the_repository_that_it_changed() {
    let sandbox = Sandbox::new();
    with_submodule(&sandbox, "src/sub");
    with_repository(&sandbox, "src/own");
    let mut command =
        sandbox.dispatching(&clean_turn(&[sh("for m in sub own; do echo z >> src/$m/m.txt; done")]));
    command.arg("--allow-dirty-overlap");
    let run = dispatched(command).exits(0);
    assert_eq!(run.policy()["in_scope"], json!(["src/own/m.txt", "src/sub/m.txt"]));
    let patch = run.artifacts().join("changes.patch");
    sandbox.git(&["apply", "--reverse", patch.to_str().unwrap()]);
    for file in ["src/sub/m.txt", "src/own/m.txt"] {
        assert_eq!(text(&sandbox.repo().join(file)), "m\n");
    }
}

#[test]
fn what_a_run_changed_in_one_out_of_scope_is_restored() {
    let sandbox = Sandbox::new();
    with_submodule(&sandbox, "lib/sub");
    with_repository(&sandbox, "lib/own");
    let before = everything(&sandbox);
    let run = in_place(&sandbox, "echo z >> lib/sub/m.txt; rm lib/own/m.txt").exits(6);
    let done = call(&sandbox, "clodex-scope", &["restore", &run.id(), "--yes"]);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(everything(&sandbox), before);
}
