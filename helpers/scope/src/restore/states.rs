//! What a plan remembers of a name: what lay there before the run and where its content is, and what the final snapshot
//! saw, read while nothing of the run lives.

use std::io;
use std::path::Path;

use clodex_os::hex;

use super::plan::{Bytes, Source, Thing, ThingKind};
use super::thing::{file_digest, open_parent, stat, whole_digest};
use crate::Comparison;
use crate::content;
use crate::differences::Pair;
use crate::git_area::{GitArea, RepositoryState};
use crate::listing::{Kind, Seen, Stat};
use crate::tree_findings::content_change;

/// What lay at a path of the work tree, or of a git directory.
pub(super) fn before(comparison: &Comparison, area: Option<&GitArea>, path: &[u8], seen: Seen<'_>) -> Thing {
    let inner = &comparison.baseline.inner;
    let top = area.map_or(comparison.baseline.root(), |area| &area.path);
    let kind = match seen.stat.kind {
        Kind::File => {
            let secured = inner.secured.as_ref().and_then(|secured| secured.find(top, path));
            let (sha256, source) = match secured {
                Some(kept) => {
                    let source = Source::Secured { file: kept.file, offset: kept.offset };
                    (Some(hex(&kept.digest)), Some(source))
                }
                None if area.is_none() => (None, vouched_for(comparison, path)),
                None => (None, None),
            };
            ThingKind::File { size: seen.stat.size, sha256, source }
        }
        // A git directory is not looked into by the walk over the tree.
        Kind::Directory if area.is_none() && inner.survey.listing.directory(path).is_none() => {
            ThingKind::Whole { sha256: String::new() }
        }
        Kind::Directory => ThingKind::Directory,
        Kind::Symlink => ThingKind::Symlink { target: seen.target.into() },
        Kind::Fifo => ThingKind::Fifo,
        Kind::Socket => ThingKind::Socket,
        Kind::Device => ThingKind::Device,
    };
    thing(seen.stat, kind)
}

/// The object that a clean tracked file is made from.
fn vouched_for(comparison: &Comparison, path: &[u8]) -> Option<Source> {
    let survey = &comparison.baseline.inner.survey;
    let dirty = survey.status.get(path).is_some_and(|letters| letters[1] != b' ');
    if dirty || survey.known.contains_key(path) {
        return None;
    }
    survey.tracked(path).map(|entry| Source::Blob(entry.id.to_string()))
}

/// The git directory with the object that a file is made from, where that is a nested repository's.
pub(super) fn nested_store(comparison: &Comparison, path: &[u8], thing: &Thing) -> Option<Bytes> {
    let baseline = &comparison.baseline;
    let ThingKind::File { source: Some(Source::Blob(_)), .. } = thing.kind else { return None };
    let git_dir = baseline.inner.survey.tracked_in(path)?.0.common_dir();
    (git_dir != baseline.tree().common_dir()).then(|| git_dir.as_path().into())
}

/// A file beyond this is known again by its size alone.
const HASHED: u64 = 8 << 30;

/// What the final snapshot saw; an error when something else lies there by now.
pub(super) fn after(top: &Path, path: &[u8], seen: Seen<'_>, whole: bool) -> io::Result<Thing> {
    let kind = match seen.stat.kind {
        Kind::File => {
            let digest = || read_untouched(top, path, seen.stat, |dir, name| file_digest(dir, name));
            let sha256 = (seen.stat.size <= HASHED).then(digest).transpose()?;
            ThingKind::File { size: seen.stat.size, sha256, source: None }
        }
        Kind::Directory if whole => ThingKind::Whole {
            sha256: read_untouched(top, path, seen.stat, |dir, name| whole_digest(dir, name))?,
        },
        Kind::Directory => ThingKind::Directory,
        Kind::Symlink => ThingKind::Symlink { target: seen.target.into() },
        Kind::Fifo => ThingKind::Fifo,
        Kind::Socket => ThingKind::Socket,
        Kind::Device => ThingKind::Device,
    };
    Ok(thing(seen.stat, kind))
}

fn thing(stat: Stat, kind: ThingKind) -> Thing {
    Thing { mode: stat.mode, uid: stat.uid, gid: stat.gid, kind }
}

/// Reads what the snapshot saw, and makes sure that it was that.
fn read_untouched(
    top: &Path,
    path: &[u8],
    seen: Stat,
    read: impl Fn(&std::os::fd::OwnedFd, &std::ffi::OsStr) -> io::Result<String>,
) -> io::Result<String> {
    let gone = || io::Error::other("it changed after the last look");
    let (dir, name) = open_parent(top, path)?.ok_or_else(gone)?;
    let digest = read(&dir, &name)?;
    match stat(&dir, &name)? {
        Some(now) if now.is_untouched_since(&seen) => Ok(digest),
        Some(_) | None => Err(gone()),
    }
}

/// Whether two files hold the same bytes, so that only mode or owner differ.
pub(super) fn is_same_content(
    comparison: &Comparison,
    area: Option<(&GitArea, Option<&GitArea>)>,
    path: &[u8],
    (old, new): (Seen<'_>, Seen<'_>),
) -> bool {
    if old.stat.kind != Kind::File || old.stat.size != new.stat.size {
        return false;
    }
    match area {
        None => {
            let survey = &comparison.baseline.inner.survey;
            let pair = Pair { before: Some(old), after: Some(new) };
            content_change(comparison.baseline.tree(), survey, path, pair).is_none()
        }
        Some((area, _)) => area
            .marks
            .get(path)
            .is_some_and(|mark| content::digest_file(&area.path, path).ok().as_ref() == Some(mark)),
    }
}

/// The log of stashes, which no listing holds: before and after.
pub(super) fn stash_log(
    comparison: &Comparison,
    top: &Path,
    path: &[u8],
    (old, new): (&RepositoryState, &RepositoryState),
) -> Result<(Option<Thing>, Option<Thing>), String> {
    let now = open_parent(top, path).ok().flatten().and_then(|(dir, name)| stat(&dir, &name).ok().flatten());
    let secured = comparison.baseline.inner.secured.as_ref();
    let before = match (old.stash_log, secured.and_then(|secured| secured.find(top, path))) {
        (None, _) => None,
        (Some(_), None) => return Err("the list of stashes was not secured".to_owned()),
        (Some(digest), Some(kept)) if digest == kept.digest => {
            let source = Some(Source::Secured { file: kept.file, offset: kept.offset });
            let kind = ThingKind::File { size: kept.size, sha256: Some(hex(&kept.digest)), source };
            let (mode, uid, gid) = now.map_or_else(
                || (0o644, nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw()),
                |now| (now.mode, now.uid, now.gid),
            );
            Some(Thing { mode, uid, gid, kind })
        }
        (Some(_), Some(_)) => return Err("the list of stashes changed while it was secured".to_owned()),
    };
    let after = match (new.stash_log, now) {
        (Some(digest), Some(now)) => {
            let kind = ThingKind::File { size: now.size, sha256: Some(hex(&digest)), source: None };
            Some(thing(now, kind))
        }
        (None, _) | (_, None) => None,
    };
    Ok((before, after))
}

impl From<&Vec<u8>> for Bytes {
    fn from(bytes: &Vec<u8>) -> Self {
        Self(bytes.clone())
    }
}
