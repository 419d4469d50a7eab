//! Compares two looks at the git directories: HEAD and refs by value, index entries and flags, and the files that
//! change what git does. What git writes as a matter of course is none of it.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use clodex_core::{ViolationKind, path_text};

use crate::cache_tree::wrong_trees;
use crate::content;
use crate::ctime::Distrusted;
use crate::differences::{Pair, differences};
use crate::finding::{Finding, Place, Shared};
use crate::git_area::{GitArea, RepositoryState};
use crate::index::{Index, IndexEntry};
use crate::listing::{Kind, join};
use crate::survey::Survey;

/// What changed in and around the git directories; `root` is the work tree.
pub(crate) fn git_findings(
    root: &Path,
    before: &Survey,
    after: &Survey,
    distrusted: &Distrusted,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for was in &before.areas {
        if let Some(is) = after.areas.iter().find(|is| is.path == was.path) {
            let mut by_value = Vec::new();
            repositories(root, was, is, &mut by_value);
            findings.extend(by_value.into_iter().map(|finding| in_area(was, finding)));
            files(was, is, distrusted, &mut findings);
        } else {
            let nothing = "git directory → nothing".to_owned();
            let gone = never(was.prefix.clone(), ViolationKind::Removed, nothing);
            findings.push(Finding { at: Some(was.path.clone()), ..gone });
        }
    }
    for is in after.areas.iter().filter(|is| before.areas.iter().all(|was| was.path != is.path)) {
        // In scope a repository may be made, but not where it would hide files from the one around it.
        let directory = crate::listing::split(&is.prefix).0;
        let place = if before.tracks_below(directory) { Place::NeverInScope } else { Place::Tree };
        let detail = "nothing → git directory".to_owned();
        findings.push(Finding::new(is.prefix.clone(), place, ViolationKind::Added, detail));
    }
    let own = before.areas.iter().find(|area| area.own().is_some());
    findings.extend(head(before, after).zip(own).map(|(finding, own)| in_area(own, finding)));
    findings
}

fn never(path: Vec<u8>, kind: ViolationKind, detail: String) -> Finding {
    Finding::new(path, Place::NeverInScope, kind, detail)
}

/// What is compared by value may be written in one of several files: who can write to any of them can have done it.
fn in_area(area: &GitArea, finding: Finding) -> Finding {
    let several =
        area.listing.paths().filter(|(_, seen)| seen.stat.kind == Kind::File && seen.stat.nlink > 1);
    // Objects of a clone share their files with those of another, and are compared on their own.
    let mut several = several.filter(|(path, _)| !area.is_object(path));
    let shared =
        several.next().map(|(_, seen)| Shared { inode: (seen.stat.dev, seen.stat.ino), names: u32::MAX });
    Finding { at: finding.at.or_else(|| Some(area.path.clone())), shared, ..finding }
}

fn text(value: Option<&[u8]>) -> String {
    value.map_or_else(|| "nothing".to_owned(), path_text)
}

fn kind_of<T>(before: Option<&T>, after: Option<&T>) -> ViolationKind {
    match (before, after) {
        (None, _) => ViolationKind::Added,
        (_, None) => ViolationKind::Removed,
        (Some(_), Some(_)) => ViolationKind::Modified,
    }
}

/// The HEAD of the work tree itself: where it points, and what that is.
fn head(before: &Survey, after: &Survey) -> Option<Finding> {
    let value = |survey: &Survey| survey.own().map(|own| (own.head.clone(), survey.head_commit()));
    let (was, is) = (value(before), value(after));
    if was == is || is.is_none() {
        return None;
    }
    let show = |value: Option<(_, Option<Vec<u8>>)>| {
        let (head, commit): (Option<Vec<u8>>, _) = value.unwrap_or_default();
        format!("{} at {}", text(head.as_deref()), text(commit.as_deref()))
    };
    Some(never(b"HEAD".to_vec(), ViolationKind::Modified, format!("{} → {}", show(was), show(is))))
}

fn repositories(root: &Path, was: &GitArea, is: &GitArea, findings: &mut Vec<Finding>) {
    for old in &was.repositories {
        match is.repository_at(&old.base) {
            Some(new) => {
                let first = findings.len();
                repository(was, old, new, findings);
                index(root, was, (old, new), findings);
                let witnesses = moved_elsewhere(was, is);
                for finding in &mut findings[first..] {
                    // All of a linked work tree's own lies in one directory, save its branch.
                    let witness =
                        if old.base.is_empty() { witnesses.get(&finding.path) } else { Some(&old.base) };
                    finding.at = witness.map(|base| was.path.join(OsStr::from_bytes(base)));
                }
            }
            None => findings.push(never(
                was.shown(&old.base),
                ViolationKind::Removed,
                "repository → nothing".to_owned(),
            )),
        }
    }
    for new in is.repositories.iter().filter(|new| was.repository_at(&new.base).is_none()) {
        findings.push(never(is.shown(&new.base), ViolationKind::Added, "nothing → repository".to_owned()));
    }
}

