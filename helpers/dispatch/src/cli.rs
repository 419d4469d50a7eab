//! The command line of clodex-dispatch: what may be said, and nothing about what it does.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Parser, ValueEnum};
use clodex_codex::AddedMcp;
use clodex_core::{Backend, ContainmentWish, Enforcement, Isolate, Mode, OnViolation, RunId, Sandbox};

const AFTER_HELP: &str = "\
Exit codes:
  0 done, scope clean         1 Codex's turn failed     2 bad arguments or packet
  3 Codex not reachable       4 stopped by watchdog     5 protocol or schema error
  6 scope violation           7 refused by a gate       8 not delivered
  130 cancelled

Settings: flag > packet > CLODEX_… environment > .clodex/config.yaml >
~/.config/clodex/config.yaml > default.
`--dry-run` shows each effective value and where it comes from.";

/// The Claude Code session that the caller is in.
pub const CURRENT_SESSION: &str = "current";
/// What a review decides itself, or what Codex's reviewer has no place for.
const NOT_IN_A_REVIEW: &[&str] = &[
    "task",
    "lint",
    "mode",
    "scope",
    "allow_commit",
    "template",
    "inject_docs",
    "check",
    "addendum",
    "image",
    "resume",
    "fork",
    "mcp",
    "from_session",
    "ephemeral",
    "output_schema",
    "sandbox",
    "isolate",
    "copy",
    "contract",
    "allow_dirty_overlap",
    "backend",
];

/// Hand a bounded task to Codex: watched live, cancellable, judged, recorded.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(name = "clodex-dispatch", version, after_help = AFTER_HELP, max_term_width = 100)]
#[command(group(ArgGroup::new("job").args(["task", "lint", "prompt_file", "prompt"])))]
#[command(group(ArgGroup::new("packet").args(["task", "contract"])))]
#[command(group(ArgGroup::new("wanted").args(["task", "lint", "prompt_file", "prompt", "review"]).required(true).multiple(true)))]
pub struct Cli {
    /// Prompt, if there is no packet (use --prompt-file for a long one); for a review, what to focus on
    pub prompt: Option<String>,

