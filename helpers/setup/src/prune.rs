//! `clodex-setup prune`: lets go of runs and flows that ended long ago, and says what went, what stays and why.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use clodex_core::{ExitCode, Layer, Settings};
use clodex_os::record_store::{RecordStore, StateDir};
use clodex_os::{ConfigFiles, Failure};
use clodex_retention::{Act, Fate, PruneError, Pruned, PrunedRun, Wish, days_long, prune};
use serde::Serialize;

use crate::sizes::size_text;

/// Format version of the JSON.
const VERSION: u32 = 1;

/// What to let go of.
#[derive(Debug, Clone, Args)]
pub struct PruneArguments {
    /// Runs that ended this many days ago or longer; 0 = all that ended [default: the setting `retention_days`, 30]
    #[arg(long, value_name = "DAYS")]
    pub older_than: Option<u64>,
    /// Only say what would go
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON: `version`, `dry_run`, `bytes`, `runs` with `id`, `gone`, `bytes`, `left`, `kept`, `hint`, and `flows`
    /// that are gone, with `id`, `bytes`
    #[arg(long)]
    pub json: bool,
}

/// The object that `clodex-setup prune --json` prints.
#[derive(Debug, Serialize)]
struct Told<'a> {
    version: u32,
    dry_run: bool,
    /// Null: everything is kept for ever.
    older_than_days: Option<u64>,
    bytes: u64,
    runs: Vec<ToldRun<'a>>,
    flows: Vec<ToldFlow<'a>>,
}

#[derive(Debug, Serialize)]
struct ToldRun<'a> {
    id: &'a str,
    gone: bool,
    bytes: u64,
    left: Option<&'a str>,
    kept: Option<&'a str>,
    hint: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ToldFlow<'a> {
    id: &'a str,
    bytes: u64,
}

/// Does it, and says what was done.
pub fn carry_out(arguments: &PruneArguments) -> Result<String, Failure> {
    let state = StateDir::required()?;
    let days = match arguments.older_than {
        Some(days) => Some(days_long(days)),
        None => Some(retention_days()?).filter(|days| *days > 0).map(days_long),
    };
    let act = if arguments.dry_run { Act::Look } else { Act::Remove };
    let pruned = match days {
        // Where no run ever was there is no lock to take.
        Some(older_than) if state.path().is_dir() => {
            let wish = Wish { older_than, act, until: None };
            prune(&RecordStore::look_at(state), wish).map_err(|error| failure(&error))?
        }
        Some(_) | None => Pruned::default(),
    };
    if arguments.json { json(arguments, days, &pruned) } else { Ok(text(arguments, days, &pruned)) }
}

/// What holds for everybody's runs: the environment and the user's own file. A project has no say in it.
pub fn retention_days() -> Result<u64, Failure> {
    let told = |error: &dyn std::fmt::Display| Failure::usage(error.to_string());
    let environment = Layer::from_environment(|name| std::env::var_os(name)).map_err(|error| told(&error))?;
    let user = ConfigFiles::of_user().and_then(|files| files.user_layer()).map_err(|error| told(&error))?;
    let layers: Vec<Layer> = std::iter::once(environment).chain(user).collect();
    Ok(Settings::effective(&layers).retention_days.value)
}

fn failure(error: &PruneError) -> Failure {
    match error {
        PruneError::Busy => Failure::new(ExitCode::Refused, error.to_string()),
        PruneError::Lock(_) => Failure::usage(error.to_string()),
    }
}

fn json(arguments: &PruneArguments, days: Option<Duration>, pruned: &Pruned) -> Result<String, Failure> {
    let told = Told {
        version: VERSION,
        dry_run: arguments.dry_run,
        older_than_days: days.map(whole_days),
        bytes: pruned.bytes(),
        runs: pruned.runs.iter().map(told_run).collect(),
        flows: pruned.flows.iter().map(|flow| ToldFlow { id: &flow.id, bytes: flow.bytes }).collect(),
    };
    let text = serde_json::to_string_pretty(&told);
    text.map(|text| text + "\n").map_err(|error| Failure::usage(format!("cannot write JSON: {error}")))
}

fn told_run(run: &PrunedRun) -> ToldRun<'_> {
    let id = run.id.as_str();
    match &run.fate {
        Fate::Gone { bytes, left } => {
            ToldRun { id, gone: true, bytes: *bytes, left: left.as_deref(), kept: None, hint: None }
        }
        Fate::Kept { why, hint } => {
            ToldRun { id, gone: false, bytes: 0, left: None, kept: Some(why), hint: hint.as_deref() }
        }
    }
}

fn text(arguments: &PruneArguments, days: Option<Duration>, pruned: &Pruned) -> String {
    let Some(days) = days.map(whole_days) else {
        return "runs are kept for ever (retention_days is 0)\nhint: `clodex-setup prune --older-than DAYS`\n"
            .to_owned();
    };
    let (would, gone) = if arguments.dry_run { ("would go", "would free") } else { ("gone", "freed") };
    let mut said = String::new();
    let mut count = 0;
    for run in &pruned.runs {
        let id = &run.id;
        // Writing to a string cannot fail.
        let _ = match &run.fate {
            Fate::Gone { bytes, left } => {
                count += 1;
                let left = left.as_ref().map(|left| format!(" ({left})")).unwrap_or_default();
                writeln!(said, "{would}  {id}  {}{left}", size_text(*bytes))
            }
            Fate::Kept { why, hint } => {
                let hint = hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
                writeln!(said, "kept  {id}  {why}{hint}")
            }
        };
    }
    for flow in &pruned.flows {
        let _ = writeln!(said, "{would}  flow {}  {}", flow.id, size_text(flow.bytes));
    }
    let kept = pruned.runs.len() - count;
    let freed = size_text(pruned.bytes());
    let _ =
        writeln!(said, "runs that ended {days} days ago or earlier: {gone} {freed} of {count}, {kept} kept");
    said
}

fn whole_days(age: Duration) -> u64 {
    age.as_secs() / (24 * 60 * 60)
}
