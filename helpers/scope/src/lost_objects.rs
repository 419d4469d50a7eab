//! Which objects the index, HEAD and the refs need, and the first of them that a store has not got.

use std::collections::HashSet;

use crate::content::ObjectId;
use crate::git_area::{GitArea, RepositoryState};
use crate::index::Index;
use crate::listing::join;
use crate::objects::{Objects, SUBMODULE};

/// Where an object lies that lies alone, in its area.
pub(crate) fn object_path(owner: &RepositoryState, id: &ObjectId) -> Vec<u8> {
    let hex = id.to_string();
    let (directory, name) = hex.split_at(2);
    join(&owner.store(), format!("{directory}/{name}").as_bytes())
}

/// What HEAD and the refs of all repositories lead to that use the store of this one.
pub(crate) fn tips(area: &GitArea, owner: &RepositoryState) -> Vec<ObjectId> {
    let values = users(area, owner).flat_map(|repository| repository.refs.values().chain(&repository.head));
    values.filter_map(|value| ObjectId::from_hex(value)).collect()
}

/// The first object that is needed and not there; what commits need that came before is not looked at.
pub(crate) fn first_lost(area: &GitArea, owner: &RepositoryState, objects: &Objects) -> Option<ObjectId> {
    let mut looked_at = HashSet::new();
    users(area, owner).find_map(|repository| lost_to(repository, objects, &mut looked_at))
}

fn users<'a>(area: &'a GitArea, owner: &RepositoryState) -> impl Iterator<Item = &'a RepositoryState> {
    area.repositories.iter().filter(move |repository| area.owner_of_store(repository) == owner.base)
}

/// The index first: it needs most of what HEAD needs, without a look into trees.
fn lost_to(
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
