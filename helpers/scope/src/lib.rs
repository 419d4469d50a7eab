//! Snapshots of a work tree and their comparison; the only user of git2.
//!
//! [`baseline`] before a run, [`compare`] when nothing of it is alive any more. Both look at the file system
//! themselves: no code of the repository is run (hooks, filters, fsmonitor, external diff), none of its
//! configuration is read to decide what is looked at, and `GIT_*` has no say. libgit2 only classifies and shows.

mod attributes;
mod baseline;
mod beyond;
mod candidates;
mod changes;
mod cli;
mod command;
mod commits;
mod compare;
mod content;
mod ctime;
mod differences;
mod error;
mod explain;
mod file_check;
mod finding;
mod git_area;
mod git_findings;
mod git_objects;
mod grants;
mod hard_links;
mod ignore_rules;
mod index;
mod index_extensions;
mod landing;
mod listing;
mod lost_objects;
mod made_trees;
mod merge;
mod objects;
mod patch;
mod path_bytes;
mod refs;
mod reftable;
mod restore;
mod secure;
mod snapshot;
mod sparse;
mod status_text;
mod survey;
mod tracked;
mod tree;
mod tree_findings;
mod walk;
mod whose;
mod wild_match;
mod worktree;

pub use baseline::{Baseline, Request, baseline};
pub use changes::{Base, Changes, changes};
pub use command::run;
pub use compare::{Comparison, Meanwhile, compare, first_violation};
pub use ctime::CtimeTrust;
pub use error::ScopeError;
pub use explain::{CountsAs, Explanation};
pub use grants::{Reach, Wishes, grants};
pub use landing::{Contents, Rooted, read_landing};
pub use merge::merge_texts;
pub use restore::{PutBack, PutBackState, Restorer, discard, let_go, sweep};
pub use secure::SecureRequest;
pub use snapshot::Snapshot;
pub use tree::Tree;
pub use whose::OtherScope;
pub use worktree::{
    Worktree, WorktreeWish, add_worktree, finish_removals, remove_worktree, same_workdir, worktree_root,
};
