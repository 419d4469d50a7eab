//! Landing what isolated runs changed: all of it or nothing, never over the user's own work, and back again.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use clodex_tests::{Dispatched, FileWriter, LIMIT, Packet, Sandbox, clean_turn, run_with_timeout, sh};
use serde_json::{Value, json};

use crate::isolate::{everything, isolated, worktrees};
use crate::stage::{Stage, clean, helper, step};

/// Runs clodex-apply to its end.
#[track_caller]
pub fn apply(sandbox: &Sandbox, args: &[&str]) -> Dispatched {
    let mut command = sandbox.command("clodex-apply");
    command.args(args);
    Dispatched::of(run_with_timeout(command, LIMIT))
}

/// Changes of every kind, below `src/`.
pub const MUCH: &str = "cd src && echo A > a.txt && rm b.txt && printf '\\0\\377\\r' > binary && : > empty && \
                    mkdir -p new/deep && echo n > new/deep/n.txt && echo '#!/bin/sh' > run && chmod 755 run && \
                    ln -s ../lib/x.txt link && rm -r gone && chmod 755 mode && rm -r dir && echo file > dir && \
                    rm file && mkdir file && echo f > file/f && git mv moved was-moved && \
                    head -c 9000000 /dev/urandom > big && ln -sf elsewhere turned";

