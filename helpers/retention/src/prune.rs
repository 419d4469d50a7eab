//! Letting go of runs that ended long ago. A run's record goes last: as long as anything of a run is there, its record
//! names it, and whoever comes after an interrupted removal goes on with it.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use clodex_core::{RunId, RunRecord};
use clodex_os::atomic_file::{self, Durability};
use clodex_os::clock::{HostAndBoot, Timestamp};
use clodex_os::record_store::{EndedRun, RecordStore, StateError};
use clodex_os::{DiskUse, RunLock, disk_use};
use clodex_scope::{let_go, remove_worktree};

use crate::artifacts;
use crate::flows::{PrunedFlow, forget_flows, needs_its_runs};
use crate::worktrees::{place_of_worktree, what_waits};

const A_DAY: Duration = Duration::from_hours(24);
/// What `clodex-dispatch` may spend at its own end, once a day.
const ON_THE_SIDE: Duration = Duration::from_secs(2);
/// Another one that prunes is done after this, or stuck.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long may be counted what one run takes.
const COUNTING: Duration = Duration::from_secs(2);

/// Whether something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// What would be let go of is counted.
    Look,
    /// It is let go of.
    Remove,
}

/// What shall be let go of.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Runs that ended this long ago, or longer.
    pub older_than: Duration,
    /// Whether something is done.
    pub act: Act,
    /// No other run is begun with after this.
    pub until: Option<Instant>,
}

/// What was let go of.
#[derive(Debug, Default)]
pub struct Pruned {
    /// The runs that are old enough, the oldest first.
    pub runs: Vec<PrunedRun>,
    /// The flows that are old enough, the oldest first.
    pub flows: Vec<PrunedFlow>,
    /// Bytes of what belongs to neither: copies of records, mostly.
    pub other_bytes: u64,
    /// Whether time was up before all were looked at.
    pub is_unfinished: bool,
}

/// One run that is old enough.
#[derive(Debug)]
pub struct PrunedRun {
    /// Its id.
    pub id: RunId,
    /// What became, or would become, of it.
    pub fate: Fate,
}

/// What becomes of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is gone.
    Gone {
        /// Bytes on disk that this freed.
        bytes: u64,
        /// What stays in its artifact directory, and why.
        left: Option<String>,
    },
    /// It stays, and why.
    Kept {
        /// Why.
        why: String,
        /// What its user can do about it.
        hint: Option<String>,
    },
}

/// Nothing could be let go of.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// Somebody else does it right now.
    #[error("cannot prune: another clodex prunes right now\nhint: try again in a moment")]
    Busy,
    /// The lock of those who prune cannot be had.
    #[error("{0}\nhint: see that the state directory is yours, or set CLODEX_STATE_DIR")]
    Lock(#[from] clodex_os::Error),
}

impl Pruned {
    /// Bytes freed in all.
    pub fn bytes(&self) -> u64 {
        let of = |run: &PrunedRun| match &run.fate {
            Fate::Gone { bytes, .. } => *bytes,
            Fate::Kept { .. } => 0,
        };
        let flows: u64 = self.flows.iter().map(|flow| flow.bytes).sum();
        self.other_bytes + flows + self.runs.iter().map(of).sum::<u64>()
    }
}

/// Lets go of what is kept for `days` days, unless that was done within the last day: for the end of a run, when its
/// result is told. Takes two seconds at most, and nothing at all nearly always. 0 days = everything is kept.
pub fn once_a_day(store: &RecordStore, days: u64) {
    let stamp = store.dir().path().join("pruned");
    let is_fresh = |at: SystemTime| at.elapsed().map_or(true, |age| age < A_DAY);
    if days == 0 || fs::symlink_metadata(&stamp).and_then(|found| found.modified()).is_ok_and(is_fresh) {
        return;
    }
    let Ok(Some(_alone)) = RunLock::acquire(&lock_path(store)) else { return };
    // First: what takes too long, or fails, is not tried by each run.
    if atomic_file::replace(&stamp, b"", Durability::Cached).is_ok() {
        let until = Some(Instant::now() + ON_THE_SIDE);
        prune_alone(store, Wish { older_than: days_long(days), act: Act::Remove, until });
    }
}

/// Lets go of ended runs.
pub fn prune(store: &RecordStore, wish: Wish) -> Result<Pruned, PruneError> {
    let alone = match wish.act {
        Act::Look => None,
        Act::Remove => RunLock::acquire_until(&lock_path(store), Instant::now() + PATIENCE)?,
    };
    if alone.is_none() && wish.act == Act::Remove {
        return Err(PruneError::Busy);
    }
    Ok(prune_alone(store, wish))
}

/// So many days; for ever, where that is more than there are.
pub fn days_long(days: u64) -> Duration {
    Duration::from_secs(days.saturating_mul(A_DAY.as_secs()))
}

fn lock_path(store: &RecordStore) -> std::path::PathBuf {
    store.dir().path().join("prune.lock")
}

