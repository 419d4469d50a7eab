//! The git program as a reader of objects, for what libgit2 does not read. It sees the object directory and nothing
//! else of the repository: its git directory is one of our own making, so no configuration, hook or ref of the
//! repository has any effect, and nothing is ever fetched.

use std::ffi::OsString;
use std::fs::{DirBuilder, write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clodex_os::{InteractiveCommand, ShortCommand, is_executable, run_suffix};
use git2::ObjectType;

use crate::content::{self, ObjectId};
use crate::store_gate::obstacle;

const LIMIT: Duration = Duration::from_secs(30);

/// A running `git cat-file --batch`.
#[derive(Debug)]
pub(crate) struct GitObjects {
    dialogue: InteractiveCommand,
    /// Needed until the first answer: by then git has read it.
    git_dir: Option<OwnGitDir>,
}

impl GitObjects {
    /// Starts git for object names like this one; the error says why it cannot be had.
    pub(crate) fn start(root: &Path, common_dir: &Path, like: &ObjectId) -> Result<Self, String> {
        let git = GitOnObjects::prepare(root, common_dir, like)?;
        let command = git.command(LIMIT).args(["cat-file", "--batch"]);
        let dialogue = command.converse().map_err(|error| error.to_string())?;
        Ok(Self { dialogue, git_dir: Some(git.git_dir) })
    }

    /// An object's type and bytes; `None` when it is not there. After an error there are no more answers.
    pub(crate) fn read(&mut self, id: &ObjectId) -> Result<Option<(ObjectType, Vec<u8>)>, String> {
        let told = |error: clodex_os::Error| error.to_string();
        self.dialogue.ask(format!("{id}\n").as_bytes()).map_err(told)?;
        let line = self.dialogue.line().map_err(told)?;
        self.git_dir = None;
        let line = String::from_utf8_lossy(&line);
        let mut words = line.split(' ').skip(1);
        let kind = words.next().and_then(ObjectType::from_str);
        let (Some(kind), Some(Ok(len))) = (kind, words.next().map(str::parse)) else { return Ok(None) };
        let bytes = self.dialogue.bytes(len).map_err(told)?;
        self.dialogue.line().map_err(told)?;
        Ok(Some((kind, bytes)))
    }
}

/// The git program with an object directory and a git directory of our own making.
#[derive(Debug)]
pub(crate) struct GitOnObjects {
    program: PathBuf,
    paths: Vec<PathBuf>,
    objects: PathBuf,
    git_dir: OwnGitDir,
}

impl GitOnObjects {
    /// For object names like this one; the error says why it cannot be had.
    pub(crate) fn prepare(root: &Path, common_dir: &Path, like: &ObjectId) -> Result<Self, String> {
        let objects = common_dir.join("objects");
        if let Some(why) = obstacle(&objects) {
            return Err(why);
        }
        let paths = trusted_paths(&[root, common_dir]);
        let program = program(&paths).ok_or("git is not installed")?;
        let git_dir = OwnGitDir::make(like).map_err(|error| format!("temporary git directory: {error}"))?;
        Ok(Self { program, paths, objects, git_dir })
    }

    /// git, to be given its arguments.
    pub(crate) fn command(&self, limit: Duration) -> ShortCommand {
        ShortCommand::new(&self.program, limit)
            .current_dir(&self.git_dir.path)
            .env_clear()
            .env("PATH", std::env::join_paths(&self.paths).unwrap_or_default())
            .env("HOME", &self.git_dir.path)
            .env("GIT_DIR", &self.git_dir.path)
            .env("GIT_OBJECT_DIRECTORY", &self.objects)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("LC_ALL", "C")
    }

    /// Gives it refs that lead to these objects, and the ends of history that the repository knows.
    pub(crate) fn know(&self, common_dir: &Path, tips: &[ObjectId]) -> std::io::Result<()> {
        let lines = tips.iter().enumerate().map(|(number, id)| format!("{id} refs/tips/{number:09}\n"));
        write(self.git_dir.path.join("packed-refs"), lines.collect::<String>())?;
        match content::read(common_dir, b"shallow") {
            Ok(ends) => write(self.git_dir.path.join("shallow"), ends),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// A git directory with nothing in it but the format of object names; removed when dropped.
#[derive(Debug)]
struct OwnGitDir {
    path: PathBuf,
}

impl OwnGitDir {
    fn make(like: &ObjectId) -> std::io::Result<Self> {
        let name = format!("clodex-git-{}-{}", std::process::id(), run_suffix());
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        let made = Self { path };
        for below in ["objects", "refs"] {
            DirBuilder::new().create(made.path.join(below))?;
        }
        let format = if like.bytes().len() == 20 { "sha1" } else { "sha256" };
        let config = format!(
            "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectformat = {format}\n"
        );
        write(made.path.join("config"), config)?;
        write(made.path.join("HEAD"), "ref: refs/heads/none\n")?;
        Ok(made)
    }
}

impl Drop for OwnGitDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// The caller's `PATH` without what is relative or lies in the repository, where anything may have been planted.
pub(crate) fn trusted_paths(untrusted: &[&Path]) -> Vec<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    let real = std::env::split_paths(&paths).filter_map(|path| {
        let real = path.canonicalize().ok()?;
        (path.is_absolute() && !untrusted.iter().any(|top| real.starts_with(top))).then_some(real)
    });
    real.collect()
}

pub(crate) fn program(paths: &[PathBuf]) -> Option<PathBuf> {
    paths.iter().map(|path| path.join("git")).find(|path| is_executable(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_never_taken_from_the_repository() {
        let paths = trusted_paths(&[]);
        let git = program(&paths).unwrap();
        let home = git.parent().unwrap();
        assert!(paths.iter().all(|path| path.is_absolute()));
        assert!(!trusted_paths(&[Path::new("/nowhere"), home]).iter().any(|path| path.starts_with(home)));
        assert_eq!(program(&trusted_paths(&[Path::new("/")])), None);
    }
}
