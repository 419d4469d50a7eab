//! What already lies beside an entry, in a directory that had to be granted whole: it is to stay as it is.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use clodex_core::ScopeRules;

use super::{absolute, looks_like_glob};
use crate::listing::join;

/// Each one costs every command of the worker 2 ms; what is beyond is left to detection.
const MAX_SPARED: usize = 128;
/// How many entries are looked at for them.
const MAX_LOOKED_AT: usize = 4096;

/// The directories that were granted for something in them.
#[derive(Debug, Default)]
pub(super) struct Siblings {
    directories: Vec<Vec<u8>>,
}

impl Siblings {
    /// Adds a directory that was granted for one of its entries.
    pub(super) fn beside(&mut self, directory: Vec<u8>) {
        if !self.directories.contains(&directory) {
            self.directories.push(directory);
        }
    }

    /// Paths that no entry reaches, and how many of them are too many.
    pub(super) fn spared(&self, root: &Path, rules: &ScopeRules) -> (Vec<Vec<u8>>, usize) {
        let (mut looked_at, mut unlooked) = (0, 0);
        let mut found = Vec::new();
        let mut open = self.directories.clone();
        while let Some(directory) = open.pop() {
            let Ok(entries) = fs::read_dir(absolute(root, &directory)) else { continue };
            for entry in entries.flatten() {
                looked_at += 1;
                let path = join(&directory, entry.file_name().as_bytes());
                let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let is_symlink = entry.file_type().is_ok_and(|kind| kind.is_symlink());
                match (is_directory, rules.allows(&path)) {
                    // A link cannot be held: whoever mounts over it mounts over what it leads to.
                    _ if is_symlink => {}
                    // Too many to look into: held, it would not be granted.
                    (true, _) if rules.reaches_below(&path) && looked_at >= MAX_LOOKED_AT => unlooked += 1,
                    (true, _) if rules.reaches_below(&path) => {
                        if !is_granted_whole(rules, &path) && !open.contains(&path) {
                            open.push(path);
                        }
                    }
                    (true, _) | (false, false) => found.push((!is_directory, path)),
                    (false, true) => {}
                }
            }
        }
        // A directory spares more than a file.
        found.sort();
        found.dedup();
        let all = found.len();
        found.retain(|(_, path)| !looks_like_glob(path));
        found.truncate(MAX_SPARED);
        let left = all - found.len() + unlooked;
        (found.into_iter().map(|(_, path)| path).collect(), left)
    }
}

/// Whether everything below the directory is in scope: a name that no glob would be written for is.
fn is_granted_whole(rules: &ScopeRules, directory: &[u8]) -> bool {
    rules.allows(&join(&join(directory, b"\x01"), OsStr::new("\x02").as_bytes()))
}
