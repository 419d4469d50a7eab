//! Locks of git that were not there before the run: with one of them git refuses to write. No violation, as a git that
//! was killed leaves one, and one that still works holds one.

use std::os::unix::ffi::OsStrExt as _;

use clodex_core::path_text;

use crate::git_area::GitArea;
use crate::listing::{Kind, split};

/// More than these are counted.
const TOLD: usize = 3;

/// A line that names them, if there are any.
pub(crate) fn notes(before: &[GitArea], after: &[GitArea]) -> Option<String> {
    let mut locks = after.iter().flat_map(|area| {
        let was =
            before.iter().find(|was| was.path.as_os_str().as_bytes() == area.path.as_os_str().as_bytes());
        let is_new = move |path: &[u8]| was.is_none_or(|was| was.listing.entry(path).is_none());
        let is_lock = |path: &[u8]| split(path).1.ends_with(b".lock") && !path.starts_with(b"objects/");
        let found = area.listing.paths();
        found
            .filter(move |(path, seen)| seen.stat.kind == Kind::File && is_lock(path) && is_new(path))
            .map(|(path, _)| path_text(&area.shown(&path)))
    });
    let mut named: Vec<String> = locks.by_ref().take(TOLD).map(|lock| format!("`{lock}`")).collect();
    let more = locks.count();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    (!named.is_empty()).then(|| {
        format!(
            "locks of git appeared: {}; where no git is at work, remove them, or git will not write",
            named.join(", ")
        )
    })
}
