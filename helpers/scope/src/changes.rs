//! What there is to review: whether anything is not committed, or differs from a base, and which files git does not know
//! and so shows in no diff. Looks; decides nothing.

use std::path::PathBuf;

use crate::baseline::{Request, baseline};
use crate::content::ObjectId;
use crate::objects::Objects;
use crate::worktree::Git;
use crate::{ScopeError, Tree};

/// What the work tree has more than its HEAD, or than a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Files that git neither knows nor ignores, relative to the root.
    pub untracked: Vec<Vec<u8>>,
    /// Whether tracked files differ from HEAD, in the index or in the work tree.
    pub is_modified: bool,
    /// The base, where one was asked for.
    pub base: Option<Base>,
}

/// A commit to review against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The commit that HEAD and the base have in common, in hex.
    pub merge_base: String,
    /// Whether HEAD has other files than that commit.
    pub differs: bool,
}

impl Changes {
    /// Whether there is nothing to review.
    pub fn is_empty(&self) -> bool {
        let is_committed = self.base.as_ref().is_some_and(|base| base.differs);
        !self.has_uncommitted() && !is_committed
    }

    /// Whether anything is not committed.
    pub fn has_uncommitted(&self) -> bool {
        self.is_modified || !self.untracked.is_empty()
    }
}

/// Looks at a work tree; `base` is a branch, tag or commit as a user names it, `exclude` are directories that do not
/// count.
pub fn changes(tree: &Tree, base: Option<&str>, exclude: Vec<PathBuf>) -> Result<Changes, ScopeError> {
    let base = base.map(|name| find_base(tree, name)).transpose()?;
    let before = baseline(tree, Request { exclude, ..Request::default() })?;
    let status = &before.inner.survey.status;
    let untracked: Vec<Vec<u8>> =
        status.iter().filter(|(_, letters)| letters[1] == b'?').map(|(path, _)| path.clone()).collect();
    let is_modified = status.values().any(|letters| letters != b"??");
    Ok(Changes { untracked, is_modified, base })
}

fn find_base(tree: &Tree, name: &str) -> Result<Base, ScopeError> {
    let refused = |why: &str| ScopeError::Base { name: name.to_owned(), why: why.to_owned() };
    // No branch, tag or commit begins like this, but an option of git does.
    if name.starts_with('-') || name.trim().is_empty() {
        return Err(refused("that names no branch, tag or commit"));
    }
    let git = Git::find(tree).map_err(|_| refused("git is not installed"))?;
    let commit = |name: &str| git.commit(tree.root(), name).map_err(|why| refused(&why));
    let theirs = commit(name)?.ok_or_else(|| refused("there is no such branch, tag or commit"))?;
    let ours = commit("HEAD")?.ok_or_else(|| refused("HEAD has no commit yet"))?;
    let common = git.merge_base(tree.root(), &ours, &theirs).map_err(|why| refused(&why))?;
    let merge_base = common.ok_or_else(|| refused("it has no commit in common with HEAD"))?;
    let objects = Objects::open(tree.root(), tree.common_dir());
    let files = |commit: &str| objects.tree_of(&ObjectId::from_hex(commit.as_bytes())?);
    let differs = match (files(&merge_base), files(&ours)) {
        (Some(then), Some(now)) => then != now,
        // What cannot be compared is left to the reviewer.
        (None, _) | (_, None) => merge_base != ours,
    };
    Ok(Base { merge_base, differs })
}
