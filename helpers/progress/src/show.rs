//! What is printed at each change, when that is asked for.

use std::io::{IsTerminal as _, Write as _};

use clodex_core::{Colour, FilesTouched, LiveLine, Liveness, Phase, Progress, RunRecord, utc_ms};
use clodex_os::clock::Timestamp;
use serde::Serialize;

use crate::Args;

/// Prints what changed, once.
#[derive(Debug)]
pub(crate) struct Printer {
    form: Form,
    to: Stream,
    columns: usize,
    colour: Colour,
    last: Option<(Phase, String, FilesTouched)>,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Nothing,
    LiveLine,
    Json,
}

#[derive(Debug, Clone, Copy)]
enum Stream {
    Stdout,
    Stderr,
}

/// One object of `--json-lines`.
#[derive(Serialize)]
struct JsonLine<'a> {
    version: u32,
    run_id: &'a str,
    name: &'a str,
    thread_id: Option<&'a str>,
    outcome: Option<&'a str>,
    summary: Option<&'a str>,
    progress: &'a Progress,
}

impl Printer {
    pub(crate) fn new(args: &Args) -> Self {
        let form = match (args.print, args.json_lines) {
            (true, _) => Form::LiveLine,
            (false, true) => Form::Json,
            (false, false) => Form::Nothing,
        };
        let to = if args.tee { Stream::Stderr } else { Stream::Stdout };
        let is_terminal = match to {
            Stream::Stdout => std::io::stdout().is_terminal(),
            Stream::Stderr => std::io::stderr().is_terminal(),
        };
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).filter(|&n| n > 0);
        Self {
            form,
            to,
            columns: columns.unwrap_or(120),
            colour: if is_terminal && !no_color { Colour::On } else { Colour::Off },
            last: None,
        }
    }

    /// Prints the run if what it does is not what it did.
    pub(crate) fn show(&mut self, record: &RunRecord) {
        let progress = &record.progress;
        let now = (progress.phase, progress.activity.clone(), progress.files);
        if record.outcome.is_none() && self.last.as_ref() == Some(&now) {
            return;
        }
        self.last = Some(now);
        match self.form {
            Form::Nothing => {}
            Form::LiveLine => self.print(&self.live_line(record)),
            Form::Json => self.print(&json_line(record)),
        }
    }

    fn live_line(&self, record: &RunRecord) -> String {
        let now_ms = utc_ms(&Timestamp::now().rfc3339()).unwrap_or_default();
        let liveness = if record.outcome.is_some() { Liveness::Ended } else { Liveness::Live };
        LiveLine::of(record, liveness, now_ms).line().render(self.columns, self.colour)
    }

    /// In one write; who does not read it any more is no reason to stop watching.
    fn print(&self, line: &str) {
        let line = format!("{line}\n");
        let _ = match self.to {
            Stream::Stdout => std::io::stdout().write_all(line.as_bytes()),
            Stream::Stderr => std::io::stderr().write_all(line.as_bytes()),
        };
    }
}

fn json_line(record: &RunRecord) -> String {
    let line = JsonLine {
        version: 1,
        run_id: record.id.as_str(),
        name: &record.name,
        thread_id: record.thread_id.as_deref(),
        outcome: record.outcome.map(clodex_core::Outcome::as_str),
        summary: record.summary.as_deref(),
        progress: &record.progress,
    };
    serde_json::to_string(&line).unwrap_or_default()
}
