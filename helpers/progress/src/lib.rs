//! clodex-progress: `codex exec --json … | clodex-progress --name X` gives somebody who starts Codex alone the same
//! record, and so the same statusline and status, that a dispatch has. It watches and starts nothing: no verdict, no
//! watchdog, no cancel.

mod args;
mod input;
mod record;
mod show;
mod watch;

pub use args::Args;

use std::io::{self, BufRead, BufReader};
use std::process::ExitCode;

use clodex_core::ExitCode as Code;

/// Watches the stream to its end. The exit code says how the turn ended.
pub fn run(args: &Args) -> ExitCode {
    let input: Box<dyn BufRead + Send> = match &args.file {
        None => Box::new(BufReader::with_capacity(1 << 16, io::stdin())),
        Some(path) => match std::fs::File::open(path) {
            Ok(file) => Box::new(BufReader::with_capacity(1 << 16, file)),
            Err(error) => {
                eprintln!(
                    "cannot read `{}`: {error}\nhint: name a file written by `codex exec --json`",
                    path.display()
                );
                return exit(Code::Usage);
            }
        },
    };
    exit(watch::watch(args, input))
}

fn exit(code: Code) -> ExitCode {
    ExitCode::from(code as u8)
}
