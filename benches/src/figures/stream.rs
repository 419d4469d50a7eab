//! Long streams: what it costs to follow them, in CPU and in memory.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Effort;
use crate::measure::{Case, Cost, interleave, peak_bytes};
use crate::scratch_dir::ScratchDir;
use crate::streams::{self, Kind};
use crate::table::{Aim, Table, Unit};

const PARSED_BYTES: usize = 32 << 20;
const WATCHED_BYTES: usize = 100_000_000;

pub fn figures(scratch: &ScratchDir, effort: Effort, table: &mut Table) -> io::Result<()> {
    for (name, kind) in [("small events", Kind::Small), ("1 % lines of 1 MB", Kind::Mixed)] {
        let path = scratch.path("stream.jsonl");
        streams::write(&path, kind, PARSED_BYTES)?;
        parsed(scratch, effort, table, name, &path)?;
    }
    watched(scratch, effort, table)
}

fn parsed(
    scratch: &ScratchDir,
    effort: Effort,
    table: &mut Table,
    name: &str,
    path: &Path,
) -> io::Result<()> {
    let mut cases = vec![
        Case::program(|| Ok(with(scratch, "wc", &["-l"], path))),
        Case::program(|| Ok(with(scratch, "clodex-progress", &["--file"], path))),
    ];
    let has_jq = Command::new("jq").arg("--version").stdout(Stdio::null()).status().is_ok();
    if has_jq {
        cases.push(Case::program(|| Ok(with(scratch, "jq", &["-c", "."], path))));
    }
    interleave(effort.rounds(5), &mut cases)?;
    let cpu = |case: &Case<'_>| case.each(|cost: &Cost| cost.all_cpu);
    let ours = cpu(&cases[1]);
    let against_jq = format!("jq -c . / clodex-progress, CPU, {name}");
    match cases.get(2).map(cpu) {
        Some(jq) => table.ratio(&against_jq, &jq, &ours, Aim::AtLeast(12.0)),
        None => table.missing(&against_jq, "there is no jq"),
    }
    table.ratio(&format!("clodex-progress / wc -l, CPU, {name}"), &ours, &cpu(&cases[0]), Aim::None);
    Ok(())
}

fn watched(scratch: &ScratchDir, effort: Effort, table: &mut Table) -> io::Result<()> {
    let path = scratch.path("stream.jsonl");
    streams::write(&path, Kind::Small, WATCHED_BYTES)?;
    scratch.codex_does(&json!({"exec": ["read_stdin", {"file": path}]}))?;
    let mut peaks = Vec::new();
    let rounds = effort.rounds(5);
    let mut cases = [
        Case::program(|| Ok(with(scratch, "wc", &["-l"], &path))),
        Case::program(|| Ok(scratch.bare_codex("wc -l"))),
        Case::program(|| scratch.dispatch()),
    ];
    interleave(rounds, &mut cases)?;
    for _ in 0..3 {
        peaks.push(peak_of(scratch.dispatch()?)?);
    }
    let [counted, piped, dispatched] = &cases;
    let own = dispatched.each(|cost| cost.own_cpu);
    table.ratio(
        "dispatcher / wc -l, CPU, 100 MB",
        &own,
        &counted.each(|cost| cost.own_cpu),
        Aim::AtMost(12.0),
    );
    table.ratio(
        "dispatch / codex | wc -l, wall, 100 MB",
        &dispatched.each(|cost| cost.wall),
        &piped.each(|cost| cost.wall),
        Aim::None,
    );
    table.quantity("dispatcher, peak memory, 100 MB", &peaks, Unit::Megabytes, Aim::AtMost(8e6));
    Ok(())
}

/// The most memory that a process had, looked at until it is gone.
fn peak_of(mut command: Command) -> io::Result<f64> {
    let mut child = command.spawn()?;
    let mut peak = f64::NAN;
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        peak = peak.max(peak_bytes(child.id()));
        // Slower than the run's last steps would miss them, faster would disturb it.
        std::thread::sleep(Duration::from_millis(if begun.elapsed().as_secs() < 1 { 1 } else { 5 }));
    }
    Ok(peak)
}

fn with(scratch: &ScratchDir, program: &str, args: &[&str], path: &Path) -> Command {
    let mut command = scratch.command(program);
    command.args(args).arg(path);
    command
}
