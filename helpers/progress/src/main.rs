//! clodex-progress: `codex exec --json` on stdin, live state out.

use clap::Parser as _;

fn main() -> std::process::ExitCode {
    clodex_progress::run(&clodex_progress::Args::parse())
}
