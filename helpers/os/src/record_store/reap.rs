//! Closing a dead run: win its lock, end what is left of it, write how it ended: into its record, and beside its
//! artifacts for whoever reads those. What has ended stays as it is.

use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, io};

use clodex_core::{LiveFate, Liveness, Outcome, Phase, ProcessMark, RunId, RunRecord, RunResult};

use super::{Inbox, LiveRun, RecordStore, SeenRun, StateDir, StateError};
use crate::clock::{HostAndBoot, Timestamp};
use crate::process::{ProcessHandle, ProcessId, Survivor, command_line, kill_marked};
use crate::{NoFollowDir, RunLock};

/// SIGKILL needs no grace; this is for the kernel to take a tree down, and for processes stuck in a device.
const KILL_PATIENCE: Duration = Duration::from_secs(5);

/// What a run leaves beside its other artifacts, whatever became of it.
const RESULT: &str = "result.json";

/// What became of the attempt to close a run.
#[derive(Debug)]
pub enum Reaped {
    /// It is closed now: failed, because its dispatcher died.
    Closed {
        /// As it was closed.
        record: Box<RunRecord>,
        /// What could not be killed.
        survivors: Vec<Survivor>,
    },
    /// Somebody holds its lock: it lives, or another one closes it right now.
    Held,
    /// It had ended before.
    AlreadyEnded(Box<RunRecord>),
    /// It belongs to another machine, which alone may close it.
    OtherHost(Box<RunRecord>),
    /// There is no such run.
    Unknown,
}

impl RecordStore {
    /// Closes every dead run of this machine, and removes what killed writers left. Stops at the first run that
    /// cannot be written.
    pub fn reap_all(&self) -> Result<Vec<Reaped>, StateError> {
        let dead = self.live().into_iter().filter(|run| run.liveness != Liveness::Live);
        let reaped: Result<Vec<Reaped>, StateError> = dead.map(|run| self.reap(&run.record.id)).collect();
        self.sweep_rests();
        reaped
    }

    /// Closes a dead run, and removes what killed writers left.
    pub fn reap(&self, id: &RunId) -> Result<Reaped, StateError> {
        let Some(SeenRun { record, liveness }) = self.see(id) else { return Ok(Reaped::Unknown) };
        let is_in_place = self.dir.is_among_live(id.as_str());
        match liveness {
            Liveness::OtherHost => return Ok(Reaped::OtherHost(Box::new(record))),
            Liveness::Ended if !is_in_place => return Ok(Reaped::AlreadyEnded(Box::new(record))),
            Liveness::Live => return Ok(Reaped::Held),
            // Ended but still in place: it was killed between its last write and the move, which is done now.
            Liveness::Dead | Liveness::Ended => {}
        }
        let won = RunLock::acquire(&self.dir.lock(id.as_str()))
            .map_err(|source| StateError::new(&self.dir, source))?;
        let Some(lock) = won else { return Ok(Reaped::Held) };
        let run = LiveRun::resume(self.dir.clone(), id.as_str().to_owned(), lock);
        let reaped = self.close(run, id);
        self.sweep_rests();
        reaped
    }

    fn close(&self, run: LiveRun, id: &RunId) -> Result<Reaped, StateError> {
        // Read again: another one may have closed it before the lock was ours.
        let in_place =
            self.dir.read_live(id.as_str()).and_then(|bytes| super::read::parse(id.as_str(), &bytes));
        let Some(mut record) = in_place else {
            let _ = fs::remove_file(self.dir.lock(id.as_str()));
            return Ok(self
                .see(id)
                .map_or(Reaped::Unknown, |seen| Reaped::AlreadyEnded(Box::new(seen.record))));
        };
        if record.outcome.is_some() {
            remove_scratch(&self.dir, &mut record);
            self.remove_mount_points(&record);
            run.end(&record)?;
            return Ok(Reaped::AlreadyEnded(Box::new(record)));
        }
        let survivors = kill_what_is_left(&record);
        let now = Timestamp::now().rfc3339();
        record.outcome = Some(Outcome::Failed);
        let inbox = Inbox::at(self.dir.inbox(id.as_str()));
        let unheard = inbox.abandon("its dispatcher died", LiveFate::Ended).text();
        record.summary =
            Some([Some(summary(&survivors)), unheard].into_iter().flatten().collect::<Vec<_>>().join("; "));
        record.updated.clone_from(&now);
        record.ended = Some(now);
        record.open_requests.clear();
        leave_result(&mut record);
        remove_scratch(&self.dir, &mut record);
        self.remove_mount_points(&record);
        run.end(&record)?;
        Ok(Reaped::Closed { record: Box::new(record), survivors })
    }

    /// Removes what an interrupted sandbox left empty, unless a living run works in the same tree: its own are there.
    fn remove_mount_points(&self, record: &RunRecord) {
        let is_beside = |run: &SeenRun| run.liveness == Liveness::Live && run.record.id != record.id;
        if self.live().iter().any(|run| is_beside(run) && run.record.tree_root == record.tree_root) {
            return;
        }
        let began = Timestamp::parse(&record.started);
        let mut others = began.map(|began| self.ended_since(began)).unwrap_or_default();
        others.retain(|other| other.tree_root == record.tree_root);
        // Who ended beside it has left its own, too.
        for path in record.mount_points.iter().chain(others.iter().flat_map(|other| &other.mount_points)) {
            // Fails on anything but an empty directory, which is what is wanted.
            let _ = fs::remove_dir(path);
        }
    }

