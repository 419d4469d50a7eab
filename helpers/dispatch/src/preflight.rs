//! Result of the preflight thread: the baseline, and the reasons not to start (uncommitted changes in scope, quota).

use std::time::Duration;

use clodex_scope::{Baseline, ScopeError};

use crate::artifacts::Artifacts;

/// Baseline, changes in scope and quota, gathered before the prompt is sent.
pub struct Preflight {
    /// The state before the run.
    pub baseline: Result<Baseline, ScopeError>,
    /// What of the user's own uncommitted work lies in scope.
    pub dirty_overlap: Vec<String>,
    /// Why the account's limits refuse the run.
    pub over_quota: Option<String>,
    /// What has to be said of them.
    pub remark: Option<String>,
    /// How long all of it took.
    pub took: Duration,
}

impl Preflight {
    /// What counts of it after a run. Where the user let something out of the sandbox, a change anywhere may be the
    /// run's own.
    #[must_use]
    pub fn after(self, let_out: bool) -> Self {
        if let_out { Self { baseline: self.baseline.map(Baseline::of_anything), ..self } } else { self }
    }

    /// Writes what was before.
    pub fn write(&self, artifacts: &mut Artifacts, degraded: &mut Vec<String>) {
        let Ok(baseline) = &self.baseline else { return };
        for (name, text) in
            [("pre-status.txt", baseline.status_text()), ("pre-diff-stat.txt", baseline.diff_stat_text())]
        {
            if let Err(error) = artifacts.write(name, text) {
                degraded.push(error.to_string());
            }
        }
    }
}
