//! clodex-statusline: Claude Code's JSON on stdin and the records of live runs in, a line or two out.
//!
//! Started at every change of the session, so everything here is cheap: no argument parser, no generic JSON
//! tree, only the live records are opened. It never fails, never waits, and is silent when nothing runs.

mod band;
mod seen_record;
mod session;
mod show;
mod user_status_line;

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clodex_core::Colour;
use clodex_os::ClaudeCode;
use clodex_os::record_store::StateDir;

use user_status_line::Background;

pub use band::{Band, band};
pub use show::{View, show};

/// Claude Code sends two kilobytes and closes; somebody else may not.
const STDIN_MAX_BYTES: usize = 1 << 20;
const STDIN_PATIENCE: Duration = Duration::from_millis(100);

/// Prints what the arguments want: `--band COLUMNS ROWS` for the mod, the statusline otherwise, after that of
/// `--before COMMAND` where the user had one.
pub fn run() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    match first.as_deref().and_then(OsStr::to_str) {
        Some("--band") => {
            let mut number = || arguments.next()?.to_str()?.parse().ok();
            let (columns, rows) = (number().unwrap_or(80), number().unwrap_or(1));
            print_band(Band { now_ms: now_ms(), columns, rows });
            ExitCode::SUCCESS
        }
        Some("--before") => print_statusline(arguments.next()),
        Some(_) | None => print_statusline(None),
    }
}

/// Reads the environment and the state directory, not stdin.
fn print_band(view: Band) {
    let (Some(state), Some(claude)) = (StateDir::from_env(), ClaudeCode::from_env()) else { return };
    let _ = std::io::stdout().write_all(band(&state, &claude, view).as_bytes());
}

/// Reads stdin, the environment and the state directory; the code is that of the user's own line where only that is shown.
fn print_statusline(foreign: Option<OsString>) -> ExitCode {
    let input = clodex_os::read_stdin(STDIN_MAX_BYTES, Instant::now() + STDIN_PATIENCE);
    let (state, view) = (StateDir::from_env(), view_from_env());
    let foreign = foreign.map(|command| {
        let told = session::Session::read(&input).id;
        let session = if told.is_empty() { view.session_id.as_deref().unwrap_or_default() } else { &*told };
        let background = state.as_ref().map(|state| Background::of(state, session, &command));
        user_status_line::run(&command, &input, background.as_ref())
    });
    let own = state.map(|state| show(&input, &state, &view)).unwrap_or_default();
    let (text, code) = user_status_line::joined(foreign, own);
    // Nobody is left to tell if stdout is gone.
    let _ = std::io::stdout().write_all(&text);
    ExitCode::from(code)
}

fn view_from_env() -> View {
    let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    View {
        now_ms: now_ms(),
        columns: text("COLUMNS").and_then(|columns| columns.parse().ok()).unwrap_or(80),
        colour: if text("NO_COLOR").is_some() { Colour::Off } else { Colour::On },
        session_id: text("CLAUDE_CODE_SESSION_ID"),
    }
}

fn now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
