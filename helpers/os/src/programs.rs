//! What a shell would find: programs on PATH, and those that a path leads to.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The programs that a command in one directory can call.
#[derive(Debug)]
pub struct Programs {
    workdir: PathBuf,
    path: OsString,
}

impl Programs {
    /// Those of this process's PATH, as seen from `workdir`.
    pub fn seen_from(workdir: &Path) -> Self {
        Self { workdir: workdir.to_owned(), path: env::var_os("PATH").unwrap_or_default() }
    }

    /// Whether the first word of a command is one of them.
    pub fn has(&self, word: &str) -> bool {
        if word.contains('/') {
            return is_executable(&self.workdir.join(word));
        }
        env::split_paths(&self.path).any(|dir| is_executable(&self.workdir.join(dir).join(word)))
    }

    /// The shell that a worker's commands get, too, or the one that is everywhere.
    pub fn shell(&self) -> &'static OsStr {
        OsStr::new(if self.has("bash") { "bash" } else { "sh" })
    }
}

/// The first program of this name on PATH. Relative and empty entries are skipped: they would name something else in
/// every directory.
pub fn find_on_path(name: &str) -> Option<PathBuf> {
    find_on(&env::var_os("PATH")?, name)
}

/// The same for a PATH that is given.
pub fn find_on(path: &OsStr, name: &str) -> Option<PathBuf> {
    let candidates = env::split_paths(path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(name));
    candidates.into_iter().find(|candidate| is_executable(candidate))
}

/// Whether it is a file that somebody may execute, be it by a symlink.
pub fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_on_the_path_and_in_the_work_directory() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        let programs = Programs { workdir: dir.to_owned(), path: "/nowhere:/bin:/usr/bin".into() };
        for (word, found) in [
            ("sh", true),
            ("/bin/sh", true),
            ("no-such-tool", false),
            ("Cargo.toml", false),
            ("src/lib.rs", false),
            ("src", false),
            ("./src", false),
            ("", false),
        ] {
            assert_eq!(programs.has(word), found, "{word}");
        }
    }
}
