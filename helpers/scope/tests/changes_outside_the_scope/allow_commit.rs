//! What a worker that may commit may do to the history, and what not.

use clodex_core::Verdict;
use clodex_scope::{Comparison, Meanwhile, Request, compare};

use crate::support::World;

fn run(world: &World, workdir: &str, script: &str) -> Comparison {
    let baseline =
        world.baseline_with(workdir, &["src/"], Request { allow_commit: true, ..Request::default() });
    world.sh_in(&world.repo().join(workdir), script);
    compare(&baseline, &Meanwhile::default()).expect("a comparison")
}

#[track_caller]
fn assert_fine(found: &Comparison, subjects: &[&str]) {
    assert_eq!((found.verdict, &*found.violations), (Verdict::Clean, &[][..]), "{found:?}");
    let seen: Vec<&str> = found.commits.iter().filter_map(|shown| Some(shown.split_once(' ')?.1)).collect();
    assert_eq!(seen, subjects);
}

#[test]
fn commits_in_scope_on_the_current_branch_are_fine_and_listed() {
    let world = World::new();
    let script = "
        echo 1 >> src/a.txt; git add src; git commit -qm one
        mkdir src/new; echo 2 > src/new/f; git rm -q src/b.txt; git add src; git commit -qm two -m body";
    assert_fine(&run(&world, "", script), &["one", "two"]);
    world.sh("git checkout -q --detach");
    assert_fine(&run(&world, "", "echo 3 >> src/a.txt; git commit -qam three"), &["three"]);
    world.sh("git checkout -q main; git worktree add -q .trees/side -b side 2>&1");
    assert_fine(&run(&world, ".trees/side", "echo 4 >> src/a.txt; git commit -qam four"), &["four"]);
    let world = World::new();
    world.sh("git checkout -q --orphan fresh; git rm -rqf .");
    assert_fine(
        &run(&world, "", "mkdir -p src; echo 1 > src/f; git add src; git commit -qm first"),
        &["first"],
    );
    assert_fine(&run(&world, "", "true"), &[]);
}

#[test]
fn everything_else_about_history_stays_a_violation() {
    for (setup, script, wanted) in [
        ("", "echo x >> lib/x.txt; git commit -qam out", "lib/x.txt"),
        ("", "echo x >> lib/x.txt; git commit -qam out; git revert --no-edit HEAD", "lib/x.txt"),
        ("echo u >> lib/x.txt; git add lib", "echo x >> src/a.txt; git commit -qam mine", "lib/x.txt"),
        ("", "git rm -q lib/x.txt; git commit -qm gone", "lib/x.txt"),
        ("", "git mv src/a.txt lib/a.txt; git commit -qm moved", "lib/a.txt"),
        ("", "chmod +x lib/x.txt; git commit -qam mode", "lib/x.txt"),
        ("", "echo x >> src/a.txt; git commit -qa --amend -m new", "refs/heads/main"),
        ("git commit -q --allow-empty -m top", "git reset -q --soft HEAD~1", "refs/heads/main"),
        ("", "git checkout -q -b mine; echo x >> src/a.txt; git commit -qam x", "HEAD"),
        ("", "git checkout -q --detach; echo x >> src/a.txt; git commit -qam x", "HEAD"),
        (
            "git checkout -q feature; echo f >> src/b.txt; git commit -qam f; git checkout -q main",
            "git merge -q --no-ff -m merged feature",
            "refs/heads/main",
        ),
        ("", "echo x >> src/a.txt; git commit -qam x; git tag v2", "refs/tags/v2"),
        ("", "echo x >> src/a.txt; git commit -qam x; git branch -f feature", "refs/heads/feature"),
        ("", "echo x >> src/a.txt; git stash -q", "refs/stash"),
        ("", "echo x >> src/a.txt; git commit -qam x; git config a.b c", ".git/config"),
        (
            "",
            "mkdir -p refs/heads; echo x > HEAD; echo x > refs/heads/main; echo y > src/y; git add src; git commit -qm y",
            "HEAD",
        ),
    ] {
        let world = World::new();
        world.sh(setup);
        let found = run(&world, "", script);
        assert_eq!(found.verdict, Verdict::Violation, "{script}");
        let paths: Vec<&str> = found.violations.iter().map(|violation| violation.path.as_str()).collect();
        assert!(paths.contains(&wanted), "{script}: {paths:?}");
    }
}

#[test]
fn a_file_that_was_committed_out_of_scope_names_its_commit() {
    let world = World::new();
    let found = run(&world, "", "echo x >> lib/x.txt; git commit -qam sneaky; git revert --no-edit HEAD");
    let violation = found.violations.iter().find(|violation| violation.path == "lib/x.txt").expect("named");
    let id = found.commits[0].split(' ').next().expect("an id");
    assert!(
        violation.detail.starts_with(&format!("committed in {id} sneaky; committed in ")),
        "{violation:?}"
    );
}
