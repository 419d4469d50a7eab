//! From a comparison to its restore plan: for every violation the names, refs and index entries to put back. Reads what
//! is in the files that changed, so that what the final snapshot saw can be told from what somebody wrote later.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::plan::{
    Bytes, Change, Entry, IndexLine, IndexPath, Named, Plan, RefValue, Thing, ThingKind, What,
};
use super::refs::IN_TABLES;
use super::states::{after, before, is_same_content, nested_store};
use crate::Comparison;
use crate::finding::{Finding, Place};
use crate::git_area::{GitArea, RepositoryState};
use crate::index::IndexEntry;
use crate::listing::{Kind, Listing, join, split};
use crate::restore::plan::Source;

/// Writes down all that can be put back of what a comparison found.
pub(super) fn plan(comparison: &Comparison, run_id: &str, artifact_dir: &Path) -> Plan {
    let tree = comparison.baseline.tree();
    let mut planner = Planner {
        comparison,
        refs: differing_refs(comparison),
        on_the_way: BTreeMap::new(),
        changes: Vec::new(),
    };
    let mut by_path: BTreeMap<&[u8], Vec<&Finding>> = BTreeMap::new();
    for finding in &comparison.outside {
        by_path.entry(&finding.path).or_default().push(finding);
    }
    let mut plan = Plan::new(run_id, tree.root(), tree.common_dir(), artifact_dir);
    for ((path, findings), violation) in by_path.into_iter().zip(&comparison.violations) {
        let number = plan.violations.len();
        let mut why = None;
        for finding in findings {
            if let Err(reason) = planner.add(number, path, finding) {
                why.get_or_insert(reason);
            }
        }
        plan.violations.push(Named {
            path: violation.path.clone(),
            kind: violation.kind,
            detail: violation.detail.clone(),
            impossible: why,
        });
    }
    plan.changes = planner.changes;
    let on_the_way = planner.on_the_way.into_values();
    plan.changes.extend(on_the_way.map(|entry| Change { of: None, what: What::Entry(entry) }));
    plan
}

struct Planner<'a> {
    comparison: &'a Comparison,
    /// Refs that differ, by the path that a violation shows.
    refs: BTreeMap<Vec<u8>, Result<Vec<RefValue>, String>>,
    /// Directories that lead to what is put back, by top and path.
    on_the_way: BTreeMap<(Vec<u8>, Vec<u8>), Entry>,
    changes: Vec<Change>,
}

