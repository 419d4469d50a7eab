//! Programs that start often: whole processes against `/bin/true` and a shell that does nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Effort;
use crate::measure::{Case, Cost, interleave};
use crate::place::Place;
use crate::records;
use crate::table::{Aim, Table, Unit};

const STDIN: &str = include_str!("../../../helpers/statusline/tests/claude_code_2.1.329.json");

pub fn figures(place: &Place, effort: Effort, table: &mut Table) -> io::Result<()> {
    let repo = place.path("repo").canonicalize()?;
    let stdin = place.file("stdin.json", STDIN.replace("/home/u/proj", &repo.display().to_string()))?;
    let (few, many) = (place.path("few"), place.path("many"));
    let _live = [records::fill(&few, &repo, 10, 0)?, records::fill(&many, &repo, 3, 1000)?];
    let nothing = if Path::new("/bin/true").exists() { "/bin/true" } else { "/usr/bin/true" };
    let mut cases = [
        Case::program(|| Ok(place.command(nothing))),
        Case::program(|| Ok(shell(place))),
        Case::program(|| statusline(place, &stdin, &few)),
        Case::program(|| statusline(place, &stdin, &many)),
        Case::program(|| Ok(status(place, &many))),
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

fn shell(place: &Place) -> Command {
    let mut bash = place.command("bash");
    bash.args(["--norc", "-c", ":"]);
    bash
}

fn statusline(place: &Place, stdin: &Path, state: &PathBuf) -> io::Result<Command> {
    let mut statusline = place.command("clodex-statusline");
    statusline.env("CLODEX_STATE_DIR", state).stdin(Place::open(stdin)?);
    Ok(statusline)
}

fn status(place: &Place, state: &PathBuf) -> Command {
    let mut status = place.command("clodex-status");
    status.args(["--all", "--json"]).env("CLODEX_STATE_DIR", state);
    status
}
