//! Fills a state directory with runs: live ones that hold their locks, and ended ones.

use std::io;
use std::path::Path;

use clodex_core::{Outcome, RunId, RunRecord, Verdict};
use clodex_os::clock::{HostAndBoot, Timestamp};
use clodex_os::record_store::{LiveRun, RecordStore, StateDir};

/// A record as it is on disk.
const SAMPLE: &str = include_str!("../../helpers/os/src/record_store/record-v1.json");

/// Makes the state directory `state` for the project `repo`. The live runs live as long as what is returned.
pub fn fill(state: &Path, repo: &Path, live: usize, ended: usize) -> io::Result<Vec<LiveRun>> {
    let store = RecordStore::open(StateDir::at(state)).map_err(io::Error::other)?;
    for number in 0..ended {
        let mut record = record(repo, &format!("ended-{number}"))?;
        let run = begin(&store, &record)?;
        record.ended = Some(record.updated.clone());
        record.outcome = Some(Outcome::Done);
        record.verdict = Some(Verdict::Clean);
        run.end(&record).map_err(io::Error::other)?;
    }
    (0..live).map(|number| begin(&store, &record(repo, &format!("live-{number}"))?)).collect()
}

fn begin(store: &RecordStore, record: &RunRecord) -> io::Result<LiveRun> {
    let begun = store.begin(record).map_err(io::Error::other)?;
    begun.ok_or_else(|| io::Error::other(format!("the run id {} is taken", record.id)))
}

fn record(repo: &Path, name: &str) -> io::Result<RunRecord> {
    let mut record: RunRecord = serde_json::from_str(SAMPLE)?;
    let now = Timestamp::now();
    record.id = RunId::new(&now.compact(), record.mode, name, "aaaa");
    name.clone_into(&mut record.name);
    record.host = HostAndBoot::here().host;
    record.workdir = repo.display().to_string();
    record.git_common_dir = repo.join(".git").display().to_string();
    record.session_id = None;
    record.started = now.rfc3339();
    record.updated = now.rfc3339();
    record.deadline = None;
    Ok(record)
}
