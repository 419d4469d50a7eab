//! The records of all runs on disk: who may write one, where it lies, whether its run lives.
//!
//! ```text
//! <state dir>/live/<run-id>.json     the record, replaced whole at each change
//! <state dir>/live/<run-id>.inbox/   what is said to the run and what became of it, see [`Inbox`]
//! <state dir>/live/<run-id>.lock     held by the dispatcher for life: the run lives if and only if it is held
//! <state dir>/ended/<run-id>.json    the record, moved here when the run ends, never written again
//! <state dir>/starts/<project>.lock  held for moments by who looks at the live runs and begins one
//! <state dir>/last/<project>.json    a copy of the record that ended last, for each git common directory
//! <state dir>/told/<run-id>.<session>  that session has been told of that run's end
//! ```
//! Knows nothing of what a run does; what it shows of one is up to its reader.

mod ended_run;
mod error;
mod inbox;
mod known_quota;
mod live_run;
mod read;
mod reap;
mod start_lock;
mod state_dir;
#[cfg(test)]
mod tests;
mod told;

pub use ended_run::EndedRun;
pub use error::StateError;
pub use inbox::{Abandoned, Arrived, Inbox, OpenInbox, SentMessage, Withdrawn};
pub use live_run::LiveRun;
pub use read::SeenRun;
pub use reap::Reaped;
pub use start_lock::StartLock;
pub use state_dir::StateDir;

use clodex_core::ProcessMark;

use crate::process::ProcessId;

/// The records of all runs. Looking never creates, locks or waits; only [`begin`](RecordStore::begin),
/// [`reap`](RecordStore::reap) and [`take_telling`](RecordStore::take_telling) write.
#[derive(Debug, Clone)]
pub struct RecordStore {
    dir: StateDir,
}

impl RecordStore {
    /// For readers: nothing is made, an absent directory holds no runs.
    pub fn look_at(dir: StateDir) -> Self {
        Self { dir }
    }

    /// For writers: makes the directories (0700) and refuses those of somebody else.
    pub fn open(dir: StateDir) -> Result<Self, StateError> {
        dir.make().map_err(|source| StateError::new(&dir, source))?;
        Ok(Self { dir })
    }

    /// Where the records are.
    pub fn dir(&self) -> &StateDir {
        &self.dir
    }
}

impl From<ProcessId> for ProcessMark {
    fn from(id: ProcessId) -> Self {
        Self { pid: i32::try_from(id.pid).unwrap_or(i32::MAX), start_ticks: id.start_ticks }
    }
}

impl ProcessId {
    /// The process that a record names; none for a number that no process has.
    pub fn from_mark(mark: ProcessMark) -> Option<Self> {
        let pid = u32::try_from(mark.pid).ok().filter(|pid| *pid > 0)?;
        Some(Self { pid, start_ticks: mark.start_ticks })
    }
}
