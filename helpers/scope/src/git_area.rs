//! One git directory with all that lies in it: worktrees and modules are repositories of their own in there.
//! Owns what is read of it; what a difference means stands in `git_findings`.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use clodex_core::path_text;
use serde::{Deserialize, Serialize};

use crate::ScopeError;
use crate::content::{self, Digest};
use crate::index::Index;
use crate::listing::{Kind, Listing, Seen, Stat, join, split};
use crate::object_check::{self, Trailer};
use crate::objects::Objects;
use crate::path_bytes;
use crate::refs::{Refs, read_head, read_refs, resolve};
use crate::reftable::read_stack;
use crate::store_changes::is_sealed;
use crate::store_gate::obstacle;
use crate::tree::common_dir_of;
use crate::walk::{Meet, walk};

/// Files of a git directory beyond this are compared by their times alone.
const MARKED: u64 = 1 << 20;

/// A git directory and everything below it that can carry a change.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GitArea {
    #[serde(with = "path_bytes")]
    pub(crate) path: PathBuf,
    /// How its files are named: `.git`, or where the nested repository lies.
    pub(crate) prefix: Vec<u8>,
    pub(crate) listing: Listing,
    /// Contents of the files that can change what git does.
    pub(crate) marks: HashMap<Vec<u8>, Digest>,
    /// How packs end, and what belongs to them.
    pub(crate) trailers: HashMap<Vec<u8>, Trailer>,
    /// The repositories in it; the outermost has an empty base.
    pub(crate) repositories: Vec<RepositoryState>,
}

/// What one repository says of its history and its index.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RepositoryState {
    /// Where it lies in the area.
    pub(crate) base: Vec<u8>,
    pub(crate) head: Option<Vec<u8>>,
    pub(crate) refs: Refs,
    /// Why git would not read the packed ones.
    pub(crate) packed_fault: Option<String>,
    pub(crate) stash_log: Option<Digest>,
    pub(crate) index: Result<Index, String>,
    /// Nanoseconds; entries not older than this may hide a later edit.
    pub(crate) index_mtime: i64,
    /// Where its work tree lies in ours, when it does.
    pub(crate) worktree: Option<Vec<u8>>,
}

impl RepositoryState {
    /// Where its object store is in the area, if it has one.
    pub(crate) fn store(&self) -> Vec<u8> {
        join(&self.base, b"objects")
    }

    /// Its objects; `area` is the directory that it lies in, `root` the work tree around all.
    pub(crate) fn objects(&self, area: &Path, root: &Path) -> Objects {
        Objects::open(root, &common_dir_of(&area.join(OsStr::from_bytes(&self.base))))
    }
}

impl GitArea {
    /// Reads the directory.
    pub(crate) fn read(path: &Path, prefix: &[u8]) -> Result<Self, ScopeError> {
        let listing = walk(path, None, |found| meet(path, found))?;
        let mut area = Self {
            path: path.to_owned(),
            prefix: prefix.to_vec(),
            listing,
            marks: HashMap::new(),
            trailers: HashMap::new(),
            repositories: Vec::new(),
        };
        area.doubt_what_cannot_be_read();
        for base in area.bases() {
            let mut repository = area.repository(base);
            area.add_reftable(&mut repository);
            if let Some(why) = &repository.packed_fault {
                let shown = path_text(&area.shown(&join(&repository.base, b"packed-refs")));
                area.listing.problems.push(format!("cannot read the refs in `{shown}`: {why}"));
            }
            if let Err(why) = &repository.index {
                let shown = path_text(&area.shown(&join(&repository.base, b"index")));
                area.listing.problems.push(format!("cannot read the index `{shown}`: {why}"));
            }
            area.repositories.push(repository);
        }
        Ok(area)
    }

    /// What could not be listed may hide anything; what lies in the way of objects is read by nobody.
    fn doubt_what_cannot_be_read(&mut self) {
        let closed = self.listing.directories.iter().filter(|directory| directory.unreadable);
        let mut problems: Vec<String> =
            closed.map(|closed| format!("cannot list `{}`", path_text(&self.shown(&closed.path)))).collect();
        let stores = self.bases().into_iter().map(|base| join(&base, b"objects"));
        let stores = stores.filter(|store| self.listing.directory(store).is_some());
        let in_the_way = stores.filter_map(|store| obstacle(&self.absolute(&store)));
        problems.extend(in_the_way.map(|what| format!("objects are not read: {what}")));
        self.listing.problems.extend(problems);
    }

    /// Remembers the contents of the files that can change what git does, and the ends of packs.
    pub(crate) fn mark(&mut self) {
        self.trailers = self.ends_of_packs();
        for (path, seen) in self.listing.paths() {
            let wanted = seen.stat.kind == Kind::File && seen.stat.size <= MARKED && !self.is_noise(&path);
            if wanted && let Ok(digest) = content::digest_file(&self.path, &path) {
                self.marks.insert(path, digest);
            }
        }
    }

