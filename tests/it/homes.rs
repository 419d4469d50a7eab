//! Codex's home and clodex's state inside the work tree, as where the user's home directory is a repository: what both
//! programs write there is no worker's doing and is never put back, and the worker may write there no more than elsewhere.

use std::fs;

use clodex_tests::{Dispatched, LIMIT, Packet, Sandbox, clean_turn, run_with_timeout, sh};
use serde_json::{Value, json};

use crate::stage::{Stage, clean, dispatch_with, step};

/// Dispatches with both homes in the repository.
#[track_caller]
fn at_home(sandbox: &Sandbox, packet: &Packet, args: &[&str]) -> Dispatched {
    let (codex, state) = (sandbox.repo().join(".codex"), sandbox.repo().join(".local/state/clodex"));
    let env = [("CODEX_HOME", codex.to_str().unwrap()), ("CLODEX_STATE_DIR", state.to_str().unwrap())];
    let task = sandbox.packet(packet);
    dispatch_with(sandbox, &[&["--task", task.to_str().unwrap()], args].concat(), b"", &env)
}

/// Codex's home moves into the repository, where git knows its configuration.
fn move_in(sandbox: &Sandbox) {
    let home = sandbox.repo().join(".codex");
    if sandbox.codex_home().is_dir() {
        fs::rename(sandbox.codex_home(), &home).unwrap();
    } else {
        fs::create_dir_all(&home).unwrap();
    }
    fs::OpenOptions::new().append(true).create(true).open(home.join("config.toml")).unwrap();
    fs::write(home.join("history"), "before\n").unwrap();
    sandbox.git(&["add", ".codex/config.toml"]);
    sandbox.git(&["commit", "-qm", "dotfiles"]);
}

#[test]
fn what_codex_and_clodex_write_is_no_workers_doing_and_stays() {
    for (enforcement, backend) in
        [("profile", "app-server"), ("profile", "exec"), ("sandbox", "app-server"), ("sandbox", "exec")]
    {
        let Some(stage) = Stage::real() else { return };
        move_in(&stage.sandbox);
        let script =
            json!([step(&[crate::stage::sh("mktemp; echo n > src/new; sleep 0.3")]), step(&[clean()])]);
        let packet = Packet::worker(&["src"]).script(&script);
        let args = ["--enforcement", enforcement, "--backend", backend, "--on-violation", "restore"];
        let run = at_home(&stage.sandbox, &packet, &args).exits(0);
        let policy = run.policy();
        assert_eq!(policy["violations"], json!([]), "{args:?}");
        assert_eq!((&policy["in_scope"], &policy["foreign"]), (&json!(["src/new"]), &json!([])), "{args:?}");
        run.says(&[
            "`.codex` and `.local/state/clodex` in the work tree: Codex and clodex write there themselves",
        ]);
        assert_eq!(run.artifact("post-status.txt"), "?? src/new\n", "{args:?}");
        let sessions = stage.sandbox.repo().join(".codex/sessions");
        assert!(sessions.is_dir(), "Codex's own file of the thread is still there");
    }
}

#[test]
fn a_worker_whose_scope_is_all_of_the_tree_may_not_write_there() {
    let Some(stage) = Stage::real() else { return };
    move_in(&stage.sandbox);
    let tries = "for dir in .codex .local/state/clodex; do echo x > $dir/evil; rm $dir/*; done; mv .codex gone; \
                 mktemp && echo n > new; sleep 0.3";
    let script = json!([step(&[crate::stage::sh(tries)]), step(&[clean()])]);
    let run = at_home(&stage.sandbox, &Packet::worker(&["."]).script(&script), &[]).exits(0);
    assert_eq!(run.policy()["in_scope"], json!(["new"]));
    for dir in [".codex", ".local/state/clodex"] {
        assert!(!stage.sandbox.repo().join(dir).join("evil").exists(), "{dir}");
    }
    assert_eq!(fs::read_to_string(stage.sandbox.repo().join(".codex/history")).unwrap(), "before\n");
}

#[test]
fn only_these_two_directories_are_left_alone_and_what_the_scope_names_in_them_is_not() {
    let sandbox = Sandbox::new();
    move_in(&sandbox);
    let script = "echo x >> .codex/history; echo x > .codex/AGENTS.md; mkdir -p .codex2 .local/state/other .local/state/clodex; \
                  echo x > .codex2/x; echo x > .local/state/other/x; echo x > .local/state/clodex/x; echo out >> lib/x.txt";
    sandbox.dispatching(&clean_turn(&[sh(script)]));
    let run = at_home(&sandbox, &Packet::worker(&["src"]), &["--on-violation", "restore"]).exits(6);
    assert_eq!(run.violations(), [".codex2/x", ".local/state/other/x", "lib/x.txt"]);
    let read = |name: &str| fs::read_to_string(sandbox.repo().join(name)).ok();
    assert_eq!(read("lib/x.txt").as_deref(), Some("x\n"));
    assert_eq!((read(".codex2/x"), read(".local/state/other/x")), (None, None));
    assert_eq!(read(".codex/history").as_deref(), Some("before\nx\n"));
    assert_eq!(read(".local/state/clodex/x").as_deref(), Some("x\n"));

    let named = Packet::worker(&[".codex/AGENTS.md"]);
    fs::remove_file(sandbox.repo().join(".codex/AGENTS.md")).unwrap();
    sandbox.dispatching(&clean_turn(&[sh("echo y >> .codex/history; echo y > .codex/AGENTS.md")]));
    let run = at_home(&sandbox, &named, &["--on-violation", "restore"]).exits(0);
    assert_eq!(run.policy()["in_scope"], json!([".codex/AGENTS.md"]));
    assert_eq!(read(".codex/history").as_deref(), Some("before\nx\ny\n"));
}

#[test]
fn a_tree_that_is_such_a_directory_or_lies_in_one_is_looked_at_like_any_other() {
    for above in ["", ".."] {
        let sandbox = Sandbox::new();
        let mut command = sandbox.dispatching(&clean_turn(&[sh("echo out >> lib/x.txt")]));
        let home = sandbox.repo().join(above).canonicalize().unwrap();
        command.env("CODEX_HOME", home);
        let run = Dispatched::of(run_with_timeout(command, LIMIT)).exits(6);
        assert_eq!(run.violations(), ["lib/x.txt"], "{above}");
        assert_eq!(
            run.policy()["notes"].as_array().map(|notes| notes.iter().filter(|note| is_told(note)).count()),
            Some(0)
        );
    }
}

fn is_told(note: &Value) -> bool {
    note.as_str().is_some_and(|note| note.contains("write there themselves"))
}
