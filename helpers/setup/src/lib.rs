//! clodex-setup: installs the helpers to a place that stays, registers them with Claude Code, and takes it all back.
//! The only program that writes to a file of the user's: `settings.json`, and nothing in it but its own part.

mod cli;
mod places;
mod prune;
mod sizes;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;
use clodex_os::Failure;

pub use places::Places;

/// Runs the program.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let inline = arguments.iter().any(|argument| argument == "--inline");
    let arguments = match cli::Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) if inline => {
            println!("{error}");
            return ExitCode::SUCCESS;
        }
        Err(error) => error.exit(),
    };
    match carry_out(&arguments) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(failure) => failure.report(arguments.inline),
    }
}

/// Does what is asked, and says what was done.
fn carry_out(arguments: &cli::Arguments) -> Result<String, Failure> {
    if let Some(task) = &arguments.task {
        return match task {
            cli::Task::Prune(arguments) => prune::carry_out(arguments),
        };
    }
    let places = Places::find(arguments.data.as_deref())?;
    Ok(format!("data        {}\n", places.data.display()))
}
