//! Names that share a file. A write in scope changes the names outside as well: those in the tree are seen by the
//! walk, those beyond it only here.

use std::collections::HashMap;

use clodex_core::{ScopeRules, ViolationKind, path_text};

use crate::Baseline;
use crate::differences::Pair;
use crate::finding::Finding;
use crate::listing::{Kind, Listing, Seen};
use crate::tree_findings::content_change;

/// More than these are counted.
const TOLD: usize = 5;

type Inode = (u64, u64);

fn shared(listing: &Listing, counts: impl Fn(&[u8]) -> bool) -> HashMap<Inode, u32> {
    let mut names = HashMap::new();
    for (path, seen) in listing.directories.iter().flat_map(|directory| shared_names(directory)) {
        if counts(&path) {
            *names.entry(inode(seen)).or_default() += 1;
        }
    }
    names
}

/// The names in the tree of every file that has several, as two looks saw them.
pub(crate) fn names_by_inode(looks: [&Listing; 2]) -> HashMap<Inode, Vec<Vec<u8>>> {
    let mut names: HashMap<Inode, Vec<Vec<u8>>> = HashMap::new();
    for (path, seen) in looks
        .into_iter()
        .flat_map(|look| look.directories.iter().flat_map(|directory| shared_names(directory)))
    {
        let known = names.entry(inode(seen)).or_default();
        if !known.contains(&path) {
            known.push(path);
        }
    }
    names
}

fn shared_names(directory: &crate::listing::Directory) -> impl Iterator<Item = (Vec<u8>, Seen<'_>)> {
    let shared = directory.entries().filter(|seen| seen.stat.nlink > 1 && seen.stat.kind != Kind::Directory);
    shared.map(|seen| (directory.path_of(seen.name), seen))
}

fn inode(seen: Seen<'_>) -> Inode {
    (seen.stat.dev, seen.stat.ino)
}

/// Files in scope with more names than lie in scope, to be told before the run: the first few, and how many more.
pub(crate) fn notes(listing: &Listing, rules: &ScopeRules) -> Vec<String> {
    let inside = shared(listing, |path| rules.allows(path));
    let in_scope = listing
        .directories
        .iter()
        .flat_map(|directory| shared_names(directory))
        .filter(|(path, _)| rules.allows(path));
    let mut outward = in_scope.filter_map(|(path, seen)| {
        let names = inside.get(&inode(seen)).copied().unwrap_or_default();
        (seen.stat.nlink > names).then_some((path, seen.stat.nlink, names))
    });
    let mut notes: Vec<String> = outward
        .by_ref()
        .take(TOLD)
        .map(|(path, links, names)| {
            let path = path_text(&path);
            format!("`{path}` has {links} names, {names} of them in scope: writing to it changes the others")
        })
        .collect();
    let more = outward.count();
    if more > 0 {
        notes
            .push(format!("{more} more files in scope have names outside it: writing to them changes those"));
    }
    notes
}

/// Files in scope that were written to while a name of them lay outside the tree.
pub(crate) fn findings(before: &Baseline, after: &Listing) -> Vec<Finding> {
    let (was, rules, since) = (&before.inner.survey, before.rules(), before.inner.symlink_targets.since);
    let names = shared(after, |_| true);
    let in_scope = after
        .directories
        .iter()
        .flat_map(|directory| shared_names(directory))
        .filter(|(path, _)| rules.allows(path));
    in_scope
        .filter(|(path, seen)| {
            let elsewhere = seen.stat.nlink > names.get(&inode(*seen)).copied().unwrap_or_default();
            let old = was.listing.entry(path).filter(|old| inode(*old) == inode(*seen));
            let written = match old {
                Some(old) if old.stat.is_untouched_since(&seen.stat) => false,
                // Its time may have been put back.
                Some(old) => {
                    let pair = Pair { before: Some(old), after: Some(*seen) };
                    old.stat.mtime != seen.stat.mtime
                        || content_change(before.tree(), was, path, pair).is_some()
                }
                None => seen.stat.mtime > since,
            };
            elsewhere && written
        })
        .map(|(path, seen)| {
            let detail =
                format!("written to, and {} names outside the repository share it", seen.stat.nlink - 1);
            Finding::outside(&path, ViolationKind::Modified, detail)
        })
        .collect()
}
