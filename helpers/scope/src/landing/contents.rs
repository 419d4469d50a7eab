//! Contents by their SHA-256, in a private directory. What is taken out is what was put in, or nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clodex_os::{atomic_file, hex, open_regular, run_suffix};
use sha2::{Digest as _, Sha256};

/// A directory of contents.
#[derive(Debug)]
pub struct Contents {
    dir: PathBuf,
}

impl Contents {
    /// The contents in `dir/content`, which need not be there.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.join("content") }
    }

    /// The same, made where it is not there.
    pub fn make(dir: &Path) -> io::Result<Self> {
        let contents = Self::at(dir);
        atomic_file::private_dir(&contents.dir).map_err(io::Error::other)?;
        Ok(contents)
    }

    /// Keeps bytes; gives their digest.
    pub fn put(&self, bytes: &[u8]) -> io::Result<String> {
        self.put_from(&mut &bytes[..])
    }

    /// Keeps what can be read; gives its digest. It is on the disk then.
    pub fn put_from(&self, source: &mut impl io::Read) -> io::Result<String> {
        let temporary = self.dir.join(format!(".{}-{}", std::process::id(), run_suffix()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        let digest = copy_hashed(source, &mut file).and_then(|digest| {
            file.sync_data()?;
            fs::rename(&temporary, self.dir.join(&digest))?;
            Ok(digest)
        });
        if digest.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        digest
    }

    /// Opens a content, checked to be the one of this digest.
    pub fn open(&self, digest: &str) -> io::Result<File> {
        let mut file = open_regular(&self.dir.join(digest))?;
        if copy_hashed(&mut file, &mut io::sink())? != digest {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("content {digest} was changed")));
        }
        file.rewind()?;
        Ok(file)
    }

    /// A whole content.
    pub fn read(&self, digest: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(digest)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Copies, and gives the digest in hex.
pub(super) fn copy_hashed(source: &mut impl io::Read, target: &mut impl io::Write) -> io::Result<String> {
    let (mut hasher, mut chunk) = (Sha256::new(), vec![0; 64 << 10]);
    loop {
        match source.read(&mut chunk) {
            Ok(0) => return Ok(hex(&hasher.finalize())),
            Ok(n) => {
                hasher.update(&chunk[..n]);
                target.write_all(&chunk[..n])?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
