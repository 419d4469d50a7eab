//! Reads git objects through libgit2, or git where that cannot, from the object store alone: no repository is opened,
//! so none of its configuration is read and its owner does not matter. Used to classify and to show, never to detect.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use git2::{ObjectType, Odb, Oid};

use crate::content::{ObjectId, object_id};
use crate::git_objects::GitObjects;
use crate::index::Index;
use crate::listing::join;
use crate::object_check::{self, Checked};
use crate::sparse::DIRECTORY;
use crate::store_gate::obstacle;

/// An object that takes longer to read is not read.
const LIMIT: Duration = Duration::from_secs(30);
/// The mode of a commit of another repository.
pub(crate) const SUBMODULE: u32 = 0o160_000;
/// Tags that name tags are followed so far.
const TAGS: usize = 8;

/// The object store of a repository.
pub(crate) struct Objects {
    root: PathBuf,
    common_dir: PathBuf,
    is_open: OnceCell<bool>,
    store: OnceCell<Option<Odb<'static>>>,
    git: RefCell<Git>,
}

/// git is started when libgit2 has not got what is wanted: another hash than SHA-1, or not there.
enum Git {
    NotAsked,
    Running(GitObjects),
    Gone(String),
}

impl Objects {
    /// Nothing is opened before something is asked for.
    pub(crate) fn open(root: &Path, common_dir: &Path) -> Self {
        let git = RefCell::new(Git::NotAsked);
        Self {
            root: root.to_owned(),
            common_dir: common_dir.to_owned(),
            is_open: OnceCell::new(),
            store: OnceCell::new(),
            git,
        }
    }

    fn read(&self, id: &ObjectId) -> Option<(ObjectType, Vec<u8>)> {
        // libgit2 never comes to the end of one that was cut off.
        let oid = Oid::from_bytes(id.bytes()).ok().filter(|_| self.is_open() && !self.is_damaged(id));
        match oid.and_then(|oid| Some((oid, self.store()?))).and_then(|(oid, store)| store.read(oid).ok()) {
            Some(object) => Some((object.kind(), object.data().to_vec())),
            // libgit2 takes nothing that has another name than its bytes give it; git does.
            None => self.ask_git(id).filter(|(kind, bytes)| object_id(*kind, bytes, id).as_ref() == Some(id)),
        }
    }

    /// Whether the object lies alone and is not what its name says.
    fn is_damaged(&self, id: &ObjectId) -> bool {
        let hex = id.to_string();
        let path = self.common_dir.join("objects").join(&hex[..2]).join(&hex[2..]);
        let checked = || object_check::loose(&path, id, Instant::now() + LIMIT);
        path.symlink_metadata().is_ok() && checked() != Checked::Right
    }

