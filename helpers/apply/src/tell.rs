//! What is said, for people and for programs.

use std::fmt::Write as _;

use clodex_core::{RunId, escaped, path_text};
use serde::Serialize;

use crate::journal::Journal;
use crate::planning::InTheWay;

/// What was done, or would be, or is in the way of it.
#[derive(Debug, Serialize)]
pub struct Told<'a> {
    /// Format version.
    pub version: u32,
    /// The run.
    pub run_id: &'a RunId,
    /// `landed`, `would-land`, `already-landed`, `undone`, `would-undo`, `discarded` or `refused`.
    pub did: &'static str,
    /// Paths that changed.
    pub changed: Vec<String>,
    /// Those of them that were merged.
    pub merged: Vec<String>,
    /// Those of them that have not held what landed since: edited, or taken back.
    pub not_as_landed: Vec<String>,
    /// What is in the way.
    pub in_the_way: Vec<InTheWay>,
}

impl<'a> Told<'a> {
    /// Nothing but what was done.
    pub fn only(run_id: &'a RunId, did: &'static str) -> Self {
        Self {
            version: 1,
            run_id,
            did,
            changed: vec![],
            merged: vec![],
            not_as_landed: vec![],
            in_the_way: vec![],
        }
    }

    /// With the paths of a journal.
    pub fn of(run_id: &'a RunId, did: &'static str, journal: &Journal) -> Self {
        let changed = journal.steps.iter().map(|step| path_text(&step.path.0)).collect();
        Self { changed, ..Self::only(run_id, did) }
    }

    /// The text for stdout.
    pub fn text(&self, as_json: bool) -> String {
        if as_json {
            return serde_json::to_string(self).unwrap_or_default() + "\n";
        }
        let mut text = format!("{} {}\n", self.did.replace('-', " "), self.run_id);
        for path in &self.changed {
            let remark = if self.merged.contains(path) {
                "  (merged with yours)"
            } else if self.not_as_landed.contains(path) {
                "  (is not as it landed)"
            } else {
                ""
            };
            let _ = writeln!(text, "  {}{remark}", escaped(path));
        }
        text
    }
}
