//! What an installation has changed outside its own directory, kept in it: enough to take all of it back.

use std::fs;
use std::path::{Path, PathBuf};

use clodex_os::atomic_file::{self, Durability};
use clodex_os::{Failure, read_regular};
use serde::{Deserialize, Serialize};

use crate::permissions::Added;
use crate::status_line::Before;

const FILE: &str = "setup.json";
/// The user's settings as they were before the first change.
const BACKUP: &str = "settings.json.before";
const VERSION: u32 = 1;
const MAX_BYTES: u64 = 64 << 20;

/// What was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// Whether there was a `settings.json`.
    pub existed: bool,
    /// The digest of what we wrote; none where others have written in between.
    pub after: Option<String>,
    /// What stood under `statusLine`; none where that is not known any more.
    pub status_line: Option<Before>,
    /// What was added to the permissions.
    pub permissions: Added,
    /// How many directories were made for ours to lie in, and for the settings.
    pub made_dirs: usize,
}

impl Record {
    /// Of an installation that has changed nothing yet.
    pub fn new(existed: bool) -> Self {
        Self {
            version: VERSION,
            existed,
            after: None,
            status_line: None,
            permissions: Added::default(),
            made_dirs: 0,
        }
    }

    /// The one that an earlier call has left; none as well for one of another version.
    pub fn read(data: &Path) -> Option<Self> {
        let bytes = read_regular(&file(data), MAX_BYTES).ok()?;
        serde_json::from_slice(&bytes).ok().filter(|record: &Self| record.version == VERSION)
    }

    /// Keeps it.
    pub fn write(&self, data: &Path) -> Result<(), Failure> {
        let text = serde_json::to_vec_pretty(self).expect("a record is plain data");
        put(&file(data), &text)
    }
}

/// Notes how many directories were made, the first time.
pub fn made_dirs(data: &Path, count: usize) -> Result<(), Failure> {
    match Record::read(data) {
        Some(mut record) if record.made_dirs == 0 && count > 0 => {
            record.made_dirs = count;
            record.write(data)
        }
        Some(_) | None => Ok(()),
    }
}

/// Where the record lies.
pub fn file(data: &Path) -> PathBuf {
    data.join(FILE)
}

/// Where the backup lies.
pub fn backup(data: &Path) -> PathBuf {
    data.join(BACKUP)
}

/// Keeps the settings as they were.
pub fn keep_backup(data: &Path, bytes: &[u8]) -> Result<(), Failure> {
    put(&backup(data), bytes)
}

/// The settings as they were.
pub fn read_backup(data: &Path) -> Option<Vec<u8>> {
    fs::read(backup(data)).ok()
}

fn put(path: &Path, content: &[u8]) -> Result<(), Failure> {
    atomic_file::replace(path, content, Durability::Synced).map_err(|error| Failure::usage(error.to_string()))
}
