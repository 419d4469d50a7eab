//! Which project a directory belongs to: the git common directory, found by looking at files alone.
//! Knows nothing of what is in a repository.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::regular_file::read_regular;

/// A file that holds a path is no longer.
const POINTER: u64 = 8192;

/// Where a repository lies, without symlinks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitPlaces {
    /// The top of the work tree.
    pub work_tree: PathBuf,
    /// The git common directory: the same for a repository and all its linked worktrees.
    pub common_dir: PathBuf,
}

/// The repository around `inside`. None = no repository there.
pub fn git_places(inside: &Path) -> Option<GitPlaces> {
    let inside = fs::canonicalize(inside).ok()?;
    inside.ancestors().find_map(|directory| {
        let common_dir = common_dir_of(&directory.join(".git"))?;
        Some(GitPlaces { work_tree: directory.to_owned(), common_dir })
    })
}

/// The git common directory of the work tree around `inside`. None = no repository there.
pub fn git_common_dir(inside: &Path) -> Option<PathBuf> {
    git_places(inside).map(|places| places.common_dir)
}

fn common_dir_of(dot_git: &Path) -> Option<PathBuf> {
    let found = fs::metadata(dot_git).ok()?;
    if found.is_dir() {
        // An empty `.git` is no repository (sandboxes leave such ones).
        return dot_git.join("HEAD").symlink_metadata().is_ok().then(|| fs::canonicalize(dot_git).ok())?;
    }
    let beside = dot_git.parent()?;
    let git_dir = beside.join(pointed_at(&dot_git.canonicalize().ok()?, b"gitdir: ")?);
    let common = match pointed_at(&git_dir.join("commondir"), b"") {
        Some(common) => git_dir.join(common),
        // A submodule's or a separate git directory is its own common one.
        None => git_dir,
    };
    fs::canonicalize(common).ok()
}

/// The path that a small file of git's holds after `prefix`.
fn pointed_at(file: &Path, prefix: &[u8]) -> Option<PathBuf> {
    let content = read_regular(&file.canonicalize().ok()?, POINTER).ok()?;
    let path = content.strip_prefix(prefix)?.trim_ascii_end();
    (!path.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(root: &Path, directories: &[&str], files: &[(&str, &str)]) {
        for name in directories {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        for (name, content) in files {
            fs::write(root.join(name), content).unwrap();
        }
    }

    #[test]
    fn a_repository_and_its_worktrees_are_one_project() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        make(
            &root,
            &["main/.git/worktrees/side", "main/src/deep", "side/sub"],
            &[
                ("main/.git/HEAD", "ref: refs/heads/main\n"),
                ("main/.git/worktrees/side/commondir", "../..\n"),
                ("side/.git", &format!("gitdir: {}/main/.git/worktrees/side\n", root.display())),
            ],
        );
        let common = Some(root.join("main/.git"));
        assert_eq!(git_common_dir(&root.join("main/src/deep")), common);
        assert_eq!(git_common_dir(&root.join("side/sub")), common);
        assert_eq!(git_places(&root.join("side/sub")).unwrap().work_tree, root.join("side"));
        std::os::unix::fs::symlink(root.join("main"), root.join("link")).unwrap();
        assert_eq!(git_common_dir(&root.join("link/src")), common);
    }

    #[test]
    fn a_relative_pointer_and_a_missing_commondir_are_understood() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        make(&root, &["real.git", "tree"], &[("tree/.git", "gitdir: ../real.git\n")]);
        assert_eq!(git_common_dir(&root.join("tree")), Some(root.join("real.git")));
    }

    #[test]
    fn what_lies_in_the_place_of_a_pointer_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        make(&root, &["real.git", "tree"], &[("tree/.git", "gitdir: ../real.git\n")]);
        let commondir = root.join("real.git/commondir");
        nix::unistd::mkfifo(&commondir, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(git_common_dir(&root.join("tree")), Some(root.join("real.git")));
        fs::remove_file(&commondir).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &commondir).unwrap();
        assert_eq!(git_common_dir(&root.join("tree")), Some(root.join("real.git")));
    }

    #[test]
    fn an_empty_dot_git_or_a_missing_directory_is_no_repository() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), &["a/.git"], &[]);
        assert_eq!(git_common_dir(&folder.path().join("a")), None);
        assert_eq!(git_common_dir(&folder.path().join("gone")), None);
    }
}
