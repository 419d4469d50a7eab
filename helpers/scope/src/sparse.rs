//! Directories that a sparse index holds as one entry, with the tree that stands for all below: they are taken apart
//! where somebody looks into them. Knows nothing of what is in a work tree.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::content::ObjectId;
use crate::index::{Index, IndexEntry};
use crate::objects::Objects;

/// The mode of such an entry; its path ends with a slash.
pub(crate) const DIRECTORY: u32 = 0o040_000;

impl IndexEntry<'_> {
    pub(crate) fn is_directory(&self) -> bool {
        self.mode == DIRECTORY
    }
}

impl Index {
    /// The sparse directory that holds the path.
    pub(crate) fn directory_over(&self, path: &[u8]) -> Option<IndexEntry<'_>> {
        if !self.is_sparse {
            return None;
        }
        let mut ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at + 1);
        ends.find_map(|end| self.find(&path[..end]).filter(IndexEntry::is_directory))
    }

    /// The index, with each sparse directory that `wanted` names replaced by the files in it, where they can be read.
    pub(crate) fn taken_apart(
        &self,
        objects: &Objects,
        wanted: impl Fn(&IndexEntry<'_>) -> bool,
    ) -> Cow<'_, Self> {
        let is_wanted = |entry: &IndexEntry<'_>| entry.is_directory() && wanted(entry);
        if !self.is_sparse || !self.entries().any(|entry| is_wanted(&entry)) {
            return Cow::Borrowed(self);
        }
        let files = |entry: &IndexEntry<'_>| {
            let files = is_wanted(entry).then(|| objects.files_of(&entry.id)).flatten()?;
            let full = |path: Vec<u8>| [entry.path, &path].concat();
            Some(files.into_iter().map(|(path, mode, id)| (full(path), mode, id)).collect())
        };
        self.with_replaced(files).map_or(Cow::Borrowed(self), Cow::Owned)
    }

    /// The index, to be compared with the other: only what both hold as the same directory stays one.
    pub(crate) fn to_compare(&self, other: &Self, objects: &Objects) -> Cow<'_, Self> {
        let directories = other.entries().filter(IndexEntry::is_directory);
        let same: HashSet<(&[u8], ObjectId)> = directories.map(|entry| (entry.path, entry.id)).collect();
        self.taken_apart(objects, |entry| !same.contains(&(entry.path, entry.id)))
    }
}
