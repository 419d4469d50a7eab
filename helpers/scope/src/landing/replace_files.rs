//! Files and symlinks brought from one state to another so that no edit made at the same time is lost: the new one is
//! made beside the old one and exchanged with it, and what came out is looked at. If it is not what was to be replaced,
//! it goes back. Interrupted, [`Rooted::settle`] tells from what lies there how far it came.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;

use clodex_core::{FileState, path_text};
use clodex_os::{exchange, hex, is_open_for_writing, rename_to_free, run_suffix};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, fstatat};
use nix::unistd::{UnlinkatFlags, symlinkat, unlinkat};

use super::contents::{Contents, copy_hashed};
use super::no_follow_tree::{Rooted, look};
use crate::content::digest_of;

/// Somebody else's edit of a path was met: it lies where it lay, and nothing of ours took its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}`: {what}")]
pub struct Edited {
    /// The path, relative to the root.
    pub path: String,
    /// What was met.
    pub what: String,
}

impl Edited {
    /// At a path that is not what it was.
    pub fn at(path: &[u8]) -> Self {
        Self { path: path_text(path), what: "it was edited meanwhile, or is being written".to_owned() }
    }

    /// What of it an error tells.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<Edited> for io::Error {
    fn from(edited: Edited) -> Self {
        Self::other(edited)
    }
}

/// A name, its directory, and the names that are ours beside it.
struct Place<'p> {
    path: &'p [u8],
    parent: OwnedFd,
    name: &'p OsStr,
    /// The new state, being made.
    new: OsString,
    /// The new state, whole, or what was taken out.
    out: OsString,
}

impl Rooted {
    /// Brings a path from one state to the other. Its directory must be there. At every instant the old or the new one
    /// lies there; an error when something else does, or somebody is writing it.
    pub fn put(&self, path: &[u8], from: &FileState, to: &FileState, contents: &Contents) -> io::Result<()> {
        let place = match self.place(path)? {
            Some(place) => place,
            None if *to == FileState::Missing => return Ok(()),
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        place.settle(from, to)?;
        match (from, to) {
            (FileState::Unknown, _) | (_, FileState::Unknown) => Err(io::ErrorKind::InvalidInput.into()),
            (FileState::Missing, FileState::Missing) => Ok(()),
            (FileState::Missing, FileState::File { .. } | FileState::Symlink { .. }) => {
                place.make(to, contents)?;
                place.fill()
            }
            (FileState::File { .. } | FileState::Symlink { .. }, FileState::Missing) => place.clear(from),
            (
                FileState::File { .. } | FileState::Symlink { .. },
                FileState::File { .. } | FileState::Symlink { .. },
            ) => {
                place.make(to, contents)?;
                place.swap(from, to)
            }
        }
    }

    /// Tidies up after a [`put`](Self::put) of the same states that was interrupted: what it took out of somebody else's
    /// goes back to its name.
    pub fn settle(&self, path: &[u8], from: &FileState, to: &FileState) -> io::Result<()> {
        self.place(path)?.map_or(Ok(()), |place| place.settle(from, to))
    }

    fn place<'p>(&self, path: &'p [u8]) -> io::Result<Option<Place<'p>>> {
        // The same names for the same path, so that an interrupted attempt is found again.
        let own = hex(&digest_of(path)[..8]);
        let (new, out) = (format!(".clodex-landing-{own}.new"), format!(".clodex-landing-{own}.out"));
        Ok(self.parent(path)?.map(|(parent, name)| Place {
            path,
            parent,
            name,
            new: new.into(),
            out: out.into(),
        }))
    }
}