/// What [`MUCH`] needs.
pub fn prepare(sandbox: &Sandbox) {
    let src = sandbox.repo().join("src");
    for directory in ["gone/deep", "dir"] {
        fs::create_dir_all(src.join(directory)).unwrap();
    }
    for file in ["gone/deep/g.txt", "mode", "dir/d.txt", "file", "moved", "turned"] {
        fs::write(src.join(file), format!("{file}\n")).unwrap();
    }
    sandbox.git(&["add", "--all"]);
    sandbox.git(&["commit", "--quiet", "-m", "much"]);
    // Nobody's business: ignored, untracked, stashed, and unusual permissions.
    fs::write(sandbox.repo().join(".env"), "SECRET=1\n").unwrap();
    fs::write(sandbox.repo().join("lib/x.txt"), "stashed\n").unwrap();
    sandbox.git(&["stash"]);
    fs::write(sandbox.repo().join("untracked"), "mine\n").unwrap();
    fs::set_permissions(src.join("a.txt"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(src.join("gone"), fs::Permissions::from_mode(0o750)).unwrap();
}

/// The tree below `src`, as `find` tells it, with digests.
fn listed(root: &Path) -> String {
    let mut command = std::process::Command::new("sh");
    let script = "find . -name .git -prune -o -printf '%p %y %l %m\\n' | sort; find . -name .git -prune -o -type f -print0 | sort -z | xargs -0 sha256sum";
    command.args(["-c", script]).current_dir(root);
    String::from_utf8(run_with_timeout(command, LIMIT).stdout).unwrap()
}

#[test]
fn changes_of_every_kind_land_exactly_and_are_taken_back_exactly() {
    let sandbox = Sandbox::new();
    prepare(&sandbox);
    let before = everything(&sandbox);
    let run = isolated(&sandbox, MUCH, &[]);
    // The index of its worktree is the worker's to change in scope.
    let run = run.exits(0);
    let id = run.id();
    assert_eq!(everything(&sandbox), before);
    let place = run.record(&sandbox)["workdir"].as_str().unwrap().to_owned();
    fs::set_permissions(Path::new(&place).join("src/a.txt"), fs::Permissions::from_mode(0o600)).unwrap();
    let wanted = listed(&Path::new(&place).join("src"));

    let checked = apply(&sandbox, &["--check", "--json", &id]).exits(0);
    let checked: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!((&checked["did"], everything(&sandbox) == before), (&json!("would-land"), true));

    apply(&sandbox, &[&id]).exits(0).says(&[
        "landed ",
        "  src/was-moved\n",
        &format!("clodex-apply --undo {id}"),
    ]);
    assert_eq!(listed(&sandbox.repo().join("src")), wanted);
    assert_eq!(sandbox.git(&["diff", "--cached", "--name-only"]), "");
    assert_eq!(worktrees(&sandbox), Vec::<std::path::PathBuf>::new());
    assert_eq!(sandbox.git(&["worktree", "list", "--porcelain"]).matches("worktree ").count(), 1);
    assert!(!helper(&sandbox, "clodex-status", &[]).contains(&id));
    apply(&sandbox, &[&id]).exits(0).says(&["already landed"]);

    apply(&sandbox, &["--undo", &id]).exits(0).says(&["undone "]);
    assert_eq!(everything(&sandbox), before);
    apply(&sandbox, &["--undo", &id]).exits(2).complains(&["has not landed"]);
    apply(&sandbox, &[&id]).exits(0);
    assert_eq!(listed(&sandbox.repo().join("src")), wanted);
}

#[test]
fn what_git_took_back_lands_again_or_counts_as_undone() {
    let sandbox = Sandbox::new();
    let work = "echo A > src/a.txt; echo n > src/n; mkdir src/d; echo d > src/d/d";
    let id = isolated(&sandbox, work, &[]).exits(0).id();
    let before = everything(&sandbox);
    let git_takes_it_back = || {
        sandbox.git(&["checkout", "--quiet", "."]);
        sandbox.git(&["clean", "-fdq", "src"]);
    };
    apply(&sandbox, &[&id]).exits(0);
    let landed = everything(&sandbox);
    git_takes_it_back();
    assert_eq!(everything(&sandbox), before);
    apply(&sandbox, &["--check", &id]).exits(0).says(&["would land "]);
    apply(&sandbox, &[&id]).exits(0).says(&["landed "]);
    assert_eq!(everything(&sandbox), landed);

    // Of what is only partly as it landed it is told what is not.
    fs::remove_file(sandbox.repo().join("src/n")).unwrap();
    apply(&sandbox, &[&id]).exits(0).says(&[
        "already landed ",
        "  src/a.txt\n",
        "  src/n  (is not as it landed)\n",
    ]);
    fs::write(sandbox.repo().join("src/n"), "mine\n").unwrap();
    let refused = apply(&sandbox, &["--undo", &id]).exits(7);
    refused.complains(&["  src/n: it was edited since it landed", "hint: bring what is named back"]);
    fs::remove_file(sandbox.repo().join("src/n")).unwrap();
    let undone = apply(&sandbox, &["--undo", &id]).exits(0);
    assert!(!undone.stdout.contains("src/n"), "{undone:?}");
    assert_eq!(everything(&sandbox), before);

    // What is there already is none of the landing's: it cannot keep the rest from landing again.
    fs::write(sandbox.repo().join("src/n"), "n\n").unwrap();
    apply(&sandbox, &[&id]).exits(0);
    sandbox.git(&["checkout", "--quiet", "src/a.txt"]);
    fs::remove_dir_all(sandbox.repo().join("src/d")).unwrap();
    apply(&sandbox, &[&id]).exits(0).says(&["landed ", "  src/a.txt\n", "  src/d/d\n"]);
    assert_eq!(everything(&sandbox), landed);
    git_takes_it_back();
    apply(&sandbox, &["--undo", &id]).exits(0).says(&["undone "]);
    apply(&sandbox, &["--discard", &id]).exits(0);
    assert_eq!(everything(&sandbox), before);
}

#[test]
fn what_landed_can_be_taken_back_for_a_month_and_what_waits_stays() {
    let sandbox = Sandbox::new();
    let landed = isolated(&sandbox, "echo A > src/a.txt", &[]).exits(0).id();
    apply(&sandbox, &[&landed]).exits(0);
    let waits = isolated(&sandbox, "echo B > src/b.txt", &[]).exits(0).id();
    let landings = sandbox.state().join("landings");
    for id in [&landed, &waits] {
        sandbox.ended_days_ago(id, 31);
    }
    sandbox.pruned_days_ago(2);
    isolated(&sandbox, "true", &[]).exits(0);
    assert_eq!([landings.join(landed).exists(), landings.join(waits).exists()], [false, true]);
}

#[test]
fn what_is_out_of_scope_never_lands() {
    let sandbox = Sandbox::new();
    let run =
        isolated(&sandbox, "echo A > src/a.txt; echo X > lib/x.txt; echo e > escaped; rm -rf docs", &[])
            .exits(6);
    run.says(&["lands only what is in scope"]);
    let place = run.record(&sandbox)["workdir"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.git(&["-C", &place, "status", "--porcelain", "-uall"]), " M src/a.txt\n");
    let violations = run.policy()["violations"].clone();
    let violations = violations.as_array().unwrap();
    assert!(violations.len() >= 3 && violations.iter().all(|one| one["restored"] == true), "{violations:?}");
    assert_eq!(fs::read_to_string(run.artifacts().join("quarantine/escaped")).unwrap(), "e\n");
    apply(&sandbox, &[&run.id()]).exits(0);
    assert_eq!(sandbox.git(&["status", "--porcelain"]), " M src/a.txt\n");
}

#[test]
fn where_the_tree_moved_on_both_sides_are_merged_and_a_conflict_touches_nothing() {
    let sandbox = Sandbox::new();
    let file = sandbox.repo().join("src/a.txt");
    let lines = |first: &str, last: &str| format!("{first}\n2\n3\n4\n5\n6\n7\n8\n{last}\n");
    fs::write(&file, lines("1", "9")).unwrap();
    sandbox.git(&["commit", "-qam", "long"]);
    let run =
        isolated(&sandbox, "sed -i 's/^9$/nine/' src/a.txt; chmod +x src/a.txt; echo n > src/new.txt", &[])
            .exits(0);
    fs::write(&file, lines("one", "9")).unwrap();
    sandbox.git(&["commit", "-qam", "moved on"]);
    apply(&sandbox, &[&run.id()]).exits(0).says(&["  src/a.txt  (merged with yours)"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), lines("one", "nine"));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o111, 0o111);
    apply(&sandbox, &["--undo", &run.id()]).exits(0);
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");

    fs::write(&file, lines("one", "neun")).unwrap();
    sandbox.git(&["commit", "-qam", "contradict"]);
    let before = everything(&sandbox);
    let refused = apply(&sandbox, &["--json", &run.id()]).exits(7);
    refused.complains(&["nothing was touched", "src/a.txt: it conflicts with what you committed", "hint: "]);
    let told: Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(told["in_the_way"][0]["path"], "src/a.txt");
    assert_eq!(everything(&sandbox), before);
}

#[test]
fn uncommitted_work_is_never_overwritten_unless_it_is_what_the_run_began_with() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    let run = isolated(
        &sandbox,
        "echo A > src/a.txt; echo n > src/new.txt; rm src/b.txt; mkdir src/d; echo d > src/d/d",
        &[],
    )
    .exits(0);
    for (path, content) in
        [("src/a.txt", "mine\n"), ("src/new.txt", "mine\n"), ("src/b.txt", "mine\n"), ("src/d", "mine\n")]
    {
        fs::write(repo.join(path), content).unwrap();
        let before = everything(&sandbox);
        apply(&sandbox, &[&run.id()]).exits(7).complains(&["nothing was touched", path]);
        assert_eq!(everything(&sandbox), before, "{path}");
        sandbox.git(&["stash", "-q", "--include-untracked"]);
    }
    // What is there already need not land.
    fs::write(repo.join("src/new.txt"), "n\n").unwrap();
    apply(&sandbox, &[&run.id()]).exits(0);
    fs::write(repo.join("src/a.txt"), "edited\n").unwrap();
    let before = everything(&sandbox);
    apply(&sandbox, &["--undo", &run.id()]).exits(7).complains(&["src/a.txt: it was edited since it landed"]);
    assert_eq!(everything(&sandbox), before);

    sandbox.git(&["checkout", "-q", "."]);
    fs::remove_dir_all(repo.join("src/d")).unwrap();
    fs::write(repo.join("src/a.txt"), "dirty\n").unwrap();
    fs::write(repo.join("src/fresh.txt"), "dirty\n").unwrap();
    let run =
        isolated(&sandbox, "echo more >> src/a.txt; echo more >> src/fresh.txt", &["--with-dirty"]).exits(0);
    let before = everything(&sandbox);
    apply(&sandbox, &[&run.id()]).exits(0);
    assert_eq!(fs::read_to_string(repo.join("src/a.txt")).unwrap(), "dirty\nmore\n");
    assert_eq!(fs::read_to_string(repo.join("src/fresh.txt")).unwrap(), "dirty\nmore\n");
    apply(&sandbox, &["--undo", &run.id()]).exits(0);
    assert_eq!(everything(&sandbox), before);
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_is_being_written_refuses_the_landing_and_its_undoing_and_all_else_is_as_before() {
    let sandbox = Sandbox::new();
    let change = "echo A > src/a.txt; echo B > src/b.txt; mkdir src/new; echo c > src/new/c.txt";
    let id = isolated(&sandbox, change, &[]).exits(0).id();
    let apply_refused = |args: &[&str]| {
        let before = listed(&sandbox.repo());
        let writer = FileWriter::of(&sandbox.repo().join("src/b.txt"));
        let told = "src/b.txt: it was edited meanwhile, or is being written";
        apply(&sandbox, args).exits(7).complains(&["nothing was touched", told]);
        assert_eq!(listed(&sandbox.repo()), before, "{args:?}");
        drop(writer);
        apply(&sandbox, args).exits(0);
    };
    apply_refused(&[&id]);
    apply_refused(&["--undo", &id]);
    let writer = FileWriter::of(&sandbox.repo().join("src/b.txt"));
    let told: Value = serde_json::from_str(&apply(&sandbox, &["--json", &id]).exits(7).stdout).unwrap();
    drop(writer);
    assert_eq!((&told["did"], &told["in_the_way"][0]["path"]), (&json!("refused"), &json!("src/b.txt")));
}

#[test]
fn nothing_is_written_through_a_symlink_of_the_users_tree() {
    let sandbox = Sandbox::new();
    let outside = sandbox.root().join("outside");
    fs::create_dir(&outside).unwrap();
    let run = isolated(&sandbox, "mkdir src/d; echo d > src/d/d.txt", &[]).exits(0);
    symlink(&outside, sandbox.repo().join("src/d")).unwrap();
    apply(&sandbox, &[&run.id()]).exits(7).complains(&["src/d: a directory is needed there"]);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn what_is_discarded_is_gone_and_what_was_never_isolated_is_told_so() {
    let sandbox = Sandbox::new();
    let run = isolated(&sandbox, "echo A > src/a.txt; mkdir src/closed; chmod 0 src/closed", &[]).exits(0);
    let before = everything(&sandbox);
    assert!(helper(&sandbox, "clodex-status", &[]).contains(&format!("clodex-apply --discard {}", run.id())));
    apply(&sandbox, &["--discard", &run.id()]).exits(0).says(&["discarded "]);
    assert_eq!(worktrees(&sandbox), Vec::<std::path::PathBuf>::new());
    assert!(!sandbox.repo().join(".git/worktrees").exists());
    assert_eq!(everything(&sandbox), before);
    apply(&sandbox, &[&run.id()]).exits(2).complains(&["left nothing that could be landed"]);
    let run = sandbox.dispatch(&clean_turn(&[sh("echo A > src/a.txt")])).exits(0);
    apply(&sandbox, &[&run.id()]).exits(2).complains(&["worked in your own tree"]);
    apply(&sandbox, &["no-such-run"]).exits(2);
}

#[test]
fn paths_are_bytes() {
    let sandbox = Sandbox::new();
    let run = isolated(&sandbox, "printf x > \"src/$(printf 'a\\377\\nb')\"; printf y > 'src/ü \"q\"'", &[])
        .exits(0);
    apply(&sandbox, &[&run.id()]).exits(0);
    let odd = sandbox.repo().join("src").join(std::ffi::OsStr::from_bytes(b"a\xff\nb"));
    assert_eq!(fs::read(odd).unwrap(), b"x");
    assert_eq!(fs::read(sandbox.repo().join("src/ü \"q\"")).unwrap(), b"y");
}

#[test]
fn work_of_the_real_codex_lands_and_is_taken_back() {
    let Some(stage) = Stage::real() else { return };
    let before = everything(&stage.sandbox);
    let patch = "*** Begin Patch\n*** Update File: src/a.txt\n@@\n-a\n+A\n*** Add File: src/n/new.txt\n+new\n*** Delete File: src/b.txt\n*** End Patch";
    let work = json!([step(&[json!({ "patch": patch })]), step(&[clean()])]);
    let packet = Packet::worker(&["src"]).with("NAME: land me").script(&work);
    stage.packet(&packet, &["--isolate"]).exits(0).says(&["clodex-apply "]);
    assert_eq!(everything(&stage.sandbox), before);
    apply(&stage.sandbox, &["land me"]).exits(0);
    assert_eq!(fs::read_to_string(stage.sandbox.repo().join("src/n/new.txt")).unwrap(), "new\n");
    assert_eq!(
        stage.sandbox.git(&["status", "--porcelain", "-uall"]),
        " M src/a.txt\n D src/b.txt\n?? src/n/new.txt\n"
    );
    apply(&stage.sandbox, &["--undo", "land me"]).exits(0);
    assert_eq!(everything(&stage.sandbox), before);
}
