//! clodex-setup: installs the helpers to a place that stays, registers them with Claude Code, and takes it all back.
//! The only program that writes to a file of the user's: `settings.json`, and nothing in it but its own part.

mod archive;
mod change;
mod cli;
mod codex_seen;
mod doctor;
mod installed;
mod json_text;
mod names;
mod permissions;
mod places;
mod prune;
mod record;
mod report;
mod settings_file;
mod setup;
mod sizes;
mod source;
mod status_line;
mod uninstall;

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
            clodex_os::say_line(&error.to_string());
            return ExitCode::SUCCESS;
        }
        Err(error) => error.exit(),
    };
    match carry_out(&arguments) {
        Ok((text, code)) => {
            clodex_os::say(&text);
            ExitCode::from(if arguments.inline { 0 } else { code })
        }
        Err(failure) => failure.report(arguments.inline),
    }
}

/// Does what is asked; what was done, and the exit code.
fn carry_out(arguments: &cli::Arguments) -> Result<(String, u8), Failure> {
    let places = Places::find(arguments.data.as_deref())?;
    match &arguments.task {
        Some(cli::Task::Doctor(arguments)) => doctor::carry_out(arguments, &places),
        Some(cli::Task::Prune(arguments)) => Ok((prune::carry_out(arguments)?, 0)),
        None => Ok((install(&arguments.install, &places)?, 0)),
    }
}

fn install(wish: &cli::Install, places: &Places) -> Result<String, Failure> {
    if wish.uninstall {
        uninstall::uninstall(places, wish)
    } else if wish.refresh {
        setup::refresh(places)
    } else {
        setup::set_up(places, wish)
    }
}
