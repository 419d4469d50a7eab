//! A file that grows while Codex runs. It is known by its open file: what a worker does to its name does not reach that.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use clodex_os::{RunningSha256, sha256_hex_of};

use super::open_regular;

/// A file that is appended to.
#[derive(Debug)]
pub struct Stream {
    name: &'static str,
    file: File,
    digest: RunningSha256,
    broken: bool,
}

impl Stream {
    pub(super) fn create(dir: &Path, name: &'static str) -> io::Result<Self> {
        let mut how = OpenOptions::new();
        let file = how.read(true).append(true).create_new(true).mode(0o600).open(dir.join(name))?;
        Ok(Self { name, file, digest: RunningSha256::default(), broken: false })
    }

    /// Its file name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Appends bytes as they are. The first error is the last: a file with a hole in it would be worse than one that
    /// ends early.
    pub fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !self.broken && !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(written) => {
                    self.digest.update(&bytes[..written]);
                    bytes = &bytes[written..];
                    self.broken = written == 0;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.broken = true;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Whether the file of this name in `dir` holds what was written.
    pub(super) fn is_whole_in(&self, dir: &Path) -> bool {
        open_regular(&dir.join(self.name)).and_then(sha256_hex_of).is_ok_and(|found| found == self.written())
    }

    /// Puts what was written back to its name, from the open file, which outlives its name. False = that was changed,
    /// too, and the bytes are gone.
    pub(super) fn put_back_in(&self, dir: &Path) -> bool {
        let put_back = || -> io::Result<bool> {
            let mut file = &self.file;
            file.seek(SeekFrom::Start(0))?;
            if sha256_hex_of(file)? != self.written() {
                return Ok(false);
            }
            file.seek(SeekFrom::Start(0))?;
            let fresh = dir.join(format!(".{}.fresh", self.name));
            let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
            let copied =
                io::copy(&mut file, &mut copy).and_then(|_| std::fs::rename(&fresh, dir.join(self.name)));
            copied.map(|()| true).inspect_err(|_| {
                let _ = std::fs::remove_file(&fresh);
            })
        };
        put_back().unwrap_or(false)
    }

    fn written(&self) -> String {
        self.digest.clone().finish()
    }
}
