//! One look at everything that the verdict rests on: the walk, the git directories, which files git tracks, and
//! what is in those whose content git does not know. Decides nothing about scope.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::content::Digest;
use crate::content::ObjectId;
use crate::file_check::{Job, run_jobs};
use crate::git_area::{GitArea, RepositoryState};
use crate::index::IndexEntry;
use crate::listing::{Directory, Kind, Listing, Seen, join, split};
use crate::rules::Rules;
use crate::tracked::{Cursor, TreeIndex};
use crate::tree::{is_git_dir, read_git_file};
use crate::walk::{Meet, walk};
use crate::{ScopeError, Tree};

/// What was known of a file whose content git does not vouch for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) digest: Digest,
    /// The bytes, when there was room to keep them.
    pub(crate) kept: Option<Arc<[u8]>>,
}

/// How a path stands in git: index against HEAD, work tree against index, as in `git status --porcelain`.
pub(crate) type StatusLetters = [u8; 2];

/// All that one pass saw.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Survey {
    pub(crate) listing: Listing,
    pub(crate) areas: Vec<GitArea>,
    pub(crate) known: HashMap<Vec<u8>, Known>,
    pub(crate) status: BTreeMap<Vec<u8>, StatusLetters>,
    /// Tracked files of which neither the blob tells what is in them, nor `known`.
    pub(crate) unread: HashSet<Vec<u8>>,
    pub(crate) notes: Vec<String>,
}

/// How the content of a file is known.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    Digest(&'a Digest),
    Blob(ObjectId),
    Unread,
}

/// What going through a listing tells.
#[derive(Default)]
struct SortedOut {
    jobs: Vec<Job>,
    status: BTreeMap<Vec<u8>, StatusLetters>,
    known: HashMap<Vec<u8>, Known>,
    unread: HashSet<Vec<u8>>,
    /// For each index, which of its entries' files are there.
    seen: Vec<Vec<bool>>,
}

