//! `clodex-setup doctor`: looks at everything that a run needs and leaves behind, and says what to do. Each check is made
//! of a look at the system and a judgement over what was seen; only `--fix` changes anything.

mod codex;
mod config;
mod finding;
mod places;
mod programs;
mod quota;
mod repair;
mod runs;
mod status_line;

use std::env;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use clap::Args;
use clodex_core::{Layer, Settings};
use clodex_os::record_store::{RecordStore, StateDir};
use clodex_os::{ConfigFiles, Failure};
use serde::Serialize;

use crate::places::Places;
use codex::Codex;
use finding::{Finding, Level};
use programs::{Asked, Helpers};
use status_line::Renders;

/// Format version of the JSON.
const VERSION: u32 = 1;

/// How to look.
#[derive(Debug, Clone, Args)]
pub struct DoctorArguments {
    /// Print JSON: `version`, `level`, `findings` with `check`, `level`, `what`, `hint`, `took_ms`
    #[arg(long)]
    pub json: bool,
    /// Close dead runs, end processes that outlived runs recorded here, close the state directory to others
    #[arg(long)]
    pub fix: bool,
}

/// The object that `clodex-setup doctor --json` prints.
#[derive(Debug, Serialize)]
struct Told<'a> {
    version: u32,
    level: Level,
    findings: &'a [Finding],
}

/// Where everything is looked for.
struct Surroundings<'a> {
    places: &'a Places,
    state: StateDir,
    store: RecordStore,
    project: PathBuf,
    /// The `codex` that settings name.
    codex: Option<PathBuf>,
}

type Check<'a> = Box<dyn FnOnce() -> Vec<Finding> + Send + 'a>;

/// Looks at everything; the text and the exit code.
pub fn carry_out(arguments: &DoctorArguments, places: &Places) -> Result<(String, u8), Failure> {
    let around = Surroundings::find(places)?;
    let mut findings = if arguments.fix { repair::repair(&around.store) } else { Vec::new() };
    findings.extend(all_at_once(around.checks()));
    // Alone: what it is compared to is a machine that has nothing else to do.
    findings.extend(timed(Box::new(|| around.line())));
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    let text = if arguments.json {
        let told = Told { version: VERSION, level: worst, findings: &findings };
        let text = serde_json::to_string_pretty(&told);
        text.map_err(|error| Failure::usage(format!("cannot write JSON: {error}")))? + "\n"
    } else {
        findings.iter().map(Finding::text).collect()
    };
    Ok((text, u8::from(worst == Level::Fail)))
}

impl<'a> Surroundings<'a> {
    fn find(places: &'a Places) -> Result<Self, Failure> {
        let state = places.state.clone().map_or_else(StateDir::required, Ok)?;
        let project = project_of(&env::current_dir().unwrap_or_default());
        let codex = settings(&project).codex.value;
        Ok(Self { places, store: RecordStore::look_at(state.clone()), state, project, codex })
    }

