//! What symlinks in scope lead to outside the repository: a write through one leaves no trace in the tree.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use clodex_core::{ScopeRules, ViolationKind, path_text};
use nix::sys::stat::lstat;
use nix::sys::statvfs::statvfs;
use serde::{Deserialize, Serialize};

use crate::Tree;
use crate::ctime::Distrusted;
use crate::differences::differences;
use crate::finding::Finding;
use crate::listing::{Draft, Kind, Listing};
use crate::path_bytes;
use crate::walk::{Meet, stat_of, walk};

/// Directories listed below all targets together, at most.
const DIRECTORIES: usize = 1024;

/// The places outside that symlinks in scope lead to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SymlinkTargets {
    places: Vec<Place>,
    pub(crate) notes: Vec<String>,
    /// Nanoseconds since the epoch; what changed later outside was changed during the run.
    pub(crate) since: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Place {
    link: Vec<u8>,
    #[serde(with = "path_bytes")]
    target: PathBuf,
    /// What is in it; of anything but a directory, that alone, under an empty name.
    listing: Listing,
}

/// How much may still be listed.
struct Budget {
    directories: AtomicUsize,
    /// Whether something was left out.
    is_short: AtomicBool,
}

impl SymlinkTargets {
    pub(crate) fn look(tree: &Tree, listing: &Listing, rules: &ScopeRules) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut symlink_targets = Self {
            places: Vec::new(),
            notes: Vec::new(),
            since: i64::try_from(now.as_nanos()).unwrap_or(i64::MAX),
        };
        let budget = Budget::whole();
        for (target, link) in outward_links(tree, listing, rules) {
            let shown = path_text(&link);
            if !is_watchable(tree, &target) {
                symlink_targets
                    .notes
                    .push(format!("`{shown}` leads to `{}`, which is not watched", target.display()));
            } else if let Some(place) = Place::look(link, target, &budget) {
                symlink_targets.places.push(place);
                if budget.is_short.swap(false, Ordering::Relaxed) {
                    symlink_targets
                        .notes
                        .push(format!("`{shown}` leads to a large directory outside, watched in part only"));
                }
            } else {
                symlink_targets.notes.push(format!("what `{shown}` leads to cannot be watched"));
            }
        }
        symlink_targets
    }

    /// What changed at those places, and at the places that symlinks made since lead to.
    pub(crate) fn findings(&self, tree: &Tree, listing: &Listing, rules: &ScopeRules) -> Vec<Finding> {
        let mut findings = Vec::new();
        for place in &self.places {
            place.compare(&mut findings);
        }
        let mut links = outward_links(tree, listing, rules);
        for place in &self.places {
            links.remove(&place.target);
        }
        let budget = Budget::whole();
        for (target, link) in links.into_iter().filter(|(target, _)| is_watchable(tree, target)) {
            if let Some(place) = Place::look(link, target, &budget) {
                place.newer_than(self.since, &mut findings);
            }
        }
        findings
    }
}

impl Budget {
    fn whole() -> Self {
        Self { directories: AtomicUsize::new(DIRECTORIES), is_short: AtomicBool::new(false) }
    }

    fn takes(&self) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        let fits = self.directories.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok();
        self.is_short.fetch_or(!fits, Ordering::Relaxed);
        fits
    }
}

/// Not what holds the repository itself, where everybody works, nor what the kernel shows of itself: that is in no
/// blocks of any disk and changes all the time.
fn is_watchable(tree: &Tree, target: &Path) -> bool {
    let holds = [tree.root(), tree.common_dir()].iter().any(|own| own.starts_with(target));
    !holds && statvfs(target).is_ok_and(|found| found.blocks() > 0)
}

/// The targets of symlinks in scope that exist outside the tree, each with one of the links.
fn outward_links(tree: &Tree, listing: &Listing, rules: &ScopeRules) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut links = BTreeMap::new();
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
                links.entry(target).or_insert(path);
            }
        }
    }
    links
}

impl Place {
    fn look(link: Vec<u8>, target: PathBuf, budget: &Budget) -> Option<Self> {
        let listing = if target.is_dir() {
            // Other file systems below it are other places.
            let device = target.metadata().ok()?.dev();
            let is_here = |path: &[u8]| {
                let found = target.join(OsStr::from_bytes(path)).symlink_metadata();
                found.is_ok_and(|found| found.dev() == device)
            };
            let meet = |path: &[u8]| if is_here(path) && budget.takes() { Meet::Enter } else { Meet::Name };
            if budget.takes() { walk(&target, None, meet).ok()? } else { Listing::default() }
        } else {
            alone(&target)?
        };
        Some(Self { link, target, listing })
    }

    /// What was looked into before, as it is now.
    fn again(&self) -> Listing {
        let known = |path: &[u8]| match self.listing.directory(path) {
            Some(_) => Meet::Enter,
            None => Meet::Name,
        };
        let now = match self.listing.directory(b"") {
            Some(top) if top.entry(b"").is_some() => alone(&self.target),
            Some(_) => walk(&self.target, None, known).ok(),
            None => None,
        };
        now.unwrap_or_default()
    }

    fn compare(&self, findings: &mut Vec<Finding>) {
        let now = self.again();
        differences(&self.listing, &now, &Distrusted::default(), |path, pair| {
            let kinds = [pair.before, pair.after].map(|side| side.map(|seen| seen.stat.kind));
            if kinds[0] == kinds[1] && !holds_content(kinds[0]) {
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
            if holds_content(Some(seen.stat.kind)) && seen.stat.ctime > since {
                findings.push(self.finding(&path, ViolationKind::Modified));
            }
        }
    }

    fn finding(&self, path: &[u8], kind: ViolationKind) -> Finding {
        let full =
            if path.is_empty() { self.target.clone() } else { self.target.join(OsStr::from_bytes(path)) };
        let detail = format!("outside the repository, where the symlink `{}` leads", path_text(&self.link));
        Finding::outside(full.as_os_str().as_bytes(), kind, detail)
    }
}

/// A listing of one thing, under an empty name.
fn alone(target: &Path) -> Option<Listing> {
    let mut draft = Draft::default();
    draft.begin(b"");
    draft.push(b"", b"", stat_of(&lstat(target).ok()?));
    Some(Listing { directories: vec![draft.finish(None)], ..Listing::default() })
}

/// Whether a change of its times is one of what it holds: what a device or a directory holds lies elsewhere.
fn holds_content(kind: Option<Kind>) -> bool {
    match kind {
        Some(Kind::File | Kind::Symlink) => true,
        Some(Kind::Directory | Kind::Fifo | Kind::Socket | Kind::Device) | None => false,
    }
}
