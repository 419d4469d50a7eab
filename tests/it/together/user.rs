//! The user works on while a worker runs: edits, commits, fetches, collects garbage.

use std::fs;

use clodex_tests::Packet;
use serde_json::{Value, json};

use crate::stage::Stage;

/// Something to fetch, and objects that have another name in the remote.
const REMOTE: &str = "git clone -q --local --bare . ../remote.git; git remote add origin ../remote.git
    git clone -q ../remote.git ../theirs; cd ../theirs; git commit -q --allow-empty -m theirs; git push -q";

/// A day's work. An editor saves by renaming; an IDE keeps its own things in the tree.
const DAY: &str = r"echo mine >> README.md; printf 'saved\n' > lib/.x.swp; mv lib/.x.swp lib/x.txt
    mkdir -p .idea .vscode notes/deep lib/empty; echo '<x/>' > .idea/workspace.xml; echo '{}' > .vscode/settings.json
    echo n > notes/deep/n; echo n > notes/gone; rm notes/gone docs/d.txt; chmod +x README.md; chmod 750 lib
    git add lib README.md docs; git commit -qm mine; git branch topic; git tag v1
    echo wip >> lib/x.txt; git stash push -q -- lib/x.txt; echo more >> lib/x.txt
    git fetch -q origin; git config core.pager less; git gc -q --prune=now; git status >/dev/null";

/// What of it can be told, sorted.
const TOLD: [&str; 15] = [
    ".git/config",
    ".idea/workspace.xml",
    ".vscode/settings.json",
    "HEAD",
    "README.md",
    "docs/d.txt",
    "lib",
    "lib/empty",
    "lib/x.txt",
    "notes/deep/n",
    "refs/heads/main",
    "refs/heads/topic",
    "refs/remotes/origin/main",
    "refs/stash",
    "refs/tags/v1",
];

#[test]
fn what_the_user_does_beside_a_worker_is_told_as_anothers_and_never_undone() {
    for args in [&[][..], &["--on-violation", "restore"], &["--on-violation", "fail-fast"]] {
        let Some(stage) = Stage::real() else { return };
        stage.user(REMOTE);
        let run = stage.at_work("work", "src/", args);
        stage.user(DAY);
        let after_the_day = stage.outside();
        stage.open("work");
        let run = run.finish().exits(0);
        assert_eq!(stage.outside(), after_the_day, "{args:?}");
        let policy = run.policy();
        assert_eq!((&policy["verdict"], &policy["violations"]), (&json!("clean"), &json!([])), "{args:?}");
        assert_eq!(policy["foreign"], json!(TOLD), "{args:?}\n{:#}", policy["foreign"]);
        assert_eq!(policy["in_scope"], json!(["src/begun", "src/work"]), "{args:?}");
        run.says(&["changed by others (", "  lib/x.txt\n"]);
    }
}

#[test]
fn where_the_worker_could_have_done_it_the_user_hears_that_it_may_have_been_somebody_else() {
    let Some(stage) = Stage::real() else { return };
    let run = stage.at_work("work", "src/", &["--enforcement", "sandbox"]);
    stage.user("echo mine >> lib/x.txt; echo mine >> README.md; git branch topic");
    stage.open("work");
    let run = run.finish().exits(6);
    assert_eq!(run.violations(), ["README.md", "lib/x.txt"]);
    assert_eq!(run.policy()["foreign"], json!(["refs/heads/topic"]), "Codex's own sandbox holds .git");
    run.says(&["a violation may be a change of yours or of another program: "]);
    assert_eq!(fs::read_to_string(stage.sandbox.repo().join("lib/x.txt")).unwrap(), "x\nmine\n");
}

/// The day ends on another branch, with hooks and ignore rules of the user's own.
const EVENING: &str = r"git switch -qc evening; printf '#!/bin/sh\n' > .git/hooks/pre-push
    echo '*.tmp' > .git/info/exclude";

