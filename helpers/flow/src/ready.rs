//! A flow that can be carried out: what its engine is made of, and the right to use it.

use std::ffi::OsString;
use std::path::PathBuf;

use clodex_core::ExitCode;
use clodex_os::{Failure, RunLock, program_beside_this_one};

use crate::engine::{Engine, Programs};
use crate::flow::Flow;
use crate::flow_state::FlowState;
use crate::plan::Plan;
use crate::schedule::{Rules, Schedule, Stand};

/// An engine, and the right to use it.
#[derive(Debug)]
pub struct Ready {
    /// What carries the flow out.
    pub engine: Engine,
    /// Held for as long as it does.
    pub lock: RunLock,
}

/// The programs beside this one that do the work.
pub fn programs(codex: Option<OsString>) -> Result<Programs, Failure> {
    let find = |name: &str| {
        let path = program_beside_this_one(name)?;
        if path.is_file() {
            return Ok(path);
        }
        Err(Failure::new(
            ExitCode::Unreachable,
            format!("cannot find {}\nhint: `clodex-setup` installs the helpers", path.display()),
        ))
    };
    Ok(Programs {
        dispatch: find("clodex-dispatch")?,
        apply: find("clodex-apply")?,
        codex: codex.map(PathBuf::from),
    })
}

/// The schedule of a flow, put where its journal left it.
pub fn schedule(flow: &Flow, plan: &Plan, flow_state: &FlowState) -> Schedule {
    let rules = Rules {
        runs: flow.limits.runs,
        tokens: flow.limits.tokens,
        deadline: flow.limits.timeout,
        on_failure: flow.on_failure,
    };
    let mut schedule = Schedule::new(plan.tasks(), rules);
    schedule.count_tokens(flow_state.tokens);
    for (number, step) in plan.steps.iter().enumerate() {
        if let Some(known) = flow_state.step(&step.id) {
            let stand = if known.stand == Stand::Landing { Stand::ToLand } else { known.stand };
            schedule.restore(number, stand, known.retried);
        }
    }
    schedule
}
