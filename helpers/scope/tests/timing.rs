//! How long a pass takes over ten thousand tracked and five thousand ignored files; printed, not judged, since the
//! machine is shared (`cargo test -p clodex-scope --test timing -- --nocapture`).

mod support;

use clodex_core::Verdict;
use support::{World, compared};

#[test]
fn ten_thousand_files_are_compared_and_the_time_is_shown() {
    let world = World::new();
    world.sh("for d in $(seq 100); do mkdir lib/d$d; (cd lib/d$d; for f in $(seq 100); do echo $d $f > f$f; done); done
        mkdir node_modules; for d in $(seq 50); do mkdir node_modules/d$d; (cd node_modules/d$d; for f in $(seq 100); do echo $d $f > f$f; done); done
        git add -A; git commit -qm many");
    let before = world.baseline_of("", &["src/"]);
    world.sh("echo x >> lib/d50/f50");
    let found = compared(&before);
    let started = std::time::Instant::now();
    world.sh("git status --porcelain -z -uall --ignored >/dev/null");
    eprintln!(
        "baseline {:?}, comparison {:?}, git status {:?}",
        before.took(),
        found.took,
        started.elapsed()
    );
    assert_eq!(found.verdict, Verdict::Violation);
    assert_eq!(found.violations.len(), 1);
}