    /// Task packet to dispatch
    #[arg(long, value_name = "FILE", help_heading = "The task")]
    pub task: Option<PathBuf>,
    /// Check a task packet and do nothing else
    #[arg(long, value_name = "FILE", help_heading = "The task")]
    pub lint: Option<PathBuf>,
    /// Read the prompt from a file, or from standard input with `-`
    #[arg(long, value_name = "FILE|-", help_heading = "The task")]
    pub prompt_file: Option<PathBuf>,
    /// Work directory of a free prompt [default: this one]
    #[arg(short = 'C', long = "cd", value_name = "DIR", conflicts_with = "task", help_heading = "The task")]
    pub workdir: Option<PathBuf>,
    /// Role of Codex when there is no packet [default: worker with --scope, else reviewer]
    #[arg(long, value_parser = mode, conflicts_with = "task", help_heading = "The task")]
    pub mode: Option<Mode>,
    /// Path that a free prompt's worker may change (repeatable; none = read-only)
    #[arg(long, value_name = "PATH", conflicts_with = "task", help_heading = "The task")]
    pub scope: Vec<String>,
    /// What a free prompt's commands may reach: off, on, or a domain (repeatable) [default: off]
    #[arg(
        long,
        value_name = "off|on|DOMAIN",
        value_delimiter = ',',
        conflicts_with = "task",
        help_heading = "The task"
    )]
    pub network: Vec<String>,
    /// Path or glob that a free prompt's run may not even read (repeatable)
    #[arg(long, value_name = "PATH", conflicts_with = "task", help_heading = "The task")]
    pub deny_read: Vec<String>,
    /// Let a free prompt's worker commit what is in scope on the current branch
    #[arg(long, conflicts_with = "task", requires = "scope", help_heading = "The task")]
    pub allow_commit: bool,
    /// Command that clodex runs in its own sandbox after Codex has finished, to check the work (repeatable)
    #[arg(long, value_name = "CMD", conflicts_with = "task", help_heading = "The task", value_parser = NonEmptyStringValueParser::new())]
    pub check: Vec<String>,
    /// Background text sent after the packet; it does not change the contract
    #[arg(long, value_name = "FILE", requires = "task", help_heading = "The task")]
    pub addendum: Option<PathBuf>,
    /// Short name for people
    #[arg(long, help_heading = "The task")]
    pub name: Option<String>,
    /// Fill this template's {{KEY}}s with the prompt's `KEY:` sections
    #[arg(long, value_name = "NAME|FILE", conflicts_with = "task", help_heading = "The task")]
    pub template: Option<String>,
    /// Put the work directory's CLAUDE.md and/or AGENTS.md into the prompt
    #[arg(long, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "all", help_heading = "The task")]
    pub inject_docs: Option<InjectDocs>,
    /// Give Codex this Claude Code session as context (its words, bounded, without secrets): `current`, or an id
    #[arg(long, value_name = "SESSION", num_args = 0..=1, require_equals = true, default_missing_value = CURRENT_SESSION, conflicts_with = "fork", help_heading = "The task")]
    pub from_session: Option<String>,
    /// Image for the prompt (repeatable)
    #[arg(short, long, value_name = "FILE", help_heading = "The task")]
    pub image: Vec<PathBuf>,

    /// Have Codex review uncommitted changes, or a branch with --base; exit 8 if any finding is medium or worse
    #[arg(long, conflicts_with_all = NOT_IN_A_REVIEW, help_heading = "Review")]
    pub review: bool,
    /// Review everything since this branch, tag or commit
    #[arg(long, value_name = "REF", requires = "review", help_heading = "Review")]
    pub base: Option<String>,
    /// Question the approach, the assumptions and the failure modes (template `adversarial-review`)
    #[arg(long, requires = "review", help_heading = "Review")]
    pub adversarial: bool,

    /// Tier of `config/tiers.yaml`: model and effort by name
    #[arg(long, conflicts_with = "model", help_heading = "Codex")]
    pub tier: Option<String>,
    /// Model
    #[arg(short, long, help_heading = "Codex")]
    pub model: Option<String>,
    /// Reasoning effort
    #[arg(long, help_heading = "Codex")]
    pub effort: Option<String>,
    /// Continue the thread of this run, or this thread
    #[arg(long, value_name = "RUN|THREAD_ID", help_heading = "Codex")]
    pub resume: Option<String>,
    /// Begin with a copy of the thread of this run, or of this thread, which stays as it is
    #[arg(long, value_name = "RUN|THREAD_ID", conflicts_with = "resume", help_heading = "Codex")]
    pub fork: Option<String>,
    /// Give Codex an MCP server for this run only, ready before the work begins (repeatable)
    #[arg(long, value_name = "NAME=COMMAND", value_parser = AddedMcp::read, help_heading = "Codex")]
    pub mcp: Vec<AddedMcp>,
    /// Keep no thread on disk
    #[arg(long, conflicts_with_all = ["resume", "fork"], help_heading = "Codex")]
    pub ephemeral: bool,
    /// JSON schema of the final answer, instead of clodex's own
    #[arg(long, value_name = "FILE", help_heading = "Codex")]
    pub output_schema: Option<PathBuf>,
    /// The codex program [default: the one on PATH]
    #[arg(long, value_name = "FILE", help_heading = "Codex")]
    pub codex: Option<PathBuf>,
    /// Interface used to run Codex [default: auto, the app-server if this Codex version supports it well]
    #[arg(long, value_name = "auto|exec|app-server", value_parser = backend, help_heading = "Codex")]
    pub backend: Option<Backend>,

    /// Codex's sandbox mode
    #[arg(short, long, value_parser = sandbox, help_heading = "Limits")]
    pub sandbox: Option<Sandbox>,
    /// How writes are confined [default: profile if this Codex supports it, else sandbox]
    #[arg(long, value_name = "profile|sandbox|none", value_parser = enforcement, help_heading = "Limits")]
    pub enforcement: Option<Enforcement>,
    /// Confirms `-s danger-full-access` and `--enforcement none`
    #[arg(long, help_heading = "Limits")]
    pub i_know_this_is_unsandboxed: bool,
    /// How the run's processes are contained
    #[arg(long, value_name = "auto|kernel|best-effort", value_parser = containment, help_heading = "Limits")]
    pub containment: Option<ContainmentWish>,
    /// Work in a worktree outside the repository, at HEAD; `clodex-apply` lands the changes
    #[arg(long, value_name = "off|head|with-dirty", num_args = 0..=1, require_equals = true, default_missing_value = "head", value_parser = isolate, help_heading = "Limits")]
    pub isolate: Option<Isolate>,
    /// Bring uncommitted changes along into the worktree
    #[arg(long, requires = "isolate", help_heading = "Limits")]
    pub with_dirty: bool,
    /// File or directory of the work directory to bring along into the worktree, such as `.env` (repeatable)
    #[arg(long, value_name = "PATH", conflicts_with = "task", help_heading = "Limits")]
    pub copy: Vec<String>,
    /// When something outside the scope changes: report it, restore it at the end, or stop the run at once [default:
    /// report; with --isolate restore, in the worktree]
    #[arg(long, value_name = "report|restore|fail-fast", value_parser = on_violation, help_heading = "Limits")]
    pub on_violation: Option<OnViolation>,
    /// Start although files in scope have uncommitted changes
    #[arg(long, help_heading = "Limits")]
    pub allow_dirty_overlap: bool,
    /// Refuse to start once any rate-limit window of the account is this full; 0 = never refuse [default: 85]
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100), help_heading = "Limits")]
    pub quota_gate: Option<u8>,
    /// Start even if the quota gate refuses, or a live run may write in the same place
    #[arg(long, help_heading = "Limits")]
    pub force: bool,
    /// Wall clock limit in seconds, 0 = none [default: 1800]
    #[arg(long, value_name = "SEC", help_heading = "Limits")]
    pub timeout_sec: Option<u64>,
    /// Seconds without a sign of life before the run counts as stalled, 0 = never [default: 300]
    #[arg(long, value_name = "SEC", help_heading = "Limits")]
    pub heartbeat_sec: Option<u64>,
    /// Seconds to wait for clodex-answer before a question is declined (later ones at once, until the run gets a
    /// message); 0 = never ask [default: 300]
    #[arg(long, value_name = "SEC", help_heading = "Limits")]
    pub answer_timeout: Option<u64>,
    /// Seconds an interrupted run waits for clodex-steer before it ends; 0 = no separate limit [default: 600]
    #[arg(long, value_name = "SEC", help_heading = "Limits")]
    pub idle_timeout: Option<u64>,

    /// Run the packet's VERIFICATION again, in a sandbox of its own, when Codex has ended
    #[arg(long, requires = "packet", help_heading = "Limits")]
    pub verify: bool,
    /// Time limit for each verification command in seconds, 0 = none [default: 600]
    #[arg(long, value_name = "SEC", help_heading = "Limits")]
    pub verify_timeout_sec: Option<u64>,

    /// Return the run id at once; the run outlives its caller
    #[arg(long, help_heading = "Running and reporting")]
    pub detach: bool,
    /// Write artifacts and prompt, start nothing, show the effective settings
    #[arg(long, conflicts_with_all = ["detach", "json"], help_heading = "Running and reporting")]
    pub dry_run: bool,
    /// Directory for run directories [default: .codex-dispatch/runs in the work directory]
    #[arg(long, value_name = "DIR", help_heading = "Running and reporting")]
    pub output_dir: Option<PathBuf>,
    /// Write the final message to this file, too
    #[arg(short, long = "output-last-message", value_name = "FILE", help_heading = "Running and reporting")]
    pub output: Option<PathBuf>,
    /// Print result.json alone on stdout
    #[arg(long, help_heading = "Running and reporting")]
    pub json: bool,
    /// Packet that a free prompt's run is held to: its place, what it may not read, what it may reach, its build outputs,
    /// its tier, its checks. Not its scope: such a run changes nothing
    #[arg(long, value_name = "PACKET", conflicts_with_all = ["workdir", "scope", "allow_commit", "network", "copy"], hide = true)]
    pub contract: Option<PathBuf>,
    /// The flow that the run is a step of
    #[arg(long, value_name = "ID", requires = "step", hide = true)]
    pub flow: Option<String>,
    /// Which step of it
    #[arg(long, value_name = "STEP", requires = "flow", hide = true)]
    pub step: Option<String>,
    /// What the run is shown as
    #[arg(long, value_name = "TEXT", requires = "flow", hide = true)]
    pub step_label: Option<String>,
    /// Earlier run of the flow on whose changes it goes on: what that left in scope, and nobody touched since, may be
    /// dirty (repeatable, in the order in which they ended)
    #[arg(long, value_name = "RUN", requires = "flow", value_parser = run_id, hide = true)]
    pub goes_on: Vec<RunId>,
    /// Begin the record, say so on stdout, and start nothing before a line comes on stdin; without one, end
    #[arg(long, requires = "json", conflicts_with = "detach", hide = true)]
    pub await_go: bool,
    /// No live line, no remarks on stderr
    #[arg(short, long, help_heading = "Running and reporting")]
    pub quiet: bool,
}

