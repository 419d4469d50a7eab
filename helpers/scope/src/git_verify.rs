//! Asks the git program whether a store is whole: packs that are not what they were, histories that may have lost
//! something, commit graphs. git sees objects alone, and the tips that are named to it; bounded in time.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clodex_os::{ExitKind, Finished};

use crate::content::ObjectId;
use crate::git_objects::GitOnObjects;

/// What takes longer is not known to be right.
const LIMIT: Duration = Duration::from_mins(1);
/// `git fsck` exits with a sum of bits; this one tells that something is missing that a tip needs. The others tell of what
/// old histories have: names that are not sorted, times that mean nothing.
const MISSING: i32 = 2;
const BITS: i32 = 63;

/// A store, and the objects that must be whole in it with all that they need.
pub(crate) struct Verifier<'a> {
    pub(crate) root: &'a Path,
    /// The git directory that holds the store.
    pub(crate) git_dir: PathBuf,
    pub(crate) tips: &'a [ObjectId],
}

/// Whether what the tips need is there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum History {
    Whole,
    /// Not so; the first object that is missing, where git names one.
    Lost(Option<ObjectId>),
}

impl Verifier<'_> {
    /// Whether the packs with these indexes hold what the indexes say, under their right names.
    pub(crate) fn packs(&self, indexes: &[PathBuf]) -> Result<bool, String> {
        let options = ["verify-pack", "--"].map(OsString::from);
        self.yes_or_no(options.into_iter().chain(indexes.iter().map(OsString::from)))
    }

    /// Whether the index over several packs says what they say themselves.
    pub(crate) fn multi_pack_index(&self) -> Result<bool, String> {
        self.yes_or_no(["multi-pack-index", "verify"].map(OsString::from))
    }

    /// Whether the commit graph tells of commits what they say themselves.
    pub(crate) fn commit_graph(&self) -> Result<bool, String> {
        self.yes_or_no(["commit-graph", "verify", "--no-progress"].map(OsString::from))
    }

    pub(crate) fn history(&self) -> Result<History, String> {
        // A commit is asked itself whose child it is, not the graph.
        let words =
            "-c core.commitGraph=false fsck --connectivity-only --no-dangling --no-reflogs --no-progress";
        let done = self.run(words.split(' ').map(OsString::from))?;
        match done.status {
            ExitKind::Exit(code) if code & !BITS != 0 => Err(format!("git fsck ended with {code}")),
            ExitKind::Exit(code) if code & MISSING != 0 => Ok(History::Lost(missing(&done.stdout))),
            ExitKind::Exit(_) => Ok(History::Whole),
            ExitKind::Signal(signal) => Err(format!("signal {signal} ended git fsck")),
        }
    }

    fn yes_or_no(&self, arguments: impl IntoIterator<Item = OsString>) -> Result<bool, String> {
        match self.run(arguments)?.status {
            ExitKind::Exit(0) => Ok(true),
            // 2 is in the code of a commit graph that was changed without care.
            ExitKind::Exit(1..=3) => Ok(false),
            other => Err(format!("git ended with {}", other.shell_code())),
        }
    }

    fn run(&self, arguments: impl IntoIterator<Item = OsString>) -> Result<Finished, String> {
        let like = self.tips.first().unwrap_or(&ObjectId::NOTHING);
        let git = GitOnObjects::prepare(self.root, &self.git_dir, like)?;
        git.know(&self.git_dir, self.tips).map_err(|error| format!("temporary git directory: {error}"))?;
        git.command(LIMIT).args(arguments).run().map_err(|error| error.to_string())
    }
}

/// The first object that `git fsck` misses: `missing <type> <name>`.
fn missing(said: &[u8]) -> Option<ObjectId> {
    let mut lines = said.split(|byte| *byte == b'\n');
    lines.find_map(|line| {
        ObjectId::from_hex(line.strip_prefix(b"missing ")?.rsplit(|byte| *byte == b' ').next()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_that_is_missing_is_named() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let said = format!("broken link from    tree x\n              to    blob {id}\nmissing blob {id}\n");
        assert_eq!(missing(said.as_bytes()).unwrap().to_string(), id);
        assert_eq!(missing(b"dangling blob\n"), None);
    }
}
