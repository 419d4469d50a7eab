//! `policy.json`: what was allowed, what was found, and by which means.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Access, Containment, Enforcement, Mode, Network, Verdict, Violation};

/// The verdict of a run with all that it rests on, as written to `policy.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Format version; 1.
    pub version: u32,
    /// Id of the run.
    pub run_id: String,
    /// What Codex was in this run.
    pub mode: Mode,
    /// What was found.
    pub verdict: Verdict,
    /// How the processes were held; absent when nothing was started.
    pub containment: Option<Containment>,
    /// Whether the verdict is a violation.
    pub policy_violation: bool,
    /// Whether the verdict is clean.
    pub scope_ok: bool,
    /// Exit code of the dispatcher.
    pub exit_code: i32,
    /// Whether the watchdog ended the run.
    pub watchdog_killed: bool,
    /// What held writes back while Codex ran.
    pub enforcement: Enforcement,
    /// The permission profile that held; absent when none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// The scope entries as understood: repo-relative, directories with a trailing slash.
    pub write_scope: Vec<String>,
    /// Changes outside the scope.
    pub violations: Vec<Violation>,
    /// Changed by-product directories and files: noted, allowed.
    pub by_products: Vec<String>,
    /// Changes outside the scope that this run could not have made.
    pub foreign: Vec<String>,
    /// Changes inside the scope.
    pub in_scope: Vec<String>,
    /// What lay at these when the run had ended: a word that only the same content has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<String, String>,
    /// New commits on the current branch, where the worker may commit: `<short id> <first line>`, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<String>,
    /// Paths in scope that were dirty before the run.
    pub dirty_overlap: Vec<String>,
    /// Writes that the sandbox refused, as far as they were told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied: Vec<Denied>,
    /// Processes of the run that were alive after Codex ended, and were ended.
    pub stragglers_killed: u32,
    /// Remarks that change nothing.
    pub notes: Vec<String>,
    /// What could not be had as promised, and why.
    pub degraded: Vec<String>,
}

/// What a permission profile let the worker do; everything else could be read and not written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Profile {
    /// Absolute paths, or globs that were denied, with their access; the most specific one wins.
    pub paths: BTreeMap<String, Access>,
    /// What of the network could be reached.
    pub network: Network,
}

/// A write that the sandbox refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Denied {
    /// As the repository calls it, or as it was told; absent when it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The command that wanted it, or `patch`.
    pub by: String,
}
