//! Looks into the files that need it, on several threads and within a budget: is a tracked file what the index
//! says, and what is in those that git does not know.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::check_in::CheckIn;
use crate::content::{self, ObjectId, blob_id, digest_of};
use crate::conversion::Conversion;
use crate::index::IndexEntry;
use crate::listing::{Kind, Seen, Stat};
use crate::objects::Objects;
use crate::survey::Known;

/// Files up to this size are kept whole …
const KEPT_FILE: u64 = 256 << 10;
/// … until this much is kept.
const KEPT_IN_ALL: u64 = 8 << 20;
/// Files that git does not vouch for are hashed up to this size …
const READ_FILE: u64 = 64 << 20;
/// … until this much is read.
const READ_IN_ALL: u64 = 256 << 20;
/// Ignored files are hashed up to this size …
const IGNORED_FILE: u64 = 1 << 20;
/// … and this many, so that a tree full of them does not hold up a run.
const IGNORED_IN_ALL: usize = 2000;

/// A file to look into.
#[derive(Debug)]
pub(crate) struct Job {
    path: Vec<u8>,
    stat: Stat,
    target: Vec<u8>,
    what: What,
}

#[derive(Debug)]
enum What {
    /// Tracked: compare with the blob.
    Tracked(Tracked),
    Untracked,
    Ignored,
}

#[derive(Debug)]
struct Tracked {
    id: ObjectId,
    /// Which of the stores has the blob.
    store: usize,
    /// Whether the index vouches for it: only its own bytes are not known.
    looks_clean: bool,
    likeness: Likeness,
    /// Whether the bytes of the file are not those of the blob, for more than their line ends.
    converted: bool,
    conversion: Conversion,
}

/// How far a file is of the kind that the index has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    Mode,
    Type,
    Nothing,
}

/// What came out. No letter: as the index says, or not tracked.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) path: Vec<u8>,
    pub(crate) letter: Option<u8>,
    pub(crate) known: Option<Known>,
    /// Tracked and not the blob, or not for sure, and what it is instead was not read.
    pub(crate) is_unread: bool,
}

impl Job {
    /// A tracked file needs no look when the index remembers it just so and it was written before `vouched_until`.
    pub(crate) fn tracked(
        path: &[u8],
        seen: Seen<'_>,
        (entry, store): (&IndexEntry<'_>, usize),
        vouched_until: i64,
        check_in: &CheckIn,
    ) -> Option<Self> {
        let has_mode = check_in.has_mode(seen.stat, entry.mode);
        let looks_clean =
            is_as_cached(seen.stat, entry) && is_vouched_for(seen.stat, entry, vouched_until) && has_mode;
        let converted = check_in.may_convert(entry.path);
        if looks_clean && !converted {
            return None;
        }
        let mut conversion = check_in.conversion(entry.path);
        if check_in.is_link_as_file(seen.stat, entry.mode) {
            conversion = Conversion::NONE;
        }
        let likeness = match check_in.is_of_type(seen.stat, entry.mode) {
            true if has_mode => Likeness::Mode,
            true => Likeness::Type,
            false => Likeness::Nothing,
        };
        let tracked = Tracked { id: entry.id, store, looks_clean, likeness, converted, conversion };
        let what = What::Tracked(tracked);
        Some(Self { path: path.to_vec(), stat: seen.stat, target: seen.target.to_vec(), what })
    }

    /// A file that git does not know; nothing to look into unless it is a regular one.
    pub(crate) fn unknown(path: &[u8], seen: Seen<'_>, is_ignored: bool) -> Option<Self> {
        let wanted = seen.stat.kind == Kind::File && (!is_ignored || seen.stat.size <= IGNORED_FILE);
        let what = if is_ignored { What::Ignored } else { What::Untracked };
        wanted.then(|| Self { path: path.to_vec(), stat: seen.stat, target: Vec::new(), what })
    }
}

fn is_as_cached(stat: Stat, entry: &IndexEntry<'_>) -> bool {
    let same_time = |(seconds, nanoseconds): (u32, u32), now: i64| {
        let exact = i64::from(seconds) * 1_000_000_000 + i64::from(nanoseconds) == now;
        exact || nanoseconds == 0 && i64::from(seconds) == now / 1_000_000_000
    };
    #[expect(clippy::cast_possible_truncation, reason = "the index keeps the low 32 bits")]
    let (ino, size) = (stat.ino as u32, stat.size as u32);
    same_time(entry.cached.mtime, stat.mtime)
        && same_time(entry.cached.ctime, stat.ctime)
        && entry.cached.ino == ino
        && entry.cached.size == size
}

/// Whether it was written before the index was, as far as the index keeps times.
fn is_vouched_for(stat: Stat, entry: &IndexEntry<'_>, until: i64) -> bool {
    let keeps_seconds = entry.cached.mtime.1 == 0;
    let until =
        if keeps_seconds { until.div_euclid(1_000_000_000).saturating_mul(1_000_000_000) } else { until };
    stat.mtime < until
}

/// How much of the budget is used.
#[derive(Default)]
struct Budget {
    kept: AtomicU64,
    ignored: AtomicUsize,
    not_kept: AtomicUsize,
    read: AtomicU64,
    unread: AtomicUsize,
}

/// Runs the jobs; what the budget left out is noted. `stores`: the git directories with the objects.
pub(crate) fn run_jobs(
    root: &Path,
    stores: &[PathBuf],
    jobs: Vec<Job>,
    notes: &mut Vec<String>,
) -> Vec<Done> {
    let budget = Budget::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8).min(jobs.len() / 64 + 1);
    let queue = Mutex::new(jobs.into_iter());
    let work = || {
        let objects: Vec<Objects> = stores.iter().map(|store| Objects::open(root, store)).collect();
        let mut done = Vec::new();
        while let Some(job) = { queue.lock().unwrap_or_else(PoisonError::into_inner).next() } {
            let told = look(root, &objects, &budget, job);
            let says = told.letter.is_some() || told.known.is_some() || told.is_unread;
            done.extend(says.then_some(told));
        }
        done
    };
    let done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        done.extend(others.into_iter().filter_map(|other| other.join().ok()).flatten());
        done
    });
    for (count, what) in [
        (
            budget.not_kept.into_inner(),
            "files git does not know were too big to keep: their changes show without a diff",
        ),
        (
            budget.unread.into_inner(),
            "files git does not know were left unread: if their times change, they count as changed",
        ),
    ] {
        if count > 0 {
            notes.push(format!("{count} {what}"));
        }
    }
    done
}

