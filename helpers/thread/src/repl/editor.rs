//! The line editor of a terminal: history, completion of commands, and a prompt that shows what goes on. Knows nothing
//! of Codex.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{ColorMode, CompletionType, Config, Context, Editor, ExternalPrinter, Helper};

use super::display::Gate;
use super::job_control::JobControl;
use super::line::COMMANDS;
use super::prompt_state::{PromptState, SharedPromptState};

/// How many lines are remembered from one time to the next.
const REMEMBERED: usize = 1000;

/// What somebody did at the end of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edited {
    /// Enter.
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// A line editor.
pub struct LineEditor {
    editor: Editor<Manners, FileHistory>,
    prompt_state: SharedPromptState,
    history: Option<PathBuf>,
}

impl LineEditor {
    /// An editor for the terminal that stdin and stdout are; none where they are none that lines can be edited on.
    pub fn new(
        prompt_state: &SharedPromptState,
        history: Option<PathBuf>,
        gate: Arc<Gate>,
        job_control: Arc<JobControl>,
    ) -> Option<Self> {
        let config = Config::builder().max_history_size(REMEMBERED).ok()?;
        let config = config.history_ignore_space(true).completion_type(CompletionType::List);
        // Without colours it would show prompts that say nothing, and secrets; we have no colours to show.
        let config = config.color_mode(ColorMode::Forced).build();
        let history_of_now = FileHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history_of_now).ok()?;
        editor.set_helper(Some(Manners(prompt_state.clone(), gate, Some(job_control))));
        if let Some(path) = &history {
            // The first time there is none.
            let _ = editor.load_history(path);
        }
        Some(Self { editor, prompt_state: prompt_state.clone(), history })
    }

    /// What prints above the line that is being edited; none on a terminal that is too simple for it.
    pub fn printer(&mut self) -> Option<Box<dyn ExternalPrinter + Send>> {
        Some(Box::new(self.editor.create_external_printer().ok()?))
    }

    /// Lets a line be edited.
    pub fn read(&mut self) -> Edited {
        match self.editor.readline(PromptState::Idle.prompt()) {
            Ok(line) => {
                self.remember(&line);
                Edited::Line(line)
            }
            Err(ReadlineError::Interrupted) => Edited::Interrupt,
            // Whatever else keeps lines from being read will do so again.
            Err(_) => Edited::End,
        }
    }

    fn remember(&mut self, line: &str) {
        if line.trim().is_empty() || self.prompt_state.get() == PromptState::AskedSecret {
            return;
        }
        let is_new = self.editor.add_history_entry(line).unwrap_or(false);
        if let Some(path) = self.history.as_deref().filter(|_| is_new) {
            // A history that cannot be kept is no reason to stop talking.
            let _ = self.editor.append_history(path);
        }
    }
}

/// How the editor behaves.
struct Manners(SharedPromptState, Arc<Gate>, Option<Arc<JobControl>>);

impl Helper for Manners {}

impl Hinter for Manners {
    type Hint = String;
}

impl Validator for Manners {}

impl Completer for Manners {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        Ok((0, commands_from(&line[..at])))
    }
}

impl Highlighter for Manners {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        match self.0.get() {
            PromptState::AskedSecret => Cow::Owned("*".repeat(clodex_core::text_width(line))),
            PromptState::Idle | PromptState::Busy | PromptState::Asked => Cow::Borrowed(line),
        }
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, _: &'p str, _: bool) -> Cow<'b, str> {
        // The prompt is about to stand there: what is printed from now on is printed above it.
        self.1.open();
        if let Some(job_control) = &self.2 {
            job_control.before_drawing();
        }
        Cow::Borrowed(self.0.get().prompt())
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        kind != CmdKind::MoveCursor && self.0.get() == PromptState::AskedSecret
    }
}

/// The commands that begin like this, each ready for what may follow it.
fn commands_from(begin: &str) -> Vec<Pair> {
    let fitting = COMMANDS.iter().filter(|(name, _, _)| begin.starts_with('/') && name.starts_with(begin));
    fitting
        .map(|(name, after, _)| {
            let end = if after.is_empty() { "" } else { " " };
            Pair { display: (*name).to_owned(), replacement: format!("{name}{end}") }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(begin: &str) -> Vec<String> {
        commands_from(begin).into_iter().map(|pair| pair.replacement).collect()
    }

    #[test]
    fn commands_are_completed_and_nothing_else_is() {
        assert_eq!(completed("/re"), ["/resume ", "/review "]);
        assert_eq!(completed("/c"), ["/compact"]);
        assert!(completed("").is_empty() && completed("re").is_empty() && completed("/steer x").is_empty());
    }

    #[test]
    fn a_secret_is_not_seen() {
        let prompt_state = SharedPromptState::default();
        let manners = Manners(prompt_state.clone(), Arc::default(), None);
        assert_eq!(manners.highlight("word", 4), "word");
        prompt_state.set(PromptState::AskedSecret);
        assert_eq!(
            (manners.highlight("word", 4), manners.highlight_prompt("> ", true)),
            ("****".into(), "? ".into())
        );
        assert!(manners.highlight_char("word", 4, CmdKind::Other));
    }
}
