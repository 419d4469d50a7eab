//! The two passes of the scope check over ten thousand tracked and five thousand ignored files.

use std::io;
use std::path::Path;
use std::time::Instant;

use clodex_core::{PathKind, ScopeEntry, ScopeRules};
use clodex_scope::{Baseline, Comparison, Meanwhile, Request, Tree, baseline, compare};

use crate::Effort;
use crate::measure::{Case, Cost, interleave, own_cpu};
use crate::place::Place;
use crate::repository;
use crate::table::{Aim, Table};

const TRACKED: usize = 10_000;

pub fn figures(place: &Place, effort: Effort, table: &mut Table) -> io::Result<()> {
    let repo = place.path("large");
    repository::large(&repo, TRACKED)?;
    let before = pass_before(&repo)?;
    let mut cases = [
        Case::program(|| {
            let mut git = place.command("git");
            let status = ["--no-optional-locks", "status", "--porcelain", "-z", "-uall", "--ignored"];
            git.args(status).current_dir(&repo);
            Ok(git)
        }),
        Case::new(|| cost_of(|| pass_before(&repo))),
        Case::new(|| cost_of(|| pass_after(&before))),
    ];
    interleave(effort.rounds(20), &mut cases)?;
    let [git, first, second] = cases.map(|case| case.each(|cost: &Cost| cost.wall));
    table.ratio("scope baseline, 10 000 files / git status", &first, &git, Aim::AtMost(1.0));
    table.ratio("scope comparison, 10 000 files / git status", &second, &git, Aim::AtMost(1.0));
    Ok(())
}

/// What both passes over a repository cost, in this process.
pub fn both_passes(repo: &Path) -> io::Result<Cost> {
    cost_of(|| pass_after(&pass_before(repo)?))
}

fn pass_before(repo: &Path) -> io::Result<Baseline> {
    let tree = Tree::discover(repo).map_err(io::Error::other)?;
    let entry =
        ScopeEntry::parse("src/", b"", repo.as_os_str().as_encoded_bytes()).map_err(io::Error::other)?;
    let rules = ScopeRules::new(vec![entry], |_| PathKind::Directory);
    baseline(&tree, Request { rules, ..Request::default() }).map_err(io::Error::other)
}

fn pass_after(before: &Baseline) -> io::Result<Comparison> {
    compare(before, &Meanwhile::default()).map_err(io::Error::other)
}

fn cost_of<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<Cost> {
    let (begun, used) = (Instant::now(), own_cpu()?);
    let result = work()?;
    let (wall, cpu) = (begun.elapsed(), own_cpu()?.saturating_sub(used));
    drop(result);
    Ok(Cost { wall, own_cpu: cpu, all_cpu: cpu })
}