impl SortedOut {
    /// Goes through the files of one directory.
    fn add(
        &mut self,
        directory: &Directory,
        (below_ignored, stat_only): (bool, bool),
        mut cursors: Vec<(usize, Cursor<'_>)>,
        (rules, before): (&Rules, Option<&Survey>),
    ) {
        let mut path = directory.path_of(b"");
        let parent_len = path.len();
        for seen in directory.entries().filter(|seen| seen.stat.kind != Kind::Directory) {
            path.truncate(parent_len);
            path.extend_from_slice(seen.name);
            let tracked = cursors.iter_mut().find_map(|(number, cursor)| {
                let (at, entry) = cursor.entry(seen.name)?;
                self.seen[*number][at] = true;
                Some((entry, *number, cursor.of))
            });
            let is_distrusted = rules.distrusted.covers(&seen.stat);
            let job = if let Some((entry, number, of)) = tracked {
                let check_in = rules.check_in(of.worktree);
                // What `lstat` tells is nothing that the index could vouch for.
                let vouched_until = if is_distrusted { i64::MIN } else { of.repository.index_mtime };
                Job::tracked(&path, seen, (&entry, number), vouched_until, check_in)
            } else {
                let is_ignored = below_ignored || seen.name == b".git" || rules.ignore.matches(&path, false);
                if !is_ignored {
                    self.status.insert(path.clone(), *b"??");
                }
                if stat_only { None } else { Job::unknown(&path, seen, is_ignored) }
            };
            let Some(job) = job else { continue };
            let entry = tracked.map(|(entry, ..)| entry);
            match before.filter(|before| !is_distrusted && before.still_holds(&path, seen, entry)) {
                Some(before) => self.take_over(&path, before),
                None => self.jobs.push(job),
            }
        }
    }

    /// What was said of an untouched file before holds still.
    fn take_over(&mut self, path: &[u8], before: &Survey) {
        let letter = before.status.get(path).map(|letters| letters[1]);
        if let Some(letter) = letter.filter(|letter| !b" ?".contains(letter)) {
            self.status.insert(path.to_vec(), [b' ', letter]);
        }
        self.known.extend(before.known.get(path).map(|known| (path.to_vec(), known.clone())));
        self.unread.extend(before.unread.get(path).cloned());
    }
}

/// Walks the work tree; git directories are for [`GitArea`], excluded ones for nobody.
pub(crate) fn list_tree(
    tree: &Tree,
    exclude: &[Vec<u8>],
    known: Option<&Listing>,
) -> Result<Listing, ScopeError> {
    walk(tree.root(), known, |path| {
        if exclude.iter().any(|excluded| excluded == path) {
            Meet::Skip
        } else if split(path).1 == b".git" {
            Meet::Name
        } else {
            Meet::Enter
        }
    })
}

/// Reads the tree's own git directory and those of the repositories nested in it.
pub(crate) fn read_areas(tree: &Tree, listing: &Listing) -> (Vec<GitArea>, Vec<String>) {
    let mut problems = Vec::new();
    let mut areas: Vec<GitArea> = Vec::new();
    let mut worktrees: Vec<(PathBuf, Vec<u8>)> = vec![(tree.git_dir().to_owned(), Vec::new())];
    let mut add = |areas: &mut Vec<GitArea>, path: &Path, prefix: &[u8]| {
        if areas.iter().all(|area| !path.starts_with(&area.path)) {
            match GitArea::read(path, prefix) {
                Ok(area) => areas.push(area),
                // What another run's sandbox mounts goes with its command; one that was there before is missed by name.
                Err(error) if prefix != b".git" && is_of_what_is_gone(&error) => {}
                Err(error) => problems.push(error.to_string()),
            }
        }
    };
    add(&mut areas, tree.common_dir(), b".git");
    add(&mut areas, tree.git_dir(), b".git");
    for directory in &listing.directories {
        let Some(found) = directory.entry(b".git").filter(|_| !directory.path.is_empty()) else { continue };
        let prefix = directory.path_of(b".git");
        let path = tree.root().join(OsStr::from_bytes(&prefix));
        match found.stat.kind {
            Kind::Directory => {
                add(&mut areas, &path, &prefix);
                worktrees.push((path, directory.path.to_vec()));
            }
            Kind::File => {
                if let Some(git_dir) = read_git_file(&path).filter(|git_dir| is_git_dir(git_dir)) {
                    add(&mut areas, &git_dir, &prefix);
                    worktrees.push((git_dir, directory.path.to_vec()));
                }
            }
            Kind::Symlink | Kind::Fifo | Kind::Socket | Kind::Device => {}
        }
    }
    for area in &mut areas {
        for repository in &mut area.repositories {
            let path = area.path.join(OsStr::from_bytes(&repository.base));
            repository.worktree =
                worktrees.iter().find(|(git_dir, _)| *git_dir == path).map(|(_, at)| at.clone());
        }
    }
    (areas, problems)
}

fn is_of_what_is_gone(error: &ScopeError) -> bool {
    matches!(error, ScopeError::Io { error, .. } if error.kind() == std::io::ErrorKind::NotFound)
}

impl Survey {
    /// Looks at every file; what `before` knew of untouched ones is taken over.
    pub(crate) fn take(
        tree: &Tree,
        listing: Listing,
        areas: Vec<GitArea>,
        rules: &Rules,
        before: Option<&Self>,
    ) -> Self {
        let mut survey = Self {
            listing,
            areas,
            known: HashMap::new(),
            status: BTreeMap::new(),
            unread: HashSet::new(),
            notes: Vec::new(),
        };
        survey.look_into_sparse_directories(tree);
        let sorted = survey.sort_out(rules, before);
        (survey.status, survey.known, survey.unread) = (sorted.status, sorted.known, sorted.unread);
        let stores: Vec<PathBuf> = survey.indexes().map(|of| of.common_dir()).collect();
        for done in run_jobs(tree.root(), &stores, sorted.jobs, &mut survey.notes) {
            if done.is_unread {
                survey.unread.insert(done.path.clone());
            }
            if let Some(letter) = done.letter {
                survey.status.insert(done.path.clone(), [b' ', letter]);
            }
            if let Some(known) = done.known {
                survey.known.insert(done.path, known);
            }
        }
        let missing = survey.missing(&sorted.seen);
        survey.status.extend(missing);
        survey.add_staged(tree);
        survey
    }

    /// Sparse directories in which there is something, though there should not be.
    fn look_into_sparse_directories(&mut self, tree: &Tree) {
        let Self { listing, areas, .. } = self;
        for area in areas {
            for repository in &mut area.repositories {
                let objects = repository.objects(&area.path, tree.root());
                let (Some(worktree), Ok(index)) = (&repository.worktree, &mut repository.index) else {
                    continue;
                };
                let is_there = |entry: &IndexEntry<'_>| {
                    let path = join(worktree, entry.path.strip_suffix(b"/").unwrap_or(entry.path));
                    listing.entry(&path).is_some()
                };
                let Cow::Owned(apart) = index.taken_apart(&objects, is_there) else { continue };
                *index = apart;
            }
        }
    }

    /// Goes through the listing once: what needs a look at its content becomes a job.
    fn sort_out(&self, rules: &Rules, before: Option<&Self>) -> SortedOut {
        let indexes: Vec<TreeIndex<'_>> = self.indexes().collect();
        let mut sorted = SortedOut {
            seen: indexes.iter().map(|of| vec![false; of.index.len()]).collect(),
            ..SortedOut::default()
        };
        let mut ignored: HashSet<&[u8]> = HashSet::new();
        for directory in &self.listing.directories {
            let path: &[u8] = &directory.path;
            let parent_is = ignored.contains(split(path).0);
            if !path.is_empty() && (parent_is || rules.ignore.matches(path, true)) {
                ignored.insert(path);
            }
            let below_ignored = ignored.contains(path);
            let stat_only = below_ignored && rules.is_stat_only(path);
            let numbered = indexes.iter().enumerate();
            let cursors: Vec<_> =
                numbered.filter_map(|(number, index)| Some((number, Cursor::new(*index, path)?))).collect();
            if !(stat_only && cursors.is_empty()) {
                sorted.add(directory, (below_ignored, stat_only), cursors, (rules, before));
            }
        }
        sorted
    }

