//! The directory that a run leaves behind: where it may be, that git does not see it, and that a worker cannot forge it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use clodex_tests::{Dispatched, Sandbox, clean_turn, dispatched, run_with_timeout, sh};

#[test]
fn one_run_after_the_other_is_clean_and_git_sees_none_of_them() {
    let sandbox = Sandbox::new();
    for _ in 0..3 {
        let run = sandbox.dispatch(&clean_turn(&[]));
        assert_eq!(run.told(), (0, "done".into(), "clean".into()), "{run:?}");
    }
    assert_eq!(sandbox.git(&["status", "--porcelain", "--ignored"]), "!! .codex-dispatch/\n");
    let gitignore = sandbox.repo().join(".codex-dispatch/.gitignore");
    assert_eq!(fs::read_to_string(gitignore).unwrap(), "*\n");
}

#[test]
fn the_artifacts_of_an_earlier_run_are_nobodys_to_change() {
    let sandbox = Sandbox::new();
    let earlier = sandbox.dispatch(&clean_turn(&[]));
    let run =
        sandbox.dispatch(&clean_turn(&[sh("for f in .codex-dispatch/runs/*/seal.json; do echo > $f; done")]));
    let id = earlier.artifacts().file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(run.told(), (6, "done".into(), "violation".into()));
    assert_eq!(run.violations(), [format!(".codex-dispatch/runs/{id}/seal.json")]);
}

#[test]
fn what_the_worker_does_to_its_own_artifacts_is_found_and_undone() {
    let here = "cd .codex-dispatch/runs/*/;";
    for (what, forged, restored) in [
        ("echo CLEAN > task.md", vec!["task.md"], true),
        ("rm prompt.md; mkdir prompt.md", vec!["prompt.md"], true),
        ("rm task.md; ln -s /etc/passwd task.md", vec!["task.md"], true),
        ("rm task.md; mkfifo task.md", vec!["task.md"], true),
        ("rm events.jsonl", vec!["events.jsonl"], true),
        (
            "e=$(cat events.jsonl); rm events.jsonl; printf '%s\\n{}\\n' \"$e\" > events.jsonl",
            vec!["events.jsonl"],
            true,
        ),
        ("echo '{}' >> events.jsonl", vec!["events.jsonl"], false),
        // What is not there yet is in nobody's place.
        ("mkdir -p policy.json/x; ln -s ../../../../lib/x.txt result.json; echo > seal.json", vec![], true),
    ] {
        let sandbox = Sandbox::new();
        let run = sandbox.dispatch(&clean_turn(&[sh(&format!("{here} {what}"))]));
        let dir = run.artifacts();
        let below = dir.strip_prefix(sandbox.repo()).unwrap().display().to_string();
        let paths: Vec<String> = forged.iter().map(|name| format!("{below}/{name}")).collect();
        assert_eq!(run.violations(), paths, "{what}: {run:?}");
        assert_eq!(run.code, if forged.is_empty() { 0 } else { 6 }, "{what}");
        for violation in run.policy()["violations"].as_array().unwrap() {
            assert_eq!(violation["restored"], restored, "{what}");
        }
        assert_eq!(fs::read(dir.join("task.md")).unwrap(), fs::read(sandbox.root().join("task.md")).unwrap());
        let events = fs::read_to_string(dir.join("events.jsonl")).unwrap();
        assert_eq!(events.lines().count(), if restored { 4 } else { 5 }, "{what}");
        assert_sealed(&run);
        assert_eq!(fs::read_to_string(sandbox.repo().join("lib/x.txt")).unwrap(), "x\n", "{what}");
    }
}

#[test]
fn what_the_worker_puts_beside_the_artifacts_is_a_violation() {
    let sandbox = Sandbox::new();
    let run = sandbox
        .dispatch(&clean_turn(&[sh("cd .codex-dispatch/runs/*/; echo x > evil.sh; echo x > result.md")]));
    let evil = run.artifacts().strip_prefix(sandbox.repo()).unwrap().join("evil.sh");
    assert_eq!((run.code, run.violations()), (6, vec![evil.display().to_string()]), "{run:?}");
    assert_sealed(&run);
}

