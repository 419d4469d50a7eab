//! A run, fully decided: what arguments, settings and packet come to. Nothing of it has been touched yet.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clodex_codex::AddedMcp;
use clodex_core::{
    Access, Backend, ByProducts, ContainmentWish, Enforcement, Flow, Isolate, Mode, Network, OnViolation,
    Sandbox, ScopeRules, Verification,
};
use clodex_os::NamedOutput;
use clodex_scope::{Reach, Tree};

use crate::answer::Schema;
use crate::hand_over::HandOver;
use crate::overlap_gate::OverlapGate;
use crate::quota::QuotaWish;

/// What is to be done, and under which limits.
#[derive(Debug)]
pub struct Plan {
    /// Short name for people.
    pub name: String,
    /// What Codex is in this run.
    pub mode: Mode,
    /// First line of what is to be done.
    pub objective: String,
    /// The packet or the free prompt, as given.
    pub task: Vec<u8>,
    /// What Codex is sent.
    pub prompt: String,
    /// Absolute work directory.
    pub workdir: PathBuf,
    /// The repository around it.
    pub tree: Tree,
    /// What may be changed.
    pub rules: ScopeRules,
    /// The same, as it is shown.
    pub write_scope: Vec<String>,
    /// What may be changed besides.
    pub by_products: ByProducts,
    /// Checks that are asked for.
    pub verification: Verification,
    /// MCP servers of the user's that stay on.
    pub mcp: Vec<String>,
    /// MCP servers that it gets besides.
    pub added_mcp: Vec<AddedMcp>,
    /// Codex's sandbox mode.
    pub sandbox: Sandbox,
    /// What shall hold writes back; none = the narrowest that the installed Codex can do.
    pub enforcement: Option<Enforcement>,
    /// What a permission profile would let the worker write.
    pub reach: Reach,
    /// Absolute paths and globs that it may not even read.
    pub deny: Vec<PathBuf>,
    /// What its commands may reach of the network.
    pub network: Network,
    /// Whether it may commit on the current branch.
    pub allow_commit: bool,
    /// Directories of the tree that are Codex's and clodex's own ([`crate::homes`]).
    pub homes: Vec<PathBuf>,
    /// Whether it works in a worktree of its own. Until it does, `workdir` and `tree` are the user's.
    pub isolate: Isolate,
    /// What is brought along into that worktree, relative to the work directory.
    pub copy: Vec<String>,
    /// Whether uncommitted changes in scope are no reason to refuse.
    pub allow_dirty_overlap: bool,
    /// What earlier runs of its flow left in this tree, by path: that is no uncommitted work of the user's.
    pub left: BTreeMap<String, String>,
    /// What happens when something outside the scope changes.
    pub on_violation: OnViolation,
    /// Bytes that may be secured before the run, to put back afterwards.
    pub secured_bytes: u64,
    /// Up to which use of the account's windows it begins.
    pub quota: QuotaWish,
    /// What happens where another run works in its place.
    pub overlap_gate: OverlapGate,
    /// Days that ended runs are kept; 0 = for ever.
    pub retention_days: u64,
    /// How processes are held.
    pub containment: ContainmentWish,
    /// Model, when not Codex's default.
    pub model: Option<String>,
    /// Model to fall back to once, when the other is not available.
    pub fallback_model: Option<String>,
    /// Reasoning effort, when not Codex's default.
    pub effort: Option<String>,
    /// How Codex shall be driven.
    pub backend: Backend,
    /// Thread to continue.
    pub resume: Option<String>,
    /// Thread to begin with a copy of.
    pub fork: Option<String>,
    /// Claude Code session that Codex is given as context.
    pub session: Option<HandOver>,
    /// Whether no thread is kept.
    pub ephemeral: bool,
    /// Images for the prompt, absolute.
    pub images: Vec<PathBuf>,
    /// Which answer is asked for.
    pub schema: Schema,
    /// The codex program, when not the one on PATH.
    pub codex: Option<PathBuf>,
    /// Wall clock limit in seconds; 0 = none.
    pub timeout_sec: u64,
    /// Seconds without a sign of life; 0 = no limit.
    pub heartbeat_sec: u64,
    /// Seconds that a question of Codex waits for the user; 0 = nobody is asked.
    pub answer_timeout_sec: u64,
    /// Seconds that it waits for somebody who goes on after an interrupt; 0 = no limit of its own.
    pub idle_timeout_sec: u64,
    /// Where clodex runs the checks itself when Codex has ended: limit for one of them in seconds, 0 = none.
    pub verify: Option<u64>,
    /// Directory of run directories.
    pub runs_dir: RunsDir,
    /// Where the final message goes, too; found when nothing is only looked at.
    pub output: Option<NamedOutput>,
    /// The flow that it is a step of.
    pub flow: Option<Flow>,
    /// Effective settings as lines `key = value  (source)`.
    pub effective: Vec<String>,
}

impl Plan {
    /// The effective settings and what else is decided, a line each.
    pub fn shown(&self) -> String {
        let mut lines = vec![
            format!("name = {}", self.name),
            format!("mode = {}", self.mode),
            format!("workdir = {}", self.workdir.display()),
        ];
        // An entry a line: a path may hold a blank.
        lines.extend(self.write_scope.iter().map(|entry| format!("write scope = {entry}")));
        if self.write_scope.is_empty() {
            lines.push("write scope = none".to_owned());
        }
        lines.extend([
            format!("sandbox mode = {}", self.sandbox.as_str()),
            format!("model = {}", self.model.as_deref().unwrap_or("codex's own")),
            format!("effort = {}", self.effort.as_deref().unwrap_or("codex's own")),
            format!("prompt = {} bytes", self.prompt.len()),
        ]);
        if matches!(self.enforcement, None | Some(Enforcement::Profile)) {
            let profile = crate::enforcement::shown(self);
            lines.push(format!("profile network = {}", profile.network));
            let row = |(path, access): (&String, &Access)| format!("profile {} {path}", access.as_str());
            lines.extend(profile.paths.iter().map(row));
        }
        lines.extend(self.effective.iter().cloned());
        lines.join("\n") + "\n"
    }
}

/// Where run directories are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunsDir {
    /// `.codex-dispatch/runs` of the work directory, hidden from git.
    InWorkdir(PathBuf),
    /// Named by the user.
    Named(PathBuf),
}
