//! Looking at runs, one program under four names: clodex-status, clodex-result, clodex-wait and clodex-debug.
//! Nothing here changes a run: dead ones are shown as dead and left to those who may write.

mod cli;
mod context;
mod debug;
mod detail;
mod result;
mod status;
mod table;
mod timeline;
mod wait;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use cli::{Program, Tool};
use clodex_os::Failure;
use context::Context;

/// Runs the tool that the first argument names.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let inline = arguments.iter().any(|argument| argument == "--inline");
    let program = match Program::from_arguments(arguments) {
        Ok(program) => program,
        Err(error) if inline => {
            clodex_os::say_line(&error.to_string());
            return ExitCode::SUCCESS;
        }
        Err(error) => error.exit(),
    };
    match act(program.tool) {
        Ok(code) if !inline => ExitCode::from(code),
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => failure.report(inline),
    }
}

fn act(tool: Tool) -> Result<u8, Failure> {
    let context = Context::from_env()?;
    match tool {
        Tool::Status(arguments) => status::status(&context, &arguments),
        Tool::Result(arguments) => result::result(&context, &arguments),
        Tool::Wait(arguments) => wait::wait(&context, &arguments),
        Tool::Debug(arguments) => debug::debug(&context, &arguments),
    }
}
