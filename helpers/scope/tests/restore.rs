//! What is changed outside the scope is put back to the identical tree; what is changed inside stays; what somebody
//! changed after the run is never touched.

mod support;

use std::path::{Path, PathBuf};

use clodex_core::Verdict;
use clodex_scope::{
    Baseline, Comparison, PutBack, PutBackState, Request, Restorer, SecureRequest, Tree, baseline,
};
use proptest::prelude::*;
use support::{World, compared};

/// Everything that a violation could be about, in words of `find` and git: work tree, git directory, refs, index.
const PICTURE: &str = r"
find . -path ./.git -prune -o -path ./in -prune -o -printf '%p %y %m %l\n' | sort
find . -path ./.git -prune -o -path ./in -prune -o -type f -exec sha256sum {} + | sort
find .git/config .git/hooks .git/info -printf '%p %y %m %l\n' 2>/dev/null | sort
find .git/config .git/hooks .git/info -type f -exec sha256sum {} + 2>/dev/null | sort
cat .git/HEAD; git for-each-ref --format='%(refname) %(objectname)'; git ls-files -s -v -t -- . ':!in'
git stash list; find .git -name '*.lock' -o -name '.clodex*'; find . -name '.clodex-*'
";

const SETUP: &str = r"
rm -rf src lib docs build secret README.md .env
mkdir -p in/d out/d out/deep/er ign/d empty; printf 'ign/\nbuild/\n' > .gitignore
for t in in out; do for n in a.txt b.txt d/f.txt; do echo 1 > $t/$n; done; done
printf '\0\1\2binary\377' > out/bin; ln -s a.txt out/link; echo deep > out/deep/er/x; chmod 755 out/d/f.txt
git add -A; git commit -qm two; git branch other; git tag t1
echo dirty >> out/b.txt; echo staged > out/staged; git add out/staged; echo untracked > out/n; echo i > ign/d/i
echo s >> out/a.txt; git stash -q -- out/a.txt; mkfifo out/pipe
printf '#!/bin/sh\n' > .git/hooks/pre-push; chmod 755 .git/hooks/pre-push
chmod 500 out/deep
";

struct Run {
    world: World,
    before: Baseline,
}

impl Run {
    fn prepared(setup: &str, scope: &[&str]) -> Self {
        let world = World::new();
        world.sh(setup);
        let before = secured(&world, scope, &store(&world), 1 << 20);
        Self { world, before }
    }

    fn picture(&self) -> String {
        self.world.sh(PICTURE)
    }

    fn plan(&self) -> Comparison {
        let found = compared(&self.before);
        let artifacts = self.world.outside().join("artifacts");
        std::fs::create_dir_all(&artifacts).expect("the test's own files");
        found.write_restore_plan("run-1", &artifacts).expect("the test's own files");
        found
    }

    fn put_back(&self) -> Vec<PutBack> {
        put_back(&store(&self.world))
    }

    fn artifacts(&self) -> PathBuf {
        self.world.outside().join("artifacts")
    }
}

fn store(world: &World) -> PathBuf {
    world.outside().join("store")
}

fn secured(world: &World, scope: &[&str], store: &Path, bytes: u64) -> Baseline {
    let tree = Tree::discover(&world.repo()).expect("the test's own files");
    let entries = scope.iter().map(|entry| tree.scope_entry(entry).expect("the test's own files")).collect();
    let secure = Some(SecureRequest { dir: store.to_owned(), bytes, files: 1000 });
    let request = Request { rules: tree.scope_rules(entries), secure, ..Request::default() };
    baseline(&tree, request).expect("the test's own files")
}

fn put_back(store: &Path) -> Vec<PutBack> {
    Restorer::open(store)
        .expect("the test's own files")
        .map(|restorer| restorer.put_back(|_| true).expect("the test's own files"))
        .unwrap_or_default()
}

const NAMES: [&str; 9] = ["a.txt", "b.txt", "n", "d", "d/f.txt", "deep/er", "new/er/x", "link", "bin"];

