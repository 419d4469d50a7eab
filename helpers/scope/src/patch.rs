//! What a run changed, as a patch that `git apply` takes: headers by hand (paths are bytes, modes are exact), hunks
//! by libgit2's diff of two buffers, which looks at no repository and no configuration.

use std::fmt::Write as _;

use clodex_core::path_text;
use git2::{DiffOptions, Patch};

use crate::Baseline;
use crate::blobs::Blobs;
use crate::content::{self, ObjectId, blob_id};
use crate::conversion::without_carriage_returns;
use crate::listing::{Kind, Seen};
use crate::status_text::escaped;
use crate::survey::Survey;

/// Files beyond this are shown as binary.
const SHOWN: u64 = 4 << 20;

/// One side of a change.
pub(crate) struct Side {
    /// As git tells it.
    pub(crate) mode: u32,
    /// `None`: not known, or too big.
    pub(crate) bytes: Option<Vec<u8>>,
}

/// The patch over the given paths.
pub(crate) fn changes(before: &Baseline, after: &Survey, paths: &[Vec<u8>]) -> Vec<u8> {
    let blobs = Blobs::of(&before.inner.survey, before.root());
    let mut patch = Vec::new();
    let like = like(before);
    for path in paths {
        let old =
            before.inner.survey.listing.entry(path).and_then(|seen| old_side(before, &blobs, path, seen));
        let new = after.listing.entry(path).and_then(|seen| new_side(before, path, seen));
        change(&mut patch, path, &like, (old.as_ref(), new.as_ref()));
    }
    patch
}

/// Adds one path to a patch, with object names like this one.
pub(crate) fn change(out: &mut Vec<u8>, path: &[u8], like: &ObjectId, sides: (Option<&Side>, Option<&Side>)) {
    match sides {
        // Git tells no change of type in one step.
        (Some(was), Some(is)) if was.mode >> 12 != is.mode >> 12 => {
            one(out, path, like, (Some(was), None));
            one(out, path, like, (None, Some(is)));
        }
        (None, None) => {}
        _ => one(out, path, like, sides),
    }
}

fn mode_of(seen: Seen<'_>) -> Option<u32> {
    match seen.stat.kind {
        Kind::File if seen.stat.mode & 0o100 != 0 => Some(0o100_755),
        Kind::File => Some(0o100_644),
        Kind::Symlink => Some(0o120_000),
        Kind::Directory | Kind::Fifo | Kind::Socket | Kind::Device => None,
    }
}

pub(crate) fn old_side(before: &Baseline, blobs: &Blobs<'_>, path: &[u8], seen: Seen<'_>) -> Option<Side> {
    let mode = mode_of(seen)?;
    let (survey, secured) = (&before.inner.survey, before.inner.secured.as_ref());
    let bytes = if seen.stat.kind == Kind::Symlink {
        Some(seen.target.to_vec())
    } else if let Some((secured, kept)) = secured.and_then(|all| Some((all, all.find(before.root(), path)?)))
    {
        (seen.stat.size <= SHOWN).then(|| secured.read(&kept)).flatten()
    } else if let Some(known) = survey.known.get(path) {
        known.kept.as_ref().map(|kept| kept.to_vec())
    } else {
        blobs.at(path).map(|blob| as_checked_out(blob, seen.stat.size))
    };
    Some(Side { mode, bytes })
}

/// A blob that was checked out with CRLF is shown with it, so that the patch fits the work tree.
pub(crate) fn as_checked_out(blob: Vec<u8>, size: u64) -> Vec<u8> {
    if blob.len() as u64 == size {
        return blob;
    }
    let mut converted = Vec::with_capacity(blob.len() + blob.len() / 16);
    for byte in without_carriage_returns(&blob) {
        if byte == b'\n' {
            converted.push(b'\r');
        }
        converted.push(byte);
    }
    if converted.len() as u64 == size { converted } else { blob }
}

fn new_side(before: &Baseline, path: &[u8], seen: Seen<'_>) -> Option<Side> {
    let bytes = match seen.stat.kind {
        Kind::Symlink => Some(seen.target.to_vec()),
        _ if seen.stat.size > SHOWN => None,
        _ => content::read(before.root(), path).ok(),
    };
    Some(Side { mode: mode_of(seen)?, bytes })
}

