//! The files of patches that have begun: who asks about one names its item only. Items of two threads may have one name.

use std::borrow::Cow;
use std::collections::BTreeMap;

use clodex_core::FileChange;

use super::asked::Asked;

/// Patches of a thread and of its sub-agents.
#[derive(Debug, Default)]
pub struct Patches(BTreeMap<(String, String), Vec<FileChange<'static>>>);

impl Patches {
    /// One begins.
    pub fn begin(&mut self, thread: &str, item: &str, changes: &[FileChange<'_>]) {
        let own = |change: &FileChange<'_>| FileChange {
            path: Cow::Owned(change.path.to_string()),
            kind: change.kind,
        };
        self.0.insert((thread.to_owned(), item.to_owned()), changes.iter().map(own).collect());
    }

    /// The files of the patch that is asked about; none where they were not told.
    pub fn asked_about(&self, asked: &Asked<'_>) -> &[FileChange<'static>] {
        let patch = (asked.thread_id.to_string(), asked.item.to_string());
        self.0.get(&patch).map_or(&[][..], Vec::as_slice)
    }

    /// A turn of this thread is over, and so are its patches.
    pub fn forget(&mut self, thread: &str) {
        self.0.retain(|(of, _), _| of != thread);
    }
}
