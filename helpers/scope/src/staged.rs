//! What is staged: the index against HEAD, of the work tree's own repository and of those that lie in it.

use clodex_core::path_text;

use crate::Tree;
use crate::content::ObjectId;
use crate::git_area::{GitArea, RepositoryState};
use crate::listing::join;
use crate::survey::Survey;

/// A path of the tree, and how it stands against HEAD.
type Staged = (Vec<u8>, u8);

impl Survey {
    /// Adds the letters of what is staged; what cannot be told is noted.
    pub(crate) fn add_staged(&mut self, tree: &Tree) {
        let (mut all, mut notes) = (Vec::new(), Vec::new());
        for area in &self.areas {
            for repository in &area.repositories {
                match self.staged_in(area, repository, tree) {
                    Ok(staged) => all.extend(staged),
                    Err(note) => notes.push(note),
                }
            }
        }
        for (path, letter) in all {
            self.status.entry(path).or_insert(*b"  ")[0] = letter;
        }
        self.notes.extend(notes);
    }

    fn staged_in(
        &self,
        area: &GitArea,
        repository: &RepositoryState,
        tree: &Tree,
    ) -> Result<Vec<Staged>, String> {
        let (Some(worktree), Ok(index)) = (&repository.worktree, &repository.index) else {
            return Ok(Vec::new());
        };
        let head = if worktree.is_empty() { self.head_commit() } else { area.head_commit_of(repository) };
        let objects = repository.objects(&area.path, tree.root());
        let staged = match head.and_then(|hex| ObjectId::from_hex(&hex)) {
            None => Some(index.entries().map(|entry| (entry.path.to_vec(), b'A')).collect()),
            Some(head) => objects.staged(&head, index),
        };
        let within = |staged: Vec<Staged>| {
            staged.into_iter().map(|(path, letter)| (join(worktree, &path), letter)).collect()
        };
        staged.map(within).ok_or_else(|| {
            let place =
                if worktree.is_empty() { String::new() } else { format!(" in `{}`", path_text(worktree)) };
            format!("what is staged{place} could not be told: {}", objects.trouble())
        })
    }
}