fn repository(area: &GitArea, old: &RepositoryState, new: &RepositoryState, findings: &mut Vec<Finding>) {
    let own = old.worktree.as_ref().is_some_and(Vec::is_empty);
    let main = area.prefix == b".git" && (own || old.base.is_empty());
    let name = |name: &[u8]| if main { name.to_vec() } else { area.shown(&join(&old.base, name)) };
    if !own && old.head != new.head {
        let detail = format!("{} → {}", text(old.head.as_deref()), text(new.head.as_deref()));
        let path = area.shown(&join(&old.base, b"HEAD"));
        findings.push(never(path, kind_of(old.head.as_ref(), new.head.as_ref()), detail));
    }
    let names: std::collections::BTreeSet<_> = old.refs.keys().chain(new.refs.keys()).collect();
    for ref_name in names {
        let (was, is) = (old.refs.get(ref_name), new.refs.get(ref_name));
        if was != is {
            let detail = format!("{} → {}", text(was.map(Vec::as_slice)), text(is.map(Vec::as_slice)));
            findings.push(never(name(ref_name), kind_of(was, is), detail));
        }
    }
    if let Some(why) = new.packed_fault.as_ref().filter(|_| old.packed_fault != new.packed_fault) {
        let path = area.shown(&join(&old.base, b"packed-refs"));
        findings.push(never(path, ViolationKind::Modified, format!("can no longer be read: {why}")));
    }
    if old.stash_log != new.stash_log {
        let kind = kind_of(old.stash_log.as_ref(), new.stash_log.as_ref());
        findings.push(never(name(b"refs/stash"), kind, "the list of stashes".to_owned()));
    }
}

/// Branches that moved as the log of another, linked work tree tells from end to end, and where that tree's directory
/// is: only who can write there, or works there, can have moved them.
fn moved_elsewhere(was: &GitArea, is: &GitArea) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let (Some(common), Some(now)) = (was.repository_at(b""), is.repository_at(b"")) else {
        return BTreeMap::new();
    };
    let linked = is.repositories.iter().filter(|repository| repository.base.starts_with(b"worktrees/"));
    let moved = linked.filter_map(|linked| {
        let branch = linked.head.as_ref()?.strip_prefix(b"ref:")?.trim_ascii().to_vec();
        let (old, new) = (common.refs.get(&branch)?, now.refs.get(&branch)?);
        let log = join(&linked.base, b"logs/HEAD");
        let length = usize::try_from(was.listing.entry(&log)?.stat.size).ok()?;
        let appended = content::read(&is.path, &log).ok()?.get(length..)?.to_vec();
        leads(&appended, old, new).then(|| (branch, linked.base.clone()))
    });
    moved.collect()
}

/// Whether the lines of a reflog lead from one object to another without a gap.
fn leads(log: &[u8], old: &[u8], new: &[u8]) -> bool {
    let mut lines = log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let end = lines.try_fold(old, |at, line| {
        let mut ids = line.split(|byte| *byte == b' ');
        (ids.next() == Some(at)).then(|| ids.next()).flatten()
    });
    end == Some(new)
}

fn index(
    root: &Path,
    area: &GitArea,
    (old, new): (&RepositoryState, &RepositoryState),
    findings: &mut Vec<Finding>,
) {
    let shown = area.shown(&join(&old.base, b"index"));
    let (was, is) = match (&old.index, &new.index) {
        (Ok(was), Ok(is)) => (was, is),
        (Err(was), Err(is)) if was == is => return,
        (_, Err(error)) => {
            findings.push(never(shown, ViolationKind::Modified, format!("can no longer be read: {error}")));
            return;
        }
        (Err(_), Ok(_)) => {
            findings.push(never(shown, ViolationKind::Modified, "could not be read before".to_owned()));
            return;
        }
    };
    for directory in wrong_trees(was, is) {
        let detail = format!("remembers another tree for `{}/` than its entries make", path_text(directory));
        findings.push(never(shown.clone(), ViolationKind::Modified, detail));
    }
    if was.says_the_same(is) {
        return;
    }
    let objects = new.objects(&area.path, root);
    let (was, is) = (was.to_compare(is, &objects), is.to_compare(was, &objects));
    let (was, is) = (keyed(&was), keyed(&is));
    let keys: std::collections::BTreeSet<_> = was.keys().chain(is.keys()).collect();
    for key in keys {
        let (before, after) = (was.get(key).copied(), is.get(key).copied());
        if before.zip(after).is_some_and(|(before, after)| before.says_the_same(&after)) {
            continue;
        }
        let detail = format!("index: {} → {}", entry_text(before), entry_text(after));
        let hides = |entry: Option<IndexEntry<'_>>| {
            entry.is_some_and(|entry| entry.assume_unchanged || entry.skip_worktree)
        };
        let kind = kind_of(before.as_ref(), after.as_ref());
        findings.push(match &old.worktree {
            Some(worktree) if hides(after) && !hides(before) => never(join(worktree, key.0), kind, detail),
            Some(worktree) => Finding::index(join(worktree, key.0), kind, detail),
            None => never(shown.clone(), ViolationKind::Modified, format!("{}: {detail}", path_text(key.0))),
        });
    }
}

