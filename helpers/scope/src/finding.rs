//! One difference that matters, before it is judged. Pure.

use std::collections::BTreeMap;

use clodex_core::{Violation, ViolationKind, path_text};

/// Where a difference lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// In the work tree: the scope decides.
    Tree,
    /// In the index entry of a path: the scope decides.
    Index,
    /// In flags that hide a path from git, in HEAD, in refs, in a git directory, or outside: never in scope.
    NeverInScope,
}

/// One difference that matters.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) path: Vec<u8>,
    pub(crate) place: Place,
    pub(crate) kind: ViolationKind,
    pub(crate) detail: String,
}

impl Finding {
    pub(crate) fn tree(path: Vec<u8>, kind: ViolationKind, detail: String) -> Self {
        Self { path, place: Place::Tree, kind, detail }
    }

    pub(crate) fn index(path: Vec<u8>, kind: ViolationKind, detail: String) -> Self {
        Self { path, place: Place::Index, kind, detail }
    }

    pub(crate) fn outside(path: &[u8], kind: ViolationKind, detail: String) -> Self {
        Self { path: path.to_vec(), place: Place::NeverInScope, kind, detail }
    }
}

/// One violation a path: what the work tree shows first, the rest after it.
pub(crate) fn violations(mut findings: Vec<Finding>) -> Vec<Violation> {
    findings.sort_by(|a, b| (&a.path, a.place).cmp(&(&b.path, b.place)));
    let mut by_path: BTreeMap<Vec<u8>, Violation> = BTreeMap::new();
    for finding in findings {
        let path = path_text(&finding.path);
        by_path
            .entry(finding.path)
            .and_modify(|violation| violation.detail = format!("{}; {}", violation.detail, finding.detail))
            .or_insert(Violation { path, kind: finding.kind, detail: finding.detail, restored: false });
    }
    by_path.into_values().collect()
}
