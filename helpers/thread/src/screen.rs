//! What people see: the answer on stdout, the rest on stderr. Nothing that came from outside means anything to a
//! terminal; where stdout is none, the answer is byte for byte what was written.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write};

use clodex_codex::app_server::TurnEnd;
use clodex_core::{CommandStatus, Event, PatchStatus, harmless, harmless_prose};

use crate::report::not_printed;
use crate::session::Heard;
use crate::trouble::Trouble;

/// What of the answer is shown while it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// Every message as it is written.
    Messages,
    /// Nothing; what is said at the end is another's.
    Nothing,
}

/// What becomes of an answer on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Nothing: a file or a program gets each byte.
    Exact,
    /// A terminal finds nothing to obey in it.
    Harmless,
}

impl Form {
    /// What stdout wants.
    pub fn of_stdout() -> Self {
        if io::stdout().is_terminal() { Self::Harmless } else { Self::Exact }
    }
}

/// Stdout and stderr.
#[derive(Debug)]
pub struct Screen<W> {
    to: W,
    form: Form,
    shows: Shows,
    /// Whether what happens is told on stderr.
    talkative: bool,
    /// What is shown of the message that is being written.
    part: String,
    has_shown: bool,
}

impl<W: Write> Screen<W> {
    /// Nothing is shown yet.
    pub const fn new(to: W, form: Form, shows: Shows, talkative: bool) -> Self {
        Self { to, form, shows, talkative, part: String::new(), has_shown: false }
    }

    /// Shows what was heard, as far as it is to be shown.
    pub fn hear(&mut self, heard: &Heard) -> Result<(), Trouble> {
        if self.talkative
            && let Some(line) = lifecycle(heard)
        {
            eprintln!("{}", harmless(&line));
        }
        match (self.shows, heard) {
            (Shows::Messages, Heard::Part(part)) => self.part(part),
            (Shows::Messages, Heard::Event(Event::Message { text })) => self.message(text),
            (Shows::Messages | Shows::Nothing, _) => Ok(()),
        }
    }

    /// Shows a whole text that has not been shown.
    pub fn message(&mut self, text: &str) -> Result<(), Trouble> {
        match text.strip_prefix(self.part.as_str()) {
            Some(rest) if !self.part.is_empty() => self.write(rest)?,
            // It was shown half and then said otherwise: once more, whole.
            Some(_) | None => {
                self.end_message()?;
                self.begin_message()?;
                self.write(text)?;
            }
        }
        self.part.push('.');
        self.end_message()
    }

    /// Ends what is shown of a message that will not be completed.
    pub fn end_message(&mut self) -> Result<(), Trouble> {
        if std::mem::take(&mut self.part).is_empty() { Ok(()) } else { self.write("\n") }
    }

    /// Something for people beside the answer.
    pub fn remark(&self, text: &str) {
        if self.talkative {
            eprintln!("{}", harmless(text));
        }
    }

    fn part(&mut self, part: &str) -> Result<(), Trouble> {
        if self.part.is_empty() {
            self.begin_message()?;
        }
        self.part.push_str(part);
        self.write(part)
    }

    fn begin_message(&mut self) -> Result<(), Trouble> {
        if std::mem::replace(&mut self.has_shown, true) { self.write("\n") } else { Ok(()) }
    }

    fn write(&mut self, text: &str) -> Result<(), Trouble> {
        let text = match self.form {
            Form::Exact => Cow::Borrowed(text),
            Form::Harmless => Cow::Owned(by_columns(text, harmless_prose)),
        };
        let written = self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush());
        written.map_err(|error| not_printed(&error))
    }
}

/// Text of several lines in which a terminal finds nothing to obey.
pub fn shown(text: &str) -> String {
    by_columns(text, harmless)
}

fn by_columns(text: &str, harmless: fn(&str) -> String) -> String {
    let mut shown = String::with_capacity(text.len());
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            shown.push('\n');
        }
        for (number, column) in line.strip_suffix('\r').unwrap_or(line).split('\t').enumerate() {
            if number > 0 {
                shown.push('\t');
            }
            shown.push_str(&harmless(column));
        }
    }
    shown
}

/// What happens, for `-v`.
pub fn lifecycle(heard: &Heard) -> Option<String> {
    Some(match heard {
        Heard::Open(open) => format!("thread {} is open, model {}", open.thread.id, open.model),
        Heard::TurnBegun(id) => format!("turn {id} has begun"),
        Heard::ModelIs(model) => format!("answered by model {model}"),
        Heard::TurnEnded(end) => format!("turn ended: {}", end_in_words(end)),
        Heard::Steered(_) => "message delivered".to_owned(),
        Heard::Cleaned(None) => "all commands and sub-agents of the turn have ended".to_owned(),
        Heard::Event(event) => return happened(event),
        Heard::Configured(..)
        | Heard::NotOpen(_)
        | Heard::NoTurn(_)
        | Heard::NotSteered(..)
        | Heard::NotRead(_)
        | Heard::Cleaned(Some(_))
        | Heard::Part(_)
        | Heard::Tokens { .. }
        | Heard::TokensBefore(_)
        | Heard::Asked(_)
        | Heard::Resolved(_)
        | Heard::Threads(..)
        | Heard::Models(_)
        | Heard::AsksNoMore(_)
        | Heard::Other
        | Heard::Elsewhere
        | Heard::Woken
        | Heard::Closed(_) => return None,
    })
}

