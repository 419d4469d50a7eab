//! Who listens: a session, and the Claude Code process that it is in. A run is theirs if one of the two started it.

use clodex_core::RunRecord;
use clodex_os::ClaudeCode;
use clodex_os::clock::Timestamp;
use clodex_os::process::ProcessId;
use clodex_os::record_store::RecordStore;

#[derive(Debug)]
pub struct Listener {
    claude: ClaudeCode,
    process: ProcessId,
}

impl Listener {
    /// None where the process is not known: then nobody could say when to end.
    pub fn new(claude: ClaudeCode) -> Option<Self> {
        Some(Self { process: claude.process?, claude })
    }

    pub fn process(&self) -> ProcessId {
        self.process
    }

    /// Closes those of its runs whose dispatchers were killed: from then on they are among the ended ones.
    pub fn close_dead(&self, store: &RecordStore) {
        let dead = store.dir().live_ids().into_iter().filter(|id| !store.dir().is_held(id));
        for run in dead.filter_map(|id| store.see(&id.try_into().ok()?)) {
            if self.claude.has_started(&run.record) {
                // What cannot be closed now is closed by the next one who can; nothing is lost but time.
                let _ = store.reap(&run.record.id);
            }
        }
    }

    /// What ended since then and has not been told, in the order of the ends.
    pub fn untold(&self, store: &RecordStore, since: Timestamp) -> Vec<RunRecord> {
        store.untold_of(since, |run| self.claude.has_started(run))
    }
}