    /// Whether what this survey says of the path still holds for what was seen now.
    fn still_holds(&self, path: &[u8], now: Seen<'_>, entry: Option<IndexEntry<'_>>) -> bool {
        let untouched =
            self.listing.entry(path).is_some_and(|before| now.stat.is_untouched_since(&before.stat));
        untouched
            && match (self.tracked(path), entry) {
                (None, None) => true,
                (Some(before), Some(now)) => before.says_the_same(&now),
                _ => false,
            }
    }

    /// What is known of the content of a file.
    pub(crate) fn content(&self, path: &[u8]) -> Content<'_> {
        match (self.known.get(path), self.tracked(path)) {
            (Some(known), _) => Content::Digest(&known.digest),
            (None, Some(entry)) if !self.unread.contains(path) => Content::Blob(entry.id),
            (None, Some(_) | None) => Content::Unread,
        }
    }

    pub(crate) fn is_read(&self, path: &[u8]) -> bool {
        !matches!(self.content(path), Content::Unread)
    }

    /// Lets go of the bytes of files that lie somewhere else, too.
    pub(crate) fn forget_kept(&mut self, lies_elsewhere: impl Fn(&[u8]) -> bool) {
        for (path, known) in &mut self.known {
            if known.kept.is_some() && lies_elsewhere(path) {
                known.kept = None;
            }
        }
    }

    /// The index entry of a path, in whichever repository has it in its work tree.
    pub(crate) fn tracked(&self, path: &[u8]) -> Option<IndexEntry<'_>> {
        self.tracked_in(path).map(|(_, entry)| entry)
    }

    /// The same, and the index that has it.
    pub(crate) fn tracked_in(&self, path: &[u8]) -> Option<(TreeIndex<'_>, IndexEntry<'_>)> {
        self.indexes().find_map(|of| Some((of, of.find(path)?)))
    }

    /// Whether the index names the path, or a sparse directory that it lies in.
    pub(crate) fn is_tracked(&self, path: &[u8]) -> bool {
        self.tracked(path).is_some() || self.is_in_sparse_directory(path)
    }

    fn is_in_sparse_directory(&self, path: &[u8]) -> bool {
        self.indexes().any(|of| of.has_directory_over(path))
    }

    /// Whether anything below the directory is tracked.
    pub(crate) fn tracks_below(&self, directory: &[u8]) -> bool {
        self.is_in_sparse_directory(directory) || self.indexes().any(|of| of.tracks_below(directory))
    }

    fn repositories(&self) -> impl Iterator<Item = (&[u8], &GitArea, &RepositoryState)> {
        let repositories =
            self.areas.iter().flat_map(|area| area.repositories.iter().map(move |found| (area, found)));
        repositories.filter_map(|(area, found)| Some((found.worktree.as_deref()?, area, found)))
    }

    pub(crate) fn indexes(&self) -> impl Iterator<Item = TreeIndex<'_>> {
        self.repositories().filter_map(|(worktree, area, repository)| {
            Some(TreeIndex { worktree, area, repository, index: repository.index.as_ref().ok()? })
        })
    }

    /// The repository whose work tree this is.
    pub(crate) fn own(&self) -> Option<&RepositoryState> {
        self.repositories().find(|(worktree, ..)| worktree.is_empty()).map(|(.., repository)| repository)
    }

    /// The object that HEAD leads to.
    pub(crate) fn head_commit(&self) -> Option<Vec<u8>> {
        let head = self.own()?.head.clone()?;
        let all = self.own()?.refs.iter().chain(self.areas.first()?.repository_at(b"")?.refs.iter());
        let refs = all.map(|(name, value)| (name.clone(), value.clone())).collect();
        crate::refs::resolve(&head, &refs).map(<[u8]>::to_vec)
    }

    /// Tracked files that are not there, or in conflict. `seen` marks the entries whose files are there.
    fn missing(&self, seen: &[Vec<bool>]) -> Vec<(Vec<u8>, StatusLetters)> {
        let mut missing = Vec::new();
        for (of, seen) in self.indexes().zip(seen) {
            let unseen = of.index.entries().zip(seen).filter(|(entry, seen)| !**seen || entry.stage != 0);
            for (entry, _) in unseen.filter(|(entry, _)| entry.mode >> 12 != 0o16 && !entry.skip_worktree) {
                let path = of.path_of(&entry);
                if entry.stage != 0 {
                    missing.push((path, *b"UU"));
                } else if !self.listing.entry(&path).is_some_and(|seen| seen.stat.kind != Kind::Directory) {
                    missing.push((path, *b" D"));
                }
            }
        }
        missing
    }
}
