//! The two ways to drive the real Codex in a dispatch, side by side; and what it costs to ask for the account's limits.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use clodex_sim::responses::Script;
use clodex_sim::{Account, CodexHome, ScriptedModel, account};
use serde_json::json;

use crate::Effort;
use crate::measure::{Case, Cost, interleave};
use crate::scratch_dir::ScratchDir;
use crate::table::{Aim, Table, Unit};

/// What stands for a gate that is off, and for one that asks.
const OFF: &str = "0";
const ASKS: &str = "85";

pub fn figures(scratch: &ScratchDir, effort: Effort, table: &mut Table, codex: &Path) -> io::Result<()> {
    let model = ScriptedModel::with_default(|_| delivers(0))?;
    let account = Account::start(10, 10)?;
    let home = scratch.path("home-with-account");
    CodexHome::new(model.port())
        .top_line(&account.config_lines())
        .provider_line("requires_openai_auth = true")
        .write(&home)?;
    account::log_in(&home)?;
    let dispatch = |backend: &str, gate: &str| -> io::Result<Command> {
        // What the run before was told must not be known.
        let forgotten = fs::remove_dir_all(scratch.path("state/quota"));
        forgotten
            .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
        let mut dispatch = scratch.dispatch()?;
        dispatch.args(["--backend", backend]).env("CLODEX_CODEX", codex).env("CODEX_HOME", &home);
        dispatch.env("CLODEX_QUOTA_GATE", gate);
        Ok(dispatch)
    };
    let mut cases = [
        Case::program(|| dispatch("exec", OFF)),
        Case::program(|| dispatch("app-server", OFF)),
        Case::program(|| dispatch("app-server", ASKS)),
    ];
    interleave(effort.rounds(15), &mut cases)?;
    if account.asked() == 0 {
        return Err(io::Error::other("nobody asked for the account's limits"));
    }
    let [exec, app_server, asks] = cases;
    let wall = |case: &Case<'_>| case.each(|cost: &Cost| cost.wall);
    let own = |case: &Case<'_>| case.each(|cost: &Cost| cost.own_cpu);
    let all = |case: &Case<'_>| case.each(|cost: &Cost| cost.all_cpu);
    table.quantity("dispatch of the real Codex by exec", &wall(&exec), Unit::Milliseconds, Aim::None);
    table.ratio("dispatch by app-server / by exec", &wall(&app_server), &wall(&exec), Aim::None);
    table.ratio("… CPU of all that it starts", &all(&app_server), &all(&exec), Aim::None);
    table.ratio("… CPU of the dispatcher itself", &own(&app_server), &own(&exec), Aim::None);
    table.ratio(
        "dispatch that asks for the limits / that does not",
        &wall(&asks),
        &wall(&app_server),
        Aim::None,
    );
    table.ratio("… CPU of all that it starts", &all(&asks), &all(&app_server), Aim::None);
    Ok(())
}

/// A worker that has delivered, after so long a time of the model.
pub(super) fn delivers(model_ms: u64) -> Script {
    let answer = json!({
        "result": "done", "summary": "did it", "report": "did it", "changed_files": [], "verification_run": [],
        "evidence": [], "findings": [], "risks": [], "next": "", "verdict": "CLEAN",
    });
    Script::from_json(json!([{ "delay_ms": model_ms, "do": [{ "answer": answer }] }]))
        .expect("the script is one")
}
