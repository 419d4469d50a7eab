//! Where a run may take place: odd names, links, work trees, environments; and what becomes of it when the place goes
//! away.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use clodex_tests::{
    Dispatched, LIMIT, Running, Sandbox, clean_turn, dispatched, eventually, json_file, run_with_timeout, sh,
};
use serde_json::json;

/// A worker on `src/` of `workdir` that changes a file there.
#[track_caller]
fn work_in(sandbox: &Sandbox, workdir: &Path) -> Dispatched {
    sandbox.dispatching(&clean_turn(&[sh("echo more >> src/a.txt")]));
    let mut command = sandbox.command("clodex-dispatch");
    command.args(["--scope", "src", "--quiet", "do it", "-C"]).arg(workdir);
    dispatched(command)
}

#[track_caller]
fn assert_clean(run: &Dispatched, artifacts: &Path) {
    assert_eq!(run.code, 0, "{run:?}");
    let policy = json_file(&artifacts.join("policy.json"));
    assert_eq!(
        (&policy["verdict"], &policy["in_scope"][0]),
        (&json!("clean"), &json!("src/a.txt")),
        "{policy}"
    );
}

/// The artifacts of the only run in `workdir`.
#[track_caller]
fn only_run(workdir: &Path) -> PathBuf {
    let runs: Vec<_> = fs::read_dir(workdir.join(".codex-dispatch/runs")).unwrap().flatten().collect();
    assert_eq!(runs.len(), 1);
    runs[0].path()
}

#[test]
fn a_work_directory_may_be_called_anything() {
    let sandbox = Sandbox::new();
    let deep = PathBuf::from(vec!["d"; 100].join("/"));
    for name in ["with space", "new\nline", "quote\"s'", "-dash", "tür"]
        .map(PathBuf::from)
        .into_iter()
        .chain([PathBuf::from(OsString::from_vec(b"not\xffutf8".to_vec())), deep])
    {
        let workdir = sandbox.root().join(name);
        fs::create_dir_all(workdir.parent().unwrap()).unwrap();
        let mut copy = sandbox.command("cp");
        copy.arg("-a").arg(sandbox.repo()).arg(&workdir);
        assert!(run_with_timeout(copy, LIMIT).status.success());
        let run = work_in(&sandbox, &workdir);
        assert_clean(&run, &only_run(&workdir));
        assert!(
            run.stdout.lines().next().unwrap().contains("/.codex-dispatch/runs/"),
            "one line: {}",
            run.stdout
        );
    }
}

#[test]
fn links_linked_work_trees_and_submodules_are_places_like_any_other() {
    let sandbox = Sandbox::new();
    let root = sandbox.root();
    symlink("repo", root.join("link")).unwrap();
    let run = work_in(&sandbox, &root.join("link"));
    assert_clean(&run, &only_run(&sandbox.repo()));
    assert!(run.artifacts().starts_with(sandbox.repo()), "the real path: {run:?}");

    let tree = root.join("tree").display().to_string();
    sandbox.git(&["worktree", "add", "--quiet", &tree]);
    assert_clean(&work_in(&sandbox, tree.as_ref()), &only_run(tree.as_ref()));

    let outer = root.join("outer").display().to_string();
    sandbox.git(&["init", "--quiet", &outer]);
    let inner = sandbox.repo().display().to_string();
    sandbox.git(&[
        "-C",
        &outer,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        &inner,
        "sub",
    ]);
    let sub = Path::new(&outer).join("sub");
    assert_clean(&work_in(&sandbox, &sub), &only_run(&sub));
}

#[test]
fn the_callers_git_environment_and_umask_and_missing_home_change_nothing() {
    let sandbox = Sandbox::new();
    let nowhere = sandbox.root().join("nowhere");
    let dispatch =
        sandbox.dispatching(&clean_turn(&[sh("env | grep ^GIT_ > ../git-env; echo x >> src/a.txt")]));
    let mut command = sandbox.command("sh");
    command
        .args(["-c", "umask 000; exec \"$@\"", "sh"])
        .arg(dispatch.get_program())
        .args(dispatch.get_args());
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"] {
        command.env(name, &nowhere);
    }
    command.env_remove("HOME");
    let run = dispatched(command);
    assert_clean(&run, &only_run(&sandbox.repo()));
    assert_eq!(fs::read_to_string(sandbox.root().join("git-env")).unwrap(), "");
    let ours = [only_run(&sandbox.repo()), sandbox.state(), sandbox.state().join("ended")];
    for dir in &ours {
        assert_eq!(fs::metadata(dir).unwrap().mode() & 0o077, 0, "{}", dir.display());
        for entry in fs::read_dir(dir).unwrap().flatten() {
            assert_eq!(entry.metadata().unwrap().mode() & 0o077, 0, "{}", entry.path().display());
        }
    }
}