/// Which documents of the work directory go into the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InjectDocs {
    /// CLAUDE.md
    Claude,
    /// AGENTS.md
    Agents,
    /// Both, where they are
    All,
}

impl InjectDocs {
    /// File names, in the order in which they are injected.
    pub fn file_names(self) -> &'static [&'static str] {
        match self {
            Self::Claude => &["CLAUDE.md"],
            Self::Agents => &["AGENTS.md"],
            Self::All => &["CLAUDE.md", "AGENTS.md"],
        }
    }
}

fn run_id(text: &str) -> Result<RunId, String> {
    RunId::try_from(text.to_owned()).map_err(|_| "expected the id of a run".to_owned())
}

fn mode(word: &str) -> Result<Mode, String> {
    Mode::from_word(word).ok_or_else(|| "expected worker, verifier, reviewer or synthesizer".to_owned())
}

fn backend(word: &str) -> Result<Backend, String> {
    Backend::from_word(word).ok_or_else(|| "expected auto, exec or app-server".to_owned())
}

fn isolate(word: &str) -> Result<Isolate, String> {
    Isolate::from_word(word).ok_or_else(|| "expected off, head or with-dirty".to_owned())
}

fn on_violation(word: &str) -> Result<OnViolation, String> {
    OnViolation::from_word(word).ok_or_else(|| "it is report, restore or fail-fast".to_owned())
}