impl Place<'_> {
    /// Makes the state under the `new` name.
    fn make(&self, state: &FileState, contents: &Contents) -> io::Result<()> {
        let made = match state {
            FileState::File { mode, sha256 } => self.write(*mode, sha256, contents),
            FileState::Symlink { target } => {
                symlinkat(OsStr::from_bytes(&target.0), &self.parent, &*self.new).map_err(io::Error::from)
            }
            FileState::Missing | FileState::Unknown => Err(io::ErrorKind::InvalidInput.into()),
        };
        made.or_else(|error| self.remove(&self.new).and(Err(error)))
    }

    fn write(&self, mode: u32, sha256: &str, contents: &Contents) -> io::Result<()> {
        let mut source = contents.open(sha256)?;
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        let private = Mode::from_bits_truncate(0o600);
        let mut file = File::from(openat(&self.parent, &*self.new, flags, private)?);
        io::copy(&mut source, &mut file)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_data()
    }

    /// What was made goes where nothing lies.
    fn fill(&self) -> io::Result<()> {
        rename_to_free(&self.parent, &self.new, &self.parent, self.name).or_else(|error| {
            self.remove(&self.new)?;
            Err(if error.kind() == io::ErrorKind::AlreadyExists { self.edited() } else { self.told(error) })
        })
    }

    /// What was made takes the place of what lies there.
    fn swap(&self, from: &FileState, to: &FileState) -> io::Result<()> {
        rename_to_free(&self.parent, &self.new, &self.parent, &self.out)
            .and_then(|()| exchange(&self.parent, &self.out, &self.parent, self.name))
            .or_else(|error| {
                self.remove(&self.new)?;
                self.remove(&self.out)?;
                Err(if error.kind() == io::ErrorKind::NotFound { self.edited() } else { self.told(error) })
            })?;
        if self.is_still(&self.out, from) {
            return self.remove(&self.out);
        }
        self.give_back(to)?;
        Err(self.edited())
    }

    /// What lies there goes.
    fn clear(&self, from: &FileState) -> io::Result<()> {
        match rename_to_free(&self.parent, self.name, &self.parent, &self.out) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(self.told(error)),
            Ok(()) => {}
        }
        if self.is_still(&self.out, from) {
            return self.remove(&self.out);
        }
        self.return_to_free_name()?;
        Err(self.edited())
    }

    /// Decides about what an interrupted attempt left under our names.
    fn settle(&self, from: &FileState, to: &FileState) -> io::Result<()> {
        self.remove(&self.new)?;
        if !self.exists(&self.out)? {
            return Ok(());
        }
        let is_known = |state: &&FileState| **state != FileState::Missing && self.is_still(&self.out, state);
        if [from, to].iter().any(is_known) {
            // Both are kept elsewhere.
            self.remove(&self.out)
        } else if *to != FileState::Missing && self.is_still(self.name, to) {
            self.give_back(to)
        } else {
            self.return_to_free_name()
        }
    }

    /// Somebody's work lies under the `out` name and ours at the name: the other way round.
    fn give_back(&self, ours: &FileState) -> io::Result<()> {
        match exchange(&self.parent, &self.out, &self.parent, self.name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.return_to_free_name(),
            given => given?,
        }
        if self.is_still(&self.out, ours) {
            return self.remove(&self.out);
        }
        // Edited once more since: the newest edit is at its name, the one before is kept, too. If that cannot be
        // done, they lie the other way round.
        let _ = exchange(&self.parent, &self.out, &self.parent, self.name);
        self.save()
    }

    /// Somebody's work lies under the `out` name: back to its name, if nothing newer lies there.
    fn return_to_free_name(&self) -> io::Result<()> {
        match rename_to_free(&self.parent, &self.out, &self.parent, self.name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.save(),
            returned => returned,
        }
    }

    /// Keeps what lies under the `out` name where its owner finds it, and says so.
    fn save(&self) -> io::Result<()> {
        let name = self.name.as_bytes();
        let saved = [name, b".edited-", run_suffix().as_bytes()].concat();
        rename_to_free(&self.parent, &self.out, &self.parent, OsStr::from_bytes(&saved))?;
        let what = format!(
            "it was edited more than once in the meantime: `{}` is the older edit",
            path_text(&saved)
        );
        Err(Edited { path: path_text(self.path), what }.into())
    }

    /// Whether a state lies at the name, and nobody is about to change it.
    fn is_still(&self, name: &OsStr, state: &FileState) -> bool {
        let mut is_written = false;
        // What cannot be read is not known to be ours.
        let found = look(&self.parent, name, |file| {
            is_written = is_open_for_writing(file);
            copy_hashed(file, &mut io::sink())
        });
        found.is_ok_and(|found| found == *state) && !is_written
    }

    fn exists(&self, name: &OsStr) -> io::Result<bool> {
        match fstatat(&self.parent, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) => Ok(false),
            found => Ok(found.map(|_| true)?),
        }
    }

    fn remove(&self, name: &OsStr) -> io::Result<()> {
        match unlinkat(&self.parent, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn edited(&self) -> io::Error {
        Edited::at(self.path).into()
    }

    fn told(&self, error: io::Error) -> io::Error {
        match error.kind() {
            io::ErrorKind::Unsupported => io::Error::other(format!(
                "the file system of `{}` cannot exchange two names in one step, so an edit of yours could be lost",
                path_text(self.path)
            )),
            _ => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn file(contents: &Contents, text: &str) -> FileState {
        FileState::File { mode: 0o644, sha256: contents.put(text.as_bytes()).unwrap() }
    }

    fn set(path: &Path, state: &FileState, text: &str) {
        let _ = fs::remove_file(path);
        if *state != FileState::Missing {
            fs::write(path, text).unwrap();
            fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
        }
    }

    /// As editors save: in place, or by a rename.
    fn save(path: &Path, text: &str, in_place: bool) {
        if in_place {
            fs::write(path, text).unwrap();
        } else {
            let beside = path.with_extension("swp");
            fs::write(&beside, text).unwrap();
            fs::rename(beside, path).unwrap();
        }
    }

    #[test]
    fn an_edit_at_any_instant_is_never_lost() {
        const ROUNDS: u32 = 1000;
        let dir = tempfile::tempdir().unwrap();
        let (top, path) = (dir.path().join("tree"), dir.path().join("tree/f"));
        fs::create_dir(&top).unwrap();
        let contents = Contents::make(dir.path()).unwrap();
        let tree = Rooted::open(&top).unwrap();
        let (old, new) = (file(&contents, "old"), file(&contents, "new"));
        let ways = [(&old, &new), (&old, &FileState::Missing), (&FileState::Missing, &new)];
        let (begun, done) = (AtomicU32::new(0), AtomicU32::new(0));
        let (mut refused, mut lost) = (0, vec![]);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    while begun.load(Ordering::Acquire) < round {
                        std::thread::yield_now();
                    }
                    for _ in 0..(round % 100) * 40 {
                        std::hint::spin_loop();
                    }
                    save(&path, &format!("edit {round}"), round % 2 == 0);
                    done.store(round, Ordering::Release);
                }
            });
            for round in 1..=ROUNDS {
                let (from, to) = ways[round as usize / 2 % 3];
                set(&path, from, "old");
                begun.store(round, Ordering::Release);
                refused += u32::from(tree.put(b"f", from, to, &contents).is_err());
                while done.load(Ordering::Acquire) < round {
                    std::thread::yield_now();
                }
                let found = fs::read_to_string(&path).unwrap_or_default();
                if found != format!("edit {round}") || fs::read_dir(&top).unwrap().count() != 1 {
                    // The other thread waits for all rounds.
                    lost.push((round, found));
                }
            }
        });
        assert_eq!(lost, []);
        assert!((1..ROUNDS).contains(&refused), "no race was run: {refused} refused");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_somebody_is_writing_stays_at_its_name() {
        use std::io::Write as _;

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let contents = Contents::make(dir.path()).unwrap();
        let tree = Rooted::open(dir.path()).unwrap();
        let (old, new) = (file(&contents, "old"), file(&contents, "new"));
        for to in [&new, &FileState::Missing] {
            set(&path, &old, "old");
            let mut writer = fs::OpenOptions::new().append(true).open(&path).unwrap();
            tree.put(b"f", &old, to, &contents).unwrap_err();
            writer.write_all(b" and more").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "old and more");
        }
    }

    #[test]
    fn what_an_interrupted_exchange_holds_goes_back_to_whom_it_belongs() {
        let dir = tempfile::tempdir().unwrap();
        let (top, path) = (dir.path().join("tree"), dir.path().join("tree/f"));
        fs::create_dir(&top).unwrap();
        let contents = Contents::make(dir.path()).unwrap();
        let tree = Rooted::open(&top).unwrap();
        let (old, new) = (file(&contents, "old"), file(&contents, "new"));
        let out = top.join(tree.place(b"f").unwrap().unwrap().out);
        for (there, taken_out, stays) in [
            ("new", "old", "new"),
            ("old", "new", "old"),
            ("new", "edit", "edit"),
            ("edit", "new", "edit"),
            ("edit", "old", "edit"),
        ] {
            set(&path, &old, there);
            set(&out, &old, taken_out);
            tree.settle(b"f", &old, &new).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), stays, "{there} and {taken_out}");
            assert_eq!(fs::read_dir(&top).unwrap().count(), 1);
        }
        set(&path, &old, "newer edit");
        set(&out, &old, "edit");
        let told = tree.settle(b"f", &old, &new).unwrap_err().to_string();
        assert!(told.contains("`f`: it was edited more than once in the meantime: `f.edited-"), "{told}");
        let mut all: Vec<String> =
            fs::read_dir(&top).unwrap().map(|at| fs::read_to_string(at.unwrap().path()).unwrap()).collect();
        all.sort();
        assert_eq!(all, ["edit", "newer edit"]);
    }
}
