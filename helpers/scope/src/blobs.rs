//! The contents that indexes name, each from the store of its own repository: a nested one, or a submodule, has
//! objects that the one around it has not got.

use std::path::Path;

use crate::objects::Objects;
use crate::survey::Survey;

/// What git has of the tracked files of a survey.
pub(crate) struct Blobs<'a> {
    survey: &'a Survey,
    /// One for each index, in their order.
    stores: Vec<Objects>,
}

impl<'a> Blobs<'a> {
    /// No store is opened before something in it is asked for.
    pub(crate) fn of(survey: &'a Survey, root: &Path) -> Self {
        let stores = survey.indexes().map(|of| Objects::open(root, &of.common_dir())).collect();
        Self { survey, stores }
    }

    /// The blob of a tracked file, from the repository that tracks it.
    pub(crate) fn at(&self, path: &[u8]) -> Option<Vec<u8>> {
        let mut indexes = self.survey.indexes().zip(&self.stores);
        let (id, store) = indexes.find_map(|(of, store)| Some((of.find(path)?.id, store)))?;
        store.blob(&id)
    }
}