    fn store(&self) -> Option<&Odb<'static>> {
        self.store.get_or_init(|| if self.is_open() { open_store(&self.common_dir) } else { None }).as_ref()
    }

    /// Whether nothing in the store would hold a reader up.
    fn is_open(&self) -> bool {
        *self.is_open.get_or_init(|| match obstacle(&self.common_dir.join("objects")) {
            None => true,
            Some(why) => {
                *self.git.borrow_mut() = Git::Gone(why);
                false
            }
        })
    }

    /// How many bytes an object has; none where libgit2 cannot say so without reading it.
    pub(crate) fn size(&self, id: &ObjectId) -> Option<u64> {
        let oid = Oid::from_bytes(id.bytes()).ok().filter(|_| self.is_open() && !self.is_damaged(id))?;
        let (size, _) = self.store()?.read_header(oid).ok()?;
        u64::try_from(size).ok()
    }

    /// Whether the store has the object; what is in it is not looked at.
    pub(crate) fn has(&self, id: &ObjectId) -> bool {
        let oid = Oid::from_bytes(id.bytes()).ok();
        oid.is_some_and(|oid| self.store().is_some_and(|store| store.exists(oid)))
            || self.ask_git(id).is_some()
    }

    fn ask_git(&self, id: &ObjectId) -> Option<(ObjectType, Vec<u8>)> {
        if !self.is_open() {
            return None;
        }
        let mut git = self.git.borrow_mut();
        if let Git::NotAsked = *git {
            *git = match GitObjects::start(&self.root, &self.common_dir, id) {
                Ok(running) => Git::Running(running),
                Err(why) => Git::Gone(why),
            };
        }
        let Git::Running(running) = &mut *git else { return None };
        match running.read(id) {
            Ok(found) => found,
            Err(why) => {
                *git = Git::Gone(why);
                None
            }
        }
    }

    /// Why an object could not be read.
    pub(crate) fn trouble(&self) -> String {
        match &*self.git.borrow() {
            Git::Gone(why) => why.clone(),
            Git::NotAsked | Git::Running(_) => "an object is missing".to_owned(),
        }
    }

    pub(crate) fn blob(&self, id: &ObjectId) -> Option<Vec<u8>> {
        self.read(id).filter(|(kind, _)| *kind == ObjectType::Blob).map(|(_, bytes)| bytes)
    }

    /// The blob that a commit has at a path.
    pub(crate) fn blob_at(&self, commit: &ObjectId, path: &[u8]) -> Option<Vec<u8>> {
        let mut id = self.tree_of(commit)?;
        for name in path.split(|byte| *byte == b'/') {
            id = self.tree(&id)?.into_iter().find(|entry| entry.name == name)?.id;
        }
        self.blob(&id)
    }

    /// A commit: its tree, its parents, the first line of its message.
    pub(crate) fn commit(&self, id: &ObjectId) -> Option<Commit> {
        let (_, bytes) = self.read(id).filter(|(kind, _)| *kind == ObjectType::Commit)?;
        let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap_or(bytes.len());
        let (head, message) = bytes.split_at(end);
        let named = |key: &[u8]| -> Option<Vec<ObjectId>> {
            let lines = head.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(key));
            lines.map(ObjectId::from_hex).collect()
        };
        let subject = message.trim_ascii().split(|byte| *byte == b'\n').next().unwrap_or_default().to_vec();
        Some(Commit { tree: *named(b"tree ")?.first()?, parents: named(b"parent ")?, subject })
    }

    /// The files that differ between two trees; no tree is an empty one.
    pub(crate) fn changed_between(
        &self,
        old: Option<&ObjectId>,
        new: Option<&ObjectId>,
    ) -> Option<Vec<Vec<u8>>> {
        let mut changed = Vec::new();
        self.compare_trees(old, new, &[], &mut changed)?;
        Some(changed)
    }

    fn compare_trees(
        &self,
        old: Option<&ObjectId>,
        new: Option<&ObjectId>,
        path: &[u8],
        changed: &mut Vec<Vec<u8>>,
    ) -> Option<()> {
        let entries = |tree: Option<&ObjectId>| -> Option<BTreeMap<Vec<u8>, (u32, ObjectId)>> {
            let entries = tree.map_or_else(|| Some(Vec::new()), |tree| self.tree(tree))?;
            Some(entries.into_iter().map(|entry| (entry.name, (entry.mode, entry.id))).collect())
        };
        let (was, is) = (entries(old)?, entries(new)?);
        let names: BTreeSet<&Vec<u8>> = was.keys().chain(is.keys()).collect();
        for name in names {
            let (before, after) = (was.get(name), is.get(name));
            if before == after {
                continue;
            }
            let path = join(path, name);
            let tree = |side: Option<&(u32, ObjectId)>| {
                side.filter(|(mode, _)| *mode == DIRECTORY).map(|(_, id)| *id)
            };
            let (old, new) = (tree(before), tree(after));
            if old.is_some() || new.is_some() {
                self.compare_trees(old.as_ref(), new.as_ref(), &path, changed)?;
            }
            if before.is_some() && old.is_none() || after.is_some() && new.is_none() {
                changed.push(path);
            }
        }
        Some(())
    }

    /// The first object that is not there of those that a tree needs, itself included. `looked_at`: trees that are
    /// whole, as far as that is known, and need no second look.
    pub(crate) fn missing_below(
        &self,
        tree: &ObjectId,
        looked_at: &mut HashSet<ObjectId>,
    ) -> Option<ObjectId> {
        if !looked_at.insert(*tree) {
            return None;
        }
        let Some(entries) = self.tree(tree) else { return Some(*tree) };
        entries.into_iter().find_map(|entry| match entry.mode {
            DIRECTORY => self.missing_below(&entry.id, looked_at),
            SUBMODULE => None,
            _ => (looked_at.insert(entry.id) && !self.has(&entry.id)).then_some(entry.id),
        })
    }

    /// The tree of a commit, or of a tag of one.
    pub(crate) fn tree_of(&self, commit: &ObjectId) -> Option<ObjectId> {
        let mut id = *commit;
        for _ in 0..TAGS {
            let (kind, bytes) = self.read(&id)?;
            let line = bytes.split(|byte| *byte == b'\n').next()?;
            match kind {
                ObjectType::Tree => return Some(id),
                ObjectType::Commit => return ObjectId::from_hex(line.strip_prefix(b"tree ")?),
                ObjectType::Tag => id = ObjectId::from_hex(line.strip_prefix(b"object ")?)?,
                ObjectType::Blob | ObjectType::Any => return None,
            }
        }
        None
    }

    /// `None` too for a tree that git would not make: who reads a name that stands in it twice takes one of the two.
    fn tree(&self, id: &ObjectId) -> Option<Vec<TreeEntry>> {
        let (_, bytes) = self.read(id).filter(|(kind, _)| *kind == ObjectType::Tree)?;
        let mut rest = bytes.as_slice();
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let (entry, after) = TreeEntry::parse(rest, id.bytes().len())?;
            entries.push(entry);
            rest = after;
        }
        let mut names = HashSet::new();
        entries.iter().all(|entry| is_plain(&entry.name) && names.insert(&entry.name)).then_some(())?;
        Some(entries)
    }

    /// All files below a tree, as `(path, mode, blob)`.
    pub(crate) fn files_of(&self, tree: &ObjectId) -> Option<Vec<(Vec<u8>, u32, ObjectId)>> {
        let mut all = TreeUnlike::default();
        self.descend(tree, &[], &Index::default(), &mut all)?;
        Some(all.entries)
    }

    /// What is staged against a commit: `(path, A, M or D)`.
    pub(crate) fn staged(&self, commit: &ObjectId, index: &Index) -> Option<Vec<(Vec<u8>, u8)>> {
        let mut unlike = TreeUnlike::default();
        self.descend(&self.tree_of(commit)?, &[], index, &mut unlike)?;
        let index = index.taken_apart(self, |entry| !unlike.is_same(entry.path));
        Some(unlike.staged(&index))
    }

    fn descend(&self, tree: &ObjectId, path: &[u8], index: &Index, unlike: &mut TreeUnlike) -> Option<()> {
        let known = index.trees.binary_search_by(|(known, _)| known.as_slice().cmp(path));
        let sparse = || index.directory_over(&join(path, b"")).is_some_and(|entry| entry.id == *tree);
        if known.is_ok_and(|at| index.trees[at].1 == *tree) || !path.is_empty() && sparse() {
            unlike.same.push(path.to_vec());
            return Some(());
        }
        for entry in self.tree(tree)? {
            let path = join(path, &entry.name);
            if entry.mode == DIRECTORY {
                self.descend(&entry.id, &path, index, unlike)?;
            } else {
                unlike.entries.push((path, entry.mode, entry.id));
            }
        }
        Some(())
    }
}

