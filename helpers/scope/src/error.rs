//! What keeps a snapshot from being taken at all. What only makes it incomplete is a note of the comparison.

use std::path::PathBuf;

/// A failure to find or read what the verdict would rest on.
#[derive(Debug, thiserror::Error)]
pub enum ScopeError {
    /// No work tree encloses the directory.
    #[error("`{}` is in no git work tree\nhint: run `git init` there, or name a directory of a repository", .0.display())]
    NotARepository(PathBuf),
    /// The directory lies inside a git directory.
    #[error("`{}` is in a git directory\nhint: name a directory inside the work tree", .0.display())]
    InsideGitDirectory(PathBuf),
    /// A `.git` file leads nowhere.
    #[error("`{}` names a git directory that is not there\nhint: `git worktree repair` or `git submodule update` may fix it", .0.display())]
    BrokenGitFile(PathBuf),
    /// A snapshot cannot be written or used.
    #[error("cannot {what} snapshot `{}`: {why}", .path.display())]
    Snapshot {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not, and what helps.
        why: String,
    },
    /// No worktree can be made.
    #[error("cannot make a worktree: {0}\nhint: fix the problem named above, or start it without --isolate")]
    Worktree(String),
    /// What is to be compared with cannot be found.
    #[error(
        "cannot compare with `{name}`: {why}\nhint: name a branch, tag or commit; `git branch --all` lists the branches"
    )]
    Base {
        /// What the user calls it.
        name: String,
        /// Why not.
        why: String,
    },
    /// The file system refused.
    #[error("cannot {what} `{}`: {error}\nhint: check that it exists and may be read", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
}

impl ScopeError {
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>, error: impl Into<std::io::Error>) -> Self {
        Self::Io { what, path: path.into(), error: error.into() }
    }
}
