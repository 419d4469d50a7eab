//! What clodex-scope does: one file a command. Data goes to stdout, everything for people to stderr.

mod compare;
mod explain;
mod restore;
mod snapshot;
mod target;

use std::ffi::OsString;
use std::process::ExitCode as ProcessExit;

use clap::Parser as _;
use clodex_core::{ExitCode, Verdict};
use clodex_os::{Failure, say_line};
use serde::Serialize;

use crate::ScopeError;
use crate::cli::{Arguments, Command};

/// Runs the command that the arguments name, the program's own name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ProcessExit {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let done = match &arguments.command {
        Command::Snapshot(arguments) => snapshot::snapshot(arguments),
        Command::Compare(arguments) => compare::compare(arguments),
        Command::Explain(arguments) => explain::explain(arguments),
        Command::Restore(arguments) => restore::restore(arguments),
    };
    match done {
        Ok(code) => ProcessExit::from(code as u8),
        Err(failure) => failure.report(false),
    }
}

/// The exit code of a verdict of this program's own.
fn code_of(verdict: Verdict) -> ExitCode {
    match verdict {
        Verdict::Clean => ExitCode::Done,
        Verdict::Violation | Verdict::Unknown => ExitCode::Violation,
        Verdict::Refused => ExitCode::Refused,
    }
}

/// JSON for programs, with a line end for those who look at it in a terminal.
fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value)
        .map_err(|error| Failure::usage(format!("cannot write the answer as JSON: {error}")))?;
    say_line(&text);
    Ok(())
}

impl From<ScopeError> for Failure {
    fn from(error: ScopeError) -> Self {
        Self::usage(error.to_string())
    }
}