#[test]
fn an_artifact_directory_that_is_gone_or_replaced_is_made_again_and_no_symlink_is_followed() {
    for what in [
        "rm -rf .codex-dispatch",
        "rm -rf .codex-dispatch; echo > .codex-dispatch",
        "rm -rf .codex-dispatch/runs/*",
        "mv .codex-dispatch ../elsewhere; ln -s ../elsewhere .codex-dispatch",
        "mv .codex-dispatch/runs ../elsewhere; ln -s ../../elsewhere .codex-dispatch/runs",
        "cd .codex-dispatch/runs; d=$(echo *); mv $d ../../../elsewhere; ln -s ../../../elsewhere $d",
        "cd .codex-dispatch/runs; d=$(echo *); mv $d x; mkdir $d",
    ] {
        let sandbox = Sandbox::new();
        let run = sandbox.dispatch(&clean_turn(&[sh(what)]));
        let dir = run.artifacts();
        assert_eq!(run.told(), (6, "done".into(), "violation".into()), "{what}");
        let below = dir.strip_prefix(sandbox.repo()).unwrap().display().to_string();
        assert!(run.violations().contains(&below), "{what}: {:?}", run.violations());
        assert_eq!(dir.canonicalize().unwrap(), dir, "{what}");
        assert_sealed(&run);
        // Written at the end, and not to where the symlink led.
        shell(&sandbox, "! find ../elsewhere -name result.json 2>&1 | grep -q result.json$");
        let events = fs::read_to_string(dir.join("events.jsonl")).unwrap();
        assert_eq!(events.lines().count(), 4, "{what}");
        assert!(
            sandbox.git(&["status", "--porcelain"]).lines().all(|line| !line.contains(".codex-dispatch"))
        );
    }
}

#[test]
fn a_repository_cannot_have_the_artifacts_written_elsewhere() {
    for trap in [
        "ln -s ../home .codex-dispatch",
        "mkdir .codex-dispatch; ln -s ../../home .codex-dispatch/runs",
        "echo > .codex-dispatch",
        "ln -s nowhere .codex-dispatch",
    ] {
        let sandbox = Sandbox::new();
        shell(&sandbox, trap);
        let run = sandbox.dispatch(&clean_turn(&[]));
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{trap}: {run:?}");
        assert!(run.stderr.starts_with("clodex-dispatch: cannot make the artifact directory in "), "{run:?}");
        assert!(run.stderr.ends_with("\nhint: name another one with --output-dir\n"), "{run:?}");
        assert_eq!(names_in(&sandbox.root().join("home")), [".gitconfig"], "{trap}");
        assert!(sandbox.recorded().iter().all(|start| start.argv[0] != "exec"), "nothing was started");
        assert_eq!(fs::read_dir(sandbox.state().join("live")).unwrap().count(), 0, "{trap}");
    }
}

#[test]
fn an_output_dir_inside_the_repository_is_neither_a_violation_nor_in_the_patch() {
    let sandbox = Sandbox::new();
    for _ in 0..2 {
        let mut command = sandbox.dispatching(&clean_turn(&[sh("echo more >> src/a.txt")]));
        command.args(["--output-dir", "docs/runs", "--allow-dirty-overlap"]);
        let run = dispatched(command);
        assert_eq!(run.told(), (0, "done".into(), "clean".into()), "{run:?}");
        assert!(run.artifacts().starts_with(sandbox.repo().join("docs/runs")));
        let patch = fs::read_to_string(run.artifacts().join("changes.patch")).unwrap();
        assert!(patch.contains("+more") && !patch.contains("docs/runs"), "{patch}");
        assert_eq!(run.policy()["in_scope"], serde_json::json!(["src/a.txt"]));
    }
}

/// The seal holds the digest of every artifact, and each is right.
#[track_caller]
fn assert_sealed(run: &Dispatched) {
    let dir = run.artifacts();
    let seal: serde_json::Value = serde_json::from_slice(&fs::read(dir.join("seal.json")).unwrap()).unwrap();
    let sealed = seal["sha256"].as_object().unwrap();
    let told: Vec<String> = serde_json::from_value(run.result()["artifacts"].clone()).unwrap();
    let mut names: Vec<&str> = sealed.keys().map(String::as_str).chain(["seal.json"]).collect();
    names.sort_unstable();
    assert_eq!(names, told);
    for (name, digest) in sealed {
        assert_eq!(digest, &sha256(&dir.join(name)), "{name}");
    }
    let whole = sha256(&dir.join("seal.json"));
    assert!(run.stdout.contains(&format!("seal      sha256:{whole}\n")), "{}", run.stdout);
}

fn sha256(path: &Path) -> String {
    let mut command = Command::new("sha256sum");
    command.arg(path);
    let output = run_with_timeout(command, Duration::from_mins(1));
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

fn names_in(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn shell(sandbox: &Sandbox, script: &str) {
    let mut command = sandbox.command("sh");
    command.args(["-c", script]);
    assert!(run_with_timeout(command, Duration::from_mins(1)).status.success(), "{script}");
}
