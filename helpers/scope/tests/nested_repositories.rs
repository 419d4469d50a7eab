//! What is in the files of submodules and of other repositories in the tree is found where each has its objects.

mod support;

use clodex_core::{Isolate, Verdict};
use clodex_scope::{
    PutBackState, Request, Restorer, SecureRequest, Tree, WorktreeWish, add_worktree, baseline,
    remove_worktree,
};
use support::{World, compared};

/// Below `src`: a submodule, one with its git directory in place, one in a submodule, and repositories that are none.
const NESTED: &str = r"
made() { git init -q $2 $1; cd $1; echo 1 > f; printf '\0\1' > bin; mkdir d; echo g > d/g; git add -A; git commit -qm $1; cd $REPO; }
made ../in; made ../sm; cd ../sm; git submodule --quiet add $OUTSIDE/../in in; git commit -qm in; cd $REPO
git submodule --quiet add $OUTSIDE/../sm src/sm; git submodule --quiet update --init --recursive
made src/old; git add src/old 2>/dev/null; git commit -qm nested
made src/own; made src/own/deep; made src/other --object-format=sha256
rm -rf ../in ../sm
";

const PLACES: &str = "src/sm src/sm/in src/old src/own src/own/deep src/other";

/// What a run does in each of them.
const WORK: &str = "echo 2 >> f; printf '\\0\\2' > bin; rm -r d; echo n > new";

fn in_each(places: &str, script: &str) -> String {
    format!("for place in {places}; do (cd $place; {script}); done")
}

fn world() -> World {
    let world = World::new();
    world.sh(NESTED);
    world
}

#[test]
fn the_patch_holds_what_changed_in_them_and_fits_the_tree_around_them() {
    let world = world();
    world.sh("cp -r . ../copy");
    let before = world.baseline_of("", &["src/"]);
    assert!(!before.status_text().contains(" M "), "{}", before.status_text());
    world.sh(&in_each(PLACES, WORK));
    let found = compared(&before);
    assert_eq!(found.verdict, Verdict::Clean, "{:#?}", found.violations);
    let stat = found.diff_stat_text();
    for place in PLACES.split(' ') {
        for told in ["f | 1 +1 -0\n", "d/g | 1 +0 -1\n"] {
            assert!(stat.contains(&format!(" {place}/{told}")), "{stat}");
        }
    }
    std::fs::write(world.outside().join("patch"), found.changes_patch()).unwrap();
    world.sh("cd ../copy; git apply ../outside/patch; diff -r -x .git . $REPO");
}

#[test]
fn a_worktrees_patch_holds_what_changed_in_its_submodules() {
    let world = world();
    let source = Tree::discover(&world.repo()).unwrap();
    let place = world.outside().join("run");
    let wish = WorktreeWish { source: &source, place: &place, isolate: Isolate::Head, copy: &[] };
    let made = add_worktree(&wish).unwrap();
    let rules = made.tree.scope_rules(vec![made.tree.scope_entry("src/").unwrap()]);
    let before = baseline(&made.tree, Request { rules, ..Request::default() }).unwrap();
    world.sh_in(made.tree.root(), &in_each("src/sm src/sm/in src/old", WORK));
    let found = compared(&before);
    assert_eq!(found.verdict, Verdict::Clean, "{:#?}", found.violations);
    std::fs::write(world.outside().join("patch"), found.changes_patch()).unwrap();
    world.sh("git apply ../outside/patch; test $(cat src/sm/in/f | wc -l) = 2; test ! -e src/old/d");
    remove_worktree(&place).unwrap();
}

#[test]
fn what_changed_in_them_is_put_back() {
    let world = world();
    world.sh("cp -r . ../copy");
    let store = world.outside().join("store");
    let secure = Some(SecureRequest { dir: store.clone(), bytes: 1 << 20, files: 1000 });
    let before = world.baseline_with("", &["lib/"], Request { secure, ..Request::default() });
    world.sh(&in_each(PLACES, WORK));
    // Whoever leads it to another store hides nothing from who knows where it was.
    world.sh("echo $OUTSIDE > .git/modules/src/sm/commondir");
    let artifacts = world.outside().join("artifacts");
    std::fs::create_dir(&artifacts).unwrap();
    compared(&before).write_restore_plan("run-1", &artifacts).unwrap();
    let told = Restorer::open(&store).unwrap().unwrap().put_back(|_| true).unwrap();
    let left: Vec<_> = told.iter().filter(|one| one.state != PutBackState::Restored).collect();
    assert!(left.is_empty() && told.len() > 20, "{left:#?} of {}", told.len());
    world.sh("diff -r -x index . ../copy");
    let patch = std::fs::read(artifacts.join("quarantine.patch")).unwrap();
    assert!(!String::from_utf8_lossy(&patch).contains("was not kept"));
}

#[test]
fn what_only_its_blob_tells_to_be_clean_is_clean_in_them_too() {
    let world = World::new();
    // A large file by its pointer, as git LFS has it, and one with the line ends of its blob.
    world.sh(
        r"git init -q ../sm; cd ../sm; printf 'big\n' > big; printf 'a\r\nb\r\n' > ends; git add ends
        printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 4\n' $(sha256sum < big | cut -d' ' -f1) > pointer
        id=$(git hash-object -w pointer); git update-index --add --cacheinfo 100644,$id,big; rm pointer
        printf 'big filter=lfs\nends text=auto eol=crlf\n' > .gitattributes; git add .gitattributes; git commit -qm lfs
        cd $REPO; git submodule --quiet add $OUTSIDE/../sm src/sm; git commit -qm sm; git -C src/sm config filter.lfs.clean false; printf 'big\n' > src/sm/big; touch src/sm/ends",
    );
    let before = world.baseline_of("", &["src/"]);
    assert_eq!(before.status_text(), "");
}
