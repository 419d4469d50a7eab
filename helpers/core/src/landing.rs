//! What an isolated run changed in scope, exactly: the manifest that is written when the run is closed, and read when
//! its changes land. Contents lie beside it, by digest. Knows no file system.

use serde::{Deserialize, Serialize};

use crate::RunId;

/// Format version of the manifest.
pub const LANDING_VERSION: u32 = 1;

/// Beside the manifest: a landing or its undoing that is under way, or was interrupted.
pub const JOURNAL_FILE: &str = "journal.json";
/// Beside the manifest: the landing that is done.
pub const LANDED_FILE: &str = "landed.json";

/// The changes of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landing {
    /// [`LANDING_VERSION`].
    pub version: u32,
    /// The run.
    pub run_id: RunId,
    /// Sorted by path; each path once.
    pub changes: Vec<LandingChange>,
}

/// One path before and after the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LandingChange {
    /// Relative to the top of the tree.
    pub path: PathBytes,
    /// What the run found there.
    pub before: FileState,
    /// What it left there.
    pub after: FileState,
}

/// What lies at a path. Directories are not told: they are there where something lies in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum FileState {
    /// Nothing, or a directory.
    Missing,
    /// A regular file.
    File {
        /// Permission bits.
        mode: u32,
        /// Of its content, in hex.
        sha256: String,
    },
    /// A symlink.
    Symlink {
        /// Where it points to.
        target: PathBytes,
    },
    /// Something that was too large to read before the run, or is neither file nor symlink.
    Unknown,
}

impl FileState {
    /// Whether git would see no difference.
    pub fn is_same_to_git(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File { mode: one, sha256: digest }, Self::File { mode: other, sha256: other_digest }) => {
                digest == other_digest && is_executable(*one) == is_executable(*other)
            }
            (Self::Unknown, Self::Unknown) => false,
            (one, other) => one == other,
        }
    }
}

/// Whether git would call a file of these permissions executable.
pub fn is_executable(mode: u32) -> bool {
    mode & 0o100 != 0
}

/// A path as it is: text in JSON where it is UTF-8, else its bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct PathBytes(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<Written> for PathBytes {
    fn from(written: Written) -> Self {
        match written {
            Written::Text(text) => Self(text.into_bytes()),
            Written::Bytes(bytes) => Self(bytes),
        }
    }
}

impl From<PathBytes> for Written {
    fn from(path: PathBytes) -> Self {
        String::from_utf8(path.0).map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_of_version_1_is_read_and_written_back_unchanged() {
        let text = concat!(
            r#"{"version":1,"run_id":"20260121T010203Z-worker-slug-aaaa","changes":["#,
            r#"{"path":"src/a","before":{"kind":"missing"},"after":{"kind":"file","mode":420,"sha256":"ab"}},"#,
            r#"{"path":[255,47],"before":{"kind":"unknown"},"after":{"kind":"symlink","target":"../x"}}]}"#
        );
        let landing: Landing = serde_json::from_str(text).unwrap();
        assert_eq!(landing.changes[1].path, PathBytes(vec![255, 47]));
        assert_eq!(serde_json::to_string(&landing).unwrap(), text);
    }

    #[test]
    fn git_tells_executables_apart_and_no_other_permission() {
        let file = |mode| FileState::File { mode, sha256: "ab".into() };
        assert!(file(0o644).is_same_to_git(&file(0o600)));
        assert!(!file(0o644).is_same_to_git(&file(0o755)));
        assert!(!FileState::Unknown.is_same_to_git(&FileState::Unknown));
    }
}
