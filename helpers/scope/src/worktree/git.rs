//! The git program as the maker of worktrees, and as the reader of what users call a commit. It reads the repository's
//! configuration, because that says how the repository is stored; whatever in there would run a program is overridden:
//! hooks, fsmonitor, filters. Nothing is ever fetched.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clodex_os::{ExitKind, ShortCommand};

use crate::git_objects::{program, trusted_paths};
use crate::{ScopeError, Tree};

/// A large tree on a slow disk takes its time.
const LIMIT: Duration = Duration::from_mins(10);

/// What the repository's own configuration may not decide.
const DECIDED: [&str; 8] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "submodule.recurse=false",
    "worktree.useRelativePaths=false",
    "worktree.guessRemote=false",
    "advice.detachedHead=false",
    "gc.auto=0",
    "safe.directory=*",
];

#[derive(Debug)]
pub(crate) struct Git {
    program: PathBuf,
    paths: OsString,
}

impl Git {
    /// The git of the caller's PATH, but none that lies in the repository.
    pub(crate) fn find(tree: &Tree) -> Result<Self, ScopeError> {
        let paths = trusted_paths(&[tree.root(), tree.common_dir()]);
        let program = program(&paths).ok_or_else(|| failed("git is not installed"))?;
        Ok(Self { program, paths: std::env::join_paths(&paths).unwrap_or_default() })
    }

    /// The commit that a tree is at.
    pub(super) fn head(&self, tree: &Path) -> Result<String, ScopeError> {
        let commit = self.commit(tree, "HEAD").map_err(|why| failed(&why))?;
        commit.ok_or_else(|| {
            failed(&format!("`{}` has no commit yet: make one (`git commit --allow-empty`)", tree.display()))
        })
    }

    /// The commit that a user's word means, in hex. The word must not begin with `-`.
    pub(crate) fn commit(&self, tree: &Path, name: &str) -> Result<Option<String>, String> {
        self.one_commit(tree, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")])
    }

    /// The best commit that two have in common.
    pub(crate) fn merge_base(&self, tree: &Path, ours: &str, theirs: &str) -> Result<Option<String>, String> {
        self.one_commit(tree, &["merge-base", ours, theirs])
    }

    fn one_commit(&self, tree: &Path, words: &[&str]) -> Result<Option<String>, String> {
        let said = self.command(tree, &[]).args(words).run().map_err(|error| error.to_string())?;
        let commit = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        let is_id = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        Ok((said.status == ExitKind::Exit(0) && is_id).then_some(commit))
    }

    /// Runs git in a tree; what it says is told when it fails.
    pub(super) fn run(&self, tree: &Path, words: &[&str], more: &[&OsStr]) -> Result<(), ScopeError> {
        let command = self.command(tree, &self.without_filters(tree)?).args(words).args(more);
        let ended = command.run().map_err(|error| failed(&error.to_string()))?;
        if ended.status == ExitKind::Exit(0) {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&ended.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("git failed");
        Err(failed(&format!("git {}: {last}", words.join(" "))))
    }

    /// Overrides for every filter that any configuration names: a filter is a program.
    fn without_filters(&self, tree: &Path) -> Result<Vec<String>, ScopeError> {
        let asked =
            self.command(tree, &[]).args(["config", "-z", "--name-only", "--get-regexp", "^filter\\."]);
        let said = asked.run().map_err(|error| failed(&error.to_string()))?;
        let names = String::from_utf8_lossy(&said.stdout).into_owned();
        let mut drivers: Vec<&str> =
            names.split('\0').filter_map(|name| name.rsplit_once('.').map(|(driver, _)| driver)).collect();
        drivers.sort_unstable();
        drivers.dedup();
        let off =
            |driver: &str| ["smudge=", "process=", "required=false"].map(|off| format!("{driver}.{off}"));
        Ok(drivers.into_iter().flat_map(off).collect())
    }

    fn command(&self, tree: &Path, config: &[String]) -> ShortCommand {
        let decided = DECIDED.iter().copied().chain(config.iter().map(String::as_str));
        let mut command = ShortCommand::new(&self.program, LIMIT)
            .current_dir(tree)
            .env_clear()
            .env("PATH", &self.paths)
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C");
        // The user's own configuration says, e.g., which line ends a checkout has.
        for name in ["HOME", "XDG_CONFIG_HOME"] {
            if let Some(value) = std::env::var_os(name) {
                command = command.env(name, value);
            }
        }
        command.args(decided.flat_map(|setting| ["-c", setting]))
    }
}

pub(super) fn failed(why: &str) -> ScopeError {
    ScopeError::Worktree(why.to_owned())
}