fn keyed(index: &Index) -> BTreeMap<(&[u8], u8), IndexEntry<'_>> {
    index.entries().map(|entry| ((entry.path, entry.stage), entry)).collect()
}

fn entry_text(entry: Option<IndexEntry<'_>>) -> String {
    entry.map_or_else(
        || "nothing".to_owned(),
        |entry| {
            let flags = entry.flags_text();
            let flags = if flags.is_empty() { flags } else { format!(" ({flags})") };
            format!("{:o} {}{flags}", entry.mode, entry.id.short())
        },
    )
}

/// Files of the git directory that are not compared by value.
fn files(was: &GitArea, is: &GitArea, distrusted: &Distrusted, findings: &mut Vec<Finding>) {
    let lost: HashSet<&[u8]> = unmatched(was, is);
    let gained: HashSet<&[u8]> = unmatched(is, was);
    differences(&was.listing, &is.listing, distrusted, |path, pair| {
        let below = |bases: &HashSet<&[u8]>| {
            bases.iter().any(|base| {
                path.strip_prefix(*base).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
            })
        };
        let type_changed =
            pair.before.zip(pair.after).is_some_and(|(old, new)| old.stat.kind != new.stat.kind);
        let is_noise = !type_changed && !is_in_the_way(is, &path, pair);
        if below(&lost) || below(&gained) || is_noise && (was.is_noise(&path) || is.is_noise(&path)) {
            return;
        }
        if let Some(detail) = file_change(was, is, &path, pair) {
            let kind = if type_changed {
                ViolationKind::TypeChanged
            } else {
                kind_of(pair.before.as_ref(), pair.after.as_ref())
            };
            let at = Some(is.path.join(OsStr::from_bytes(&path)));
            findings.push(Finding { at, shared: Shared::of(pair), ..never(is.shown(&path), kind, detail) });
        }
    });
}

/// Whether something new lies where git reads a file that holds up whoever opens it, or cannot be opened.
fn is_in_the_way(is: &GitArea, path: &[u8], pair: Pair<'_>) -> bool {
    let Some(new) = pair.after.filter(|_| pair.before.is_none()) else { return false };
    match new.stat.kind {
        Kind::File => false,
        Kind::Directory => is.is_file_of_gits(path),
        Kind::Symlink => is.is_object(path) || is.is_file_of_gits(path),
        // A daemon of git's answers at a socket.
        Kind::Socket => is.is_object(path),
        Kind::Fifo | Kind::Device => true,
    }
}

/// Repositories that only one of the two has: they are named as a whole.
fn unmatched<'a>(one: &'a GitArea, other: &GitArea) -> HashSet<&'a [u8]> {
    let bases = one.repositories.iter().map(|repository| repository.base.as_slice());
    bases.filter(|base| !base.is_empty() && other.repository_at(base).is_none()).collect()
}

fn file_change(was: &GitArea, is: &GitArea, path: &[u8], pair: Pair<'_>) -> Option<String> {
    let (old, new) = match (pair.before, pair.after) {
        (Some(old), Some(new)) => (old, new),
        (None, Some(new)) => {
            let hidden = new.stat.kind == Kind::Directory
                && !is.listing.directory(path).is_some_and(|directory| directory.is_empty());
            return (!hidden).then(|| format!("nothing → {}", new.stat.kind.as_str()));
        }
        (Some(old), None) => {
            let hidden = old.stat.kind == Kind::Directory
                && !was.listing.directory(path).is_some_and(|directory| directory.is_empty());
            return (!hidden).then(|| format!("{} → nothing", old.stat.kind.as_str()));
        }
        (None, None) => return None,
    };
    if old.stat.kind != new.stat.kind {
        return Some(format!("{} → {}", old.stat.kind.as_str(), new.stat.kind.as_str()));
    }
    if old.target != new.target {
        return Some(format!("symlink to {} → {}", path_text(old.target), path_text(new.target)));
    }
    if old.stat.mode != new.stat.mode {
        return Some(format!("mode {:o} → {:o}", old.stat.mode, new.stat.mode));
    }
    let same_content = old.stat.kind != Kind::File
        || old.stat.size == new.stat.size
            && match was.marks.get(path) {
                Some(mark) => content::digest_file(&is.path, path).ok().as_ref() == Some(mark),
                None => new.stat.is_untouched_since(&old.stat),
            };
    (!same_content).then(|| format!("content: {} → {} bytes", old.stat.size, new.stat.size))
}

#[cfg(test)]
mod tests {
    use super::leads;

    #[test]
    fn a_log_leads_only_without_a_gap_and_to_the_very_end() {
        let log = b"a b Who <w@x> 1 +0000\tcommit: one\nb c Who <w@x> 2 +0000\tcommit: two\n";
        assert!(leads(log, b"a", b"c"));
        for (old, new) in [(b"a", b"b"), (b"b", b"c"), (b"x", b"c"), (b"a", b"x")] {
            assert!(!leads(log, old, new), "{old:?} {new:?}");
        }
        assert!(!leads(b"a b\nx c\n", b"a", b"c") && !leads(b"", b"a", b"b") && !leads(b"a", b"a", b"b"));
    }
}
