//! A baseline on disk, so that one program can take it and another, later, compare with it. The layout is that of the
//! types: a change of one of them is a new [`FORMAT`]. A snapshot lives for a run, not for a release.

use std::path::Path;

use clodex_os::{NamedOutput, sha256_hex};

use crate::baseline::Inner;
use crate::{Baseline, ScopeError};

const FORMAT: u32 = 4;
/// What the first line holds before the digest of all that follows it.
const HEADER: &str = "clodex-scope snapshot";
/// Longer than any first line.
const LINE: usize = 256;

/// A baseline as it was read, and what names it.
#[derive(Debug)]
pub struct Snapshot {
    /// The state before a run.
    pub baseline: Baseline,
    /// SHA-256 of all that the snapshot says, in hex.
    pub digest: String,
}

impl Snapshot {
    /// Writes the baseline; a file has mode 0600 and is whole or not there. Returns the digest: kept where the watched
    /// program cannot reach it, it exposes a forged snapshot.
    pub fn write(baseline: &Baseline, output: &NamedOutput) -> Result<String, ScopeError> {
        let failed =
            |why: String| ScopeError::Snapshot { what: "write", path: output.name().to_owned(), why };
        let payload = postcard::to_allocvec(&*baseline.inner)
            .map_err(|error| failed(format!("{error}\nhint: please report it")))?;
        let digest = sha256_hex(&payload);
        let header = first_line(&digest);
        output.write(&[header.as_bytes(), &payload].concat()).map_err(|error| {
            failed(format!("{error}\nhint: name a file in a directory that can be written to"))
        })?;
        Ok(digest)
    }

    /// Reads what [`Self::write`] wrote; another version's, a cut or a changed file is refused.
    pub fn read(path: &Path) -> Result<Self, ScopeError> {
        let bytes = std::fs::read(path).map_err(|error| error.to_string());
        let read = bytes.and_then(|bytes| Self::parse(&bytes));
        read.map_err(|why| ScopeError::Snapshot {
            what: "read",
            path: path.to_owned(),
            why: format!("{why}\nhint: take a new snapshot"),
        })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let line_end = bytes.iter().take(LINE).position(|byte| *byte == b'\n');
        let (line, payload) = bytes.split_at(line_end.ok_or("it is not a snapshot")? + 1);
        if !line.starts_with(HEADER.as_bytes()) {
            return Err("it is not a snapshot".to_owned());
        }
        let digest = sha256_hex(payload);
        if line != first_line(&digest).as_bytes() {
            let same_version = line.starts_with(version_part().as_bytes());
            let why = if same_version { "it was cut off or changed" } else { "another version wrote it" };
            return Err(why.to_owned());
        }
        let inner: Inner = postcard::from_bytes(payload).map_err(|error| error.to_string())?;
        Ok(Self { baseline: Baseline::new(inner), digest })
    }
}

fn version_part() -> String {
    format!("{HEADER} {FORMAT} {} ", env!("CARGO_PKG_VERSION"))
}

fn first_line(digest: &str) -> String {
    format!("{}{digest}\n", version_part())
}
