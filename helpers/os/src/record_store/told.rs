//! Which session has been told of the end of which run: an empty file for both, made where none was, so that of
//! several who want to tell exactly one does, and never again after a crash. Who tells, and how, is not known here.
//!
//! A file is made *before* the telling: a message that is lost with a session that dies at that instant is better
//! than one that comes twice.

use std::fs;
use std::io;
use std::path::PathBuf;

use clodex_core::{RunId, RunRecord};

use super::state_dir::fnv1a;
use super::{RecordStore, StateDir, StateError};
use crate::atomic_file;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::process::ProcessId;

impl RecordStore {
    /// The runs of a session that ended since then and that it has not been told of, in the order of their ends.
    pub fn untold(&self, session: &str, since: Timestamp) -> Vec<RunRecord> {
        self.untold_of(since, |run| run.session_id.as_deref() == Some(session))
    }

    /// The same for whatever runs are the listener's.
    pub fn untold_of(&self, since: Timestamp, is_mine: impl Fn(&RunRecord) -> bool) -> Vec<RunRecord> {
        self.untold_among(self.dir().ended_ids(), since, is_mine)
    }

    /// The same among these, for who has looked at the others before.
    pub fn untold_among(
        &self,
        ids: Vec<String>,
        since: Timestamp,
        is_mine: impl Fn(&RunRecord) -> bool,
    ) -> Vec<RunRecord> {
        let is_untold = |run: &RunRecord| {
            run.session_id.as_deref().is_some_and(|session| !self.was_told(session, &run.id))
        };
        let mut runs = self.ended_among(ids, since);
        runs.retain(|run| is_mine(run) && is_untold(run));
        runs.sort_by(|one, other| (&one.ended, &one.id).cmp(&(&other.ended, &other.id)));
        runs
    }

    /// Whether somebody has taken it on to tell the session of the run's end.
    pub fn was_told(&self, session: &str, run: &RunId) -> bool {
        fs::symlink_metadata(self.dir().telling(session, run)).is_ok()
    }

    /// Takes it on to tell a session of a run's end: true for one caller, once and for all. Whoever gets it tells.
    pub fn take_telling(&self, session: &str, run: &RunId) -> std::result::Result<bool, StateError> {
        self.dir().take_telling(session, run).map_err(|source| StateError::new(self.dir(), source))
    }

    /// Forgets who was told of runs that have no record any more; says how many entries went.
    pub fn forget_tellings(&self) -> usize {
        let Ok(entries) = fs::read_dir(self.dir().told()) else { return 0 };
        let is_forgotten = |entry: &fs::DirEntry| {
            let name = entry.file_name();
            let run = name.to_str().and_then(|name| name.split_once('.'));
            let run = run.and_then(|(run, _session)| RunId::try_from(run.to_owned()).ok());
            !run.is_some_and(|run| self.dir().has_record(run.as_str()))
        };
        let forgotten = entries.flatten().filter(is_forgotten);
        forgotten.filter(|entry| fs::remove_file(entry.path()).is_ok()).count()
    }
}

impl StateDir {
    /// An attached run's caller sees its end for itself, if there is a caller still.
    pub(super) fn note_what_the_caller_sees(&self, record: &RunRecord) {
        let caller_lives = || record.claude.and_then(ProcessId::from_mark).is_some_and(ProcessId::is_alive);
        if let Some(session) = record.session_id.as_deref().filter(|_| !record.detached && caller_lives()) {
            // Being told twice is no reason to leave the run unfinished.
            let _ = self.take_telling(session, &record.id);
        }
    }

