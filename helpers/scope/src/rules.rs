//! What is settled before the run and holds for every look at the tree: what is ignored, how git compares files, what
//! nobody reviews.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use clodex_core::ByProducts;
use serde::{Deserialize, Serialize};

use crate::Tree;
use crate::check_in::CheckIn;
use crate::ctime::Distrusted;
use crate::git_area::GitArea;
use crate::ignore_rules::IgnoreRules;
use crate::listing::Listing;

/// Ignored directories of installed packages and of runs: too much to hash, and nobody edits them.
const STAT_ONLY: [&[u8]; 4] = [b"node_modules", b".venv", b"venv", b".codex-dispatch"];

/// What stays the same for both passes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Rules {
    pub(crate) ignore: IgnoreRules,
    /// By work tree.
    pub(crate) check_in: BTreeMap<Vec<u8>, CheckIn>,
    /// What holds for a work tree that was not there.
    pub(crate) by_default: CheckIn,
    pub(crate) by_products: ByProducts,
    pub(crate) distrusted: Distrusted,
}

impl Rules {
    /// How git compares the files of a work tree with its index.
    pub(crate) fn check_in(&self, worktree: &[u8]) -> &CheckIn {
        self.check_in.get(worktree).unwrap_or(&self.by_default)
    }

    /// Whether nothing in the ignored directory is read.
    pub(crate) fn is_stat_only(&self, directory: &[u8]) -> bool {
        directory.split(|byte| *byte == b'/').any(|part| STAT_ONLY.contains(&part))
            || self.by_products.directory_of(directory, |_| true).is_some()
    }
}

/// How git compares the files of each work tree in ours.
pub(crate) fn check_in(tree: &Tree, areas: &[GitArea], listing: &Listing) -> BTreeMap<Vec<u8>, CheckIn> {
    let repositories = areas.iter().flat_map(|area| area.repositories.iter().map(move |found| (area, found)));
    let worktrees: Vec<(&[u8], PathBuf)> = repositories
        .filter_map(|(area, found)| {
            Some((found.worktree.as_deref()?, area.path.join(OsStr::from_bytes(&found.base))))
        })
        .collect();
    let all: Vec<&[u8]> = worktrees.iter().map(|(at, _)| *at).collect();
    let read = |(at, git_dir): &(&[u8], PathBuf)| {
        (at.to_vec(), CheckIn::read(tree.root(), at, git_dir, listing, &all))
    };
    worktrees.iter().map(read).collect()
}
