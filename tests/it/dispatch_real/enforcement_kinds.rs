//! What each kind of scope, and each field that opens or closes more, comes to in the real sandbox.

use std::fs;

use clodex_tests::{Packet, text};
use serde_json::{Value, json};

use crate::stage::{Stage, clean, sh, step};

/// A packet whose worker runs these commands, whatever comes of each.
fn running(packet: Packet, commands: &[&str]) -> Packet {
    let slow = |command: &&str| step(&[sh(&format!("{command}; sleep 0.3"))]);
    let mut script: Vec<Value> = commands.iter().map(slow).collect();
    script.push(step(&[clean()]));
    packet.script(&Value::Array(script))
}

#[test]
fn a_scope_of_one_file_holds_its_neighbours() {
    let Some(stage) = Stage::real() else { return };
    let tries = ["echo A >> src/a.txt; echo B >> src/b.txt; mv src/b.txt src/x; echo T > top"];
    let patch = "*** Begin Patch\n*** Update File: src/a.txt\n@@\n-a\n+patched\n*** End Patch";
    let script = json!([
        step(&[json!({ "patch": patch })]),
        step(&[sh(&format!("{}; sleep 0.3", tries[0]))]),
        step(&[clean()])
    ]);
    let run = stage.packet(&Packet::worker(&["src/a.txt"]).script(&script), &[]).exits(0);
    assert_eq!(run.policy()["in_scope"], json!(["src/a.txt"]));
    assert_eq!(text(stage.sandbox.repo().join("src/a.txt")), "patched\nA\n");
}

#[test]
fn a_new_neighbour_of_a_scope_of_one_file_is_found() {
    let Some(stage) = Stage::real() else { return };
    let packet = running(
        Packet::worker(&["docs/new.md"]),
        &["echo n > docs/new.md; echo o > docs/other.md; echo x >> docs/d.txt"],
    );
    let run = stage.packet(&packet, &[]).exits(6);
    assert_eq!(
        (run.violations(), &run.policy()["in_scope"]),
        (vec!["docs/other.md".to_owned()], &json!(["docs/new.md"]))
    );
}

#[test]
fn a_scope_that_is_a_glob_holds_what_it_cannot_match() {
    let Some(stage) = Stage::real() else { return };
    stage.sandbox.file("repo/src/keep.rs", "k");
    stage.sandbox.file("repo/src/sub/keep.txt", "k");
    let packet = running(
        Packet::worker(&["src/*.txt"]),
        &[
            "echo A >> src/a.txt; echo n > src/new.txt; echo K >> src/keep.rs; echo K >> src/sub/keep.txt; mv src/sub src/gone",
        ],
    );
    let run = stage.packet(&packet, &["--allow-dirty-overlap"]).exits(0);
    assert_eq!(run.policy()["in_scope"], json!(["src/a.txt", "src/new.txt"]));
    assert_eq!(text(stage.sandbox.repo().join("src/keep.rs")), "k");
}

#[test]
fn missing_directories_are_made_first_and_go_when_they_stay_empty() {
    let Some(stage) = Stage::real() else { return };
    let repo = stage.sandbox.repo();
    let packet =
        running(Packet::worker(&["gen/deep/", "never/used/"]), &["echo n > gen/deep/n; ls -d never/used"]);
    let run = stage.packet(&packet, &[]).exits(0);
    assert_eq!(run.policy()["violations"], json!([]));
    assert_eq!(text(repo.join("gen/deep/n")), "n\n");
    assert!(!repo.join("never").exists());
}

#[test]
fn clodexs_own_directory_and_git_stay_under_a_scope_of_everything() {
    let Some(stage) = Stage::real() else { return };
    let packet = running(
        Packet::worker(&["."]),
        &[
            "echo n > new; echo x > .codex-dispatch/runs/x; echo x > .codex-dispatch/.gitignore; echo x > .git/x; git add new",
        ],
    );
    let run = stage.packet(&packet, &[]).exits(0);
    assert_eq!(run.policy()["in_scope"], json!(["new"]));
    assert!(!run.artifacts().parent().unwrap().join("x").exists());
    assert_eq!(stage.sandbox.git(&["diff", "--cached", "--name-only"]), "");
}

#[test]
fn who_may_commit_commits_and_changes_nothing_of_how_git_behaves() {
    let Some(stage) = Stage::real() else { return };
    let repo = stage.sandbox.repo();
    let config = text(repo.join(".git/config"));
    for (scope, file) in [("src", "src/a.txt"), (".", "top.txt")] {
        let packet = running(
            Packet::worker(&[scope]).with("ALLOW COMMIT: true"),
            &[
                &format!("echo A >> {file}; git add {file} && git commit -qm work"),
                "echo x > .git/hooks/post-commit; git config a.b c; echo x >> .git/info/exclude; echo x > .git/objects/info/alternates",
            ],
        );
        stage.packet(&packet, &[]).exits(0);
        assert_eq!(
            stage.sandbox.git(&["log", "-1", "--format=%s", "--name-only"]),
            format!("work\n\n{file}\n")
        );
        assert_eq!(text(repo.join(".git/config")), config);
        for planted in ["hooks/post-commit", "objects/info/alternates"] {
            assert!(!repo.join(".git").join(planted).exists(), "{planted}");
        }
    }
}

