//! The artifacts of a run that has ended, read as what was sealed: its private record vouches for the seal, the seal for
//! each of them. What was changed since is told, and never believed.

use std::path::PathBuf;

use clodex_core::{RunRecord, Seal};
use clodex_os::sha256_hex;
use serde::de::DeserializeOwned;

/// No artifact that is looked at is larger.
const MAX_BYTES: u64 = 64 << 20;
const SEAL: &str = "seal.json";

/// Artifacts with a seal that is the run's.
#[derive(Debug)]
pub struct Sealed {
    dir: PathBuf,
    seal: Seal,
}

impl Sealed {
    /// The artifacts of a run; the error says why nothing of them can be believed.
    pub fn of(record: &RunRecord) -> Result<Self, String> {
        let dir = PathBuf::from(&record.artifact_dir);
        let known = record.seal.as_deref().ok_or("nothing of it was sealed")?;
        let bytes = read(&dir.join(SEAL), SEAL)?;
        if sha256_hex(&bytes) != known {
            return Err(format!("{SEAL} is another one"));
        }
        Ok(Self { seal: parsed(SEAL, &bytes)?, dir })
    }

    /// An artifact that is what was sealed.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, String> {
        let bytes = read(&self.dir.join(name), name)?;
        let is_same = self.seal.sha256.get(name).is_some_and(|known| *known == sha256_hex(&bytes));
        if is_same { Ok(bytes) } else { Err(format!("{name} was changed")) }
    }

    /// The same, understood.
    pub fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, String> {
        parsed(name, &self.bytes(name)?)
    }
}

fn read(path: &std::path::Path, name: &str) -> Result<Vec<u8>, String> {
    clodex_os::read_regular(path, MAX_BYTES).map_err(|error| format!("{name}: {error}"))
}

fn parsed<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("{name}: {error}"))
}
