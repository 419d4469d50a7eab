//! What an isolated run leaves to be landed: its changes in scope with their contents, written when nothing of it is
//! alive, to a place that it never could reach. By-products, git's own files and empty directories are none of it.
//!
//! ```text
//! <dir>/manifest.json   the changes; written last, so that it is there only when all of it is
//! <dir>/content/<hex>   contents, by their SHA-256
//! ```

mod contents;
mod no_follow_tree;
mod replace_files;

use std::fs;
use std::path::Path;

use clodex_core::{FileState, LANDING_VERSION, Landing, LandingChange, PathBytes, RunId};
use clodex_os::atomic_file::{self, Durability};
use clodex_os::hex;

use crate::blobs::Blobs;
use crate::compare::Comparison;
use crate::patch::old_side;
use crate::{Baseline, ScopeError};

pub use contents::Contents;
pub use no_follow_tree::Rooted;
pub use replace_files::Edited;

/// Name of the manifest in its directory.
const MANIFEST: &str = "manifest.json";

impl Comparison {
    /// Writes what the run changed in scope to a directory, which is made.
    pub fn write_landing(&self, dir: &Path, run_id: &RunId) -> Result<Landing, ScopeError> {
        let failed = |error| ScopeError::io("write the changes to", dir, error);
        let contents = Contents::make(dir).map_err(failed)?;
        let root = Rooted::open(self.baseline.root()).map_err(failed)?;
        let blobs = Blobs::of(&self.baseline.inner.survey, self.baseline.root());
        let mut changes = Vec::new();
        for path in self.landable.iter().filter(|path| !is_gits(path)) {
            let before = before(&self.baseline, &blobs, &contents, path).map_err(failed)?;
            let after = root.keep(path, &contents).map_err(failed)?;
            if !(before == FileState::Missing && after == FileState::Missing) {
                changes.push(LandingChange { path: PathBytes(path.clone()), before, after });
            }
        }
        let landing = Landing { version: LANDING_VERSION, run_id: run_id.clone(), changes };
        let text = serde_json::to_vec(&landing).map_err(|error| failed(error.into()))?;
        atomic_file::replace(&dir.join(MANIFEST), &text, Durability::Synced)
            .map_err(|error| failed(std::io::Error::other(error)))?;
        Ok(landing)
    }
}

/// Reads a manifest; `None` where there is none.
pub fn read_landing(dir: &Path) -> Result<Option<Landing>, ScopeError> {
    let path = dir.join(MANIFEST);
    let read = |error| ScopeError::io("read", &path, error);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(read)?,
    };
    let landing: Landing = serde_json::from_slice(&bytes).map_err(|error| read(error.into()))?;
    if landing.version != LANDING_VERSION {
        let strange = format!("version {} is not known here", landing.version);
        return Err(read(std::io::Error::other(strange)));
    }
    Ok(Some(landing))
}

fn is_gits(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|part| part.eq_ignore_ascii_case(b".git"))
}

/// What the baseline knows of a path; its content is kept where it is known.
fn before(
    baseline: &Baseline,
    blobs: &Blobs<'_>,
    contents: &Contents,
    path: &[u8],
) -> std::io::Result<FileState> {
    let survey = &baseline.inner.survey;
    let Some(seen) = survey.listing.entry(path) else { return Ok(FileState::Missing) };
    let Some(side) = old_side(baseline, blobs, path, seen) else {
        return Ok(match seen.stat.kind {
            crate::listing::Kind::Directory => FileState::Missing,
            _ => FileState::Unknown,
        });
    };
    if seen.stat.kind == crate::listing::Kind::Symlink {
        return Ok(FileState::Symlink { target: PathBytes(seen.target.to_vec()) });
    }
    let sha256 = match (side.bytes, survey.known.get(path)) {
        (Some(bytes), _) => contents.put(&bytes)?,
        (None, Some(known)) => hex(&known.digest),
        (None, None) => return Ok(FileState::Unknown),
    };
    Ok(FileState::File { mode: u32::from(seen.stat.mode) & 0o7777, sha256 })
}