fn look(root: &Path, objects: &[Objects], budget: &Budget, job: Job) -> Done {
    match job.what {
        What::Tracked(ref tracked) => {
            let letter = tracked_letter(root, &objects[tracked.store], &job, tracked);
            let wanted = job.stat.kind == Kind::File && (tracked.converted || letter.is_some());
            let known = wanted.then(|| known(root, &job, budget)).flatten();
            Done { path: job.path, letter, is_unread: wanted && known.is_none(), known }
        }
        What::Untracked => {
            Done { known: known(root, &job, budget), path: job.path, letter: None, is_unread: false }
        }
        What::Ignored => {
            let fits = budget.ignored.fetch_add(1, Ordering::Relaxed) < IGNORED_IN_ALL;
            if !fits {
                budget.unread.fetch_add(1, Ordering::Relaxed);
            }
            let known = if fits { known(root, &job, budget) } else { None };
            Done { path: job.path, letter: None, known, is_unread: false }
        }
    }
}

fn tracked_letter(root: &Path, objects: &Objects, job: &Job, tracked: &Tracked) -> Option<u8> {
    if tracked.looks_clean {
        return None;
    }
    if tracked.likeness == Likeness::Nothing {
        return Some(b'T');
    }
    let id = &tracked.id;
    let same_content = match job.stat.kind {
        Kind::Symlink => blob_id(&job.target, id).as_ref() == Some(id),
        _ => is_the_blob(root, objects, job, tracked),
    };
    (!same_content || tracked.likeness != Likeness::Mode).then_some(b'M')
}

/// Whether the file holds the blob, as it is or as git would store it. What only a filter can tell, is not told.
fn is_the_blob(root: &Path, objects: &Objects, job: &Job, tracked: &Tracked) -> bool {
    let (id, conversion) = (&tracked.id, &tracked.conversion);
    // A file that somebody made very long is not read for what its length says.
    let is_another_size =
        || job.stat.size > READ_FILE && objects.size(id).is_some_and(|size| size != job.stat.size);
    if !is_another_size() && content::file_blob_id(root, &job.path, id).ok().flatten().as_ref() == Some(id) {
        return true;
    }
    if conversion.has_filter {
        return is_large_file_of(root, job, &objects.blob(id).unwrap_or_default());
    }
    if *conversion == Conversion::NONE || job.stat.size > READ_FILE {
        return false;
    }
    let Ok(bytes) = content::read(root, &job.path) else { return false };
    let stored = conversion.to_git(&bytes, || objects.blob(id));
    stored.is_some_and(|stored| blob_id(&stored, id).as_ref() == Some(id))
}

/// Whether the blob stands for the file as git LFS has it: by its digest.
fn is_large_file_of(root: &Path, job: &Job, pointer: &[u8]) -> bool {
    let hex = || Some(ObjectId::new(&content::digest_file(root, &job.path).ok()?)?.to_string());
    let names = |hex: String| {
        let wanted = format!("oid sha256:{hex}");
        pointer.split(|byte| *byte == b'\n').any(|line| line == wanted.as_bytes())
    };
    let size = job.stat.size.to_string();
    let mut sizes = pointer.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"size "));
    let mut is_its_size = || sizes.next().is_none_or(|told| told == size.as_bytes());
    pointer.starts_with(b"version https://git-lfs") && is_its_size() && hex().is_some_and(names)
}

fn known(root: &Path, job: &Job, budget: &Budget) -> Option<Known> {
    let size = job.stat.size;
    let fits =
        |used: &AtomicU64, limit: u64| used.fetch_add(size, Ordering::Relaxed).saturating_add(size) <= limit;
    if size > READ_FILE || !fits(&budget.read, READ_IN_ALL) {
        budget.unread.fetch_add(1, Ordering::Relaxed);
        return None;
    }
    if size <= KEPT_FILE && fits(&budget.kept, KEPT_IN_ALL) {
        let bytes = content::read(root, &job.path).ok()?;
        return Some(Known { digest: digest_of(&bytes), kept: Some(bytes.into()) });
    }
    budget.not_kept.fetch_add(1, Ordering::Relaxed);
    Some(Known { digest: content::digest_file(root, &job.path).ok()?, kept: None })
}
