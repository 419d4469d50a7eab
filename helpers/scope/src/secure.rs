//! Secures, before a run, the content that git does not vouch for and that the worker could reach: dirty, untracked
//! and ignored files, and what changes git's behaviour. Private, within a budget; nothing is decided here about what
//! is put back.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;

use clodex_core::path_text;
use serde::{Deserialize, Serialize};

use crate::content::{self, Digest, digest_of};
use crate::path_bytes;

/// Contents up to this size share a file with others.
const SHARED: u64 = 256 << 10;
const MAX_THREADS: usize = 8;
/// Files that are named of those that were left out.
const NAMED: usize = 5;

/// Where contents are secured, and how much.
#[derive(Debug, Clone)]
pub struct SecureRequest {
    /// A directory of the run's own, outside the tree; made, with mode 0700.
    pub dir: PathBuf,
    /// Bytes that may be secured in all.
    pub bytes: u64,
    /// Files that may be secured in all.
    pub files: usize,
}

/// How much a content matters when the budget is small; the first is secured first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// Dirty tracked files, and files of git directories.
    Dirty,
    Untracked,
    Ignored,
    /// Installed packages: they can be installed again.
    Packages,
}

/// A file to secure.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) rank: Rank,
    pub(crate) top: PathBuf,
    pub(crate) path: Vec<u8>,
    pub(crate) size: u64,
}

/// Where a secured content lies: in which file of the store, from which byte on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) file: u32,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) digest: Digest,
}

/// What was secured.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Secured {
    #[serde(with = "path_bytes")]
    dir: PathBuf,
    /// By absolute path.
    kept: HashMap<Vec<u8>, Kept>,
    /// What the budget had no room for, by absolute path.
    pub(crate) left_out: Vec<Vec<u8>>,
}

impl Secured {
    /// Copies the candidates, the more important and the smaller ones first, as far as the budget goes.
    pub(crate) fn take(request: &SecureRequest, mut candidates: Vec<Candidate>) -> io::Result<Self> {
        clodex_os::atomic_file::private_dir(&request.dir).map_err(io::Error::other)?;
        candidates.sort_by(|a, b| (a.rank, a.size, &a.path).cmp(&(b.rank, b.size, &b.path)));
        let mut room = request.bytes;
        let mut within = Vec::new();
        let mut left_out = Vec::new();
        for candidate in candidates {
            if within.len() < request.files && candidate.size <= room {
                room -= candidate.size;
                within.push(candidate);
            } else {
                left_out.push(absolute(&candidate.top, &candidate.path));
            }
        }
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = threads.min(MAX_THREADS).min(within.len() / 64 + 1);
        // Each thread numbers files of its own: no two share one.
        let step = u32::try_from(threads).unwrap_or(1);
        let queue = Mutex::new(within.into_iter());
        let work = |first: u32| {
            let mut writer = Writer { dir: &request.dir, next: first, step, shared: None };
            let (mut kept, mut failed) = (Vec::new(), Vec::new());
            while let Some(candidate) = { queue.lock().unwrap_or_else(PoisonError::into_inner).next() } {
                let name = absolute(&candidate.top, &candidate.path);
                match writer.keep(&candidate) {
                    Ok(found) => kept.push((name, found)),
                    Err(_) => failed.push(name),
                }
            }
            (kept, failed)
        };
        let work = &work;
        let parts = std::thread::scope(|scope| {
            let others: Vec<_> = (1..step).map(|first| scope.spawn(move || work(first))).collect();
            let mut parts = vec![work(0)];
            parts.extend(others.into_iter().filter_map(|other| other.join().ok()));
            parts
        });
        let mut secured = Self { dir: request.dir.clone(), kept: HashMap::new(), left_out };
        for (kept, failed) in parts {
            secured.kept.extend(kept);
            secured.left_out.extend(failed);
        }
        Ok(secured)
    }

    /// What has to be told before the run: what could not be put back after it.
    pub(crate) fn note(&self, root: &Path) -> Option<String> {
        let count = self.left_out.len();
        let root = root.as_os_str().as_bytes();
        let shown = |path: &Vec<u8>| {
            let below = path.strip_prefix(root).and_then(|rest| rest.strip_prefix(b"/"));
            path_text(below.unwrap_or(path))
        };
        let first: Vec<String> = self.left_out.iter().take(NAMED).map(shown).collect();
        let more = if count > NAMED { ", …" } else { "" };
        (count > 0).then(|| {
            format!("not restorable, beyond what is secured: {count} files ({}{more})", first.join(", "))
        })
    }

