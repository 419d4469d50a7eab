//! What a flow adds to its runs: a step's overhead with a stand-in whose turns take no time, and packets side by side with
//! the real Codex and a model whose time is scripted.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use std::{fs, io};

use clodex_sim::{CodexHome, ScriptedModel, npm_codex};
use serde_json::Value;

use super::{backends, dispatch};
use crate::Effort;
use crate::measure::{Case, Cost, execute, interleave};
use crate::repository;
use crate::scratch_dir::ScratchDir;
use crate::table::{Aim, Table, Unit};

/// Steps of the chain.
const STEPS: usize = 20;
/// Packets that are carried out at once.
const PACKETS: usize = 8;
/// What the model takes for each of them; in real life that is minutes.
const MODEL_MS: u64 = 10_000;

pub fn figures(scratch: &ScratchDir, effort: Effort, table: &mut Table) -> io::Result<()> {
    steps(scratch, effort, table)?;
    match npm_codex::fetch(&scratch.target().join("real-codex")) {
        Ok(codex) => packets(scratch, effort, table, &codex.native),
        Err(why) => {
            table.missing("packets at once / the slowest alone", &why);
            Ok(())
        }
    }
}

/// A chain of steps, and the same runs one after the other without a flow.
fn steps(scratch: &ScratchDir, effort: Effort, table: &mut Table) -> io::Result<()> {
    scratch.codex_does(&dispatch::script(0))?;
    let (flow, prompt) = (scratch.file("chain.yaml", chain())?, scratch.file("prompt.md", "be measured\n")?);
    let run = || {
        let mut dispatch = scratch.command("clodex-dispatch");
        dispatch.arg("--prompt-file").arg(&prompt);
        dispatch.args(["--mode", "reviewer", "--name", "chain", "--json", "--quiet"]);
        dispatch
    };
    let mut cases = [
        Case::program(|| {
            let mut command = scratch.command("clodex-flow");
            command.arg("run").arg(&flow).arg("--quiet");
            Ok(command)
        }),
        Case::new(|| {
            let begun = Instant::now();
            for _ in 0..STEPS {
                execute(&mut run())?;
            }
            Ok(Cost { wall: begun.elapsed(), ..Cost::default() })
        }),
    ];
    interleave(effort.rounds(15), &mut cases)?;
    let [flow, runs] = cases;
    let (walls, bare) = (flow.each(|cost| cost.wall), runs.each(|cost| cost.wall));
    let beyond: Vec<f64> = walls.iter().zip(&bare).map(|(wall, bare)| (wall - bare) / STEPS as f64).collect();
    let each: Vec<f64> = bare.iter().map(|bare| bare / STEPS as f64).collect();
    table.quantity("a run, stand-in, no model time", &each, Unit::Milliseconds, Aim::None);
    table.quantity("what a flow adds to it as a step", &beyond, Unit::Milliseconds, Aim::AtMost(5e-3));
    let own: Vec<f64> = flow.each(|cost| cost.own_cpu).iter().map(|own| own / STEPS as f64).collect();
    table.quantity("… CPU of clodex-flow", &own, Unit::Milliseconds, Aim::None);
    Ok(())
}

fn chain() -> String {
    let mut text = "name: chain\nsteps:\n  - {id: s0, mode: reviewer, prompt: be measured}\n".to_owned();
    for step in 1..STEPS {
        let before = step - 1;
        let _ = writeln!(text, "  - {{id: s{step}, needs: s{before}, mode: reviewer, prompt: be measured}}");
    }
    text
}

/// Independent packets at once, and one of them alone.
fn packets(scratch: &ScratchDir, effort: Effort, table: &mut Table, codex: &Path) -> io::Result<()> {
    let model = ScriptedModel::with_default(|_| backends::delivers(MODEL_MS))?;
    let home = scratch.path("home-of-flows");
    CodexHome::new(model.port()).write(&home)?;
    let packets = (0..PACKETS)
        .map(|number| {
            let packet = repository::packet(&scratch.path("repo"), &format!("src/{number}/"));
            scratch.file(&format!("packet-{number}.md"), packet)
        })
        .collect::<io::Result<Vec<PathBuf>>>()?;
    let command = |name: &str| -> Command {
        let mut command = scratch.command(name);
        command.env("CLODEX_CODEX", codex).env("CODEX_HOME", &home);
        command
    };
    let slowest = RefCell::new(Vec::new());
    let mut cases = [
        Case::new(|| {
            let mut flow = command("clodex-flow");
            flow.args(["run", "parallel", "--quiet", "--runs"]).arg(PACKETS.to_string()).args(&packets);
            let cost = execute(&mut flow)?;
            slowest.borrow_mut().push(slowest_of_newest(&scratch.path("repo"))?);
            Ok(cost)
        }),
        Case::program(|| {
            let mut dispatch = command("clodex-dispatch");
            dispatch.arg("--quiet").arg("--task").arg(&packets[0]);
            Ok(dispatch)
        }),
    ];
    interleave(effort.rounds(5), &mut cases)?;
    let [flow, one] = cases.map(|case| case.each(|cost| cost.wall));
    // The first round has warmed up.
    let slowest = slowest.into_inner().split_off(1);
    let what = |beside: &str| {
        format!("{PACKETS} packets at once / {beside} (real Codex, model {} s)", MODEL_MS / 1000)
    };
    table.ratio(&what("the slowest of them"), &flow, &slowest, Aim::AtMost(1.15));
    // Beyond it lies what Codex takes to start as often as there are packets.
    table.ratio(&what("one alone"), &flow, &one, Aim::AtMost(1.15));
    Ok(())
}

/// What the slowest of the newest flow's packets took, by its own account, in seconds.
fn slowest_of_newest(repo: &Path) -> io::Result<f64> {
    let mut runs = fs::read_dir(repo.join(".codex-dispatch/runs"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<PathBuf>>>()?;
    runs.retain(|run| run.to_string_lossy().contains("-parallel-"));
    // Ids begin with the time.
    runs.sort();
    let mut newest = runs.iter().rev().take(PACKETS);
    newest.try_fold(0.0, |slowest: f64, run| {
        let result: Value = serde_json::from_slice(&fs::read(run.join("result.json"))?)?;
        let took = result["durations"]["total_ms"].as_f64().unwrap_or(f64::NAN);
        Ok(slowest.max(took / 1000.0))
    })
}
