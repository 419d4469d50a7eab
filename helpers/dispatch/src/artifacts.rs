//! The directory that a run leaves behind. While the run lives its worker may reach these files, so everything that
//! was written is remembered and written again, or checked, once nothing of the run is alive.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use clodex_core::RunId;
use clodex_os::atomic_file::{self, Durability};

use crate::seal::{self, RunningDigest, Seal};

/// The artifact directory of one run.
#[derive(Debug)]
pub struct Artifacts {
    dir: PathBuf,
    run_id: RunId,
    /// What stands in the small files, to write it again at the end.
    remembered: BTreeMap<String, Vec<u8>>,
    /// What was streamed into the large ones, to check it at the end.
    streamed: BTreeMap<String, RunningDigest>,
}

/// A file that is appended to while Codex runs.
#[derive(Debug)]
pub struct Stream {
    name: &'static str,
    file: File,
    digest: RunningDigest,
}

impl Artifacts {
    /// Makes `<parent>/<run-id>/`.
    pub fn create(parent: &Path, run_id: &RunId) -> io::Result<Self> {
        let dir = parent.join(run_id.as_str());
        fs::DirBuilder::new().mode(0o700).create(&dir)?;
        Ok(Self { dir, run_id: run_id.clone(), remembered: BTreeMap::new(), streamed: BTreeMap::new() })
    }

    /// Absolute path.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes a small file whole and remembers it.
    pub fn write(&mut self, name: &str, content: impl Into<Vec<u8>>) -> io::Result<()> {
        let content = content.into();
        let written = put(&self.dir.join(name), &content);
        self.remembered.insert(name.to_owned(), content);
        written
    }

    /// Writes a value as pretty JSON.
    pub fn write_json(&mut self, name: &str, value: &impl serde::Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(value)?;
        text.push(b'\n');
        self.write(name, text)
    }

    /// Opens a file to append to while Codex runs.
    pub fn stream(&self, name: &'static str) -> io::Result<Stream> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(self.dir.join(name))?;
        Ok(Stream { name, file, digest: RunningDigest::default() })
    }

    /// Takes a stream back when nothing is written to it any more.
    pub fn close(&mut self, stream: Stream) {
        self.streamed.insert(stream.name.to_owned(), stream.digest);
    }

    /// Names of files that do not hold what was written to them; the small ones are written again. Call it when nothing
    /// of the run lives any more.
    pub fn recover(&mut self) -> Vec<String> {
        let mut forged = Vec::new();
        for (name, content) in &self.remembered {
            let path = self.dir.join(name);
            if !holds(&path, content) {
                forged.push(name.clone());
                let _ = remove_whatever_it_is(&path);
                let _ = fs::create_dir_all(&self.dir);
                let _ = put(&path, content);
            }
        }
        for (name, digest) in &self.streamed {
            let found = open_regular(&self.dir.join(name)).and_then(seal::digest_of);
            if found.ok().as_deref() != Some(digest.clone().finish().as_str()) {
                forged.push(name.clone());
            }
        }
        forged
    }

    /// Names of the artifacts, sorted; `seal.json` is written last and is not among them.
    pub fn names(&self) -> Vec<String> {
        self.remembered
            .keys()
            .chain(self.streamed.keys())
            .cloned()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Writes `seal.json` and gives its digest.
    pub fn seal(&mut self) -> io::Result<String> {
        let mut sha256 = BTreeMap::new();
        for name in self.names() {
            let digest = match self.remembered.get(&name) {
                Some(content) => seal::digest(content),
                None => seal::digest_of(open_regular(&self.dir.join(&name))?)?,
            };
            sha256.insert(name, digest);
        }
        let seal = Seal { version: 1, run_id: self.run_id.to_string(), sha256 };
        self.write_json("seal.json", &seal)?;
        Ok(seal::digest(&self.remembered["seal.json"]))
    }
}

/// Makes `.codex-dispatch/runs`, and beside it a `.gitignore` of `*`. A symlink in its place would let a hostile
/// repository have us write elsewhere.
pub fn make_hidden(runs: &Path) -> io::Result<()> {
    let above = runs.parent().unwrap_or(runs);
    for dir in [above, runs] {
        match fs::create_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        if !fs::symlink_metadata(dir)?.is_dir() {
            return Err(io::Error::other(format!("{} is no directory", dir.display())));
        }
    }
    write_new(&above.join(".gitignore"), b"*\n")
}

impl Stream {
    /// Appends bytes as they are.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        Ok(())
    }
}

fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    atomic_file::replace(path, content, Durability::Cached).map_err(io::Error::other)
}

fn holds(path: &Path, content: &[u8]) -> bool {
    use std::io::Read as _;
    let Ok(file) = open_regular(path) else { return false };
    let mut found = Vec::with_capacity(content.len() + 1);
    file.take(content.len() as u64 + 1).read_to_end(&mut found).is_ok() && found == content
}

/// Opens a regular file without following a symlink and without waiting for a FIFO.
fn open_regular(path: &Path) -> io::Result<File> {
    let flags = nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("is not a regular file")) }
}

fn remove_whatever_it_is(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    }
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(content),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
