//! Other runs that were live at the same time, and which changes in the tree they account for. Reads records only.

use std::path::PathBuf;

use clodex_core::{RunRecord, ScopeRules};
use clodex_os::clock::Timestamp;
use clodex_os::record_store::RecordStore;
use clodex_scope::{Meanwhile, OtherScope};

/// Who lived at any moment of this run's life. What has a record may have begun before this run and made its
/// directory after this one's baseline; what ended before this run began has written all of its own by then.
fn beside(store: &RecordStore, own: &RunRecord) -> Vec<RunRecord> {
    let live = store.live().into_iter().map(|seen| seen.record);
    let began = Timestamp::parse(&own.started);
    let ended = began.map(|began| store.ended_since(began)).unwrap_or_default();
    live.chain(ended).filter(|record| record.id != own.id).collect()
}

/// Directories that runs beside this one had in the same tree for their own sake and could not take away.
pub fn rests(store: &RecordStore, own: &RunRecord) -> Vec<String> {
    let others = beside(store, own).into_iter().filter(|record| record.tree_root == own.tree_root);
    let paths = others.flat_map(|record| record.mount_points);
    paths.filter(|path| !own.mount_points.contains(path)).collect()
}

/// What they may have changed, and what is theirs in the tree.
pub fn meanwhile(store: &RecordStore, own: &RunRecord, worktrees: &[String]) -> Meanwhile {
    let beside = beside(store, own);
    let isolated = beside.iter().filter(|record| record.isolated.is_some());
    let since = isolated.map(|record| record.id.to_string()).chain(store.dir().worktree_ids());
    let workers = beside.iter().filter(|record| record.mode.writes() && !record.tree_root.is_empty());
    let mount_points = beside.iter().chain([own]).flat_map(|record| &record.mount_points);
    Meanwhile {
        artifact_dirs: beside.iter().map(|record| PathBuf::from(&record.artifact_dir)).collect(),
        scopes: workers
            .map(|record| OtherScope {
                root: PathBuf::from(&record.tree_root),
                rules: ScopeRules::of_entries(&record.write_scope),
            })
            .collect(),
        mount_points: mount_points.map(PathBuf::from).collect(),
        worktrees: since.chain(worktrees.iter().cloned()).filter(|id| *id != own.id.as_str()).collect(),
    }
}
