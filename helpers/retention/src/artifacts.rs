//! The artifacts of a run: which files of its directory are ours, and their removal. What anybody else put there stays,
//! and so does a directory that cannot be shown to be the run's.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use clodex_core::{RunRecord, Seal};
use clodex_os::{NoFollowDir, sha256_hex};

/// A seal lists some twenty names.
const SEAL_MAX_BYTES: u64 = 1 << 20;
const SEAL: &str = "seal.json";
/// What is written into the directory of a run that is not sealed, or after the seal.
const UNSEALED: [&str; 19] = [
    "answer.schema.json",
    "changes.patch",
    "event-times.jsonl",
    "events.jsonl",
    "policy.json",
    "post-diff-stat.txt",
    "post-status.txt",
    "pre-diff-stat.txt",
    "pre-status.txt",
    "prompt.md",
    "quarantine",
    "quarantine.json",
    "quarantine.patch",
    "result.json",
    "result.md",
    "session.md",
    "stderr.txt",
    "task.md",
    "verification.json",
];

/// What became, or would become, of an artifact directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    /// Bytes on disk of what is ours.
    pub(crate) bytes: u64,
    /// What stays, and why; none = nothing is left of it.
    pub(crate) left: Option<String>,
}

/// The directory of an ended run, if it is there and is the run's.
pub(crate) fn of_run(record: &RunRecord) -> Result<Option<RunDir>, String> {
    let path = Path::new(&record.artifact_dir);
    let shown = path.display();
    let dir = match NoFollowDir::open(path) {
        Ok(dir) => dir,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("its artifacts stay: cannot open {shown} for certain: {error}")),
    };
    let seal = sealed(&dir, record);
    let is_in_its_place = path.ends_with(Path::new(".codex-dispatch/runs").join(record.id.as_str()));
    let is_named_for_it = path.file_name() == Some(OsStr::new(record.id.as_str()));
    if is_named_for_it && (is_in_its_place || seal.is_some()) {
        Ok(Some(RunDir { dir, sealed: seal.unwrap_or_default() }))
    } else {
        Err(format!("its artifacts stay: {shown} does not have its seal"))
    }
}

/// A directory that is a run's.
#[derive(Debug)]
pub(crate) struct RunDir {
    dir: NoFollowDir,
    sealed: Vec<OsString>,
}

impl RunDir {
    /// Counts what would be removed.
    pub(crate) fn look(&self) -> Removed {
        let Ok(names) = self.dir.names() else { return Removed::default() };
        let (ours, others): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| self.is_ours(name));
        Removed { bytes: ours.iter().map(|name| self.dir.measure(name)).sum(), left: self.left(others.len()) }
    }

    /// Removes what is ours, the seal last: an interrupted removal can be gone on with.
    pub(crate) fn remove(self) -> io::Result<Removed> {
        let names = self.dir.names()?;
        let (ours, others): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| self.is_ours(name));
        let (seal, first): (Vec<_>, Vec<_>) = ours.into_iter().partition(|name| name == SEAL);
        let mut bytes = 0;
        for name in first.iter().chain(&seal) {
            bytes += self.dir.remove(name)?;
        }
        let left = self.left(others.len());
        self.dir.remove_if_empty()?;
        Ok(Removed { bytes, left })
    }

    fn left(&self, others: usize) -> Option<String> {
        (others > 0)
            .then(|| format!("{others} files that are not ours stay in {}", self.dir.path().display()))
    }

    fn is_ours(&self, name: &OsStr) -> bool {
        self.sealed.iter().any(|sealed| sealed == name)
            || name.to_str().is_some_and(|name| is_written_by_us(name) || is_half_written(name))
    }
}

/// The names that the run's own seal lists; none where it is not the seal that the record knows.
fn sealed(dir: &NoFollowDir, record: &RunRecord) -> Option<Vec<OsString>> {
    let bytes = dir.read(SEAL, SEAL_MAX_BYTES).ok()?;
    let seal: Seal = serde_json::from_slice(&bytes).ok()?;
    let is_its = record.seal.as_deref() == Some(&sha256_hex(&bytes)) && seal.run_id == record.id.as_str();
    is_its.then(|| seal.sha256.into_keys().map(OsString::from).collect())
}