    /// Removes locks without a record and half-written files whose writer died. Whoever holds such a lock is
    /// about to write its record: it is left alone.
    pub(super) fn sweep_rests(&self) {
        let Ok(entries) = fs::read_dir(self.dir.live()) else { return };
        for name in entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
            if let Some(id) = name.strip_suffix(".inbox").filter(|id| !self.dir.is_among_live(id)) {
                // Fails where somebody has still to read what became of a message.
                let _ = fs::remove_dir(self.dir.inbox(id));
                continue;
            }
            let Some(id) = owner_of_rest(&name) else { continue };
            let lock = self.dir.lock(id);
            // Taken while it is removed, so that nobody else believes to hold it.
            let Ok(Some(_held)) = RunLock::acquire(&lock) else { continue };
            if name.starts_with('.') {
                let _ = fs::remove_file(self.dir.live().join(&name));
            }
            if !self.dir.is_among_live(id) {
                let _ = fs::remove_file(&lock);
            }
        }
    }
}

fn summary(survivors: &[Survivor]) -> String {
    let named: Vec<String> =
        survivors.iter().map(|survivor| format!("{} (pid {})", survivor.command, survivor.id.pid)).collect();
    if named.is_empty() {
        return "the dispatcher died".to_owned();
    }
    format!("the dispatcher died; still alive: {}", named.join(", "))
}

/// Says how it ended in `result.json`, too, unless its dispatcher came to do that, and the exit code in its record.
fn leave_result(record: &mut RunRecord) {
    let result = RunResult::unjudged(record, vec![]);
    record.exit_code = Some(result.exit_code);
    match write_result(record, result) {
        // The tree has gone, and there is nobody to be told.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            let summary = record.summary.get_or_insert_default();
            summary.push_str("; cannot write result.json: ");
            summary.push_str(&error.to_string());
        }
        Ok(()) => {}
    }
}

fn write_result(record: &RunRecord, result: RunResult) -> io::Result<()> {
    let path = Path::new(&record.artifact_dir);
    let (Some(runs), Some(own)) = (path.parent(), path.file_name()) else { return Ok(()) };
    // A dispatcher that died early has not made it.
    NoFollowDir::open(runs)?.make_dir(own)?;
    let dir = NoFollowDir::open(path)?;
    if record.progress.phase != Phase::Finishing {
        // The dispatcher had written none: what is there is the worker's.
        match dir.remove(OsStr::new(RESULT)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    let mut artifacts: Vec<String> =
        dir.names()?.into_iter().filter_map(|name| name.into_string().ok()).collect();
    artifacts.retain(|name| !name.starts_with('.') && name != RESULT);
    artifacts.push(RESULT.to_owned());
    artifacts.sort_unstable();
    let mut text = serde_json::to_vec_pretty(&RunResult { artifacts, ..result })?;
    text.push(b'\n');
    match dir.add(RESULT, &text) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        added => added,
    }
}

/// `ID.lock` and `.ID.json.….tmp`.
fn owner_of_rest(name: &str) -> Option<&str> {
    let temporary = name.strip_prefix('.').filter(|rest| rest.contains(".json."));
    temporary.and_then(|rest| rest.split('.').next()).or_else(|| name.strip_suffix(".lock"))
}

/// Kills what the record names and what carries the run's mark. Pids of an earlier boot mean nothing.
fn kill_what_is_left(record: &RunRecord) -> Vec<Survivor> {
    if record.boot_id != HostAndBoot::here().boot {
        return Vec::new();
    }
    let deadline = Instant::now() + KILL_PATIENCE;
    // The outermost first: with a namespace its end is the end of all.
    let named = [record.container, record.init, record.codex];
    let mut survivors: Vec<Survivor> =
        named.into_iter().flatten().filter_map(|mark| kill_one(mark, deadline).err()).collect();
    for survivor in kill_marked(record.id.as_str(), deadline) {
        if !survivors.iter().any(|known| known.id == survivor.id) {
            survivors.push(survivor);
        }
    }
    survivors
}

fn kill_one(mark: ProcessMark, deadline: Instant) -> Result<(), Survivor> {
    let Some(id) = ProcessId::from_mark(mark) else { return Ok(()) };
    let killed = ProcessHandle::open(id).and_then(|handle| match handle {
        Some(handle) => handle.kill().and_then(|_| handle.wait(deadline)),
        None => Ok(true),
    });
    match killed {
        Ok(false) | Err(_) if id.is_alive() => Err(Survivor { id, command: command_line(id.pid) }),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Removes the run's private temporary directory: only a real directory right inside ours for that.
pub(super) fn remove_scratch(dir: &StateDir, record: &mut RunRecord) {
    let Some(scratch) = record.scratch_dir.as_deref().map(Path::new) else { return };
    let is_in_place = scratch.parent() == Some(&dir.scratch()) && scratch.file_name().is_some();
    let is_directory = fs::symlink_metadata(scratch).is_ok_and(|found| found.is_dir());
    if is_in_place && (!is_directory || fs::remove_dir_all(scratch).is_ok()) {
        // Otherwise it stays named in the record, for people.
        record.scratch_dir = None;
    }
}
