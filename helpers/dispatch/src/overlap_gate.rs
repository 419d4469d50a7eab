//! The gate before a start: two live workers share a work tree only when both are held to their scopes and these do
//! not overlap. Otherwise nobody could tell whose change is whose. Who writes nothing always may.

use std::path::Path;

use clodex_core::{Enforcement, ExitCode, Liveness, RunRecord, path_text, scope_overlap};
use clodex_os::record_store::{RecordStore, StartLock};

use crate::plan::Plan;
use crate::refusal::Refusal;

/// Refuses a run that would get into another's way. Until what is returned is dropped, no other worker of the project
/// gets past here.
pub fn pass(plan: &Plan, held: Enforcement, store: &RecordStore) -> Result<Option<StartLock>, Refusal> {
    if !plan.mode.writes() || plan.isolate.is_on() {
        return Ok(None);
    }
    let text = |path: &Path| path_text(path.as_os_str().as_encoded_bytes());
    let (root, project) = (text(plan.tree.root()), text(plan.tree.common_dir()));
    let alone =
        store.one_start_at_a_time(&project).map_err(|error| Refusal::told(ExitCode::Usage, &error))?;
    // Records of an older clodex do not name their tree.
    let shares_tree = |other: &RunRecord| {
        other.tree_root == root || other.tree_root.is_empty() && other.git_common_dir == project
    };
    let live = store.live().into_iter().filter(|seen| seen.liveness == Liveness::Live);
    let mut workers = live.map(|seen| seen.record).filter(|other| other.mode.writes() && shares_tree(other));
    workers.find_map(|other| refusal(plan, held, &other)).map_or(Ok(Some(alone)), Err)
}

fn refusal(plan: &Plan, held: Enforcement, other: &RunRecord) -> Option<Refusal> {
    let are_held = [held, other.enforcement].iter().all(|held| *held == Enforcement::Profile);
    let why = if !are_held {
        "only workers whose sandbox is narrowed to their scope may share one".to_owned()
    } else if other.write_scope.is_empty() {
        "its scope is not known".to_owned()
    } else {
        let (mine, theirs) = scope_overlap(&plan.write_scope, &other.write_scope)?;
        format!("`{mine}` overlaps its scope `{theirs}`")
    };
    let id = &other.id;
    Some(Refusal::gate(
        format!("run {id} (`{}`) works in this work tree: {why}", other.name),
        format!(
            "wait for it with `clodex-wait {id}`, end it with `clodex-cancel {id}`, or use another git worktree"
        ),
    ))
}
