//! The real Claude Code for tests: the pinned one from npm, with our plugin and a scripted model.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;
use std::{env, fs, thread};

use clodex_sim::messages::ScriptedClaude;
use clodex_sim::npm_claude;
use serde_json::{Value, json};

use crate::release::sha256;
use crate::{Sandbox, Skipped, binaries, left_in_temp, run_with_timeout, target_dir};

/// How long one answer of Claude Code may take; it takes seconds.
const PATIENCE: Duration = Duration::from_mins(2);
/// What a plugin is made of: everything that Claude Code looks at.
const PLUGIN: [&str; 11] = [
    ".claude-plugin",
    "plugin.json",
    "bin",
    "commands",
    "config",
    "hooks",
    "monitors",
    "skills",
    "types",
    "README.md",
    "LICENSE",
];

/// Which Claude Code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaudeVersion {
    /// The one that everything was measured with.
    Pinned,
    /// An older one, which has no mods.
    WithoutMods,
}

impl ClaudeVersion {
    fn fetched(self) -> Result<PathBuf, Skipped> {
        static PINNED: OnceLock<Result<PathBuf, Skipped>> = OnceLock::new();
        static WITHOUT_MODS: OnceLock<Result<PathBuf, Skipped>> = OnceLock::new();
        let (known, version) = match self {
            Self::Pinned => (&PINNED, npm_claude::VERSION),
            Self::WithoutMods => (&WITHOUT_MODS, npm_claude::WITHOUT_MODS),
        };
        let fetch = || npm_claude::fetch(&target_dir().join("real-claude"), version);
        known.get_or_init(|| fetch().map_err(|why| Skipped { why })).clone()
    }
}

/// A sandbox in which the real Claude Code runs with our plugin, as a user has it who got the committed files.
#[derive(Debug)]
pub struct ClaudeStage {
    /// Its home, repository and PATH.
    pub sandbox: Sandbox,
    /// What it talks to.
    pub model: ScriptedClaude,
    claude: PathBuf,
}

impl ClaudeStage {
    /// A stage whose model plays this script to prompts that carry none. Without the real Claude Code it is told, and
    /// there is no stage.
    ///
    /// # Panics
    /// In CI, where a skipped test would look like a passed one.
    pub fn real(default: Value) -> Option<Self> {
        Self::of(ClaudeVersion::Pinned, default)
    }

    /// A stage with this version.
    ///
    /// # Panics
    /// In CI, where a skipped test would look like a passed one.
    pub fn of(version: ClaudeVersion, default: Value) -> Option<Self> {
        let claude = version.fetched();
        if let Err(skipped) = &claude {
            assert!(env::var_os("CI").is_none(), "must not be skipped in CI: {skipped}");
            skipped.tell();
        }
        let claude = claude.ok()?;
        let script = serde_json::from_value(default).expect("the script is one");
        let model = ScriptedClaude::with_default(script).expect("loopback can be listened on");
        let stage = Self { sandbox: Sandbox::new(), model, claude };
        stage.sandbox.file("home/.claude.json", stage.known_user().to_string());
        fs::create_dir(stage.sandbox.root().join("tmp")).expect("the sandbox is new");
        copy_committed(&PLUGIN, &stage.plugin());
        Some(stage)
    }

    /// Our plugin: the committed files and nothing that was built.
    pub fn plugin(&self) -> PathBuf {
        self.sandbox.root().join("plugin")
    }

