//! Puts one name back: the old state is built beside it, exchanged with what lies there, and what came out is looked
//! at: if it is not what the final snapshot saw, it goes back. What is on disk says how far an interrupted attempt came.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use clodex_os::{exchange, hex, rename_to_free};
use nix::errno::Errno;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::plan::{Bytes, Entry, Plan, Source, Thing, ThingKind, What};
use super::quarantine::Quarantine;
use super::thing::{build, is_there, open_parent, set_mode, set_owner_and_mode, stat};
use crate::content::{ObjectId, digest_of};
use crate::listing::Kind;
use crate::objects::Objects;
use crate::patch::as_checked_out;
use crate::secure::{self, Kept};

/// Owner's rights that are needed in a directory while something in it is put back.
const OWNER: u16 = 0o700;

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was put back now.
    Restored,
    /// It was as before already.
    Already,
    /// Somebody changed it since the final snapshot: left alone.
    Changed,
    /// It could not be done.
    Failed(String),
}

impl From<io::Error> for Outcome {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::Unsupported => {
                Self::Failed("this file system cannot exchange two names in one step".to_owned())
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// What is needed to put entries back.
pub(super) struct Entries<'a> {
    pub(super) store: &'a Path,
    pub(super) stores: &'a Stores,
    pub(super) quarantine: &'a Quarantine,
    /// Names of ours begin with this.
    pub(super) prefix: &'a str,
}

/// The object stores that contents come from, by the git directory that an entry names.
pub(super) struct Stores(BTreeMap<Option<Bytes>, Objects>);

impl Stores {
    pub(super) fn of(plan: &Plan) -> Self {
        let entries = plan.changes.iter().filter_map(|change| match &change.what {
            What::Entry(entry) => Some(entry),
            What::Ref(_) | What::Index(_) => None,
        });
        let named: BTreeSet<_> = entries.map(|entry| entry.git_dir.clone()).collect();
        let open = |git_dir: &Option<Bytes>| {
            Objects::open(&plan.root.path(), &git_dir.as_ref().unwrap_or(&plan.common_dir).path())
        };
        Self(named.into_iter().map(|git_dir| (git_dir.clone(), open(&git_dir))).collect())
    }

    fn blob(&self, entry: &Entry, id: &ObjectId) -> Result<Vec<u8>, String> {
        let objects = self.0.get(&entry.git_dir).ok_or("its repository is not known")?;
        objects.blob(id).ok_or_else(|| objects.trouble())
    }
}

/// A name, its directory, and the names that are ours beside it.
struct Place {
    dir: OwnedFd,
    name: OsString,
    /// The old state, being built.
    new: OsString,
    /// The old state, whole, or what was taken out.
    out: OsString,
}

impl Entries<'_> {
    /// Puts one entry back, or finds that it is.
    pub(super) fn put_back(&self, number: usize, entry: &Entry) -> Outcome {
        self.try_put_back(number, entry).unwrap_or_else(Outcome::from)
    }

    fn try_put_back(&self, number: usize, entry: &Entry) -> io::Result<Outcome> {
        let Some((dir, name)) = open_parent(&entry.top.path(), &entry.path.0)? else {
            return Ok(match &entry.before {
                None => Outcome::Already,
                Some(_) => Outcome::Failed("its directory is not there".to_owned()),
            });
        };
        let own = |end: &str| OsString::from(format!("{}-{number}.{end}", self.prefix));
        let place = Place { dir, name, new: own("new"), out: own("out") };
        place.remove(&place.new)?;
        let old = match &entry.before {
            None => None,
            Some(thing) => Some(self.materialize(entry, thing, &place)?),
        };
        let before = old.as_ref().map(|(thing, _)| thing);
        let settled = self.settle(&place, entry, before)?;
        if place.is_before(before)? {
            return Ok(settled.unwrap_or(Outcome::Already));
        }
        if !is_there(&place.dir, &place.name, entry.after.as_ref())? {
            return Ok(Outcome::Changed);
        }
        match (old, &entry.after) {
            (None, None) => Ok(Outcome::Already),
            (None, Some(after)) if after.kind == ThingKind::Directory => place.remove_directory(),
            (None, Some(_)) => {
                rename_to_free(&place.dir, &place.name, &place.dir, &place.out)?;
                self.settled(&place, entry, None)
            }
            (Some((before, content)), None) => {
                build(&place.dir, &place.new, &before, &content)?;
                match rename_to_free(&place.dir, &place.new, &place.dir, &place.name) {
                    Ok(()) => Ok(Outcome::Restored),
                    Err(error) => {
                        place.remove(&place.new)?;
                        if error.kind() == io::ErrorKind::AlreadyExists {
                            Ok(Outcome::Changed)
                        } else {
                            Err(error)
                        }
                    }
                }
            }
            (Some((before, _)), Some(_)) if is_in_place(entry) => {
                set_owner_and_mode(&place.dir, &place.name, &before)?;
                Ok(Outcome::Restored)
            }
            (Some((before, content)), Some(_)) => {
                build(&place.dir, &place.new, &before, &content)?;
                rename_to_free(&place.dir, &place.new, &place.dir, &place.out)?;
                match exchange(&place.dir, &place.out, &place.dir, &place.name) {
                    Ok(()) => self.settled(&place, entry, Some(&before)),
                    Err(error) => {
                        place.remove(&place.out)?;
                        if error.kind() == io::ErrorKind::NotFound {
                            Ok(Outcome::Changed)
                        } else {
                            Err(error)
                        }
                    }
                }
            }
        }
    }