fn prune_alone(store: &RecordStore, wish: Wish) -> Pruned {
    let now = Timestamp::now();
    let mut pruned = Pruned::default();
    for id in store.dir().ended_for(wish.older_than).into_iter().filter_map(|id| RunId::try_from(id).ok()) {
        if wish.until.is_some_and(|until| Instant::now() >= until) {
            pruned.is_unfinished = true;
            break;
        }
        let Some(run) = store.see(&id) else { continue };
        if run.record.host == HostAndBoot::host() && has_ended(&run.record, now, wish.older_than) {
            let fate = fate(store, &run.record, wish.act);
            pruned.runs.push(PrunedRun { id, fate });
        }
    }
    let since = SystemTime::now().checked_sub(wish.older_than);
    pruned.flows = since.map(|since| forget_flows(store, since, wish.act)).unwrap_or_default();
    if wish.act == Act::Remove {
        pruned.other_bytes = since.map_or(0, |since| store.delete_leftovers(since));
        store.forget_tellings();
    }
    pruned
}

fn has_ended(record: &RunRecord, now: Timestamp, older_than: Duration) -> bool {
    let ended = record.ended.as_deref().and_then(Timestamp::parse);
    ended.is_some_and(|ended| ended.until(now) >= older_than)
}

fn fate(store: &RecordStore, record: &RunRecord, act: Act) -> Fate {
    let told = match act {
        Act::Look => check(store, record).map(|()| look(store, record)),
        Act::Remove => remove(store, record),
    };
    told.unwrap_or_else(|kept| kept)
}

/// The error is why it stays.
fn check(store: &RecordStore, record: &RunRecord) -> Result<(), Fate> {
    if let Some(flow) = &record.flow
        && let Some(why) = needs_its_runs(store, &flow.id)
    {
        let hint = format!("`clodex-flow status {}` shows where it stands", flow.id);
        return Err(Fate::Kept { why: why.to_owned(), hint: Some(hint) });
    }
    let Some(what) = what_waits(store, record) else { return Ok(()) };
    let id = &record.id;
    let hint = format!("`clodex-apply {id}` lands them, `clodex-apply --discard {id}` throws them away");
    Err(Fate::Kept { why: what.to_owned(), hint: Some(hint) })
}

fn look(store: &RecordStore, record: &RunRecord) -> Fate {
    let (mut bytes, mut left) = (private_bytes(store, &record.id), None);
    match artifacts::of_run(record) {
        Ok(Some(dir)) => {
            let ours = dir.look();
            bytes += ours.bytes;
            left = ours.left;
        }
        Ok(None) => {}
        Err(why) => left = Some(why),
    }
    Fate::Gone { bytes, left }
}

fn remove(store: &RecordStore, record: &RunRecord) -> Result<Fate, Fate> {
    let refused = |error: StateError| kept(error.to_string());
    // Who lands changes holds it, too.
    let _still = match &record.isolated {
        Some(_) => Some(store.one_start_at_a_time(&record.git_common_dir).map_err(refused)?),
        None => None,
    };
    let held = store.hold_ended(&record.id).map_err(refused)?;
    let held = held.ok_or_else(|| kept("another program is using it right now"))?;
    check(store, held.record())?;
    take_away(store, held)
}

fn take_away(store: &RecordStore, held: EndedRun) -> Result<Fate, Fate> {
    let record = held.record();
    let (mut bytes, mut left) = (private_bytes(store, &record.id), None);
    match artifacts::of_run(record) {
        Ok(Some(dir)) => {
            let removed =
                dir.remove().map_err(|error| kept(format!("its artifacts cannot be removed: {error}")))?;
            bytes += removed.bytes;
            left = removed.left;
        }
        Ok(None) => {}
        // They are named once more, here; the user may know better than the record.
        Err(why) => left = Some(why),
    }
    if !let_go(&secured(store, &record.id)) {
        return Err(kept("its changes are being restored right now"));
    }
    remove_worktree(&place_of_worktree(store, &record.id))
        .map_err(|error| kept(format!("its worktree cannot be removed: {error}")))?;
    remove_dir(&store.dir().landing(record.id.as_str()))
        .map_err(|error| kept(format!("what it left to be landed cannot be removed: {error}")))?;
    held.forget().map_err(|error| kept(error.to_string()))?;
    Ok(Fate::Gone { bytes, left })
}

fn kept(why: impl Into<String>) -> Fate {
    Fate::Kept { why: why.into(), hint: None }
}

fn secured(store: &RecordStore, id: &RunId) -> std::path::PathBuf {
    store.dir().secured().join(id.as_str())
}

/// What the state directory holds for a run.
fn private_bytes(store: &RecordStore, id: &RunId) -> u64 {
    let record = store.dir().path().join("ended").join(format!("{id}.json"));
    let places = [record, secured(store, id), place_of_worktree(store, id), store.dir().landing(id.as_str())];
    let deadline = Instant::now() + COUNTING;
    places.iter().map(|place| disk_use(place, deadline)).map(|DiskUse { bytes, .. }| bytes).sum()
}

fn remove_dir(path: &Path) -> std::io::Result<()> {
    debug_assert!(path.file_name() != Some(OsStr::new("landings")), "one run's, not all of them");
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
