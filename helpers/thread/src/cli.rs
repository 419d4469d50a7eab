//! The command line of clodex-thread: what may be said, and nothing about what it does.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Parser, ValueEnum};
use clodex_core::Sandbox;

use crate::common_cli::{AnsweredBy, Output, Said, Time, limit, seconds};

const AFTER_HELP: &str = "\
Exit codes:
  0 the turn completed        1 the turn failed         2 bad arguments
  3 Codex not reachable       4 out of time             5 protocol error, or the answer breaks the schema
  130 interrupted

Without --sandbox or --scope, Codex's own configuration decides what it may do. Approval requests are \
declined unless you pass --interactive-approvals.";

/// Talk with Codex: say something on a thread of its app-server, and get the answer.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(name = "clodex-thread", version, after_help = AFTER_HELP, max_term_width = 100)]
#[command(group(ArgGroup::new("said").args(["prompt", "prompt_file", "repl"]).required(true)))]
pub struct Cli {
    /// What is said, and where.
    #[command(flatten)]
    pub said: Said,
    /// Interactive: read lines from the terminal or a pipe until you exit; /help lists the commands
    #[arg(long, conflicts_with = "json")]
    pub repl: bool,

    /// Start a server of our own and talk over its standard streams (the default)
    #[arg(long, conflicts_with_all = ["uri", "start"], help_heading = "Server")]
    pub stdio: bool,
    /// Talk to a running server [default: ws://127.0.0.1:8765]
    #[arg(long, value_name = "ws://HOST:PORT|unix://PATH", num_args = 0..=1, require_equals = false, default_missing_value = DEFAULT_URI, help_heading = "Server")]
    pub uri: Option<String>,
    /// Start a server that others can talk to as well, at --uri or at a socket of its own, and end it with the session
    #[arg(long, help_heading = "Server")]
    pub start: bool,
    /// Header for the server, its value from an environment variable: `Authorization=TOKEN` sends `Bearer $TOKEN`
    /// (repeatable)
    #[arg(long, value_name = "HEADER=VARIABLE", help_heading = "Server")]
    pub header_env: Vec<String>,
    /// The codex program [default: the one on PATH]
    #[arg(long, value_name = "FILE", help_heading = "Server")]
    pub codex: Option<PathBuf>,

    /// Go on with this thread
    #[arg(long, value_name = "THREAD_ID", conflicts_with_all = ["fork", "ephemeral"], help_heading = "Thread")]
    pub thread_id: Option<String>,
    /// Begin with a copy of this thread
    #[arg(long, value_name = "THREAD_ID", help_heading = "Thread")]
    pub fork: Option<String>,
    /// Keep nothing of the thread on disk
    #[arg(long, help_heading = "Thread")]
    pub ephemeral: bool,
    /// Codex's sandbox mode
    #[arg(short, long, value_name = "MODE", value_parser = sandbox, conflicts_with = "scope", help_heading = "Thread")]
    pub sandbox: Option<Sandbox>,
    /// Path that Codex may write to, nothing else (repeatable)
    #[arg(long, value_name = "PATH", help_heading = "Thread")]
    pub scope: Vec<String>,
    /// Who answers.
    #[command(flatten)]
    pub model: AnsweredBy,
    /// Codex's tone, if the model supports several
    #[arg(long, value_enum, help_heading = "Thread")]
    pub personality: Option<Personality>,
    /// Ask you to approve what Codex requests, instead of declining it
    #[arg(long, help_heading = "Thread")]
    pub interactive_approvals: bool,

    /// Print `THREAD_ID=…` on standard error as soon as it is known
    #[arg(long, help_heading = "Output")]
    pub print_thread_id: bool,
    /// What comes of it.
    #[command(flatten)]
    pub output: Output,

    /// How long it may take.
    #[command(flatten)]
    pub time: Time,
    /// Seconds to wait for the server, also when reconnecting; 0 = no limit [default: 10]
    #[arg(long, value_name = "SEC", default_value_t = 10.0, value_parser = seconds, hide_default_value = true, help_heading = "Time")]
    pub connect_timeout: f64,
    /// Seconds to wait for an existing thread to open; 0 = no limit [default: 300]
    #[arg(long, value_name = "SEC", default_value_t = 300.0, value_parser = seconds, hide_default_value = true, help_heading = "Time")]
    pub resume_timeout: f64,
}

impl Cli {
    /// How long until a server has to have answered; none = any time.
    pub fn to_connect(&self) -> Option<Duration> {
        limit(self.connect_timeout)
    }

    /// How long until a thread that exists has to be open; none = any time.
    pub fn to_resume(&self) -> Option<Duration> {
        limit(self.resume_timeout)
    }
}

/// What a bare `--uri` means.
const DEFAULT_URI: &str = "ws://127.0.0.1:8765";

/// Codex's tone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Personality {
    /// As it is
    None,
    /// Friendly
    Friendly,
    /// Pragmatic
    Pragmatic,
}

impl Personality {
    /// Codex's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Friendly => "friendly",
            Self::Pragmatic => "pragmatic",
        }
    }
}

fn sandbox(text: &str) -> Result<Sandbox, String> {
    [Sandbox::ReadOnly, Sandbox::WorkspaceWrite, Sandbox::DangerFullAccess]
        .into_iter()
        .find(|mode| mode.as_str() == text)
        .ok_or_else(|| "one of read-only, workspace-write, danger-full-access".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parsed(words: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from([&["clodex-thread"], words].concat())
    }

    #[test]
    fn something_must_be_said_in_one_way() {
        Cli::command().debug_assert();
        assert!(parsed(&[]).is_err());
        assert!(parsed(&["a", "--prompt-file", "b"]).is_err());
        assert_eq!(parsed(&["--", "--json"]).unwrap().said.prompt.as_deref(), Some("--json"));
    }

    #[test]
    fn a_bare_uri_is_the_usual_one_and_never_eats_the_prompt() {
        assert_eq!(parsed(&["a", "--uri"]).unwrap().uri.as_deref(), Some(DEFAULT_URI));
        assert_eq!(parsed(&["--uri", "--json", "a"]).unwrap().uri.as_deref(), Some(DEFAULT_URI));
        assert_eq!(parsed(&["--uri", "unix:///s", "a"]).unwrap().uri.as_deref(), Some("unix:///s"));
    }

    #[test]
    fn limits_are_what_they_are_said_to_be_and_zero_is_none() {
        let cli = parsed(&["a", "--timeout", "0", "--deadline", "0.5"]).unwrap();
        assert_eq!((cli.time.silence(), cli.time.whole()), (None, Some(Duration::from_millis(500))));
        assert_eq!(cli.to_connect(), Some(Duration::from_secs(10)));
        assert_eq!(cli.to_resume(), Some(Duration::from_mins(5)));
        for wrong in ["-1", "x", "NaN", "inf", "1e99"] {
            assert!(parsed(&["a", "--timeout", wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_kept_cannot_be_ephemeral() {
        assert!(parsed(&["a", "--thread-id", "t", "--ephemeral"]).is_err());
        assert!(parsed(&["a", "--thread-id", "t", "--fork", "u"]).is_err());
        assert!(parsed(&["a", "--fork", "u", "--ephemeral"]).is_ok());
        assert!(parsed(&["a", "--sandbox", "read-only", "--scope", "src"]).is_err());
    }
}
