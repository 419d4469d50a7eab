//! What a walk saw: per directory its entries, sorted by name, with what `lstat` tells of them. No I/O.

use std::cmp::Ordering;

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

/// One name in a directory. The names and link targets of a directory share one buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    name: (u32, u32),
    target: (u32, u32),
    pub(crate) stat: Stat,
}

/// One directory that was listed.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// Relative to the top of the walk; empty at the top.
    pub(crate) path: Box<[u8]>,
    text: Vec<u8>,
    entries: Vec<Entry>,
    /// The system did not let us list it.
    pub(crate) unreadable: bool,
}

fn slice(text: &[u8], (start, len): (u32, u32)) -> &[u8] {
    &text[start as usize..start as usize + len as usize]
}

impl Directory {
    pub(crate) fn new(path: &[u8]) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    pub(crate) fn push(&mut self, name: &[u8], target: &[u8], stat: Stat) {
        let mut add = |bytes: &[u8]| {
            let begin = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
            self.text.extend_from_slice(bytes);
            (begin, u32::try_from(bytes.len()).unwrap_or(u32::MAX))
        };
        let entry = Entry { name: add(name), target: add(target), stat };
        self.entries.push(entry);
    }

    pub(crate) fn finish(&mut self) {
        let Self { text, entries, .. } = self;
        entries.sort_unstable_by(|a, b| slice(text, a.name).cmp(slice(text, b.name)));
        text.shrink_to_fit();
        entries.shrink_to_fit();
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = Seen<'_>> {
        self.entries.iter().map(|entry| self.seen(entry))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn seen(&self, entry: &Entry) -> Seen<'_> {
        Seen {
            name: slice(&self.text, entry.name),
            target: slice(&self.text, entry.target),
            stat: entry.stat,
        }
    }

    pub(crate) fn entry(&self, name: &[u8]) -> Option<Seen<'_>> {
        let at = self.entries.binary_search_by(|entry| slice(&self.text, entry.name).cmp(name)).ok()?;
        Some(self.seen(&self.entries[at]))
    }

    pub(crate) fn path_of(&self, name: &[u8]) -> Vec<u8> {
        join(&self.path, name)
    }
}

/// An entry as its readers want it.
#[derive(Debug, Clone, Copy)]
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
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) directories: Vec<Directory>,
    /// What could not be looked at, and why. Not empty means: incomplete.
    pub(crate) problems: Vec<String>,
}

impl Listing {
    pub(crate) fn directory(&self, path: &[u8]) -> Option<&Directory> {
        let at = self.directories.binary_search_by(|directory| (*directory.path).cmp(path)).ok()?;
        Some(&self.directories[at])
    }

    pub(crate) fn entry(&self, path: &[u8]) -> Option<Seen<'_>> {
        let (parent, name) = split(path);
        self.directory(parent)?.entry(name)
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = (Vec<u8>, Seen<'_>)> {
        self.directories
            .iter()
            .flat_map(|directory| directory.entries().map(|seen| (directory.path_of(seen.name), seen)))
    }
}

/// A name that is not the same in two listings, or may not be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) before: Option<Seen<'a>>,
    pub(crate) after: Option<Seen<'a>>,
}

/// Calls `each` for every path whose two sides differ in what `lstat` tells.
pub(crate) fn differences<'a>(
    before: &'a Listing,
    after: &'a Listing,
    mut each: impl FnMut(Vec<u8>, Pair<'a>),
) {
    let (mut old, mut new) = (before.directories.iter().peekable(), after.directories.iter().peekable());
    loop {
        let (was, is) = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => (old.next(), None),
            (None, Some(_)) => (None, new.next()),
            (Some(was), Some(is)) => match was.path.cmp(&is.path) {
                Ordering::Less => (old.next(), None),
                Ordering::Greater => (None, new.next()),
                Ordering::Equal => (old.next(), new.next()),
            },
        };
        name_differences(was, is, &mut each);
    }
}

fn name_differences<'a>(
    was: Option<&'a Directory>,
    is: Option<&'a Directory>,
    each: &mut impl FnMut(Vec<u8>, Pair<'a>),
) {
    let path: &[u8] = was.or(is).map_or(b"", |directory| &directory.path);
    let mut old = was.into_iter().flat_map(Directory::entries).peekable();
    let mut new = is.into_iter().flat_map(Directory::entries).peekable();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(was), Some(is)) => was.name.cmp(is.name),
        };
        let before = if order == Ordering::Greater { None } else { old.next() };
        let after = if order == Ordering::Less { None } else { new.next() };
        let same = before.zip(after).is_some_and(|(before, after)| {
            after.stat.is_untouched_since(&before.stat) && before.target == after.target
        });
        if let Some(name) = before.or(after).map(|seen| seen.name).filter(|_| !same) {
            each(join(path, name), Pair { before, after });
        }
    }
}
