//! What git has of the tracked files of a survey, each from the store of its own repository: a nested one, or a
//! submodule, has objects that the one around it has not got.

use std::cell::OnceCell;
use std::path::Path;

use crate::content::ObjectId;
use crate::objects::Objects;
use crate::survey::Survey;
use crate::tracked::TreeIndex;

/// The contents that indexes and their commits name.
pub(crate) struct Blobs<'a> {
    survey: &'a Survey,
    /// One for each index, in their order.
    stores: Vec<Store>,
}

struct Store {
    objects: Objects,
    /// The commit that the repository is at.
    head: OnceCell<Option<ObjectId>>,
}

impl<'a> Blobs<'a> {
    /// No store is opened before something in it is asked for.
    pub(crate) fn of(survey: &'a Survey, root: &Path) -> Self {
        let store = |of: TreeIndex<'_>| Store {
            objects: Objects::open(root, &of.common_dir()),
            head: OnceCell::new(),
        };
        Self { survey, stores: survey.indexes().map(store).collect() }
    }

    /// The blob of a tracked file, from the repository that tracks it.
    pub(crate) fn at(&self, path: &[u8]) -> Option<Vec<u8>> {
        let (id, store) = self.indexes().find_map(|(of, store)| Some((of.find(path)?.id, store)))?;
        store.objects.blob(&id)
    }

    /// What the commit has at the path that its repository is at.
    pub(crate) fn committed(&self, path: &[u8]) -> Option<Vec<u8>> {
        let around = || {
            let around = self.indexes().filter(|(of, _)| of.within(path).is_some());
            around.max_by_key(|(of, _)| of.worktree.len())
        };
        let (of, store) = self.indexes().find(|(of, _)| of.find(path).is_some()).or_else(around)?;
        let head = store.head.get_or_init(|| ObjectId::from_hex(&self.head_of(&of)?));
        store.objects.blob_at(head.as_ref()?, of.within(path)?)
    }

    fn head_of(&self, of: &TreeIndex<'_>) -> Option<Vec<u8>> {
        if of.worktree.is_empty() { self.survey.head_commit() } else { of.area.head_commit_of(of.repository) }
    }

    fn indexes(&self) -> impl Iterator<Item = (TreeIndex<'_>, &Store)> {
        self.survey.indexes().zip(&self.stores)
    }
}