#[test]
fn a_place_that_vanishes_under_the_run_is_no_clean_one() {
    for (what, kept_elsewhere) in [
        // Nothing is left to compare.
        ("rm -rf ../repo", true),
        ("mv ../repo ../moved", true),
        ("rm -rf ../repo", false),
        ("mv ../repo ../moved", false),
        ("mv .git ../dotgit", false),
        ("rm -rf .git", true),
        ("find . -mindepth 1 -delete", false),
        ("mv ../repo ../moved; ln -s moved ../repo", false),
    ] {
        let sandbox = Sandbox::new();
        // Gone when Codex ends, and also before it says anything more.
        let mut command = sandbox.dispatching(&clean_turn(&[sh(&format!("{what}; true"))]));
        if kept_elsewhere {
            command.args(["--output-dir", "../runs"]);
        }
        let run = dispatched(command);
        let verdict = if kept_elsewhere && what.contains("../repo") { "unknown" } else { "violation" };
        assert_eq!(run.told(), (6, "done".into(), verdict.into()), "{what}: {run:?}");
        assert!(run.stdout.contains("\nseal      sha256:"), "{what}: {}", run.stdout);
        let events = run.artifact("events.jsonl");
        assert_eq!(events.lines().count(), 4, "{what}");
        for name in ["task.md", "prompt.md", "pre-status.txt", "result.md"] {
            assert!(run.artifacts().join(name).is_file(), "{what}: {name}");
        }
    }
}

#[test]
fn interline_renderers_have_their_file_while_the_run_lives_and_no_symlink_is_followed() {
    let sandbox = Sandbox::new();
    let (gate, ready) = (sandbox.root().join("gate"), sandbox.root().join("ready"));
    let acts = [sh("echo > ../ready"), json!({ "until": gate })];
    let mut command = sandbox.dispatching(&clean_turn(&acts));
    command.env("CLODEX_INTERLINE", "1");
    let running = Running::start(command, b"");
    let file = PathBuf::from(format!("/tmp/clavain-dispatch-{}.json", running.pid()));
    eventually(LIMIT, || ready.exists().then_some(()));
    let shown = json_file(&file);
    assert_eq!(shown["workdir"], json!(sandbox.repo()));
    for key in ["name", "started", "activity"] {
        assert!(!shown[key].as_str().unwrap().is_empty(), "{shown}");
    }
    assert_eq!(fs::symlink_metadata(&file).unwrap().mode() & 0o7777, 0o600);
    fs::write(&gate, "").unwrap();
    let run = Dispatched::of(running.finish(LIMIT));
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!file.exists());

    // The pid is known before the program is: the shell lays the trap and becomes the dispatcher.
    let victim = sandbox.file("victim", "theirs");
    let dispatch = sandbox.dispatching(&clean_turn(&[]));
    let mut command = Command::new("sh");
    command.env_clear().envs(dispatch.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("CLODEX_INTERLINE", "1").env("VICTIM", &victim).current_dir(sandbox.repo());
    command.args(["-c", "ln -s \"$VICTIM\" /tmp/clavain-dispatch-$$.json; exec \"$@\"", "sh"]);
    command.arg(dispatch.get_program()).args(dispatch.get_args());
    let running = Running::start(command, b"");
    let trap = PathBuf::from(format!("/tmp/clavain-dispatch-{}.json", running.pid()));
    let run = Dispatched::of(running.finish(LIMIT));
    let left = fs::read_link(&trap);
    let _ = fs::remove_file(&trap);
    assert_eq!((run.code, left.unwrap()), (0, victim.clone()), "{run:?}");
    assert_eq!(fs::read_to_string(victim).unwrap(), "theirs");
}
