//! Users on whose behalf a run is started, and a sandbox for each. Knows who can reach what; nothing of runs.

use std::fs;
use std::os::unix::fs::{lchown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use nix::unistd::geteuid;

use crate::{Sandbox, Skipped, binaries};

const ORDINARY: u32 = 1000;

/// On whose behalf a run is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Whoever runs the tests.
    Caller,
    /// Somebody without any privilege.
    Ordinary,
}

impl User {
    /// A sandbox that the user can reach, even where the target directory is closed to others.
    ///
    /// # Errors
    /// When nobody can be made that user here; told on stderr.
    pub fn sandbox(self) -> Result<Sandbox, Skipped> {
        match self {
            Self::Caller => Ok(Sandbox::new()),
            // No temp directory to Codex, and open to everybody everywhere.
            Self::Ordinary if geteuid().is_root() => Ok(Sandbox::below(Path::new("/var/tmp"))),
            Self::Ordinary => {
                let skipped = Skipped { why: "only root can start it as another user".to_owned() };
                skipped.tell();
                Err(skipped)
            }
        }
    }

    /// Gives the user a sandbox in which everything is prepared, and brings the programs there.
    pub fn settle(self, sandbox: &Sandbox) {
        if self == Self::Ordinary {
            give(sandbox.root());
            // Afterwards, as they stay ours: most of them are hard links.
            bring_programs(sandbox.root());
        }
    }

    /// Lets the user run a command.
    pub fn run(self, mut command: Command) -> Command {
        if self == Self::Ordinary {
            command.uid(ORDINARY).gid(ORDINARY);
        }
        command
    }
}

fn give(path: &Path) {
    lchown(path, Some(ORDINARY), Some(ORDINARY)).expect("root may give everything away");
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).expect("the sandbox can be read").flatten() {
            give(&entry.path());
        }
    }
}

/// Our binaries, and what `codex` is.
fn bring_programs(root: &Path) {
    let programs = root.join("programs");
    fs::create_dir(&programs).expect("the sandbox is writable");
    for entry in fs::read_dir(binaries()).expect("the binaries were built").flatten() {
        let name = entry.file_name();
        let is_ours = name.as_encoded_bytes().starts_with(b"clodex-");
        if is_ours && Path::new(&name).extension().is_none() {
            bring(&entry.path(), &programs.join(name));
        }
    }
    let link = root.join("bin/codex");
    let codex = fs::read_link(&link).expect("the sandbox has a codex");
    // A released Codex finds its tools around its `bin`; one that somebody built stands alone.
    let package = codex.ancestors().nth(2).filter(|package| package.join("codex-package.json").exists());
    let whole = package.unwrap_or(&codex);
    let around = whole.parent().expect("codex lies in a directory");
    let inside = |path: &Path| programs.join(path.strip_prefix(around).expect("it lies in there"));
    bring(whole, &inside(whole));
    fs::remove_file(&link).expect("the link was read");
    symlink(inside(&codex), link).expect("the link was removed");
}

/// Links a file or a directory's files; copies them to another file system.
fn bring(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir(to).expect("the sandbox is writable");
        for entry in fs::read_dir(from).expect("programs can be read").flatten() {
            bring(&entry.path(), &to.join(entry.file_name()));
        }
    } else if fs::hard_link(from, to).is_err() {
        fs::copy(from, to).unwrap_or_else(|error| panic!("cannot copy {}: {error}", from.display()));
    }
}
