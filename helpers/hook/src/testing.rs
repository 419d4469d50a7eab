//! Records and events for unit tests.

use clodex_core::{RunId, RunRecord};
use clodex_os::clock::Timestamp;
use clodex_os::record_store::{LiveRun, RecordStore, StateDir};

use crate::{HookContext, Received};

/// A whole record of a live run; the id ends in these four characters.
pub fn record(random: &str) -> RunRecord {
    let mut record: RunRecord =
        serde_json::from_str(include_str!("../../os/src/record_store/record-v1.json")).unwrap();
    record.id = RunId::try_from(format!("20260121T010203Z-worker-slug-{random}")).unwrap();
    record.open_requests.clear();
    record
}

/// A state directory in a temporary one, on this host.
pub struct Place {
    _folder: tempfile::TempDir,
    pub store: RecordStore,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = RecordStore::open(StateDir::at(folder.path().join("state"))).unwrap();
        Self { _folder: folder, store }
    }

    /// A run of the session `s` on this machine.
    pub fn record(random: &str) -> RunRecord {
        let here = clodex_os::clock::HostAndBoot::here();
        RunRecord { host: here.host, boot_id: here.boot, session_id: Some("s".to_owned()), ..record(random) }
    }

    pub fn begin(&self, record: &RunRecord) -> LiveRun {
        self.store.begin(record).unwrap().expect("the id is free")
    }

    pub fn around(&self) -> HookContext {
        HookContext {
            state: Some(self.store.dir().clone()),
            plugin_root: None,
            plugin_data: None,
            project_dir: None,
            claude_pid: None,
            now: Timestamp::now(),
        }
    }

    /// What is answered to an event of the session `s`.
    pub fn answer(&self, event: &str, more: &str) -> crate::Answer {
        let input = format!(r#"{{"session_id":"s","cwd":"/","hook_event_name":"{event}"{more}}}"#);
        crate::answer(&Received::read(input.as_bytes()).unwrap(), &self.around())
    }
}
