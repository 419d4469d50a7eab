//! Whether the object stores still hold what they held: objects under their right names, all of history, and nothing that
//! tells git another one. Who can write there changes all of that without a change of any ref. Nothing is read where
//! nothing was written.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clodex_core::{ViolationKind, path_text};

use crate::content::ObjectId;
use crate::ctime::Distrusted;
use crate::differences::differences;
use crate::finding::Finding;
use crate::git_area::{GitArea, RepositoryState};
use crate::git_verify::{History, Verifier};
use crate::listing::join;
use crate::lost_objects::{first_lost, object_path, tips};
use crate::object_check::{self, Checked};
use crate::objects::Objects;
use crate::store_changes::{StoreChanges, Written};
use crate::store_gate::obstacle;
use crate::survey::Survey;

/// What is not read by then is not known.
const LIMIT: Duration = Duration::from_secs(30);

/// How much is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// What can be told at once, while things are being written.
    Glance,
    Whole,
}

/// What was found, and why it is not complete, if it is not.
#[derive(Debug, Default)]
pub(crate) struct ObjectFindings {
    pub(crate) findings: Vec<Finding>,
    pub(crate) problems: Vec<String>,
}

/// Compares the stores of two looks; `counts` says whether a store is to be looked at.
pub(crate) fn object_findings(
    root: &Path,
    (before, after): (&Survey, &Survey),
    distrusted: &Distrusted,
    depth: Depth,
    counts: impl Fn(&Path) -> bool,
) -> ObjectFindings {
    let mut found = ObjectFindings::default();
    let deadline = Instant::now() + LIMIT;
    for was in &before.areas {
        let Some(is) = after.areas.iter().find(|is| is.path == was.path) else { continue };
        let mut changed: Vec<(&RepositoryState, StoreChanges)> = was
            .repositories
            .iter()
            .filter(|owner| was.has_store(owner) && counts(&was.absolute(&owner.store())))
            .map(|owner| (owner, StoreChanges::default()))
            .collect();
        differences(&was.listing, &is.listing, distrusted, |path, pair| {
            let in_store = |owner: &RepositoryState| {
                Some(path.strip_prefix(&*owner.store())?.strip_prefix(b"/")?.to_vec())
            };
            if let Some((within, changes)) =
                changed.iter_mut().find_map(|(owner, changes)| Some((in_store(owner)?, changes)))
            {
                changes.add(&within, &path, pair);
            }
        });
        for (owner, changes) in changed {
            Store { root, area: was, owner, deadline, found: &mut found }.judge(changes, depth);
        }
    }
    found
}

/// A store that changed, as it was known before.
struct Store<'a> {
    root: &'a Path,
    area: &'a GitArea,
    owner: &'a RepositoryState,
    deadline: Instant,
    found: &'a mut ObjectFindings,
}

