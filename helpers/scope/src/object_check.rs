//! Reads files of an object store as a stream and says whether they hold what they must: an object that lies alone what
//! its name says, a pack what its own last bytes say. Bounded in time, whatever was put there.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Instant;

use clodex_os::open_regular;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_PARSE_ZLIB_HEADER};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::content::ObjectId;

/// The last bytes of a pack and of what belongs to it: their end is a hash of all before it.
pub(crate) type Trailer = [u8; 32];

/// How far an object can lie behind a byte that repeats it.
const WINDOW: usize = 32 << 10;

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    Right,
    Wrong,
    OutOfTime,
}

impl From<bool> for Checked {
    fn from(is_right: bool) -> Self {
        if is_right { Self::Right } else { Self::Wrong }
    }
}

/// The hash that names of this length stand for.
enum Hasher {
    Sha1(Box<Sha1>),
    Sha256(Box<Sha256>),
}

impl Hasher {
    fn of_length(len: usize) -> Self {
        if len == 20 { Self::Sha1(Box::default()) } else { Self::Sha256(Box::default()) }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    fn is(self, expected: &[u8]) -> bool {
        match self {
            Self::Sha1(hasher) => hasher.finalize()[..] == *expected,
            Self::Sha256(hasher) => hasher.finalize()[..] == *expected,
        }
    }
}

/// Whether the file is the object of that name.
pub(crate) fn loose(path: &Path, id: &ObjectId, deadline: Instant) -> Checked {
    let Ok(mut file) = open_regular(path) else { return Checked::Wrong };
    let mut hasher = Hasher::of_length(id.bytes().len());
    let (mut inflater, mut window) = (DecompressorOxide::new(), vec![0; WINDOW]);
    let (mut chunk, mut begin, mut end, mut at) = (vec![0; 64 << 10], 0, 0, 0);
    loop {
        if Instant::now() >= deadline {
            return Checked::OutOfTime;
        }
        if begin == end {
            begin = 0;
            end = match file.read(&mut chunk) {
                Ok(0) | Err(_) => return Checked::Wrong,
                Ok(read) => read,
            };
        }
        let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_HAS_MORE_INPUT;
        let (status, used, made) = decompress(&mut inflater, &chunk[begin..end], &mut window, at, flags);
        hasher.update(&window[at..at + made]);
        at = (at + made) % WINDOW;
        begin += used;
        match status {
            TINFLStatus::Done => {
                let ends = begin == end && matches!(file.read(&mut chunk), Ok(0));
                return (ends && hasher.is(id.bytes())).into();
            }
            TINFLStatus::HasMoreOutput => {}
            TINFLStatus::NeedsMoreInput if begin == end => {}
            _ => return Checked::Wrong,
        }
    }
}

/// The trailer of a file; `None` where it has none.
pub(crate) fn trailer(path: &Path) -> Option<Trailer> {
    trailer_of(&open_regular(path).ok()?)
}

fn trailer_of(file: &File) -> Option<Trailer> {
    let mut trailer = Trailer::default();
    let begin = file.metadata().ok()?.len().checked_sub(trailer.len() as u64)?;
    file.read_exact_at(&mut trailer, begin).ok()?;
    Some(trailer)
}

/// Whether the file ends in this trailer and is what the trailer says, in a store whose names have `len` bytes.
pub(crate) fn sealed(path: &Path, expected: &Trailer, len: usize, deadline: Instant) -> Checked {
    let Ok(mut file) = open_regular(path) else { return Checked::Wrong };
    if trailer_of(&file).as_ref() != Some(expected) {
        return Checked::Wrong;
    }
    let mut left = file.metadata().map_or(0, |found| found.len()).saturating_sub(len as u64);
    let (mut hasher, mut chunk) = (Hasher::of_length(len), vec![0; 256 << 10]);
    while left > 0 {
        if Instant::now() >= deadline {
            return Checked::OutOfTime;
        }
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
        match file.read(&mut chunk[..wanted]) {
            Ok(0) | Err(_) => return Checked::Wrong,
            Ok(read) => {
                hasher.update(&chunk[..read]);
                left -= read as u64;
            }
        }
    }
    hasher.is(&expected[expected.len() - len..]).into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use git2::{ObjectType, Repository};

    use super::*;

    fn in_time() -> Instant {
        Instant::now() + Duration::from_hours(1)
    }

    /// A file of this blob as git writes it, and its name.
    fn object(dir: &Path, content: &[u8]) -> (std::path::PathBuf, ObjectId) {
        let repository = Repository::init(dir).unwrap();
        let oid = repository.odb().unwrap().write(ObjectType::Blob, content).unwrap();
        let hex = oid.to_string();
        let path = dir.join(".git/objects").join(&hex[..2]).join(&hex[2..]);
        (path, ObjectId::new(oid.as_bytes()).unwrap())
    }

    #[test]
    fn an_object_is_right_as_git_wrote_it_and_wrong_when_it_was_touched() {
        let dir = tempfile::tempdir().unwrap();
        let noise: Vec<u8> =
            (0..300_000_u32).flat_map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        for content in [&b""[..], b"short", &vec![b'x'; 500_000], &noise] {
            let (path, id) = object(dir.path(), content);
            assert_eq!(loose(&path, &id, in_time()), Checked::Right, "{}", content.len());
            let whole = std::fs::read(&path).unwrap();
            let rewritten = |bytes: &[u8]| {
                std::fs::remove_file(&path).unwrap();
                std::fs::write(&path, bytes).unwrap();
                loose(&path, &id, in_time())
            };
            assert_eq!(rewritten(&whole[..whole.len() - 1]), Checked::Wrong, "cut off");
            assert_eq!(rewritten(&[&whole[..], b"x"].concat()), Checked::Wrong, "something after it");
            assert_eq!(rewritten(b""), Checked::Wrong, "empty");
            let other = object(dir.path(), b"another").0;
            assert_eq!(rewritten(&std::fs::read(other).unwrap()), Checked::Wrong, "another object");
            assert_eq!(rewritten(&whole), Checked::Right, "as it was");
            assert_eq!(loose(&path, &id, Instant::now()), Checked::OutOfTime);
        }
    }

    #[test]
    fn a_pack_is_what_its_trailer_says_and_the_trailer_what_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pack");
        let body = vec![b'p'; 700_000];
        for (len, hash) in [(20, Sha1::digest(&body).to_vec()), (32, Sha256::digest(&body).to_vec())] {
            let whole = [&body[..], &hash].concat();
            std::fs::write(&path, &whole).unwrap();
            let known = trailer(&path).unwrap();
            assert_eq!(sealed(&path, &known, len, in_time()), Checked::Right);
            assert_eq!(sealed(&path, &known, len, Instant::now()), Checked::OutOfTime);
            let mut touched = whole.clone();
            touched[1000] = b'q';
            std::fs::write(&path, &touched).unwrap();
            assert_eq!(sealed(&path, &known, len, in_time()), Checked::Wrong, "another body");
            std::fs::write(&path, [b"other", &hash[..]].concat()).unwrap();
            assert_eq!(sealed(&path, &known, len, in_time()), Checked::Wrong, "another length");
        }
        std::fs::write(&path, "short").unwrap();
        assert_eq!(trailer(&path), None);
    }
}
