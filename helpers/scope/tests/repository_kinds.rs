//! Repositories that libgit2 refuses, and work trees that are not the ordinary one: the verdict is the same.

mod support;

use std::sync::{Barrier, Mutex};
use std::thread;

use clodex_core::{Isolate, Verdict};
use clodex_scope::{
    Comparison, Request, ScopeError, Tree, WorktreeWish, add_worktree, baseline, remove_worktree,
};
use support::{World, compared};

fn names(found: &Comparison) -> Vec<&str> {
    found.violations.iter().map(|violation| violation.path.as_str()).collect()
}

/// Makes the repository anew with the given options to `git init`.
fn remade(world: &World, init: &str) {
    world.sh(&format!(
        "rm -rf .git; git init -q {init} .; git add -A; git commit -qm base; git branch other; git tag -am t v1; \
         echo s >> lib/x.txt; git stash -q; echo t >> lib/x.txt; git stash -q"
    ));
}

/// What is done, and what must be named for it.
const ACTIONS: &[(&str, &[&str])] = &[
    ("echo x >> src/a.txt; rm src/b.txt; echo n > src/n; git add src", &[]),
    ("touch lib/keep.txt; git status >/dev/null; git pack-refs --all; git gc -q", &[]),
    ("echo x >> lib/x.txt", &["lib/x.txt"]),
    ("echo n > lib/new", &["lib/new"]),
    ("echo x >> lib/x.txt; git add lib/x.txt; git checkout-index -f lib/x.txt", &["lib/x.txt"]),
    ("git commit -q --allow-empty -m more", &["HEAD", "refs/heads/main"]),
    ("git branch new", &["refs/heads/new"]),
    ("git branch -D other", &["refs/heads/other"]),
    ("git tag -d v1", &["refs/tags/v1"]),
    ("git tag -f v1 HEAD", &["refs/tags/v1"]),
    ("git checkout -q other", &["HEAD"]),
    ("git symbolic-ref refs/heads/link refs/heads/main", &["refs/heads/link"]),
    ("git update-ref refs/replace/$(git rev-parse HEAD) HEAD~0", &["refs/replace/"]),
    ("git stash drop -q", &["refs/stash"]),
    ("git stash drop -q stash@{1}", &["refs/stash"]),
    ("git config core.fsmonitor evil", &[".git/config"]),
    ("echo x > .git/hooks/pre-commit", &[".git/hooks/pre-commit"]),
    ("git update-index --skip-worktree lib/keep.txt", &["lib/keep.txt"]),
];

fn every_action_is_named(init: &str) {
    let world = World::new();
    remade(&world, init);
    world.sh("cp -a ../repo ../kept");
    for (action, wanted) in ACTIONS {
        let before = world.baseline_of("", &["src/"]);
        assert_eq!(before.dirty_overlap(), Vec::<Vec<u8>>::new(), "{init}: a clean tree");
        assert_eq!(before.notes(), Vec::<String>::new(), "{init}: everything can be told");
        world.sh(action);
        let found = compared(&before);
        assert_eq!(names(&found).len(), wanted.len(), "{init}: {action}: {found:#?}");
        let named = names(&found).into_iter().zip(*wanted);
        assert!(named.clone().all(|(name, start)| name.starts_with(start)), "{init}: {action}: {named:?}");
        let wanted = if wanted.is_empty() { Verdict::Clean } else { Verdict::Violation };
        assert_eq!(found.verdict, wanted, "{init}: {action}");
        world.sh("find . -mindepth 1 -delete; cp -a ../kept/. .");
    }
}

#[test]
fn refs_in_tables_are_compared_by_name() {
    every_action_is_named("--ref-format=reftable");
}

#[test]
fn objects_named_by_sha256_are_read() {
    every_action_is_named("--object-format=sha256");
}

#[test]
fn both_at_once_are_read() {
    every_action_is_named("--object-format=sha256 --ref-format=reftable");
}

#[test]
fn an_ordinary_repository_is_no_different() {
    every_action_is_named("--object-format=sha1 --ref-format=files");
}