fn operation() -> impl Strategy<Value = (usize, usize)> {
    (0..NAMES.len(), 0..20_usize)
}

fn script((name, what): (usize, usize)) -> String {
    let path = format!("out/{}", NAMES[name]);
    let act = match what {
        0 | 1 => format!("[ -p {path} ] || echo x >> {path}"),
        2 => format!("rm -rf {path}"),
        3 => format!("chmod 751 {path}"),
        4 => format!("rm -rf {path}; ln -s nowhere {path}"),
        5 => format!("rm -rf {path}; mkfifo {path}"),
        6 => format!("rm -rf {path}; mkdir {path}"),
        7 => format!("rm -rf {path}; mkdir -p {path}/sub; echo s > {path}/sub/s"),
        8 => format!("mv {path} out/moved"),
        9 => format!("ln {path} out/hard"),
        10 => "git add -A out".to_owned(),
        11 => format!("git rm -q --cached -r {path}"),
        12 => format!("git update-index --assume-unchanged {path}"),
        13 => "git branch -f other HEAD~1; git branch added; git tag -d t1".to_owned(),
        14 => "git branch -D other; git pack-refs --all; git branch other/below".to_owned(),
        15 => "echo '[x]' >> .git/config; echo h > .git/hooks/post-commit; rm .git/hooks/pre-push".to_owned(),
        16 => "git checkout -q -b elsewhere; git commit -q --allow-empty -m e".to_owned(),
        17 => "git stash drop -q".to_owned(),
        18 => "rm -rf ign empty; echo e > empty".to_owned(),
        _ => format!("echo w >> ign/d/i; rm -rf in/d; echo in > in/d; git -C out init -q {}", NAMES[name]),
    };
    format!("{{ chmod 700 out/deep; {act}; }} >/dev/null 2>&1 || true\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_operations_outside_are_put_back_to_the_identical_tree(
        operations in prop::collection::vec(operation(), 1..6),
    ) {
        let run = Run::prepared(SETUP, &["in/"]);
        let before = run.picture();
        let all: String = operations.iter().map(|one| script(*one)).collect();
        run.world.sh(&all);
        let inside = run.world.sh("find in | sort; cat in/d 2>/dev/null || true");
        run.plan();
        let told = run.put_back();
        prop_assert!(
            told.iter().all(|one| one.state == PutBackState::Restored),
            "{}\n{:#?}", all, told
        );
        prop_assert_eq!(run.picture(), before, "{}\n{:#?}", all, told);
        prop_assert_eq!(run.world.sh("find in | sort; cat in/d 2>/dev/null || true"), inside);
        prop_assert_eq!(compared(&run.before).verdict, Verdict::Clean);
    }
}

#[test]
fn what_was_removed_is_kept_as_it_was_and_as_a_patch() {
    let run = Run::prepared(SETUP, &["in/"]);
    run.world.sh("echo more >> out/n; printf 'b\\0x' > out/added; chmod 755 out/added; rm out/b.txt");
    run.plan();
    let told = run.put_back();
    assert_eq!(told.len(), 3, "{told:#?}");
    let artifacts = run.artifacts();
    assert_eq!(std::fs::read(artifacts.join("quarantine/out/n")).unwrap(), b"untracked\nmore\n");
    assert_eq!(std::fs::read(artifacts.join("quarantine/out/added")).unwrap(), b"b\0x");
    let list = std::fs::read_to_string(artifacts.join("quarantine.json")).unwrap();
    assert!(list.contains("\"mode\": \"755\""), "{list}");
    // The patch makes the changes again.
    let patch = artifacts.join("quarantine.patch");
    run.world.sh(&format!("git apply {}", patch.display()));
    assert_eq!(run.world.sh("cat out/n; [ -e out/b.txt ] || echo gone"), "untracked\nmore\ngone\n");
    assert!(!store(&run.world).exists(), "everything was put back: nothing has to be secured any more");
}

