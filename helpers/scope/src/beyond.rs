//! What symlinks in scope lead to outside the repository: a write through one leaves no trace in the tree.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use clodex_core::{ScopeRules, ViolationKind, path_text};
use serde::{Deserialize, Serialize};

use crate::Tree;
use crate::finding::Finding;
use crate::listing::{Kind, Listing, differences};
use crate::path_bytes;
use crate::walk::{Meet, walk};

/// Directories listed below one target, at most.
const DIRECTORIES: usize = 512;

/// The places outside that symlinks in scope lead to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Beyond {
    places: Vec<Place>,
    pub(crate) notes: Vec<String>,
    /// Nanoseconds since the epoch; what changed later outside was changed during the run.
    pub(crate) since: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Place {
    link: Vec<u8>,
    /// The directory that is listed: the target, or what holds it when it is no directory.
    #[serde(with = "path_bytes")]
    top: PathBuf,
    /// The name in `top` that alone counts.
    only: Option<Vec<u8>>,
    listing: Listing,
}

impl Beyond {
    pub(crate) fn look(tree: &Tree, listing: &Listing, rules: &ScopeRules) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut beyond = Self {
            places: Vec::new(),
            notes: Vec::new(),
            since: i64::try_from(now.as_nanos()).unwrap_or(i64::MAX),
        };
        for (link, target) in outward_links(tree, listing, rules) {
            match Place::list(link, &target) {
                Some((place, whole)) => {
                    if !whole {
                        let link = path_text(&place.link);
                        beyond.notes.push(format!(
                            "`{link}` leads to a large directory outside, watched in part only"
                        ));
                    }
                    beyond.places.push(place);
                }
                None => beyond.notes.push(format!("`{}` cannot be watched", target.display())),
            }
        }
        beyond
    }

    /// What changed at those places, and at the places that symlinks made since lead to.
    pub(crate) fn findings(&self, tree: &Tree, listing: &Listing, rules: &ScopeRules) -> Vec<Finding> {
        let mut findings = Vec::new();
        for place in &self.places {
            if let Some((now, _)) = Place::list_at(place.link.clone(), place.top.clone(), place.only.clone())
            {
                place.compare(&now, &mut findings);
            }
        }
        for (link, target) in outward_links(tree, listing, rules) {
            if self.places.iter().any(|place| place.link == link && place.leads_to(&target)) {
                continue;
            }
            if let Some((place, _)) = Place::list(link, &target) {
                place.newer_than(self.since, &mut findings);
            }
        }
        findings
    }
}

/// Symlinks in scope whose target exists outside the tree.
fn outward_links(tree: &Tree, listing: &Listing, rules: &ScopeRules) -> Vec<(Vec<u8>, PathBuf)> {
    let mut links = Vec::new();
    for directory in &listing.directories {
        for seen in directory.entries().filter(|seen| seen.stat.kind == Kind::Symlink) {
            let path = directory.path_of(seen.name);
            if !rules.allows(&path) {
                continue;
            }
            if let Ok(target) = tree.root().join(OsStr::from_bytes(&path)).canonicalize()
                && !target.starts_with(tree.root())
                && !target.starts_with(tree.common_dir())
            {
                links.push((path, target));
            }
        }
    }
    links
}

impl Place {
    fn list(link: Vec<u8>, target: &Path) -> Option<(Self, bool)> {
        if target.is_dir() {
            return Self::list_at(link, target.to_owned(), None);
        }
        let only = target.file_name()?.as_bytes().to_vec();
        Self::list_at(link, target.parent()?.to_owned(), Some(only))
    }

    /// The flag says whether all of it was listed.
    fn list_at(link: Vec<u8>, top: PathBuf, only: Option<Vec<u8>>) -> Option<(Self, bool)> {
        let entered = AtomicUsize::new(0);
        let listing = walk(&top, None, |_| {
            let room = only.is_none() && entered.fetch_add(1, Ordering::Relaxed) < DIRECTORIES;
            if room { Meet::Enter } else { Meet::Name }
        });
        let whole = entered.into_inner() <= DIRECTORIES;
        Some((Self { link, top, only, listing: listing.ok()? }, whole))
    }

    fn leads_to(&self, target: &Path) -> bool {
        match &self.only {
            Some(name) => self.top.join(OsStr::from_bytes(name)) == target,
            None => self.top == target,
        }
    }

    fn counts(&self, path: &[u8]) -> bool {
        self.only.as_ref().is_none_or(|only| only == path)
    }

    fn compare(&self, now: &Self, findings: &mut Vec<Finding>) {
        differences(&self.listing, &now.listing, |path, pair| {
            let directories = [pair.before, pair.after]
                .iter()
                .all(|side| side.is_some_and(|seen| seen.stat.kind == Kind::Directory));
            if !self.counts(&path) || directories {
                return;
            }
            let kind = match (pair.before, pair.after) {
                (None, _) => ViolationKind::Added,
                (_, None) => ViolationKind::Removed,
                (Some(_), Some(_)) => ViolationKind::Modified,
            };
            findings.push(self.finding(&path, kind));
        });
    }

    fn newer_than(&self, since: i64, findings: &mut Vec<Finding>) {
        for (path, seen) in self.listing.paths() {
            if self.counts(&path) && seen.stat.kind != Kind::Directory && seen.stat.ctime > since {
                findings.push(self.finding(&path, ViolationKind::Modified));
            }
        }
    }

    fn finding(&self, path: &[u8], kind: ViolationKind) -> Finding {
        let full = self.top.join(OsStr::from_bytes(path));
        let detail = format!("outside the repository, where the symlink `{}` leads", path_text(&self.link));
        Finding::outside(full.as_os_str().as_bytes(), kind, detail)
    }
}
