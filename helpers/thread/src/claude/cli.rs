//! The command line of clodex-claude: what may be said, and nothing about what it does.

use std::path::PathBuf;

use clap::{ArgAction, ArgGroup, Parser, ValueEnum};

use crate::cli::seconds;

const AFTER_HELP: &str = "\
Exit codes:
  0 the turn completed        1 the turn failed         2 bad arguments
  3 Claude not reachable      4 out of time             5 protocol error, or no answer follows the schema
  130 interrupted

Claude may read below the work directory and nothing else, unless --scope, --allowed-tools,
--permission-mode or --interactive-approvals says more. What it asks for beyond is declined and listed.";

/// Ask Claude: say something to Claude Code, and get the answer.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(name = "clodex-claude", version, after_help = AFTER_HELP, max_term_width = 100)]
#[command(group(ArgGroup::new("said").args(["prompt", "prompt_file"]).required(true)))]
pub struct Cli {
    /// What is said (see --prompt-file for long texts)
    pub prompt: Option<String>,
    /// Read what is said from a file, or from standard input with `-`
    #[arg(long, value_name = "FILE|-")]
    pub prompt_file: Option<PathBuf>,
    /// Directory that Claude works in [default: this one]
    #[arg(short = 'C', long = "cd", value_name = "DIR")]
    pub workdir: Option<PathBuf>,
    /// The claude program [default: CLODEX_CLAUDE, or the one on PATH]
    #[arg(long, value_name = "FILE")]
    pub claude: Option<PathBuf>,

    /// Go on with this session
    #[arg(long, visible_alias = "resume", value_name = "SESSION_ID", conflicts_with_all = ["fork", "ephemeral"], help_heading = "Session")]
    pub thread_id: Option<String>,
    /// Begin with a copy of this session
    #[arg(long, value_name = "SESSION_ID", help_heading = "Session")]
    pub fork: Option<String>,
    /// Keep nothing of the session on disk
    #[arg(long, help_heading = "Session")]
    pub ephemeral: bool,
    /// Model, or an alias of one
    #[arg(short, long, help_heading = "Session")]
    pub model: Option<String>,
    /// Effort: low, medium, high, xhigh, max
    #[arg(long, help_heading = "Session")]
    pub effort: Option<String>,
    /// Instructions for the session, beside the prompt
    #[arg(long, value_name = "TEXT", help_heading = "Session")]
    pub instructions: Option<String>,
    /// JSON schema of the final answer
    #[arg(long, value_name = "FILE", help_heading = "Session")]
    pub output_schema: Option<PathBuf>,

    /// Path that Claude may write to, nothing else (repeatable)
    #[arg(long, value_name = "PATH", conflicts_with = "permission_mode", help_heading = "Access")]
    pub scope: Vec<PathBuf>,
    /// Tool that Claude may use without asking, in its own words: `WebFetch`, `Bash(git log:*)` (repeatable)
    #[arg(long, value_name = "RULE", help_heading = "Access")]
    pub allowed_tools: Vec<String>,
    /// Directory that Claude may read besides the work directory (repeatable)
    #[arg(long, value_name = "DIR", help_heading = "Access")]
    pub add_dir: Vec<PathBuf>,
    /// Claude Code's permission mode
    #[arg(long, value_enum, default_value_t, hide_possible_values = false, help_heading = "Access")]
    pub permission_mode: PermissionMode,
    /// Ask here what Claude asks for, instead of declining it
    #[arg(long, help_heading = "Access")]
    pub interactive_approvals: bool,

    /// Print the final answer only, at the end
    #[arg(long, help_heading = "Output")]
    pub no_stream: bool,
    /// Print one JSON object and nothing else on standard output, whatever happens
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// Write the final answer to this file, too
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// Append what is said in both directions to this file, a message a line, without secrets
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub ndjson_file: Option<PathBuf>,
    /// Print `SESSION_ID=…` on standard error as soon as it is known
    #[arg(long, visible_alias = "print-thread-id", help_heading = "Output")]
    pub print_session_id: bool,
    /// Print a line about the turn on standard error at its end
    #[arg(long, help_heading = "Output")]
    pub summary: bool,
    /// Say on standard error what happens; twice: every message as it is
    #[arg(short, long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,

    /// Seconds that Claude may be silent while it works, or ask its model in vain, 0 = any [default: 120]
    #[arg(long, value_name = "SEC", default_value_t = 120.0, value_parser = seconds, hide_default_value = true, help_heading = "Time")]
    pub timeout: f64,
    /// Seconds for the whole turn, 0 = any [default: 0]
    #[arg(long, value_name = "SEC", default_value_t = 0.0, value_parser = seconds, hide_default_value = true, help_heading = "Time")]
    pub deadline: f64,
}

/// Claude Code's permission modes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "camelCase")]
pub enum PermissionMode {
    /// It asks for everything but reading
    #[default]
    Manual,
    /// It plans and changes nothing
    Plan,
    /// It edits files below the work directory without asking
    AcceptEdits,
    /// It lets a model decide what needs asking
    Auto,
    /// What is not allowed is denied without asking
    DontAsk,
    /// It asks for nothing: only where the machine may be lost
    BypassPermissions,
}

impl PermissionMode {
    /// Claude Code's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Plan => "plan",
            Self::AcceptEdits => "acceptEdits",
            Self::Auto => "auto",
            Self::DontAsk => "dontAsk",
            Self::BypassPermissions => "bypassPermissions",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parsed(words: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from([&["clodex-claude"], words].concat())
    }

    #[test]
    fn something_must_be_said_in_one_way() {
        Cli::command().debug_assert();
        assert!(parsed(&[]).is_err());
        assert!(parsed(&["a", "--prompt-file", "b"]).is_err());
        assert_eq!(parsed(&["--", "--json"]).unwrap().prompt.as_deref(), Some("--json"));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        assert!(parsed(&["a", "--resume", "s", "--ephemeral"]).is_err());
        assert!(parsed(&["a", "--thread-id", "s", "--fork", "s"]).is_err());
        assert!(parsed(&["a", "--fork", "s", "--ephemeral"]).is_ok());
        assert!(parsed(&["a", "--scope", "src", "--permission-mode", "acceptEdits"]).is_err());
        assert!(parsed(&["a", "--permission-mode", "default"]).is_err());
    }

    #[test]
    fn modes_are_written_as_claude_code_writes_them() {
        for mode in PermissionMode::value_variants() {
            let word = mode.to_possible_value().unwrap();
            assert_eq!(word.get_name(), mode.as_str());
        }
    }
}
