//! What a walk saw: per directory its entries, sorted by name, with what `lstat` tells of them. No I/O.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What kind of thing an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink,
    Fifo,
    Socket,
    Device,
}

impl Kind {
    /// In the order of their numbers.
    const ALL: [Self; 6] =
        [Self::File, Self::Directory, Self::Symlink, Self::Fifo, Self::Socket, Self::Device];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::Device => "device",
        }
    }
}

/// What `lstat` tells, as far as it can show a change. Times are nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) kind: Kind,
    /// Permission bits, without the type.
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
    pub(crate) mtime: i64,
    pub(crate) ctime: i64,
    pub(crate) ino: u64,
    pub(crate) dev: u64,
    pub(crate) nlink: u32,
}

impl Stat {
    /// Whether nothing can have been written through this name, as far as the kernel's own clock tells.
    pub(crate) fn is_untouched_since(&self, before: &Self) -> bool {
        let same =
            (self.kind, self.mode, self.uid, self.gid, self.size, self.mtime, self.ctime, self.ino, self.dev);
        let was = (
            before.kind,
            before.mode,
            before.uid,
            before.gid,
            before.size,
            before.mtime,
            before.ctime,
            before.ino,
            before.dev,
        );
        same == was
    }
}

/// One name in a directory, as it is kept: of a hundred thousand of these there are many.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Entry {
    size: u64,
    mtime: i64,
    ctime: i64,
    ino: u64,
    nlink: u32,
    /// Where the name begins in the text of its directory; a link's target follows it.
    start: u32,
    name_len: u16,
    target_len: u16,
    /// Permission bits, with the kind above them.
    mode: u16,
    /// A position among the owners of its directory.
    owner: u16,
}

/// What the entries of a directory have in common as a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    uid: u32,
    gid: u32,
    dev: u64,
}

/// Permission bits end here.
const KIND_SHIFT: u32 = 12;

/// One directory that was listed. The names and link targets in it share one buffer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Directory {
    /// Relative to the top of the walk; empty at the top.
    pub(crate) path: Box<[u8]>,
    text: Box<[u8]>,
    entries: Box<[Entry]>,
    owners: Box<[Owner]>,
    /// The system did not let us list it.
    pub(crate) unreadable: bool,
}

/// A directory that is being listed.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    path: Vec<u8>,
    text: Vec<u8>,
    entries: Vec<Entry>,
    owners: Vec<Owner>,
    pub(crate) unreadable: bool,
}

impl Draft {
    /// Begins another directory.
    pub(crate) fn begin(&mut self, path: &[u8]) {
        self.path.clear();
        self.path.extend_from_slice(path);
        self.text.clear();
        self.entries.clear();
        self.owners.clear();
        self.unreadable = false;
    }

    pub(crate) fn path_of(&self, name: &[u8]) -> Vec<u8> {
        join(&self.path, name)
    }

    pub(crate) fn push(&mut self, name: &[u8], target: &[u8], stat: Stat) {
        let start = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.text.extend_from_slice(name);
        self.text.extend_from_slice(target);
        let owner = Owner { uid: stat.uid, gid: stat.gid, dev: stat.dev };
        let known = self.owners.iter().position(|known| *known == owner);
        let owner = known.unwrap_or_else(|| {
            self.owners.push(owner);
            self.owners.len() - 1
        });
        let short = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        self.entries.push(Entry {
            size: stat.size,
            mtime: stat.mtime,
            ctime: stat.ctime,
            ino: stat.ino,
            nlink: stat.nlink,
            start,
            name_len: short(name.len()),
            target_len: short(target.len()),
            mode: stat.mode | (stat.kind as u16) << KIND_SHIFT,
            owner: short(owner),
        });
    }

    /// What was listed; `known` itself when that is just the same.
    pub(crate) fn finish(&mut self, known: Option<&Arc<Directory>>) -> Arc<Directory> {
        let Self { text, entries, .. } = self;
        entries.sort_unstable_by(|a, b| a.name(text).cmp(b.name(text)));
        if let Some(known) = known.filter(|known| self.is_like(known)) {
            return Arc::clone(known);
        }
        Arc::new(Directory {
            path: self.path.as_slice().into(),
            text: self.text.as_slice().into(),
            entries: self.entries.as_slice().into(),
            owners: self.owners.as_slice().into(),
            unreadable: self.unreadable,
        })
    }

    fn is_like(&self, known: &Directory) -> bool {
        let seen = self.entries.iter().map(|entry| entry.seen(&self.text, &self.owners));
        self.unreadable == known.unreadable
            && self.entries.len() == known.entries.len()
            && seen.zip(known.entries()).all(|(is, was)| is == was)
    }
}

