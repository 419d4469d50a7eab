//! clodex-announce: a line on stdout for each run that ends, for the Claude Code session that started it, once.
//!
//! It is the plugin's monitor, so it lives as long as Claude Code does and must cost next to nothing: it sleeps until
//! something happens in the state directory, and ends with Claude Code however that ends. Without Claude Code around
//! it, there is nobody to tell, and it ends at once. What it knows of runs are their records; it never starts, stops
//! or judges one, but closes what is dead, because a killed dispatcher tells nobody.

mod end_notice;
mod session;

use std::error::Error;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use clodex_os::process::ProcessHandle;
use clodex_os::record_store::{RecordStore, StateDir};
use clodex_os::{ClaudeCode, DirectoryWatch, WokenBeside};

use session::Session;

/// What ended while the session was not there is left to the session-start hook for so long: what that tells costs no
/// turn, and what is said here does.
const HOOK_FIRST: Duration = Duration::from_secs(5);
/// Claude Code makes one event of the lines of 200 ms, and cuts it at 3000 characters.
const BETWEEN_EVENTS: Duration = Duration::from_millis(500);
const EVENT_MAX_BYTES: usize = 2900;

/// Announces until Claude Code ends.
pub fn run() {
    let Some(session) = ClaudeCode::from_env().and_then(Session::new) else { return };
    let Ok(Some(claude)) = ProcessHandle::open(session.process()) else { return };
    if let Err(error) = StateDir::from_env().map_or(Ok(()), |state| announce(session, &claude, state)) {
        // Each line of stdout is a message to Claude; this is for whoever looks at the monitor's stderr, if anybody does.
        let _ = writeln!(io::stderr(), "clodex-announce: {error}");
    }
    // A monitor that ends is told to Claude, who spends a turn on it.
    while claude.wait(Instant::now() + Duration::from_hours(1)).is_ok_and(|ended| !ended) {}
}

fn announce(mut session: Session, claude: &ProcessHandle, state: StateDir) -> Result<(), Box<dyn Error>> {
    let store = RecordStore::open(state)?;
    let mut watches = [DirectoryWatch::new(&store.dir().ended())?, DirectoryWatch::new(&store.dir().live())?];
    let mut is_wanted = true;
    let mut not_before = Instant::now() + HOOK_FIRST;
    while let WokenBeside::Changed([ended, live]) =
        DirectoryWatch::wait_beside(claude, &mut watches, is_wanted.then_some(not_before))?
    {
        if live {
            session.close_dead(&store);
        }
        is_wanted |= ended;
        if is_wanted && Instant::now() >= not_before {
            session.look(&store);
            tell(&mut session, &store)?;
            is_wanted = session.next_end().is_some();
            not_before = Instant::now() + BETWEEN_EVENTS;
        }
    }
    Ok(())
}

/// Tells as much as an event holds of what ended and nobody else has told. An error when Claude Code does not listen.
fn tell(session: &mut Session, store: &RecordStore) -> io::Result<()> {
    let mut event = String::new();
    while let Some(line) = session.next_end().map(end_notice::line) {
        if !event.is_empty() && event.len() + line.len() > EVENT_MAX_BYTES {
            break;
        }
        if session.take_telling(store) {
            event += &line;
        }
    }
    let mut stdout = io::stdout();
    stdout.write_all(event.as_bytes())?;
    stdout.flush()
}