    fn take_telling(&self, session: &str, run: &RunId) -> Result<bool> {
        atomic_file::private_dir(&self.told())?;
        match atomic_file::create_new(&self.telling(session, run)) {
            Ok(_) => Ok(true),
            Err(error) if error.io().is_some_and(|io| io.kind() == io::ErrorKind::AlreadyExists) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn told(&self) -> PathBuf {
        self.path().join("told")
    }

    /// A session's id is somebody else's text: its hash makes a file name of any.
    fn telling(&self, session: &str, run: &RunId) -> PathBuf {
        self.told().join(format!("{run}.{:016x}", fnv1a(session.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use clodex_core::{Outcome, Verdict};

    use super::*;

    fn store() -> (tempfile::TempDir, RecordStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = RecordStore::open(StateDir::at(folder.path().join("state"))).unwrap();
        (folder, store)
    }

    fn record(random: &str, session: &str) -> RunRecord {
        let mut record: RunRecord = serde_json::from_str(include_str!("record-v1.json")).unwrap();
        record.id = RunId::try_from(format!("20260121T010203Z-worker-slug-{random}")).unwrap();
        record.session_id = Some(session.to_owned());
        record
    }

    fn end_a_run(store: &RecordStore, random: &str, session: &str, ended: &str) -> RunId {
        let mut record = record(random, session);
        let run = store.begin(&record).unwrap().expect("the id is free");
        (record.outcome, record.verdict) = (Some(Outcome::Done), Some(Verdict::Clean));
        record.ended = Some(ended.to_owned());
        run.end(&record).unwrap();
        record.id
    }

    #[test]
    fn of_many_who_want_to_tell_one_does() {
        let (_folder, store) = store();
        let run = end_a_run(&store, "aaaa", "s", "2026-01-21T01:10:00.000Z");
        let start = Barrier::new(8);
        let took = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        store.take_telling("s", &run).unwrap()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|took| *took).count()
        });
        assert_eq!(took, 1);
        assert!(store.was_told("s", &run));
        assert!(store.take_telling("../another session", &run).unwrap(), "each session is told");
    }

    #[test]
    fn where_it_cannot_be_written_down_nobody_is_said_to_have_told() {
        let (_folder, store) = store();
        let run = end_a_run(&store, "aaaa", "s", "2026-01-21T01:10:00.000Z");
        fs::write(store.dir().told(), "a file in the way").unwrap();
        assert!(store.take_telling("s", &run).is_err());
        assert!(!store.was_told("s", &run));
    }

    #[test]
    fn what_is_untold_is_this_sessions_in_the_order_of_the_ends() {
        let (_folder, store) = store();
        let since = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let late = end_a_run(&store, "aaaa", "s", "2026-01-21T01:20:00.000Z");
        let early = end_a_run(&store, "bbbb", "s", "2026-01-21T01:10:00.000Z");
        end_a_run(&store, "cccc", "another", "2026-01-21T01:15:00.000Z");
        let untold = || store.untold("s", since).into_iter().map(|run| run.id).collect::<Vec<_>>();
        assert_eq!(untold(), [early.clone(), late.clone()]);
        assert!(store.take_telling("s", &early).unwrap());
        assert_eq!(untold(), [late]);
    }

    #[test]
    fn an_attached_run_counts_as_told_where_its_caller_lives_to_see_the_end() {
        let (_folder, store) = store();
        let own = ProcessId::own();
        let gone = ProcessId { start_ticks: own.start_ticks + 1, ..own };
        for (random, detached, claude, told) in
            [("aaaa", false, own, true), ("bbbb", false, gone, false), ("cccc", true, own, false)]
        {
            let mut record = record(random, "s");
            (record.detached, record.claude) = (detached, Some(claude.into()));
            store.begin(&record).unwrap().expect("the id is free").end(&record).unwrap();
            assert_eq!(store.was_told("s", &record.id), told, "{random}");
        }
    }

    #[test]
    fn what_was_told_of_a_run_goes_with_its_record() {
        let (_folder, store) = store();
        let kept = end_a_run(&store, "aaaa", "s", "2026-01-21T01:10:00.000Z");
        let gone = end_a_run(&store, "bbbb", "s", "2026-01-21T01:10:00.000Z");
        for run in [&kept, &gone] {
            assert!(store.take_telling("s", run).unwrap());
        }
        fs::remove_file(store.dir().ended_record(gone.as_str())).unwrap();
        assert_eq!(store.forget_tellings(), 1);
        assert!(store.was_told("s", &kept) && !store.was_told("s", &gone));
        assert_eq!(store.forget_tellings(), 0);
    }
}