    /// The store.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the content of a file lies.
    pub(crate) fn find(&self, top: &Path, path: &[u8]) -> Option<Kept> {
        self.kept.get(&absolute(top, path)).copied()
    }

    /// The bytes of a secured file, if they are still what was secured.
    pub(crate) fn read(&self, kept: &Kept) -> Option<Vec<u8>> {
        read(&self.dir, kept).ok()
    }
}

/// Reads a secured content and checks that it is what was secured.
pub(crate) fn read(dir: &Path, kept: &Kept) -> io::Result<Vec<u8>> {
    let mut file = content::open(dir, kept.file.to_string().as_bytes())?;
    file.seek(SeekFrom::Start(kept.offset))?;
    let mut bytes = Vec::new();
    file.take(kept.size).read_to_end(&mut bytes)?;
    if digest_of(&bytes) == kept.digest {
        Ok(bytes)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "what was secured is not what it was"))
    }
}

pub(crate) fn absolute(top: &Path, path: &[u8]) -> Vec<u8> {
    [top.as_os_str().as_bytes(), b"/", path].concat()
}

/// Writes contents into numbered files: small ones one after the other, each large one alone.
struct Writer<'a> {
    dir: &'a Path,
    next: u32,
    step: u32,
    shared: Option<(u32, u64, File)>,
}

impl Writer<'_> {
    fn keep(&mut self, candidate: &Candidate) -> io::Result<Kept> {
        let mut source = content::open(&candidate.top, &candidate.path)?;
        if candidate.size > SHARED {
            let (number, mut file) = self.new_file()?;
            // Shares the blocks where the file system can.
            let size = io::copy(&mut source, &mut file)?;
            let digest = content::digest_file(self.dir, number.to_string().as_bytes())?;
            return Ok(Kept { file: number, offset: 0, size, digest });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(candidate.size).unwrap_or_default());
        source.take(SHARED * 2).read_to_end(&mut bytes)?;
        if self.shared.is_none() {
            let (number, file) = self.new_file()?;
            self.shared = Some((number, 0, file));
        }
        let (number, end, file) = self.shared.as_mut().expect("it was just made");
        file.write_all(&bytes)?;
        let kept = Kept { file: *number, offset: *end, size: bytes.len() as u64, digest: digest_of(&bytes) };
        *end += kept.size;
        Ok(kept)
    }

    fn new_file(&mut self) -> io::Result<(u32, File)> {
        let number = self.next;
        self.next += self.step;
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600);
        Ok((number, options.open(self.dir.join(number.to_string()))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(top: &Path, name: &str, rank: Rank) -> Candidate {
        let size = top.join(name).metadata().unwrap().len();
        Candidate { rank, top: top.to_owned(), path: name.into(), size }
    }

    #[test]
    fn the_important_and_small_are_secured_first_and_the_rest_is_named() {
        let top = tempfile::tempdir().unwrap();
        for (name, size) in [("dirty", 300 << 10), ("untracked", 10), ("ignored", 20), ("package", 5)] {
            std::fs::write(top.path().join(name), vec![b'x'; size]).unwrap();
        }
        let at = |name, rank| candidate(top.path(), name, rank);
        let candidates = vec![
            at("package", Rank::Packages),
            at("ignored", Rank::Ignored),
            at("untracked", Rank::Untracked),
            at("dirty", Rank::Dirty),
        ];
        let dir = top.path().join("store");
        let request = SecureRequest { dir: dir.clone(), bytes: (300 << 10) + 17, files: 9 };
        let secured = Secured::take(&request, candidates).unwrap();
        assert_eq!(secured.left_out, [absolute(top.path(), b"ignored")]);
        for name in ["dirty", "untracked", "package"] {
            let kept = secured.find(top.path(), name.as_bytes()).unwrap();
            assert_eq!(secured.read(&kept), Some(std::fs::read(top.path().join(name)).unwrap()));
        }
        std::fs::write(dir.join("0"), vec![b'y'; 300 << 10]).unwrap();
        let forged = secured.find(top.path(), b"dirty").unwrap();
        assert_eq!(secured.read(&forged), None);
    }
}
