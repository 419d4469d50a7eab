//! `--repl`: a conversation that lasts, on a terminal with a line editor, or read from a pipe.

mod asking;
mod chat;
mod deed;
mod display;
mod editor;
mod keyboard;
mod line;
mod manner;
mod mood;
mod pieces;
mod show;
mod tell;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode as ProcessExit;
use std::sync::Arc;

use clodex_core::{Colour, harmless};
use clodex_os::TerminalMode;
use clodex_os::record_store::StateDir;

use crate::cli::Cli;
use crate::frames;
use crate::held::Held;
use crate::opening::server;
use crate::prompt::{schema, workdir};
use crate::screen::shown;
use crate::session::Session;
use crate::stops::Stops;
use crate::trouble::{Kind, Trouble};
use chat::Chat;
use display::{Display, Gate, Terminal};
use editor::LineEditor;
use manner::Manner;
use mood::MoodNow;

/// Talks until somebody leaves.
pub fn run(cli: &Cli) -> ProcessExit {
    match talk(cli) {
        Ok(code) => ProcessExit::from(code as u8),
        Err(trouble) => {
            if trouble.kind != Kind::ReaderGone {
                eprintln!("{}", shown(&trouble.message));
            }
            ProcessExit::from(trouble.kind.exit_code() as u8)
        }
    }
}

fn talk(cli: &Cli) -> Result<clodex_core::ExitCode, Trouble> {
    let stops = Stops::catch()?;
    let place = workdir(cli.workdir.as_deref())?;
    let server = server(cli, place.clone())?;
    let (schema, held) = (schema(cli.output_schema.as_deref())?, Held::decide(cli, &place)?);
    held.notes.iter().for_each(|note| eprintln!("note: {}", harmless(note)));
    let session =
        Session::begin(&server, &stops, frames::listener(cli.verbose, cli.ndjson_file.as_deref())?)?;
    // Given back however this ends: the line editor's thread may be in the middle of a line.
    let _mode = TerminalMode::of_stdin();
    let mood = MoodNow::default();
    let (display, typed, is_script) = match terminal(&mood) {
        Some((editor, terminal, gate)) => {
            (Display::Terminal(terminal), keyboard::edit_lines(editor, gate, stops.clone()), false)
        }
        None => (Display::Plain, keyboard::read_lines(stops.clone()), true),
    };
    let manner = Manner {
        cli,
        server: &server,
        stops: &stops,
        held,
        workdir: place.to_string_lossy().into_owned(),
        schema,
        model: None,
        effort: None,
        is_script,
        asks: !is_script || cli.interactive_approvals,
    };
    Chat::new(session, manner, display, mood, typed).run()
}

/// A line editor and what prints beside it, where stdin and stdout are a terminal.
fn terminal(mood: &MoodNow) -> Option<(LineEditor, Terminal, Arc<Gate>)> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return None;
    }
    // Without a place for it there is a history for this time only.
    let history = StateDir::from_env().and_then(|state| state.thread_history().ok());
    let gate = Arc::new(Gate::default());
    let (editor, printer) = LineEditor::new(mood, history, Arc::clone(&gate))?;
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colour = if is_plain { Colour::Off } else { Colour::On };
    Some((editor, Terminal::new(printer, Arc::clone(&gate), colour), gate))
}
