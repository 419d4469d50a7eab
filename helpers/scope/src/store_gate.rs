//! Whether an object store can be read without waiting for ever: libgit2 and git open whatever has the right name. Says
//! what is in the way; what an object is worth is for others.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use clodex_core::path_text;
use clodex_os::read_regular;

use crate::tree::POINTER;

/// Objects that lie alone are read as a whole.
const LOOSE: u64 = 2 << 30;
/// git follows alternates of alternates no further.
const ALTERNATES: usize = 6;

/// What keeps a store, or one that it borrows from, from being read; `None` when nothing does.
pub(crate) fn obstacle(objects: &Path) -> Option<String> {
    Gate { seen: HashSet::new() }.store(objects, ALTERNATES)
}

struct Gate {
    seen: HashSet<PathBuf>,
}

impl Gate {
    fn store(&mut self, objects: &Path, depth: usize) -> Option<String> {
        // What is not there is in nobody's way.
        let real = objects.canonicalize().ok()?;
        if depth == 0 || !self.seen.insert(real.clone()) {
            return None;
        }
        directory(&real, LOOSE).or_else(|| self.alternates(&real, depth))
    }

    fn alternates(&mut self, objects: &Path, depth: usize) -> Option<String> {
        let list = objects.join("info/alternates");
        let text = match list.canonicalize().and_then(|list| read_regular(&list, 16 * POINTER)) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return None;
            }
            Err(error) => return Some(format!("`{}` cannot be read: {error}", shown(&list))),
        };
        let named = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && line[0] != b'#');
        named.into_iter().find_map(|line| self.store(&objects.join(OsStr::from_bytes(line)), depth - 1))
    }
}

/// The first thing in a directory, or below it, that is neither a file nor a directory, or that is too big.
fn directory(path: &Path, limit: u64) -> Option<String> {
    // What cannot be listed cannot be opened by its name only, and is told of elsewhere.
    for entry in fs::read_dir(path).ok()?.flatten() {
        let Ok(itself) = entry.metadata() else { continue };
        if itself.is_file() && itself.len() <= limit {
            continue;
        }
        // Symlinks are followed by git, too.
        let at = entry.path();
        let Ok(found) = fs::metadata(&at) else { continue };
        let below = if found.is_dir() {
            let limit = if entry.file_name() == "pack" { u64::MAX } else { limit };
            if itself.is_symlink() { None } else { directory(&at, limit) }
        } else if !found.is_file() {
            Some(format!("`{}` is no file", shown(&at)))
        } else if found.len() > limit {
            Some(format!("`{}` is too big", shown(&at)))
        } else {
            None
        };
        if below.is_some() {
            return below;
        }
    }
    None
}

fn shown(path: &Path) -> String {
    path_text(path.as_os_str().as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    fn store() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in ["one/ab", "one/pack", "one/info", "two/cd"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("one/ab/1"), "object").unwrap();
        dir
    }

    #[test]
    fn a_store_of_files_is_free_and_one_that_is_not_there_too() {
        let dir = store();
        let objects = dir.path().join("one");
        fs::write(objects.join("info/alternates"), "../two\n../one\n/nowhere\n").unwrap();
        symlink(objects.join("ab/1"), objects.join("pack/link")).unwrap();
        assert_eq!(obstacle(&objects), None);
        assert_eq!(obstacle(&dir.path().join("none")), None);
    }

    #[test]
    fn what_nobody_can_read_to_its_end_is_in_the_way_wherever_it_lies() {
        for place in ["one/ab/2", "one/pack/x.idx", "one/info/alternates", "two/cd/3"] {
            let dir = store();
            let (objects, at) = (dir.path().join("one"), dir.path().join(place));
            if !place.starts_with("one/info") {
                fs::write(objects.join("info/alternates"), "../two").unwrap();
            }
            mkfifo(&at, Mode::S_IRWXU).unwrap();
            assert!(obstacle(&objects).is_some_and(|why| why.contains(place)), "{place}");
            fs::remove_file(&at).unwrap();
            symlink("/dev/zero", &at).unwrap();
            assert!(obstacle(&objects).is_some_and(|why| why.contains(place)), "{place}");
        }
    }

    #[test]
    fn an_object_without_an_end_is_in_the_way_and_a_big_pack_is_not() {
        let dir = store();
        let objects = dir.path().join("one");
        let sized = |name: &str| fs::File::create(objects.join(name)).unwrap().set_len(LOOSE + 1);
        sized("pack/x.pack").unwrap();
        assert_eq!(obstacle(&objects), None);
        sized("ab/2").unwrap();
        assert!(obstacle(&objects).is_some_and(|why| why.contains("ab/2")));
    }
}