fn end_in_words<'a>(end: &'a TurnEnd<'_>) -> &'a str {
    match end {
        TurnEnd::Completed => "completed",
        TurnEnd::Interrupted => "interrupted",
        TurnEnd::Failed { message, .. } if message.is_empty() => "failed",
        TurnEnd::Failed { message, .. } => message,
        TurnEnd::Unknown(word) => word,
    }
}

fn happened(event: &Event<'_>) -> Option<String> {
    Some(match event {
        Event::CommandStarted { command, .. } => format!("$ {command}"),
        Event::CommandEnded { command, exit_code, status, .. } => {
            let how = match (status, exit_code) {
                (CommandStatus::Declined, _) => "declined".to_owned(),
                (CommandStatus::Completed | CommandStatus::Failed, Some(code)) => format!("exit {code}"),
                (CommandStatus::Completed | CommandStatus::Failed, None) => "ended".to_owned(),
            };
            format!("{how}: {command}")
        }
        Event::FilesChanged { changes, status, .. } => {
            let paths: Vec<&str> = changes.iter().map(|change| &*change.path).collect();
            let what = match status {
                PatchStatus::Completed => "patched",
                PatchStatus::Failed => "not patched",
            };
            format!("{what}: {}", paths.join(", "))
        }
        Event::ToolStarted { name, about, .. } => format!("tool {name} {about}"),
        Event::Plan { done, of } => format!("plan: {done} of {of}"),
        Event::Warning { message } => format!("warning: {message}"),
        Event::Reconnecting { message } => format!("codex reconnects: {message}"),
        Event::Error { message, .. } => format!("error: {message}"),
        Event::ThreadStarted { .. }
        | Event::TurnStarted
        | Event::Reasoning { .. }
        | Event::Message { .. }
        | Event::FilesChanging { .. }
        | Event::ToolEnded { .. }
        | Event::TokensUsed { .. }
        | Event::TurnCompleted { .. }
        | Event::TurnFailed { .. }
        | Event::Unknown { .. }
        | Event::Garbage => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(heard: &[Heard]) -> String {
        written(Form::Harmless, heard)
    }

    fn written(form: Form, heard: &[Heard]) -> String {
        let mut to = Vec::new();
        let mut screen = Screen::new(&mut to, form, Shows::Messages, false);
        for heard in heard {
            screen.hear(heard).unwrap();
        }
        screen.end_message().unwrap();
        String::from_utf8(to).unwrap()
    }

    fn part(text: &str) -> Heard {
        Heard::Part(text.to_owned())
    }

    fn message(text: &'static str) -> Heard {
        Heard::Event(Event::Message { text: text.into() })
    }

    #[test]
    fn each_message_is_shown_once_whether_or_not_it_came_in_parts() {
        let shown = screen(&[part("fi"), part("rst"), message("first"), message("second"), part("thi")]);
        assert_eq!(shown, "first\n\nsecond\n\nthi\n");
        assert_eq!(screen(&[part("hal"), message("another")]), "hal\n\nanother\n");
        assert_eq!(screen(&[part("half"), message("half and the rest")]), "half and the rest\n");
    }

    #[test]
    fn what_is_no_terminal_gets_each_byte_and_a_terminal_what_joins() {
        let whole = "\u{feff}a\r\n\u{1b}[1mb\u{202e}\u{e0061} 👩\u{200d}🔬❤\u{fe0f}\r";
        let parts: Vec<Heard> = whole.chars().map(|c| part(&c.to_string())).chain([message(whole)]).collect();
        for heard in [&parts[..], &[message(whole)]] {
            assert_eq!(written(Form::Exact, heard), format!("{whole}\n"));
            let shown = written(Form::Harmless, heard);
            assert!(shown.ends_with("b 👩\u{200d}🔬❤\u{fe0f}\n"), "{shown:?}");
            assert!(!shown.contains(['\u{1b}', '\r', '\u{202e}', '\u{feff}']), "{shown:?}");
        }
    }

    #[test]
    fn what_happens_is_told_in_words() {
        let ended = |end| lifecycle(&Heard::TurnEnded(end)).unwrap();
        assert_eq!(ended(TurnEnd::Completed), "turn ended: completed");
        let failed = TurnEnd::Failed { message: "no credit".into(), kind: clodex_core::FailureKind::Other };
        assert_eq!(ended(failed), "turn ended: no credit");
        let change = clodex_core::FileChange { path: "/a".into(), kind: clodex_core::ChangeKind::Add };
        let patch = |status| {
            let changes = vec![change.clone()];
            lifecycle(&Heard::Event(Event::FilesChanged { item: "i".into(), changes, status })).unwrap()
        };
        assert_eq!(patch(PatchStatus::Completed), "patched: /a");
        assert_eq!(patch(PatchStatus::Failed), "not patched: /a");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(shown("a\u{1b}[31mb\r\n\tc\u{7}\u{9b}2J\u{202e}d"), "a [31mb\n\tc 2Jd");
    }
}
