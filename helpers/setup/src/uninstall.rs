//! Taking everything back, in the order that leaves something useful whenever it is interrupted: settings first.

use std::fs;
use std::path::Path;
use std::time::Duration;

use clodex_core::ExitCode;
use clodex_os::Failure;
use clodex_os::record_store::{RecordStore, StateDir};
use clodex_retention::{Act, Fate, PruneError, Wish, prune};

use crate::change::{self, Changed, Really};
use crate::cli::Install;
use crate::installed;
use crate::places::Places;
use crate::record::{self, Record};
use crate::report::Report;

/// What installations leave in the data directory, by the beginnings of their names where they end in `-` or `.`.
const OURS: [&str; 10] = [
    "programs-",
    ".bin-",
    ".download-",
    ".setup.json.",
    ".settings.json.before.",
    "bin",
    "build",
    "setup.json",
    "settings.json.before",
    installed::LOCK,
];

/// Takes everything back that an installation has changed or left.
pub fn uninstall(places: &Places, wish: &Install) -> Result<String, Failure> {
    if places.state.as_ref().is_some_and(installed::is_busy) {
        return Err(Failure::new(
            ExitCode::Refused,
            "cannot uninstall: a run lives\nhint: clodex-cancel --all, or wait with clodex-wait",
        ));
    }
    if let Some(state) = places.state.as_ref().filter(|state| wish.purge && state.path().is_dir()) {
        refuse_what_waits(state)?;
    }
    let is_there = places.data.is_dir() && !wish.dry_run;
    let _alone = is_there.then(|| installed::alone(&places.data)).transpose()?;
    let really = if wish.dry_run { Really::Show } else { Really::Write };
    let mut report = Report::default();
    let settings = places.settings();
    match change::take_back(places, really)? {
        Changed::Nothing => {
            report.line("settings", format!("{} holds nothing of clodex", settings.display()));
        }
        Changed::Shown(diff) => report.text(&diff),
        Changed::Written => report.line("settings", format!("{} is as it was", settings.display())),
    }
    if wish.dry_run {
        report.line("helpers", format!("would be removed from {}", places.data.display()));
        return Ok(report.into_text());
    }
    let made_dirs = Record::read(&places.data).map_or(0, |record| record.made_dirs);
    remove_ours(&places.data)
        .map_err(|error| Failure::usage(format!("cannot remove `{}`: {error}", places.data.display())))?;
    remove_empty(places, made_dirs);
    report.line("helpers", format!("removed from {}", places.data.display()));
    if let Some(state) = &places.state {
        // What the status line has kept is of no run.
        let _ = fs::remove_dir_all(state.lines()).and_then(|()| fs::remove_dir(state.path()));
    }
    if let Some(state) = places.state.as_ref().filter(|state| state.path().exists()) {
        let path = state.path().display();
        if wish.purge {
            report.line("records", purge(state)?);
        } else {
            report.line("records", format!("of runs stay in {path}; --uninstall --purge removes them, too"));
        }
    }
    Ok(report.into_text())
}

/// Takes away what an installation has left that came to nothing, as far as there was none before.
pub fn forget_nothing(places: &Places, made_dirs: usize) {
    if Record::read(&places.data).is_none() && !places.bin().exists() {
        let _ = fs::remove_file(places.data.join(installed::LOCK));
        remove_empty(places, made_dirs);
    }
}

/// Removes what was made for us, as far as nobody else uses it by now; the last one made is the data directory itself.
/// Below Claude Code's own directory nobody misses an empty one: who was killed had no time to note what was made.
fn remove_empty(places: &Places, made_dirs: usize) {
    let is_below = |dir: &Path| dir != places.claude && dir.starts_with(&places.claude);
    for (count, dir) in places.data.ancestors().enumerate() {
        if !(count < made_dirs.max(1) || is_below(dir)) || fs::remove_dir(dir).is_err() {
            break;
        }
    }
}

/// What of runs is nowhere else, so that nothing may be purged.
fn refuse_what_waits(state: &StateDir) -> Result<(), Failure> {
    let wish = Wish { older_than: Duration::ZERO, act: Act::Look, until: None };
    let runs = prune(&RecordStore::look_at(state.clone()), wish).map_err(|error| failed(&error))?.runs;
    let kept = runs.into_iter().find_map(|run| match run.fate {
        Fate::Kept { why, hint } => Some((run.id, why, hint)),
        Fate::Gone { .. } => None,
    });
    let Some((id, why, hint)) = kept else { return Ok(()) };
    let hint = hint.unwrap_or_else(|| "uninstall without --purge".into());
    Err(Failure::new(ExitCode::Refused, format!("cannot purge: run {id} stays: {why}\nhint: {hint}")))
}

/// Lets go of all runs with what belongs to them, and of the directory where it holds nothing but ours.
fn purge(state: &StateDir) -> Result<String, Failure> {
    let wish = Wish { older_than: Duration::ZERO, act: Act::Remove, until: None };
    prune(&RecordStore::look_at(state.clone()), wish).map_err(|error| failed(&error))?;
    let path = state.path();
    let gone = state.remove_ours();
    Ok(match gone {
        Ok(0) => format!("of runs removed from {}", path.display()),
        Ok(left) => format!("of runs removed; {left} files that are not ours stay in {}", path.display()),
        Err(error) => format!("cannot remove all of {}: {error}", path.display()),
    })
}

fn failed(error: &PruneError) -> Failure {
    Failure::usage(error.to_string())
}

fn remove_ours(data: &Path) -> std::io::Result<()> {
    let Ok(entries) = fs::read_dir(data) else { return Ok(()) };
    // The record goes last: an interrupted call can be repeated.
    let mut last = Vec::new();
    for entry in entries {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        let name = name.to_string_lossy();
        if path == record::file(data) {
            last.push(path);
        } else if OURS
            .iter()
            .any(|own| if own.ends_with(['-', '.']) { name.starts_with(own) } else { name == *own })
        {
            if entry.file_type()?.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
        }
    }
    last.into_iter().try_for_each(fs::remove_file)
}