impl Planner<'_> {
    fn add(&mut self, of: usize, path: &[u8], finding: &Finding) -> Result<(), String> {
        let (was, is) = (&self.comparison.baseline.inner.survey, &self.comparison.after);
        if finding.place == Place::Tree && split(path).1 != b".git" {
            let entry = Side { area: None, top: self.comparison.baseline.root() };
            return self.add_entry(of, path, path, &entry, (&was.listing, &is.listing));
        }
        if finding.detail.starts_with("index: ") && self.add_index(of, path) {
            return Ok(());
        }
        if let Some(found) = self.refs.get(path) {
            let found = found.clone()?;
            self.changes
                .extend(found.into_iter().map(|found| Change { of: Some(of), what: What::Ref(found) }));
            return self.add_stash_log(of, path);
        }
        if path.ends_with(b"refs/stash") {
            return self.add_stash_log(of, path);
        }
        let none = Listing::default();
        for area in &was.areas {
            let now = is.areas.iter().find(|other| other.path == area.path);
            let Some(below) = below(path, &area.prefix) else { continue };
            if area.owner(below).1.starts_with(b"refs/") {
                return self.add_refs_at(of, path);
            }
            let listing = now.map_or(&none, |now| &now.listing);
            let known = area.listing.entry(below).is_some() || listing.entry(below).is_some();
            if known {
                let side = Side { area: Some((area, now)), top: &area.path };
                return self.add_entry(of, below, path, &side, (&area.listing, listing));
            }
        }
        if is.listing.entry(path).is_some() && was.listing.entry(path).is_none() {
            let side = Side { area: None, top: self.comparison.baseline.root() };
            return self.add_entry(of, path, path, &side, (&was.listing, &is.listing));
        }
        Err(if path.starts_with(b"/") || finding.detail.contains("outside the repository") {
            "it is outside the repository".to_owned()
        } else {
            "what was there before was not kept".to_owned()
        })
    }

    /// Where a ref took the place of a directory of refs, or the other way round, they are put back by value.
    fn add_refs_at(&mut self, of: usize, path: &[u8]) -> Result<(), String> {
        let file = |found: &RefValue| [&found.git_dir.0[..], b"/", &found.name.0].concat();
        let here = crate::secure::absolute(self.comparison.baseline.root(), path);
        for found in self.refs.values() {
            let found = found.clone()?.into_iter();
            let at_or_below = found.filter(|found| {
                file(found).strip_prefix(&here[..]).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
            });
            self.changes.extend(at_or_below.map(|found| Change { of: Some(of), what: What::Ref(found) }));
        }
        Ok(())
    }

    fn add_entry(
        &mut self,
        of: usize,
        path: &[u8],
        shown: &[u8],
        side: &Side<'_>,
        (was, is): (&Listing, &Listing),
    ) -> Result<(), String> {
        let (old, new) = (was.entry(path), is.entry(path));
        let is_repository = side.is_repository(path);
        let mut earlier =
            old.map(|seen| before(self.comparison, side.area.map(|(area, _)| area), path, seen));
        let later = new
            .map(|seen| after(side.top, path, seen, is_repository || is.directory(path).is_none()))
            .transpose()
            .map_err(|error| format!("what lies there now cannot be read: {error}"))?;
        if let (Some(thing), Some(old), Some(new)) = (&mut earlier, old, new)
            && let ThingKind::File { source, sha256, .. } = &mut thing.kind
            && new.stat.kind == Kind::File
            && is_same_content(self.comparison, side.area, path, (old, new))
        {
            *source = Some(Source::InPlace);
            if let Some(Thing { kind: ThingKind::File { sha256: now, .. }, .. }) = &later {
                sha256.clone_from(now);
            }
        }
        if let Some(thing) = &earlier {
            possible(thing)?;
        }
        let entry = Entry {
            top: side.top.into(),
            path: path.into(),
            shown: shown.into(),
            git_dir: earlier.as_ref().and_then(|thing| nested_store(self.comparison, path, thing)),
            before: earlier,
            after: later,
        };
        self.lead_to(&entry, side, (was, is));
        self.changes.push(Change { of: Some(of), what: What::Entry(entry) });
        Ok(())
    }

    /// Directories that have to be made, opened or removed with the entry.
    fn lead_to(&mut self, entry: &Entry, side: &Side<'_>, (was, is): (&Listing, &Listing)) {
        let rules = self.comparison.baseline.rules();
        let mut above = split(&entry.path.0).0;
        while !above.is_empty() {
            let directory = |listing: &Listing| {
                let seen = listing.entry(above).filter(|seen| seen.stat.kind == Kind::Directory)?;
                let (mode, uid, gid) = (seen.stat.mode, seen.stat.uid, seen.stat.gid);
                Some(Thing { mode, uid, gid, kind: ThingKind::Directory })
            };
            let (old, new) = (directory(was), directory(is));
            let wanted = match (&old, &new) {
                (Some(_), None) => entry.before.is_some() && is.entry(above).is_none(),
                (None, Some(_)) => {
                    let keep = side.area.is_none() && (rules.allows(above) || rules.leads_to_entry(above));
                    was.entry(above).is_none() && !keep
                }
                (Some(old), Some(_)) => old.mode & 0o700 != 0o700,
                (None, None) => false,
            };
            if wanted {
                let key = (entry.top.0.clone(), above.to_vec());
                let shown = entry.shown.0.len() - (entry.path.0.len() - above.len());
                self.on_the_way.entry(key).or_insert_with(|| Entry {
                    top: entry.top.clone(),
                    path: above.into(),
                    shown: Bytes(entry.shown.0[..shown].to_vec()),
                    before: old,
                    after: new,
                    git_dir: None,
                });
            }
            above = split(above).0;
        }
    }

    /// The entries of a path in whichever index has it; `false` when none differs.
    fn add_index(&mut self, of: usize, path: &[u8]) -> bool {
        let mut found = Vec::new();
        for (area, old, new) in pairs(self.comparison) {
            let Some(worktree) = &old.worktree else { continue };
            let Some(within) = below(path, worktree) else { continue };
            let (before, after) = (lines(old, within), lines(new, within));
            if before != after {
                let git_dir = git_dir(area, old);
                found.push(What::Index(IndexPath { git_dir, path: within.into(), before, after }));
            }
        }
        let any = !found.is_empty();
        self.changes.extend(found.into_iter().map(|what| Change { of: Some(of), what }));
        any
    }

    fn add_stash_log(&mut self, of: usize, path: &[u8]) -> Result<(), String> {
        let Some(top) = path.strip_suffix(b"refs/stash") else { return Ok(()) };
        for (area, old, new) in pairs(self.comparison) {
            if old.stash_log == new.stash_log || shown_ref(area, old, b"") != top {
                continue;
            }
            let within = join(&old.base, b"logs/refs/stash");
            let (earlier, later) =
                super::states::stash_log(self.comparison, &area.path, &within, (old, new))?;
            let entry = Entry {
                top: area.path.as_path().into(),
                shown: area.shown(&within).as_slice().into(),
                path: within.as_slice().into(),
                before: earlier,
                after: later,
                git_dir: None,
            };
            self.changes.push(Change { of: Some(of), what: What::Entry(entry) });
        }
        Ok(())
    }
}

/// Where an entry lies: below which top, and in which git directory, then and now.
pub(super) struct Side<'a> {
    pub(super) area: Option<(&'a GitArea, Option<&'a GitArea>)>,
    pub(super) top: &'a Path,
}

