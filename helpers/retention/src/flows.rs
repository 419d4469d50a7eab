//! Letting go of flows in which nothing has happened for long. Their runs are let go of by themselves. What waits for an
//! answer waits for as long as it takes.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use clodex_os::record_store::RecordStore;
use clodex_os::{DiskUse, RunLock, disk_use, read_regular};
use serde_json::Value;

/// No journal is longer.
const JOURNAL_BYTES: u64 = 64 << 20;
/// How long may be counted what one flow takes.
const COUNTING: Duration = Duration::from_secs(1);

/// Removes the flows whose journals were last written before that; the bytes that this freed.
pub fn forget_flows(store: &RecordStore, since: SystemTime) -> u64 {
    let Ok(entries) = fs::read_dir(store.dir().flows()) else { return 0 };
    entries.filter_map(|entry| forget(&entry.ok()?.path(), since)).sum()
}

/// None = it stays: it is too young, somebody carries it out, or it cannot be removed.
fn forget(flow: &Path, since: SystemTime) -> Option<u64> {
    // A flow that never began has no journal.
    let written = fs::symlink_metadata(flow.join("journal.jsonl")).or_else(|_| fs::symlink_metadata(flow));
    if written.and_then(|found| found.modified()).ok()? >= since {
        return None;
    }
    if waits(&flow.join("journal.jsonl")) {
        return None;
    }
    let _still = RunLock::acquire(&flow.join("lock")).ok()??;
    let DiskUse { bytes, .. } = disk_use(flow, Instant::now() + COUNTING);
    fs::remove_dir_all(flow).ok()?;
    Some(bytes)
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
        assert_eq!(forget_flows(&store, SystemTime::now()), 0);
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
        forget_flows(&store, since);
        let left = |name: &str| store.dir().flows().join(name).exists();
        assert_eq!(["old", "young", "held", "asks"].map(left), [false, true, true, true]);
    }
}