/// An object name in the repository's hash.
fn like(before: &Baseline) -> ObjectId {
    let known = before
        .inner
        .survey
        .own()
        .and_then(|own| own.index.as_ref().ok()?.entries().next())
        .map(|entry| entry.id);
    known.unwrap_or(ObjectId::NOTHING)
}

fn one(out: &mut Vec<u8>, path: &[u8], like: &ObjectId, (old, new): (Option<&Side>, Option<&Side>)) {
    let name = |side: &str| {
        let text = escaped(path);
        if text.as_bytes() == path { format!("{side}/{text}") } else { format!("\"{side}/{text}\"") }
    };
    let mut header = format!("diff --git {} {}\n", name("a"), name("b"));
    let mode = match (old, new) {
        (None, Some(new)) => {
            let _ = writeln!(header, "new file mode {:o}", new.mode);
            None
        }
        (Some(old), None) => {
            let _ = writeln!(header, "deleted file mode {:o}", old.mode);
            None
        }
        (Some(old), Some(new)) if old.mode != new.mode => {
            let _ = write!(header, "old mode {:o}\nnew mode {:o}\n", old.mode, new.mode);
            None
        }
        (old, _) => old.map(|old| old.mode),
    };
    let bytes = |side: Option<&Side>| side.map_or(Some(Vec::new()), |side| side.bytes.clone());
    let (Some(was), Some(is)) = (bytes(old), bytes(new)) else {
        let _ = writeln!(header, "Binary files {} and {} differ", name("a"), name("b"));
        let _ = writeln!(header, "# the content of `{}` was not kept", path_text(path));
        out.extend_from_slice(header.as_bytes());
        return;
    };
    if was == is {
        out.extend_from_slice(header.as_bytes());
        return;
    }
    let _ = writeln!(
        header,
        "index {}..{}{}",
        id_text(old, &was, like),
        id_text(new, &is, like),
        mode.map_or(String::new(), |mode| format!(" {mode:o}"))
    );
    if was.contains(&0) || is.contains(&0) {
        out.extend_from_slice(header.as_bytes());
        binary(out, &was, &is);
        return;
    }
    let from = if old.is_some() { name("a") } else { "/dev/null".to_owned() };
    let to = if new.is_some() { name("b") } else { "/dev/null".to_owned() };
    let _ = write!(header, "--- {from}\n+++ {to}\n");
    out.extend_from_slice(header.as_bytes());
    hunks(out, &was, &is);
}

/// The bytes of both sides, packed as `git diff --binary` does.
fn binary(out: &mut Vec<u8>, old: &[u8], new: &[u8]) {
    let start: &[u8] = b"GIT binary patch\n";
    let mut options = DiffOptions::new();
    options.show_binary(true);
    let text =
        Patch::from_buffers(old, None, new, None, Some(&mut options)).and_then(|mut diff| diff.to_buf());
    let text = text.as_deref().unwrap_or_default();
    if let Some(at) = text.windows(start.len()).position(|window| window == start) {
        out.extend_from_slice(&text[at..]);
    }
}

fn id_text(side: Option<&Side>, bytes: &[u8], like: &ObjectId) -> String {
    match side.and_then(|_| blob_id(bytes, like)) {
        Some(id) => id.to_string(),
        None => "0".repeat(2 * like.bytes().len()),
    }
}

fn hunks(out: &mut Vec<u8>, old: &[u8], new: &[u8]) {
    let mut options = DiffOptions::new();
    options.force_text(true);
    let Ok(diff) = Patch::from_buffers(old, None, new, None, Some(&mut options)) else { return };
    for at in 0..diff.num_hunks() {
        let Ok((hunk, lines)) = diff.hunk(at) else { return };
        out.extend_from_slice(hunk.header());
        for line in 0..lines {
            let Ok(line) = diff.line_in_hunk(at, line) else { return };
            if let origin @ ('+' | '-' | ' ') = line.origin() {
                out.push(u8::try_from(origin).unwrap_or(b' '));
            }
            out.extend_from_slice(line.content());
        }
    }
}
