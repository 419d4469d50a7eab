//! The same with the real Codex: what its sandbox holds back must not happen, and what happens must be found. Rows that
//! begin alike are done one after the other in one run, as a command of the model; they may get into each other's way,
//! so every path that changed is asked after instead of every row.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use clodex_core::path_text;
use clodex_sim::ScriptedModel;
use clodex_tests::{Codex, Dispatched, RealCodex, real_codex};
use serde_json::json;

use super::picture::Picture;
use super::row::{Row, Want};
use super::runner::{dispatch_scripted, require};
use super::stage::Place;
use super::{dirty, git_dir, history, ignored, paths, plain, submodules};
use crate::stage::{clean, sh, step};

const GROUPS: [&[Row]; 7] =
    [plain::ROWS, dirty::ROWS, history::ROWS, git_dir::ROWS, ignored::ROWS, paths::ROWS, submodules::ROWS];

/// How many rows one command of the model does.
const A_COMMAND: usize = 12;

/// Rows that want a violation, by what they begin with, where several do.
fn batches() -> Vec<Vec<&'static Row>> {
    let mut batches = BTreeMap::<_, Vec<&Row>>::new();
    for (number, group) in GROUPS.iter().enumerate() {
        let breaches =
            group.iter().filter(|row| matches!(row.want, Want::Violation(_)) && row.args.is_empty());
        for row in breaches {
            batches.entry((number, row.setup, row.scope, row.workdir, row.fields)).or_default().push(row);
        }
    }
    batches.into_values().filter(|rows| rows.len() > 1).collect()
}

/// A run in which all of the batch was tried.
struct Tried {
    /// Keeps the artifacts.
    _place: Place,
    ended: Dispatched,
    /// Whether its packet lets the worker commit.
    may_commit: bool,
    /// Paths in the repository and beside it that are other than before, but for those in scope.
    changed: Vec<PathBuf>,
}

fn attempt(codex: &RealCodex, rows: &[&Row], args: &[&str]) -> Result<Tried, String> {
    let (first, model) = (rows[0], ScriptedModel::start().unwrap());
    let place = Place::prepare(first)?;
    place.sandbox.codex_is(Codex::Real(codex.clone())).model_is(&model);
    let mut steps = Vec::new();
    for (number, rows) in rows.chunks(A_COMMAND).enumerate() {
        let all: Vec<_> = rows.iter().map(|row| place.attempt(row)).collect();
        let script = place.sandbox.file(&format!("attempt-{number}.sh"), all.join("\n"));
        steps.push(step(&[sh(&format!("bash {}; echo tried-{number}.", script.display()))]));
    }
    let commands = steps.len();
    steps.push(step(&[clean()]));
    let before = place.picture();
    let ended = dispatch_scripted(&place, first, args, &json!(steps));
    let events = ended.artifact("events.jsonl");
    for number in 0..commands {
        require(events.contains(&format!("tried-{number}.\\n")), || format!("not all was tried: {events}"))?;
    }
    require(!place.outside().join("escaped").exists(), || "planted code ran in the dispatcher".to_owned())?;
    let changed = changed(&place, first, &before);
    let may_commit = first.fields.contains("ALLOW COMMIT");
    Ok(Tried { _place: place, ended, may_commit, changed })
}

fn changed(place: &Place, row: &Row, before: &Picture) -> Vec<PathBuf> {
    let top = Path::new("repo").join(row.workdir);
    let scope: Vec<PathBuf> = row.scope.iter().map(|entry| top.join(entry)).collect();
    let counts = |path: &PathBuf| {
        // Build outputs are by-products in this repository, and may be written to.
        !scope.iter().any(|scope| path.starts_with(scope)) && !path.starts_with("repo/build")
    };
    before.changed_in(&place.picture()).into_iter().filter(counts).collect()
}

impl Tried {
    fn is_named(&self, path: &Path) -> bool {
        let text = path_text(path.strip_prefix("repo").unwrap_or(path).as_os_str().as_bytes());
        let path = Path::new(&text);
        let found = self.ended.violations();
        found.iter().any(|found| path.starts_with(found) || Path::new(found).starts_with(path))
    }

    /// Everything that changed in the work tree is named.
    fn is_found(&self) -> Result<(), String> {
        let in_tree =
            self.changed.iter().filter(|path| path.starts_with("repo") && !path.starts_with("repo/.git"));
        let missed: Vec<_> = in_tree.filter(|path| !self.is_named(path)).collect();
        require(missed.is_empty(), || {
            format!("changed and not named: {missed:?} in {:?}", self.ended.violations())
        })
    }

    /// Nothing changed in any of these places.
    fn is_prevented_in(&self, places: &[&str]) -> Result<(), String> {
        let done: Vec<_> =
            self.changed.iter().filter(|path| places.iter().any(|place| path.starts_with(place))).collect();
        require(done.is_empty(), || format!("not prevented: {done:?}"))
    }
}

fn try_all(args: &[&str], check: impl Fn(&Tried) -> Result<(), String>) {
    let Ok(codex) = real_codex() else { return };
    let mut failed = Vec::new();
    let batches = batches();
    assert!(batches.len() >= GROUPS.len(), "{} batches only", batches.len());
    for rows in &batches {
        let result = attempt(&codex, rows, args).and_then(|tried| check(&tried));
        failed
            .extend(result.err().map(|why| format!("{} and {} more: {why}", rows[0].title, rows.len() - 1)));
    }
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), batches.len(), failed.join("\n"));
}

#[test]
fn a_profile_prevents_it_or_it_is_found() {
    try_all(&[], |tried| {
        require(tried.ended.policy()["enforcement"] == "profile", || "no profile".to_owned())?;
        tried.is_prevented_in(&["repo/lib", "repo/docs", "repo/.env", "repo/secret", "outside"])?;
        tried.is_prevented_in(if tried.may_commit {
            &["repo/.git/hooks", "repo/.git/config", "repo/.git/info"]
        } else {
            &["repo/.git"]
        })?;
        tried.is_found()?;
        let fine = tried.changed.is_empty() == (tried.ended.code == 0);
        require(fine, || format!("exit {} with {:?} changed", tried.ended.code, tried.changed))
    });
}

#[test]
fn codexs_own_sandbox_keeps_it_in_the_repository_and_it_is_found() {
    try_all(&["--enforcement", "sandbox"], |tried| {
        tried.is_prevented_in(&["repo/.git/hooks", "repo/.git/config", "repo/.git/refs", "outside"])?;
        tried.is_found()
    });
}

#[test]
fn without_any_sandbox_it_is_found() {
    try_all(&["--enforcement", "none", "--i-know-this-is-unsandboxed"], |tried| {
        require(tried.ended.code == 6, || format!("exit {}: {}", tried.ended.code, tried.ended.stderr))?;
        require(!tried.changed.is_empty(), || "nothing was done".to_owned())?;
        tried.is_found()
    });
}
