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
    echo n > notes/deep/n; echo n > notes/gone; rm notes/gone docs/d.txt; chmod +x README.md
    git add lib README.md docs; git commit -qm mine; git branch topic; git tag v1
    echo wip >> lib/x.txt; git stash push -q -- lib/x.txt; echo more >> lib/x.txt
    git fetch -q origin; git config core.pager less; git gc -q --prune=now; git status >/dev/null";

/// What of it can be told, sorted.
const TOLD: [&str; 14] = [
    ".git/config",
    ".idea/workspace.xml",
    ".vscode/settings.json",
    "HEAD",
    "README.md",
    "docs/d.txt",
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
    assert_eq!(run.violations(), ["README.md", "lib/x.txt", "refs/heads/topic"]);
    assert_eq!(run.policy()["foreign"], json!([]));
    run.says(&["a violation may be a change of yours or of another program: "]);
    assert_eq!(fs::read_to_string(stage.sandbox.repo().join("lib/x.txt")).unwrap(), "x\nmine\n");
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
