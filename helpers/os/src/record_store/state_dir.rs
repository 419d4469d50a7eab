//! Where records, locks and copies lie, and how a small file there is read without ever waiting.
//! Works on bytes: the statusline reads records with a type of its own.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::clock::Timestamp;
use crate::{Failure, Result, RunLock, atomic_file, read_regular};

/// A record is some kilobytes; what is larger is none.
const RECORD_MAX_BYTES: u64 = 1 << 20;
/// Everything that may be in a state directory.
const DIRECTORIES: [&str; 13] = [
    "ended",
    "flows",
    "landings",
    "last",
    "lines",
    "live",
    "quota",
    "secured",
    "starts",
    "tmp",
    "told",
    "turns",
    "worktrees",
];
const FILES: [&str; 5] =
    ["codex-profile.json", "codex-version.json", "prune.lock", "pruned", "thread-history"];

/// The state directory: paths and bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// The directory at `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// `$CLODEX_STATE_DIR`, else `$XDG_STATE_HOME/clodex`, else `~/.local/state/clodex`; none where no variable
    /// says so. A relative `$XDG_STATE_HOME` is ignored, as its specification wants.
    pub fn from_env() -> Option<Self> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// The same for who cannot do without; exit code 2 where no variable says so.
    pub fn required() -> std::result::Result<Self, Failure> {
        Self::from_env().ok_or_else(|| {
            Failure::usage(
                "cannot tell where records are kept: neither CLODEX_STATE_DIR, XDG_STATE_HOME nor HOME is set\n\
                 hint: set HOME or CLODEX_STATE_DIR",
            )
        })
    }

    pub(super) fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let absolute = |name: &str| set(name).filter(|path| path.is_absolute());
        if let Some(own) = set("CLODEX_STATE_DIR") {
            return Some(Self::at(std::path::absolute(&own).unwrap_or(own)));
        }
        let state_home = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
        Some(Self::at(state_home?.join("clodex")))
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Removes everything that runs have left here, and the directory where nothing else is in it; how much else there
    /// is. `$CLODEX_STATE_DIR` may be a directory that somebody uses for more.
    pub fn remove_ours(&self) -> std::io::Result<usize> {
        let mut others = 0;
        for entry in fs::read_dir(&self.root)? {
            let (name, path) = entry.map(|entry| (entry.file_name(), entry.path()))?;
            match name.to_str() {
                Some(name) if DIRECTORIES.contains(&name) => fs::remove_dir_all(path)?,
                Some(name) if is_file_of_ours(name) => fs::remove_file(path)?,
                Some(_) | None => others += 1,
            }
        }
        if others == 0 {
            fs::remove_dir(&self.root)?;
        }
        Ok(others)
    }

    /// Makes sure that it is there, and says where the lines lie that somebody typed to talk with Codex.
    pub fn thread_history(&self) -> Result<PathBuf> {
        atomic_file::private_dir(&self.root)?;
        Ok(self.root.join("thread-history"))
    }

    /// Where the records of live runs are: worth watching.
    pub fn live(&self) -> PathBuf {
        self.root.join("live")
    }

    /// Where the private temporary directories of runs are.
    pub fn scratch(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Where what runs may have to put back is secured, in a directory for each.
    pub fn secured(&self) -> PathBuf {
        self.root.join("secured")
    }

    /// Where the worktrees of isolated runs are, a directory a run, by its id.
    pub fn worktrees(&self) -> PathBuf {
        self.root.join("worktrees")
    }

    /// Where isolated runs leave what is to be landed.
    pub fn landings(&self) -> PathBuf {
        self.root.join("landings")
    }

    /// What an isolated run left to be landed.
    pub fn landing(&self, id: &str) -> PathBuf {
        self.landings().join(id)
    }

    /// Ids of the runs that have a worktree, removals that were interrupted included.
    pub fn worktree_ids(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.worktrees()) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.map(|name| name.trim_start_matches('.').trim_end_matches(".removing").to_owned()).collect()
    }

    /// Where flows are, a directory a flow, by its id: what each was given, and its journal.
    pub fn flows(&self) -> PathBuf {
        self.root.join("flows")
    }

    /// Where the records of ended runs are: worth watching.
    pub fn ended(&self) -> PathBuf {
        self.root.join("ended")
    }

    pub(super) fn live_record(&self, id: &str) -> PathBuf {
        self.root.join("live").join(format!("{id}.json"))
    }

    pub(super) fn ended_record(&self, id: &str) -> PathBuf {
        self.root.join("ended").join(format!("{id}.json"))
    }

    pub(super) fn lock(&self, id: &str) -> PathBuf {
        self.root.join("live").join(format!("{id}.lock"))
    }

    /// Held by whoever cancels the run right now: a second one knows by it that the first one waits.
    pub fn cancel_lock(&self, id: &str) -> PathBuf {
        self.root.join("live").join(format!("{id}.cancel.lock"))
    }

    /// What is said to the run, while it lives.
    pub(super) fn inbox(&self, id: &str) -> PathBuf {
        self.root.join("live").join(format!("{id}.inbox"))
    }

    /// Where it is kept in which turns of a project's sessions something was done.
    pub fn of_turns(&self, what: &str, project: &[u8]) -> PathBuf {
        self.root.join("turns").join(format!("{:016x}.{what}", fnv1a(project)))
    }

    /// Where the last output of a slow status line of the user's own is kept, for each session and command.
    pub fn line(&self, session: &[u8], command: &[u8]) -> PathBuf {
        self.lines().join(format!("{:016x}{:016x}", fnv1a(session), fnv1a(command)))
    }

    /// Where it is kept what is known of the limits of a Codex home's account.
    pub(super) fn quota(&self, codex_home: &[u8]) -> PathBuf {
        self.root.join("quota").join(format!("{:016x}.json", fnv1a(codex_home)))
    }

    /// Where such outputs are.
    pub fn lines(&self) -> PathBuf {
        self.root.join("lines")
    }

    pub(super) fn start_lock(&self, place: &str) -> PathBuf {
        self.root.join("starts").join(project(place) + ".lock")
    }

    pub(super) fn last(&self, git_common_dir: &str) -> PathBuf {
        self.root.join("last").join(project(git_common_dir) + ".json")
    }

    pub(super) fn make(&self) -> Result<()> {
        atomic_file::private_dir(&self.root)?;
        ["live", "ended", "last", "starts"]
            .iter()
            .try_for_each(|name| atomic_file::private_dir(&self.root.join(name)))
    }

    /// Ids of the live runs, unordered. An unreadable directory holds none.
    pub fn live_ids(&self) -> Vec<String> {
        ids_in(&self.live())
    }

    /// Ids of the ended runs, newest first.
    pub fn ended_ids(&self) -> Vec<String> {
        let mut ids = ids_in(&self.ended());
        ids.sort_unstable_by(|one, other| other.cmp(one));
        ids
    }

    /// Ids of the runs whose records were not written for so long, the oldest first.
    pub fn ended_for(&self, age: std::time::Duration) -> Vec<String> {
        let now = Timestamp::now();
        let mut ids = self.ended_ids();
        ids.retain(|id| self.ended_at(id).is_some_and(|at| at.until(now) >= age));
        ids.reverse();
        ids
    }

    /// When an ended run's record was written for the last time.
    pub(super) fn ended_at(&self, id: &str) -> Option<Timestamp> {
        let written = fs::metadata(self.ended_record(id)).and_then(|found| found.modified());
        written.ok().map(Timestamp::from)
    }

    /// Bytes of a live run's record.
    pub fn read_live(&self, id: &str) -> Option<Vec<u8>> {
        read_record(&self.live_record(id))
    }

    /// Bytes of an ended run's record.
    pub fn read_ended(&self, id: &str) -> Option<Vec<u8>> {
        read_record(&self.ended_record(id))
    }

    /// Bytes of the record that ended last in a project. The reader compares the record's own git common
    /// directory: the file's name is a hash.
    pub fn read_last(&self, git_common_dir: &str) -> Option<Vec<u8>> {
        read_record(&self.last(git_common_dir))
    }

    /// Whether the lock of a run is held. What cannot be asked counts as held: nobody is called dead by mistake.
    pub fn is_held(&self, id: &str) -> bool {
        RunLock::is_held(&self.lock(id)).unwrap_or(true)
    }

    /// Whether a run has a record, live or ended.
    pub(super) fn has_record(&self, id: &str) -> bool {
        // In this order: it moves one way only.
        self.live_record(id).exists() || self.ended_record(id).exists()
    }

    /// Whether a run's record is among the live ones now.
    pub fn is_among_live(&self, id: &str) -> bool {
        self.live_record(id).exists()
    }
}

