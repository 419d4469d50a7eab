//! What there is to review, in repositories as they come.

mod support;

use clodex_scope::{Tree, changes};
use support::World;

/// Untracked files, whether others are modified, whether HEAD differs from the base; or why not.
fn seen(world: &World, base: Option<&str>) -> Result<(Vec<String>, bool, Option<bool>), String> {
    let tree = Tree::discover(&world.repo()).unwrap();
    let changes = changes(&tree, base, vec![]).map_err(|error| error.to_string())?;
    let untracked = changes.untracked.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
    Ok((untracked, changes.is_modified, changes.base.map(|base| base.differs)))
}

#[test]
fn what_is_not_committed_is_seen_and_what_is_ignored_is_not() {
    for (setup, untracked, is_modified) in [
        ("true", &[][..], false),
        ("echo u >> src/a.txt", &[], true),
        ("git rm -q --cached docs/d.txt", &["docs/d.txt"], true),
        ("echo n > 'src/sp ace'; echo l > x.log; touch src/a.txt", &["src/sp ace"], false),
    ] {
        let world = World::new();
        world.sh(setup);
        let untracked = untracked.iter().map(|path| (*path).to_owned()).collect();
        assert_eq!(seen(&world, None), Ok((untracked, is_modified, None)), "{setup}");
    }
}

#[test]
fn a_base_is_whatever_git_takes_for_a_commit_and_the_common_commit_counts() {
    let world = World::new();
    world.sh("git checkout -q feature; echo f >> src/a.txt; git commit -qam f; git tag -a -m t annotated
        git checkout -q main; echo m > lib/m; git add -A; git commit -qm m; git checkout -q feature");
    for (base, differs) in [
        ("main", true),
        ("v1", true),
        ("HEAD~1", true),
        ("HEAD", false),
        ("feature", false),
        ("annotated", false),
    ] {
        assert_eq!(seen(&world, Some(base)), Ok((vec![], false, Some(differs))), "{base}");
    }
    let tree = Tree::discover(&world.repo()).unwrap();
    let base = changes(&tree, Some("main"), vec![]).unwrap().base.unwrap();
    assert_eq!(base.merge_base, world.sh("git rev-parse v1").trim());
}

#[test]
fn what_names_no_commit_is_refused_and_never_taken_for_an_option() {
    let world = World::new();
    world.sh("git checkout -q --orphan alone; git commit -qm alone; git checkout -q main");
    for (base, why) in [
        ("nowhere", "there is no such branch, tag or commit"),
        ("HEAD:src", "there is no such branch, tag or commit"),
        ("main..feature", "there is no such branch, tag or commit"),
        ("--output=x", "that names no branch, tag or commit"),
        ("-", "that names no branch, tag or commit"),
        (" ", "that names no branch, tag or commit"),
        ("alone", "it has no commit in common with HEAD"),
    ] {
        let told = seen(&world, Some(base)).unwrap_err();
        assert!(told.starts_with(&format!("cannot compare with `{base}`: {why}\nhint: ")), "{told}");
    }
    assert!(!world.repo().join("x").exists());
}
