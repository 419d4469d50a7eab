//! Compares two looks at the work tree by content, type, mode, owner and symlink target.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use clodex_core::{ViolationKind, path_text};

use crate::content::{self, blob_id};
use crate::conversion::without_carriage_returns;
use crate::differences::{Pair, differences};
use crate::finding::{Finding, Shared};
use crate::listing::{Kind, Listing, Seen};
use crate::survey::{Content, Survey};
use crate::{Baseline, Tree};

/// What changed in the work tree. Directories are named only where nothing in them can be.
pub(crate) fn tree_findings(before: &Baseline, after: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    let was = &before.inner.survey;
    let distrusted = &before.inner.survey_rules.distrusted;
    differences(&was.listing, &after.listing, distrusted, |path, pair| {
        let leads_to_excluded = before.inner.exclude.iter().any(|excluded| {
            excluded.strip_prefix(path.as_slice()).is_some_and(|rest| rest.starts_with(b"/"))
        });
        let found = match (pair.before, pair.after) {
            (None, None) => None,
            (None, Some(seen)) => {
                let hidden = seen.stat.kind == Kind::Directory
                    && (leads_to_excluded || !is_empty(&after.listing, &path));
                (!hidden).then(|| (ViolationKind::Added, format!("nothing → {}", describe(seen))))
            }
            (Some(seen), None) => {
                let hidden = seen.stat.kind == Kind::Directory && !is_empty(&was.listing, &path);
                (!hidden).then(|| (ViolationKind::Removed, format!("{} → nothing", describe(seen))))
            }
            (Some(old), Some(new)) => both(&before.inner.tree, (was, &after.listing), &path, old, new),
        };
        let shared = Shared::of(pair);
        findings.extend(found.map(|(kind, detail)| Finding { shared, ..Finding::tree(path, kind, detail) }));
    });
    findings
}

/// Names are given to directories in which there is nothing to name. A `.git` directory is never looked into here.
fn is_empty(listing: &Listing, path: &[u8]) -> bool {
    listing.directory(path).is_some_and(|directory| directory.is_empty())
}

/// Whether the system does not let us look into the directory.
fn is_closed(listing: &Listing, path: &[u8]) -> bool {
    listing.directory(path).is_some_and(|directory| directory.unreadable)
}

fn describe(seen: Seen<'_>) -> String {
    match seen.stat.kind {
        Kind::File => format!("file, {} bytes", seen.stat.size),
        Kind::Directory => "empty directory".to_owned(),
        Kind::Symlink => format!("symlink to {}", path_text(seen.target)),
        Kind::Fifo | Kind::Socket | Kind::Device => seen.stat.kind.as_str().to_owned(),
    }
}

fn both(
    tree: &Tree,
    (was, after): (&Survey, &Listing),
    path: &[u8],
    old: Seen<'_>,
    new: Seen<'_>,
) -> Option<(ViolationKind, String)> {
    if old.stat.kind != new.stat.kind {
        let name = |seen: Seen<'_>| match seen.stat.kind {
            Kind::Directory => "directory".to_owned(),
            _ => describe(seen),
        };
        return Some((ViolationKind::TypeChanged, format!("{} → {}", name(old), name(new))));
    }
    let mut parts = Vec::new();
    match old.stat.kind {
        Kind::File => {
            let content = content_change(tree, was, path, Pair { before: Some(old), after: Some(new) });
            let attributes = content.is_none().then(|| attributes_change(tree, path, old, new)).flatten();
            parts.extend(content.or(attributes));
        }
        Kind::Symlink if old.target != new.target => {
            parts.push(format!("symlink to {} → {}", path_text(old.target), path_text(new.target)));
        }
        Kind::Directory if new.stat.ctime != old.stat.ctime && is_closed(after, path) => {
            parts.push("touched, and cannot be looked into".to_owned());
        }
        Kind::Device if old.stat.ino != new.stat.ino => parts.push("another device".to_owned()),
        Kind::Symlink | Kind::Directory | Kind::Fifo | Kind::Socket | Kind::Device => {}
    }
    if old.stat.mode != new.stat.mode && old.stat.kind != Kind::Symlink {
        parts.push(format!("mode {:o} → {:o}", old.stat.mode, new.stat.mode));
    }
    if (old.stat.uid, old.stat.gid) != (new.stat.uid, new.stat.gid) {
        parts.push(format!("owner {}:{} → {}:{}", old.stat.uid, old.stat.gid, new.stat.uid, new.stat.gid));
    }
    (!parts.is_empty()).then(|| (ViolationKind::Modified, parts.join(", ")))
}

/// Whether the bytes differ; `None` when they are the same, however often the file was touched.
pub(crate) fn content_change(tree: &Tree, was: &Survey, path: &[u8], pair: Pair<'_>) -> Option<String> {
    let (old, new) = (pair.before?, pair.after?);
    if old.stat.size != new.stat.size {
        return Some(format!("content: {} → {} bytes", old.stat.size, new.stat.size));
    }
    let changed = || Some(format!("content: other {} bytes", new.stat.size));
    let untold = |why: &str| Some(format!("content may have changed: {why}"));
    match was.content(path) {
        Content::Digest(known) => match content::digest_file(tree.root(), path) {
            Ok(digest) if digest == *known => None,
            Ok(_) => changed(),
            Err(error) => untold(&error.to_string()),
        },
        Content::Blob(blob) => match content::file_blob_id(tree.root(), path, &blob) {
            Ok(Some(id)) if id == blob => None,
            Ok(_) if is_only_line_ends(tree, path, &blob) => None,
            Ok(_) => changed(),
            Err(error) => untold(&error.to_string()),
        },
        // Said before the run: here only what `lstat` tells can show a change.
        Content::Unread if new.stat.is_untouched_since(&old.stat) => None,
        Content::Unread => untold("it was not read before the run"),
    }
}

/// Extended attributes that something set on a file and nothing else: a capability, an access list, a user's own. They are
/// not looked at before a run, so that those of a file which was touched in another way, too, count as having been there.
fn attributes_change(tree: &Tree, path: &[u8], old: Seen<'_>, new: Seen<'_>) -> Option<String> {
    let is_set_alone = old.stat.ctime != new.stat.ctime
        && (old.stat.mtime, old.stat.ino, old.stat.nlink) == (new.stat.mtime, new.stat.ino, new.stat.nlink);
    if !is_set_alone {
        return None;
    }
    let names = xattr::list(tree.root().join(OsStr::from_bytes(path))).ok()?;
    let is_telling = |name: &[u8]| {
        name.starts_with(b"user.") || matches!(name, b"security.capability" | b"system.posix_acl_access")
    };
    let telling = names.filter(|name| is_telling(name.as_bytes()));
    let named: Vec<String> = telling.map(|name| path_text(name.as_bytes())).collect();
    (!named.is_empty()).then(|| format!("extended attributes: {}", named.join(", ")))
}

/// Whether the file was checked out with CRLF: same size as before, and the blob without the CRs.
fn is_only_line_ends(tree: &Tree, path: &[u8], id: &content::ObjectId) -> bool {
    content::read(tree.root(), path).is_ok_and(|bytes| {
        bytes.contains(&b'\r') && blob_id(&without_carriage_returns(&bytes), id).as_ref() == Some(id)
    })
}
