//! The gate before a start: two live workers share a work tree, or trees that contain each other, only when both are
//! held to their scopes and these do not overlap. Otherwise nobody could tell whose change is whose. Who writes nothing
//! always may, and who is forced to.

use std::path::Path;

use clodex_core::{
    Enforcement, ExitCode, Flow, Liveness, RunRecord, ScopeIn, path_text, scopes_meet, trees_meet,
};
use clodex_os::record_store::{RecordStore, StartLock};

use crate::plan::Plan;
use crate::refusal::Refusal;

/// Whether the gate stands in the way of whoever would work in another run's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverlapGate {
    /// It does.
    Shut,
    /// Somebody wants to pass it.
    Forced,
}

/// A way past the gate.
#[derive(Debug, Default)]
pub struct Way {
    /// Until it is dropped, no other worker of the project gets past the gate.
    pub alone: Option<StartLock>,
    /// What would have been refused.
    pub note: Option<String>,
}

/// Refuses a run that would get into another's way, unless somebody wants it all the same.
pub fn pass(plan: &Plan, held: Enforcement, store: &RecordStore) -> Result<Way, Refusal> {
    if !plan.mode.writes() || plan.isolate.is_on() {
        return Ok(Way::default());
    }
    let text = |path: &Path| path_text(path.as_os_str().as_encoded_bytes());
    let (root, project) = (text(plan.tree.root()), text(plan.tree.common_dir()));
    let alone = store
        .one_start_at_a_time_around(plan.tree.root(), &project)
        .map_err(|error| Refusal::told(ExitCode::Usage, &error))?;
    // Records of an older clodex do not name their tree; isolated ones name one that nobody else works in.
    let shares_tree = |other: &RunRecord| {
        other.isolated.is_none() && trees_meet(&other.tree_root, &root)
            || other.tree_root.is_empty() && other.git_common_dir == project
    };
    let live = store.live().into_iter().filter(|seen| seen.liveness == Liveness::Live);
    let mut workers = live
        .map(|seen| seen.record)
        .filter(|other| other.mode.writes() && shares_tree(other) && !is_left_behind(plan, other));
    let note = match workers.find_map(|other| refusal(plan, &root, held, &other)) {
        Some(refusal) if plan.overlap_gate == OverlapGate::Shut => return Err(refusal),
        forced => forced.map(|refusal| format!("begun all the same (--force): {}", refusal.message)),
    };
    Ok(Way { alone: Some(alone), note })
}

/// Whether it is an earlier run of this very step that its flow never let go: a step has one run at a time, so whoever
/// held that one back is dead, and it is about to end.
fn is_left_behind(plan: &Plan, other: &RunRecord) -> bool {
    let is_of_this_step = |(mine, theirs): (&Flow, &Flow)| mine.id == theirs.id && mine.step == theirs.step;
    other.container.is_none() && plan.flow.as_ref().zip(other.flow.as_ref()).is_some_and(is_of_this_step)
}

fn refusal(plan: &Plan, root: &str, held: Enforcement, other: &RunRecord) -> Option<Refusal> {
    let are_held = [held, other.enforcement].iter().all(|held| *held == Enforcement::Profile);
    let why = if !are_held {
        "only workers whose sandbox is narrowed to their scope may share one".to_owned()
    } else if other.write_scope.is_empty() || other.tree_root.is_empty() {
        "its scope is not known".to_owned()
    } else {
        let mine = ScopeIn { tree: root, scope: &plan.write_scope };
        let theirs = ScopeIn { tree: &other.tree_root, scope: &other.write_scope };
        let (mine, theirs) = scopes_meet(mine, theirs)?;
        format!("`{mine}` overlaps its scope `{theirs}`")
    };
    let id = &other.id;
    let place = if other.tree_root == root || other.tree_root.is_empty() {
        "this work tree".to_owned()
    } else if other.tree_root.starts_with(root) {
        format!("{}, which lies in this work tree", other.tree_root)
    } else {
        format!("{}, which holds this work tree", other.tree_root)
    };
    Some(Refusal::gate(
        format!("run {id} (`{}`) works in {place}: {why}", other.name),
        format!(
            "wait for it with `clodex-wait {id}`, end it with `clodex-cancel {id}`, or work elsewhere with --isolate; --force begins all the same"
        ),
    ))
}
