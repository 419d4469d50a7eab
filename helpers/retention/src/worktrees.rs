//! What isolated runs left behind: whether something waits in it, and its removal where nothing does.

use std::fs;
use std::path::{Path, PathBuf};

use clodex_core::{Isolated, JOURNAL_FILE, LANDED_FILE, Liveness, RunId, RunRecord, Verdict};
use clodex_os::record_store::{RecordStore, StateDir};
use clodex_scope::{Request, Tree, baseline, finish_removals, read_landing, remove_worktree};

/// Where the worktree of a run is, or would be. A real path: git keeps it.
pub fn place_of_worktree(store: &RecordStore, id: &RunId) -> PathBuf {
    let state = store.dir().path();
    let real = state.canonicalize().unwrap_or_else(|_| state.to_owned());
    StateDir::at(real).worktrees().join(id.as_str())
}

/// Removes worktrees in which nothing waits: their runs are over, or died, and left no change.
pub fn sweep_worktrees(store: &RecordStore) {
    finish_removals(&store.dir().worktrees());
    for id in store.dir().worktree_ids().into_iter().filter_map(|id| RunId::try_from(id).ok()) {
        let Some(run) = store.see(&id) else { continue };
        if run.liveness == Liveness::Ended && !is_wanted(store, &run.record) {
            forget_worktree(store, &id);
        }
    }
}

/// Removes the worktree of a run, and its landing if that is empty.
pub fn forget_worktree(store: &RecordStore, id: &RunId) {
    // What cannot be removed now is tried again by the next run.
    let _ = remove_worktree(&place_of_worktree(store, id));
    let landing = store.dir().landing(id.as_str());
    if read_landing(&landing).is_ok_and(|landing| landing.is_some_and(|landing| landing.changes.is_empty())) {
        let _ = fs::remove_dir_all(landing);
    }
}

/// What of an ended run's work is nowhere else, in words; none = nothing is.
pub fn what_waits(store: &RecordStore, record: &RunRecord) -> Option<&'static str> {
    let isolated = record.isolated.as_ref()?;
    let landing = store.dir().landing(record.id.as_str());
    if landing.join(JOURNAL_FILE).exists() {
        return Some("a landing of its changes was interrupted");
    }
    if landing.join(LANDED_FILE).exists() {
        return None;
    }
    match read_landing(&landing) {
        Err(_) => return Some("what it left to be landed cannot be read"),
        Ok(Some(landing)) if !landing.changes.is_empty() => {
            return Some("its changes were neither landed nor thrown away");
        }
        Ok(_) => {}
    }
    let is_there = Path::new(&isolated.worktree).exists();
    (is_there && is_wanted(store, record)).then_some("its worktree holds changes that are nowhere else")
}

/// Whether something may lie in the worktree that is nowhere else.
fn is_wanted(store: &RecordStore, record: &RunRecord) -> bool {
    let Some(isolated) = record.isolated.as_ref().filter(|isolated| !isolated.base.is_empty()) else {
        // Nobody ever worked in it.
        return false;
    };
    match (read_landing(&store.dir().landing(record.id.as_str())), record.verdict) {
        (Ok(Some(landing)), Some(Verdict::Clean)) => !landing.changes.is_empty(),
        (_, Some(Verdict::Refused)) => false,
        (Ok(_) | Err(_), _) => !is_untouched(isolated),
    }
}

/// Whether the worktree is as it was made: at the same commit, and nothing uncommitted in it.
fn is_untouched(isolated: &Isolated) -> bool {
    let seen =
        Tree::discover(Path::new(&isolated.worktree)).and_then(|tree| baseline(&tree, Request::default()));
    seen.is_ok_and(|seen| {
        seen.head_commit().as_deref() == Some(isolated.base.as_bytes()) && seen.uncommitted().next().is_none()
    })
}
