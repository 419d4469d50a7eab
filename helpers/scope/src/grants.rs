//! What a worker's sandbox has to let it write: grants made from scope, by-products and the repository's own layout.
//! Looks at few directories only, because Codex waits for it; what a sandbox cannot express is left to detection and
//! noted. Knows no sandbox.

mod build_outputs;
mod git_dirs;
mod layout;
mod siblings;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use clodex_core::{Access, ByProducts, Grants, Place, ScopeRules};

use crate::{Tree, homes};
use layout::Layout;
use siblings::Siblings;

/// What is wished for besides scope and by-products.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Whether the worker may commit on the current branch.
    pub allow_commit: bool,
    /// Whether by-products alone are granted, and the scope says only where work is done.
    pub by_products_only: bool,
    /// Real directories that stay as they are, whatever is granted above them; there when the run starts.
    pub protect: Vec<PathBuf>,
    /// Where programs that take part keep their own things, when that lies in the tree: they stay as they are, too,
    /// save what the scope names.
    pub homes: Vec<PathBuf>,
}

/// What a worker may reach, and what has to be there for it.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Accesses by absolute path, none of them through a symlink.
    pub grants: Grants,
    /// Directories to be made before the run, parents first: a sandbox cannot grant what is not there.
    pub create: Vec<PathBuf>,
    /// What could not be expressed, for people.
    pub notes: Vec<String>,
}

/// Makes the grants. Reads directories and ignore files, changes nothing.
pub fn grants(tree: &Tree, rules: &ScopeRules, by_products: &ByProducts, wishes: &Wishes) -> Reach {
    let layout = Layout::look(tree, rules);
    let mut making = Making { tree, rules, reach: Reach::default(), siblings: Siblings::default() };
    for place in rules.places().filter(|_| !wishes.by_products_only) {
        making.grant_place(&place);
    }
    making.spare_siblings();
    for output in build_outputs::of(tree, rules, by_products, &layout) {
        making.grant_directory(&output);
    }
    for lock in build_outputs::missing_locks(tree, rules) {
        making.note_missing_lock(&lock);
    }
    making.protect_repositories(&layout, wishes);
    if wishes.allow_commit {
        git_dirs::allow_commit(tree, &mut making.reach.grants);
    }
    making.drop_movable();
    making.note_root();
    making.reach
}

struct Making<'a> {
    tree: &'a Tree,
    rules: &'a ScopeRules,
    reach: Reach,
    siblings: Siblings,
}

