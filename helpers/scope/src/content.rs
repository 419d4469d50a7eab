//! Reading and hashing of what a path holds. Follows no symlink, blocks on no FIFO, runs no filter.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use clodex_os::{open_regular, read_regular};
use git2::{ObjectType, Oid};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// SHA-256 of the bytes of a file.
pub(crate) type Digest = [u8; 32];

/// Beyond this a file is hashed as a stream, and never kept.
const IN_MEMORY: u64 = 16 << 20;
/// What is read as a whole is no longer: the index of some millions of files.
const WHOLE: u64 = 512 << 20;

/// Opens a regular file for reading.
pub(crate) fn open(root: &Path, path: &[u8]) -> std::io::Result<File> {
    open_regular(&root.join(OsStr::from_bytes(path)))
}

/// All of a file that has a meaning as a whole, such as an index.
pub(crate) fn read(root: &Path, path: &[u8]) -> std::io::Result<Vec<u8>> {
    read_up_to(root, path, WHOLE)
}

/// The content of a file; an error when it is longer than `limit`.
pub(crate) fn read_up_to(root: &Path, path: &[u8], limit: u64) -> std::io::Result<Vec<u8>> {
    read_regular(&root.join(OsStr::from_bytes(path)), limit)
}

pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

pub(crate) fn digest_file(root: &Path, path: &[u8]) -> std::io::Result<Digest> {
    let mut file = open(root, path)?;
    let mut hasher = Sha256::new();
    each_chunk(&mut file, |chunk| hasher.update(chunk))?;
    Ok(hasher.finalize().into())
}

fn each_chunk(file: &mut File, mut each: impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut chunk = vec![0; 64 << 10];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(()),
            n => each(&chunk[..n]),
        }
    }
}

/// A git object name: 20 bytes (SHA-1) or 32 (SHA-256).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ObjectId {
    bytes: [u8; 32],
    len: u8,
}

impl ObjectId {
    /// What stands for no object in a repository with SHA-1 names.
    pub(crate) const NOTHING: Self = Self { bytes: [0; 32], len: 20 };

    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let len = u8::try_from(bytes.len()).ok().filter(|len| matches!(len, 20 | 32))?;
        let mut whole = [0; 32];
        whole[..bytes.len()].copy_from_slice(bytes);
        Some(Self { bytes: whole, len })
    }

    pub(crate) fn from_hex(hex: &[u8]) -> Option<Self> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let bytes: Option<Vec<u8>> =
            hex.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect();
        Self::new(&bytes?)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    pub(crate) fn short(&self) -> String {
        self.to_string()[..10].to_owned()
    }
}

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// The name git would give a blob of these bytes, in the hash that `like` uses.
pub(crate) fn blob_id(bytes: &[u8], like: &ObjectId) -> Option<ObjectId> {
    object_id(ObjectType::Blob, bytes, like)
}

/// The name git would give an object of these bytes, in the hash that `like` uses.
pub(crate) fn object_id(kind: ObjectType, bytes: &[u8], like: &ObjectId) -> Option<ObjectId> {
    if like.len == 20 {
        return ObjectId::new(Oid::hash_object(kind, bytes).ok()?.as_bytes());
    }
    let mut hasher = Sha256::new();
    hasher.update(format!("{} {}\0", kind.str(), bytes.len()));
    hasher.update(bytes);
    ObjectId::new(&<Digest>::from(hasher.finalize()))
}

/// The name git would give the file as it lies there, unfiltered.
pub(crate) fn file_blob_id(root: &Path, path: &[u8], like: &ObjectId) -> std::io::Result<Option<ObjectId>> {
    let mut file = open(root, path)?;
    let size = file.metadata()?.len();
    if size <= IN_MEMORY {
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        file.read_to_end(&mut bytes)?;
        return Ok(blob_id(&bytes, like));
    }
    if like.len == 20 {
        let found = Oid::hash_file(ObjectType::Blob, root.join(OsStr::from_bytes(path)));
        return Ok(found.ok().and_then(|oid| ObjectId::new(oid.as_bytes())));
    }
    let mut hasher = Sha256::new();
    hasher.update(format!("blob {size}\0"));
    each_chunk(&mut file, |chunk| hasher.update(chunk))?;
    Ok(ObjectId::new(&<Digest>::from(hasher.finalize())))
}
