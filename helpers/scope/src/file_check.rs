//! Looks into the files that need it, on several threads and within a budget: is a tracked file what the index
//! says, and what is in those that git does not know.

use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::attributes::without_carriage_returns;
use crate::content::{self, ObjectId, blob_id, digest_of};
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
    /// Tracked: compare with the blob. `looks_clean` when only the blob's filtered form is in doubt.
    Tracked {
        id: ObjectId,
        mode: u32,
        cached_size: u32,
        converted: bool,
        looks_clean: bool,
    },
    Untracked,
    Ignored,
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
        entry: &IndexEntry<'_>,
        vouched_until: i64,
        converted: bool,
    ) -> Option<Self> {
        let looks_clean = is_as_cached(seen.stat, entry)
            && seen.stat.mtime < vouched_until
            && has_mode(seen.stat, entry.mode);
        (!looks_clean || converted).then(|| Self {
            path: path.to_vec(),
            stat: seen.stat,
            target: seen.target.to_vec(),
            what: What::Tracked {
                id: entry.id,
                mode: entry.mode,
                cached_size: entry.cached.size,
                converted,
                looks_clean,
            },
        })
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

fn has_mode(stat: Stat, mode: u32) -> bool {
    match stat.kind {
        Kind::File => mode == if stat.mode & 0o100 == 0 { 0o100_644 } else { 0o100_755 },
        Kind::Symlink => mode == 0o120_000,
        Kind::Directory => mode >> 12 == 0o16 || mode >> 12 == 0o4,
        Kind::Fifo | Kind::Socket | Kind::Device => false,
    }
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

/// Runs the jobs; what the budget left out is noted.
pub(crate) fn run_jobs(root: &Path, common_dir: &Path, jobs: Vec<Job>, notes: &mut Vec<String>) -> Vec<Done> {
    let budget = Budget::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8).min(jobs.len() / 64 + 1);
    let queue = Mutex::new(jobs.into_iter());
    let work = || {
        let objects = Objects::open(root, common_dir);
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

fn look(root: &Path, objects: &Objects, budget: &Budget, job: Job) -> Done {
    match job.what {
        What::Tracked { id, mode, cached_size, converted, looks_clean } => {
            let letter =
                tracked_letter(root, objects, &job, (&id, mode), cached_size, converted, looks_clean);
            let wanted = job.stat.kind == Kind::File && (converted || letter.is_some());
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

fn tracked_letter(
    root: &Path,
    objects: &Objects,
    job: &Job,
    (id, mode): (&ObjectId, u32),
    cached_size: u32,
    converted: bool,
    looks_clean: bool,
) -> Option<u8> {
    if looks_clean {
        return None;
    }
    let same_type = has_mode(job.stat, mode) || job.stat.kind == Kind::File && mode >> 12 == 0o10;
    if !same_type {
        return Some(b'T');
    }
    let same_content = match job.stat.kind {
        Kind::Symlink => blob_id(&job.target, id).as_ref() == Some(id),
        _ => is_the_blob(root, objects, job, id, (cached_size, converted)),
    };
    (!same_content || !has_mode(job.stat, mode)).then_some(b'M')
}

/// Whether the file holds the blob, as it is or as a known conversion writes it.
fn is_the_blob(
    root: &Path,
    objects: &Objects,
    job: &Job,
    id: &ObjectId,
    (cached_size, converted): (u32, bool),
) -> bool {
    if content::file_blob_id(root, &job.path, id).ok().flatten().as_ref() == Some(id) {
        return true;
    }
    if converted {
        let pointer = objects.blob(id).unwrap_or_default();
        if pointer.starts_with(b"version https://git-lfs") {
            let digest = content::digest_file(root, &job.path).unwrap_or_default();
            let hex = ObjectId::new(&digest).map(|digest| digest.to_string());
            return hex.is_some_and(|hex| String::from_utf8_lossy(&pointer).contains(&hex));
        }
        return u64::from(cached_size) == job.stat.size;
    }
    job.stat.size <= IGNORED_FILE
        && content::read(root, &job.path).is_ok_and(|bytes| {
            bytes.contains(&b'\r') && blob_id(&without_carriage_returns(&bytes), id).as_ref() == Some(id)
        })
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
