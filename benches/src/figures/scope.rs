//! The two passes of the scope check, beside git's own status and libgit2's recursive one, which see less.

use std::io;
use std::path::Path;

use crate::Effort;
use crate::measure::{Case, Cost, interleave};
use crate::repository;
use crate::scope_pass::Pass;
use crate::scratch_dir::ScratchDir;
use crate::table::{Aim, Table, Unit};

/// Tracked files; half as many ignored ones lie beside them.
const SIZES: [(usize, &str); 2] = [(10_000, "10 000 files"), (100_000, "100 000 files")];

pub fn figures(scratch: &ScratchDir, effort: Effort, table: &mut Table) -> io::Result<()> {
    for (tracked, size) in SIZES {
        let repo = scratch.path(&format!("large-{tracked}"));
        repository::large(&repo, tracked)?;
        passes(scratch, effort, table, (&repo, size))?;
    }
    let (from, to) = (scratch.path("large-100000"), scratch.path("clone"));
    repository::clone(&from, &to)?;
    passes(scratch, effort, table, (&to, "fresh clone of 100 000"))
}

fn passes(
    scratch: &ScratchDir,
    effort: Effort,
    table: &mut Table,
    (repo, size): (&Path, &str),
) -> io::Result<()> {
    let mut cases = [
        Case::program(|| {
            let mut git = scratch.command("git");
            let status = ["--no-optional-locks", "status", "--porcelain", "-z", "-uall", "--ignored"];
            git.args(status).current_dir(repo);
            Ok(git)
        }),
        Case::program(|| {
            let mut libgit2 = scratch.command("examples/libgit2-status");
            libgit2.arg(repo);
            Ok(libgit2)
        }),
        Case::new(|| Pass::Baseline.measure(repo)),
        Case::new(|| Pass::Comparison.measure(repo)),
    ];
    interleave(effort.rounds(20), &mut cases)?;
    let wall = |at: usize| cases[at].each(|cost: &Cost| cost.wall);
    let cpu = |at: usize| cases[at].each(|cost: &Cost| cost.all_cpu);
    table.quantity(&format!("git status, {size}"), &wall(0), Unit::Milliseconds, Aim::None);
    for (at, pass) in [(2, "baseline"), (3, "comparison")] {
        let row = |of: &str| format!("scope {pass}, {size}{of}");
        table.ratio(&row(" / git status"), &wall(at), &wall(0), Aim::AtMost(1.0));
        table.ratio(&row(" / git status, CPU"), &cpu(at), &cpu(0), Aim::None);
        table.ratio(&row(" / libgit2's status"), &wall(at), &wall(1), Aim::AtMost(0.45));
        table.quantity(&row(", peak memory"), &cases[at].peaks(), Unit::Megabytes, Aim::AtMost(48e6));
    }
    Ok(())
}
