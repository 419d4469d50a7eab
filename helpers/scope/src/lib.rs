//! Snapshots of a work tree and their comparison; the only user of git2.
