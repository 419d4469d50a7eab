//! clodex-apply: what an isolated run changed in scope is landed on the user's tree, all of it or nothing; taken back;
//! or thrown away. Nothing is committed, the index is not touched, and no edit of the user's is overwritten.

mod carry_out;
mod cli;
mod journal;
mod landing_dir;
mod meant;
mod planning;
mod tell;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

/// Runs the program.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let inline = arguments.iter().any(|argument| argument == "--inline");
    let arguments = match cli::Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) if inline => {
            clodex_os::say_line(&error.to_string());
            return ExitCode::SUCCESS;
        }
        Err(error) => error.exit(),
    };
    match carry_out::carry_out(&arguments) {
        Ok(text) => {
            clodex_os::say(&text);
            ExitCode::SUCCESS
        }
        Err(failure) => failure.report(inline),
    }
}
