//! `clodex-status --watch`: follows runs until none of them lives. Wakes up when a record changes; once a second
//! for the clock on a terminal, and to see that a dispatcher was killed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use clodex_core::{Liveness, Outcome, Phase, RunId};
use clodex_os::DirectoryWatch;
use clodex_os::record_store::SeenRun;

use crate::context::{Context, live_line, now_ms, print};
use crate::status::{empty, text};
use crate::table::table;
use clodex_os::Failure;

const TICK: Duration = Duration::from_secs(1);

/// What of a run is worth a line when it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    liveness: Liveness,
    phase: Phase,
    activity: String,
    outcome: Option<Outcome>,
}

/// Follows one run, or all that live.
pub fn watch(context: &Context, only: Option<&RunId>) -> Result<u8, Failure> {
    // Made before the first look: nothing that changes in between is missed.
    let mut changes = match DirectoryWatch::new(&context.store.dir().live()) {
        Ok(changes) => changes,
        Err(_) if context.store.live().is_empty() && only.is_none() => {
            print(empty(false));
            return Ok(0);
        }
        Err(error) => return Err(error.into()),
    };
    let mut seen: Vec<RunId> = only.cloned().into_iter().collect();
    let mut told = HashMap::new();
    let mut drawn = 0;
    loop {
        if only.is_none() {
            let new = context
                .store
                .live()
                .into_iter()
                .filter(|run| is_followed(run.liveness))
                .map(|run| run.record.id);
            let new: Vec<RunId> = new.filter(|id| !seen.contains(id)).collect();
            seen.extend(new);
        }
        let runs: Vec<SeenRun> = seen.iter().filter_map(|id| context.store.see(id)).collect();
        if runs.is_empty() {
            print(empty(false));
            return Ok(0);
        }
        if context.on_terminal {
            drawn = redraw(context, &runs, drawn);
        } else {
            tell_changes(context, &runs, &mut told);
        }
        if !runs.iter().any(|run| is_followed(run.liveness)) {
            return Ok(0);
        }
        changes.wait(Some(Instant::now() + TICK))?;
    }
}

/// Another host's runs may live for ever as far as can be seen from here, and dead ones do not change.
fn is_followed(liveness: Liveness) -> bool {
    liveness == Liveness::Live
}

/// Draws over the `drawn` lines of the last time; returns how many there are now.
fn redraw(context: &Context, runs: &[SeenRun], drawn: usize) -> usize {
    let lines = table(runs, now_ms(), context.columns);
    let up = if drawn > 0 { format!("\x1b[{drawn}A\x1b[J") } else { String::new() };
    print(&(up + &text(context, &lines)));
    lines.len()
}

fn tell_changes(context: &Context, runs: &[SeenRun], told: &mut HashMap<RunId, Told>) {
    let now = now_ms();
    for run in runs {
        let progress = &run.record.progress;
        let state = Told {
            liveness: run.liveness,
            phase: progress.phase,
            activity: progress.activity.clone(),
            outcome: run.record.outcome,
        };
        if told.get(&run.record.id) != Some(&state) {
            print(&text(context, &[live_line(run, now).line()]));
            told.insert(run.record.id.clone(), state);
        }
    }
}