fn containment(word: &str) -> Result<ContainmentWish, String> {
    ContainmentWish::from_word(word).ok_or_else(|| "expected auto, kernel or best-effort".to_owned())
}

fn enforcement(word: &str) -> Result<Enforcement, String> {
    Enforcement::from_word(word).ok_or_else(|| "expected profile, sandbox or none".to_owned())
}

fn sandbox(word: &str) -> Result<Sandbox, String> {
    [Sandbox::ReadOnly, Sandbox::WorkspaceWrite, Sandbox::DangerFullAccess]
        .into_iter()
        .find(|sandbox| sandbox.as_str() == word)
        .ok_or_else(|| "expected read-only, workspace-write or danger-full-access".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_may_stand_anywhere_and_an_image_does_not_swallow_the_prompt() {
        let cli =
            Cli::try_parse_from(["clodex-dispatch", "-i", "a.png", "fix it", "--scope", "src", "--json"])
                .unwrap();
        assert_eq!(cli.prompt.as_deref(), Some("fix it"));
        assert_eq!((cli.image.len(), cli.scope.len(), cli.json), (1, 1, true));
    }

    #[test]
    fn a_review_needs_no_prompt_and_takes_one_as_its_focus() {
        let parse = |args: &[&str]| Cli::try_parse_from([&["clodex-dispatch"], args].concat());
        assert!(parse(&["--review"]).is_ok() && parse(&["--review", "--prompt-file", "-"]).is_ok());
        let cli = parse(&["--review", "--base", "main", "--adversarial", "the locks"]).unwrap();
        assert_eq!((cli.base.as_deref(), cli.prompt.as_deref()), (Some("main"), Some("the locks")));
        for args in [
            &["--base", "main", "x"][..],
            &["--adversarial", "x"],
            &["--review", "--task", "a"],
            &["--review", "--scope", "src"],
            &["--review", "--resume", "a"],
            &["--review", "--ephemeral"],
            &["--review", "--base", "--json"],
            &["--review", "a", "--prompt-file", "-"],
        ] {
            assert!(parse(args).is_err(), "{args:?}");
        }
    }

    #[test]
    fn two_jobs_or_none_are_refused() {
        for args in [&["x"][..], &["x", "--task", "a", "prompt"], &["x", "--task", "a", "--prompt-file", "-"]]
        {
            assert!(Cli::try_parse_from(args).is_err(), "{args:?}");
        }
    }
}
