//! Tries it out: whether rewriting a file and putting its mtime back changes its ctime. Knows one scratch file.

use std::fs::{File, FileTimes, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use clodex_os::run_suffix;

/// Clocks of kernels tick every 10 ms or faster; one that stands still for longer can hide a change.
const PATIENCE: Duration = Duration::from_millis(100);

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Moves,
    Stays,
    /// It could not be tried.
    Untold,
}

/// A scratch file, which goes with this.
pub(crate) struct Probe {
    path: PathBuf,
    file: File,
    dev: u64,
    mtime: SystemTime,
    ctime: (i64, i64),
}

impl Probe {
    /// Makes the scratch file in a directory that nobody watches.
    pub(super) fn begin(dir: &Path) -> io::Result<Self> {
        let path = dir.join(format!(".ctime-{}", run_suffix()));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let made = file.write_all_at(b"0", 0).and_then(|()| stat(&path));
        match made {
            Ok((dev, mtime, ctime)) => Ok(Self { path, file, dev, mtime, ctime }),
            Err(error) => {
                remove(&path);
                Err(error)
            }
        }
    }

    /// The file system that it tells of.
    pub(super) fn dev(&self) -> u64 {
        self.dev
    }

    /// Rewrites the file; again for as long as the clock may just not have ticked since it was made.
    pub(super) fn finish(self) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.rewrite_moves_ctime() {
                Ok(true) => return Answer::Moves,
                Ok(false) if Instant::now() < deadline => {}
                Ok(false) => return Answer::Stays,
                Err(_) => return Answer::Untold,
            }
        }
    }

    fn rewrite_moves_ctime(&self) -> io::Result<bool> {
        self.file.write_all_at(b"1", 0)?;
        self.file.set_times(FileTimes::new().set_modified(self.mtime))?;
        let (_, _, ctime) = stat(&self.path)?;
        Ok(ctime != self.ctime)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Where the file lies and its two times, as the walk would see them.
fn stat(path: &Path) -> io::Result<(u64, SystemTime, (i64, i64))> {
    let found = path.symlink_metadata()?;
    Ok((found.dev(), found.modified()?, (found.ctime(), found.ctime_nsec())))
}

fn remove(path: &Path) {
    // It lies among what the dispatcher keeps; one that stays harms nobody.
    let _ = std::fs::remove_file(path);
}