    /// A repository of all that is committed, as people get it by git.
    #[track_caller]
    pub fn published(&self) -> PathBuf {
        let published = self.sandbox.root().join("published");
        copy_committed(&["."], &published);
        for words in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "-m", "published"]]
        {
            let mut git = self.sandbox.command("git");
            git.current_dir(&published).args(words);
            assert!(run_with_timeout(git, PATIENCE).status.success(), "git {words:?}");
        }
        published
    }

    /// Runs `claude` with these arguments in the repository.
    #[track_caller]
    pub fn claude(&self, arguments: &[&str]) -> Output {
        let mut claude = self.command();
        claude.args(arguments);
        run_with_timeout(claude, PATIENCE)
    }

    /// What `claude -p` with our plugin says to a prompt; `allowed` is what needs no asking.
    #[track_caller]
    pub fn print(&self, prompt: &str, allowed: &str) -> String {
        let plugin = self.plugin();
        let plugin = plugin.to_str().expect("the sandbox has a plain path");
        let mut arguments = vec!["-p", "--plugin-dir", plugin, "--permission-mode", "manual"];
        if !allowed.is_empty() {
            arguments.extend(["--allowedTools", allowed]);
        }
        arguments.extend(["--", prompt]);
        let output = self.claude(&arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// `claude` in the repository, with a clean environment and this model; our helpers are on PATH. Not started yet.
    pub fn command(&self) -> Command {
        let mut claude = self.command_without_helpers();
        let path = claude.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, path)| path);
        let mut dirs = vec![binaries().to_owned()];
        dirs.extend(env::split_paths(path.expect("every command of a sandbox has a PATH")));
        let path = env::join_paths(dirs).expect("split paths can be joined");
        claude.env("PATH", path);
        claude
    }

    /// The same where nobody has built or installed a helper of ours.
    pub fn command_without_helpers(&self) -> Command {
        let mut claude =
            self.sandbox.command(self.claude.to_str().expect("the target directory has a plain path"));
        claude.envs(self.environment());
        claude
    }

    /// `clodex-claude` in the repository, which finds this Claude Code and this model. Not started yet.
    pub fn asking(&self, arguments: &[&str]) -> Command {
        let mut asking = self.sandbox.command("clodex-claude");
        asking.args(arguments).envs(self.environment());
        asking
    }

    /// What everything is told that starts Claude Code.
    pub fn environment(&self) -> [(&'static str, String); 6] {
        [
            ("ANTHROPIC_BASE_URL", format!("http://127.0.0.1:{}", self.model.port())),
            ("ANTHROPIC_API_KEY", "dummy".to_owned()),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".to_owned()),
            ("TERM", "xterm-256color".to_owned()),
            // What it leaves there goes with the sandbox.
            ("CLAUDE_CODE_TMPDIR", self.sandbox.root().join("tmp").display().to_string()),
            ("CLODEX_CLAUDE", self.claude.display().to_string()),
        ]
    }

    /// A user who has been asked everything already.
    fn known_user(&self) -> Value {
        let trusted = json!({ "hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true });
        json!({
            "hasCompletedOnboarding": true,
            "theme": "dark",
            "customApiKeyResponses": { "approved": ["dummy"], "rejected": [] },
            "projects": { (self.sandbox.repo().to_str().expect("the sandbox has a plain path")): trusted },
        })
    }
}

impl Drop for ClaudeStage {
    /// What Claude Code makes outside of the sandbox nobody would remove.
    fn drop(&mut self) {
        if !thread::panicking() {
            let home = self.sandbox.root().join("home/.claude");
            let digest = sha256(home.as_os_str().as_bytes());
            // Its supervisor of sessions in the background has its sockets in a directory named like this.
            let left = [self.sandbox.marker(), &digest[..8]].map(left_in_temp).concat();
            assert!(left.is_empty(), "left behind: {left:#?}");
        }
    }
}

/// Copies what git has or would take of these, links as links.
fn copy_committed(what: &[&str], to: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace");
    let mut git = Command::new("git");
    git.current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"])
        .args(what);
    let listed = run_with_timeout(git, PATIENCE);
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).expect("our own names are text");
    for name in names.split_terminator('\0') {
        let (from, to) = (root.join(name), to.join(name));
        fs::create_dir_all(to.parent().expect("it lies in the plugin")).expect("the sandbox is writable");
        match fs::read_link(&from) {
            Ok(target) => std::os::unix::fs::symlink(target, to).expect("the sandbox is writable"),
            Err(_) => drop(fs::copy(from, to).expect("a file of ours can be copied")),
        }
    }
}
