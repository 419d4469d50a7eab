//! The command line of clodex-claude: what may be said, and nothing about what it does.

use std::path::PathBuf;

use clap::{ArgGroup, Parser, ValueEnum};

use crate::common_cli::{AnsweredBy, Output, Said, Time};

const AFTER_HELP: &str = "\
Exit codes:
  0 the turn completed        1 the turn failed         2 bad arguments
  3 Claude not reachable      4 out of time             5 protocol error, or no answer follows the schema
  130 interrupted

Claude may read below the work directory and nothing else, unless --scope, --allowed-tools, \
--permission-mode or --interactive-approvals says more. What it asks for beyond is declined and listed.";

/// Ask Claude: say something to Claude Code, and get the answer.
#[derive(Debug, Parser)]
#[command(name = "clodex-claude", version, after_help = AFTER_HELP, max_term_width = 100)]
#[command(group(ArgGroup::new("said").args(["prompt", "prompt_file"]).required(true)))]
pub struct Cli {
    /// What is said, and where.
    #[command(flatten)]
    pub said: Said,
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
    /// Who answers.
    #[command(flatten)]
    pub model: AnsweredBy,

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

    /// Print `SESSION_ID=…` on standard error as soon as it is known
    #[arg(long, visible_alias = "print-thread-id", help_heading = "Output")]
    pub print_session_id: bool,
    /// What comes of it.
    #[command(flatten)]
    pub output: Output,

    /// How long it may take.
    #[command(flatten)]
    pub time: Time,
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
    /// It asks for nothing: use it only on a disposable machine
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
        assert_eq!(parsed(&["--", "--json"]).unwrap().said.prompt.as_deref(), Some("--json"));
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