impl Entry {
    fn name<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        &text[self.start as usize..][..usize::from(self.name_len)]
    }

    fn seen<'a>(&self, text: &'a [u8], owners: &[Owner]) -> Seen<'a> {
        let Owner { uid, gid, dev } = owners[usize::from(self.owner)];
        let target = self.start as usize + usize::from(self.name_len);
        Seen {
            name: self.name(text),
            target: &text[target..][..usize::from(self.target_len)],
            stat: Stat {
                kind: Kind::ALL[usize::from(self.mode >> KIND_SHIFT)],
                mode: self.mode & ((1 << KIND_SHIFT) - 1),
                uid,
                gid,
                size: self.size,
                mtime: self.mtime,
                ctime: self.ctime,
                ino: self.ino,
                dev,
                nlink: self.nlink,
            },
        }
    }
}

impl Directory {
    pub(crate) fn entries(&self) -> impl Iterator<Item = Seen<'_>> {
        self.entries.iter().map(|entry| self.seen(entry))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn seen(&self, entry: &Entry) -> Seen<'_> {
        entry.seen(&self.text, &self.owners)
    }

    pub(crate) fn entry(&self, name: &[u8]) -> Option<Seen<'_>> {
        let at = self.entries.binary_search_by(|entry| entry.name(&self.text).cmp(name)).ok()?;
        Some(self.seen(&self.entries[at]))
    }

    pub(crate) fn path_of(&self, name: &[u8]) -> Vec<u8> {
        join(&self.path, name)
    }
}

/// An entry as its readers want it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen<'a> {
    pub(crate) name: &'a [u8],
    /// Where a symlink points to; empty for everything else.
    pub(crate) target: &'a [u8],
    pub(crate) stat: Stat,
}

pub(crate) fn join(parent: &[u8], name: &[u8]) -> Vec<u8> {
    if parent.is_empty() { name.to_vec() } else { [parent, name].join(&b'/') }
}

/// The parent and the last name of a path.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

/// All directories below a top, sorted by path.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Listing {
    pub(crate) directories: Vec<Arc<Directory>>,
    /// What could not be looked at, and why. Not empty means: incomplete.
    pub(crate) problems: Vec<String>,
}

impl Listing {
    pub(crate) fn directory(&self, path: &[u8]) -> Option<&Arc<Directory>> {
        let at = self.directories.binary_search_by(|directory| (*directory.path).cmp(path)).ok()?;
        Some(&self.directories[at])
    }

    pub(crate) fn entry(&self, path: &[u8]) -> Option<Seen<'_>> {
        let (parent, name) = split(path);
        self.directory(parent)?.entry(name)
    }

    /// The file systems that files lie on, each with such a file.
    pub(crate) fn file_systems(&self) -> Vec<(u64, Vec<u8>)> {
        let mut found: Vec<(u64, Vec<u8>)> = Vec::new();
        for directory in &self.directories {
            for Owner { dev, .. } in &directory.owners {
                if found.iter().any(|(known, _)| known == dev) {
                    continue;
                }
                let on_it = |seen: &Seen<'_>| seen.stat.kind == Kind::File && seen.stat.dev == *dev;
                found
                    .extend(directory.entries().find(on_it).map(|seen| (*dev, directory.path_of(seen.name))));
            }
        }
        found
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = (Vec<u8>, Seen<'_>)> {
        self.directories
            .iter()
            .flat_map(|directory| directory.entries().map(|seen| (directory.path_of(seen.name), seen)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(kind: Kind, uid: u32) -> Stat {
        let (mtime, ctime) = (-1, i64::MAX);
        Stat { kind, mode: 0o7777, uid, gid: 7, size: u64::MAX, mtime, ctime, ino: 3, dev: 9, nlink: 2 }
    }

    fn listed(path: &[u8], names: &[(&[u8], &[u8], Stat)], known: Option<&Arc<Directory>>) -> Arc<Directory> {
        let mut draft = Draft::default();
        draft.begin(path);
        for (name, target, stat) in names {
            draft.push(name, target, *stat);
        }
        draft.finish(known)
    }

    #[test]
    fn entries_come_out_as_they_went_in_sorted_by_name() {
        let names = Kind::ALL.map(|kind| (kind.as_str().as_bytes(), &b"to"[..], stat(kind, kind as u32)));
        let directory = listed(b"d", &names, None);
        let mut seen = names.map(|(name, target, stat)| Seen { name, target, stat });
        seen.sort_by_key(|seen| seen.name);
        assert_eq!(directory.entries().collect::<Vec<_>>(), seen);
        assert_eq!(directory.entry(b"fifo").map(|seen| seen.stat.kind), Some(Kind::Fifo));
    }

    #[test]
    fn a_directory_that_is_as_before_is_kept_once() {
        let (one, two) =
            ((&b"a"[..], &b""[..], stat(Kind::File, 1)), (&b"b"[..], &b""[..], stat(Kind::File, 2)));
        let before = listed(b"d", &[one, two], None);
        assert!(Arc::ptr_eq(&before, &listed(b"d", &[two, one], Some(&before))));
        let touched = (one.0, one.1, Stat { ctime: 5, ..one.2 });
        for other in [&[touched, two][..], &[one], &[one, (two.0, b"x", two.2)]] {
            assert!(!Arc::ptr_eq(&before, &listed(b"d", other, Some(&before))));
        }
    }
}
