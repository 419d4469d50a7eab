//! The whole of an installation, step by step, and its report.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use clodex_os::{Failure, atomic_file};

use crate::change::{self, Changed, Really};
use crate::cli::Install;
use crate::codex_seen;
use crate::installed;
use crate::json_text::JsonText;
use crate::permissions::SUGGESTED;
use crate::places::Places;
use crate::record;
use crate::report::Report;
use crate::source::{self, Helpers};
use crate::status_line;
use crate::uninstall;

/// Installs what is missing and registers it.
pub fn set_up(places: &Places, wish: &Install) -> Result<String, Failure> {
    let mut report = Report::default();
    // What cannot be changed is found before anything is built.
    change::register(places, wish.permissions, Really::Show)?;
    let (changed, notes) = if wish.dry_run {
        would_install(places, wish, &mut report);
        change::register(places, wish.permissions, Really::Show)?
    } else {
        let made_dirs = missing_dirs(&places.data);
        let done = put_in_place(places, wish, made_dirs, &mut report);
        if done.is_err() {
            uninstall::forget_nothing(places, made_dirs);
        }
        done?
    };
    let settings = places.settings();
    match changed {
        Changed::Nothing => report.line("settings", format!("{} is as it should be", settings.display())),
        Changed::Shown(diff) => report.text(&diff),
        Changed::Written => {
            report.line("settings", format!("{} changed: {}", settings.display(), what(places, wish)));
            report.line("backup", record::backup(&places.data).display().to_string());
        }
    }
    for note in notes {
        report.line("note", note);
    }
    if !wish.permissions {
        report.line(
            "optional",
            format!("clodex-setup --permissions lets Claude run: {}", SUGGESTED.join(", ")),
        );
    }
    let (codex, next) = codex_seen::look(places);
    report.line("codex", codex);
    for note in overriding(places) {
        report.line("note", note);
    }
    report.line(
        "next",
        next.unwrap_or_else(|| "/clodex-status, or ask Claude to let Codex do something".into()),
    );
    Ok(report.into_text())
}

/// Brings helpers that are installed up to the plugin's version; quiet where they are, where a run lives, and where
/// somebody else is at it.
pub fn refresh(places: &Places) -> Result<String, Failure> {
    let wanted = source::plugin_version(places);
    let old = || installed::version(&places.bin()).filter(|found| *found != wanted);
    if old().is_none() || places.state.as_ref().is_some_and(installed::is_busy) {
        return Ok(String::new());
    }
    let Some(_alone) = installed::alone_at_once(&places.data) else { return Ok(String::new()) };
    let Some(found) = old() else { return Ok(String::new()) };
    match source::at_hand(places) {
        Some(Helpers { version, programs: Some(programs), .. }) => {
            let runs = |dir: &Path| source::says(dir, &version);
            installed::install(&places.data, &version, &programs, places.state.as_ref(), runs)?;
            Ok(String::new())
        }
        Some(Helpers { programs: None, .. }) | None => {
            Ok(format!("clodex's helpers are {found}, the plugin is {wanted}; hint: run /clodex-setup\n"))
        }
    }
}

/// Has the helpers, which may take minutes, and then changes what is to be changed, alone.
fn put_in_place(
    places: &Places,
    wish: &Install,
    made_dirs: usize,
    report: &mut Report,
) -> Result<(Changed, Vec<String>), Failure> {
    let helpers = source::have(places, wish)?;
    atomic_file::private_dir(&places.data).map_err(|error| Failure::usage(error.to_string()))?;
    let _alone = installed::alone(&places.data)?;
    install(places, helpers, report)?;
    let done = change::register(places, wish.permissions, Really::Write)?;
    record::made_dirs(&places.data, made_dirs)?;
    Ok(done)
}

fn install(places: &Places, helpers: Helpers, report: &mut Report) -> Result<(), Failure> {
    let Helpers { version, from, programs } = helpers;
    let bin = places.bin();
    let fresh = programs.filter(|programs| !installed::holds(&bin, programs));
    match fresh {
        Some(programs) => {
            let runs = |dir: &Path| source::says(dir, &version);
            installed::install(&places.data, &version, &programs, places.state.as_ref(), runs)?;
            report.line("helpers", format!("{version} installed in {}, {from}", bin.display()));
        }
        None => report.line("helpers", format!("{version} in {} already", bin.display())),
    }
    Ok(())
}

fn would_install(places: &Places, wish: &Install, report: &mut Report) {
    let at_hand = source::at_hand(places).filter(|_| !wish.build && wish.from_archive.is_none());
    let is_there = |programs: &Vec<_>| installed::holds(&places.bin(), programs);
    report.line(
        "helpers",
        match at_hand {
            Some(Helpers { version, from, programs: Some(programs) }) if !is_there(&programs) => {
                format!("{version} would be installed in {}, {from}", places.bin().display())
            }
            Some(Helpers { version, .. }) => format!("{version} in {} already", places.bin().display()),
            None => format!("would be built or downloaded, and installed in {}", places.bin().display()),
        },
    );
}

fn what(places: &Places, wish: &Install) -> String {
    let chained =
        crate::settings_file::SettingsFile::read(&places.settings()).and_then(|file| file.json()).is_ok_and(
            |json| matches!(status_line::found(&json), status_line::Found::Ours { foreign: Some(_), .. }),
        );
    let line = if chained { "status line, below your own" } else { "status line" };
    if wish.permissions { format!("{line}; permissions") } else { line.to_owned() }
}

/// What stands in the way of the status line: a project's own, and hooks that are off.
fn overriding(places: &Places) -> Vec<String> {
    let project = env::var_os("CLAUDE_PROJECT_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let project = project.or_else(|| env::current_dir().ok());
    let mut notes = Vec::new();
    for name in ["settings.json", "settings.local.json"] {
        let Some(path) = project.as_ref().map(|dir| dir.join(".claude").join(name)) else { continue };
        let is_users = fs::canonicalize(&path).ok() == fs::canonicalize(places.settings()).ok();
        let has_one = |json: &JsonText| json.get(&["statusLine"]).is_some();
        if !is_users && read_json(&path).as_ref().is_some_and(has_one) {
            notes
                .push(format!("{} has a statusLine of its own: there clodex's is not shown", path.display()));
        }
    }
    let off = read_json(&places.settings())
        .is_some_and(|json| json.get(&["disableAllHooks"]).is_some_and(|node| json.raw(node) == "true"));
    if off {
        notes.push("disableAllHooks is true: Claude Code shows no status line".to_owned());
    }
    notes
}

fn read_json(path: &Path) -> Option<JsonText> {
    JsonText::parse(fs::read_to_string(path).ok()?).ok()
}

/// How many directories would have to be made for this one.
fn missing_dirs(dir: &Path) -> usize {
    dir.ancestors().take_while(|dir| !dir.exists()).count()
}
