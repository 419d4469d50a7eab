//! A directory of its own for everything that is generated: homes, repositories, streams, state. Lies below the
//! target directory, since Codex's sandbox would let everybody write to the temp directory; removed when dropped.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clodex_sim::stand_in::SCRIPT_VARIABLE;
use serde_json::Value;

use crate::release_build::ReleaseBuild;
use crate::repository;

/// The directory.
#[derive(Debug)]
pub struct ScratchDir {
    root: PathBuf,
    binaries: PathBuf,
}

impl ScratchDir {
    /// Makes it, with a small repository in it.
    pub fn make(built: &ReleaseBuild) -> io::Result<Self> {
        let target = built.binaries().join("figures");
        let root = target.join(std::process::id().to_string());
        for dir in ["bin", "home", "codex-home", "config", "out", "state"] {
            fs::create_dir_all(root.join(dir))?;
        }
        symlink(built.program("clodex-sim-codex"), root.join("bin/codex"))?;
        let scratch = Self { root, binaries: built.binaries().to_owned() };
        repository::small(&scratch.path("repo"))?;
        Ok(scratch)
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Cargo's directory, in which downloads are kept, too.
    pub fn target(&self) -> &Path {
        let is_tagged = |dir: &&Path| dir.join("CACHEDIR.TAG").is_file();
        self.binaries.ancestors().filter(is_tagged).last().unwrap_or(&self.binaries)
    }

    /// Where the measured programs are.
    pub fn binaries(&self) -> &Path {
        &self.binaries
    }

    /// Writes a file in it, and gives its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> io::Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, content)?;
        Ok(path)
    }

    /// A command with a clean environment that prints to nowhere: one of ours, the stand-in `codex`, or a tool.
    pub fn command(&self, name: &str) -> Command {
        let program = match name {
            "codex" => self.path("bin/codex"),
            ours if ours.starts_with("clodex-") || ours.starts_with("examples/") => self.binaries.join(ours),
            tool => tool.into(),
        };
        let mut command = Command::new(program);
        command.env_clear().envs([
            ("PATH", std::env::var_os("PATH").unwrap_or_default()),
            ("HOME", self.path("home").into()),
            ("CODEX_HOME", self.path("codex-home").into()),
            ("CLODEX_CODEX", self.path("bin/codex").into()),
            ("CLODEX_STATE_DIR", self.path("state").into()),
            // The stand-in has no account whose limits it could be asked for.
            ("CLODEX_QUOTA_GATE", "0".into()),
            // Nor does it play an app-server.
            ("CLODEX_BACKEND", "exec".into()),
            ("XDG_CONFIG_HOME", self.path("config").into()),
            (SCRIPT_VARIABLE, self.path("script.json").into()),
        ]);
        command.current_dir(self.path("repo"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Lets the stand-in do this from now on.
    pub fn codex_does(&self, script: &Value) -> io::Result<()> {
        self.file("script.json", script.to_string()).map(|_| ())
    }

    /// A dispatch of a worker into the small repository; what the last one left behind is removed.
    pub fn dispatch(&self) -> io::Result<Command> {
        let (packet, out) = (self.path("task.md"), self.path("out"));
        fs::write(&packet, repository::packet(&self.path("repo"), "src/"))?;
        fs::remove_dir_all(&out)?;
        let mut command = self.command("clodex-dispatch");
        command.arg("--task").arg(packet).arg("--output-dir").arg(out);
        Ok(command)
    }

    /// Bare Codex, as the dispatcher starts it: what it says goes through a pipe.
    pub fn bare_codex(&self, into: &str) -> Command {
        let mut command = self.command("sh");
        command.args(["-c", &format!("\"$CLODEX_CODEX\" exec - </dev/null | {into}")]);
        command
    }

    /// A command's stdin.
    pub fn open(path: &Path) -> io::Result<Stdio> {
        File::open(path).map(Stdio::from)
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        // What cannot be removed lies below the target directory.
        let _ = fs::remove_dir_all(&self.root);
    }
}
