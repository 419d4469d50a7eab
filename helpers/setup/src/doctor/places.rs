//! What lies on disk: whether the state directory is private, and how much all of it takes.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clodex_os::record_store::RecordStore;
use clodex_os::{DiskUse, disk_use};

use super::finding::Finding;
use crate::sizes::size_text;

/// How long is counted before it is said how much it is at least.
const COUNTING: Duration = Duration::from_secs(1);
/// The artifacts of more runs are not counted.
const RUNS: usize = 500;
/// More is said: nobody needs it after a month.
const MUCH: u64 = 5_000_000_000;

/// A directory of ours as it is.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    mode: u32,
    is_dir: bool,
    is_own: bool,
}

/// The state directory and those in it that hold what others must not read.
pub fn private_places(state: &Path) -> Vec<Place> {
    let below =
        ["live", "ended", "last", "secured", "worktrees", "landings", "tmp"].map(|name| state.join(name));
    let own = fs::metadata("/proc/self").or_else(|_| fs::metadata(".")).map(|found| found.uid()).ok();
    let look = |path: PathBuf| {
        let found = fs::symlink_metadata(&path).ok()?;
        let is_own = own.is_none_or(|own| own == found.uid());
        Some(Place { path, mode: found.mode() & 0o777, is_dir: found.is_dir(), is_own })
    };
    [state.to_owned()].into_iter().chain(below).filter_map(look).collect()
}

/// Whether only their owner may enter them.
pub fn judge_private(places: &[Place]) -> Finding {
    let check = "state";
    let Some(state) = places.first() else { return Finding::ok(check, "there is none yet") };
    if let Some(place) = places.iter().find(|place| !place.is_dir || !place.is_own) {
        let what = format!("{} is not a directory of yours", place.path.display());
        return Finding::fail(check, what, "move it away, or set CLODEX_STATE_DIR to another place");
    }
    match places.iter().find(|place| place.mode & 0o077 != 0) {
        Some(place) => {
            let what = format!("{} is open to others ({:04o})", place.path.display(), place.mode);
            Finding::warn(
                check,
                what,
                format!("`chmod 700 '{}'`, or `clodex-setup doctor --fix`", place.path.display()),
            )
        }
        None => Finding::ok(check, format!("{} is private", state.path.display())),
    }
}

/// Directories that others may enter.
pub fn open_places(places: &[Place]) -> impl Iterator<Item = &Path> {
    places
        .iter()
        .filter(|place| place.is_dir && place.is_own && place.mode & 0o077 != 0)
        .map(|place| place.path.as_path())
}

/// What is counted, by its name.
pub type Counted = (&'static str, DiskUse);

/// Counts the state directory's parts, and the artifacts of the runs that it knows.
pub fn count(store: &RecordStore) -> Vec<Counted> {
    let deadline = Instant::now() + COUNTING;
    let state = store.dir().path();
    let part = |name: &'static str| (name, disk_use(&state.join(name), deadline));
    let mut counted = ["worktrees", "landings", "secured", "ended"].map(part).to_vec();
    let mut artifacts = DiskUse::default();
    for record in store.ended(RUNS) {
        let one = disk_use(Path::new(&record.artifact_dir), deadline);
        artifacts.bytes += one.bytes;
        artifacts.is_at_least |= one.is_at_least;
    }
    counted.push(("artifacts", artifacts));
    counted
}

/// Whether it is much.
pub fn judge_disk(counted: &[Counted]) -> Finding {
    let check = "disk";
    let all: u64 = counted.iter().map(|(_, counted)| counted.bytes).sum();
    let at_least = counted.iter().any(|(_, counted)| counted.is_at_least);
    let parts: Vec<String> = counted
        .iter()
        .filter(|(_, counted)| counted.bytes > 0)
        .map(|(name, counted)| format!("{name} {}", size_text(counted.bytes)))
        .collect();
    let more = if at_least { "more than " } else { "" };
    let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    let what = format!("{more}{}{parts}", size_text(all));
    if all >= MUCH {
        let hint =
            "`clodex-setup prune --dry-run` says what can go; `clodex-status` lists what waits to be landed";
        Finding::warn(check, what, hint)
    } else {
        Finding::ok(check, what)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_state_directory_that_others_may_enter_is_told() {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().join("state");
        assert_eq!(judge_private(&private_places(&state)).level, Level::Ok, "there is none");
        fs::create_dir_all(state.join("ended")).unwrap();
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        mode(&state, 0o700);
        mode(&state.join("ended"), 0o700);
        assert_eq!(judge_private(&private_places(&state)).level, Level::Ok);
        mode(&state.join("ended"), 0o750);
        let found = private_places(&state);
        let told = judge_private(&found);
        assert!(
            told.level == Level::Warn && told.what.contains("ended is open to others (0750)"),
            "{told:?}"
        );
        assert_eq!(open_places(&found).collect::<Vec<_>>(), [state.join("ended")]);
        fs::write(state.join("live"), "").unwrap();
        assert_eq!(judge_private(&private_places(&state)).level, Level::Fail);
    }

    #[test]
    fn much_is_warned_of_and_little_is_told() {
        let of = |bytes| [("secured", DiskUse { bytes, is_at_least: true }), ("ended", DiskUse::default())];
        let little = judge_disk(&of(2_500));
        assert_eq!((little.level, little.what.as_str()), (Level::Ok, "more than 2.5 kB (secured 2.5 kB)"));
        assert_eq!(judge_disk(&of(MUCH)).level, Level::Warn);
        assert_eq!(judge_disk(&[]).what, "0 B");
    }
}