fn is_written_by_us(name: &str) -> bool {
    let is_output_of_check = || {
        let number = name.strip_prefix("verification-").and_then(|rest| rest.strip_suffix(".txt"));
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    name == SEAL || UNSEALED.contains(&name) || is_output_of_check()
}

/// `.NAME.….tmp`: its writer was killed.
fn is_half_written(name: &str) -> bool {
    let of_ours = |inner: &str| {
        let mut ends = inner.match_indices('.').map(|(at, _)| &inner[..at]);
        ends.any(is_written_by_us)
    };
    name.strip_prefix('.').and_then(|rest| rest.strip_suffix(".tmp")).is_some_and(of_ours)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    fn record(artifact_dir: &Path, seal: Option<&str>) -> RunRecord {
        let text = include_str!("../../os/src/record_store/record-v1.json");
        let mut record: RunRecord = serde_json::from_str(text).unwrap();
        record.artifact_dir = artifact_dir.display().to_string();
        record.seal = seal.map(str::to_owned);
        record
    }

    fn folder(parent: &str) -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let id = record(Path::new("/"), None).id;
        let dir = root.path().canonicalize().unwrap().join(parent).join(id.as_str());
        fs::create_dir_all(&dir).unwrap();
        (root, dir)
    }

    fn seal_over(dir: &Path, names: &[&str]) -> String {
        let sha256 = names.iter().map(|name| ((*name).to_owned(), String::new())).collect();
        let run_id = record(dir, None).id.to_string();
        let text = serde_json::to_vec(&Seal { version: 1, run_id, sha256 }).unwrap();
        fs::write(dir.join(SEAL), &text).unwrap();
        sha256_hex(&text)
    }

    #[test]
    fn in_its_place_what_is_ours_goes_and_what_is_not_stays() {
        let (_root, dir) = folder(".codex-dispatch/runs");
        let ours = ["task.md", "verification-12.txt", ".result.json.77-0-abcd.tmp"];
        let theirs = ["notes.md", "verification-x.txt", ".notes.md.77-0-abcd.tmp"];
        for name in ours.iter().chain(&theirs) {
            fs::write(dir.join(name), "text").unwrap();
        }
        fs::create_dir(dir.join("quarantine")).unwrap();
        fs::write(dir.join("quarantine/lib"), "text").unwrap();
        let found = of_run(&record(&dir, None)).unwrap().unwrap();
        let looked = found.look();
        assert_eq!(found.remove().unwrap(), looked);
        assert!(looked.bytes > 0 && looked.left.unwrap().starts_with("3 files that are not ours stay in "));
        let mut left: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".notes.md.77-0-abcd.tmp", "notes.md", "verification-x.txt"]);
    }

    #[test]
    fn elsewhere_only_its_own_seal_shows_that_it_is_the_runs() {
        let (_root, dir) = folder("out");
        fs::write(dir.join("task.md"), "text").unwrap();
        assert!(of_run(&record(&dir, None)).is_err());
        let seal = seal_over(&dir, &["task.md", "findings.json", "../../precious", "kept"]);
        assert!(of_run(&record(&dir, Some("0000"))).is_err());
        fs::write(dir.join("findings.json"), "text").unwrap();
        let precious = dir.parent().unwrap().parent().unwrap().join("precious");
        fs::write(&precious, "text").unwrap();
        of_run(&record(&dir, Some(&seal))).unwrap().unwrap().remove().unwrap();
        assert!(!dir.exists() && precious.exists());
        assert!(of_run(&record(&dir, Some(&seal))).unwrap().is_none(), "gone");
    }

    #[test]
    fn through_a_symlink_nothing_is_removed() {
        let (root, dir) = folder("theirs/.codex-dispatch/runs");
        fs::write(dir.join("task.md"), "text").unwrap();
        let link = root.path().canonicalize().unwrap().join("repo");
        std::os::unix::fs::symlink(link.with_file_name("theirs"), &link).unwrap();
        let through = link.join(".codex-dispatch/runs").join(dir.file_name().unwrap());
        assert!(through.join("task.md").exists());
        assert!(of_run(&record(&through, None)).is_err());
    }
}
