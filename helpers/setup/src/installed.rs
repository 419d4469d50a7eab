//! The installed helpers: a directory for each installation, and one link that says which of them counts. The link is
//! turned in one step, so whoever starts a helper has one of the old ones or one of the new ones, with its siblings.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clodex_os::record_store::{RecordStore, StateDir};
use clodex_os::{Failure, RunLock, run_suffix};

use crate::archive::Program;
use crate::names;

const PREFIX: &str = "programs-";
/// Who changes an installation holds it: sessions that begin together refresh together.
pub const LOCK: &str = "setup.lock";
/// Whoever holds it copies a few files.
const PATIENCE: Duration = Duration::from_secs(30);

/// The version of the helpers that are installed.
pub fn version(bin: &Path) -> Option<String> {
    let target = fs::read_link(bin).ok()?;
    let (version, _) = target.to_str()?.strip_prefix(PREFIX)?.rsplit_once('-')?;
    bin.join("clodex-setup").is_file().then(|| version.to_owned())
}

/// Whether exactly these are installed.
pub fn holds(bin: &Path, programs: &[Program]) -> bool {
    let same = |(name, bytes): &Program| {
        let path = bin.join(name);
        let size = fs::metadata(&path).map(|found| found.len());
        size.is_ok_and(|size| size == bytes.len() as u64)
            && fs::read(&path).is_ok_and(|found| found == *bytes)
    };
    let linked = |(link, program): &(&str, &str)| {
        fs::read_link(bin.join(link)).is_ok_and(|target| target == Path::new(program))
    };
    programs.iter().all(same) && names::links().iter().all(linked)
}

/// Keeps others from changing what is installed in `data`, which is there.
pub fn alone(data: &Path) -> Result<RunLock, Failure> {
    let taken = RunLock::acquire_until(&data.join(LOCK), Instant::now() + PATIENCE);
    let taken = taken.map_err(|error| Failure::usage(error.to_string()))?;
    taken.ok_or_else(|| {
        let path = data.display();
        Failure::usage(format!(
            "cannot change `{path}`: another clodex-setup does\nhint: try again when it is done"
        ))
    })
}

/// As [`alone`]; none where another one is at it.
pub fn alone_at_once(data: &Path) -> Option<RunLock> {
    RunLock::acquire(&data.join(LOCK)).ok().flatten()
}

/// Installs them in `data`, for one that is [`alone`], if they are of `version` and run here, as `runs` tells. What a
/// live run may still start stays until the next time.
pub fn install(
    data: &Path,
    version: &str,
    programs: &[Program],
    state: Option<&StateDir>,
    runs: impl Fn(&Path) -> bool,
) -> Result<(), Failure> {
    let name = format!("{PREFIX}{version}-{}", run_suffix());
    let dir = data.join(&name);
    let check = || {
        let why = || io::Error::other(format!("they do not run here, or are not of version {version}"));
        runs(&dir).then_some(()).ok_or_else(why)
    };
    let done = fill(&dir, programs).and_then(|()| check()).and_then(|()| turn(data, &name));
    if let Err(error) = done {
        // Half of an installation is none.
        let _ = fs::remove_dir_all(&dir);
        return Err(Failure::usage(format!("cannot install the helpers in `{}`: {error}", dir.display())));
    }
    if !state.is_some_and(is_busy) {
        for old in others(data, &name) {
            // What cannot go now goes the next time.
            let _ = fs::remove_dir_all(old);
        }
    }
    Ok(())
}

/// Whether a run lives.
pub fn is_busy(state: &StateDir) -> bool {
    RecordStore::look_at(state.clone()).dir().live_ids().iter().any(|id| state.is_held(id))
}

fn fill(dir: &Path, programs: &[Program]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    for (name, bytes) in programs {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o755).open(dir.join(name))?;
        file.write_all(bytes)?;
        file.sync_data()?;
    }
    names::links().iter().try_for_each(|(link, program)| symlink(program, dir.join(link)))
}

fn turn(data: &Path, name: &str) -> io::Result<()> {
    let new = data.join(format!(".bin-{}", run_suffix()));
    symlink(name, &new)?;
    fs::rename(&new, data.join("bin")).inspect_err(|_| drop(fs::remove_file(&new)))
}

fn others(data: &Path, name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(data).into_iter().flatten().flatten();
    let is_other = |found: &std::ffi::OsStr| found != name && found.to_string_lossy().starts_with(PREFIX);
    entries.filter(|entry| is_other(&entry.file_name())).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(content: &str) -> Vec<Program> {
        names::PROGRAMS.iter().map(|name| (*name, format!("{content} {name}").into_bytes())).collect()
    }

    #[test]
    fn the_newer_installation_replaces_the_older_one() {
        let data = tempfile::tempdir().unwrap();
        let bin = data.path().join("bin");
        assert_eq!(version(&bin), None);
        for (number, content) in [("0.1.0", "old"), ("0.2.0-rc.1", "new")] {
            install(data.path(), number, &programs(content), None, |_| true).unwrap();
            assert_eq!(version(&bin).as_deref(), Some(number));
            assert!(holds(&bin, &programs(content)));
        }
        assert!(!holds(&bin, &programs("old")));
        assert_eq!(fs::read_to_string(bin.join("clodex-wait")).unwrap(), "new clodex-status");
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_does_not_run_takes_nobodys_place() {
        let data = tempfile::tempdir().unwrap();
        install(data.path(), "0.1.0", &programs("old"), None, |_| true).unwrap();
        let refused =
            install(data.path(), "0.2.0", &programs("new"), None, |dir| !dir.join("clodex-setup").is_file());
        assert!(refused.unwrap_err().message().contains("not of version 0.2.0"));
        assert!(holds(&data.path().join("bin"), &programs("old")));
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 2);
    }

    #[test]
    fn one_at_a_time_changes_it() {
        let data = tempfile::tempdir().unwrap();
        let held = alone(data.path()).unwrap();
        assert!(alone_at_once(data.path()).is_none());
        drop(held);
        // A process that another test begins just now holds whatever is open until its program starts.
        assert!(alone(data.path()).is_ok());
    }

    #[test]
    fn where_it_cannot_be_put_nothing_is_left() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir_all(data.path().join("bin/theirs")).unwrap();
        assert!(install(data.path(), "0.1.0", &programs("x"), None, |_| true).is_err());
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1);
    }
}
