//! Reads git objects through libgit2, from the object store alone: no repository is opened, so none of its
//! configuration is read and its owner does not matter. Used to classify and to show, never to detect.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use git2::{ObjectType, Odb, Oid, Repository};

use crate::content::ObjectId;
use crate::index::{Index, IndexEntry};
use crate::listing::join;

/// The object store of a repository.
pub(crate) struct Objects {
    store: Repository,
}

impl Objects {
    /// `None` when libgit2 cannot read it (another hash than SHA-1, nothing there).
    pub(crate) fn open(common_dir: &Path) -> Option<Self> {
        let odb = Odb::new().ok()?;
        odb.add_disk_alternate(common_dir.join("objects").to_str()?).ok()?;
        Some(Self { store: Repository::from_odb(odb).ok()? })
    }

    pub(crate) fn blob(&self, id: &ObjectId) -> Option<Vec<u8>> {
        Some(self.store.find_blob(oid(id)?).ok()?.content().to_vec())
    }

    /// The blob that a commit has at a path.
    pub(crate) fn blob_at(&self, commit: &ObjectId, path: &[u8]) -> Option<Vec<u8>> {
        let entry = self.tree_of(commit)?.get_path(Path::new(OsStr::from_bytes(path))).ok()?;
        Some(self.store.find_blob(entry.id()).ok()?.content().to_vec())
    }

    /// The tree of a commit.
    fn tree_of(&self, commit: &ObjectId) -> Option<git2::Tree<'_>> {
        let commit = self.store.find_object(oid(commit)?, Some(ObjectType::Commit)).ok()?;
        commit.peel_to_tree().ok()
    }

    /// What the commit's tree holds, except below directories that the index is known to hold unchanged:
    /// entries as `(path, mode, blob)`, and those directories.
    pub(crate) fn tree_unlike(&self, commit: &ObjectId, index: &Index) -> Option<TreeUnlike> {
        let mut unlike = TreeUnlike::default();
        self.descend(&self.tree_of(commit)?, &[], index, &mut unlike)?;
        Some(unlike)
    }

    fn descend(
        &self,
        tree: &git2::Tree<'_>,
        path: &[u8],
        index: &Index,
        unlike: &mut TreeUnlike,
    ) -> Option<()> {
        let known = index.trees.binary_search_by(|(known, _)| known.as_slice().cmp(path));
        if known.is_ok_and(|at| index.trees[at].1.bytes() == tree.id().as_bytes()) {
            unlike.same.push(path.to_vec());
            return Some(());
        }
        for entry in tree {
            let path = join(path, entry.name_bytes());
            if entry.kind() == Some(ObjectType::Tree) {
                self.descend(&self.store.find_tree(entry.id()).ok()?, &path, index, unlike)?;
            } else {
                let mode = u32::try_from(entry.filemode()).unwrap_or_default();
                unlike.entries.push((path, mode, ObjectId::new(entry.id().as_bytes())?));
            }
        }
        Some(())
    }
}

fn oid(id: &ObjectId) -> Option<Oid> {
    Oid::from_bytes(id.bytes()).ok()
}

/// The part of a tree that has to be compared with an index entry by entry.
#[derive(Debug, Default)]
pub(crate) struct TreeUnlike {
    entries: Vec<(Vec<u8>, u32, ObjectId)>,
    same: Vec<Vec<u8>>,
}

impl TreeUnlike {
    /// What is staged: `(path, A, M or D)`.
    pub(crate) fn staged(&self, index: &[IndexEntry]) -> Vec<(Vec<u8>, u8)> {
        let known: std::collections::HashMap<&[u8], (u32, &ObjectId)> =
            self.entries.iter().map(|(path, mode, id)| (path.as_slice(), (*mode, id))).collect();
        let mut here = std::collections::HashSet::new();
        let mut staged = Vec::new();
        for entry in index.iter().filter(|entry| !self.is_same(&entry.path)) {
            here.insert(entry.path.as_slice());
            match known.get(entry.path.as_slice()) {
                _ if entry.intent_to_add => {}
                None => staged.push((entry.path.clone(), b'A')),
                Some((mode, id)) if *mode == entry.mode && **id == entry.id => {}
                Some(_) => staged.push((entry.path.clone(), b'M')),
            }
        }
        let gone = self.entries.iter().filter(|(path, ..)| !here.contains(path.as_slice()));
        staged.extend(gone.map(|(path, ..)| (path.clone(), b'D')));
        staged
    }

    fn is_same(&self, path: &[u8]) -> bool {
        self.same.iter().any(|top| {
            top.is_empty() || path.strip_prefix(top.as_slice()).is_some_and(|rest| rest.starts_with(b"/"))
        })
    }
}
