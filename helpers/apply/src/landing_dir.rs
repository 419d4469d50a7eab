//! The private directory of one run's landing: its manifest and contents, and how far the landing is.
//!
//! ```text
//! <dir>/journal.json   a landing or its undoing that is under way, or was interrupted
//! <dir>/landed.json    the landing that is done
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clodex_core::{JOURNAL_FILE, LANDED_FILE};
use clodex_os::atomic_file::{self, Durability};
use clodex_scope::Contents;
use serde::{Deserialize, Serialize};

use crate::journal::Journal;

/// Which way a journal leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Changes land.
    Land,
    /// They are taken back.
    Undo,
}

/// A journal that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// Which way.
    pub way: Way,
    /// What is done.
    pub journal: Journal,
}

/// The directory.
#[derive(Debug)]
pub struct LandingDir {
    dir: PathBuf,
}

impl LandingDir {
    /// The one at this path, there or not.
    pub fn at(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Its contents.
    pub fn contents(&self) -> Contents {
        Contents::at(&self.dir)
    }

    /// What was interrupted.
    pub fn under_way(&self) -> io::Result<Option<UnderWay>> {
        self.read(JOURNAL_FILE)
    }

    /// What has landed.
    pub fn landed(&self) -> io::Result<Option<Journal>> {
        self.read(LANDED_FILE)
    }

    /// Writes down what will be done; it is on the disk then.
    pub fn begin(&self, under_way: &UnderWay) -> io::Result<()> {
        let text = serde_json::to_vec(under_way)?;
        atomic_file::replace(&self.dir.join(JOURNAL_FILE), &text, Durability::Synced)
            .map_err(io::Error::other)
    }

    /// It is done.
    pub fn finish(&self, under_way: &UnderWay) -> io::Result<()> {
        match under_way.way {
            Way::Land => {
                let text = serde_json::to_vec(&under_way.journal)?;
                atomic_file::replace(&self.dir.join(LANDED_FILE), &text, Durability::Synced)
                    .map_err(io::Error::other)?;
            }
            Way::Undo => remove(&self.dir.join(LANDED_FILE))?,
        }
        self.forget()
    }

    /// It is as it was before.
    pub fn forget(&self) -> io::Result<()> {
        remove(&self.dir.join(JOURNAL_FILE))
    }

    /// Removes all of it.
    pub fn discard(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn read<T: serde::de::DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        match fs::read(self.dir.join(name)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