/// Half written ones, too: `.NAME.….tmp`.
fn is_file_of_ours(name: &str) -> bool {
    let half = name.strip_prefix('.').and_then(|rest| rest.strip_suffix(".tmp"));
    FILES.iter().any(|file| name == *file || half.is_some_and(|half| half.starts_with(file)))
}

/// Names `<id>.json` without hidden ones, which are half written.
fn ids_in(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let id_of = |name: OsString| {
        let mut name = name.into_string().ok()?;
        name.truncate(name.strip_suffix(".json")?.len());
        (!name.is_empty() && !name.starts_with('.')).then_some(name)
    };
    entries.filter_map(|entry| id_of(entry.ok()?.file_name())).collect()
}

/// What cannot be read as a small regular file is no record.
pub(super) fn read_record(path: &Path) -> Option<Vec<u8>> {
    read_regular(path, RECORD_MAX_BYTES).ok()
}

/// A project as a file name.
fn project(git_common_dir: &str) -> String {
    format!("{:016x}", fnv1a(git_common_dir.trim_end_matches('/').as_bytes()))
}

/// FNV-1a, 64 bits: a file name for any path, without a hashing crate on the statusline's way.
pub(super) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(set: &[(&str, &str)]) -> Option<PathBuf> {
        let find =
            |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        StateDir::from_variables(find).map(|dir| dir.path().to_owned())
    }

    #[test]
    fn the_first_variable_that_is_set_decides() {
        let all = [("CLODEX_STATE_DIR", "/s"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(chosen(&all), Some("/s".into()));
        assert_eq!(chosen(&all[1..]), Some("/x/clodex".into()));
        assert_eq!(chosen(&all[2..]), Some("/h/.local/state/clodex".into()));
        assert_eq!(chosen(&[("XDG_STATE_HOME", "x"), ("HOME", "/h")]), Some("/h/.local/state/clodex".into()));
        assert_eq!(chosen(&[("CLODEX_STATE_DIR", ""), ("HOME", "")]), None);
    }

    #[test]
    fn of_a_directory_that_is_used_for_more_only_ours_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path().join("state"));
        for (theirs, left) in [(Some("package.json"), 1), (None, 0)] {
            state.make().unwrap();
            fs::write(state.ended_record("x"), "{}").unwrap();
            for name in FILES.iter().copied().chain([".pruned.1-2.tmp"]).chain(theirs) {
                fs::write(state.path().join(name), "").unwrap();
            }
            assert_eq!(state.remove_ours().unwrap(), left);
            assert_eq!(fs::read_dir(state.path()).map_or(0, Iterator::count), left);
            let _ = fs::remove_file(state.path().join("package.json"));
        }
        assert!(!state.path().exists());
    }

    #[test]
    fn fnv1a_is_the_published_one() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
