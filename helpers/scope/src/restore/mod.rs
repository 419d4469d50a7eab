//! Puts back what a run changed outside its scope: the plan is written when the run has ended, and carried out then or
//! any time later. Interrupted at any instant it can be run again; what somebody changed meanwhile is left alone.

mod entries;
mod git_lock;
mod index;
mod index_file;
mod plan;
mod planning;
mod quarantine;
mod refs;
mod states;
mod thing;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clodex_core::{ViolationKind, path_text};
use clodex_os::RunLock;

use crate::content::{ObjectId, digest_of};
use crate::patch::{self, Side};
use crate::{Comparison, ScopeError};

use entries::{Entries, Outcome, Stores};
use plan::{Change, Entry, IndexPath, Plan, Source, Thing, ThingKind, What};
use quarantine::{Quarantine, Value};

/// How long what was secured is kept for runs that were not put back.
const LOCK: &str = "lock";

/// What was secured for one run, and the plan to put it back. Held by one process at a time.
#[derive(Debug)]
pub struct Restorer {
    store: PathBuf,
    plan: Plan,
    _lock: RunLock,
}

/// A violation and what became, or can become, of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutBack {
    /// As the report names it.
    pub path: String,
    /// What happened to it.
    pub kind: ViolationKind,
    /// Before → after, in a few words.
    pub detail: String,
    /// How it stands.
    pub state: PutBackState,
}

/// How a violation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutBackState {
    /// It has not been asked for, and could be put back.
    Open,
    /// It is as it was before the run.
    Restored,
    /// Somebody changed it after the run: left alone.
    ChangedMeanwhile,
    /// It cannot be put back, and why.
    Impossible(String),
    /// It could not be put back, and why; another try may do it.
    Failed(String),
}

impl PutBackState {
    /// The word used in reports and JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "restorable",
            Self::Restored => "restored",
            Self::ChangedMeanwhile => "changed in the meantime, left alone",
            Self::Impossible(_) => "not restorable",
            Self::Failed(_) => "failed",
        }
    }

    /// Why, where there is a reason to tell.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Impossible(why) | Self::Failed(why) => Some(why),
            Self::Open | Self::Restored | Self::ChangedMeanwhile => None,
        }
    }
}

impl Comparison {
    /// Writes the restore plan into the store that the baseline secured to. `false` when there is nothing to put back,
    /// or nothing was secured.
    pub fn write_restore_plan(&self, run_id: &str, artifact_dir: &Path) -> Result<bool, ScopeError> {
        let Some(secured) = &self.baseline.inner.secured else { return Ok(false) };
        if self.outside.is_empty() {
            return Ok(false);
        }
        let plan = planning::plan(self, run_id, artifact_dir);
        plan.write(secured.dir())
            .map_err(|error| ScopeError::io("write the restore plan to", secured.dir(), error))?;
        Ok(true)
    }
}

impl Restorer {
    /// Opens what was secured for a run. `None` when there is nothing to put back (any more).
    pub fn open(store: &Path) -> Result<Option<Self>, ScopeError> {
        if !store.is_dir() {
            return Ok(None);
        }
        let lock = RunLock::acquire(&store.join(LOCK))
            .map_err(|error| ScopeError::io("lock", store, io::Error::other(error)))?
            .ok_or_else(|| {
                ScopeError::io("lock", store, io::Error::other("it is being put back right now"))
            })?;
        match Plan::read(store) {
            Ok(plan) => Ok(Some(Self { store: store.to_owned(), plan, _lock: lock })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ScopeError::io("read the restore plan in", store, error)),
        }
    }

    /// The violations of the run, none of them asked for yet.
    pub fn violations(&self) -> Vec<PutBack> {
        self.plan
            .violations
            .iter()
            .map(|named| PutBack {
                path: named.path.clone(),
                kind: named.kind,
                detail: named.detail.clone(),
                state: named.impossible.clone().map_or(PutBackState::Open, PutBackState::Impossible),
            })
            .collect()
    }

