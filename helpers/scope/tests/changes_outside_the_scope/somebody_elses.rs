//! Changes beside a run that are not its own: the user, git, an IDE and other runs work on, and neither fail it nor are
//! undone by it.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use clodex_core::{Access, Grants, ScopeRules, Verdict};
use clodex_scope::{Comparison, Meanwhile, OtherScope, Request, ScopeError, compare};

use crate::support::World;

/// What a sandbox that is narrowed to `src/` lets its worker write.
fn narrowed(world: &World) -> Grants {
    let mut reach = Grants::default();
    reach.set(world.repo().join("src"), Access::Write);
    reach.set(world.repo().join("src/.git"), Access::Read);
    reach
}

fn run(world: &World, reach: impl Into<Option<Grants>>, meanwhile: &Meanwhile, script: &str) -> Comparison {
    let baseline = world.baseline_with("", &["src/"], Request { reach: reach.into(), ..Request::default() });
    world.sh(script);
    compare(&baseline, meanwhile).expect("a comparison")
}

fn paths(found: &Comparison) -> Vec<&str> {
    found.violations.iter().map(|violation| violation.path.as_str()).collect()
}

#[test]
fn what_a_narrowed_worker_could_not_write_is_foreign_and_not_in_the_patch() {
    let world = World::new();
    world.sh("git remote add up \"$REPO\"");
    let script = "
        echo worker >> src/a.txt; mkdir target; echo o > target/o
        echo user >> lib/x.txt; echo n > notes.md; rm docs/d.txt; chmod +x README.md; echo K=2 > .env
        git add notes.md; git commit -qm mine; git fetch -q up; git branch other; git config user.name u
        echo '#!/bin/sh' > .git/hooks/pre-commit; git update-index --skip-worktree lib/keep.txt; git clone -q . sub";
    let found = run(&world, narrowed(&world), &Meanwhile::default(), script);
    assert_eq!((found.verdict, paths(&found)), (Verdict::Clean, vec![]));
    assert_eq!(found.in_scope, ["src/a.txt"]);
    assert_eq!(found.by_products, ["target/"]);
    for path in [
        ".env",
        ".git/config",
        ".git/hooks/pre-commit",
        "HEAD",
        "README.md",
        "docs/d.txt",
        "lib/keep.txt",
        "lib/x.txt",
        "notes.md",
        "refs/heads/main",
        "refs/heads/other",
        "refs/remotes/up/main",
        "sub/.git",
    ] {
        assert!(found.foreign.iter().any(|foreign| foreign == path), "{path} is not in {:?}", found.foreign);
    }
    let patch = String::from_utf8(found.changes_patch()).expect("UTF-8 files");
    assert!(patch.contains("+worker") && !patch.contains("user") && !patch.contains("notes.md"), "{patch}");
}

#[test]
fn a_worker_that_may_reach_anything_has_done_it() {
    let world = World::new();
    let found = run(&world, None, &Meanwhile::default(), "echo x >> lib/x.txt; git tag t");
    assert_eq!((found.verdict, paths(&found)), (Verdict::Violation, vec!["lib/x.txt", "refs/tags/t"]));
    assert!(found.foreign.is_empty());
}

#[test]
fn a_hard_link_in_reach_reaches_its_other_names() {
    let world = World::new();
    world.sh(
        "ln lib/x.txt src/x; ln .git/config src/c; ln lib/keep.txt \"$OUTSIDE/keep\"; ln docs/d.txt lib/d",
    );
    let script = "echo evil >> src/x; git config --file src/c a.b c; echo evil >> \"$OUTSIDE/keep\"; echo user >> lib/d";
    // `git config` writes a new file: the name in `.git` keeps the old one.
    let found = run(&world, narrowed(&world), &Meanwhile::default(), script);
    assert_eq!(paths(&found), ["lib/keep.txt", "lib/x.txt"]);
    assert_eq!(found.foreign, ["docs/d.txt", "lib/d"], "both names lie out of reach");
    let world = World::new();
    world.sh("ln lib/x.txt src/x; ln .git/config src/c; ln .git/HEAD src/h");
    let script = "printf '[a]\nb = c\n' >> src/c; echo 'ref: refs/heads/feature' > src/h; echo new > n; mv n lib/x.txt";
    let found = run(&world, narrowed(&world), &Meanwhile::default(), script);
    assert_eq!(paths(&found), [".git/config", "HEAD", "src/c", "src/h"]);
    assert_eq!(found.foreign, ["lib/x.txt"], "what takes the place of a name is not written through another");
}

