//! What follows a run is held against the state after it: nothing but by-products may change then.

mod support;

use clodex_core::{Verdict, ViolationKind};
use support::{World, compared};

#[test]
fn what_the_run_changed_is_no_news_and_what_follows_is_even_in_scope() {
    let world = World::new();
    let before = world.baseline_of("", &["src/"]);
    world
        .sh("echo run >> src/a.txt; echo run > src/new.txt; echo run >> lib/x.txt; echo run > build/out.bin");
    let after = compared(&before).as_baseline(None).unwrap();
    assert_eq!(compared(&after).verdict, Verdict::Clean);

    world.sh("echo later >> src/a.txt; rm src/new.txt; echo later >> build/out.bin; git tag late");
    let later = compared(&after);
    let found: Vec<_> = later.violations.iter().map(|found| (found.path.as_str(), found.kind)).collect();
    assert_eq!(
        found,
        [
            ("refs/tags/late", ViolationKind::Added),
            ("src/a.txt", ViolationKind::Modified),
            ("src/new.txt", ViolationKind::Removed),
        ]
    );
    assert_eq!(later.by_products, ["build/"]);
}

#[test]
fn what_the_run_made_ignored_is_not() {
    let world = World::new();
    let before = world.baseline_of("", &["."]);
    world.sh("echo dist/ >> .gitignore");
    let after = compared(&before).as_baseline(None).unwrap();
    world.sh("mkdir dist; echo later > dist/x");
    assert_eq!(compared(&after).verdict, Verdict::Violation);
}