impl Making<'_> {
    fn grant_place(&mut self, place: &Place<'_>) {
        match place {
            Place::Directory(path) if !looks_like_glob(path) => {
                self.grant_directory(path);
            }
            Place::Directory(path) => self.grant_around(path),
            Place::File(path) | Place::Unborn(path) => {
                let at = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                if is_symlink(&self.absolute(path)) {
                    self.note_symlink(path);
                } else {
                    self.grant_around(&path[..at]);
                }
            }
            Place::Matching { top } => self.grant_around(top),
        }
    }

    /// Grants a directory, or the nearest one above it that a sandbox can be told of, for something in it: what else
    /// lies there is to stay.
    fn grant_around(&mut self, path: &[u8]) {
        let end = ends(path).take_while(|end| !looks_like_glob(&path[..*end])).last().unwrap_or(0);
        if self.grant_directory(&path[..end]) {
            self.siblings.beside(path[..end].to_vec());
        }
    }

    /// Grants a directory, which is to be made where it is missing. False when it cannot be had.
    fn grant_directory(&mut self, path: &[u8]) -> bool {
        let mut missing = Vec::new();
        for end in ends(path) {
            let at = self.absolute(&path[..end]);
            match at.symlink_metadata() {
                Ok(found) if found.is_dir() => {}
                Ok(found) => {
                    if found.is_symlink() {
                        self.note_symlink(&path[..end]);
                    }
                    return false;
                }
                Err(_) => missing.push(at),
            }
        }
        for directory in missing {
            if !self.reach.create.contains(&directory) {
                self.reach.create.push(directory);
            }
        }
        self.reach.grants.set(self.absolute(path), Access::Write);
        true
    }

    /// Takes back what lies beside the entries proper in the directories that had to be granted for them.
    fn spare_siblings(&mut self) {
        let (spared, left) = self.siblings.spared(self.tree.root(), self.rules);
        for path in spared {
            self.reach.grants.set(self.absolute(&path), Access::Read);
        }
        if left > 0 {
            self.reach.notes.push(format!(
                "{left} paths next to the scope's entries can be written by the worker: changes there are found, not prevented"
            ));
        }
    }

    /// clodex's own directories, and the git directories of nested repositories.
    fn protect_repositories(&mut self, layout: &Layout, wishes: &Wishes) {
        let mut inside: Vec<PathBuf> = layout.git_dirs.iter().map(|path| self.absolute(path)).collect();
        for below in [b"".as_slice(), self.tree.workdir_in_root()] {
            inside.push(self.absolute(below).join(".codex-dispatch"));
        }
        inside.retain(|path| path.symlink_metadata().is_ok_and(|found| !found.is_symlink()));
        let homes = homes::relative(self.tree, &wishes.homes);
        let homes: Vec<_> = homes::unnamed(&homes, self.rules).map(|home| self.absolute(home)).collect();
        for path in inside.iter().chain(&wishes.protect).chain(&homes) {
            if !self.reach.grants.may_write(path) {
                continue;
            }
            let below = path.strip_prefix(self.tree.root()).unwrap_or(path);
            if looks_like_glob(below.as_os_str().as_bytes()) {
                let shown = clodex_core::path_text(below.as_os_str().as_bytes());
                self.reach.notes.push(format!(
                    "`{shown}` can be written by the worker, because its name looks like a glob: changes there are found, not prevented"
                ));
            } else {
                self.reach.grants.set(path, Access::Read);
            }
        }
    }

    /// Nothing below such a root can be told to a sandbox.
    fn note_root(&mut self) {
        let root = self.tree.root().as_os_str().as_bytes();
        if looks_like_glob(root) && self.reach.grants.iter().next().is_some() {
            let shown = clodex_core::path_text(root);
            self.reach.notes.push(format!(
                "writes cannot be held to the scope, because `{shown}` looks like a glob: changes outside of it are found, not prevented"
            ));
        }
    }

    fn note_missing_lock(&mut self, path: &[u8]) {
        let path = clodex_core::path_text(path);
        self.reach.notes.push(format!(
            "`{path}` is missing and not in scope, so cargo cannot run: commit it, or name it in WRITE SCOPE"
        ));
    }

    /// A worker could replace a directory between two commands, and the second one's sandbox would follow it.
    fn drop_movable(&mut self) {
        for lost in self.reach.grants.drop_movable_writes() {
            let path = lost.strip_prefix(self.tree.root()).unwrap_or(&lost);
            let path = clodex_core::path_text(path.as_os_str().as_bytes());
            self.reach.notes.push(format!(
                "`{path}` cannot be written: it is in a read-only place, in a directory that the worker could replace"
            ));
        }
    }

    fn note_symlink(&mut self, path: &[u8]) {
        let path = clodex_core::path_text(path);
        self.reach.notes.push(format!("`{path}` is a symlink: nothing behind it can be written"));
    }

    fn absolute(&self, path: &[u8]) -> PathBuf {
        absolute(self.tree.root(), path)
    }
}

fn absolute(root: &Path, path: &[u8]) -> PathBuf {
    if path.is_empty() { root.to_owned() } else { root.join(OsStr::from_bytes(path)) }
}

fn is_symlink(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_symlink())
}

/// Whether a sandbox would take the name for a glob, and so could not hold it.
fn looks_like_glob(path: &[u8]) -> bool {
    path.iter().any(|byte| b"*?[]".contains(byte))
}

/// Where each directory of the path ends, the outermost first.
fn ends(path: &[u8]) -> impl Iterator<Item = usize> {
    let inner = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    inner.chain((!path.is_empty()).then_some(path.len()))
}

#[cfg(test)]
mod tests;
