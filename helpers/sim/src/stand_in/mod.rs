//! A program to be called `codex`, for the faults that the real one will not show on demand.
//!
//! It does what a script says, read from the file that [`SCRIPT_VARIABLE`] names. The script maps the
//! subcommand (the first argument that is a key) to acts; `record` and `stamps` say where to write
//! what was seen:
//!
//! ```json
//! {"record": "/dir", "stamps": "/file",
//!  "--version": [{"sleep_ms": 50}, {"line": "codex-cli 0.169.0"}],
//!  "login": [{"stderr": "Not logged in\n"}, {"exit": 1}],
//!  "exec": [{"ignore": ["TERM"]}, "read_stdin", {"line": {"type": "turn.started"}},
//!           {"sh": "echo x > src/x"}, {"spawn": {"sh": "sleep 99", "how": "orphan", "clear_env": true}},
//!           {"text": "{\"type\":\"item.com"}, {"bytes": [255, 10]},
//!           {"flood": {"line": {"n": "$N"}, "count": 100000, "per_second": 500}},
//!           {"last_message": "done"}, {"die": "KILL"}]}
//! ```
//!
//! What follows `app-server` is a script of its own: see [`crate::app_server`].
//!
//! Without a script, or for a subcommand that it does not name, it behaves like a Codex that is well
//! and has nothing to do. See [`script::Act`] for all acts.

mod perform;
mod record;
mod script;
mod spawn;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use crate::app_server;

pub use record::{Invocation, Stamp, invocations, stamps};
pub use script::{Act, Flood, How, Script, Spawn};
pub use spawn::detached;
pub(crate) use spawn::{shell, spawn};

/// Names the script file.
pub const SCRIPT_VARIABLE: &str = "CLODEX_SIM_SCRIPT";

/// The whole program.
pub fn main(args: &[OsString]) -> ExitCode {
    if let Some(status) = detached(args) {
        return status;
    }
    let script = match script::from_environment() {
        Ok(script) => script,
        Err(why) => {
            eprintln!("stand-in codex: {why}");
            return ExitCode::from(99);
        }
    };
    if args.iter().any(|arg| arg == "app-server") {
        return serve(args, &script).map_or_else(failed, |()| ExitCode::SUCCESS);
    }
    perform::Performance::new(args, &script)
        .and_then(|mut performance| performance.run())
        .unwrap_or_else(failed)
}

fn serve(args: &[OsString], script: &Script) -> io::Result<()> {
    record::Recorder::start(args, script.record.as_deref(), script.stamps.as_deref())?;
    app_server::main(args, script.app_server.clone().unwrap_or_default())
}

#[expect(clippy::needless_pass_by_value, reason = "it is what an error is mapped with")]
fn failed(error: io::Error) -> ExitCode {
    eprintln!("stand-in codex: {error}");
    ExitCode::from(99)
}