impl Side<'_> {
    /// Whether a whole repository appeared at the path.
    fn is_repository(&self, path: &[u8]) -> bool {
        self.area.is_some_and(|(was, is)| {
            was.repository_at(path).is_none() && is.is_some_and(|is| is.repository_at(path).is_some())
        })
    }
}

/// Why what was there cannot be made again, if it cannot.
fn possible(thing: &Thing) -> Result<(), String> {
    match &thing.kind {
        ThingKind::File { source: None, .. } => Err("its content was not secured".to_owned()),
        ThingKind::Whole { .. } => Err("a whole repository is not secured".to_owned()),
        ThingKind::Socket | ThingKind::Device => Err("sockets and devices cannot be made again".to_owned()),
        ThingKind::File { .. } | ThingKind::Directory | ThingKind::Symlink { .. } | ThingKind::Fifo => Ok(()),
    }
}

/// The rest of a path below a directory.
fn below<'p>(path: &'p [u8], top: &[u8]) -> Option<&'p [u8]> {
    if top.is_empty() { Some(path) } else { path.strip_prefix(top)?.strip_prefix(b"/") }
}

/// Each repository that is there before and after.
fn pairs(comparison: &Comparison) -> Vec<(&GitArea, &RepositoryState, &RepositoryState)> {
    let areas = comparison.baseline.inner.survey.areas.iter();
    areas
        .filter_map(|was| Some((was, comparison.after.areas.iter().find(|is| is.path == was.path)?)))
        .flat_map(|(was, is)| {
            was.repositories.iter().filter_map(move |old| Some((was, old, is.repository_at(&old.base)?)))
        })
        .collect()
}

fn git_dir(area: &GitArea, repository: &RepositoryState) -> Bytes {
    let base = crate::secure::absolute(&area.path, &repository.base);
    Bytes(base.strip_suffix(b"/").unwrap_or(&base).to_vec())
}

/// How a violation shows a ref of the repository.
fn shown_ref(area: &GitArea, repository: &RepositoryState, name: &[u8]) -> Vec<u8> {
    let own = repository.worktree.as_ref().is_some_and(Vec::is_empty);
    if area.prefix == b".git" && (own || repository.base.is_empty()) {
        name.to_vec()
    } else {
        area.shown(&join(&repository.base, name))
    }
}

fn differing_refs(comparison: &Comparison) -> BTreeMap<Vec<u8>, Result<Vec<RefValue>, String>> {
    let mut found: BTreeMap<Vec<u8>, Result<Vec<RefValue>, String>> = BTreeMap::new();
    for (area, old, new) in pairs(comparison) {
        let in_tables = area.listing.directory(&join(&old.base, b"reftable")).is_some();
        let value = |value: Option<&Vec<u8>>| value.map(|value| Bytes(value.clone()));
        let mut add = |shown: Vec<u8>, name: &[u8], was: Option<&Vec<u8>>, is: Option<&Vec<u8>>| {
            let (before, after) = (value(was), value(is));
            let change = RefValue { git_dir: git_dir(area, old), name: name.into(), before, after };
            let change = if in_tables { Err(IN_TABLES.to_owned()) } else { Ok(vec![change]) };
            found.insert(shown, change);
        };
        let names: BTreeSet<&Vec<u8>> = old.refs.keys().chain(new.refs.keys()).collect();
        for name in names {
            let (was, is) = (old.refs.get(name), new.refs.get(name));
            if was != is {
                add(shown_ref(area, old, name), name, was, is);
            }
        }
        if old.head != new.head {
            let own = old.worktree.as_ref().is_some_and(Vec::is_empty);
            let shown = if own { b"HEAD".to_vec() } else { area.shown(&join(&old.base, b"HEAD")) };
            add(shown, b"HEAD", old.head.as_ref(), new.head.as_ref());
        }
    }
    // HEAD may say the same and lead elsewhere: then it is put back with its branch.
    if !found.contains_key(&b"HEAD"[..])
        && let Some(own) = comparison.baseline.inner.survey.own()
        && let Some(branch) = own.head.as_ref().and_then(|head| head.strip_prefix(b"ref:"))
        && let Some(change) = found.get(branch.trim_ascii()).cloned()
    {
        found.insert(b"HEAD".to_vec(), change);
    }
    found
}

fn lines(repository: &RepositoryState, path: &[u8]) -> Vec<IndexLine> {
    let line = |entry: &IndexEntry<'_>| IndexLine {
        stage: entry.stage,
        mode: entry.mode,
        id: entry.id.to_string(),
        assume_unchanged: entry.assume_unchanged,
        skip_worktree: entry.skip_worktree,
        intent_to_add: entry.intent_to_add,
    };
    let Ok(index) = &repository.index else { return Vec::new() };
    let first = index.partition_point(0..index.len(), |other| other < path);
    (first..index.len()).take_while(|at| index.path(*at) == path).map(|at| line(&index.entry(at))).collect()
}
