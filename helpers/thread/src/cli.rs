//! The command line of clodex-thread: what may be said, and nothing about what it does.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, ArgGroup, Parser, ValueEnum};
use clodex_core::Sandbox;

const AFTER_HELP: &str = "\
Exit codes:
  0 the turn completed        1 the turn failed         2 bad arguments
  3 Codex not reachable       4 out of time             5 protocol error
  130 interrupted

Codex decides itself what it may do unless --sandbox or --scope says so. What it asks for is declined
unless --interactive-approvals lets you answer.";

/// Talk with Codex: say something on a thread of its app-server, and get the answer.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(name = "clodex-thread", version, after_help = AFTER_HELP, max_term_width = 100)]
#[command(group(ArgGroup::new("said").args(["prompt", "prompt_file", "repl"]).required(true)))]
pub struct Cli {
    /// What is said (see --prompt-file for long texts)
    pub prompt: Option<String>,
    /// Read what is said from a file, or from standard input with `-`
    #[arg(long, value_name = "FILE|-")]
    pub prompt_file: Option<PathBuf>,
    /// Talk on: lines from the terminal or a pipe, until you leave; /help lists what can be said
    #[arg(long, conflicts_with = "json")]
    pub repl: bool,
    /// Directory that the thread works in [default: this one]
    #[arg(short = 'C', long = "cd", value_name = "DIR")]
    pub workdir: Option<PathBuf>,

    /// Start a server of our own and talk over its standard streams (the default)
    #[arg(long, conflicts_with_all = ["uri", "start"], help_heading = "Server")]
    pub stdio: bool,
    /// Talk to a running server [default: ws://127.0.0.1:8765]
    #[arg(long, value_name = "ws://HOST:PORT|unix://PATH", num_args = 0..=1, require_equals = false, default_missing_value = DEFAULT_URI, help_heading = "Server")]
    pub uri: Option<String>,
    /// Start a server that others can talk to as well, at --uri or at a socket of its own, and end it with the session
    #[arg(long, help_heading = "Server")]
    pub start: bool,
    /// Header for the server, its value from an environment variable: `Authorization=TOKEN` sends `Bearer $TOKEN` (repeatable)
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
    /// Model
    #[arg(short, long, help_heading = "Thread")]
    pub model: Option<String>,
    /// Reasoning effort
    #[arg(long, help_heading = "Thread")]
    pub effort: Option<String>,
    /// Codex's sandbox mode
    #[arg(short, long, value_name = "MODE", value_parser = sandbox, conflicts_with = "scope", help_heading = "Thread")]
    pub sandbox: Option<Sandbox>,
    /// Path that Codex may write to, nothing else (repeatable)
    #[arg(long, value_name = "PATH", help_heading = "Thread")]
    pub scope: Vec<String>,
    /// Instructions for the thread, beside the prompt
    #[arg(long, value_name = "TEXT", help_heading = "Thread")]
    pub instructions: Option<String>,
    /// How Codex talks, where its model knows several ways
    #[arg(long, value_enum, help_heading = "Thread")]
    pub personality: Option<Personality>,
    /// JSON schema of the final answer
    #[arg(long, value_name = "FILE", help_heading = "Thread")]
    pub output_schema: Option<PathBuf>,
    /// Ask here what Codex asks for, instead of declining it
    #[arg(long, help_heading = "Thread")]
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
    /// Append what is said on the connection to this file, a message a line, without secrets
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub ndjson_file: Option<PathBuf>,
    /// Print `THREAD_ID=…` on standard error as soon as it is known
    #[arg(long, help_heading = "Output")]
    pub print_thread_id: bool,
    /// Print a line about the turn on standard error at its end
    #[arg(long, help_heading = "Output")]
    pub summary: bool,
    /// Say on standard error what happens; twice: every message as it is
    #[arg(short, long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,

    /// Seconds that Codex may be silent while it works, 0 = any [default: 120]
    #[arg(long, value_name = "SEC", default_value_t = 120.0, value_parser = seconds, hide_default_value = true, help_heading = "Time")]
    pub timeout: f64,
    /// Seconds for the whole turn, 0 = any [default: 0]
    #[arg(long, value_name = "SEC", default_value_t = 0.0, value_parser = seconds, hide_default_value = true, help_heading = "Time")]
    pub deadline: f64,
    /// Seconds until the server has to have answered, 0 = any [default: 10]
    #[arg(long, value_name = "SEC", default_value_t = 10.0, value_parser = seconds, hide_default_value = true, help_heading = "Time")]
    pub connect_timeout: f64,
    /// Seconds until an existing thread has to be open, 0 = any [default: 300]
    #[arg(long, value_name = "SEC", default_value_t = 300.0, value_parser = seconds, hide_default_value = true, help_heading = "Time")]
    pub resume_timeout: f64,
}

/// What a bare `--uri` means.
const DEFAULT_URI: &str = "ws://127.0.0.1:8765";

/// How Codex talks.
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

/// A limit as it is meant: 0 is none.
pub fn limit(seconds: f64) -> Option<Duration> {
    (seconds > 0.0).then(|| Duration::from_secs_f64(seconds))
}

/// A number of seconds that a clock can take.
pub fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    // A hundred years are enough, and more cannot be added to a clock.
    if (0.0..=3.2e9).contains(&seconds) { Ok(seconds) } else { Err("not a number of seconds".to_owned()) }
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
        assert_eq!(parsed(&["--", "--json"]).unwrap().prompt.as_deref(), Some("--json"));
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
        assert_eq!((limit(cli.timeout), limit(cli.deadline)), (None, Some(Duration::from_millis(500))));
        assert_eq!(limit(cli.connect_timeout), Some(Duration::from_secs(10)));
        assert_eq!(limit(cli.resume_timeout), Some(Duration::from_mins(5)));
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
