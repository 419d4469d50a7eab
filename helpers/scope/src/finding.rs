//! One difference that matters, before it is judged. Pure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clodex_core::{Violation, ViolationKind, path_text};

use crate::differences::Pair;
use crate::listing::Kind;

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
    /// What has to be written to make the change, when it is not the path in the work tree.
    pub(crate) at: Option<PathBuf>,
    /// What was changed in place, when it has more names than this one.
    pub(crate) shared: Option<Shared>,
}

/// A file with several names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shared {
    /// Device and inode.
    pub(crate) inode: (u64, u64),
    /// How many names it had at most.
    pub(crate) names: u32,
}

impl Shared {
    /// The file that both looks saw, where it has several names. One that took the place of another was not written
    /// to through a name of the other. A directory has one name, whatever it counts.
    pub(crate) fn of(pair: Pair<'_>) -> Option<Self> {
        let (before, after) = (pair.before?.stat, pair.after?.stat);
        let inode = (after.dev, after.ino);
        let names = before.nlink.max(after.nlink);
        (after.kind != Kind::Directory && inode == (before.dev, before.ino) && names > 1)
            .then_some(Self { inode, names })
    }
}

impl Finding {
    pub(crate) fn new(path: Vec<u8>, place: Place, kind: ViolationKind, detail: String) -> Self {
        Self { path, place, kind, detail, at: None, shared: None }
    }

    pub(crate) fn tree(path: Vec<u8>, kind: ViolationKind, detail: String) -> Self {
        Self::new(path, Place::Tree, kind, detail)
    }

    pub(crate) fn index(path: Vec<u8>, kind: ViolationKind, detail: String) -> Self {
        Self::new(path, Place::Index, kind, detail)
    }

    pub(crate) fn outside(path: &[u8], kind: ViolationKind, detail: String) -> Self {
        Self::new(path.to_vec(), Place::NeverInScope, kind, detail)
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
            .or_insert(Violation {
                path,
                kind: finding.kind,
                detail: finding.detail,
                restored: false,
                by: None,
            });
    }
    by_path.into_values().collect()
}
