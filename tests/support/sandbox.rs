//! A hermetic place for one test: its own home, Codex home, state, repository and PATH.
//! Lies outside the temp directory, where Codex's sandbox would let everybody write.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs, iter, process, thread};

use clodex_sim::stand_in::{Invocation, SCRIPT_VARIABLE, invocations};
use clodex_sim::{CodexHome, ScriptedModel, write_program};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::{Packet, RealCodex, binaries, leftovers, run_with_timeout, target_dir};

/// How long what was told to end may take to be gone when the test is over.
const GRACE: Duration = Duration::from_secs(2);

/// What a sandbox calls `codex`.
#[derive(Debug, Clone)]
pub enum Codex {
    /// The real one, native.
    Real(RealCodex),
    /// The real one behind npm's wrapper, where there is one.
    Wrapper(RealCodex),
    /// The stand-in with this script; its starts are recorded.
    StandIn(Value),
    /// Nothing: the PATH holds no `codex` at all.
    Missing,
}

/// A directory with everything that a test needs; removed on drop, which also fails the test when a
/// process that carries the marker is still alive.
#[derive(Debug)]
pub struct Sandbox {
    marker: String,
    root: PathBuf,
}

impl Sandbox {
    /// A sandbox below the target directory, with a repository of one commit and no `codex`.
    pub fn new() -> Self {
        Self::below(&target_dir().join("test-sandboxes"))
    }

    /// A sandbox in a place that, e.g., another user can reach.
    pub fn below(parent: &Path) -> Self {
        let sandbox = Self::without_repository(parent);
        sandbox.make_repository();
        sandbox
    }

    /// A sandbox below the target directory without `repo`.
    pub fn bare() -> Self {
        let sandbox = Self::without_repository(&target_dir().join("test-sandboxes"));
        sandbox.make_identity();
        sandbox
    }

