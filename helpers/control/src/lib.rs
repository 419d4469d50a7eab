//! Acting on runs: clodex-cancel. Knows how a run is ended from outside; what the dispatcher does on its way out
//! is the dispatcher's.

mod cancel;
mod cli;
mod ending;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the tool that the first argument names.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let inline = arguments.iter().any(|argument| argument == "--inline");
    let parsed = match cli::parse(arguments) {
        Ok(parsed) => parsed,
        Err(error) if inline => {
            println!("{error}");
            return ExitCode::SUCCESS;
        }
        Err(error) => error.exit(),
    };
    match cancel::cancel(&parsed) {
        Ok(code) if !inline => ExitCode::from(code),
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => failure.report(inline),
    }
}