    /// The violations of which everything that would be put back lies at places that are `meant`, by path.
    pub fn paths_within(&self, meant: impl Fn(&Path) -> bool) -> BTreeSet<String> {
        let mut within: Vec<bool> = vec![true; self.plan.violations.len()];
        for change in &self.plan.changes {
            if let Some(at) = change.of.and_then(|of| within.get_mut(of)) {
                *at &= meant(&change.what.place());
            }
        }
        let named = self.plan.violations.iter().zip(within);
        named.filter(|(_, within)| *within).map(|(named, _)| named.path.clone()).collect()
    }

    /// Puts the wanted violations back and keeps what it removes. Everything that was secured is let go of when the last
    /// violation is put back.
    pub fn put_back(self, wanted: impl Fn(&str) -> bool) -> Result<Vec<PutBack>, ScopeError> {
        let quarantine = Quarantine::open(&self.plan.artifact_dir.path(), &self.store)?;
        let stores = Stores::of(&self.plan);
        let selected: Vec<bool> = self.plan.violations.iter().map(|named| wanted(&named.path)).collect();
        let tag: String = clodex_os::hex(&digest_of(self.plan.run_id.as_bytes())[..6]);
        let prefix = format!(".clodex-{tag}");
        let entries =
            Entries { store: &self.store, stores: &stores, quarantine: &quarantine, prefix: &prefix };
        let outcomes = self.carry_out(&entries, &selected);
        let (values, patch) = self.removed(&entries, &outcomes);
        if !outcomes.is_empty() {
            quarantine
                .write(&self.plan.run_id, &values, &patch)
                .map_err(|error| ScopeError::io("write the list to", quarantine.place(), error))?;
        }
        let mut told = self.violations();
        for (number, violation) in told.iter_mut().enumerate().filter(|(number, _)| selected[*number]) {
            let own = outcomes.iter().filter(|(at, _)| self.plan.changes[**at].of == Some(number));
            if violation.state == PutBackState::Open {
                violation.state = summary(own.map(|(_, outcome)| outcome));
            }
        }
        if told.iter().all(|violation| violation.state == PutBackState::Restored) {
            discard(&self.store);
        }
        Ok(told)
    }

    /// What the quarantine tells of the changes that were undone: values of refs and index entries, and a patch.
    fn removed(&self, entries: &Entries<'_>, outcomes: &BTreeMap<usize, Outcome>) -> (Vec<Value>, Vec<u8>) {
        let (mut values, mut patch) = (Vec::new(), Vec::new());
        let undone = |outcome: &Outcome| matches!(outcome, Outcome::Restored | Outcome::Already);
        for (number, _) in outcomes.iter().filter(|(_, outcome)| undone(outcome)) {
            match &self.plan.changes[*number].what {
                What::Entry(entry) if entry.top == self.plan.root => add_to_patch(&mut patch, entries, entry),
                What::Entry(_) => {}
                What::Ref(found) => {
                    let text = |value: &Option<plan::Bytes>| {
                        value.as_ref().map_or_else(|| "nothing".to_owned(), |value| path_text(&value.0))
                    };
                    let (before, removed) = (text(&found.before), text(&found.after));
                    values.push(Value { path: path_text(&found.name.0), before, removed });
                }
                What::Index(found) => {
                    let path = format!("index:{}", path_text(&found.path.0));
                    values.push(Value {
                        path,
                        before: line_text(&found.before),
                        removed: line_text(&found.after),
                    });
                }
            }
        }
        (values, patch)
    }

