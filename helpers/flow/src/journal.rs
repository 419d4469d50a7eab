//! The journal of a flow: what happened, a line each, on the disk before anything comes of it. A line that was cut by a
//! crash at the very end never happened; anything else that cannot be read is damage, and told.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clodex_core::{ProcessMark, RunId};
use clodex_os::Failure;
use clodex_os::clock::Timestamp;
use serde::{Deserialize, Serialize};

use crate::end_reason::EndReason;
use crate::facts::Facts;
use crate::flow::OnFailure;

/// Format version of the journal.
pub const JOURNAL_VERSION: u32 = 1;

/// A journal longer than this belongs to no flow.
const MAX_BYTES: u64 = 64 << 20;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When, in UTC.
    pub at: String,
    /// What.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
pub enum Entry {
    /// The flow begins; the first line of every journal.
    Begun(Begun),
    /// Another process goes on with it.
    Continued {
        /// Which.
        process: ProcessMark,
        /// Whether what failed begins again, too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
    /// A run of a step has its id and its record. It does nothing before this line is on the disk.
    Run {
        /// The step.
        step: String,
        /// Its run.
        run: RunId,
    },
    /// A run came to its end and was judged, or was refused before it had an id.
    Ended {
        /// The step.
        step: String,
        /// What is known of it.
        facts: Box<Facts>,
        /// What that means for the step.
        then: Then,
        /// Evidence of its gates, or why it failed.
        why: String,
        /// SHA-256 of its answer, hex.
        answer: String,
    },
    /// A flow that was killed is ended by another process.
    TakenOver {
        /// Which.
        process: ProcessMark,
    },
    /// A run ended before it was through, and did no harm: it died, held, or never began to work.
    Interrupted {
        /// The step.
        step: String,
        /// The run.
        run: RunId,
        /// What became of it.
        why: String,
        /// Whether Codex was at work.
        worked: bool,
        /// Tokens that it took.
        #[serde(default, skip_serializing_if = "is_zero")]
        tokens: u64,
    },
    /// A step was not wanted.
    Skipped {
        /// The step.
        step: String,
        /// The condition that does not hold.
        why: String,
    },
    /// A question was put.
    Asked {
        /// The step.
        step: String,
    },
    /// A question was answered.
    Answered {
        /// The step.
        step: String,
        /// SHA-256 of the answer, hex.
        answer: String,
    },
    /// What a run changed has landed.
    Landed {
        /// The step.
        step: String,
        /// The paths.
        changed: Vec<String>,
    },
    /// It could not land; the user's tree is as it was.
    NotLanded {
        /// The step.
        step: String,
        /// Why.
        why: String,
        /// Paths that are in the way, with the reason.
        in_the_way: Vec<String>,
    },
    /// What could not land was thrown away: the step begins anew.
    Discarded {
        /// The step.
        step: String,
    },
    /// Nothing more happens by itself.
    Finished {
        /// Why.
        end: EndReason,
        /// What the process exits with.
        exit_code: u8,
    },
}

/// How a flow begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// [`JOURNAL_VERSION`].
    pub version: u32,
    /// Id of the flow.
    pub flow: String,
    /// Its name.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Absolute directory that it was started in.
    pub workdir: String,
    /// Which process carries it out.
    pub process: ProcessMark,
    /// Claude Code session that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Steps, in order.
    pub steps: Vec<String>,
    /// What steps need; nothing is said of those that need nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub needs: BTreeMap<String, Vec<String>>,
    /// What happens to the others when a step fails.
    #[serde(default)]
    pub on_failure: OnFailure,
}

/// What the end of a run means for its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// It is through.
    Passed,
    /// It is through when its changes have landed.
    ToLand,
    /// It is tried again.
    Again,
    /// Another run is in its place: it is tried again without having been tried.
    Later,
    /// It failed.
    Failed,
    /// It was ended.
    Cancelled,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks in this way")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system refused.
    #[error("cannot {tried} the journal `{}`: {source}\nhint: {hint}", path.display())]
    System {
        /// `read` or `write`.
        tried: &'static str,
        /// Where it is.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
        /// The next step.
        hint: &'static str,
    },
    /// A later clodex wrote it.
    #[error(
        "cannot read the journal `{}`: it is of version {version}, and this clodex knows {JOURNAL_VERSION}\n\
         hint: update clodex",
        path.display()
    )]
    Newer {
        /// Where it is.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// A line in the middle says nothing.
    #[error(
        "cannot read the journal `{}`: line {line}: {why}\nhint: another program wrote to it; start the flow again",
        path.display()
    )]
    Damaged {
        /// Where it is.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// What is not written down did not happen, so nothing may come of it.
impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        Self::usage(error.to_string())
    }
}

/// A journal that is written to.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Makes the journal of a new flow.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|source| failed("write", path, source))?;
        // The name of the file has to be on the disk as well.
        let directory = path.parent().map_or_else(|| Ok(()), |parent| File::open(parent)?.sync_all());
        directory.map_err(|source| failed("write", path, source))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Goes on with a journal; what a crash left at its end is taken away.
    pub fn reopen(path: &Path) -> Result<(Self, Vec<Line>), JournalError> {
        let failed_here = |source| failed("write", path, source);
        let (lines, whole) = parse(path, &bytes(path)?)?;
        let mut file = OpenOptions::new().write(true).open(path).map_err(failed_here)?;
        file.set_len(whole as u64).map_err(failed_here)?;
        file.seek(SeekFrom::End(0)).map_err(failed_here)?;
        Ok((Self { file, path: path.to_owned() }, lines))
    }

    /// Writes a line. A kill does not take it away; a crash of the machine may, until the journal is on the disk.
    pub fn append(&mut self, entry: Entry) -> Result<Line, JournalError> {
        let line = Line { at: Timestamp::now().rfc3339(), entry };
        let encoded = serde_json::to_vec(&line).map_err(io::Error::from);
        let written = encoded.and_then(|mut bytes| {
            bytes.push(b'\n');
            self.file.write_all(&bytes)
        });
        written.map_err(|source| failed("write", &self.path, source))?;
        Ok(line)
    }

    /// Returns when all lines are on the disk: before a run is let go, before something lands, before the process ends.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.file.sync_data().map_err(|source| failed("write", &self.path, source))
    }
}

/// The lines of a journal that somebody else may be writing to.
pub fn read(path: &Path) -> Result<Vec<Line>, JournalError> {
    parse(path, &bytes(path)?).map(|(lines, _)| lines)
}

fn bytes(path: &Path) -> Result<Vec<u8>, JournalError> {
    clodex_os::read_regular(path, MAX_BYTES).map_err(|source| failed("read", path, source))
}

/// What of the first line every version has.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// The whole lines, and where they end.
fn parse(path: &Path, bytes: &[u8]) -> Result<(Vec<Line>, usize), JournalError> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut lines = Vec::new();
    for (number, text) in bytes[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
        if number == 0
            && let Ok(Version { version }) = serde_json::from_slice(text)
            && version > JOURNAL_VERSION
        {
            return Err(JournalError::Newer { path: path.to_owned(), version });
        }
        let line = serde_json::from_slice(text).map_err(|error| JournalError::Damaged {
            path: path.to_owned(),
            line: number + 1,
            why: error.to_string(),
        })?;
        lines.push(line);
    }
    Ok((lines, whole))
}

fn failed(tried: &'static str, path: &Path, source: io::Error) -> JournalError {
    let hint = "free some space, or set CLODEX_STATE_DIR to a directory that can be read and written";
    JournalError::System { tried, path: path.to_owned(), source, hint }
}

#[cfg(test)]
mod tests;
