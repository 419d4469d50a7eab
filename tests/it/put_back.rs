//! What a run changed outside its scope is put back: at its end where that is wanted, later by hand, and whatever
//! interrupts it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use clodex_tests::{Dispatched, LIMIT, Sandbox, clean_turn, dispatched, run_with_timeout, sh};
use serde_json::{Value, json};

/// Everything that such a worker could have changed, the artifacts apart.
const PICTURE: &str = r"
find . -path ./.git -prune -o -path ./.codex-dispatch -prune -o -path ./src -prune -o -printf '%p %y %m %l\n' | sort
find . -path ./.git -prune -o -path ./.codex-dispatch -prune -o -path ./src -prune -o -type f -exec sha256sum {} + | sort
cat .git/HEAD; git for-each-ref; git ls-files -s; cat .git/config .git/hooks/* 2>/dev/null | sha256sum
find . -name '.clodex-*'; find .git -name '*.lock'
";

const HARM: &str = "echo worker >> lib/x.txt; rm -rf docs; mkdir docs.new; echo n > docs.new/n; echo w >> user/dirty; \
    chmod 700 user; git branch worker; echo '[a]' >> .git/config; printf '#!/bin/sh\\n' > .git/hooks/post-commit; \
    rm user/empty; ln -s /etc user/empty; git rm -q --cached lib/keep.txt; echo in > src/in.txt";

fn sh_in(dir: &Path, script: &str) -> String {
    let done = Command::new("bash").args(["-c", script]).current_dir(dir).output().unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned()
}

fn stage() -> Sandbox {
    let sandbox = Sandbox::new();
    let setup = "mkdir -p lib docs user/empty; echo x > lib/x.txt; echo k > lib/keep.txt; echo d > docs/d.txt; \
        git add -A; git -c user.name=t -c user.email=t@t commit -qm more; echo dirty > user/dirty";
    sh_in(&sandbox.repo(), setup);
    sandbox
}

fn picture(sandbox: &Sandbox) -> String {
    sh_in(&sandbox.repo(), PICTURE)
}

fn dispatch(sandbox: &Sandbox, args: &[&str], acts: &[Value]) -> Dispatched {
    let mut command = sandbox.dispatching(&clean_turn(acts));
    command.args(args);
    dispatched(command)
}

fn restore(sandbox: &Sandbox, args: &[&str]) -> Output {
    let mut command = sandbox.command("clodex-scope");
    command.arg("restore").args(args);
    run_with_timeout(command, LIMIT)
}

#[test]
fn violations_are_put_back_at_the_end_of_the_run_and_stay_violations() {
    let sandbox = stage();
    let before = picture(&sandbox);
    let run = dispatch(&sandbox, &["--on-violation", "restore"], &[sh(HARM)]).exits(6);
    assert_eq!(picture(&sandbox), before, "{run:?}");
    assert_eq!(sh_in(&sandbox.repo(), "cat src/in.txt"), "in\n");
    let policy = run.policy();
    assert_eq!(policy["verdict"], "violation");
    let violations = policy["violations"].as_array().unwrap();
    assert!(violations.len() > 6 && violations.iter().all(|one| one["restored"] == true), "{policy}");
    assert!(run.artifact("quarantine.patch").contains("+worker"));
    assert!(run.json("seal.json")["sha256"]["quarantine.json"].is_string());
    assert_eq!(fs::read_to_string(run.artifacts().join("quarantine/user/dirty")).unwrap(), "dirty\nw\n");
    assert!(run.artifact("changes.patch").contains("+worker"), "the patch was made before");
    run.says(&["restored", "it was restored"]);
    assert!(!sandbox.state().join("secured").join(run.id()).exists());
}

#[test]
fn a_clean_run_leaves_nothing_secured() {
    let sandbox = stage();
    let run = dispatch(&sandbox, &[], &[sh("echo in > src/in.txt")]).exits(0);
    assert!(!sandbox.state().join("secured").join(run.id()).exists());
}

#[test]
fn by_hand_paths_are_listed_without_a_terminal_and_put_back_with_yes() {
    let sandbox = stage();
    let before = picture(&sandbox);
    let run = dispatch(&sandbox, &[], &[sh(HARM)]).exits(6);
    run.says(&[&format!("clodex-scope restore {}", run.id())]);
    let sealed = run.artifact("policy.json");
    let changed = picture(&sandbox);
    let asked = restore(&sandbox, &[&run.id()]);
    assert_eq!(asked.status.code(), Some(2));
    let told = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(told.contains("restorable: lib/x.txt") && told.contains("hint: "), "{told}");
    assert_eq!(picture(&sandbox), changed);
    assert_eq!(restore(&sandbox, &[&run.id(), "nowhere", "--yes"]).status.code(), Some(2));

    let one = restore(&sandbox, &[&run.id(), "docs", "--yes", "--json"]);
    assert_eq!(one.status.code(), Some(0), "{one:?}");
    let told: Value = serde_json::from_slice(&one.stdout).unwrap();
    assert_eq!(told["paths"][0]["state"], "restored");
    assert_eq!(sh_in(&sandbox.repo(), "cat docs/d.txt; cat lib/x.txt"), "d\nx\nworker\n");

    let all = restore(&sandbox, &[&run.id(), "--yes"]);
    assert_eq!(all.status.code(), Some(0), "{all:?}");
    assert_eq!(picture(&sandbox), before);
    assert_eq!(run.artifact("policy.json"), sealed);
    let again = restore(&sandbox, &[&run.id(), "--yes"]);
    assert_eq!((again.status.code(), again.stdout.starts_with(b"nothing to put back")), (Some(0), true));
}

#[test]
fn a_run_that_fails_fast_ends_at_the_first_violation_and_not_before() {
    let sandbox = stage();
    let command = |command: &str| {
        let item = json!({ "id": "i", "type": "command_execution", "command": command, "aggregated_output": "", "exit_code": 0, "status": "completed" });
        json!({ "line": { "type": "item.completed", "item": item } })
    };
    let acts = [
        sh("echo in > src/in.txt; mkdir .agents; touch .git/index.lock"),
        command("in scope"),
        sh("rm .git/index.lock; echo out >> lib/x.txt"),
        command("out of scope"),
        json!("hang"),
    ];
    let run = dispatch(&sandbox, &["--on-violation", "fail-fast"], &acts).exits(6);
    assert_eq!(run.told(), (6, "cancelled".into(), "violation".into()));
    assert!(run.violations().contains(&"lib/x.txt".to_owned()), "{run:?}");
    run.complains(&["stopping: lib/x.txt changed outside the scope"]);
}

/// Runs until the n-th time that it enters or leaves the kernel, and kills it there; says how often it did.
#[cfg(target_os = "linux")]
fn killed_at_call(command: &Command, n: usize) -> usize {
    let mut seen = 0;
    clodex_tests::killed_at(command, |_| {
        seen += 1;
        seen == n
    });
    seen
}

#[test]
#[cfg(target_os = "linux")]
fn killed_at_any_syscall_and_run_again_it_ends_in_the_same_tree() {
    let sandbox = stage();
    let before = picture(&sandbox);
    let run = dispatch(&sandbox, &[], &[sh(HARM)]).exits(6);
    let saved = sandbox.root().join("saved");
    let keep = |script: &str| {
        let (repo, state) = (sandbox.repo(), sandbox.state());
        let script = script.replace("REPO", repo.to_str().unwrap()).replace("STATE", state.to_str().unwrap());
        sh_in(sandbox.root(), &script.replace("SAVED", saved.to_str().unwrap()));
    };
    keep("mkdir SAVED; cp -a REPO SAVED/repo; cp -a STATE SAVED/state");
    let mut command = sandbox.command("clodex-scope");
    command.args(["restore", &run.id(), "--yes"]);
    let syscalls = killed_at_call(&command, 0);
    assert!(syscalls > 500, "only {syscalls} were seen");
    assert_eq!(picture(&sandbox), before);
    let rounds: usize = std::env::var("CLODEX_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    for round in 0..rounds {
        keep("rm -rf REPO STATE; cp -a SAVED/repo REPO; cp -a SAVED/state STATE");
        // A spread over all of them, at other places when there are other rounds.
        let n = 1 + round * syscalls / rounds;
        killed_at_call(&command, n);
        let again = restore(&sandbox, &[&run.id(), "--yes"]);
        assert_eq!(again.status.code(), Some(0), "killed at {n} of {syscalls}: {again:?}");
        assert_eq!(picture(&sandbox), before, "killed at {n} of {syscalls}");
    }
}
