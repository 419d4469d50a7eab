//! Flows as a user sees them: from the command line to the report and the tree. Knows the shape of both.

mod asking;
#[cfg(target_os = "linux")]
mod boundaries;
mod built_in;
mod claude;
mod contract;
mod killed;
mod landing;
mod left;
mod many;
mod own;
mod places;
mod terminal;
mod told;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clodex_tests::{Codex, Dispatched, Sandbox, clean_turn, run_with_timeout, sh};
use serde_json::{Value, json};

/// Some flows are fifty runs.
const PATIENCE: Duration = Duration::from_mins(10);

/// A sandbox with a stand-in that does these acts in each of its turns, and says CLEAN.
fn stage(acts: &[Value]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.codex_is(Codex::StandIn(json!({ "exec": clean_turn(acts) })));
    sandbox
}

/// Runs clodex-flow to the end of what it does by itself.
#[track_caller]
fn flow(sandbox: &Sandbox, args: &[&str]) -> Dispatched {
    let mut command = sandbox.command("clodex-flow");
    command.args(args);
    Dispatched::of(run_with_timeout(command, PATIENCE))
}

/// Writes a flow file, and runs it.
#[track_caller]
fn run(sandbox: &Sandbox, text: &str, args: &[&str]) -> Dispatched {
    let file = sandbox.file("flow.yaml", text);
    flow(sandbox, &[&["run", file.to_str().unwrap()], args].concat())
}

/// The report, as JSON.
#[track_caller]
fn report(told: &Dispatched) -> Value {
    serde_json::from_str(&told.stdout).unwrap_or_else(|error| panic!("{error}: {told:?}"))
}

/// The report of the only flow there is.
#[track_caller]
fn status(sandbox: &Sandbox) -> Value {
    report(&flow(sandbox, &["status", &only(sandbox), "--json"]).exits(0))
}

/// Id of the only flow there is.
#[track_caller]
fn only(sandbox: &Sandbox) -> String {
    let ids = ids(sandbox);
    assert_eq!(ids.len(), 1, "{ids:?}");
    ids[0].clone()
}

fn ids(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.state().join("flows")).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// Step and state, in the order of the report.
fn steps(report: &Value) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (word(&step["step"]), word(&step["state"])))
        .collect()
}

fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    wanted.iter().map(|(step, state)| ((*step).to_owned(), (*state).to_owned())).collect()
}

/// The act of leaving a line in a file, in the repository or, with an absolute path, elsewhere.
fn leave(file: &str) -> Value {
    sh(&format!("echo x >> {file}"))
}

/// A file of the repository.
fn in_repo(sandbox: &Sandbox, name: &str) -> String {
    fs::read_to_string(sandbox.repo().join(name)).unwrap_or_default()
}

/// What the runs were asked, in order.
fn prompts(sandbox: &Sandbox) -> Vec<String> {
    let recorded = sandbox.recorded();
    let stdin = recorded.iter().filter_map(|start| start.stdin.as_ref());
    stdin.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
}

/// A file of the sandbox, outside of the repository.
fn beside(sandbox: &Sandbox, name: &str) -> PathBuf {
    sandbox.root().join(name)
}
