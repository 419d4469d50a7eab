//! `clodex-setup doctor --fix`: what can be put right without asking, by the means that cancel and dispatch use.

use clodex_os::atomic_file;
use clodex_os::record_store::{Reaped, RecordStore};
use clodex_retention::sweep_worktrees;

use super::finding::Finding;
use super::{places, runs};

/// Closes dead runs, ends what outlived its run, removes worktrees in which nothing waits, closes the state directory.
pub fn repair(store: &RecordStore) -> Vec<Finding> {
    if !store.dir().path().is_dir() {
        return Vec::new();
    }
    let closed_places = close_places(store);
    let runs = close_runs(store);
    let processes = end_processes(store);
    sweep_worktrees(store);
    [closed_places, runs, processes].into_iter().flatten().collect()
}

fn close_places(store: &RecordStore) -> Option<Finding> {
    let found = places::private_places(store.dir().path());
    let open: Vec<_> = places::open_places(&found).collect();
    let failed = open.iter().find_map(|place| atomic_file::private_dir(place).err());
    match failed {
        Some(error) => Some(Finding::fail("fixed", error.to_string(), "`chmod 700` it by hand")),
        None if open.is_empty() => None,
        None => Some(Finding::ok("fixed", format!("closed {} directories to others", open.len()))),
    }
}

fn close_runs(store: &RecordStore) -> Option<Finding> {
    let reaped = match store.reap_all() {
        Ok(reaped) => reaped,
        Err(error) => return Some(Finding::fail("fixed", error.to_string(), "see `clodex-status`")),
    };
    let closed = reaped.iter().filter(|one| matches!(one, Reaped::Closed { .. })).count();
    (closed > 0).then(|| Finding::ok("fixed", format!("closed {closed} runs whose dispatcher had died")))
}

fn end_processes(store: &RecordStore) -> Option<Finding> {
    let (ended, left) = runs::end_orphans(&runs::orphans(store));
    if let Some(first) = left.first() {
        let what = format!("{} processes could not be ended, the first is pid {}", left.len(), first.id.pid);
        return Some(Finding::fail("fixed", what, "end them by hand"));
    }
    (ended > 0).then(|| Finding::ok("fixed", format!("ended {ended} processes that outlived their runs")))
}
