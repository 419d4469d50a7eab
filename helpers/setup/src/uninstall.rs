//! Taking everything back, in the order that leaves something useful whenever it is interrupted: settings first.

use std::fs;
use std::path::Path;

use clodex_core::ExitCode;
use clodex_os::Failure;

use crate::change::{self, Changed, Really};
use crate::cli::Install;
use crate::installed;
use crate::places::Places;
use crate::record::{self, Record};
use crate::tell::Told;

/// What installations leave in the data directory, by the beginnings of their names.
const OURS: [&str; 7] =
    ["programs-", ".bin-", ".download-", "bin", "build", "setup.json", "settings.json.before"];

/// Takes everything back that an installation has changed or left.
pub fn uninstall(places: &Places, wish: &Install) -> Result<String, Failure> {
    if places.state.as_ref().is_some_and(installed::is_busy) {
        return Err(Failure::new(
            ExitCode::Refused,
            "cannot uninstall: a run lives\nhint: clodex-cancel --all, or wait with clodex-wait",
        ));
    }
    let really = if wish.dry_run { Really::Show } else { Really::Write };
    let mut told = Told::default();
    let settings = places.settings();
    match change::take_back(places, really)? {
        Changed::Nothing => told.line("settings", format!("{} holds nothing of clodex", settings.display())),
        Changed::Shown(diff) => told.text(&diff),
        Changed::Written => told.line("settings", format!("{} is as it was", settings.display())),
    }
    if wish.dry_run {
        told.line("helpers", format!("would be removed from {}", places.data.display()));
        return Ok(told.into_text());
    }
    let made_dirs = Record::read(&places.data).map_or(0, |record| record.made_dirs);
    remove_ours(&places.data)
        .map_err(|error| Failure::usage(format!("cannot remove `{}`: {error}", places.data.display())))?;
    // Of what was made for us, as far as nobody else uses it by now; the last one made is the data directory itself.
    for dir in places.data.ancestors().take(made_dirs.max(1)) {
        if fs::remove_dir(dir).is_err() {
            break;
        }
    }
    told.line("helpers", format!("removed from {}", places.data.display()));
    if let Some(state) = &places.state {
        let path = state.path().display();
        if wish.purge && state.path().exists() {
            let gone = fs::remove_dir_all(state.path());
            told.line(
                "records",
                gone.map_or_else(|error| format!("{path}: {error}"), |()| "removed".to_owned()),
            );
        } else if state.path().exists() {
            told.line("records", format!("of runs stay in {path}; --uninstall --purge removes them, too"));
        }
    }
    Ok(told.into_text())
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
        } else if OURS.iter().any(|own| if own.ends_with('-') { name.starts_with(own) } else { name == *own })
        {
            if entry.file_type()?.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
        }
    }
    last.into_iter().try_for_each(fs::remove_file)
}