    /// In an order in which nothing is in the way of anything else.
    fn carry_out(&self, entries: &Entries<'_>, selected: &[bool]) -> BTreeMap<usize, Outcome> {
        let changes: Vec<(usize, &Change)> = self
            .plan
            .changes
            .iter()
            .enumerate()
            .filter(|(_, change)| self.is_wanted(change, selected))
            .collect();
        let mut outcomes = BTreeMap::new();
        let mut of_tree: Vec<(usize, &Entry)> = changes
            .iter()
            .filter_map(|(number, change)| match &change.what {
                What::Entry(entry) => Some((*number, entry)),
                What::Ref(_) | What::Index(_) => None,
            })
            .collect();
        of_tree.sort_by(|(_, a), (_, b)| (&a.top, &a.path).cmp(&(&b.top, &b.path)));
        let stays = |entry: &Entry| is_directory(entry.before.as_ref()) && is_directory(entry.after.as_ref());
        for (number, entry) in of_tree.iter().filter(|(_, entry)| stays(entry)) {
            outcomes.insert(*number, entries::loosen(entry));
        }
        for (number, entry) in of_tree.iter().rev().filter(|(_, entry)| entry.before.is_none()) {
            outcomes.insert(*number, entries.put_back(*number, entry));
        }
        for (number, entry) in of_tree.iter().filter(|(_, entry)| entry.before.is_some() && !stays(entry)) {
            outcomes.insert(*number, entries.put_back(*number, entry));
        }
        self.refs_and_indexes(&changes, entries.prefix, &mut outcomes);
        for (number, entry) in of_tree.iter().rev().filter(|(_, entry)| is_directory(entry.before.as_ref())) {
            if let Err(error) = entries::close(entry) {
                outcomes.insert(*number, error.into());
            }
        }
        outcomes
    }

    fn refs_and_indexes(
        &self,
        changes: &[(usize, &Change)],
        prefix: &str,
        outcomes: &mut BTreeMap<usize, Outcome>,
    ) {
        let own = |number: usize| format!("{prefix}-{number}");
        let refs = |wanted: bool| {
            changes.iter().filter_map(move |(number, change)| match &change.what {
                What::Ref(found) if found.before.is_none() == wanted => Some((*number, found)),
                What::Ref(_) | What::Entry(_) | What::Index(_) => None,
            })
        };
        // A ref that goes may be in the way of one that comes.
        for (number, found) in refs(true).chain(refs(false)) {
            outcomes.insert(number, refs::put_back(found, &own(number)));
        }
        let mut indexes: BTreeMap<&plan::Bytes, Vec<(usize, &IndexPath)>> = BTreeMap::new();
        for (number, change) in changes {
            if let What::Index(found) = &change.what {
                indexes.entry(&found.git_dir).or_default().push((*number, found));
            }
        }
        for paths in indexes.into_values() {
            let (numbers, paths): (Vec<usize>, Vec<&IndexPath>) = paths.into_iter().unzip();
            let name = own(self.first_of_index(paths[0]));
            outcomes.extend(numbers.into_iter().zip(index::put_back(&paths, &name)));
        }
    }

    /// The same number whichever paths are wanted: an interrupted attempt left its lock under this name.
    fn first_of_index(&self, one: &IndexPath) -> usize {
        let is_same =
            |change: &Change| matches!(&change.what, What::Index(other) if other.git_dir == one.git_dir);
        self.plan.changes.iter().position(is_same).unwrap_or_default()
    }

    fn is_wanted(&self, change: &Change, selected: &[bool]) -> bool {
        if let Some(of) = change.of {
            return selected.get(of).copied().unwrap_or_default();
        }
        let What::Entry(above) = &change.what else { return false };
        self.plan.changes.iter().any(|other| match (&other.what, other.of) {
            (What::Entry(entry), Some(of)) => {
                let below = entry.path.0.strip_prefix(above.path.0.as_slice());
                selected.get(of).copied().unwrap_or_default()
                    && entry.top == above.top
                    && below.is_some_and(|rest| rest.starts_with(b"/"))
            }
            (What::Entry(_) | What::Ref(_) | What::Index(_), _) => false,
        })
    }
}

