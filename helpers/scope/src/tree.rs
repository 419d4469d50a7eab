//! Finds the work tree around a directory and its git directories, by looking at the file system alone: neither
//! `GIT_*` nor any configuration (`core.worktree`, `safe.directory`) has a say.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use clodex_core::{ByProducts, PathKind, ScopeEntry, ScopeEntryError, ScopeRules, path_text};
use clodex_os::read_regular;
use serde::{Deserialize, Serialize};

use crate::{ScopeError, path_bytes};

/// A file that holds a path is no longer.
pub(crate) const POINTER: u64 = 8192;

/// A work tree and where git keeps what belongs to it. All paths are real (no symlink in them).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tree {
    #[serde(with = "path_bytes")]
    root: PathBuf,
    #[serde(with = "path_bytes")]
    git_dir: PathBuf,
    #[serde(with = "path_bytes")]
    common_dir: PathBuf,
    workdir_in_root: Vec<u8>,
}

impl Tree {
    /// Finds the work tree that encloses the directory: an ordinary one, a linked one, or a submodule's.
    pub fn discover(workdir: &Path) -> Result<Self, ScopeError> {
        let real = workdir.canonicalize().map_err(|error| ScopeError::io("find", workdir, error))?;
        for root in real.ancestors() {
            if root.file_name() == Some(OsStr::new(".git")) || is_git_dir(root) && !root.join(".git").exists()
            {
                return Err(ScopeError::InsideGitDirectory(real));
            }
            if let Some(git_dir) = git_dir_of(root)? {
                let below = real.strip_prefix(root).unwrap_or(Path::new(""));
                let workdir_in_root = below.as_os_str().as_bytes().to_vec();
                let common_dir = common_dir_of(&git_dir);
                return Ok(Self { root: root.to_owned(), git_dir, common_dir, workdir_in_root });
            }
        }
        Err(ScopeError::NotARepository(real))
    }

    /// The top of the work tree.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where this work tree's own HEAD and index are.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// Where refs, configuration and objects are; the same as `git_dir` unless the work tree is a linked one.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// The work directory relative to the root; empty at the root.
    pub fn workdir_in_root(&self) -> &[u8] {
        &self.workdir_in_root
    }

    /// Reads a WRITE SCOPE entry; an absolute one may reach the repository through symlinks, none may go on through
    /// one inside.
    pub fn scope_entry(&self, entry: &str) -> Result<ScopeEntry, ScopeEntryError> {
        let root = self.root.as_os_str().as_bytes();
        let parsed = match ScopeEntry::parse(entry, &self.workdir_in_root, root) {
            Err(ScopeEntryError::Outside(text)) => {
                let real = self.real_text(&text).ok_or(ScopeEntryError::Outside(text))?;
                ScopeEntry::parse(&real, &self.workdir_in_root, root)?
            }
            parsed => parsed?,
        };
        self.refuse_symlink(entry, parsed.path())?;
        Ok(parsed)
    }

    /// Reads BY-PRODUCTS entries.
    pub fn by_products(&self, entries: &[&str]) -> Result<ByProducts, ScopeEntryError> {
        let root = self.root.as_os_str().as_bytes();
        let by_products = ByProducts::new(entries.iter().copied(), &self.workdir_in_root, root)?;
        for (entry, path) in entries.iter().zip(by_products.named()) {
            self.refuse_symlink(entry, path)?;
        }
        Ok(by_products)
    }

    /// Refuses what is, or lies below, a symlink inside the repository.
    fn refuse_symlink(&self, entry: &str, path: &[u8]) -> Result<(), ScopeEntryError> {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for end in ends.chain([path.len()]) {
            let Ok(target) = self.root.join(OsStr::from_bytes(&path[..end])).read_link() else { continue };
            return Err(ScopeEntryError::Symlink {
                entry: entry.trim().to_owned(),
                link: (end < path.len()).then(|| path_text(&path[..end])),
                target: path_text(target.as_os_str().as_bytes()),
            });
        }
        Ok(())
    }

