//! Snapshots of a work tree and their comparison; the only user of git2.
//!
//! [`baseline`] before a run, [`compare`] when nothing of it is alive any more. Both look at the file system
//! themselves: no code of the repository is run (hooks, filters, fsmonitor, external diff), none of its
//! configuration is read to decide what is looked at, and `GIT_*` has no say. libgit2 only classifies and shows.

mod attributes;
mod attribution;
mod baseline;
mod blobs;
mod by_product;
mod cache_tree;
mod candidates;
mod changes;
mod check_in;
mod cli;
mod closed_dirs;
mod command;
mod commits;
mod compare;
mod content;
mod conversion;
mod ctime;
mod differences;
mod end_state;
mod error;
mod explain;
mod file_check;
mod finding;
mod git_area;
mod git_config;
mod git_findings;
mod git_objects;
mod git_verify;
mod grants;
mod hard_links;
mod homes;
mod ignore_rules;
mod index;
mod index_extensions;
mod landing;
mod left_locks;
mod listing;
mod lost_objects;
mod merge;
mod object_check;
mod object_findings;
mod objects;
mod patch;
mod path_bytes;
mod refs;
mod reftable;
mod restore;
mod rules;
mod secure;
mod snapshot;
mod sparse;
mod staged;
mod status_text;
mod store_changes;
mod store_gate;
mod survey;
mod symlink_targets;
mod top;
mod tracked;
mod tree;
mod tree_findings;
mod walk;
mod wild_match;
mod worktree;

pub use attribution::OtherScope;
pub use baseline::{Baseline, Request, baseline};
pub use changes::{Base, Changes, changes};
pub use command::run;
pub use compare::{Comparison, Meanwhile, compare, first_violation};
pub use ctime::CtimeTrust;
pub use error::ScopeError;
pub use explain::{CountsAs, Explanation};
pub use grants::{Reach, Wishes, grants};
pub use landing::{Contents, Edited, Rooted, read_landing};
pub use merge::merge_texts;
pub use restore::{PutBack, PutBackState, Restorer, discard, let_go, sweep};
pub use secure::SecureRequest;
pub use snapshot::Snapshot;
pub use tree::Tree;
pub use worktree::{
    Worktree, WorktreeWish, add_worktree, finish_removals, remove_worktree, same_workdir, worktree_root,
};
