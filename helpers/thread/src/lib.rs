//! clodex-thread: a client of Codex's app-server. A `server::Server` is connected to, a
//! `session::Session` talks with it, and whoever holds the session decides what is said: `one_shot` says one
//! thing and tells what came of it.
//!
//! | want | look at |
//! |---|---|
//! | what may be said on the command line | `cli`, `common_cli` |
//! | where the server is, and whose | `server` |
//! | threads, turns, steering, interrupting, answering: one event after the other | `session` |
//! | a session whose events are shown, questions answered, limits kept | `talk`, `opening` |
//! | what a turn has come to so far | `turn_summary` |
//! | the object of `--json`, exit codes | `report`, `trouble` |
//! | a conversation that lasts: `--repl` | `repl` |
//! | what Codex asks for, and who answers | `question_prompt`, `approvals`, `typed_ahead` |
//! | what people see | `screen`, `stderr_notices` |
//! | the files that are written | `answer_file`, `protocol_log` |
//! | what the answer has to be | `answer_schema` |
//! | Ctrl-C and its like | `stop_signals` |
//! | the sibling that talks with Claude Code | `claude` |

mod answer_file;
mod answer_schema;
mod approvals;
mod claude;
mod cli;
mod common_cli;
mod one_shot;
mod opening;
mod prompt;
mod protocol_log;
mod question_prompt;
mod repl;
mod report;
mod sandbox_leftovers;
mod screen;
mod server;
mod session;
mod stderr_notices;
mod stop_signals;
mod talk;
mod thread_permissions;
mod trouble;
mod turn_summary;
mod typed_ahead;

use std::ffi::{OsStr, OsString};
use std::process::ExitCode as ProcessExit;

use clap::Parser as _;

use crate::cli::Cli;
use crate::report::Report;
use crate::stop_signals::Stops;
use crate::trouble::Trouble;

pub use claude::run as ask_claude;

/// Runs clodex-thread with these arguments, its own name first.
pub fn run(arguments: Vec<OsString>) -> ProcessExit {
    let stops = Stops::of_program();
    let wants_json =
        arguments.iter().take_while(|word| *word != "--").any(|word| word == OsStr::new("--json"));
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && wants_json => {
            return Report::of_trouble(&Trouble::usage(error.to_string().trim_end())).print();
        }
        Err(error) => error.exit(),
    };
    if cli.repl { repl::run(&cli, stops) } else { one_shot::run(&cli, stops) }
}
