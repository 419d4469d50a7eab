//! clodex-thread: a client of Codex's app-server. A [`Server`](server::Server) is connected to, a
//! [`Session`](session::Session) talks with it, and whoever holds the session decides what is said: `one_shot` says one
//! thing and tells what came of it.
//!
//! | want | look at |
//! |---|---|
//! | what may be said on the command line | `cli` |
//! | where the server is, and whose | `server` |
//! | threads, turns, steering, interrupting, answering: one event after the other | `session` |
//! | a session whose events are shown, questions answered, limits kept | `talk`, `opening` |
//! | what a turn has come to so far | `story` |
//! | the object of `--json`, exit codes | `report`, `trouble` |
//! | a conversation that lasts: `--repl` | `repl` |
//! | what people see | `screen` |
//! | Ctrl-C and its like | `stops` |
//! | the sibling that talks with Claude Code | `claude` |

pub mod approvals;
mod claude;
pub mod cli;
mod frames;
pub mod held;
mod one_shot;
pub mod opening;
mod prompt;
mod repl;
pub mod report;
pub mod screen;
pub mod server;
pub mod session;
pub mod stops;
pub mod story;
pub mod talk;
pub mod trouble;

use std::ffi::{OsStr, OsString};
use std::process::ExitCode as ProcessExit;

use clap::Parser as _;

use crate::cli::Cli;
use crate::report::Report;
use crate::trouble::Trouble;

pub use claude::run as ask_claude;

/// Runs clodex-thread with these arguments, its own name first.
pub fn run(arguments: Vec<OsString>) -> ProcessExit {
    let wants_json =
        arguments.iter().take_while(|word| *word != "--").any(|word| word == OsStr::new("--json"));
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && wants_json => {
            return Report::of_trouble(&Trouble::usage(error.to_string().trim_end())).print();
        }
        Err(error) => error.exit(),
    };
    if cli.repl { repl::run(&cli) } else { one_shot::run(&cli) }
}
