//! Acting on runs, one program under five names: clodex-answer, -cancel, -interrupt, -resume, -steer. Knows how a run is
//! ended from outside and how something is said to it; what the dispatcher does with either is the dispatcher's.

mod cancel;
mod cli;
mod ending;
mod live;
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
            println!("{error}");
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
    let Some(dir) = StateDir::from_env() else {
        return Err(Failure::usage(
            "cannot tell where records are kept: neither CLODEX_STATE_DIR, XDG_STATE_HOME nor HOME is set\n\
             hint: set CLODEX_STATE_DIR",
        ));
    };
    let store = RecordStore::look_at(dir);
    match tool {
        Tool::Answer(arguments) => steer::answer(&store, arguments),
        Tool::Cancel(arguments) => cancel::cancel(&store, arguments),
        Tool::Interrupt(arguments) => steer::interrupt(&store, arguments),
        Tool::Resume(arguments) => resume::resume(&store, arguments),
        Tool::Steer(arguments) => steer::steer(&store, arguments),
    }
}
