//! Whether the object store still has what the index, HEAD and the refs need: who can write there can throw history
//! away without a change of any ref. Looked at only where objects came or went.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use clodex_core::ViolationKind;

use crate::content::ObjectId;
use crate::finding::Finding;
use crate::git_area::{GitArea, RepositoryState};
use crate::index::Index;
use crate::listing::{Listing, join};
use crate::objects::{Objects, SUBMODULE};
use crate::survey::Survey;

/// What is needed and not there, one object for each repository; `counts` says whether a store is to be looked at.
pub(crate) fn lost_objects(
    root: &Path,
    (before, after): (&Survey, &Survey),
    counts: impl Fn(&Path) -> bool,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for was in &before.areas {
        let Some(is) = after.areas.iter().find(|is| is.path == was.path) else { continue };
        let stores = was.repositories.iter().filter(|repository| has_store(&was.listing, repository));
        for owner in stores {
            let store = was.path.join(OsStr::from_bytes(&store_of(owner)));
            if !counts(&store) || !has_changed(owner, was, is) || is_partial(&store) {
                continue;
            }
            let objects = owner.objects(&was.path, root);
            let shares = |other: &&RepositoryState| was.owner_of_store(other) == owner.base;
            let mut looked_at = HashSet::new();
            let mut users = was.repositories.iter().filter(shares);
            let lost = users.find_map(|repository| first_lost(repository, &objects, &mut looked_at));
            findings.extend(lost.map(|id| finding(was, owner, &id)));
        }
    }
    findings
}

fn finding(area: &GitArea, owner: &RepositoryState, id: &ObjectId) -> Finding {
    let hex = id.to_string();
    let (directory, name) = hex.split_at(2);
    let path = join(&store_of(owner), format!("{directory}/{name}").as_bytes());
    let detail = "an object that the index, HEAD or a ref needs cannot be read any more".to_owned();
    Finding::outside(&area.shown(&path), ViolationKind::Removed, detail)
}

fn store_of(repository: &RepositoryState) -> Vec<u8> {
    join(&repository.base, b"objects")
}

fn has_store(listing: &Listing, repository: &RepositoryState) -> bool {
    listing.directory(&store_of(repository)).is_some()
}

/// Names that come or go show in the times of the directories that hold them.
fn has_changed(repository: &RepositoryState, was: &GitArea, is: &GitArea) -> bool {
    let store = store_of(repository);
    match (was.listing.directory(&store), is.listing.directory(&store)) {
        (Some(was), Some(is)) => !was.entries().eq(is.entries()),
        _ => true,
    }
}

/// A clone that fetches what it lacks when it is asked for.
fn is_partial(store: &Path) -> bool {
    let packs = store.join("pack").read_dir().into_iter().flatten().flatten();
    packs.into_iter().any(|pack| pack.path().extension().is_some_and(|end| end == "promisor"))
}

/// The index first: it needs most of what HEAD needs, without a look into trees.
fn first_lost(
    repository: &RepositoryState,
    objects: &Objects,
    looked_at: &mut HashSet<ObjectId>,
) -> Option<ObjectId> {
    let entries = repository.index.iter().flat_map(Index::entries);
    let mut needed = entries.filter(|entry| entry.mode != SUBMODULE && !entry.intent_to_add);
    let of_index = needed.find(|entry| looked_at.insert(entry.id) && !objects.has(&entry.id));
    let tips = repository.refs.values().chain(&repository.head);
    of_index.map(|entry| entry.id).or_else(|| {
        tips.filter_map(|value| ObjectId::from_hex(value)).find_map(|tip| {
            if !looked_at.insert(tip) {
                None
            } else if !objects.has(&tip) {
                Some(tip)
            } else {
                objects.tree_of(&tip).and_then(|tree| objects.missing_below(&tree, looked_at))
            }
        })
    })
}
