//! What runs have left behind: records of the dead, processes without a run, worktrees. Ends nothing by itself.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clodex_core::{Liveness, RunId};
use clodex_os::process::{Survivor, kill_marked, marked_processes};
use clodex_os::record_store::{RecordStore, SeenRun};
use clodex_retention::what_waits;

use super::finding::Finding;

/// More are not named in one line.
const NAMED: usize = 3;
/// SIGKILL needs no grace; this is for processes that are stuck in a device.
const KILL_PATIENCE: Duration = Duration::from_secs(3);
const FIX: &str = "`clodex-setup doctor --fix`";

/// Whether records claim to live whose dispatcher is dead.
pub fn judge_stale(live: &[SeenRun]) -> Finding {
    let check = "runs";
    let ids = |wanted: Liveness| {
        live.iter().filter(move |run| run.liveness == wanted).map(|run| run.record.id.as_str())
    };
    let dead: Vec<&str> = ids(Liveness::Dead).collect();
    let (running, elsewhere) = (ids(Liveness::Live).count(), ids(Liveness::OtherHost).count());
    match dead.first() {
        None if elsewhere > 0 => {
            Finding::ok(check, format!("{running} live here, {elsewhere} on other machines, none stale"))
        }
        None => Finding::ok(check, format!("{running} live, none stale")),
        Some(first) => {
            let what = format!("{} whose dispatcher died: {}", dead.len(), few(&dead));
            Finding::warn(check, what, format!("`clodex-cancel {first}` closes it; {FIX} closes all"))
        }
    }
}

/// A process that carries the mark of a run that does not live.
#[derive(Debug)]
pub struct Orphan {
    run: String,
    process: Survivor,
    proof: Proof,
}

/// Whether it is ours to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Its run is recorded here, and over.
    Ended,
    /// No record here names its run: another state directory may.
    Unknown,
}

/// The processes of this user that carry the mark of runs that do not live.
pub fn orphans(store: &RecordStore) -> Vec<Orphan> {
    let mut standing: BTreeMap<String, Option<Proof>> = BTreeMap::new();
    let orphan = |(run, process): (String, Survivor)| {
        let proof = *standing.entry(run.clone()).or_insert_with(|| proof(store, &run));
        proof.map(|proof| Orphan { run, process, proof })
    };
    marked_processes().into_iter().filter_map(orphan).collect()
}

/// None = it lives, or is somebody else's to judge.
fn proof(store: &RecordStore, run: &str) -> Option<Proof> {
    let Ok(id) = RunId::try_from(run.to_owned()) else { return Some(Proof::Unknown) };
    match store.see(&id).map(|seen| seen.liveness) {
        None => Some(Proof::Unknown),
        Some(Liveness::Ended | Liveness::Dead) => Some(Proof::Ended),
        Some(Liveness::Live | Liveness::OtherHost) => None,
    }
}

/// Whether anything of a run outlived it.
pub fn judge_orphans(orphans: &[Orphan]) -> Finding {
    let check = "processes";
    let named = |proof: Proof| -> Vec<String> {
        let of = orphans.iter().filter(|orphan| orphan.proof == proof);
        of.map(|orphan| {
            format!("pid {} `{:.60}` of {}", orphan.process.id.pid, orphan.process.command, orphan.run)
        })
        .collect()
    };
    let (ended, unknown) = (named(Proof::Ended), named(Proof::Unknown));
    if !ended.is_empty() {
        let what = format!("{} outlived their runs: {}", ended.len(), few(&ended));
        return Finding::warn(check, what, format!("{FIX} ends them"));
    }
    if unknown.is_empty() {
        return Finding::ok(check, "none outlived its run");
    }
    let what = format!("{} belong to runs that are not recorded here: {}", unknown.len(), few(&unknown));
    let hint = "their runs may live in another CLODEX_STATE_DIR, whose doctor knows; \
                if there is none, their records are gone: end them by hand";
    Finding::warn(check, what, hint)
}

/// Ends what is provably ours; gives how many processes, and what could not be ended.
pub fn end_orphans(orphans: &[Orphan]) -> (usize, Vec<Survivor>) {
    let ours: Vec<&Orphan> = orphans.iter().filter(|orphan| orphan.proof == Proof::Ended).collect();
    let mut runs: Vec<&str> = ours.iter().map(|orphan| orphan.run.as_str()).collect();
    runs.dedup();
    let deadline = Instant::now() + KILL_PATIENCE;
    let left: Vec<Survivor> = runs.into_iter().flat_map(|run| kill_marked(run, deadline)).collect();
    (ours.len(), left)
}

/// A worktree in the state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worktree {
    /// A run works in it.
    InUse,
    /// It holds work that is nowhere else.
    Waits,
    /// Nothing waits in it.
    Idle,
    /// No record names its run.
    Unknown,
}

