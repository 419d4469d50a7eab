//! From the moment when Codex writes an event until a reader of the record has it. Every event changes the phase,
//! so that none is held back; the reader sleeps until the directory changes.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use clodex_core::RunRecord;
use clodex_os::DirectoryWatch;
use clodex_sim::stand_in::stamps;
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::Effort;
use crate::measure::percentile;
use crate::scratch_dir::ScratchDir;
use crate::streams;
use crate::table::{Aim, Table, Unit};

const SPACING_MS: u64 = 7;

pub fn figures(scratch: &ScratchDir, effort: Effort, table: &mut Table) -> io::Result<()> {
    let events = effort.rounds(1000);
    let stamps_file = scratch.path("stamps");
    scratch.codex_does(&script(&stamps_file, events))?;
    let live = scratch.path("state/live");
    fs::create_dir_all(&live)?;
    let mut watch = DirectoryWatch::new(&live).map_err(io::Error::other)?;
    let mut dispatch = scratch.dispatch()?.spawn()?;
    let mut seen = Vec::new();
    while dispatch.try_wait()?.is_none() {
        watch.wait(Some(Instant::now() + Duration::from_millis(200))).map_err(io::Error::other)?;
        if let Some(events) = events_in(&live) {
            seen.push((events, now()));
        }
    }
    let late = latencies(&stamps_file, &seen)?;
    if late.len() < events / 2 {
        return Err(io::Error::other(format!("the reader saw {} of {events} events", late.len())));
    }
    table.row(
        "event → reader of the record, p50",
        percentile(&late, 0.5),
        &late,
        Unit::Microseconds,
        Aim::AtMost(250e-6),
    );
    table.row(
        "event → reader of the record, p99",
        percentile(&late, 0.99),
        &late,
        Unit::Microseconds,
        Aim::None,
    );
    Ok(())
}

/// Seconds between each stamped line and the first look at the record that counts it.
fn latencies(stamps_file: &Path, seen: &[(u64, f64)]) -> io::Result<Vec<f64>> {
    let written = stamps(stamps_file)?.into_iter().filter_map(|stamp| {
        let number: u64 = stamp.what.strip_prefix("line ")?.parse().ok()?;
        Some((number, Duration::from_nanos(stamp.ns).as_secs_f64()))
    });
    // The first lines come while the run is still being set up, the last ones while it ends.
    let in_between = written.filter(|(number, _)| *number > 5);
    Ok(in_between
        .filter_map(|(number, at)| {
            seen.iter().find(|(events, _)| *events > number).map(|(_, then)| then - at)
        })
        .collect())
}

fn events_in(live: &Path) -> Option<u64> {
    let record = fs::read_dir(live)
        .ok()?
        .flatten()
        .find(|entry| entry.path().extension().is_some_and(|end| end == "json"))?;
    let record: RunRecord = serde_json::from_slice(&fs::read(record.path()).ok()?).ok()?;
    Some(record.progress.events)
}

fn now() -> f64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default().as_secs_f64()
}

fn script(stamps: &Path, events: usize) -> Value {
    let mut acts = vec![json!("read_stdin"), json!({"line": streams::turn_started()})];
    for number in 0..events {
        let item = number / 2;
        let line = if number % 2 == 0 {
            streams::command_started(item)
        } else {
            streams::command_ended(item, "found\n")
        };
        acts.extend([json!({"sleep_ms": SPACING_MS}), json!({"line": line})]);
    }
    // No end of the turn: what the dispatcher does then is another figure.
    acts.extend([
        json!({"sleep_ms": 300}),
        json!({"line": streams::message(events, "VERDICT: CLEAN")}),
        json!({"line": streams::turn_completed()}),
    ]);
    json!({"stamps": stamps, "exec": acts})
}