impl Store<'_> {
    fn judge(&mut self, changes: StoreChanges, depth: Depth) {
        self.loose(changes.loose);
        self.promises(&changes.promises);
        let (packs, is_rewritten) = self.unsealed(&changes.packs);
        let (indexes, _) = self.unsealed(&changes.multi_pack_indexes);
        let (graphs, _) = self.unsealed(&changes.graphs);
        let is_less = (changes.is_less || is_rewritten) && !self.is_partial();
        let is_right = packs.is_empty() && indexes.is_empty() && graphs.is_empty() && !is_less;
        // What is in the way of reading is told elsewhere.
        if is_right || depth == Depth::Glance || obstacle(&self.area.absolute(&self.owner.store())).is_some()
        {
            return;
        }
        let tips = tips(self.area, self.owner);
        let git_dir = self.area.absolute(&self.owner.base);
        let git = Verifier { root: self.root, git_dir, tips: &tips };
        let of_packs = self.index_paths(&packs);
        self.expect(&packs, "holds other objects than it says", || git.packs(&of_packs));
        self.expect(&indexes, "does not say what the packs say", || git.multi_pack_index());
        self.expect(&graphs, "does not tell of commits what they say themselves", || git.commit_graph());
        if is_less {
            self.history(&git);
        }
    }

    /// Objects are what their names say.
    fn loose(&mut self, mut loose: Vec<(Written, ObjectId)>) {
        loose.sort_by_key(|(written, _)| !written.is_touched);
        for (written, id) in loose {
            match object_check::loose(&self.area.absolute(&written.path), &id, self.deadline) {
                Checked::Right => {}
                Checked::Wrong => {
                    let detail = "an object that is not what its name says";
                    self.tell(&written, detail);
                }
                Checked::OutOfTime => {
                    if written.is_touched {
                        self.doubt("there were too many, or too big ones");
                    }
                    return;
                }
            }
        }
    }

    /// A clone that has everything has nothing to fetch.
    fn promises(&mut self, promises: &[Vec<u8>]) {
        if !self.is_partial() {
            let promised: Vec<Finding> = promises
                .iter()
                .map(|path| {
                    let detail = "says that what is missing can be fetched".to_owned();
                    self.finding(path, ViolationKind::Added, detail)
                })
                .collect();
            self.found.findings.extend(promised);
        }
    }

    /// Those that are not, byte for byte, what they were, and whether one of them was there before.
    fn unsealed<'w>(&self, written: &'w [Written]) -> (Vec<&'w Written>, bool) {
        let len = tips(self.area, self.owner).first().map_or(20, |id| id.bytes().len());
        let is_sealed = |written: &Written| {
            let Some(trailer) = self.area.trailers.get(&written.path).filter(|_| written.was_there) else {
                return false;
            };
            let path = self.area.absolute(&written.path);
            match object_check::sealed(&path, trailer, len, self.deadline) {
                Checked::Right => true,
                Checked::Wrong => false,
                // git may still say that it is right.
                Checked::OutOfTime => !written.is_touched,
            }
        };
        let unsealed: Vec<&Written> = written.iter().filter(|written| !is_sealed(written)).collect();
        let is_rewritten = unsealed.iter().any(|written| written.was_there);
        (unsealed, is_rewritten)
    }

    fn expect(
        &mut self,
        written: &[&Written],
        otherwise: &str,
        right: impl FnOnce() -> Result<bool, String>,
    ) {
        let Some(first) = written.first() else { return };
        match right() {
            Ok(true) => {}
            Ok(false) => self.tell(first, otherwise),
            Err(why) => self.doubt(&why),
        }
    }

    /// Everything that the index, HEAD and the refs lead to is there, to the first commit.
    fn history(&mut self, git: &Verifier<'_>) {
        let objects = Objects::open(self.root, &git.git_dir);
        let lost = match first_lost(self.area, self.owner, &objects) {
            Some(id) => Some(id),
            None => match git.history() {
                Ok(History::Whole) => return,
                Ok(History::Lost(id)) => id,
                Err(why) => return self.doubt(&why),
            },
        };
        let path = lost.map_or_else(|| self.owner.store(), |id| object_path(self.owner, &id));
        let detail = "an object that the index, HEAD or a ref needs can no longer be read".to_owned();
        let lost = self.finding(&path, ViolationKind::Removed, detail);
        self.found.findings.push(lost);
    }

    fn finding(&self, path: &[u8], kind: ViolationKind, detail: String) -> Finding {
        let at = Some(self.area.absolute(path));
        Finding { at, ..Finding::outside(&self.area.shown(path), kind, detail) }
    }

    fn tell(&mut self, written: &Written, detail: &str) {
        let kind = if written.was_there { ViolationKind::Modified } else { ViolationKind::Added };
        let finding = self.finding(&written.path, kind, detail.to_owned());
        self.found.findings.push(finding);
    }

    fn doubt(&mut self, why: &str) {
        let store = path_text(&self.area.shown(&self.owner.store()));
        self.found.problems.push(format!("the objects in `{store}` could not be verified: {why}"));
    }

    /// A clone that fetches what it lacks when it is asked for: so it was before, nobody can make it one.
    fn is_partial(&self) -> bool {
        let packs = self.area.listing.directory(&join(&self.owner.store(), b"pack"));
        packs.is_some_and(|packs| packs.entries().any(|seen| seen.name.ends_with(b".promisor")))
    }

    fn index_paths(&self, packs: &[&Written]) -> Vec<PathBuf> {
        let indexes = packs.iter().map(|written| self.area.absolute(&written.path).with_extension("idx"));
        let mut indexes: Vec<PathBuf> = indexes.filter(|index| index.is_file()).collect();
        indexes.dedup();
        indexes
    }
}
