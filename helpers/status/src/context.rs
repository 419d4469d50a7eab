//! What the four tools need to look at runs: the store, the time, the terminal.

use std::io::Write as _;

use clodex_core::{Colour, LiveLine, RunId, StyledLine, utc_ms};
use clodex_os::clock::Timestamp;
use clodex_os::record_store::{RecordStore, SeenRun, StateDir};

use clodex_os::Failure;

/// Lines that go to no terminal are cut here, unless `COLUMNS` says otherwise: logs and transcripts have room.
const COLUMNS_ELSEWHERE: usize = 160;

/// Where to look and how to show it.
#[derive(Debug)]
pub struct Context {
    pub store: RecordStore,
    pub columns: usize,
    pub colour: Colour,
    /// Whether lines may be drawn over.
    pub on_terminal: bool,
}

impl Context {
    pub fn from_env() -> Result<Self, Failure> {
        let dir = StateDir::required()?;
        let columns = clodex_os::terminal_columns(&std::io::stdout());
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Ok(Self {
            store: RecordStore::look_at(dir),
            columns: columns.or_else(told_columns).unwrap_or(COLUMNS_ELSEWHERE),
            colour: if columns.is_some() && !no_colour { Colour::On } else { Colour::Off },
            on_terminal: columns.is_some(),
        })
    }

    /// The run that a text means.
    pub fn find(&self, text: &str) -> Result<SeenRun, Failure> {
        let id = self.store.find(text).one(text).map_err(Failure::usage)?;
        self.see(&id)
    }

    /// A run by its id.
    pub fn see(&self, id: &RunId) -> Result<SeenRun, Failure> {
        self.store.see(id).ok_or_else(|| {
            Failure::usage(format!(
                "cannot read the record of {id}\nhint: `clodex-status --all` lists the runs"
            ))
        })
    }

    /// A line as it goes to stdout.
    pub fn render(&self, line: &StyledLine) -> String {
        line.render(self.columns, self.colour)
    }
}

/// How wide it will be shown, where the caller knows.
fn told_columns() -> Option<usize> {
    std::env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0)
}

/// Milliseconds since 1970, UTC.
pub fn now_ms() -> i64 {
    utc_ms(&Timestamp::now().rfc3339()).unwrap_or_default()
}

/// The live line of a run.
pub fn live_line(run: &SeenRun, now_ms: i64) -> LiveLine<'_> {
    LiveLine::of(&run.record, run.liveness, now_ms)
}

/// Writes to stdout at once. A reader that went away (`| head`) is the end of our work, not an error.
pub fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    if stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_err() {
        std::process::exit(0);
    }
}
