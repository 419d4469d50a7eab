//! The command line of clodex-progress.

use std::path::PathBuf;

use clap::Parser;
use clodex_core::Mode;

/// Show a `codex exec --json` stream live: in the statusline, in clodex-status and, if asked, line by line.
#[derive(Debug, Clone, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags of a command line")]
#[command(name = "clodex-progress", version)]
pub struct Args {
    /// Name of the run, for people
    #[arg(long, default_value = "codex")]
    pub name: String,
    /// Read the stream from FILE instead of stdin
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Where Codex works [default: the current directory]
    #[arg(short = 'C', long, value_name = "DIR")]
    pub workdir: Option<PathBuf>,
    /// What Codex is in this run
    #[arg(long, default_value = "worker", value_parser = mode)]
    pub mode: Mode,
    /// Codex was started without its sandbox: say so wherever the run is shown
    #[arg(long)]
    pub unsandboxed: bool,
    /// Codex resumed a thread: tokens used before are looked up and not counted
    #[arg(long)]
    pub resumed: bool,
    /// Print the live line at each change (to stderr with --tee)
    #[arg(long, conflicts_with = "json_lines")]
    pub print: bool,
    /// Print the progress as one JSON object at each change (to stderr with --tee)
    #[arg(long)]
    pub json_lines: bool,
    /// Copy the stream to stdout, byte for byte
    #[arg(long)]
    pub tee: bool,
}

fn mode(word: &str) -> Result<Mode, String> {
    let known = || Mode::ALL.map(Mode::as_str).join(", ");
    Mode::from_word(word).ok_or_else(|| format!("unknown mode\nhint: one of {}", known()))
}
