//! What a dispatch adds to the bare child, the scope check of a tiny repository taken off.

use std::io;

use serde_json::{Value, json};

use crate::Effort;
use crate::measure::{Case, Cost, interleave, median};
use crate::scope_pass;
use crate::scratch_dir::ScratchDir;
use crate::streams;
use crate::table::{Aim, Table, Unit};

const EVENTS: usize = 150;
const SPACING_MS: u64 = 20;

pub fn figures(scratch: &ScratchDir, effort: Effort, table: &mut Table) -> io::Result<()> {
    let empty = added(scratch, effort.rounds(40), 0)?;
    let busy = added(scratch, effort.rounds(10), EVENTS)?;
    let mut passes = [Case::new(|| scope_pass::both(&scratch.path("repo")))];
    interleave(effort.rounds(40), &mut passes)?;
    let scope = median(&passes[0].each(|cost| cost.own_cpu));

    let less_scope = |values: &[f64]| values.iter().map(|value| value - scope).collect::<Vec<_>>();
    table.quantity(
        "scope check of a tiny repository, CPU",
        &passes[0].each(|cost| cost.own_cpu),
        Unit::Milliseconds,
        Aim::None,
    );
    table.quantity(
        "dispatch, no events: CPU of the dispatcher",
        &less_scope(&empty.own),
        Unit::Milliseconds,
        Aim::AtMost(1.5e-3),
    );
    table.quantity(
        "… and of all it starts, Codex apart",
        &less_scope(&empty.all),
        Unit::Milliseconds,
        Aim::None,
    );
    table.quantity("… added wall time", &empty.wall, Unit::Milliseconds, Aim::None);
    let per_event = |busy: &[f64], empty: &[f64]| -> Vec<f64> {
        busy.iter().map(|busy| (busy - median(empty)) / EVENTS as f64).collect()
    };
    let own = per_event(&busy.own, &empty.own);
    table.quantity(
        "dispatch, CPU per event at 50/s, each a new phase",
        &own,
        Unit::Milliseconds,
        Aim::AtMost(0.15e-3),
    );
    Ok(())
}

/// Seconds that a dispatch takes beyond the bare child, per round.
struct Added {
    own: Vec<f64>,
    all: Vec<f64>,
    wall: Vec<f64>,
}

fn added(scratch: &ScratchDir, rounds: usize, events: usize) -> io::Result<Added> {
    scratch.codex_does(&script(events))?;
    let mut cases = [
        Case::program(|| {
            let mut codex = scratch.command("codex");
            codex.args(["exec", "-"]);
            Ok(codex)
        }),
        Case::program(|| scratch.dispatch()),
    ];
    interleave(rounds, &mut cases)?;
    let [bare, dispatched] = &cases;
    let beyond = |of: fn(&Cost) -> std::time::Duration| {
        let base = median(&bare.each(of));
        dispatched.each(of).iter().map(|value| value - base).collect()
    };
    Ok(Added {
        own: dispatched.each(|cost| cost.own_cpu),
        all: beyond(|cost| cost.all_cpu),
        wall: beyond(|cost| cost.wall),
    })
}

/// What a stand-in does that tells of so many events.
pub(super) fn script(events: usize) -> Value {
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
    acts.push(json!({"line": streams::message(events, "did it\nVERDICT: CLEAN")}));
    acts.push(json!({"line": streams::turn_completed()}));
    json!({"exec": acts})
}
