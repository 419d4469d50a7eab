//! `--repl`: a conversation that lasts, on a terminal with a line editor, or read from a pipe.

mod activity_lines;
mod chat;
mod chat_options;
mod display;
mod editor;
mod job_control;
mod keyboard;
mod line;
mod line_action;
mod listings;
mod pieces;
mod prompt_state;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode as ProcessExit;
use std::sync::Arc;

use clodex_core::{Colour, harmless};
use clodex_os::TerminalMode;
use clodex_os::record_store::StateDir;

use crate::answer_file;
use crate::answer_schema;
use crate::cli::Cli;
use crate::opening::server;
use crate::prompt::workdir;
use crate::protocol_log;
use crate::screen::shown;
use crate::session::Session;
use crate::stderr_notices::StderrNotices;
use crate::stop_signals::Stops;
use crate::thread_permissions::ThreadPermissions;
use crate::trouble::{Kind, Trouble};
use chat::Chat;
use chat_options::ChatOptions;
use display::{CLEAR_LINE, Display, Gate, REDRAW, Terminal};
use editor::LineEditor;
use job_control::JobControl;
use prompt_state::SharedPromptState;

/// Talks until somebody leaves.
pub fn run(cli: &Cli, stops: Result<Stops, Trouble>) -> ProcessExit {
    match stops.and_then(|stops| talk(cli, &stops)) {
        Ok(code) => ProcessExit::from(code as u8),
        Err(trouble) => {
            if trouble.kind != Kind::ReaderGone {
                say_last(&shown(&trouble.message));
            }
            ProcessExit::from(trouble.kind.exit_code() as u8)
        }
    }
}

/// Says this instead of the line that is being edited. At once: the editor may draw it a last time, before or after.
fn say_last(words: &str) {
    let is_edited = lines_are_edited() && io::stderr().is_terminal();
    let begin = if is_edited { CLEAR_LINE } else { "" };
    // Whoever does not listen to stderr does not want to know.
    let _ = io::stderr().write_all(format!("{begin}{words}\n").as_bytes());
}

fn lines_are_edited() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

fn talk(cli: &Cli, stops: &Stops) -> Result<clodex_core::ExitCode, Trouble> {
    let place = workdir(cli.said.workdir.as_deref())?;
    let notices = StderrNotices::default();
    let mut server = server(cli, place.clone(), &notices)?;
    let schema = answer_schema::read(cli.output.schema.as_deref())?;
    let permissions = ThreadPermissions::decide(cli, &place)?;
    permissions.notes.iter().for_each(|note| eprintln!("note: {}", harmless(note)));
    server.leftovers = permissions.leftovers.clone();
    if let Some(out) = &cli.output.out {
        answer_file::clear(out, &[&cli.output.schema])?;
    }
    let listener = protocol_log::listener(&cli.output, &notices)?;
    let session = Session::begin(&server, stops, listener)?;
    // Given back however this ends: the line editor's thread may be in the middle of a line.
    let _mode = TerminalMode::of(io::stdin());
    let prompt_state = SharedPromptState::default();
    let (display, typed, is_script) = match terminal(&prompt_state, &notices) {
        Some((editor, terminal, gate)) => {
            (Display::Terminal(terminal), keyboard::edit_lines(editor, gate, stops.clone()), false)
        }
        None => (Display::Plain, keyboard::read_lines(stops.clone()), true),
    };
    let options = ChatOptions {
        cli,
        server: &server,
        stops,
        notices,
        permissions,
        workdir: place.to_string_lossy().into_owned(),
        schema,
        model: None,
        effort: None,
        is_script,
        asks: !is_script || cli.interactive_approvals,
    };
    Chat::new(session, options, display, prompt_state, typed).run()
}

/// A line editor and what prints beside it, where stdin and stdout are a terminal.
fn terminal(
    prompt_state: &SharedPromptState,
    notices: &StderrNotices,
) -> Option<(LineEditor, Terminal, Arc<Gate>)> {
    if !lines_are_edited() {
        return None;
    }
    // Without a place for it there is a history for this time only.
    let history = StateDir::from_env().and_then(|state| state.thread_history().ok());
    let gate = Arc::new(Gate::default());
    let job_control = JobControl::of_stdin()?;
    let mut editor = LineEditor::new(prompt_state, history, Arc::clone(&gate), Arc::clone(&job_control))?;
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colour = if is_plain { Colour::Off } else { Colour::On };
    let terminal = Terminal::new(editor.printer()?, Arc::clone(&gate), colour);
    let mut above = Terminal::new(editor.printer()?, Arc::clone(&gate), colour);
    let mut drawer = editor.printer()?;
    // It fails when the terminal is gone; then nobody needs the line.
    job_control.follow(move || _ = drawer.print(REDRAW.to_owned()));
    if io::stderr().is_terminal() {
        notices.goes_above(Box::new(move |line| above.print(line)));
    }
    Some((editor, terminal, gate))
}
