//! What is done to the tree, written down before it is done: interrupted at any instant, it can be completed or taken
//! back. Knows states, not why they are wanted.

use std::collections::BTreeSet;
use std::io;

use clodex_core::{FileState, PathBytes};
use clodex_scope::{Contents, Edited, Rooted};
use serde::{Deserialize, Serialize};

/// Format version of a journal.
pub const JOURNAL_VERSION: u32 = 1;

/// A change of the tree that happens whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// [`JOURNAL_VERSION`].
    pub version: u32,
    /// Absolute top of the tree.
    pub root: PathBytes,
    /// Each path once.
    pub steps: Vec<Step>,
    /// Directories that are not there before and are afterwards; from the top down.
    pub made: Vec<Directory>,
    /// Directories that are there before and not afterwards; from the top down.
    pub removed: Vec<Directory>,
}

/// A directory that comes or goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// Relative to the root.
    pub path: PathBytes,
    /// Its permissions, where it was there before.
    pub mode: Option<u32>,
}

/// One path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Relative to the root.
    pub path: PathBytes,
    /// What lies there before.
    pub from: FileState,
    /// What shall lie there.
    pub to: FileState,
}

/// What has become of a journal that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// Paths that hold what they held before, to git: somebody took them back with other means.
    pub taken_back: Vec<PathBytes>,
    /// Paths that hold neither.
    pub edited: Vec<PathBytes>,
}

impl Journal {
    /// Fixes which directories come and go with the steps.
    pub fn new(root: PathBytes, steps: Vec<Step>, tree: &Rooted) -> io::Result<Self> {
        let mut made = BTreeSet::new();
        for step in steps.iter().filter(|step| step.to != FileState::Missing) {
            for above in parents(&step.path.0) {
                if !tree.is_dir(above)? {
                    made.insert(PathBytes(above.to_vec()));
                }
            }
        }
        let removed = emptied(&steps, tree)?;
        let made = made.into_iter().map(|path| Directory { path, mode: None }).collect();
        Ok(Self { version: JOURNAL_VERSION, root, steps, made, removed })
    }

    /// The way back.
    pub fn reversed(&self) -> Self {
        let steps = self.steps.iter().map(|step| Step {
            path: step.path.clone(),
            from: step.to.clone(),
            to: step.from.clone(),
        });
        Self {
            version: self.version,
            root: self.root.clone(),
            steps: steps.collect(),
            made: self.removed.clone(),
            removed: self.made.clone(),
        }
    }

    /// Tidies up where it was interrupted in the middle of a step.
    pub fn settle(&self, tree: &Rooted) -> io::Result<()> {
        self.steps.iter().try_for_each(|step| tree.settle(&step.path.0, &step.from, &step.to))
    }

    /// Takes back what is done of it, and leaves alone what is none of it; what somebody edited, also meanwhile, is told.
    pub fn take_back(&self, tree: &Rooted, contents: &Contents) -> io::Result<Vec<Edited>> {
        let mut met = Vec::new();
        self.reversed().each(tree, contents, |error| match Edited::of(&error) {
            Some(edited) => {
                if met.iter().all(|one: &Edited| one.path != edited.path) {
                    met.push(edited.clone());
                }
                Ok(())
            }
            None => Err(error),
        })?;
        Ok(met)
    }

    /// Paths that hold neither what they held before nor what they shall hold.
    pub fn strangers(&self, tree: &Rooted) -> io::Result<Vec<PathBytes>> {
        let mut strange = Vec::new();
        for step in &self.steps {
            let now = tree.state(&step.path.0)?;
            if now != step.from && now != step.to {
                strange.push(step.path.clone());
            }
        }
        Ok(strange)
    }

    /// What has become of it since it was done.
    pub fn since(&self, tree: &Rooted) -> io::Result<Since> {
        let (mut taken_back, mut edited) = (Vec::new(), Vec::new());
        for step in &self.steps {
            let now = tree.state(&step.path.0)?;
            if now == step.to {
                continue;
            }
            let is_back = now.is_same_to_git(&step.from);
            if is_back { &mut taken_back } else { &mut edited }.push(step.path.clone());
        }
        Ok(Since { taken_back, edited })
    }

    /// The same without these paths.
    pub fn without(mut self, paths: &[PathBytes]) -> Self {
        self.steps.retain(|step| !paths.contains(&step.path));
        self
    }

    /// Does what is not done yet.
    pub fn perform(&self, tree: &Rooted, contents: &Contents) -> io::Result<()> {
        self.each(tree, contents, Err)
    }

    /// The same; `failed` says of each error whether the rest is done all the same.
    fn each(
        &self,
        tree: &Rooted,
        contents: &Contents,
        mut failed: impl FnMut(io::Error) -> io::Result<()>,
    ) -> io::Result<()> {
        let (gone, here): (Vec<_>, Vec<_>) =
            self.steps.iter().partition(|step| step.to == FileState::Missing);
        for step in gone {
            exchange(step, tree, contents).or_else(&mut failed)?;
        }
        for directory in self.removed.iter().rev() {
            tree.remove_empty_dir(&directory.path.0)?;
        }
        let mut blocked: Vec<&[u8]> = Vec::new();
        for directory in &self.made {
            let path = directory.path.0.as_slice();
            if is_below(path, &blocked) {
                continue;
            }
            match tree.make_dir(path, directory.mode) {
                // Somebody has put a file there.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    failed(Edited::at(path).into())?;
                    blocked.push(path);
                }
                made => made?,
            }
        }
        for step in here {
            if is_below(&step.path.0, &blocked) {
                failed(Edited::at(&step.path.0).into())?;
            } else {
                exchange(step, tree, contents).or_else(&mut failed)?;
            }
        }
        Ok(())
    }
}