#[test]
fn without_a_store_there_is_no_plan() {
    let world = World::new();
    let before = world.baseline_of("", &["src/"]);
    world.sh("echo x > lib/x.txt");
    assert!(!compared(&before).write_restore_plan("run", &world.outside()).unwrap());
    assert!(Restorer::open(&store(&world)).unwrap().is_none());
}

#[test]
fn what_somebody_changed_after_the_run_is_left_alone() {
    let run = Run::prepared(SETUP, &["in/"]);
    run.world.sh("echo worker >> out/a.txt; echo worker > out/added; rm out/n; git branch worker");
    run.plan();
    run.world.sh("echo user >> out/a.txt; echo user > out/added; echo user > out/n; git commit -q --allow-empty -m u; git branch -f worker");
    let picture = run.picture();
    let told = run.put_back();
    assert!(told.iter().all(|one| one.state == PutBackState::ChangedMeanwhile), "{told:#?}");
    assert_eq!(run.picture(), picture);
}

#[test]
fn changes_of_the_index_in_scope_stay_when_others_are_put_back() {
    let run = Run::prepared(SETUP, &["in/"]);
    let out = "git ls-files -s out";
    let before = run.world.sh(out);
    run.world
        .sh("echo 2 > in/a.txt; echo 2 > out/a.txt; git add in/a.txt out/a.txt; git rm -q --cached out/bin");
    let inside = run.world.sh("git ls-files -s in");
    run.plan();
    assert!(run.put_back().iter().all(|one| one.state == PutBackState::Restored));
    assert_eq!(run.world.sh(out), before);
    assert_eq!(run.world.sh("git ls-files -s in; git fsck --no-dangling"), inside);
}

#[test]
fn what_the_budget_left_out_is_told_before_the_run_and_not_put_back() {
    let world = World::new();
    world.sh("mkdir out; head -c 50000 /dev/zero > out/big; echo s > out/small");
    let before = secured(&world, &["in/"], &store(&world), 40_000);
    assert!(before.notes().iter().any(|note| note.contains("not restorable") && note.contains("out/big")));
    let run = Run { world, before };
    run.world.sh("echo x > out/big; echo x > out/small");
    run.plan();
    let told = run.put_back();
    let states: Vec<_> = told.iter().map(|one| (one.path.as_str(), one.state.as_str())).collect();
    assert_eq!(states, [("out/big", "not restorable"), ("out/small", "restored")]);
    assert_eq!(run.world.sh("cat out/big out/small"), "x\ns\n");
}

#[test]
fn an_edit_of_the_user_is_never_lost_however_it_races() {
    let run = Run::prepared("mkdir out; echo base > out/f; git add -A; git commit -qm f", &["in/"]);
    for round in 0..20 {
        let file = run.world.repo().join("out/f");
        let store = run.world.outside().join(format!("store{round}"));
        let before = secured(&run.world, &["in/"], &store, 1 << 20);
        std::fs::write(&file, "worker\n").unwrap();
        let artifacts = run.world.outside().join(format!("a{round}"));
        std::fs::create_dir(&artifacts).unwrap();
        compared(&before).write_restore_plan("run", &artifacts).unwrap();
        let text = format!("user {round}\n");
        let user = {
            let (file, text, other) = (file.clone(), text.clone(), file.with_extension("tmp"));
            std::thread::spawn(move || {
                std::fs::write(&other, text).unwrap();
                std::fs::rename(other, file).unwrap();
            })
        };
        put_back(&store);
        user.join().unwrap();
        let holds = |path: &Path| std::fs::read_to_string(path).is_ok_and(|found| found == text);
        let quarantined = artifacts.join("quarantine/out");
        let kept = std::fs::read_dir(quarantined).into_iter().flatten().flatten();
        assert!(holds(&file) || kept.into_iter().any(|entry| holds(&entry.path())), "round {round}");
        std::fs::write(&file, "base\n").unwrap();
    }
}
