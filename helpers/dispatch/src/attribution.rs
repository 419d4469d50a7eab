//! Which command or patch did what was found, and what the sandbox refused: what tools said of themselves, joined to
//! what the tree shows. Explains a verdict, never makes one.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clodex_codex::{find_rollout, rollout_tool_actions};
use clodex_core::{Change, Denied, RunRecord, RunStory, ToolAction, ToolActionKind, Violation, done_by};
use clodex_os::clock::Timestamp;
use clodex_scope::{Baseline, Tree};

use crate::plan::Plan;

/// What is told of denied writes.
const DENIED: usize = 100;

/// A line of the stream is read a moment after the command that it announces was started.
const READ_LATE_MS: i64 = 50;

/// What the worker's tools did, on the clock of the file system.
#[derive(Debug)]
pub struct ToolActions {
    all: Vec<ToolAction>,
}

impl ToolActions {
    /// Codex's own file of the thread is complete; where there is none, there is the stream.
    pub fn of(story: &RunStory, codex_home: Option<&Path>, record: &RunRecord, begun: Instant) -> Self {
        let since = Timestamp::parse(&record.started).map_or(0, Timestamp::unix_ms);
        let file = codex_home.zip(record.thread_id.as_deref()).and_then(|(home, id)| find_rollout(home, id));
        if let Some(all) =
            file.and_then(|file| rollout_tool_actions(&file, since).ok()).filter(|all| !all.is_empty())
        {
            return Self { all };
        }
        let elapsed = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        let zero = Timestamp::now().unix_ms() - elapsed;
        let shifted = |action: &ToolAction| ToolAction {
            from_ms: zero + action.from_ms - READ_LATE_MS,
            to_ms: zero + action.to_ms,
            ..action.clone()
        };
        Self { all: story.actions.iter().map(shifted).collect() }
    }

    /// Says of each violation what did it, where that can be told.
    pub fn explain(&self, violations: &mut [Violation], patched: &BTreeSet<String>, plan: &Plan) {
        for violation in violations {
            let names = names_of(&violation.path, plan);
            let at_ms = touched_at(&violation.path, &plan.tree);
            violation.by = done_by(&Change { names: &names, at_ms }, patched, &self.all);
        }
    }

    /// The writes that were refused, each path of a command once. What the worker could have written was refused by
    /// something else than its sandbox.
    pub fn denied(&self, plan: &Plan, baseline: Option<&Baseline>) -> Vec<Denied> {
        let reach = baseline.and_then(Baseline::reach);
        let mut denied: Vec<Denied> = Vec::new();
        for action in &self.all {
            for path in &action.refused {
                let absolute = path.as_ref().map(|path| absolute(path, &plan.workdir));
                if reach.zip(absolute.as_deref()).is_some_and(|(reach, path)| reach.may_write(path)) {
                    continue;
                }
                let path = absolute.map(|path| shown(&path, plan.tree.root()));
                let by = match &action.what {
                    ToolActionKind::Command(command) => command.clone(),
                    ToolActionKind::Patch => action.shown(),
                };
                let one = Denied { path, by };
                if denied.len() < DENIED && !denied.contains(&one) {
                    denied.push(one);
                }
            }
        }
        denied
    }
}

fn absolute(path: &str, workdir: &Path) -> PathBuf {
    let path = Path::new(path.strip_prefix("./").unwrap_or(path));
    workdir.join(path)
}

fn shown(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// How a patch or a command may call the path: absolute, from the root, from the work directory.
fn names_of(path: &str, plan: &Plan) -> Vec<String> {
    let absolute = plan.tree.root().join(path);
    let from_workdir = absolute.strip_prefix(&plan.workdir).ok().map(|below| below.display().to_string());
    let mut names = vec![absolute.display().to_string(), path.to_owned()];
    names.extend(from_workdir);
    names
}

/// When the thing at the path was last touched, wherever git keeps it; of something removed, when its directory was.
fn touched_at(path: &str, tree: &Tree) -> Option<i64> {
    let at = |path: &Path| {
        let found = path.symlink_metadata().ok()?;
        Some(found.ctime() * 1000 + found.ctime_nsec() / 1_000_000)
    };
    let in_tree = tree.root().join(path);
    let places = [in_tree.clone(), tree.git_dir().join(path), tree.common_dir().join(path)];
    places.iter().find_map(|place| at(place)).or_else(|| at(in_tree.parent()?))
}