fn is_below(path: &[u8], directories: &[&[u8]]) -> bool {
    directories
        .iter()
        .any(|directory| path.strip_prefix(*directory).is_some_and(|rest| rest.starts_with(b"/")))
}

fn exchange(step: &Step, tree: &Rooted, contents: &Contents) -> io::Result<()> {
    let now = tree.state(&step.path.0)?;
    if now == step.to {
        return Ok(());
    }
    if now != step.from {
        return Err(Edited::at(&step.path.0).into());
    }
    tree.put(&step.path.0, &step.from, &step.to, contents)
}

/// Directories above a path, from the top down.
fn parents(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at])
}

/// Directories in which nothing is left when the steps are done; as git does, they go with their last file.
fn emptied(steps: &[Step], tree: &Rooted) -> io::Result<Vec<Directory>> {
    let is_gone = |path: &[u8]| steps.iter().any(|step| step.path.0 == path && step.to == FileState::Missing);
    let mut candidates: BTreeSet<Vec<u8>> = BTreeSet::new();
    for step in steps.iter().filter(|step| step.to == FileState::Missing) {
        candidates.extend(parents(&step.path.0).map(<[u8]>::to_vec));
    }
    let mut removed: BTreeSet<Vec<u8>> = BTreeSet::new();
    // The deepest first: a directory is empty when all in it is gone.
    for directory in candidates.into_iter().rev() {
        let keeps = steps.iter().any(|step| {
            let below =
                step.path.0.strip_prefix(directory.as_slice()).is_some_and(|rest| rest.starts_with(b"/"));
            below && step.to != FileState::Missing
        });
        if keeps || !tree.is_dir(&directory)? {
            continue;
        }
        let names = tree.names(&directory)?;
        let all_gone = names.iter().all(|name| {
            let path = [directory.as_slice(), b"/", name].concat();
            is_gone(&path) || removed.contains(&path)
        });
        if all_gone {
            removed.insert(directory);
        }
    }
    let told = |path: Vec<u8>| {
        let mode = Some(tree.dir_mode(&path)?);
        Ok(Directory { path: PathBytes(path), mode })
    };
    removed.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct Place {
        dir: tempfile::TempDir,
        tree: Rooted,
        contents: Contents,
        _kept: tempfile::TempDir,
    }

    impl Place {
        fn with(files: &[&str]) -> Self {
            let (dir, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            for file in files {
                let path = dir.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "old").unwrap();
            }
            let (tree, contents) = (Rooted::open(dir.path()).unwrap(), Contents::make(kept.path()).unwrap());
            contents.put(b"old").unwrap();
            Self { dir, tree, contents, _kept: kept }
        }

        /// Does what turns each path into a new file, or takes it away.
        fn landed(&self, changes: &[(&str, bool)]) -> Journal {
            let new = FileState::File { mode: 0o644, sha256: self.contents.put(b"new").unwrap() };
            let step = |&(name, stays): &(&str, bool)| Step {
                path: PathBytes(name.into()),
                from: self.tree.state(name.as_bytes()).unwrap(),
                to: if stays { new.clone() } else { FileState::Missing },
            };
            let root = PathBytes(self.dir.path().as_os_str().as_encoded_bytes().to_vec());
            let journal = Journal::new(root, changes.iter().map(step).collect(), &self.tree).unwrap();
            journal.perform(&self.tree, &self.contents).unwrap();
            journal
        }

        fn edit(&self, name: &str) {
            fs::write(self.dir.path().join(name), "mine").unwrap();
        }

        fn text(&self, name: &str) -> String {
            fs::read_to_string(self.dir.path().join(name)).unwrap()
        }

        fn met(&self, journal: &Journal) -> Vec<String> {
            let met = journal.take_back(&self.tree, &self.contents).unwrap();
            met.into_iter().map(|edited| edited.path).collect()
        }
    }

    #[test]
    fn what_was_edited_does_not_keep_the_rest_from_being_taken_back() {
        let place = Place::with(&["a", "b", "c", "d"]);
        let journal = place.landed(&["a", "b", "c", "d"].map(|name| (name, true)));
        place.edit("a");
        place.edit("c");
        assert_eq!(place.met(&journal), ["a", "c"]);
        assert_eq!(["a", "b", "c", "d"].map(|name| place.text(name)), ["mine", "old", "mine", "old"]);
        let since = journal.since(&place.tree).unwrap();
        assert_eq!((since.taken_back.len(), since.edited.len()), (2, 2));
    }

    #[test]
    fn an_edited_file_where_a_directory_was_keeps_only_what_was_in_it() {
        let place = Place::with(&["a", "d/f"]);
        let journal = place.landed(&[("a", true), ("d/f", false), ("d", true)]);
        assert_eq!(place.text("d"), "new");
        place.edit("d");
        assert_eq!(place.met(&journal), ["d", "d/f"]);
        assert_eq!(["a", "d"].map(|name| place.text(name)), ["old", "mine"]);
    }
}
