//! Letting go of a run that has ended: whoever does it holds the run's lock, and its record goes last.

use std::fs;
use std::io;

use clodex_core::{RunId, RunRecord};

use super::reap::remove_scratch;
use super::{RecordStore, StateDir, StateError};
use crate::RunLock;
use crate::clock::HostAndBoot;
use crate::error::Tried as _;

/// An ended run of this machine that nobody else may let go of now. Dropping it leaves the run as it is.
#[derive(Debug)]
pub struct EndedRun {
    dir: StateDir,
    record: RunRecord,
    _lock: RunLock,
}

impl RecordStore {
    /// An ended run, held. None = it has not ended, is gone, belongs to another machine, or somebody else holds it.
    pub fn hold_ended(&self, id: &RunId) -> Result<Option<EndedRun>, StateError> {
        let id = id.as_str();
        if self.dir.is_among_live(id) {
            return Ok(None);
        }
        let won =
            RunLock::acquire(&self.dir.lock(id)).map_err(|source| StateError::new(&self.dir, source))?;
        let Some(lock) = won else { return Ok(None) };
        // Read under the lock: another one may have let go of it before.
        let record = self.dir.read_ended(id).and_then(|bytes| super::read::parse(id, &bytes));
        if let Some(record) = record.filter(|record| record.host == HostAndBoot::host()) {
            return Ok(Some(EndedRun { dir: self.dir.clone(), record, _lock: lock }));
        }
        // A lock without a record beside it means nothing; it is in nobody's way.
        let _ = fs::remove_file(self.dir.lock(id));
        Ok(None)
    }

    /// Removes copies of records that ended last, and locks of starts, that nobody has touched since then, and what a
    /// killed writer left; gives how many bytes the copies were.
    pub fn delete_leftovers(&self, since: std::time::SystemTime) -> u64 {
        self.sweep_rests();
        let last = old_files(&self.dir.path().join("last"), since).into_iter();
        let copies = last.filter_map(|(path, bytes)| fs::remove_file(path).ok().map(|()| bytes)).sum();
        for (path, _) in old_files(&self.dir.path().join("starts"), since) {
            // Taken while it is removed: nobody begins a run under a lock that is gone.
            if let Ok(Some(_held)) = RunLock::acquire(&path) {
                let _ = fs::remove_file(&path);
            }
        }
        copies
    }
}

impl EndedRun {
    /// Its record.
    pub fn record(&self) -> &RunRecord {
        &self.record
    }

    /// Removes its private temporary directory, where there is a rest of one, and its record. What else there is of it
    /// has to be gone by now: nothing names it any more.
    pub fn forget(mut self) -> Result<(), StateError> {
        let id = self.record.id.as_str().to_owned();
        remove_scratch(&self.dir, &mut self.record);
        let path = self.dir.ended_record(&id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let told = Err(error).tried(format!("remove {}", path.display()));
                told.map_err(|source| StateError::new(&self.dir, source))
            }
            Ok(()) | Err(_) => {
                let _ = fs::remove_file(self.dir.cancel_lock(&id));
                let _ = fs::remove_dir_all(self.dir.inbox(&id));
                Ok(())
            }
        }
    }
}

impl Drop for EndedRun {
    fn drop(&mut self) {
        // While it is held still.
        let _ = fs::remove_file(self.dir.lock(self.record.id.as_str()));
    }
}

fn old_files(dir: &std::path::Path, since: std::time::SystemTime) -> Vec<(std::path::PathBuf, u64)> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let old = |entry: fs::DirEntry| {
        let found = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        (found.modified().ok()? < since).then(|| (entry.path(), found.len()))
    };
    entries.flatten().filter_map(old).collect()
}
