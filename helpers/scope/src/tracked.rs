//! Which index entry a file has. Files and entries are both sorted, so a directory's files are looked up in one pass
//! over the entries below it.

use std::ops::Range;
use std::path::PathBuf;

use crate::git_area::{GitArea, RepositoryState};
use crate::index::{Index, IndexEntry};
use crate::listing::join;

/// The index of a repository whose work tree lies in ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TreeIndex<'a> {
    /// Where its work tree begins; empty at our root.
    pub(crate) worktree: &'a [u8],
    /// The git directory that holds the repository.
    pub(crate) area: &'a GitArea,
    pub(crate) repository: &'a RepositoryState,
    pub(crate) index: &'a Index,
}

impl<'a> TreeIndex<'a> {
    pub(crate) fn find(&self, path: &[u8]) -> Option<IndexEntry<'a>> {
        self.index.find(self.within(path)?)
    }

    /// Whether a sparse directory of the index holds the path.
    pub(crate) fn has_directory_over(&self, path: &[u8]) -> bool {
        self.within(path).is_some_and(|within| self.index.directory_over(within).is_some())
    }

    /// Whether anything below the directory is tracked.
    pub(crate) fn tracks_below(&self, directory: &[u8]) -> bool {
        match self.within(directory) {
            Some(within) => !self.index.below(within).is_empty(),
            // The work tree may lie below the directory.
            None => self.index.len() > 0 && is_below(self.worktree, directory),
        }
    }

    /// The path of an entry in our tree.
    pub(crate) fn path_of(&self, entry: &IndexEntry<'_>) -> Vec<u8> {
        join(self.worktree, entry.path)
    }

    /// The git directory with the objects that its entries name.
    pub(crate) fn common_dir(&self) -> PathBuf {
        self.area.common_dir(self.repository)
    }

    /// The path in its work tree.
    pub(crate) fn within<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        if self.worktree.is_empty() || self.worktree == path {
            return Some(&path[self.worktree.len()..]);
        }
        path.strip_prefix(self.worktree)?.strip_prefix(b"/")
    }
}

fn is_below(path: &[u8], directory: &[u8]) -> bool {
    directory.is_empty() || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
}

/// The entries below one directory, for its files in the order of their names.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    pub(crate) of: TreeIndex<'a>,
    left: Range<usize>,
    /// How much of the paths is the directory, with its slash.
    prefix_len: usize,
}

impl<'a> Cursor<'a> {
    /// `None` when nothing below the directory is tracked.
    pub(crate) fn new(of: TreeIndex<'a>, directory: &[u8]) -> Option<Self> {
        let within = of.within(directory)?;
        let left = of.index.below(within);
        let prefix_len = if within.is_empty() { 0 } else { within.len() + 1 };
        (!left.is_empty()).then_some(Self { of, left, prefix_len })
    }

    /// The first entry of a file of the directory and its position. Names come in ascending order.
    pub(crate) fn entry(&mut self, name: &[u8]) -> Option<(usize, IndexEntry<'a>)> {
        let is_before = |path: &[u8]| path[self.prefix_len..] < *name;
        // Mostly the next one; further where a directory was passed.
        let mut step = 1;
        while step <= self.left.len() && is_before(self.of.index.path(self.left.start + step - 1)) {
            step *= 2;
        }
        let end = self.left.end.min(self.left.start + step);
        self.left.start = self.of.index.partition_point(self.left.start + step / 2..end, is_before);
        let entry = (!self.left.is_empty()).then(|| self.of.index.entry(self.left.start))?;
        (entry.path[self.prefix_len..] == *name).then_some((self.left.start, entry))
    }
}
