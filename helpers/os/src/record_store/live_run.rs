//! The one who may write a run's record: the lock is taken before the record is visible and let go after the
//! record was moved away.

use std::fs;

use clodex_core::{LiveFate, RunRecord};

use super::{Inbox, RecordStore, StateDir, StateError};
use crate::RunLock;
use crate::atomic_file::{self, Durability};
use crate::error::{Error, Result, Tried as _};

/// A run whose record is ours to write. Dropping it without [`end`](Self::end) leaves a dead run behind, exactly
/// as being killed does.
#[derive(Debug)]
pub struct LiveRun {
    dir: StateDir,
    id: String,
    /// Declared last: what else there is to drop is dropped while the lock is held.
    _lock: RunLock,
}

impl RecordStore {
    /// Takes a run's id, lock first, and writes its first record. None = the id is taken: choose another one.
    pub fn begin(&self, record: &RunRecord) -> std::result::Result<Option<LiveRun>, StateError> {
        self.try_begin(record).map_err(|source| StateError::new(&self.dir, source))
    }

    fn try_begin(&self, record: &RunRecord) -> Result<Option<LiveRun>> {
        let id = record.id.as_str().to_owned();
        let Some(lock) = RunLock::acquire(&self.dir.lock(&id))? else { return Ok(None) };
        if self.dir.live_record(&id).exists() {
            return Ok(None);
        }
        let run = LiveRun { dir: self.dir.clone(), id, _lock: lock };
        let begun = if self.dir.ended_record(&run.id).exists() {
            Ok(false)
        } else {
            run.replace(record, Durability::Cached).map(|()| true)
        };
        if !matches!(begun, Ok(true)) {
            let _ = fs::remove_file(self.dir.lock(&run.id));
        }
        Ok(begun?.then_some(run))
    }
}

impl LiveRun {
    pub(super) fn resume(dir: StateDir, id: String, lock: RunLock) -> Self {
        Self { dir, id, _lock: lock }
    }

    /// Replaces the record. Readers see the old one or the new one, whole.
    pub fn write(&self, record: &RunRecord) -> std::result::Result<(), StateError> {
        self.replace(record, Durability::Cached).map_err(|source| StateError::new(&self.dir, source))
    }

    /// Writes the last record to the disk, moves it to the ended ones, and lets go. On an error the record stays
    /// among the live ones, and the run counts as dead once `self` is gone; what was written last is kept.
    pub fn end(self, record: &RunRecord) -> std::result::Result<(), StateError> {
        self.try_end(record).map_err(|source| StateError::new(&self.dir, source))
    }

    fn try_end(&self, record: &RunRecord) -> Result<()> {
        let content = encode(record)?;
        let (live, ended) = (self.dir.live_record(&self.id), self.dir.ended_record(&self.id));
        if let Err(error) = atomic_file::replace(&live, &content, Durability::Synced) {
            // How a run ended is worth more than that no reader ever sees half of it.
            atomic_file::overwrite(&live, &content).map_err(|_| error)?;
        }
        // Shown for a minute only: not having it is no reason to leave the run unfinished.
        let _ = atomic_file::replace(&self.dir.last(&record.git_common_dir), &content, Durability::Cached);
        self.dir.note_what_the_caller_sees(record);
        fs::rename(&live, &ended).tried(format!("move {} to {}", live.display(), ended.display()))?;
        // Its dispatcher has settled what it knew of; this came too late for it.
        Inbox::at(self.dir.inbox(&self.id)).abandon("the run was over", LiveFate::Ended);
        // A lock without a record beside it means nothing; it is in nobody's way.
        let _ = fs::remove_file(self.dir.lock(&self.id));
        Ok(())
    }

    fn replace(&self, record: &RunRecord, durability: Durability) -> Result<()> {
        atomic_file::replace(&self.dir.live_record(&self.id), &encode(record)?, durability)
    }
}

fn encode(record: &RunRecord) -> Result<Vec<u8>> {
    let encoded = serde_json::to_vec(record).map_err(std::io::Error::from);
    encoded.map_err(|source| Error::System { tried: format!("encode the record of {}", record.id), source })
}
