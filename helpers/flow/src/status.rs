//! Flows as they are: those of the last days in a line each, or one with all its steps.

use std::fmt::Write as _;

use clodex_core::{Colour, LiveLine, Liveness, utc_ms};
use clodex_os::clock::Timestamp;
use clodex_os::record_store::{RecordStore, StateDir};
use clodex_os::{Failure, say};

use crate::cli::StatusArguments;
use crate::flow_dir::{self, FlowDir};
use crate::flow_state::{FlowState, StepState};
use crate::live_runs;
use crate::report::state as state_word;
use crate::schedule::Stand;
use crate::tell::{flow_state, report_text};

/// So many flows are shown.
const SHOWN: usize = 10;
/// Columns of a live line here.
const COLUMNS: usize = 110;

/// Shows flows.
pub fn status(asked: &StatusArguments) -> Result<u8, Failure> {
    let store = RecordStore::look_at(StateDir::required()?);
    match &asked.flow {
        Some(text) => {
            let dir = flow_dir::find(store.dir(), text)?;
            let told = flow_state(&dir)?;
            if asked.json {
                say(&report_text(&dir, &told, true, dir.is_held()));
            } else {
                say(&(line(&dir, &told)
                    + &live(&store, &dir.id())
                    + "\n"
                    + &report_text(&dir, &told, false, dir.is_held())));
            }
        }
        None => say(&all(&store, asked.json)),
    }
    Ok(0)
}

fn all(store: &RecordStore, json: bool) -> String {
    let dirs: Vec<FlowDir> =
        flow_dir::ids(store.dir()).iter().take(SHOWN).map(|id| FlowDir::at(store.dir(), id)).collect();
    // What never began, or cannot be read, is shown when it is asked for.
    let known: Vec<(FlowDir, FlowState)> = dirs
        .into_iter()
        .filter_map(|dir| flow_state(&dir).ok().map(|flow_state| (dir, flow_state)))
        .collect();
    if json {
        let flows: Vec<serde_json::Value> = known
            .iter()
            .map(|(dir, flow_state)| {
                serde_json::json!({
                    "flow": flow_state.begun.flow, "name": flow_state.begun.name, "title": flow_state.title(),
                    "state": state_word(flow_state, dir.is_held()), "session": flow_state.begun.session,
                    "workdir": flow_state.begun.workdir,
                })
            })
            .collect();
        return serde_json::json!({ "version": 1, "flows": flows }).to_string() + "\n";
    }
    if known.is_empty() {
        return "no flows\n".to_owned();
    }
    known.iter().map(|(dir, flow_state)| line(dir, flow_state) + &live(store, &dir.id())).collect()
}

fn line(dir: &FlowDir, flow_state: &FlowState) -> String {
    let is_through = |known: &&StepState| matches!(known.stand, Stand::Passed | Stand::Skipped);
    let through = flow_state.steps.values().filter(is_through).count();
    format!(
        "{} {} · {} · {through}/{} steps · {}\n",
        flow_state.begun.name,
        flow_state.title(),
        state_word(flow_state, dir.is_held()),
        flow_state.begun.steps.len(),
        flow_state.begun.flow
    )
}

/// The runs of a flow that live.
fn live(store: &RecordStore, flow: &str) -> String {
    let now_ms = utc_ms(&Timestamp::now().rfc3339()).unwrap_or_default();
    let mut text = String::new();
    for run in live_runs::of_flow(store, flow).iter().filter(|run| run.liveness == Liveness::Live) {
        let shown = LiveLine::of(&run.record, run.liveness, now_ms).line().render(COLUMNS, Colour::Off);
        let _ = writeln!(text, "  {shown}");
    }
    text
}
