//! clodex-announce: a line on stdout for each run that ends, for the Claude Code session that started it, once.
//!
//! It is the plugin's monitor, so it lives as long as Claude Code does and must cost next to nothing: it sleeps until
//! something happens in the state directory, and ends with Claude Code however that ends. Without Claude Code around
//! it, there is nobody to tell, and it ends at once. What it knows of runs are their records; it never starts, stops
//! or judges one, but closes what is dead, because a killed dispatcher tells nobody.

mod listener;
mod news;

use std::error::Error;
use std::io::Write as _;
use std::time::{Duration, Instant};

use clodex_os::clock::Timestamp;
use clodex_os::process::ProcessHandle;
use clodex_os::record_store::{RecordStore, StateDir};
use clodex_os::{ClaudeCode, DirectoryWatch, WokenBeside};

use listener::Listener;

/// What ended while the session was not there is left to the session-start hook for so long: what that tells costs no
/// turn, and what is said here does.
const HOOK_FIRST: Duration = Duration::from_secs(5);
/// Whoever comes back later than that is not told any more: records do not stay for ever, either.
const NEWS_FOR: Duration = Duration::from_hours(30 * 24);
/// Between a run's last record and its move to the ended ones: a full disk may take its time.
const SLACK: Duration = Duration::from_mins(1);

/// Announces until Claude Code ends.
pub fn run() {
    let Some(listener) = ClaudeCode::from_env().and_then(Listener::new) else { return };
    let Some(state) = StateDir::from_env() else { return };
    if let Err(error) = announce(&listener, state) {
        // Each line of stdout is a message to Claude; this is for whoever looks at the monitor's stderr.
        eprintln!("clodex-announce: {error}");
    }
}

fn announce(listener: &Listener, state: StateDir) -> Result<(), Box<dyn Error>> {
    let store = RecordStore::open(state)?;
    let Ok(Some(claude)) = ProcessHandle::open(listener.process()) else { return Ok(()) };
    let mut watches = [DirectoryWatch::new(&store.dir().ended())?, DirectoryWatch::new(&store.dir().live())?];
    let mut first_look = Some(Instant::now() + HOOK_FIRST);
    let mut looked = Timestamp::now();
    loop {
        let WokenBeside::Changed([ended, live]) =
            DirectoryWatch::wait_beside(&claude, &mut watches, first_look)?
        else {
            return Ok(());
        };
        if live {
            listener.close_dead(&store);
        }
        let now = Timestamp::now();
        if first_look.is_some_and(|due| Instant::now() >= due) {
            first_look = None;
            tell(listener, &store, now.before(NEWS_FOR))?;
        } else if ended {
            tell(listener, &store, looked.before(SLACK))?;
            looked = now;
        }
    }
}

/// Tells what ended since then and nobody else has told. An error when Claude Code does not listen any more.
fn tell(listener: &Listener, store: &RecordStore, since: Timestamp) -> Result<(), Box<dyn Error>> {
    for run in listener.untold(store, since) {
        let session = run.session_id.as_deref().unwrap_or_default();
        if store.take_telling(session, &run.id)? {
            let mut stdout = std::io::stdout();
            let said = stdout.write_all(news::line(&run).as_bytes()).and_then(|()| stdout.flush());
            said.map_err(|error| format!("cannot tell of {}: {error}", run.id))?;
        }
    }
    Ok(())
}