    /// Each takes its time, and none needs what another one finds.
    fn checks(&self) -> Vec<Check<'_>> {
        // Before anything is tried, which may close it.
        let private = places::private_places(self.state.path());
        vec![
            Box::new(|| vec![Helpers::look(self.places).judge()]),
            Box::new(|| vec![Asked::claude().judge_claude()]),
            Box::new(|| vec![Asked::git().judge_git()]),
            Box::new(|| self.codex()),
            Box::new(|| vec![codex::judge_containment(&codex::Held::try_it())]),
            Box::new(|| vec![runs::judge_stale(&self.store.live())]),
            Box::new(|| vec![runs::judge_orphans(&runs::orphans(&self.store))]),
            Box::new(|| vec![runs::judge_worktrees(&runs::worktrees(&self.store))]),
            Box::new(move || vec![places::judge_private(&private)]),
            Box::new(|| vec![places::judge_disk(&places::count(&self.store))]),
            Box::new(|| config::check_files(&self.project)),
            Box::new(|| vec![config::check_toggles(&self.project)]),
        ]
    }

    /// Codex, then what only a Codex that is there can be asked.
    fn codex(&self) -> Vec<Finding> {
        let found = match Codex::find(self.codex.as_deref(), Some(self.state.path())) {
            Ok(found) => found,
            Err(finding) => return vec![finding],
        };
        let judged = found.judge();
        if judged.level == Level::Fail {
            return vec![judged];
        }
        let ask = || vec![codex::judge_login(found.login(&self.project))];
        let try_it = || {
            // Dispatch would make it, too: where else could be tried what it would do there?
            let is_there = self.state.path().is_dir();
            let made = if is_there { Ok(()) } else { RecordStore::open(self.state.clone()).map(drop) };
            let tried = made
                .map_or_else(|error| Some(Err(error.to_string())), |()| found.try_sandbox(self.state.path()));
            vec![codex::judge_sandbox(tried.as_ref())]
        };
        let limits = || vec![quota::look(&found, &self.project, &self.state).judge()];
        let asked = all_at_once(vec![Box::new(ask), Box::new(limits), Box::new(try_it)]);
        [judged].into_iter().chain(asked).collect()
    }

    /// The status line as it is registered, and how long it takes.
    fn line(&self) -> Vec<Finding> {
        let settings = status_line::settings(&self.places.claude, &self.project);
        let mut findings = vec![status_line::judge_hooks(&settings), status_line::judge(&settings)];
        if let Some(command) = status_line::winner(&settings) {
            let own = Some(self.places.bin().join("clodex-statusline")).filter(|program| program.is_file());
            findings.push(Renders::measure(command, own.as_deref(), &self.project).judge());
        }
        findings
    }
}

/// Makes all checks side by side; their findings come in the order of the checks.
fn all_at_once(checks: Vec<Check<'_>>) -> Vec<Finding> {
    thread::scope(|scope| {
        let running: Vec<_> = checks.into_iter().map(|check| scope.spawn(|| timed(check))).collect();
        let found = |check: thread::ScopedJoinHandle<'_, Vec<Finding>>| {
            check
                .join()
                .unwrap_or_else(|_| vec![Finding::fail("doctor", "a check broke off", "please report it")])
        };
        running.into_iter().flat_map(found).collect()
    })
}

/// The last finding of a check is told how long all of it took, where none of them knows better.
fn timed(check: Check<'_>) -> Vec<Finding> {
    let begun = Instant::now();
    let mut findings = check();
    let known = findings.iter().any(|finding| finding.took_ms > 0);
    if let (Some(last), false) = (findings.last_mut(), known) {
        last.took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    }
    findings
}

/// The top of the work tree around a directory; the directory itself where there is none.
fn project_of(dir: &Path) -> PathBuf {
    dir.ancestors().find(|above| above.join(".git").exists()).unwrap_or(dir).to_owned()
}

/// The settings that hold here; broken ones have a finding of their own.
fn settings(project: &Path) -> Settings {
    let environment = Layer::from_environment(|name| env::var_os(name)).ok();
    let files = ConfigFiles::read(project).and_then(|files| files.layers()).unwrap_or_default();
    let layers: Vec<Layer> = environment.into_iter().chain(files).collect();
    Settings::effective(&layers)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn checks_are_made_side_by_side_and_told_in_order() {
        let met = std::sync::Barrier::new(2);
        let met = &met;
        let check = |name: &'static str| -> Check<'_> {
            Box::new(move || {
                // Neither gets past here alone.
                met.wait();
                vec![Finding::ok(name, "")]
            })
        };
        let told: Vec<&str> = all_at_once(vec![check("one"), check("two")]).iter().map(|f| f.check).collect();
        assert_eq!(told, ["one", "two"]);
    }

    #[test]
    fn what_takes_long_is_told() {
        let begun = Instant::now();
        let slow: Check<'_> = Box::new(|| {
            while begun.elapsed() < Duration::from_millis(20) {
                thread::yield_now();
            }
            vec![Finding::ok("one", ""), Finding::ok("two", "")]
        });
        let told: Vec<u64> = timed(slow).iter().map(|finding| finding.took_ms).collect();
        assert!(told[0] == 0 && told[1] >= 19, "{told:?}");
    }
}
