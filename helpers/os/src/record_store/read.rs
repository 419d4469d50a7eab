//! Reading records: tolerant of what others put there, never waiting for anybody.

use clodex_core::{Candidate, Liveness, RunId, RunRecord, RunRef, slug};

use super::RecordStore;
use crate::clock::{HostAndBoot, Timestamp};

/// A run as it is found on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRun {
    /// Its record.
    pub record: RunRecord,
    /// Whether it runs.
    pub liveness: Liveness,
}

impl RecordStore {
    /// The runs that have not ended, newest first. What is no record is passed over.
    pub fn live(&self) -> Vec<SeenRun> {
        let mut runs: Vec<SeenRun> = self.dir.live_ids().iter().filter_map(|id| self.see_live(id)).collect();
        runs.sort_by(|one, other| other.record.id.cmp(&one.record.id));
        runs
    }

    /// The `limit` runs that were started last among those that ended, newest first.
    pub fn ended(&self, limit: usize) -> Vec<RunRecord> {
        self.dir
            .ended_ids()
            .iter()
            .filter_map(|id| parse(id, &self.dir.read_ended(id)?))
            .take(limit)
            .collect()
    }

    /// The runs that ended since then. Only their records are opened, however many there are.
    pub fn ended_since(&self, since: Timestamp) -> Vec<RunRecord> {
        self.ended_among(self.dir.ended_ids(), since)
    }

    /// Those among these that ended since then.
    pub(super) fn ended_among(&self, ids: Vec<String>, since: Timestamp) -> Vec<RunRecord> {
        let recent = ids.into_iter().filter(|id| self.dir.ended_at(id).is_some_and(|at| at >= since));
        recent.filter_map(|id| parse(&id, &self.dir.read_ended(&id)?)).collect()
    }

    /// The run that ended last in a project.
    pub fn last(&self, git_common_dir: &str) -> Option<RunRecord> {
        let record: RunRecord = serde_json::from_slice(&self.dir.read_last(git_common_dir)?).ok()?;
        (record.git_common_dir == git_common_dir).then_some(record)
    }

    /// One run by its whole id, wherever its record is.
    pub fn see(&self, id: &RunId) -> Option<SeenRun> {
        // It may end between the two looks, but never comes back: the second look at the ended ones finds it.
        self.see_ended(id.as_str())
            .or_else(|| self.see_live(id.as_str()))
            .or_else(|| self.see_ended(id.as_str()))
    }

    /// Which run a text means. Of the ended ones only those are opened whose id can belong to the name.
    pub fn find(&self, text: &str) -> RunRef {
        let live = self.live().into_iter().map(|run| candidate(run.record, true));
        let in_name = format!("-{}-", slug(text));
        let ended = self.dir.ended_ids().into_iter().filter_map(|id| {
            if id.starts_with(text) || id.contains(&in_name) {
                return self.see_ended(&id).map(|run| candidate(run.record, false));
            }
            None
        });
        RunRef::resolve(text, &live.chain(ended).collect::<Vec<_>>())
    }

    fn see_ended(&self, id: &str) -> Option<SeenRun> {
        let record = parse(id, &self.dir.read_ended(id)?)?;
        Some(SeenRun { record, liveness: Liveness::Ended })
    }

    fn see_live(&self, id: &str) -> Option<SeenRun> {
        let record = parse(id, &self.dir.read_live(id)?)?;
        let liveness = self.liveness(&record)?;
        Some(SeenRun { record, liveness })
    }

    /// None = it ended while it was looked at.
    fn liveness(&self, record: &RunRecord) -> Option<Liveness> {
        let id = record.id.as_str();
        if record.outcome.is_some() {
            return Some(Liveness::Ended);
        }
        if self.dir.is_held(id) {
            return Some(Liveness::Live);
        }
        if record.host != HostAndBoot::host() {
            return Some(Liveness::OtherHost);
        }
        // The dispatcher moves the record before it lets the lock go: a free lock beside a record is a death.
        self.dir.is_among_live(id).then_some(Liveness::Dead)
    }
}

fn candidate(record: RunRecord, live: bool) -> Candidate {
    Candidate { id: record.id, name: record.name, live }
}

/// A record under another run's name is a foreign file.
pub(super) fn parse(id: &str, bytes: &[u8]) -> Option<RunRecord> {
    serde_json::from_slice::<RunRecord>(bytes).ok().filter(|record| record.id.as_str() == id)
}
