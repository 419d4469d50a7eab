//! Runs a table of cases, each in a repository of its own.

use clodex_core::Verdict;

use crate::support::{World, compared};

/// What a case should come to.
#[derive(Debug, Clone, Copy)]
pub enum Want {
    /// A violation that names this path, or one below it.
    Names(&'static str),
    /// Nothing at all outside the scope.
    Quiet,
    /// Clean, with this by-product.
    Note(&'static str),
}

/// One case: what it shows, what is there before, what the worker does, what should come of it.
pub struct Case<'a>(pub &'a str, pub &'a str, pub &'a str, pub Want);

pub fn run_all(workdir: &str, scope: &[&str], cases: &[Case<'_>]) {
    let failed: Vec<String> = std::thread::scope(|threads| {
        let running: Vec<_> = cases.iter().map(|case| threads.spawn(|| run(workdir, scope, case))).collect();
        let ended = running.into_iter().zip(cases);
        let lost = |case: &Case<'_>| Err(format!("{}: its script failed, see above", case.0));
        ended.filter_map(|(running, case)| running.join().unwrap_or_else(|_| lost(case)).err()).collect()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn run(workdir: &str, scope: &[&str], Case(title, setup, action, want): &Case<'_>) -> Result<(), String> {
    let world = World::new();
    world.sh(setup);
    let before = world.baseline_of(workdir, scope);
    world.sh_in(&world.repo().join(workdir), action);
    let found = compared(&before);
    let outside = world.outside().to_str().expect("a UTF-8 path").to_owned();
    let named = |name: &str| {
        let name = name.replace("$OUTSIDE", &outside);
        found
            .violations
            .iter()
            .any(|violation| violation.path == name || violation.path.starts_with(&format!("{name}/")))
    };
    let right = match want {
        Want::Names(name) => found.verdict == Verdict::Violation && named(name),
        Want::Quiet => found.verdict == Verdict::Clean && found.by_products.is_empty(),
        Want::Note(by_product) => found.verdict == Verdict::Clean && found.by_products == [*by_product],
    };
    let told = || {
        format!(
            "{title}: want {want:?}, got {} {:#?} {:?} {:?}",
            found.verdict, found.violations, found.by_products, found.notes
        )
    };
    if right { Ok(()) } else { Err(told()) }
}
