//! Directories that a sparse index holds as one entry, with the tree that stands for all below: they are taken apart
//! where somebody looks into them. Knows nothing of what is in a work tree.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::content::ObjectId;
use crate::index::{CachedStat, Index, IndexEntry};
use crate::objects::Objects;

/// The mode of such an entry; its path ends with a slash.
pub(crate) const DIRECTORY: u32 = 0o040_000;

impl IndexEntry {
    pub(crate) fn is_directory(&self) -> bool {
        self.mode == DIRECTORY
    }

    /// What git writes when it takes a sparse directory apart.
    fn in_sparse_directory(path: Vec<u8>, mode: u32, id: ObjectId) -> Self {
        let cached = CachedStat { ctime: (0, 0), mtime: (0, 0), ino: 0, size: 0 };
        let (assume_unchanged, intent_to_add) = (false, false);
        Self { path, stage: 0, mode, id, assume_unchanged, skip_worktree: true, intent_to_add, cached }
    }
}

impl Index {
    /// The sparse directory that holds the path.
    pub(crate) fn directory_over(&self, path: &[u8]) -> Option<&IndexEntry> {
        let mut ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at + 1);
        ends.find_map(|end| {
            let at = self.entries.partition_point(|entry| entry.path.as_slice() < &path[..end]);
            self.entries.get(at).filter(|entry| entry.path == path[..end] && entry.is_directory())
        })
    }

    /// The entries, with each sparse directory that `wanted` names replaced by the files in it, where they can be read.
    pub(crate) fn taken_apart(
        &self,
        objects: &Objects,
        wanted: impl Fn(&IndexEntry) -> bool,
    ) -> Cow<'_, [IndexEntry]> {
        if !self.entries.iter().any(|entry| entry.is_directory() && wanted(entry)) {
            return Cow::Borrowed(&self.entries);
        }
        let mut entries = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let is_wanted = entry.is_directory() && wanted(entry);
            match is_wanted.then(|| objects.files_of(&entry.id)).flatten() {
                Some(files) => entries.extend(files.into_iter().map(|(path, mode, id)| {
                    IndexEntry::in_sparse_directory([entry.path.as_slice(), &path].concat(), mode, id)
                })),
                None => entries.push(entry.clone()),
            }
        }
        Cow::Owned(entries)
    }

    /// The entries, to be compared with those of the other index: only what both hold as the same directory stays one.
    pub(crate) fn to_compare(&self, other: &Self, objects: &Objects) -> Cow<'_, [IndexEntry]> {
        let directories = other.entries.iter().filter(|entry| entry.is_directory());
        let same: HashSet<(&[u8], &ObjectId)> =
            directories.map(|entry| (entry.path.as_slice(), &entry.id)).collect();
        self.taken_apart(objects, |entry| !same.contains(&(entry.path.as_slice(), &entry.id)))
    }
}