    fn settled(&self, place: &Place, entry: &Entry, before: Option<&Thing>) -> io::Result<Outcome> {
        Ok(self.settle(place, entry, before)?.unwrap_or(Outcome::Changed))
    }

    /// Decides about what lies at the `out` name: ours and not needed, what was to be removed, or somebody's newer work.
    fn settle(&self, place: &Place, entry: &Entry, before: Option<&Thing>) -> io::Result<Option<Outcome>> {
        let Some(found) = stat(&place.dir, &place.out)? else { return Ok(None) };
        if before.is_some() && place.has_before(&place.out, before)? && place.try_remove(&place.out)? {
            return Ok(None);
        }
        if is_there(&place.dir, &place.out, entry.after.as_ref())? {
            if found.kind == Kind::Directory && !is_whole(entry.after.as_ref()) {
                if place.try_remove(&place.out)? {
                    return Ok(Some(Outcome::Restored));
                }
            } else {
                self.quarantine.take(&place.dir, &place.out, &entry.shown.0)?;
                return Ok(Some(Outcome::Restored));
            }
        }
        self.give_back(place, entry, before)?;
        Ok(Some(Outcome::Changed))
    }

    /// Somebody changed it after the final snapshot: what came out goes back to its name, and nothing is lost.
    fn give_back(&self, place: &Place, entry: &Entry, before: Option<&Thing>) -> io::Result<()> {
        if before.is_some() && place.is_before(before)? {
            exchange(&place.dir, &place.out, &place.dir, &place.name)?;
            if place.has_before(&place.out, before)? && place.try_remove(&place.out)? {
                return Ok(());
            }
        } else {
            match rename_to_free(&place.dir, &place.out, &place.dir, &place.name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                done => return done,
            }
        }
        self.quarantine.take(&place.dir, &place.out, &entry.shown.0)
    }

    /// The old state with its content's digest, and that content.
    fn materialize(&self, entry: &Entry, thing: &Thing, place: &Place) -> io::Result<(Thing, Vec<u8>)> {
        let mut thing = thing.clone();
        let mut content = Vec::new();
        match &mut thing.kind {
            ThingKind::File { size, sha256, source } => match source {
                // What lies there has it, or it is not ours to touch.
                Some(Source::InPlace) => {
                    if sha256.is_none()
                        && let Some(Thing { kind: ThingKind::File { sha256: now, .. }, .. }) = &entry.after
                    {
                        sha256.clone_from(now);
                    }
                }
                source => {
                    content = self.content(entry, source.as_ref(), *size, sha256.as_deref())?;
                    *sha256 = Some(hex(&digest_of(&content)));
                }
            },
            // Closed directories are opened to their owner until everything in them is put back.
            ThingKind::Directory => thing.mode |= place.loosened(thing.mode)?,
            ThingKind::Whole { .. }
            | ThingKind::Symlink { .. }
            | ThingKind::Fifo
            | ThingKind::Socket
            | ThingKind::Device => {}
        }
        Ok((thing, content))
    }

    /// The bytes of the old state, checked.
    fn content(
        &self,
        entry: &Entry,
        source: Option<&Source>,
        size: u64,
        sha256: Option<&str>,
    ) -> io::Result<Vec<u8>> {
        let lost = |what: &str| io::Error::other(format!("its content is lost: {what}"));
        match source {
            Some(Source::Secured { file, offset }) => {
                let digest = sha256.and_then(|hex| ObjectId::from_hex(hex.as_bytes()));
                let digest =
                    digest.and_then(|id| id.bytes().try_into().ok()).ok_or_else(|| lost("no digest"))?;
                secure::read(self.store, &Kept { file: *file, offset: *offset, size, digest })
                    .map_err(|error| lost(&error.to_string()))
            }
            Some(Source::Blob(hex)) => {
                let id = ObjectId::from_hex(hex.as_bytes()).ok_or_else(|| lost("no object name"))?;
                let blob = self.stores.blob(entry, &id).map_err(|why| lost(&why))?;
                let content = as_checked_out(blob, size);
                if content.len() as u64 == size {
                    Ok(content)
                } else {
                    Err(lost("its line ends cannot be told from git's object"))
                }
            }
            Some(Source::InPlace) => Ok(Vec::new()),
            None => Err(lost("it was not secured")),
        }
    }

