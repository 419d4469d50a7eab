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

    /// Takes out writes at places that somebody with these grants could replace by a symlink to elsewhere, which an
    /// enforcement would then open. Most can be written all the same, by an entry above; gives those that cannot.
    pub fn drop_movable_writes(&mut self) -> Vec<PathBuf> {
        let movable = self.movable(|access| access == Access::Write);
        self.entries.retain(|path, _| !movable.contains(path));
        movable.into_iter().filter(|path| !self.may_write(path)).collect()
    }

    /// What may be written at most: without what is held only as long as nobody moves a directory above it.
    #[must_use]
    pub fn at_most(&self) -> Self {
        let movable = self.movable(|access| access != Access::Write);
        let mut most = self.clone();
        most.entries.retain(|path, _| !movable.contains(path));
        most
    }

    fn movable(&self, counts: impl Fn(Access) -> bool) -> Vec<PathBuf> {
        let counted = self.iter().filter(|(_, access)| counts(*access));
        counted.map(|(path, _)| path).filter(|path| !self.is_pinned(path)).map(Path::to_owned).collect()
    }

    /// Whether no directory above an entry can be moved away. An entry itself is a mount point, which cannot be moved.
    fn is_pinned(&self, entry: &Path) -> bool {
        let Some(parent) = entry.parent() else { return true };
        let nearest = parent.ancestors().find_map(|above| Some((above, *self.entries.get(above)?)));
        nearest.is_none_or(|(above, access)| {
            (access != Access::Write || above == parent) && self.is_pinned(above)
        })
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

    fn made(entries: &[(&str, Access)]) -> Grants {
        let mut grants = Grants::default();
        for (path, access) in entries {
            grants.set(path, *access);
        }
        grants
    }

    #[test]
    fn what_could_be_replaced_by_a_symlink_is_not_granted_by_itself() {
        let pinned = [("/r", Access::Write), ("/r/.git", Access::Read), ("/r/.git/own", Access::Write)];
        let movable = [("/r/a/b", Access::Read), ("/r/a/b/c", Access::Write), ("/r/x/out", Access::Write)];
        let mut grants = made(&[&pinned[..], &movable].concat());
        assert_eq!(grants.drop_movable_writes(), [Path::new("/r/a/b/c")]);
        assert_eq!(grants, made(&[&pinned[..], &movable[..1]].concat()));
    }

    #[test]
    fn what_holds_only_until_somebody_moves_it_is_not_certain() {
        let certain = [("/r", Access::Write), ("/r/src", Access::Read)];
        let grants = made(&[certain[0], certain[1], ("/r/sub/.git", Access::Read)]);
        assert_eq!(grants.at_most(), made(&certain));
    }
}
