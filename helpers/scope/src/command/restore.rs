//! `clodex-scope restore`: which violations are meant, each asked for where somebody can answer, and how each ended.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clodex_core::{ExitCode, Liveness, RunId, escaped};
use clodex_os::record_store::{RecordStore, StateDir};
use clodex_os::{Failure, say_line};
use serde::Serialize;

use super::print_json;
use crate::cli::RestoreArguments;
use crate::restore::{PutBack, PutBackState, Restorer};

/// What `--json` tells.
#[derive(Debug, Serialize)]
struct Told<'a> {
    version: u32,
    run_id: &'a str,
    paths: Vec<ToldPath<'a>>,
}

#[derive(Debug, Serialize)]
struct ToldPath<'a> {
    path: &'a str,
    kind: clodex_core::ViolationKind,
    detail: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

impl<'a> ToldPath<'a> {
    fn of(one: &'a PutBack) -> Self {
        let PutBack { path, kind, detail, state } = one;
        Self { path, kind: *kind, detail, state: state.as_str(), why: state.why() }
    }
}

/// Puts back what is wanted of a run.
pub(super) fn restore(arguments: &RestoreArguments) -> Result<ExitCode, Failure> {
    let store = RecordStore::look_at(StateDir::required()?);
    let id = store.find(&arguments.run).one(&arguments.run).map_err(Failure::usage)?;
    no_other_run(&store, &id)?;
    let secured = store.dir().secured().join(id.as_str());
    let restorer = Restorer::open(&secured).map_err(|error| {
        Failure::usage(format!("cannot put {id} back: {error}\nhint: try again when nothing else is at it"))
    })?;
    let Some(restorer) = restorer else {
        tell(arguments, &id, &[])?;
        return Ok(ExitCode::Done);
    };
    let offered = restorer.violations();
    let meant: Vec<&PutBack> = offered.iter().filter(|offer| is_meant(arguments, &offer.path)).collect();
    if let Some(unknown) =
        arguments.paths.iter().find(|path| !offered.iter().any(|offer| is_at_or_below(&offer.path, path)))
    {
        return Err(Failure::usage(format!(
            "cannot put `{unknown}` back: {id} did not change it outside its scope\n\
             hint: `clodex-scope restore {id}` lists what it changed"
        )));
    }
    let wanted = choose(arguments, &id, &meant)?;
    let told = restorer
        .put_back(|path| wanted.iter().any(|wanted| wanted == path))
        .map_err(|error| Failure::new(ExitCode::TurnFailed, format!("cannot put {id} back: {error}")))?;
    let told: Vec<PutBack> = told.into_iter().filter(|one| is_meant(arguments, &one.path)).collect();
    tell(arguments, &id, &told)?;
    let done = told.iter().all(|one| match one.state {
        PutBackState::Restored => true,
        PutBackState::Open => !wanted.contains(&one.path),
        PutBackState::ChangedMeanwhile | PutBackState::Impossible(_) | PutBackState::Failed(_) => false,
    });
    Ok(if done { ExitCode::Done } else { ExitCode::TurnFailed })
}

/// What is put back under a run that is at work would count as its doing.
fn no_other_run(store: &RecordStore, id: &RunId) -> Result<(), Failure> {
    let root = store.see(id).map(|run| run.record.tree_root).unwrap_or_default();
    let beside = store
        .live()
        .into_iter()
        .find(|run| run.liveness == Liveness::Live && (run.record.tree_root == root || run.record.id == *id));
    match beside {
        None => Ok(()),
        Some(run) => Err(Failure::new(
            ExitCode::Refused,
            format!(
                "cannot put {id} back now: {} works in the same tree\nhint: wait for it (`clodex-wait {0}`), or end it (`clodex-cancel {0}`)",
                run.record.id
            ),
        )),
    }
}

fn is_meant(arguments: &RestoreArguments, path: &str) -> bool {
    arguments.paths.is_empty() || arguments.paths.iter().any(|wanted| is_at_or_below(path, wanted))
}

fn is_at_or_below(path: &str, top: &str) -> bool {
    let top = top.trim_end_matches('/');
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The paths to put back: all that are meant with `--yes`, else those that somebody says yes to.
fn choose(arguments: &RestoreArguments, id: &RunId, meant: &[&PutBack]) -> Result<Vec<String>, Failure> {
    if arguments.yes {
        return Ok(meant.iter().map(|offer| offer.path.clone()).collect());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let listed: Vec<String> = meant.iter().map(|offer| line(offer)).collect();
        return Err(Failure::usage(format!(
            "cannot ask what to put back of {id}: there is no terminal\n{}\n\
             hint: name paths and add --yes, or --yes alone for all",
            listed.join("\n")
        )));
    }
    let mut wanted = Vec::new();
    for offer in meant {
        if offer.state != PutBackState::Open {
            eprintln!("{}", line(offer));
            continue;
        }
        match ask(offer) {
            Answer::Yes => wanted.push(offer.path.clone()),
            Answer::No => {}
            Answer::Quit => break,
        }
    }
    Ok(wanted)
}

enum Answer {
    Yes,
    No,
    Quit,
}

fn ask(offer: &PutBack) -> Answer {
    eprint!("{}\n  put it back? [y]es, [n]o, [q]uit: ", line(offer));
    // Without a prompt the question still waits for its answer.
    let _ = io::stderr().flush();
    let mut answer = String::new();
    match io::stdin().lock().read_line(&mut answer) {
        Ok(0) | Err(_) => Answer::Quit,
        Ok(_) => match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Answer::Yes,
            "q" | "quit" => Answer::Quit,
            _ => Answer::No,
        },
    }
}

fn line(one: &PutBack) -> String {
    let why = one.state.why().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("{}: {}{why}: {}", one.state.as_str(), escaped(&one.path), escaped(&one.detail))
}

fn tell(arguments: &RestoreArguments, id: &RunId, told: &[PutBack]) -> Result<(), Failure> {
    if arguments.json {
        let paths = told.iter().map(ToldPath::of).collect();
        return print_json(&Told { version: 1, run_id: id.as_str(), paths });
    }
    let text = if told.is_empty() {
        format!("nothing to put back of {id}")
    } else {
        told.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    say_line(&text);
    Ok(())
}
