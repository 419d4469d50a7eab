//! Digest of every path in scope at the end of a run, so that a later run can tell unchanged results from the user's
//! edits.

use std::collections::BTreeMap;

use clodex_core::path_text;

use clodex_os::hex;

use crate::content::digest_of;
use crate::listing::Kind;
use crate::survey::{Content, Survey};
use crate::{Baseline, Comparison};

impl Comparison {
    /// What lies now at each path of the work tree that the run changed in scope, in a word that only the same state has;
    /// what is too large to be read is left out.
    pub fn left(&self) -> BTreeMap<String, String> {
        let told = |path: &Vec<u8>| Some((path_text(path), self.after.state_word(path)?));
        self.landable.iter().filter_map(told).collect()
    }
}

impl Baseline {
    /// Paths in scope that hold uncommitted work, all but what earlier runs left just so: `left` is what
    /// [`Comparison::left`] told of them.
    pub fn dirty_besides(&self, left: &BTreeMap<String, String>) -> Vec<Vec<u8>> {
        let survey = &self.inner.survey;
        let is_as_left = |path: &[u8]| {
            let known = left.get(&path_text(path));
            known.is_some() && survey.state_word(path).as_ref() == known
        };
        self.dirty_overlap().into_iter().filter(|path| !is_as_left(path)).collect()
    }
}

impl Survey {
    /// What lies at the path, as one word that is another for whatever else could lie there; none where that is not
    /// known: a directory, or too much to be read.
    fn state_word(&self, path: &[u8]) -> Option<String> {
        let Some(seen) = self.listing.entry(path) else { return Some("gone".to_owned()) };
        // The one bit that git has: other permissions are not the same in a worktree and where it lands.
        let runs = if seen.stat.mode & 0o100 == 0 { "" } else { "executable " };
        match seen.stat.kind {
            Kind::File => match self.content(path) {
                Content::Digest(digest) => Some(format!("{runs}file {}", hex(digest))),
                Content::Blob(id) => Some(format!("{runs}blob {id}")),
                Content::Unread => None,
            },
            Kind::Symlink => Some(format!("link {}", hex(&digest_of(seen.target)))),
            Kind::Directory | Kind::Fifo | Kind::Socket | Kind::Device => None,
        }
    }
}