/// The store through libgit2, which reads alternates too; `None` when it does not take the path.
fn open_store(common_dir: &Path) -> Option<Odb<'static>> {
    let store = Odb::new().ok()?;
    store.add_disk_alternate(common_dir.join("objects").to_str()?).ok()?;
    Some(store)
}

/// Whether a tree may hold the name.
fn is_plain(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/') && !name.eq_ignore_ascii_case(b".git")
}

/// What a commit says.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) tree: ObjectId,
    pub(crate) parents: Vec<ObjectId>,
    pub(crate) subject: Vec<u8>,
}

/// One entry of a tree object.
struct TreeEntry {
    mode: u32,
    name: Vec<u8>,
    id: ObjectId,
}

impl TreeEntry {
    /// `<mode> <name>\0<id>`, and what follows it.
    fn parse(bytes: &[u8], id_len: usize) -> Option<(Self, &[u8])> {
        let space = bytes.iter().position(|byte| *byte == b' ')?;
        let nul = bytes.iter().position(|byte| *byte == 0)?;
        let mode = u32::from_str_radix(str::from_utf8(&bytes[..space]).ok()?, 8).ok()?;
        let (id, after) = bytes[nul + 1..].split_at_checked(id_len)?;
        // Very old trees have other modes; an index never has.
        let mode = match mode >> 12 {
            0o10 if mode & 0o100 != 0 => 0o100_755,
            0o10 => 0o100_644,
            _ => mode,
        };
        let name = bytes.get(space + 1..nul)?.to_vec();
        Some((Self { mode, name, id: ObjectId::new(id)? }, after))
    }
}

/// The part of a tree that has to be compared with an index entry by entry: what it holds, except below directories
/// that the index is known to hold unchanged.
#[derive(Debug, Default)]
pub(crate) struct TreeUnlike {
    entries: Vec<(Vec<u8>, u32, ObjectId)>,
    same: Vec<Vec<u8>>,
}

impl TreeUnlike {
    fn staged(&self, index: &Index) -> Vec<(Vec<u8>, u8)> {
        let known: std::collections::HashMap<&[u8], (u32, &ObjectId)> =
            self.entries.iter().map(|(path, mode, id)| (path.as_slice(), (*mode, id))).collect();
        let mut here = HashSet::new();
        let mut staged = Vec::new();
        for entry in self.unlike(index).map(|at| index.entry(at)) {
            here.insert(entry.path);
            match known.get(entry.path) {
                _ if entry.intent_to_add => {}
                None => staged.push((entry.path.to_vec(), b'A')),
                Some((mode, id)) if *mode == entry.mode && **id == entry.id => {}
                Some(_) => staged.push((entry.path.to_vec(), b'M')),
            }
        }
        let gone = self.entries.iter().filter(|(path, ..)| !here.contains(path.as_slice()));
        staged.extend(gone.map(|(path, ..)| (path.clone(), b'D')));
        staged
    }

    fn is_same(&self, path: &[u8]) -> bool {
        self.same.iter().any(|top| {
            top.is_empty() || path.strip_prefix(top.as_slice()).is_some_and(|rest| rest.starts_with(b"/"))
        })
    }

    /// The positions of the entries that lie below none of the directories that are the same.
    fn unlike(&self, index: &Index) -> impl Iterator<Item = usize> {
        let mut same: Vec<_> = self.same.iter().map(|top| index.below(top)).collect();
        same.sort_unstable_by_key(|range| range.start);
        let starts = std::iter::once(0).chain(same.clone().into_iter().map(|range| range.end));
        let ends = same.into_iter().map(|range| range.start).chain([index.len()]);
        starts.zip(ends).flat_map(|(start, end)| start..end)
    }
}