#[test]
fn a_linked_worktree_commits_and_leaves_the_main_one_alone() {
    let Some(stage) = Stage::real() else { return };
    let side = stage.sandbox.root().join("side");
    let side = side.to_str().unwrap();
    stage.sandbox.git(&["worktree", "add", "-q", "-b", "side", side]);
    let script = "echo A >> src/a.txt; git commit -qam work; git -C ../repo checkout -q --detach; echo x > ../repo/.git/hooks/post-commit";
    let packet = running(Packet::worker(&["src"]).with("ALLOW COMMIT: true"), &[script]);
    let text = packet.to_text(side.as_ref());
    let path = stage.sandbox.file("side.md", text);
    stage.run(&["--task", path.to_str().unwrap()]).exits(0);
    assert_eq!(stage.sandbox.git(&["log", "-1", "--format=%s", "side"]), "work\n");
    assert_eq!(stage.sandbox.git(&["rev-parse", "--abbrev-ref", "HEAD"]), "main\n");
    assert!(!stage.sandbox.repo().join(".git/hooks/post-commit").exists());
}

#[test]
fn who_only_reads_writes_build_outputs_and_nothing_else() {
    let Some(stage) = Stage::real() else { return };
    fs::create_dir(stage.sandbox.repo().join("build")).unwrap();
    let packet = running(
        Packet::read_only("verifier").with("BY-PRODUCTS: build/reports"),
        &[
            "echo b > build/b; echo r > build/reports/r; echo x >> src/a.txt; echo x > new; echo t > $TMPDIR/t && cat $TMPDIR/t",
        ],
    );
    let run = stage.packet(&packet, &[]).exits(0);
    let policy = run.policy();
    assert_eq!((&policy["violations"], &policy["by_products"]), (&json!([]), &json!(["build/"])));
    assert!(stage.sandbox.repo().join("build/reports/r").exists());
}

#[test]
fn what_may_not_be_read_is_not() {
    let Some(stage) = Stage::real() else { return };
    for secret in [".env", "src/deep/.env", "docs/keys.pem"] {
        stage.sandbox.file(&format!("repo/{secret}"), "hush-hush");
    }
    let packet = running(
        Packet::worker(&["src"]).with("DENY READ:\n- `**/.env`\n- docs/keys.pem\n- not/there"),
        &["cat .env src/deep/.env docs/keys.pem docs/d.txt > src/seen"],
    );
    let run = stage.packet(&packet, &["--allow-dirty-overlap"]).exits(0);
    assert_eq!(text(stage.sandbox.repo().join("src/seen")), "d\n");
    assert_eq!(
        run.policy()["profile"]["paths"][stage.sandbox.repo().join("docs/keys.pem").to_str().unwrap()],
        "deny"
    );
    assert!(!stage.sandbox.repo().join("not").exists());
}

#[test]
fn what_may_not_be_read_is_not_however_it_is_written_and_whenever_it_is_made() {
    let Some(stage) = Stage::real() else { return };
    for secret in ["docs/.secrets/in/key", "lib/[id]/key", "lib/a.pem", "lib/b.key"] {
        stage.sandbox.file(&format!("repo/{secret}"), "hush-hush");
    }
    let packet = running(
        Packet::worker(&["src"])
            .with("DENY READ:\n- `**/.sec*`\n- `lib/[id]`\n- `lib/*.{pem,key}`\n- src/late"),
        &[
            "cat docs/.secrets/in/key lib/[[]id]/key lib/a.pem lib/b.key docs/d.txt > src/seen",
            "echo hush-hush > src/late",
            "cat src/late >> src/seen",
        ],
    );
    stage.packet(&packet, &["--allow-dirty-overlap"]).exits(0);
    assert_eq!(text(stage.sandbox.repo().join("src/seen")), "d\n");
    assert_eq!(text(stage.sandbox.repo().join("src/late")), "hush-hush\n");
}

#[test]
fn a_scope_that_codex_takes_for_a_glob_is_held_by_the_directory_above_it() {
    let Some(stage) = Stage::real() else { return };
    let repo = stage.sandbox.repo();
    for directory in ["src/[slug]", "src/[...all]", "lib"] {
        fs::create_dir_all(repo.join(directory)).unwrap();
    }
    stage.sandbox.file("repo/src/other", "o\n");
    stage.sandbox.git(&["add", "--all"]);
    stage.sandbox.git(&["commit", "--quiet", "--message", "pages"]);
    let acts = ["echo n > 'src/[slug]/n'", "echo evil > lib/x", "echo evil > src/other"];
    let packet = running(Packet::worker(&["src/[slug]/"]), &acts);
    let run = stage.packet(&packet, &[]).exits(0);
    assert_eq!(run.policy()["enforcement"], "profile");
    assert_eq!(text(repo.join("src/[slug]/n")), "n\n");
    assert!(!repo.join("lib/x").exists() && text(repo.join("src/other")) == "o\n");
    run.says(&["paths next to the scope's entries can be written by the worker"]);
}