fn is_directory(thing: Option<&Thing>) -> bool {
    thing.is_some_and(|thing| thing.kind == ThingKind::Directory)
}

/// The worst of what became of a violation's changes.
fn summary<'o>(outcomes: impl Iterator<Item = &'o Outcome>) -> PutBackState {
    let mut state = PutBackState::Restored;
    for outcome in outcomes {
        match outcome {
            Outcome::Restored | Outcome::Already => {}
            Outcome::Changed => state = PutBackState::ChangedMeanwhile,
            Outcome::Failed(why) => return PutBackState::Failed(why.clone()),
        }
    }
    state
}

fn line_text(lines: &[plan::IndexLine]) -> String {
    match lines {
        [] => "nothing".to_owned(),
        lines => {
            let texts: Vec<String> =
                lines.iter().map(|line| format!("{:o} {} {}", line.mode, line.id, line.stage)).collect();
            texts.join(", ")
        }
    }
}

/// The change that was undone, so that `git apply` makes it again.
fn add_to_patch(patch: &mut Vec<u8>, entries: &Entries<'_>, entry: &Entry) {
    let mode = |thing: &Thing| match thing.kind {
        ThingKind::File { .. } if thing.mode & 0o100 != 0 => Some(0o100_755),
        ThingKind::File { .. } => Some(0o100_644),
        ThingKind::Symlink { .. } => Some(0o120_000),
        ThingKind::Directory
        | ThingKind::Whole { .. }
        | ThingKind::Fifo
        | ThingKind::Socket
        | ThingKind::Device => None,
    };
    let in_place =
        |thing: &Thing| matches!(&thing.kind, ThingKind::File { source: Some(Source::InPlace), .. });
    let side = |thing: &Thing, bytes: Option<Vec<u8>>| mode(thing).map(|mode| Side { mode, bytes });
    let (old, new) = if entry.before.as_ref().is_some_and(in_place) {
        let same = |thing: &Option<Thing>| thing.as_ref().and_then(|thing| side(thing, Some(Vec::new())));
        (same(&entry.before), same(&entry.after))
    } else {
        let old = entry.before.as_ref().and_then(|thing| side(thing, entries.old_bytes(entry, thing)));
        let taken = entries.quarantine.bytes(&entry.shown.0);
        (old, taken.map(|(mode, bytes)| Side { mode, bytes: Some(bytes) }))
    };
    patch::change(patch, &entry.path.0, &ObjectId::NOTHING, (old.as_ref(), new.as_ref()));
}

/// Lets go of what was secured for a run: nothing is to be put back any more.
pub fn discard(store: &Path) {
    // The plan goes first: without it the rest is nothing that anybody asks for. What stays is swept.
    let _ = fs::remove_file(store.join("plan.json"));
    let _ = fs::remove_dir_all(store);
}

/// Lets go of what was secured for one run that has ended, unless somebody puts it back right now; says whether nothing
/// is there any more.
pub fn let_go(store: &Path) -> bool {
    if !store.exists() {
        return true;
    }
    let is_ours = matches!(RunLock::acquire(&store.join(LOCK)), Ok(Some(_)));
    if is_ours {
        discard(store);
    }
    is_ours && !store.exists()
}

/// Lets go of what nobody will put back: of runs that ended without a plan, and of plans that are older than `kept_for`.
/// `lives` says whether a run still does.
pub fn sweep(secured: &Path, lives: impl Fn(&str) -> bool, kept_for: Duration) {
    let Ok(entries) = fs::read_dir(secured) else { return };
    for entry in entries.flatten() {
        let store = entry.path();
        if entry.file_name().to_str().is_some_and(&lives) {
            continue;
        }
        let is_fresh =
            Plan::written(&store).is_ok_and(|written| written.elapsed().is_ok_and(|age| age < kept_for));
        if !is_fresh {
            let_go(&store);
        }
    }
}