    fn ends_of_packs(&self) -> HashMap<Vec<u8>, Trailer> {
        let mut ends = HashMap::new();
        for store in self.repositories.iter().map(RepositoryState::store) {
            for below in [&b"pack"[..], b"info", b"info/commit-graphs"] {
                let directory = self.listing.directory(&join(&store, below));
                for seen in directory.into_iter().flat_map(|directory| directory.entries()) {
                    let path = join(&store, &join(below, seen.name));
                    if seen.stat.kind == Kind::File
                        && is_sealed(&join(below, seen.name))
                        && let Some(end) = object_check::trailer(&self.absolute(&path))
                    {
                        ends.insert(path, end);
                    }
                }
            }
        }
        ends
    }

    /// How many of the files that can change what git does were too big to remember, of those that `is_meant`.
    pub(crate) fn unmarked(&self, is_meant: impl Fn(&Stat) -> bool) -> usize {
        let unmarked = |(path, seen): &(Vec<u8>, Seen<'_>)| {
            is_meant(&seen.stat) && !self.marks.contains_key(path) && !self.is_noise(path)
        };
        self.listing.paths().filter(unmarked).count()
    }

    fn bases(&self) -> Vec<Vec<u8>> {
        let is_base = |path: &[u8]| {
            let Some(directory) = self.listing.directory(path) else { return false };
            let known = directory.entry(b"refs").is_some() || directory.entry(b"commondir").is_some();
            directory.entry(b"HEAD").is_some() && known && !path.starts_with(b"refs/")
        };
        let directories = self.listing.directories.iter();
        directories.map(|directory| directory.path.to_vec()).filter(|path| is_base(path)).collect()
    }

    fn repository(&self, base: Vec<u8>) -> RepositoryState {
        let index_path = join(&base, b"index");
        let index = match content::read(&self.path, &index_path) {
            Ok(bytes) => self.whole_index(&base, bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Index::default()),
            Err(error) => Err(error.to_string()),
        };
        let (refs, packed_fault) = read_refs(&self.path, &base, &self.listing);
        RepositoryState {
            head: read_head(&self.path, &base),
            refs,
            packed_fault,
            stash_log: stash_log(&self.path, &base),
            index,
            index_mtime: self.listing.entry(&index_path).map_or(0, |seen| seen.stat.mtime),
            worktree: None,
            base,
        }
    }

    /// Refs that are kept in tables: HEAD's file says nothing then.
    fn add_reftable(&mut self, repository: &mut RepositoryState) {
        match read_stack(&self.path, &repository.base) {
            Ok(None) => {}
            Ok(Some(mut stack)) => {
                repository.head = stack.refs.remove(&b"HEAD"[..]).or(repository.head.take());
                stack.refs.remove(&b"ORIG_HEAD"[..]);
                repository.refs.append(&mut stack.refs);
                repository.stash_log = stack.stash_log.or(repository.stash_log);
            }
            Err(why) => {
                let shown = path_text(&self.shown(&join(&repository.base, b"reftable")));
                self.listing.problems.push(format!("cannot read the refs in `{shown}`: {why}"));
            }
        }
    }

    fn whole_index(&self, base: &[u8], bytes: Vec<u8>) -> Result<Index, String> {
        let mut index = Index::parse(bytes)?;
        if let Some(shared) = &index.shared {
            let name = join(base, format!("sharedindex.{}", shared.id).as_bytes());
            let bytes = content::read(&self.path, &name).map_err(|error| format!("shared index: {error}"))?;
            index.merge_shared(&Index::parse(bytes)?)?;
        }
        Ok(index)
    }