/// What of the user's repository no listing of refs shows.
fn git_files(stage: &Stage) -> Vec<String> {
    let files = ["HEAD", "config", "hooks/pre-push", "info/exclude", "logs/refs/stash"];
    files.map(|name| fs::read_to_string(stage.sandbox.repo().join(".git").join(name)).unwrap()).into()
}

#[test]
fn what_the_user_does_beside_an_isolated_worker_is_never_its_doing_and_never_undone() {
    for args in [&["--enforcement", "sandbox"][..], &["--enforcement", "sandbox", "--backend", "exec"], &[]] {
        let Some(stage) = Stage::real() else { return };
        stage.user(REMOTE);
        let packet = Packet::worker(&["src/"]);
        let packet = stage.waiting(packet, "go", "echo > src/begun", "echo n > src/new");
        let repo = stage.sandbox.repo();
        let run = stage.begin("work", &packet, &repo, &[&["--isolate"], args].concat());
        stage.until(stage.sandbox.state().join(format!("worktrees/{}/repo/src/begun", run.id)));
        stage.user(DAY);
        stage.user(EVENING);
        let (after_the_day, after_the_evening) = (stage.outside(), git_files(&stage));
        stage.open("go");
        let run = run.finish().exits(0);
        assert_eq!(stage.outside(), after_the_day, "{args:?}");
        assert_eq!(git_files(&stage), after_the_evening, "{args:?}");
        let policy = run.policy();
        assert_eq!((&policy["verdict"], &policy["violations"]), (&json!("clean"), &json!([])), "{args:?}");
        for path in ["refs/heads/main", "refs/stash", ".git/config", ".git/hooks/pre-push", ".git/HEAD"] {
            assert!(policy["foreign"].as_array().unwrap().contains(&json!(path)), "{args:?}: {policy:#}");
        }
        assert_eq!(policy["in_scope"], json!(["src/begun", "src/new"]), "{args:?}");
    }
}

#[test]
fn where_the_tree_is_put_back_unseen_the_users_repository_is_not() {
    let Some(stage) = Stage::real() else { return };
    let run = stage.at_work("work", "src/", &["--enforcement", "sandbox", "--on-violation", "restore"]);
    stage.user(
        "git branch topic; git stash push -q 2>/dev/null; git config core.pager less; echo mine >> lib/x.txt",
    );
    stage.user("git add lib; git commit -qm mine; echo more >> README.md");
    let (head, config) = (
        stage.sandbox.git(&["rev-parse", "HEAD", "topic"]),
        fs::read(stage.sandbox.repo().join(".git/config")),
    );
    stage.open("work");
    let run = run.finish().exits(6);
    let policy = run.policy();
    let in_git = [".git/config", "HEAD", "lib/x.txt", "refs/heads/main", "refs/heads/topic"];
    assert_eq!(policy["foreign"], json!(in_git), "lib/x.txt: its entry in the index");
    assert_eq!(run.violations(), ["README.md", "lib/x.txt"], "what the worker could have done");
    assert_eq!(stage.sandbox.git(&["rev-parse", "HEAD", "topic"]), head);
    assert_eq!(fs::read(stage.sandbox.repo().join(".git/config")).ok(), config.ok());
    assert_eq!(fs::read_to_string(stage.sandbox.repo().join("README.md")).unwrap(), "# sandbox\n");
}

#[test]
fn artifacts_that_the_user_removes_are_written_anew_and_no_fault_of_a_worker_that_could_not() {
    for backend in ["exec", "app-server"] {
        let Some(stage) = Stage::real() else { return };
        let run = stage.at_work("work", "src/", &["--backend", backend]);
        stage.user("rm -r .codex-dispatch");
        stage.open("work");
        let run = run.finish().exits(0);
        let policy = run.policy();
        assert_eq!((&policy["verdict"], &policy["violations"]), (&json!("clean"), &json!([])), "{policy:#}");
        let own = format!(".codex-dispatch/runs/{}", run.id());
        assert!(policy["foreign"].as_array().unwrap().contains(&json!(own)), "{policy:#}");
        run.says(&["somebody else changed artifacts of this run: they were written anew"]);
        assert!(run.artifact("events.jsonl").contains("src/begun"), "all of the stream");
        assert_eq!(stage.sandbox.git(&["status", "--short"]), "?? src/begun\n?? src/work\n");
    }
}

