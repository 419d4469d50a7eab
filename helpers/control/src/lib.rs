//! Acting on runs, one program under five names: clodex-answer, -cancel, -interrupt, -resume, -steer. Knows how a run is
//! ended from outside and how something is said to it; what the dispatcher does with either is the dispatcher's.

mod cancel;
mod cli;
mod end_run;
mod live_message;
mod resume;
mod steer;

use std::ffi::OsString;
use std::process::ExitCode;

use clodex_os::Failure;
use clodex_os::record_store::{RecordStore, StateDir};

use crate::cli::Tool;

/// Runs the tool that the first argument names.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let inline = arguments.iter().any(|argument| argument == "--inline");
    let parsed = match cli::parse(arguments) {
        Ok(parsed) => parsed,
        Err(error) if inline => {
            clodex_os::say_line(&error.to_string());
            return ExitCode::SUCCESS;
        }
        Err(error) => error.exit(),
    };
    match act(&parsed) {
        Ok(code) if !inline => ExitCode::from(code),
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => failure.report(inline),
    }
}

fn act(tool: &Tool) -> Result<u8, Failure> {
    let store = RecordStore::look_at(StateDir::required()?);
    match tool {
        Tool::Answer(arguments) => steer::answer(&store, arguments),
        Tool::Cancel(arguments) => cancel::cancel(&store, arguments),
        Tool::Interrupt(arguments) => steer::interrupt(&store, arguments),
        Tool::Resume(arguments) => resume::resume(&store, arguments),
        Tool::Steer(arguments) => steer::steer(&store, arguments),
    }
}
