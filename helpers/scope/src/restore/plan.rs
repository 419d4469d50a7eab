//! The restore plan on disk: for every violation what was there before the run and what the final snapshot saw. Written
//! by the dispatcher from its own memory when nothing of the run lives, into the private store. Knows no work tree.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use clodex_core::ViolationKind;
use clodex_os::atomic_file::{self, Durability};

/// Format version of the plan.
const VERSION: u32 = 1;
/// The plan's name in the store.
const NAME: &str = "plan.json";

/// All that has to be known to put a tree back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) version: u32,
    pub(crate) run_id: String,
    /// The top of the work tree.
    pub(crate) root: Bytes,
    /// Where objects are.
    pub(crate) common_dir: Bytes,
    /// Below this, `quarantine/` holds what was removed.
    pub(crate) artifact_dir: Bytes,
    pub(crate) violations: Vec<Named>,
    pub(crate) changes: Vec<Change>,
}

/// A violation as the report told it, and why it cannot be put back, if it cannot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) path: String,
    pub(crate) kind: ViolationKind,
    pub(crate) detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) impossible: Option<String>,
}

/// One thing to put back. `of` is the violation it belongs to, by its place in the list; a directory that is only
/// on the way to others belongs to none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) of: Option<usize>,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What is put back, each with its state before the run and as the final snapshot saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub(crate) enum What {
    /// A name in the work tree or in a git directory.
    Entry(Entry),
    /// HEAD, or a ref that is a file or packed.
    Ref(RefValue),
    /// The entries of one path in an index.
    Index(IndexPath),
}

/// A name below a top.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) top: Bytes,
    pub(crate) path: Bytes,
    /// As people know it: relative to the work tree.
    pub(crate) shown: Bytes,
    pub(crate) before: Option<Thing>,
    pub(crate) after: Option<Thing>,
    /// The git directory with the object of the state before, where that is not the plan's: a nested repository's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) git_dir: Option<Bytes>,
}

/// What lies, or lay, at a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Thing {
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    #[serde(flatten)]
    pub(crate) kind: ThingKind,
}

/// What kind of thing it is, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum ThingKind {
    /// `sha256` is absent where only `source` can tell it; `source` is absent where the content is not to be had.
    File {
        size: u64,
        sha256: Option<String>,
        source: Option<Source>,
    },
    /// A directory; what is in it has entries of its own.
    Directory,
    /// A directory that is taken as a whole: the digest of everything in it.
    Whole {
        sha256: String,
    },
    Symlink {
        target: Bytes,
    },
    Fifo,
    Socket,
    Device,
}

/// Where a content lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Source {
    /// In a file of the store, from a byte on.
    Secured { file: u32, offset: u64 },
    /// A git object, in hex.
    Blob(String),
    /// It lies there now: only mode or owner changed.
    InPlace,
}

/// A ref below a git directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefValue {
    pub(crate) git_dir: Bytes,
    pub(crate) name: Bytes,
    pub(crate) before: Option<Bytes>,
    pub(crate) after: Option<Bytes>,
}

/// A path of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IndexPath {
    pub(crate) git_dir: Bytes,
    pub(crate) path: Bytes,
    pub(crate) before: Vec<IndexLine>,
    pub(crate) after: Vec<IndexLine>,
}

/// What an index says of a path at one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IndexLine {
    pub(crate) stage: u8,
    pub(crate) mode: u32,
    pub(crate) id: String,
    pub(crate) assume_unchanged: bool,
    pub(crate) skip_worktree: bool,
    pub(crate) intent_to_add: bool,
}

/// Bytes of a path: text where they are UTF-8, numbers elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "BytesText", into = "BytesText")]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum BytesText {
    Text(String),
    Raw(Vec<u8>),
}

impl From<BytesText> for Bytes {
    fn from(text: BytesText) -> Self {
        match text {
            BytesText::Text(text) => Self(text.into_bytes()),
            BytesText::Raw(bytes) => Self(bytes),
        }
    }
}

impl From<Bytes> for BytesText {
    fn from(bytes: Bytes) -> Self {
        String::from_utf8(bytes.0).map_or_else(|error| Self::Raw(error.into_bytes()), Self::Text)
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<&Path> for Bytes {
    fn from(path: &Path) -> Self {
        use std::os::unix::ffi::OsStrExt as _;
        Self(path.as_os_str().as_bytes().to_vec())
    }
}

impl Bytes {
    pub(crate) fn path(&self) -> PathBuf {
        use std::os::unix::ffi::OsStrExt as _;
        PathBuf::from(std::ffi::OsStr::from_bytes(&self.0))
    }
}

impl What {
    /// What is written to put it back; for a ref where its file would be.
    pub(crate) fn place(&self) -> PathBuf {
        match self {
            Self::Entry(entry) => entry.top.path().join(entry.path.path()),
            Self::Ref(found) => found.git_dir.path().join(found.name.path()),
            Self::Index(found) => found.git_dir.path().join("index"),
        }
    }
}

impl Plan {
    pub(crate) fn new(run_id: &str, root: &Path, common_dir: &Path, artifact_dir: &Path) -> Self {
        Self {
            version: VERSION,
            run_id: run_id.to_owned(),
            root: root.into(),
            common_dir: common_dir.into(),
            artifact_dir: artifact_dir.into(),
            violations: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// Writes the plan into the store; it must survive a crash of the machine.
    pub(crate) fn write(&self, store: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(self)?;
        atomic_file::replace(&store.join(NAME), &text, Durability::Synced).map_err(io::Error::other)
    }

    /// Reads the plan of a store; `NotFound` where there is none.
    pub(crate) fn read(store: &Path) -> io::Result<Self> {
        let plan: Self = serde_json::from_slice(&std::fs::read(store.join(NAME))?)?;
        if plan.version == VERSION {
            Ok(plan)
        } else {
            Err(io::Error::other(format!("it has version {}, this program knows {VERSION}", plan.version)))
        }
    }

    /// When the plan of a store was written.
    pub(crate) fn written(store: &Path) -> io::Result<std::time::SystemTime> {
        std::fs::symlink_metadata(store.join(NAME))?.modified()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_version_is_still_read() {
        let text = include_bytes!("plan-v1.json");
        let plan: Plan = serde_json::from_slice(text).unwrap();
        let again: Plan = serde_json::from_slice(&serde_json::to_vec(&plan).unwrap()).unwrap();
        assert_eq!(plan, again);
        assert_eq!((plan.violations.len(), plan.changes.len()), (3, 3));
        let What::Entry(entry) = &plan.changes[0].what else { panic!("{plan:?}") };
        assert_eq!(entry.path, Bytes(b"lib/\xff".to_vec()));
    }
}
