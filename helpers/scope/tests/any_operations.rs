//! Whatever is done outside the scope is found; whatever is done inside is quiet.

mod support;

use std::collections::BTreeSet;

use clodex_core::Verdict;
use proptest::prelude::*;
use support::{World, compared};

const NAMES: [&str; 5] = ["a.txt", "b.txt", "n", "d/e", "d/f.txt"];

/// One thing done to a path; each leaves the tree other than it was, wherever it is possible.
fn operation() -> impl Strategy<Value = (usize, usize)> {
    (0..NAMES.len(), 0..10_usize)
}

fn script(top: &str, (name, what): (usize, usize)) -> String {
    let path = format!("{top}/{}", NAMES[name]);
    let act = match what {
        0 => format!("echo x >> {path}"),
        1 => format!("rm -rf {path}"),
        2 => format!("chmod 751 {path}"),
        3 => format!("rm -rf {path}; ln -s nowhere {path}"),
        4 => format!("rm -rf {path}; mkfifo {path}"),
        5 => format!("rm -rf {path}; mkdir {path}"),
        6 => format!("mv {path} {top}/moved"),
        7 => format!("ln -f {path} {top}/linked; echo y >> {top}/linked"),
        8 => format!("touch -r {path} ../r; printf 7 | dd of={path} bs=1 conv=notrunc; touch -r ../r {path}"),
        _ => format!("git add -A {top}"),
    };
    // A FIFO would block the writer for ever.
    format!("mkdir -p {top}/d 2>/dev/null || true; [ -p {path} ] || {{ {act}; }} 2>/dev/null || true\n")
}

fn prepared() -> World {
    let world = World::new();
    world.sh("mkdir -p in/d out/d; for t in in out; do for n in a.txt b.txt d/f.txt; do echo 1 > $t/$n; done; done; git add -A; git commit -qm two; echo u >> out/b.txt; echo u > out/n");
    world
}

/// What the tree and the index look like, in words of `find` and git.
fn picture(world: &World) -> String {
    world.sh("find out -printf '%p %y %m %l\\n' | sort; find out -type f -exec sha256sum {} + | sort; git ls-files -s out")
}

/// Paths below `out` of which two pictures differ, but for directories that only hold what changed.
fn changed(before: &str, after: &str) -> BTreeSet<String> {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (before, after) = (lines(before), lines(after));
    let differing: Vec<String> = before.symmetric_difference(&after).cloned().collect();
    let paths: BTreeSet<String> = differing
        .iter()
        .flat_map(|line| line.split_whitespace())
        .filter(|word| word.starts_with("out/"))
        .map(str::to_owned)
        .collect();
    let holds_another = |path: &String| paths.iter().any(|other| other.starts_with(&format!("{path}/")));
    paths.iter().filter(|path| !holds_another(path)).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn operations_outside_are_found_and_inside_are_quiet(
        inside in prop::collection::vec(operation(), 0..6),
        outside in prop::collection::vec(operation(), 0..4),
    ) {
        let world = prepared();
        let before = world.baseline_of("", &["in/"]);
        let picture_before = picture(&world);
        let all: String = inside.iter().map(|op| script("in", *op)).collect();
        world.sh(&all);
        let found = compared(&before);
        prop_assert_eq!(found.verdict, Verdict::Clean, "{}{:?}", all, found.violations);
        let all: String = outside.iter().map(|op| script("out", *op)).collect();
        world.sh(&all);
        let found = compared(&before);
        let want = if picture(&world) == picture_before { Verdict::Clean } else { Verdict::Violation };
        prop_assert_eq!(found.verdict, want, "{}{:?}", all, found.violations);
        prop_assert!(found.violations.iter().all(|violation| violation.path.starts_with("out")));
        for path in changed(&picture_before, &picture(&world)) {
            let named = found.violations.iter().any(|violation| violation.path == path);
            prop_assert!(named, "{}{} is not named in {:?}", all, path, found.violations);
        }
    }
}
