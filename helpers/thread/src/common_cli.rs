//! Flags that clodex-thread and clodex-claude know in the same words.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};

/// What is said, and where.
#[derive(Debug, Args)]
pub struct Said {
    /// The prompt (use --prompt-file for a long one)
    pub prompt: Option<String>,
    /// Read the prompt from a file, or from standard input with `-` (16 MiB at most)
    #[arg(long, value_name = "FILE|-")]
    pub prompt_file: Option<PathBuf>,
    /// Directory to work in [default: this one]
    #[arg(short = 'C', long = "cd", value_name = "DIR")]
    pub workdir: Option<PathBuf>,
}

/// Who answers, and what it knows besides.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub struct AnsweredBy {
    /// Model, by its name or an alias
    #[arg(short = 'm', long = "model", value_name = "MODEL")]
    pub name: Option<String>,
    /// Reasoning effort: low, medium, high, or another level of the model
    #[arg(long)]
    pub effort: Option<String>,
    /// Instructions beside the prompt
    #[arg(long, value_name = "TEXT")]
    pub instructions: Option<String>,
}

/// How long it may take.
#[derive(Debug, Args)]
#[command(next_help_heading = "Time")]
pub struct Time {
    /// Seconds to wait for a sign of life, or for your answer; 0 = no limit [default: 120]
    #[arg(long, value_name = "SEC", default_value_t = 120.0, value_parser = seconds, hide_default_value = true)]
    timeout: f64,
    /// Seconds for the whole turn, 0 = any [default: 0]
    #[arg(long, value_name = "SEC", default_value_t = 0.0, value_parser = seconds, hide_default_value = true)]
    deadline: f64,
}

/// What comes of it, and who sees it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// JSON schema that the final answer has to follow
    #[arg(long = "output-schema", value_name = "FILE")]
    pub schema: Option<PathBuf>,
    /// Print the final answer only, at the end
    #[arg(long)]
    pub no_stream: bool,
    /// Print one JSON object and nothing else on standard output, whatever happens
    #[arg(long)]
    pub json: bool,
    /// Write the final answer to this file, too
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Append every protocol message to this file, one per line, without secrets; streamed text as lengths only
    #[arg(long, value_name = "FILE")]
    pub ndjson_file: Option<PathBuf>,
    /// Print a line about the turn on standard error at its end
    #[arg(long)]
    pub summary: bool,
    /// Say on standard error what happens; twice: every message as it is
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
}

impl Said {
    /// Whether standard input is the prompt, and nobody can answer there.
    pub fn takes_stdin(&self) -> bool {
        self.prompt_file.as_ref().is_some_and(|file| file.as_os_str() == "-")
    }
}

impl Time {
    /// How long there may be silence; none = any time.
    pub fn silence(&self) -> Option<Duration> {
        limit(self.timeout)
    }

    /// How long a turn may take; none = any time.
    pub fn whole(&self) -> Option<Duration> {
        limit(self.deadline)
    }
}

impl Output {
    /// Whether messages are shown as they are made.
    pub const fn streams(&self) -> bool {
        !self.json && !self.no_stream
    }
}

/// A limit as it is meant: 0 is none.
pub fn limit(seconds: f64) -> Option<Duration> {
    (seconds > 0.0).then(|| Duration::from_secs_f64(seconds))
}

/// A limit for people.
pub fn limit_text(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f64())
}

/// A number of seconds that a clock can take.
pub fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    // A hundred years are enough, and more cannot be added to a clock.
    if (0.0..=3.2e9).contains(&seconds) { Ok(seconds) } else { Err("not a number of seconds".to_owned()) }
}