    /// The repository that a path of the area belongs to, and the path within it.
    pub(crate) fn owner<'p>(&self, path: &'p [u8]) -> (&[u8], &'p [u8]) {
        let owns = |base: &[u8]| {
            base.is_empty() || path.strip_prefix(base).is_some_and(|rest| rest.starts_with(b"/"))
        };
        let bases = self.repositories.iter().map(|repository| repository.base.as_slice());
        match bases.filter(|base| !base.is_empty() && owns(base)).max_by_key(|base| base.len()) {
            Some(base) => (base, &path[base.len() + 1..]),
            None => (b"", path),
        }
    }

    /// Whether git writes the file as a matter of course, or its meaning is compared by value elsewhere.
    pub(crate) fn is_noise(&self, path: &[u8]) -> bool {
        let (_, within) = self.owner(path);
        let (parent, name) = split(within);
        let top = within.split(|byte| *byte == b'/').next().unwrap_or_default();
        match (top, parent) {
            (b"refs" | b"logs" | b"lfs" | b"fsmonitor--daemon" | b"fsmonitor--daemon.ipc", _) => true,
            (b"objects", parent) => {
                parent != b"objects/info" || !matches!(name, b"alternates" | b"http-alternates")
            }
            (b"info", b"info") => name == b"refs",
            (b"reftable", b"reftable") => is_table(name),
            (_, b"") => is_noise_file(name),
            _ => false,
        }
    }

    /// Whether git keeps a file of its own under this name at the top of a repository.
    pub(crate) fn is_file_of_gits(&self, path: &[u8]) -> bool {
        let (_, within) = self.owner(path);
        split(within).0.is_empty() && is_noise_file(within)
    }

    /// Whether the path is in an object store, and compared by what git makes of it.
    pub(crate) fn is_object(&self, path: &[u8]) -> bool {
        self.owner(path).1.starts_with(b"objects/") && self.is_noise(path)
    }

    /// Whether the repository has objects of its own.
    pub(crate) fn has_store(&self, repository: &RepositoryState) -> bool {
        self.listing.directory(&repository.store()).is_some()
    }

    /// Where a path of the area lies.
    pub(crate) fn absolute(&self, path: &[u8]) -> PathBuf {
        self.path.join(OsStr::from_bytes(path))
    }

    pub(crate) fn shown(&self, path: &[u8]) -> Vec<u8> {
        join(&self.prefix, path)
    }

    /// The repository of the work tree that is looked at, when it lies in here.
    pub(crate) fn own(&self) -> Option<&RepositoryState> {
        self.repositories.iter().find(|repository| repository.worktree.as_ref().is_some_and(Vec::is_empty))
    }

    /// The repository whose objects a repository uses: the one around it where it is a work tree's.
    pub(crate) fn owner_of_store(&self, repository: &RepositoryState) -> &[u8] {
        let around = split(split(&repository.base).0).0;
        let base = if self.has_store(repository) { &repository.base } else { around };
        self.repository_at(base).map_or(b"", |owner| &owner.base)
    }

    /// The git directory that a repository's objects are in: what the listing knows counts for more than what is
    /// written there by now.
    pub(crate) fn common_dir(&self, repository: &RepositoryState) -> PathBuf {
        let owner = self.repository_at(self.owner_of_store(repository));
        match owner.filter(|owner| self.has_store(owner)) {
            Some(owner) => self.absolute(&owner.base),
            None => common_dir_of(&self.absolute(&repository.base)),
        }
    }

    /// The object that the HEAD of one of the repositories leads to.
    pub(crate) fn head_commit_of(&self, repository: &RepositoryState) -> Option<Vec<u8>> {
        let around = self.repository_at(self.owner_of_store(repository));
        let all = around.into_iter().flat_map(|around| &around.refs).chain(&repository.refs);
        let refs = all.map(|(name, value)| (name.clone(), value.clone())).collect();
        resolve(repository.head.as_ref()?, &refs).map(<[u8]>::to_vec)
    }

    pub(crate) fn repository_at(&self, base: &[u8]) -> Option<&RepositoryState> {
        self.repositories.iter().find(|repository| repository.base == base)
    }
}

/// What the list of stashes says; one that cannot be read says something else than any other.
fn stash_log(area: &Path, base: &[u8]) -> Option<Digest> {
    match content::read(area, &join(base, b"logs/refs/stash")) {
        Ok(log) => Some(content::digest_of(&log)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => None,
        Err(error) => Some(content::digest_of(error.kind().to_string().as_bytes())),
    }
}

fn is_noise_file(name: &[u8]) -> bool {
    let known = [
        &b"index"[..],
        b"HEAD",
        b"packed-refs",
        b"FETCH_HEAD",
        b"ORIG_HEAD",
        b"AUTO_MERGE",
        b"COMMIT_EDITMSG",
        b"gc.log",
        b"gc.pid",
        b"config",
        b"shallow",
    ];
    let by_value = &known[..9];
    by_value.contains(&name)
        || name.starts_with(b"sharedindex.")
        || name.strip_suffix(b".lock").is_some_and(|locked| known.contains(&locked))
}

/// Tables are compared by what they say; their names change with every write.
fn is_table(name: &[u8]) -> bool {
    let name = name.strip_suffix(b".lock").unwrap_or(name);
    name == b"tables.list" || name.ends_with(b".ref")
}

/// Logs say what was, and the store of LFS is a cache.
fn meet(area: &Path, path: &[u8]) -> Meet {
    let (parent, name) = split(path);
    let is_repository = |path: &[u8]| {
        path.is_empty()
            || path.starts_with(b"modules/")
                && area.join(OsStr::from_bytes(path)).join("HEAD").symlink_metadata().is_ok()
    };
    if matches!(name, b"logs" | b"lfs") && is_repository(parent) { Meet::Name } else { Meet::Enter }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::Draft;

    #[test]
    fn a_directory_that_cannot_be_listed_is_never_passed_over() {
        let mut closed = Draft::default();
        closed.begin(b"refs/heads/x");
        closed.unreadable = true;
        let listing = Listing { directories: vec![closed.finish(None)], problems: Vec::new() };
        let mut area = GitArea {
            path: PathBuf::from("/nowhere/.git"),
            prefix: b".git".to_vec(),
            listing,
            marks: HashMap::new(),
            trailers: HashMap::new(),
            repositories: Vec::new(),
        };
        area.doubt_what_cannot_be_read();
        assert_eq!(area.listing.problems, ["cannot list `.git/refs/heads/x`"]);
    }
}
