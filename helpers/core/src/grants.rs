//! What a run's enforcement lets its worker write: absolute paths with their access, the most specific one wins.
//! Pure; who makes the grants and who enforces them stands elsewhere.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What may be done at a path and below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Nothing, not even looking.
    Deny,
    /// Looking.
    Read,
    /// Looking and changing.
    Write,
}

impl Access {
    /// The word that policies and profiles use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Accesses by absolute real path. What no entry covers may be read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "Vec<(Vec<u8>, Access)>", from = "Vec<(Vec<u8>, Access)>")]
pub struct Grants {
    entries: BTreeMap<PathBuf, Access>,
}

impl From<Grants> for Vec<(Vec<u8>, Access)> {
    fn from(grants: Grants) -> Self {
        let bytes = |path: PathBuf| path.into_os_string().into_vec();
        grants.entries.into_iter().map(|(path, access)| (bytes(path), access)).collect()
    }
}

impl From<Vec<(Vec<u8>, Access)>> for Grants {
    fn from(entries: Vec<(Vec<u8>, Access)>) -> Self {
        let path = |bytes| PathBuf::from(OsString::from_vec(bytes));
        Self { entries: entries.into_iter().map(|(bytes, access)| (path(bytes), access)).collect() }
    }
}

impl Grants {
    /// Sets the access of a path and of everything below it that no longer entry names.
    pub fn set(&mut self, path: impl Into<PathBuf>, access: Access) {
        self.entries.insert(path.into(), access);
    }

    /// The access at a path: that of its nearest entry at or above it.
    pub fn access(&self, path: &Path) -> Access {
        path.ancestors().find_map(|above| self.entries.get(above)).copied().unwrap_or(Access::Read)
    }

    /// Whether the worker can have changed what lies at the path.
    pub fn may_write(&self, path: &Path) -> bool {
        self.access(path) == Access::Write
    }

    /// All entries, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, Access)> {
        self.entries.iter().map(|(path, access)| (path.as_path(), *access))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_survive_being_written_whatever_their_bytes() {
        let mut grants = Grants::default();
        grants.set("/r/src", Access::Write);
        grants.set(PathBuf::from(OsString::from_vec(b"/r/\xff".to_vec())), Access::Deny);
        let text = serde_json::to_string(&grants).unwrap();
        assert_eq!(serde_json::from_str::<Grants>(&text).unwrap(), grants);
    }

    #[test]
    fn the_most_specific_entry_wins() {
        let mut grants = Grants::default();
        grants.set("/r/src", Access::Write);
        grants.set("/r/src/a.txt", Access::Read);
        grants.set("/r/src/deep", Access::Deny);
        grants.set("/r/src/deep/open", Access::Write);
        for (path, access) in [
            ("/r/src/new.txt", Access::Write),
            ("/r/src/a.txt", Access::Read),
            ("/r/src/deep/x", Access::Deny),
            ("/r/src/deep/open/x", Access::Write),
            ("/r/src2", Access::Read),
            ("/", Access::Read),
        ] {
            assert_eq!(grants.access(Path::new(path)), access, "{path}");
        }
    }
}