    /// The bytes of the state before, for the patch.
    pub(super) fn old_bytes(&self, entry: &Entry, thing: &Thing) -> Option<Vec<u8>> {
        match &thing.kind {
            ThingKind::File { size, sha256, source } => {
                self.content(entry, source.as_ref(), *size, sha256.as_deref()).ok()
            }
            ThingKind::Symlink { target: Bytes(target) } => Some(target.clone()),
            ThingKind::Directory
            | ThingKind::Whole { .. }
            | ThingKind::Fifo
            | ThingKind::Socket
            | ThingKind::Device => None,
        }
    }
}

/// Opens a directory to its owner, so that what is in it can be put back.
pub(super) fn loosen(entry: &Entry) -> Outcome {
    let loosened = || -> io::Result<Outcome> {
        let (Some(before), Some(after)) = (&entry.before, &entry.after) else {
            return Ok(Outcome::Already);
        };
        let Some((dir, name)) = open_parent(&entry.top.path(), &entry.path.0)? else {
            return Ok(Outcome::Changed);
        };
        let Some(found) = stat(&dir, &name)?.filter(|found| found.kind == Kind::Directory) else {
            return Ok(Outcome::Changed);
        };
        let open = before.mode | OWNER;
        if [before.mode, open].contains(&found.mode) || found.mode == after.mode {
            let open = Thing { mode: open, ..before.clone() };
            set_owner_and_mode(&dir, &name, &open)?;
            return Ok(if before == after { Outcome::Already } else { Outcome::Restored });
        }
        Ok(Outcome::Changed)
    };
    loosened().unwrap_or_else(Outcome::from)
}

/// Gives a directory its own mode, once everything in it is put back.
pub(super) fn close(entry: &Entry) -> io::Result<()> {
    let Some(before) = &entry.before else { return Ok(()) };
    let Some((dir, name)) = open_parent(&entry.top.path(), &entry.path.0)? else { return Ok(()) };
    match stat(&dir, &name)? {
        Some(found) if found.kind == Kind::Directory && found.mode == before.mode | OWNER => {
            set_mode(&dir, &name, found.kind, before.mode)
        }
        Some(_) | None => Ok(()),
    }
}

fn is_in_place(entry: &Entry) -> bool {
    let in_place = |thing: &Thing| match &thing.kind {
        ThingKind::File { source, .. } => *source == Some(Source::InPlace),
        ThingKind::Directory | ThingKind::Fifo => true,
        ThingKind::Whole { .. } | ThingKind::Symlink { .. } | ThingKind::Socket | ThingKind::Device => false,
    };
    let same_kind = entry.before.as_ref().zip(entry.after.as_ref()).is_some_and(|(before, after)| {
        std::mem::discriminant(&before.kind) == std::mem::discriminant(&after.kind)
    });
    same_kind && entry.before.as_ref().is_some_and(in_place)
}

fn is_whole(thing: Option<&Thing>) -> bool {
    thing.is_some_and(|thing| matches!(thing.kind, ThingKind::Whole { .. }))
}

impl Place {
    /// Whether the old state lies at the name.
    fn is_before(&self, before: Option<&Thing>) -> io::Result<bool> {
        match before {
            None => Ok(stat(&self.dir, &self.name)?.is_none()),
            Some(_) => self.has_before(&self.name, before),
        }
    }

    fn has_before(&self, name: &OsStr, before: Option<&Thing>) -> io::Result<bool> {
        is_there(&self.dir, name, before)
    }

    /// The rights that a directory has at the name, or will have, for as long as things in it are put back.
    fn loosened(&self, mode: u16) -> io::Result<u16> {
        let as_it_was = stat(&self.dir, &self.name)?
            .is_some_and(|found| found.kind == Kind::Directory && found.mode == mode);
        Ok(if as_it_was { 0 } else { OWNER })
    }

    fn remove_directory(&self) -> io::Result<Outcome> {
        Ok(match unlinkat(&self.dir, self.name.as_os_str(), UnlinkatFlags::RemoveDir) {
            Ok(()) => Outcome::Restored,
            Err(Errno::ENOENT) => Outcome::Already,
            Err(Errno::ENOTEMPTY | Errno::EEXIST) => Outcome::Changed,
            Err(error) => return Err(error.into()),
        })
    }

    /// Removes what is ours; `false` for a directory that somebody put something into.
    fn try_remove(&self, name: &OsStr) -> io::Result<bool> {
        let flags = match stat(&self.dir, name)? {
            None => return Ok(true),
            Some(found) if found.kind == Kind::Directory => UnlinkatFlags::RemoveDir,
            Some(_) => UnlinkatFlags::NoRemoveDir,
        };
        match unlinkat(&self.dir, name, flags) {
            Ok(()) | Err(Errno::ENOENT) => Ok(true),
            Err(Errno::ENOTEMPTY | Errno::EEXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn remove(&self, name: &OsStr) -> io::Result<()> {
        self.try_remove(name).map(drop)
    }
}
