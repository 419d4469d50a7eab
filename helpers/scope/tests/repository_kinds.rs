//! Repositories that libgit2 refuses, and work trees that are not the ordinary one: the verdict is the same.

mod support;

use clodex_core::Verdict;
use clodex_scope::{Comparison, Request, ScopeError, Tree, baseline};
use support::{World, compared};

fn names(found: &Comparison) -> Vec<&str> {
    found.violations.iter().map(|violation| violation.path.as_str()).collect()
}

/// Makes the repository anew with the given options to `git init`.
fn remade(world: &World, init: &str) {
    world
        .sh(&format!("rm -rf .git; git init -q {init} .; git add -A; git commit -qm base; git branch other"));
}

#[test]
fn every_kind_of_repository_gets_its_verdict() {
    for init in ["--object-format=sha256", "--ref-format=reftable", "--object-format=sha1"] {
        let world = World::new();
        remade(&world, init);
        let before = world.baseline_of("", &["src/"]);
        assert_eq!(before.dirty_overlap(), Vec::<Vec<u8>>::new(), "{init}: a clean tree");
        world.sh("echo x >> src/a.txt; touch lib/keep.txt; git status >/dev/null");
        assert_eq!(compared(&before).verdict, Verdict::Clean, "{init}: {:?}", compared(&before).violations);
        world.sh("echo x >> lib/x.txt; git add lib/x.txt");
        assert_eq!(names(&compared(&before)), ["lib/x.txt"], "{init}");
        world.sh("git reset -q; git checkout -q -- lib/x.txt; git branch new");
        let found = compared(&before);
        assert_eq!(found.verdict, Verdict::Violation, "{init}: a new branch");
        assert!(
            names(&found)
                .iter()
                .all(|name| name.starts_with("refs/heads/new") || name.starts_with(".git/reftable")),
            "{init}: {found:?}"
        );
    }
}

#[test]
fn a_sparse_index_is_read() {
    let world = World::new();
    world.sh("git sparse-checkout set --cone --sparse-index src >/dev/null; git status >/dev/null");
    let before = world.baseline_of("", &["src/"]);
    world.sh("echo x >> src/a.txt");
    assert_eq!(compared(&before).verdict, Verdict::Clean);
    world.sh("mkdir -p lib; echo x > lib/x.txt");
    assert_eq!(names(&compared(&before)), ["lib/x.txt"]);
}

#[test]
fn a_repository_of_somebody_else_is_read() {
    let world = World::new();
    if world.sh("id -u").trim() != "0" {
        return;
    }
    world.sh("chown -R 12345 .");
    let before = world.baseline_of("", &["src/"]);
    world.sh("echo x >> lib/x.txt");
    assert_eq!(names(&compared(&before)), ["lib/x.txt"]);
}

#[test]
fn a_linked_worktree_has_its_own_head_and_index() {
    let world = World::new();
    world.sh("git worktree add -q -b wt ../wt HEAD");
    let before = world.baseline_of("../wt", &["src/"]);
    assert!(before.dirty_overlap().is_empty() && before.status_text().is_empty(), "{}", before.status_text());
    world.sh("cd ../wt; echo x >> src/a.txt; git add -A");
    assert_eq!(compared(&before).verdict, Verdict::Clean);
    world.sh("cd ../wt; git commit -qam c");
    assert_eq!(names(&compared(&before)), ["HEAD", "refs/heads/wt"]);
}

#[test]
fn the_git_environment_of_the_caller_is_not_asked() {
    // Nothing in the library reads GIT_*: a tree is found by looking upwards from the directory alone.
    let world = World::new();
    world.sh("git config core.worktree ../../outside; git config core.bare true");
    let tree = Tree::discover(&world.repo().join("src")).unwrap();
    assert_eq!((tree.root(), tree.workdir_in_root()), (world.repo().as_path(), &b"src"[..]));
}

#[test]
fn directories_outside_every_work_tree_are_refused() {
    let world = World::new();
    let refused = |path: &str| Tree::discover(&world.repo().join(path)).unwrap_err();
    assert!(matches!(refused(".git"), ScopeError::InsideGitDirectory(_)));
    assert!(matches!(refused(".git/hooks"), ScopeError::InsideGitDirectory(_)));
    assert!(matches!(refused("gone"), ScopeError::Io { .. }));
    world.sh("mkdir sub; echo 'gitdir: nowhere' > sub/.git; git init -q --bare ../bare.git");
    assert!(matches!(refused("sub"), ScopeError::BrokenGitFile(_)));
    assert!(matches!(refused("../bare.git"), ScopeError::InsideGitDirectory(_)));
}

#[test]
fn the_dispatchers_own_directory_is_left_out_and_nothing_beside_it() {
    let world = World::new();
    world.sh("mkdir -p .codex-dispatch/runs/r1; echo '*' > .codex-dispatch/.gitignore");
    let tree = Tree::discover(&world.repo()).unwrap();
    let exclude = vec![world.repo().join(".codex-dispatch/runs/r1")];
    let before = baseline(&tree, Request { exclude, ..Request::default() }).unwrap();
    world.sh("echo x > .codex-dispatch/runs/r1/events.jsonl");
    assert_eq!(compared(&before).verdict, Verdict::Clean);
    world.sh("mkdir -p .codex-dispatch/runs/r2; echo x > .codex-dispatch/runs/r2/f");
    assert_eq!(names(&compared(&before)), [".codex-dispatch/runs/r2/f"]);
}

#[test]
fn what_cannot_be_looked_at_is_never_clean() {
    let world = World::new();
    let before = world.baseline_of("", &["src/"]);
    world.sh("rm -rf ../gone; mv .git ../gone");
    assert_eq!(compared(&before).verdict, Verdict::Violation);
    world.sh("mv ../gone .git");
    assert_eq!(compared(&before).verdict, Verdict::Clean);
    world.sh_in(&world.outside(), "mv ../repo ../elsewhere");
    assert!(clodex_scope::compare(&before, &clodex_scope::Meanwhile::default()).is_err());
}
