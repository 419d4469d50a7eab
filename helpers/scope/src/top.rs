//! The work tree's own directory, which is no entry of any directory that is looked at: its mode and owner.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use clodex_core::ViolationKind;
use serde::{Deserialize, Serialize};

use crate::Baseline;
use crate::finding::Finding;

/// What may not change of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Top {
    /// Permission bits.
    mode: u32,
    uid: u32,
    gid: u32,
}

impl Top {
    /// As it is now; `None` where it cannot be looked at, which the walk says.
    pub(crate) fn look(root: &Path) -> Option<Self> {
        let found = fs::symlink_metadata(root).ok()?;
        Some(Self { mode: found.mode() & 0o7777, uid: found.uid(), gid: found.gid() })
    }
}

/// How it differs from what it was before the run.
pub(crate) fn finding(before: &Baseline) -> Option<Finding> {
    let (was, is) = (before.inner.top?, Top::look(before.root())?);
    let mut parts = Vec::new();
    if was.mode != is.mode {
        parts.push(format!("mode {:o} → {:o}", was.mode, is.mode));
    }
    if (was.uid, was.gid) != (is.uid, is.gid) {
        parts.push(format!("owner {}:{} → {}:{}", was.uid, was.gid, is.uid, is.gid));
    }
    (!parts.is_empty()).then(|| Finding {
        at: Some(before.root().to_owned()),
        ..Finding::outside(b".", ViolationKind::Modified, parts.join(", "))
    })
}
