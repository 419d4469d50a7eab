//! Letting go of flows in which nothing has happened for long. Their runs are let go of by themselves. What waits for an
//! answer waits for as long as it takes, and its runs with it: a step may go on in the thread of an earlier one.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use clodex_os::record_store::RecordStore;
use clodex_os::{DiskUse, RunLock, disk_use, read_regular};
use serde_json::Value;

use crate::prune::Act;

/// No journal is longer.
const JOURNAL_BYTES: u64 = 64 << 20;
/// How long may be counted what one flow takes.
const COUNTING: Duration = Duration::from_secs(1);

/// One flow that is old enough.
#[derive(Debug, PartialEq, Eq)]
pub struct PrunedFlow {
    /// Its id.
    pub id: String,
    /// Bytes on disk that this frees.
    pub bytes: u64,
}

/// The flows whose journals were last written before that, the oldest first: they go, or would go.
pub fn forget_flows(store: &RecordStore, since: SystemTime, act: Act) -> Vec<PrunedFlow> {
    let Ok(entries) = fs::read_dir(store.dir().flows()) else { return Vec::new() };
    let mut gone: Vec<PrunedFlow> =
        entries.filter_map(|entry| forget(&entry.ok()?.path(), since, act)).collect();
    // An id begins with the time.
    gone.sort_by(|one, other| one.id.cmp(&other.id));
    gone
}

/// Why the runs of a flow stay as long as it does; none where it has ended, or was killed.
pub fn needs_its_runs(store: &RecordStore, id: &str) -> Option<&'static str> {
    let flow = store.dir().flows().join(id);
    if RunLock::is_held(&flow.join("lock")).unwrap_or(true) {
        Some("its flow is under way")
    } else if waits(&flow.join("journal.jsonl")) {
        Some("its flow waits for an answer")
    } else {
        None
    }
}

/// None = it stays: it is too young, somebody carries it out or waits for it, or it cannot be removed.
fn forget(flow: &Path, since: SystemTime, act: Act) -> Option<PrunedFlow> {
    // A flow that never began has no journal.
    let written = fs::symlink_metadata(flow.join("journal.jsonl")).or_else(|_| fs::symlink_metadata(flow));
    if written.and_then(|found| found.modified()).ok()? >= since {
        return None;
    }
    if waits(&flow.join("journal.jsonl")) {
        return None;
    }
    let lock = flow.join("lock");
    let _still = match act {
        Act::Look if RunLock::is_held(&lock).ok()? => return None,
        Act::Look => None,
        Act::Remove => Some(RunLock::acquire(&lock).ok()??),
    };
    let DiskUse { bytes, .. } = disk_use(flow, Instant::now() + COUNTING);
    if act == Act::Remove {
        fs::remove_dir_all(flow).ok()?;
    }
    Some(PrunedFlow { id: flow.file_name()?.to_str()?.to_owned(), bytes })
}

/// Whether the last thing that happened in a flow is that it asked.
fn waits(journal: &Path) -> bool {
    let Ok(bytes) = read_regular(journal, JOURNAL_BYTES) else { return false };
    let last = bytes.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty());
    let last: Option<Value> = last.and_then(|line| serde_json::from_slice(line).ok());
    last.is_some_and(|last| last["entry"] == "finished" && last["end"] == "waiting")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use clodex_os::record_store::StateDir;

    use super::*;

    #[test]
    fn only_what_is_old_and_carried_out_by_nobody_goes() {
        let folder = tempfile::tempdir().unwrap();
        let store = RecordStore::look_at(StateDir::at(folder.path()));
        assert_eq!(forget_flows(&store, SystemTime::now(), Act::Remove), []);
        let since = SystemTime::now() - Duration::from_hours(1);
        let done = r#"{"at":"x","entry":"finished","end":"done","exit_code":0}"#;
        let asks = r#"{"at":"x","entry":"finished","end":"waiting","exit_code":8}"#;
        for (name, hours, last) in
            [("old", 2, done), ("young", 0, done), ("held", 2, done), ("asks", 2, asks)]
        {
            let flow = store.dir().flows().join(name);
            fs::create_dir_all(&flow).unwrap();
            let mut journal = fs::File::create(flow.join("journal.jsonl")).unwrap();
            writeln!(journal, "{asks}\n{last}").unwrap();
            journal.set_modified(SystemTime::now() - Duration::from_hours(hours)).unwrap();
        }
        let _held = RunLock::acquire(&store.dir().flows().join("held/lock")).unwrap().unwrap();
        let told = |act| -> Vec<String> {
            forget_flows(&store, since, act).into_iter().map(|flow| flow.id).collect()
        };
        assert_eq!(told(Act::Look), ["old"]);
        assert!(store.dir().flows().join("old").exists());
        let why = ["old", "held", "asks", "gone"].map(|id| needs_its_runs(&store, id));
        assert_eq!(why, [None, Some("its flow is under way"), Some("its flow waits for an answer"), None]);
        assert_eq!(told(Act::Remove), ["old"]);
        let left = |name: &str| store.dir().flows().join(name).exists();
        assert_eq!(["old", "young", "held", "asks"].map(left), [false, true, true, true]);
    }
}