    /// Fixes what the entries mean by what lies at their paths now.
    pub fn scope_rules(&self, entries: Vec<ScopeEntry>) -> ScopeRules {
        ScopeRules::new(entries, |path| match self.root.join(OsStr::from_bytes(path)).symlink_metadata() {
            Ok(found) if found.is_dir() => PathKind::Directory,
            Ok(_) => PathKind::File,
            Err(_) => PathKind::Missing,
        })
    }

    /// An absolute path that symlinks outside the repository lead into it, without those.
    fn real_text(&self, text: &str) -> Option<String> {
        let path = Path::new(text);
        let real = |above: &Path| above.canonicalize().ok();
        let at_root = path.ancestors().filter(|above| real(above).as_ref() == Some(&self.root)).last();
        let deepest = || path.ancestors().skip(1).find(|above| real(above).is_some());
        let above = at_root.or_else(deepest)?;
        let whole = real(above)?.join(path.strip_prefix(above).ok()?);
        let slash = if text.ends_with('/') { "/" } else { "" };
        Some(whole.to_str()?.to_owned() + slash)
    }

    /// The path relative to the root, when it lies in the work tree.
    pub(crate) fn relative(&self, path: &Path) -> Option<Vec<u8>> {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        real.strip_prefix(&self.root).ok().map(|below| below.as_os_str().as_bytes().to_vec())
    }
}

fn git_dir_of(root: &Path) -> Result<Option<PathBuf>, ScopeError> {
    let dot_git = root.join(".git");
    match dot_git.metadata() {
        Ok(found) if found.is_dir() => {
            let real = dot_git.canonicalize().map_err(|error| ScopeError::io("find", &dot_git, error))?;
            Ok(is_git_dir(&real).then_some(real))
        }
        Ok(found) if found.is_file() => match read_git_file(&dot_git) {
            Some(git_dir) if is_git_dir(&git_dir) => Ok(Some(git_dir)),
            _ => Err(ScopeError::BrokenGitFile(dot_git)),
        },
        Ok(_) => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ScopeError::io("look at", dot_git, error)),
    }
}

/// The real path of the git directory that a `.git` file names.
pub(crate) fn read_git_file(dot_git: &Path) -> Option<PathBuf> {
    let text = pointer(dot_git)?;
    let named = text.strip_prefix(b"gitdir:")?.trim_ascii();
    dot_git.parent()?.join(OsStr::from_bytes(named)).canonicalize().ok()
}

/// Whether git would take the directory for one of its own.
pub(crate) fn is_git_dir(path: &Path) -> bool {
    let has_head = path.join("HEAD").symlink_metadata().is_ok();
    has_head
        && (path.join("commondir").is_file() || path.join("objects").is_dir() && path.join("refs").is_dir())
}

/// Where the repository of a git directory keeps what its work trees share.
pub(crate) fn common_dir_of(git_dir: &Path) -> PathBuf {
    let common = pointer(&git_dir.join("commondir"))
        .and_then(|text| git_dir.join(OsStr::from_bytes(text.trim_ascii())).canonicalize().ok());
    common.unwrap_or_else(|| git_dir.to_owned())
}

/// What a small file of git's that holds a path says; git follows a symlink there, and so do we.
fn pointer(file: &Path) -> Option<Vec<u8>> {
    read_regular(&file.canonicalize().ok()?, POINTER).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use nix::sys::stat::Mode;

    use super::*;

    #[test]
    fn what_lies_in_the_place_of_a_pointer_holds_nobody_up() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        nix::unistd::mkfifo(&top.join("fifo"), Mode::S_IRWXU).unwrap();
        fs::write(top.join("far"), "gitdir: ../main\n".repeat(1000)).unwrap();
        fs::write(top.join("near"), "..\n").unwrap();
        let above = top.parent().unwrap();
        for (planted, expected) in [("fifo", &*top), ("/dev/zero", &top), ("far", &top), ("near", above)] {
            let commondir = top.join("commondir");
            symlink(planted, &commondir).unwrap();
            assert_eq!(common_dir_of(&top), expected, "{planted}");
            assert_eq!(read_git_file(&commondir), None, "{planted}");
            fs::remove_file(commondir).unwrap();
        }
    }
}
