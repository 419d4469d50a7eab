//! The digests of a run's artifacts: the shape of `seal.json`. Who takes them, and when, is not known here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `seal.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// Format version; 1.
    pub version: u32,
    /// Id of the run.
    pub run_id: String,
    /// File name → SHA-256, lower-case hex.
    pub sha256: BTreeMap<String, String>,
}