#[test]
fn every_ref_of_many_tables_is_seen() {
    let world = World::new();
    remade(&world, "--ref-format=reftable");
    let before = world.baseline_of("", &["src/"]);
    world.sh("for i in $(seq 5000); do echo create refs/heads/many/$i HEAD; done | git update-ref --stdin
        for i in $(seq 3); do git branch b$i; done; for i in $(seq 20); do echo delete refs/heads/many/$i; done | git update-ref --stdin
        test $(ls .git/reftable/*.ref | wc -l) -gt 1; git symbolic-ref refs/remotes/origin/HEAD refs/heads/main");
    let found = compared(&before);
    let told: Vec<String> = found
        .violations
        .iter()
        .map(|found| format!("{} {}", found.path, found.detail.strip_prefix("nothing → ").unwrap()))
        .collect();
    let format = "%(if)%(symref)%(then)%(refname) ref: %(symref)%(else)%(refname) %(objectname)%(end)";
    let theirs =
        world.sh(&format!("git for-each-ref --format='{format}' refs/heads/many refs/heads/b? refs/remotes"));
    let mut theirs: Vec<&str> = theirs.lines().collect();
    theirs.sort_unstable();
    assert_eq!(told, theirs);
}

#[test]
fn the_head_of_a_linked_worktree_is_read_from_its_own_tables() {
    let world = World::new();
    remade(&world, "--ref-format=reftable");
    world.sh("git worktree add -q -b wt ../wt HEAD");
    let before = world.baseline_of("../wt", &["src/"]);
    assert_eq!((before.status_text().as_str(), before.notes().len()), ("", 0));
    world.sh("cd ../wt; echo x >> src/a.txt; git commit -qam c");
    let found = compared(&before);
    assert_eq!(names(&found), ["HEAD", "refs/heads/wt"]);
    assert!(found.violations[0].detail.starts_with("ref: refs/heads/wt at "), "{found:?}");
}

#[test]
fn tables_that_cannot_be_read_are_never_clean() {
    for damage in [
        "rm .git/reftable/*.ref",
        "for t in .git/reftable/*.ref; do truncate -s 30 $t; done",
        "for t in .git/reftable/*.ref; do printf XXXX | dd of=$t conv=notrunc 2>/dev/null; done",
        r"for t in .git/reftable/*.ref; do printf '\377\377\377' | dd of=$t bs=1 seek=25 conv=notrunc 2>/dev/null; done",
    ] {
        let world = World::new();
        remade(&world, "--ref-format=reftable");
        world.sh(damage);
        let found = compared(&world.baseline_of("", &["src/"]));
        assert_eq!(found.verdict, Verdict::Unknown, "{damage}");
        assert!(
            found.notes[0].contains("cannot read the refs in `.git/reftable`: table "),
            "{:?}",
            found.notes
        );
    }
}

/// A sparse index in which `lib` and the ignored but tracked `build` are one entry each.
fn sparse() -> World {
    let world = World::new();
    world.sh("git add -f build; git commit -qm built
        git sparse-checkout set --cone --sparse-index src docs >/dev/null; git status >/dev/null
        git ls-files --sparse | grep -qx lib/; git ls-files --sparse | grep -qx build/");
    world
}

#[test]
fn a_sparse_index_is_read() {
    let world = sparse();
    let before = world.baseline_of("", &["src/"]);
    assert_eq!((before.status_text().as_str(), before.notes().len()), ("", 0));
    world.sh("echo x >> src/a.txt; git add src/a.txt");
    assert_eq!(compared(&before).verdict, Verdict::Clean);
    for (action, wanted) in [
        ("mkdir -p lib; echo x > lib/x.txt", "lib/x.txt"),
        ("mkdir -p build; echo x > build/more.o", "build/more.o"),
        ("git init -q lib/deep", "lib/deep/.git"),
        ("git update-index --add --cacheinfo 100644,$(git rev-parse HEAD:src/b.txt),lib/n.txt", "lib/n.txt"),
        ("git update-index --cacheinfo 100644,$(git rev-parse HEAD:src/b.txt),lib/x.txt", "lib/x.txt"),
        ("git rm -q --cached --sparse lib/keep.txt", "lib/keep.txt"),
        ("git update-index --no-skip-worktree lib/keep.txt", "lib/keep.txt"),
    ] {
        world.sh("cp -a .git ../git");
        world.sh(action);
        let found = compared(&before);
        assert_eq!(names(&found).first(), Some(&wanted), "{action}: {:#?}", found.violations);
        assert!(
            names(&found).iter().all(|name| name.starts_with(wanted)),
            "{action}: {:#?}",
            found.violations
        );
        world.sh("rm -rf lib build .git; mv ../git .git");
        assert_eq!(compared(&before).verdict, Verdict::Clean);
    }
}

#[test]
fn taking_a_sparse_index_apart_or_together_means_nothing() {
    let full = "git -c index.sparse=false update-index --force-write-index 2>/dev/null; grep -qa lib/x.txt .git/index";
    let sparse_again =
        "git update-index --force-write-index; grep -qa lib/x.txt .git/index && exit 1 || true";
    let world = sparse();
    let before = world.baseline_of("", &["src/"]);
    world.sh(full);
    assert_eq!(compared(&before).verdict, Verdict::Clean, "{:#?}", compared(&before).violations);
    let before = world.baseline_of("", &["src/"]);
    world.sh(sparse_again);
    assert_eq!(compared(&before).verdict, Verdict::Clean, "{:#?}", compared(&before).violations);
}

#[test]
fn what_is_staged_in_a_sparse_directory_is_told_by_file() {
    let world = sparse();
    world.sh("git reset -q --soft HEAD~1");
    let before = world.baseline_of("", &["."]);
    assert_eq!(before.status_text(), "A  build/out.bin\n");
    assert_eq!(before.dirty_overlap(), [b"build/out.bin".to_vec()]);
}

#[test]
fn a_partial_clone_is_read_and_nothing_is_fetched() {
    let world = World::new();
    world.sh("git config uploadpack.allowFilter true; git config uploadpack.allowAnySHA1InWant true
        git clone -q --filter=blob:none file://$PWD ../clone
        cd ../clone; git config extensions.partialClone origin; git config core.repositoryFormatVersion 1
        for p in $(ls -t .git/objects/pack/*.idx); do git show-index < $p | grep -q $(git rev-parse HEAD:lib/x.txt) && rm -f ${p%.idx}.*; done
        git config protocol.ext.allow always; git config remote.origin.url 'ext::touch ../fetched'
        cat .git/objects/info/alternates 2>/dev/null && exit 1; rm -f ../fetched");
    let before = world.baseline_of("../clone", &["src/"]);
    world.sh("cd ../clone; echo x >> lib/x.txt; echo y >> src/a.txt; git add src/a.txt; git branch new");
    world.sh("rm -f ../fetched");
    let found = compared(&before);
    assert_eq!(names(&found), ["lib/x.txt", "refs/heads/new"]);
    let patch = String::from_utf8(found.changes_patch()).unwrap();
    assert!(patch.contains("# the content of `lib/x.txt` was not kept"), "{patch}");
    found.diff_stat_text();
    world.sh(
        "test ! -e ../fetched; cd ../clone; git cat-file -p HEAD:lib/x.txt 2>/dev/null || test -e ../fetched",
    );
}

#[test]
fn the_patch_is_the_same_in_every_kind() {
    let edited = |world: &World, workdir: &str| {
        let at = world.repo().join(workdir).canonicalize().unwrap();
        world.sh_in(&at, "rm -rf ../copy; cp -r . ../copy; echo u >> docs/d.txt");
        let before = world.baseline_of(workdir, &["."]);
        world.sh_in(
            &at,
            "echo x >> lib/x.txt; rm src/a.txt; echo n > src/n; echo w >> docs/d.txt; git add src",
        );
        let found = compared(&before);
        assert_eq!(found.verdict, Verdict::Clean, "{:#?}", found.violations);
        std::fs::write(world.outside().join("patch"), found.changes_patch()).unwrap();
        world.sh_in(
            &at,
            "cd ../copy; echo u >> docs/d.txt; git apply ../outside/patch; diff -r -x .git . $OLDPWD",
        );
        (found.status_text(), found.diff_stat_text(), found.in_scope)
    };
    let plain = edited(&World::new(), "");
    assert!(plain.1.contains(" lib/x.txt | 1 +1 -0\n"), "{}", plain.1);
    for init in
        ["--object-format=sha256", "--ref-format=reftable", "--object-format=sha256 --ref-format=reftable"]
    {
        let world = World::new();
        remade(&world, init);
        assert_eq!(edited(&world, ""), plain, "{init}");
    }
    let world = World::new();
    world.sh("git gc -q; git multi-pack-index write; git clone -q --shared . ../clone; cp -r build secret .env ../clone");
    assert_eq!(edited(&world, "../clone"), plain, "objects elsewhere");
    world.sh("chown -R 12345 . 2>/dev/null || true; git config --global --add safe.directory '*'; git sparse-checkout set --sparse-index --cone src lib docs");
    assert_eq!(edited(&world, ""), plain, "somebody else's, with a sparse index");
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

/// git gives up over the entry of a worktree that another git just makes.
#[test]
fn many_are_made_and_removed_at_the_same_time() {
    let world = World::new();
    let places = world.repo().parent().unwrap().join("places");
    let (all, failures) = (Barrier::new(16), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for number in 0..16 {
            let (world, places, all, failures) = (&world, &places, &all, &failures);
            scope.spawn(move || {
                let source = Tree::discover(&world.repo()).unwrap();
                for round in 0..6 {
                    let place = places.join(format!("run-{number}-{round}"));
                    let wish =
                        WorktreeWish { source: &source, place: &place, isolate: Isolate::Head, copy: &[] };
                    all.wait();
                    let made = add_worktree(&wish).map(|made| made.tree.root().join("src/a.txt").is_file());
                    let removed = remove_worktree(&place);
                    if !matches!((&made, &removed), (Ok(true), Ok(()))) {
                        failures.lock().unwrap().push(format!("{made:?} {removed:?}"));
                    }
                }
            });
        }
    });
    assert_eq!(failures.into_inner().unwrap(), Vec::<String>::new());
    assert_eq!(world.sh("git worktree list | wc -l").trim(), "1");
}
