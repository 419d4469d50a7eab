//! Who listens: a session, and the Claude Code process that it is in. A run is theirs if one of the two started it.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use clodex_core::RunRecord;
use clodex_os::ClaudeCode;
use clodex_os::clock::Timestamp;
use clodex_os::process::ProcessId;
use clodex_os::record_store::RecordStore;

/// Whoever comes back later than that is not told any more: records do not stay for ever, either.
const NEWS_FOR: Duration = Duration::from_hours(30 * 24);

#[derive(Debug)]
pub struct Session {
    claude: ClaudeCode,
    process: ProcessId,
    /// What had ended when it was looked last. Not a moment: somebody may set the clock.
    known: HashSet<String>,
    untold: VecDeque<RunRecord>,
}

impl Session {
    /// None where the process is not known: then nobody could say when to end.
    pub fn new(claude: ClaudeCode) -> Option<Self> {
        let process = claude.process?;
        Some(Self { claude, process, known: HashSet::new(), untold: VecDeque::new() })
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

    /// Takes in what has ended since the last look and has not been told.
    pub fn look(&mut self, store: &RecordStore) {
        let mut ended = store.dir().ended_ids();
        let known = std::mem::replace(&mut self.known, ended.iter().cloned().collect());
        ended.retain(|id| !known.contains(id));
        let since = Timestamp::now().before(NEWS_FOR);
        self.untold.extend(store.untold_among(ended, since, |run| self.claude.has_started(run)));
    }

    /// The run to tell of next, in the order of the ends.
    pub fn next_end(&self) -> Option<&RunRecord> {
        self.untold.front()
    }

    /// Goes on to the one after it; whether it is for us to tell of it.
    pub fn take_telling(&mut self, store: &RecordStore) -> bool {
        let Some(run) = self.untold.pop_front() else { return false };
        let session = run.session_id.as_deref().unwrap_or_default();
        // Told twice is better than not at all, where nobody can write down who tells.
        store.take_telling(session, &run.id).unwrap_or(true)
    }
}