#[test]
fn what_lies_in_another_live_runs_scope_is_its() {
    let world = World::new();
    let meanwhile = Meanwhile {
        scopes: vec![OtherScope { root: world.repo(), rules: ScopeRules::of_entries(&["lib/".to_owned()]) }],
        ..Meanwhile::default()
    };
    let found =
        run(&world, None, &meanwhile, "echo x >> lib/x.txt; echo y >> src/a.txt; echo z >> docs/d.txt");
    assert_eq!(paths(&found), ["docs/d.txt"]);
    assert_eq!(
        (&*found.foreign, &*found.in_scope),
        (&["lib/x.txt".to_owned()][..], &["src/a.txt".to_owned()][..])
    );
}

#[test]
fn empty_directories_that_sandboxes_make_are_nobodys_change() {
    let world = World::new();
    world.sh("mkdir lib/.codex");
    let at = |names: &[&str]| names.iter().map(|name| world.repo().join(name)).collect::<Vec<PathBuf>>();
    let mount_points = at(&["lib/.git", "lib/.agents", "lib/.codex", "lib/.aws"]);
    let meanwhile = Meanwhile { mount_points, ..Meanwhile::default() };
    let found = run(&world, None, &meanwhile, "mkdir lib/.git lib/.agents; rmdir lib/.codex");
    assert_eq!((found.verdict, paths(&found)), (Verdict::Clean, vec![]));
    world.sh("rmdir lib/.git lib/.agents");
    let found = run(
        &world,
        None,
        &meanwhile,
        "git init -q lib; mkdir lib/.agents; echo x > lib/.agents/x; mkdir lib/.aws.d",
    );
    assert_eq!(paths(&found), ["lib/.agents/x", "lib/.aws.d", "lib/.git"], "but only while they are empty");
}

#[test]
fn empty_directories_that_sandboxes_make_in_the_git_directory_are_nobodys_change() {
    let world = World::new();
    world.sh("mkdir .git/.codex");
    let at = [".git/.git", ".git/.agents", ".git/.codex"].map(|name| world.repo().join(name));
    let meanwhile = Meanwhile { mount_points: at.to_vec(), ..Meanwhile::default() };
    let found = run(&world, None, &meanwhile, "mkdir .git/.git .git/.agents; rmdir .git/.codex");
    assert_eq!((found.verdict, paths(&found)), (Verdict::Clean, vec![]));
    world.sh("rmdir .git/.git .git/.agents");
    let found = run(&world, None, &meanwhile, "mkdir .git/.agents; echo x > .git/.agents/x");
    assert_eq!(paths(&found), [".git/.agents/x"], "but only while they are empty");
}

#[test]
fn a_sandbox_that_mounts_and_leaves_while_the_tree_is_looked_at_leaves_no_doubt() {
    let world = World::new();
    let at = world.repo().join("lib/.git");
    let meanwhile = Meanwhile { mount_points: vec![at.clone()], ..Meanwhile::default() };
    let baseline = world.baseline_with("", &["src/"], Request::default());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                fs::create_dir(&at).unwrap();
                fs::remove_dir(&at).unwrap();
            }
        });
        let looks = (0..200).map(|_| compare(&baseline, &meanwhile));
        let doubtful = |look: &Result<Comparison, ScopeError>| {
            !look.as_ref().is_ok_and(|found| found.verdict == Verdict::Clean)
        };
        let doubtful: Vec<String> = looks
            .filter(doubtful)
            .map(|look| format!("{:?}", look.map(|found| (paths(&found).join(" "), found.notes))))
            .collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(doubtful.is_empty(), "{doubtful:#?}");
    });
}
