//! What the program does with its arguments.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode as ProcessExit;

use clap::Parser as _;
use clodex_core::ExitCode;
use clodex_os::{Failure, say};
use serde_json::json;

use crate::begin;
use crate::cancel;
use crate::cli::{self, Cli, ContinueArguments, FirstLook, What};
use crate::continue_flow::{self, Continuation};
use crate::library::Library;
use crate::ready::Ready;
use crate::show;
use crate::status;
use crate::tell::{flow_state, tell};

/// Runs the program.
pub fn main(arguments: &[OsString]) -> ProcessExit {
    if let Some(look) = cli::first_look(arguments) {
        return told_as_asked(run(arguments, &look), arguments);
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) if arguments.iter().any(|argument| argument == "--inline") => {
            say(&format!("{error}\n"));
            return ProcessExit::SUCCESS;
        }
        Err(error) => unread(&error, arguments),
    };
    match cli.what {
        // Its flow was seen above, or nothing else of it could be read.
        What::Run(run) => {
            told_as_asked(self::run(arguments, &FirstLook { flow: run.flow, cd: run.cd }), arguments)
        }
        What::Status(asked) => told(status::status(&asked), asked.inline),
        What::Continue(asked) => told_as_asked(go_on(&asked), arguments),
        What::Cancel(asked) => told(cancel::cancel(&asked), asked.inline),
        What::Lint(asked) => told(lint(&asked.flow), false),
        What::Show(asked) => told(shown(&asked.flow, asked.mermaid), false),
    }
}

fn told(done: Result<u8, Failure>, inline: bool) -> ProcessExit {
    match done {
        Ok(_) if inline => ProcessExit::SUCCESS,
        Ok(code) => ProcessExit::from(code),
        Err(failure) => failure.report(inline),
    }
}

/// The same, with an object on stdout for who asked for JSON.
fn told_as_asked(done: Result<u8, Failure>, arguments: &[OsString]) -> ProcessExit {
    if let Err(failure) = &done
        && wants_json(arguments)
    {
        say_failure(failure.code(), failure.message());
    }
    told(done, false)
}

/// Arguments that cannot be read, or a wish for help.
fn unread(error: &clap::Error, arguments: &[OsString]) -> ! {
    if error.use_stderr() && wants_json(arguments) {
        say_failure(ExitCode::Usage, &error.to_string());
    }
    error.exit()
}

fn wants_json(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| argument == "--json")
}

/// What keeps a flow from being carried out, as clodex-dispatch tells it.
fn say_failure(code: ExitCode, message: &str) {
    let (error, hint) = match message.split_once("\nhint: ") {
        Some((error, hint)) => (error, Some(hint)),
        None => (message, None),
    };
    say(&format!("{}\n", json!({ "exit_code": i32::from(code), "error": error.trim_end(), "hint": hint })));
}

fn library() -> Library {
    Library::around(Path::new("."))
}

fn run(arguments: &[OsString], look: &FirstLook) -> Result<u8, Failure> {
    let source = Library::around(look.cd.as_deref().unwrap_or(Path::new("."))).find(&look.flow)?;
    let whole = source.read()?;
    let (run, words) = match cli::parse_run(arguments, &whole.flow) {
        Ok(parsed) => parsed,
        Err(error) => unread(&error, arguments),
    };
    let ready = begin::begin(&run, &words, &source, &whole)?;
    if ready.engine.speaks {
        say(&format!("flow {}\n", ready.engine.dir.id()));
    }
    carry_out(ready, run.manner.json)
}

fn go_on(asked: &ContinueArguments) -> Result<u8, Failure> {
    match continue_flow::continue_flow(asked)? {
        Continuation::Ready(ready) => carry_out(*ready, asked.manner.json),
        Continuation::Nothing(dir, flow_state) => {
            if asked.input.is_some() {
                let id = dir.id();
                return Err(Failure::usage(format!(
                    "flow {id} waits for no answer\nhint: see `clodex-flow status {id}`"
                )));
            }
            // Done, failed or waiting: what there is to know is in the report, which a kill may have forestalled.
            tell(&dir, &flow_state, asked.manner.json);
            Ok(flow_state.end.map_or(0, |(_, code)| code))
        }
    }
}

fn carry_out(ready: Ready, json: bool) -> Result<u8, Failure> {
    let Ready { engine, lock } = ready;
    let dir = engine.dir.clone();
    let ended = engine.carry_out();
    // Whatever kept it from its end: what happened until then is known.
    let told = flow_state(&dir).map(|flow_state| tell(&dir, &flow_state, json));
    drop(lock);
    told?;
    ended.or_else(|failure| {
        // Something was started, so it is no bad argument; the report is told already.
        Failure::new(ExitCode::TurnFailed, failure.message()).report(false);
        Ok(ExitCode::TurnFailed as u8)
    })
}

fn lint(word: &OsStr) -> Result<u8, Failure> {
    let source = library().find(word)?;
    let flow = source.lint(Path::new("."))?;
    say(&format!("{}: ok ({} steps)\n", source.origin, flow.steps.len()));
    Ok(0)
}

fn shown(word: &OsStr, mermaid: bool) -> Result<u8, Failure> {
    let source = library().find(word)?;
    let flow = source.read()?.flow;
    say(&if mermaid { show::mermaid(&flow) } else { show::text(&flow) });
    Ok(0)
}