/// The worktrees, by the ids of their runs.
pub fn worktrees(store: &RecordStore) -> Vec<(String, Worktree)> {
    let state = |id: &String| match RunId::try_from(id.clone()).ok().and_then(|id| store.see(&id)) {
        None => Worktree::Unknown,
        Some(seen) if seen.liveness != Liveness::Ended => Worktree::InUse,
        Some(seen) if what_waits(store, &seen.record).is_some() => Worktree::Waits,
        Some(_) => Worktree::Idle,
    };
    let mut ids = store.dir().worktree_ids();
    ids.sort();
    ids.into_iter().map(|id| (id.clone(), state(&id))).collect()
}

/// Whether worktrees lie about that nobody needs.
pub fn judge_worktrees(worktrees: &[(String, Worktree)]) -> Finding {
    let check = "worktrees";
    let of = |wanted: Worktree| -> Vec<&str> {
        worktrees.iter().filter(|(_, state)| *state == wanted).map(|(id, _)| id.as_str()).collect()
    };
    let (unknown, idle, waits) = (of(Worktree::Unknown), of(Worktree::Idle), of(Worktree::Waits));
    if !unknown.is_empty() {
        let what = format!("{} that no record names: {}", unknown.len(), few(&unknown));
        return Finding::warn(
            check,
            what,
            "look into `worktrees` of the state directory; remove what you do not need",
        );
    }
    if !idle.is_empty() {
        let what = format!("{} in which nothing waits: {}", idle.len(), few(&idle));
        return Finding::warn(check, what, format!("the next dispatch removes them, or {FIX}"));
    }
    let used = of(Worktree::InUse).len();
    let lands = match &waits[..] {
        [] => String::new(),
        [one] => format!(" (`clodex-apply {one}` lands them)"),
        [first, ..] => format!(" (`clodex-apply {first}` lands the first one's, `clodex-status` lists all)"),
    };
    let waits = format!("{} with changes that wait{lands}", waits.len());
    Finding::ok(check, format!("{used} in use, {waits}"))
}

fn few<T: AsRef<str>>(all: &[T]) -> String {
    let named: Vec<&str> = all.iter().take(NAMED).map(AsRef::as_ref).collect();
    let more = all.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    named.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use clodex_core::RunRecord;
    use clodex_os::process::ProcessId;

    use super::super::finding::Level;
    use super::*;

    fn run(liveness: Liveness) -> SeenRun {
        let text = include_str!("../../../os/src/record_store/record-v1.json");
        let record: RunRecord = serde_json::from_str(text).unwrap();
        SeenRun { record, liveness }
    }

    #[test]
    fn a_dead_run_is_named_with_what_closes_it() {
        let (live, dead) = (run(Liveness::Live), run(Liveness::Dead));
        assert_eq!(judge_stale(&[]).level, Level::Ok);
        assert_eq!(judge_stale(&[live.clone(), run(Liveness::OtherHost)]).level, Level::Ok);
        let found = judge_stale(&[live, dead.clone()]);
        assert_eq!(found.level, Level::Warn);
        assert!(found.hint.unwrap().contains(&format!("clodex-cancel {}", dead.record.id)));
    }

    #[test]
    fn only_a_process_of_a_run_that_is_known_to_be_over_is_ours() {
        let orphan = |proof| Orphan {
            run: "20260121T010203Z-worker-x-abcd".into(),
            process: Survivor { id: ProcessId { pid: 7, start_ticks: 1 }, command: "sleep 9".into() },
            proof,
        };
        assert_eq!(judge_orphans(&[]).level, Level::Ok);
        let ours = judge_orphans(&[orphan(Proof::Unknown), orphan(Proof::Ended)]);
        assert!(ours.level == Level::Warn && ours.hint.unwrap().contains("--fix"));
        let unknown = judge_orphans(&[orphan(Proof::Unknown)]);
        assert!(unknown.level == Level::Warn && !unknown.hint.unwrap().contains("--fix"));
        assert_eq!(end_orphans(&[orphan(Proof::Unknown)]).0, 0);
    }

    #[test]
    fn worktrees_that_nobody_needs_are_said_and_those_that_wait_are_fine() {
        let some = |state| vec![("a".to_owned(), Worktree::InUse), ("b".to_owned(), state)];
        assert_eq!(judge_worktrees(&some(Worktree::Idle)).level, Level::Warn);
        assert_eq!(judge_worktrees(&some(Worktree::Unknown)).level, Level::Warn);
        let waits = judge_worktrees(&some(Worktree::Waits));
        assert!(waits.level == Level::Ok && waits.what.contains("clodex-apply b"), "{waits:?}");
        assert_eq!(few(&["a", "b", "c", "d", "e"]), "a, b, c, and 2 more");
    }
}
