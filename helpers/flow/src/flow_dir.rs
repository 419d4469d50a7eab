//! Where a flow lies: a directory of its own in the state directory, with everything that it was given and all that came
//! of it. Workers cannot reach it. Knows names and bytes, not what they mean.
//!
//! ```text
//! <state dir>/flows/<id>/lock             held by who carries the flow out, for life
//!                        journal.jsonl    what happened
//!                        flow.yaml        the flow, to the byte
//!                        inputs.json      what it was given
//!                        inputs/<input>.md             its texts, for people
//!                        packets/ prompts/ schemas/    what runs are given
//!                        answers/<step>.md             what came back, or was asked
//!                        report.md        what it came to
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clodex_core::{ExitCode, slug};
use clodex_os::atomic_file::{self, Durability};
use clodex_os::clock::Timestamp;
use clodex_os::record_store::{RecordStore, StateDir};
use clodex_os::{Failure, RunLock, run_suffix};

/// No file of a flow's is larger.
pub const MAX_BYTES: u64 = 16 << 20;
/// Ids are random enough that a second try is rare and a tenth does not happen.
const TRIES: usize = 10;

/// The directory of one flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowDir {
    state: StateDir,
    path: PathBuf,
}

impl FlowDir {
    /// The directory of the flow of this id, be it there or not.
    pub fn at(state: &StateDir, id: &str) -> Self {
        Self { state: state.clone(), path: state.flows().join(id) }
    }

    /// Makes the directory of a new flow, and takes its lock.
    pub fn make(state: &StateDir, name: &str, title: &str) -> Result<(Self, RunLock), Failure> {
        atomic_file::private_dir(state.path())?;
        atomic_file::private_dir(&state.flows())?;
        for _ in 0..TRIES {
            let id = format!("{}-{name}-{}-{}", Timestamp::now().compact(), slug(title), run_suffix());
            let dir = Self::at(state, &id);
            match fs::create_dir(&dir.path) {
                Ok(()) => {
                    atomic_file::private_dir(&dir.path)?;
                    for below in ["inputs", "packets", "prompts", "schemas", "answers"] {
                        atomic_file::private_dir(&dir.path.join(below))?;
                    }
                    let lock = dir.lock()?.ok_or_else(|| dir.is_live())?;
                    return Ok((dir, lock));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(dir.failed("make", &error)),
            }
        }
        Err(Failure::usage("cannot find a free id for the flow\nhint: try again"))
    }

    /// The flow's id.
    pub fn id(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The records beside it, its runs' among them; nothing is made or mended.
    pub fn records(&self) -> RecordStore {
        RecordStore::look_at(self.state.clone())
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where the journal is.
    pub fn journal(&self) -> PathBuf {
        self.file("journal.jsonl")
    }

    /// Where a step's answer is.
    pub fn answer(&self, step: &str) -> PathBuf {
        self.file("answers").join(format!("{step}.md"))
    }

    /// Where the question of a step is.
    pub fn question(&self, step: &str) -> PathBuf {
        self.file("answers").join(format!("{step}.question.md"))
    }

    /// Where a step's dispatcher says what went wrong with itself.
    pub fn stderr(&self, step: &str) -> PathBuf {
        self.file("prompts").join(format!("{step}.stderr.txt"))
    }

    /// Takes the right to carry the flow out; none = another process has it.
    pub fn lock(&self) -> Result<Option<RunLock>, Failure> {
        Ok(RunLock::acquire(&self.file("lock"))?)
    }

    /// Whether a process carries the flow out now. What cannot be asked counts as live.
    pub fn is_held(&self) -> bool {
        RunLock::is_held(&self.file("lock")).unwrap_or(true)
    }

    /// Why nothing can be done with a flow that a process carries out.
    pub fn is_live(&self) -> Failure {
        let id = self.id();
        Failure::new(
            ExitCode::Refused,
            format!(
                "flow {id} is under way\nhint: `clodex-flow status {id}` shows it, `clodex-flow cancel {id}` ends it"
            ),
        )
    }

    /// Why there is nothing to tell of a flow that was killed before it had a journal.
    pub fn never_began(&self) -> Failure {
        let id = self.id();
        Failure::usage(format!("flow {id} never began: nothing of it was started\nhint: run it again"))
    }

    /// Writes a file that has to be there after a crash.
    pub fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
        Ok(atomic_file::replace(path, content, Durability::Synced)?)
    }

    /// Writes a file that can be made again.
    pub fn note(path: &Path, content: &[u8]) -> Result<(), Failure> {
        Ok(atomic_file::replace(path, content, Durability::Cached)?)
    }

    /// Reads a file as text.
    pub fn read(&self, path: &Path) -> Result<String, Failure> {
        let bytes = clodex_os::read_regular(path, MAX_BYTES).map_err(|error| self.failed("read", &error))?;
        String::from_utf8(bytes).map_err(|_| self.failed("read", &io::ErrorKind::InvalidData.into()))
    }

    fn failed(&self, tried: &str, error: &io::Error) -> Failure {
        Failure::usage(format!(
            "cannot {tried} what belongs to the flow in {}: {error}\nhint: CLODEX_STATE_DIR names the directory",
            self.path.display()
        ))
    }
}

/// Ids of all flows, newest first.
pub fn ids(state: &StateDir) -> Vec<String> {
    let Ok(entries) = fs::read_dir(state.flows()) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut ids: Vec<String> = names.filter(|name| is_id(name)).collect();
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids
}

/// The flow that a text means: its id, or the beginning of one.
pub fn find(state: &StateDir, text: &str) -> Result<FlowDir, Failure> {
    let ids = ids(state);
    let fitting: Vec<&String> = match ids.iter().find(|id| *id == text) {
        Some(exact) => vec![exact],
        None => ids.iter().filter(|id| !text.is_empty() && id.starts_with(text)).collect(),
    };
    match fitting[..] {
        [one] => Ok(FlowDir::at(state, one)),
        [] => Err(Failure::usage(format!(
            "cannot find flow `{text}`\nhint: `clodex-flow status` lists the flows"
        ))),
        _ => {
            let listed: Vec<&str> = fitting.iter().map(|id| id.as_str()).collect();
            let listed = listed.join("\n  ");
            Err(Failure::usage(format!(
                "cannot tell which flow `{text}` means:\n  {listed}\nhint: give more of its id"
            )))
        }
    }
}

fn is_id(name: &str) -> bool {
    !name.starts_with(['-', '.']) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_has_a_directory_of_its_own_and_is_found_by_the_beginning_of_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path());
        let (dir, lock) = FlowDir::make(&state, "split", "Add slug tests").unwrap();
        assert!(dir.id().contains("-split-add-slug-tests-") && dir.is_held());
        assert!(dir.lock().unwrap().is_none());
        drop(lock);
        assert!(!dir.is_held());
        let (other, _lock) = FlowDir::make(&state, "debate", "x").unwrap();
        assert_eq!(find(&state, &dir.id()).unwrap(), dir);
        assert_eq!(find(&state, &other.id()[..other.id().len() - 1]).unwrap(), other);
        assert!(find(&state, "2").unwrap_err().message().contains("cannot tell which flow"));
        assert!(find(&state, "").unwrap_err().message().contains("cannot find flow"));
        assert_eq!(ids(&state).len(), 2);
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path());
        let (dir, _lock) = FlowDir::make(&state, "split", "x").unwrap();
        FlowDir::write(&dir.answer("a"), b"text").unwrap();
        assert_eq!(dir.read(&dir.answer("a")).unwrap(), "text");
        assert!(dir.read(&dir.answer("b")).is_err());
    }
}
