//! The directory that a run leaves behind. While the run lives its worker may reach these files, so everything that
//! was written is remembered and written again, or checked, once nothing of the run is alive. A disk that is full is no
//! forgery: what could not be written is known, too.

mod recover;
mod stream;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use clodex_core::{RunId, Seal};
use clodex_os::atomic_file::{self, Durability};
use clodex_os::{sha256_hex, sha256_hex_of};

pub use recover::Forged;
pub use stream::Stream;

/// The artifact directory of one run.
#[derive(Debug)]
pub struct Artifacts {
    dir: PathBuf,
    /// Device and inode: another directory in its place is not ours.
    identity: (u64, u64),
    run_id: RunId,
    /// What stands in the small files, to write it again at the end.
    remembered: BTreeMap<String, Small>,
    /// What was streamed into the large ones, to check it at the end.
    streamed: BTreeMap<String, Stream>,
    /// Names that somebody else put beside them, as far as they were told of.
    strangers: BTreeSet<OsString>,
}

#[derive(Debug)]
struct Small {
    content: Vec<u8>,
    written: bool,
}

impl Artifacts {
    /// Makes `<parent>/<run-id>/`. `parent` is a real path.
    pub fn create(parent: &Path, run_id: &RunId) -> io::Result<Self> {
        let dir = parent.join(run_id.as_str());
        fs::DirBuilder::new().mode(0o700).create(&dir)?;
        let identity = identity(&fs::symlink_metadata(&dir)?);
        Ok(Self {
            dir,
            identity,
            run_id: run_id.clone(),
            remembered: BTreeMap::new(),
            streamed: BTreeMap::new(),
            strangers: BTreeSet::new(),
        })
    }

    /// Absolute path.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes a small file whole and remembers it.
    pub fn write(&mut self, name: &str, content: impl Into<Vec<u8>>) -> io::Result<()> {
        let content = content.into();
        let written = put(&self.dir, name, &content);
        self.remembered.insert(name.to_owned(), Small { content, written: written.is_ok() });
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
        Stream::create(&self.dir, name)
    }

    /// Takes a stream back when nothing is written to it any more.
    pub fn close(&mut self, stream: Stream) {
        self.streamed.insert(stream.name().to_owned(), stream);
    }

    /// Names of the artifacts, sorted; `seal.json` is written last and is not among them.
    pub fn names(&self) -> Vec<String> {
        let written = self.remembered.iter().filter(|(_, small)| small.written).map(|(name, _)| name);
        written.chain(self.streamed.keys()).cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Writes `seal.json` and gives its digest. A file that is gone for good is not sealed.
    pub fn seal(&mut self) -> io::Result<String> {
        let mut sha256 = BTreeMap::new();
        for name in self.names() {
            let digest = match self.remembered.get(&name) {
                Some(small) => Some(sha256_hex(&small.content)),
                None => open_regular(&self.dir.join(&name)).and_then(sha256_hex_of).ok(),
            };
            sha256.extend(digest.map(|digest| (name, digest)));
        }
        let seal = Seal { version: 1, run_id: self.run_id.to_string(), sha256 };
        self.write_json("seal.json", &seal)?;
        Ok(sha256_hex(&self.remembered["seal.json"].content))
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
            return Err(io::Error::other(format!("{} is not a directory", dir.display())));
        }
    }
    write_new(&above.join(".gitignore"), b"*\n")
}

fn put(dir: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let path = dir.join(name);
    if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
        // Nothing of ours is a directory.
        fs::remove_dir_all(&path)?;
    }
    atomic_file::replace(&path, content, Durability::Cached).map_err(|error| match error.io() {
        Some(why) => io::Error::new(why.kind(), format!("cannot write {name}: {why}")),
        None => io::Error::other(error),
    })
}

fn identity(found: &fs::Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
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

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(content),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
