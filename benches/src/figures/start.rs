//! Programs that start often: whole processes against `/bin/true` and a shell that does nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Effort;
use crate::measure::{Case, Cost, interleave};
use crate::records;
use crate::scratch_dir::ScratchDir;
use crate::table::{Aim, Table, Unit};

const STDIN: &str = include_str!("../../../helpers/statusline/tests/claude_code_2.1.329.json");

pub fn figures(scratch: &ScratchDir, effort: Effort, table: &mut Table) -> io::Result<()> {
    let repo = scratch.path("repo").canonicalize()?;
    let stdin = scratch.file("stdin.json", STDIN.replace("/home/u/proj", &repo.display().to_string()))?;
    let (few, many) = (scratch.path("few"), scratch.path("many"));
    let _live = [records::fill(&few, &repo, 10, 0)?, records::fill(&many, &repo, 3, 1000)?];
    let nothing = if Path::new("/bin/true").exists() { "/bin/true" } else { "/usr/bin/true" };
    let mut cases = [
        Case::program(|| Ok(scratch.command(nothing))),
        Case::program(|| Ok(shell(scratch))),
        Case::program(|| statusline(scratch, &stdin, &few)),
        Case::program(|| statusline(scratch, &stdin, &many)),
        Case::program(|| Ok(status(scratch, &many))),
    ];
    interleave(effort.rounds(200), &mut cases)?;
    let [nothing, shell, few, many, status] = cases.map(|case| case.each(|cost: &Cost| cost.wall));
    table.quantity("/bin/true (the scale)", &nothing, Unit::Milliseconds, Aim::None);
    table.ratio("bash --norc -c : / true", &shell, &nothing, Aim::None);
    table.ratio("statusline, 10 live / true", &few, &nothing, Aim::AtMost(0.8));
    table.ratio("statusline, 10 live / bash", &few, &shell, Aim::None);
    table.ratio("statusline, 1000 ended + 3 live / true", &many, &nothing, Aim::AtMost(1.5));
    table.ratio("status --all --json, 1003 records / true", &status, &nothing, Aim::AtMost(12.0));
    Ok(())
}

fn shell(scratch: &ScratchDir) -> Command {
    let mut bash = scratch.command("bash");
    bash.args(["--norc", "-c", ":"]);
    bash
}

fn statusline(scratch: &ScratchDir, stdin: &Path, state: &PathBuf) -> io::Result<Command> {
    let mut statusline = scratch.command("clodex-statusline");
    statusline.env("CLODEX_STATE_DIR", state).stdin(ScratchDir::open(stdin)?);
    Ok(statusline)
}

fn status(scratch: &ScratchDir, state: &PathBuf) -> Command {
    let mut status = scratch.command("clodex-status");
    status.args(["--all", "--json"]).env("CLODEX_STATE_DIR", state);
    status
}