    fn without_repository(parent: &Path) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Short, because socket paths are; the last letter keeps 1 from being the beginning of 10.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let marker = format!("box-{:x}-{}-{number}x", since_1970.as_secs(), process::id());
        let sandbox = Self { root: parent.join(&marker), marker };
        for dir in ["bin", "home", "codex-home", "state", "config"] {
            fs::create_dir_all(sandbox.root.join(dir)).expect("the target directory is writable");
        }
        sandbox
    }

    /// In the environment and the paths of everything that this sandbox starts.
    pub fn marker(&self) -> &str {
        &self.marker
    }

    /// The sandbox itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A git repository, branch `main`, with `src/a.txt`, `src/b.txt`, `lib/x.txt`, `docs/d.txt`.
    pub fn repo(&self) -> PathBuf {
        self.root.join("repo")
    }

    /// The CODEX_HOME.
    pub fn codex_home(&self) -> PathBuf {
        self.root.join("codex-home")
    }

    /// The CLODEX_STATE_DIR.
    pub fn state(&self) -> PathBuf {
        self.root.join("state")
    }

    /// Decides what `codex` is. May be called again.
    pub fn codex_is(&self, codex: Codex) -> &Self {
        let link = self.root.join("bin/codex");
        // It may not be there yet.
        let _ = fs::remove_file(&link);
        let target = match codex {
            Codex::Real(real) => real.native,
            Codex::Wrapper(real) => real.wrapper.expect("the Codex of CLODEX_TEST_CODEX has no npm wrapper"),
            Codex::StandIn(mut script) => {
                script["record"] = json!(self.root.join("recorded"));
                fs::write(self.script(), script.to_string()).expect("the sandbox is writable");
                binaries().join("clodex-sim-codex")
            }
            Codex::Missing => return self,
        };
        symlink(target, link).expect("the link was removed");
        self
    }

    /// Lets the real Codex use this model.
    pub fn model_is(&self, model: &ScriptedModel) -> &Self {
        self.codex_home_is(&CodexHome::new(model.port()))
    }

    /// Writes Codex's configuration.
    pub fn codex_home_is(&self, home: &CodexHome) -> &Self {
        home.write(&self.codex_home()).expect("the sandbox is writable");
        self
    }

    /// How the stand-in was started, in order.
    pub fn recorded(&self) -> Vec<Invocation> {
        invocations(&self.root.join("recorded")).unwrap_or_default()
    }

    /// Writes a packet for the repository, and returns its path (outside the repository).
    pub fn packet(&self, packet: &Packet) -> PathBuf {
        self.file("task.md", packet.to_text(&self.repo()))
    }

    /// Writes a file below the sandbox's root.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().expect("the root is above")).expect("the sandbox is writable");
        fs::write(&path, content).expect("the sandbox is writable");
        path
    }

    /// Writes a program below the sandbox's root.
    pub fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().expect("the root is above")).expect("the sandbox is writable");
        write_program(&path, script).expect("the sandbox is writable");
        path
    }

    /// A command in the repository with a clean environment: one of ours, `codex`, or a tool.
    pub fn command(&self, name: &str) -> Command {
        let program = if name.starts_with("clodex-") { self.programs().join(name) } else { name.into() };
        // A bare name is looked up in the PATH that the command gets.
        let mut command = Command::new(program);
        command.current_dir(self.repo()).env_clear().envs([
            ("PATH", self.path()),
            ("HOME", self.root.join("home").into()),
            ("CODEX_HOME", self.codex_home().into()),
            ("CLODEX_STATE_DIR", self.state().into()),
            ("XDG_CONFIG_HOME", self.root.join("config").into()),
            // A stand-in has no account whose limits it could be asked for.
            ("CLODEX_QUOTA_GATE", "0".into()),
            ("CLODEX_TEST_MARKER", self.marker.clone().into()),
            ("LC_ALL", "C.UTF-8".into()),
        ]);
        if self.script().exists() {
            command.env(SCRIPT_VARIABLE, self.script());
        }
        if self.plays_exec_only() {
            command.env("CLODEX_BACKEND", "exec");
        }
        command
    }

    /// Runs git in the repository, and returns what it prints.
    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        let mut git = self.command("git");
        git.args(args);
        let output = run_with_timeout(git, Duration::from_mins(1));
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Where our binaries are: in the sandbox, when they were brought there, or where they were built.
    fn programs(&self) -> PathBuf {
        let brought = self.root.join("programs");
        if brought.is_dir() { brought } else { binaries().to_owned() }
    }

    /// Whether `codex` is a stand-in without an app-server in its script: whoever takes it for the Codex whose version it
    /// tells would have to find that out first.
    fn plays_exec_only(&self) -> bool {
        let codex = fs::read_link(self.root.join("bin/codex")).unwrap_or_default();
        let script = fs::read(self.script()).unwrap_or_default();
        let script: Value = serde_json::from_slice(&script).unwrap_or_default();
        codex.ends_with("clodex-sim-codex") && script["app-server"].is_null()
    }

    fn script(&self) -> PathBuf {
        self.root.join("stand-in.json")
    }

    /// The sandbox's own `bin`, then the caller's PATH; without a `codex` of ours there is none at all.
    fn path(&self) -> OsString {
        let bin = self.root.join("bin");
        let callers = env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
        let dirs = env::split_paths(&callers).enumerate().map(|(number, dir)| {
            let hide = dir.join("codex").exists() && !bin.join("codex").exists();
            if hide { self.without_codex(number, &dir) } else { dir }
        });
        env::join_paths(iter::once(bin.clone()).chain(dirs)).expect("split paths can be joined")
    }

    /// A directory of links to everything in `dir` but `codex`: it may hold git as well.
    fn without_codex(&self, number: usize, dir: &Path) -> PathBuf {
        let copy = self.root.join(format!("path-{number}"));
        if !copy.exists() {
            fs::create_dir(&copy).expect("the sandbox is writable");
            let entries = fs::read_dir(dir).expect("a directory with a `codex` can be read").flatten();
            for entry in entries.filter(|entry| entry.file_name() != "codex") {
                symlink(entry.path(), copy.join(entry.file_name())).expect("the directory is new");
            }
        }
        copy
    }

    fn make_identity(&self) {
        let identity = "[user]\nname = Test\nemail = test@example.org\n[init]\ndefaultBranch = main\n";
        self.file("home/.gitconfig", identity);
    }

    fn make_repository(&self) {
        self.make_identity();
        for (name, content) in [
            (".gitignore", ".env\nbuild/\n"),
            ("README.md", "# sandbox\n"),
            ("src/a.txt", "a\n"),
            ("src/b.txt", "b\n"),
            ("lib/x.txt", "x\n"),
            ("docs/d.txt", "d\n"),
        ] {
            self.file(&format!("repo/{name}"), content);
        }
        self.git(&["init", "--quiet"]);
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "base"]);
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let deadline = Instant::now() + GRACE;
        let mut left = leftovers(&self.marker);
        while !left.is_empty() && !thread::panicking() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
            left = leftovers(&self.marker);
        }
        for leftover in &left {
            // They carry our marker, so they are ours; gone already is as good.
            let _ = kill(Pid::from_raw(leftover.pid), Signal::SIGKILL);
        }
        if env::var_os("CLODEX_TEST_KEEP").is_none() {
            // What cannot be removed lies below the target directory.
            let _ = fs::remove_dir_all(&self.root);
        }
        let names = left.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(left.is_empty() || thread::panicking(), "the test has left behind:\n{names}");
    }
}