#[test]
fn codexs_own_sandbox_lets_a_worker_change_nothing_of_git() {
    for backend in ["exec", "app-server"] {
        let Some(stage) = Stage::real() else { return };
        let before = (stage.outside(), fs::read(stage.sandbox.repo().join(".git/config")).unwrap());
        let patch = "*** Begin Patch\n*** Add File: .git/hooks/pre-commit\n+#!/bin/sh\n*** End Patch";
        let tries =
            "git branch worker; git stash; git config a.b c; mv .git gone; ln -s x .git/hooks/h; sleep 0.3";
        let script = json!([
            { "do": [{ "run": { "cmd": tries, "yield_time_ms": 30000 } }] },
            { "do": [{ "patch": patch }] },
            { "do": [crate::stage::clean()] },
        ]);
        let args = ["--enforcement", "sandbox", "--backend", backend, "--answer-timeout", "0"];
        let run = stage.packet(&Packet::worker(&["src"]).script(&script), &args);
        let after = (stage.outside(), fs::read(stage.sandbox.repo().join(".git/config")).unwrap());
        assert_eq!(after, before, "{run:?}");
        assert!(!stage.sandbox.repo().join(".git/hooks/pre-commit").exists(), "{run:?}");
        assert_eq!(
            (&run.policy()["violations"], &run.policy()["foreign"]),
            (&json!([]), &json!([])),
            "{run:?}"
        );
    }
}

#[test]
fn a_commit_of_the_users_in_another_work_tree_is_no_fault_of_a_worker_that_may_commit() {
    let Some(stage) = Stage::real() else { return };
    stage.user("git worktree add -q -b side ../side");
    let packet = Packet::worker(&["src"]).with("ALLOW COMMIT: true");
    let commit = "git add src && git commit -qm worker";
    let packet = stage.waiting(packet, "go", "echo n > src/new; touch src/begun", commit);
    let run = stage.begin("work", &packet, &stage.sandbox.repo(), &["--on-violation", "restore"]);
    stage.until("repo/src/begun");
    stage.user("cd ../side; echo mine >> lib/x.txt; git commit -qam mine");
    let users = stage.sandbox.git(&["rev-parse", "side"]);
    stage.open("go");
    let run = run.finish().exits(0);
    assert_eq!(stage.sandbox.git(&["rev-parse", "side"]), users, "not undone");
    let policy = run.policy();
    assert_eq!(policy["foreign"], json!([".git/worktrees/side/index", "refs/heads/side"]));
    let commits: Vec<&str> = policy["commits"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(commits.len() == 1 && commits[0].ends_with(" worker"), "{commits:?}");
}

#[test]
fn a_repository_that_the_user_moves_away_is_left_where_it_went() {
    let Some(stage) = Stage::real() else { return };
    for backend in ["exec", "app-server"] {
        let run = stage.at_work(backend, "src/", &["--backend", backend, "--on-violation", "restore"]);
        let (repo, moved) = (stage.sandbox.repo(), stage.sandbox.root().join("moved"));
        fs::rename(&repo, &moved).unwrap();
        stage.open(backend);
        let run = run.finish().exits(6);
        assert!(!repo.exists(), "{run:?}");
        run.says(&["verdict  unknown"]);
        assert!(!run.stdout.contains("violation"), "{run:?}");
        fs::rename(&moved, &repo).unwrap();
        fs::remove_file(repo.join("src/begun")).unwrap();
    }
}
