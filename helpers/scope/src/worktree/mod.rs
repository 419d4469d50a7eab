//! Linked worktrees for isolated runs: made at the user's HEAD outside of the repository, with submodules, uncommitted
//! changes and declared files brought along, and removed so that git knows nothing of them any more.
//!
//! ```text
//! <place>/admin        what was made in the repository's git directories, a path a line; written before it is made
//! <place>/<project>/   the worktree
//! ```
//! Runs none of the repository's code; knows nothing of runs.

mod carry;
mod git;
mod remove;

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use clodex_core::Isolate;

use crate::baseline::{Baseline, Request, baseline};
use crate::{ScopeError, Tree};
pub(crate) use git::Git;
pub use remove::{finish_removals, remove_worktree};

/// What a git directory calls a submodule's entry.
const GITLINK: u32 = 0o160_000;

/// What is wanted.
#[derive(Debug)]
pub struct WorktreeWish<'a> {
    /// The user's tree.
    pub source: &'a Tree,
    /// A directory of its own, which does not exist yet. Its name is what git will call the worktree.
    pub place: &'a Path,
    /// On top of what.
    pub isolate: Isolate,
    /// Files and directories to bring along, relative to the source's work directory.
    pub copy: &'a [String],
}

/// A worktree that is ready to be worked in.
#[derive(Debug)]
pub struct Worktree {
    /// It, seen from the same directory as the source.
    pub tree: Tree,
    /// The commit that it is at.
    pub base: String,
}

/// Where the worktree of a place lies: it is called like the user's tree, because some tools look at the name.
pub fn worktree_root(place: &Path, source: &Tree) -> PathBuf {
    place.join(source.root().file_name().unwrap_or(OsStr::new("tree")))
}

/// The source's work directory, seen in another tree.
pub fn same_workdir(root: &Path, source: &Tree) -> PathBuf {
    match source.workdir_in_root() {
        b"" => root.to_owned(),
        below => root.join(OsStr::from_bytes(below)),
    }
}

/// Makes the worktree. What a failure leaves behind is for [`remove_worktree`].
pub fn add_worktree(wish: &WorktreeWish<'_>) -> Result<Worktree, ScopeError> {
    let before = baseline(wish.source, Request::default())?;
    fs::create_dir_all(wish.place).map_err(|error| ScopeError::io("make", wish.place, error))?;
    let place = wish.place.canonicalize().map_err(|error| ScopeError::io("find", wish.place, error))?;
    let git = Git::find(wish.source)?;
    let root = worktree_root(&place, wish.source);
    let base = link(&git, &place, wish.source, &root)?;
    submodules(&git, &place, wish.source, &before, &root)?;
    carry::stored_otherwise(&before, &root)?;
    match wish.isolate {
        Isolate::WithDirty => carry::uncommitted(&before, &root)?,
        Isolate::Head | Isolate::Off => {}
    }
    let workdir = same_workdir(&root, wish.source);
    // A directory that git does not know is empty there.
    fs::create_dir_all(&workdir).map_err(|error| ScopeError::io("make", &workdir, error))?;
    let from = same_workdir(wish.source.root(), wish.source);
    for named in wish.copy {
        carry::declared(&from, &workdir, named)?;
    }
    Ok(Worktree { tree: Tree::discover(&workdir)?, base })
}

/// Makes one linked worktree of the repository around `source` at `root`, and checks out what is its HEAD.
fn link(git: &Git, place: &Path, source: &Tree, root: &Path) -> Result<String, ScopeError> {
    let base = git.head(source.root())?;
    let name = place.file_name().unwrap_or_default();
    let admin = source.common_dir().join("worktrees").join(name);
    note(place, &admin).map_err(|error| ScopeError::io("note in", place, error))?;
    let alone = alone(place).map_err(|error| ScopeError::io("lock", place, error))?;
    // Made under the run's name, which is what git calls it for good, and moved to the name that the worker sees.
    let made = place.join(name);
    git.run(
        source.root(),
        &["worktree", "add", "--detach", "--no-checkout"],
        &[made.as_os_str(), OsStr::new(&base)],
    )?;
    // An empty directory of the worktree around it may lie there; anything else is in the way.
    let _ = fs::remove_dir(root);
    fs::rename(&made, root).map_err(|error| ScopeError::io("make", root, error))?;
    let dot_git = [root.join(".git").as_os_str().as_bytes(), b"\n"].concat();
    fs::write(admin.join("gitdir"), dot_git).map_err(|error| ScopeError::io("write to", &admin, error))?;
    drop(alone);
    git.run(root, &["read-tree", "--reset", "-u", "HEAD"], &[])?;
    Ok(base)
}

/// The right to change what git knows of worktrees, among all who isolate runs: git reads the entries of the others, and
/// gives up over one that is just being made.
fn alone(place: &Path) -> std::io::Result<fs::File> {
    let directory = fs::File::open(place.parent().unwrap_or(place))?;
    while let Err(error) = directory.lock() {
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(directory)
}

fn note(place: &Path, admin: &Path) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().append(true).create(true).open(place.join("admin"))?;
    file.write_all(&[admin.as_os_str().as_bytes(), b"\n"].concat())
}

/// Submodules that are checked out in the user's tree, at the commits that they are at; theirs too.
fn submodules(
    git: &Git,
    place: &Path,
    source: &Tree,
    before: &Baseline,
    root: &Path,
) -> Result<(), ScopeError> {
    let Some(Ok(index)) = before.inner.survey.own().map(|own| &own.index) else { return Ok(()) };
    for entry in index.entries().filter(|entry| entry.mode == GITLINK) {
        let at = OsStr::from_bytes(entry.path);
        let checked_out = source.root().join(at);
        if !checked_out.join(".git").exists() {
            continue;
        }
        let module = Tree::discover(&checked_out)?;
        let inside = baseline(&module, Request::default())?;
        let below = root.join(at);
        link(git, place, &module, &below)?;
        carry::stored_otherwise(&inside, &below)?;
        submodules(git, place, &module, &inside, &below)?;
    }
    Ok(())
}
