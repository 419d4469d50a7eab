//! What is heard from Codex: shown, and what it means for the talk.

use std::time::Instant;

use clodex_codex::app_server::TurnEnd;
use clodex_core::{Event, ExitCode, Tone};

use super::{Chat, State};
use crate::repl::pieces::Pieces;
use crate::repl::show::{shown, took};
use crate::session::Heard;
use crate::trouble::{Kind, Trouble};

impl Chat<'_> {
    /// Takes in what was heard.
    pub(super) fn hear(&mut self, heard: Heard) -> Result<(), Trouble> {
        let now = Instant::now();
        if !matches!(heard, Heard::Woken) {
            self.heard_at = now;
        }
        self.story.hear(&heard, now);
        match heard {
            Heard::Open(open) => return self.opened(&open),
            Heard::NotOpen(trouble) => return self.not_opened(&trouble),
            Heard::TurnBegun(_) => return self.say_what_waits(),
            Heard::NoTurn(trouble) => {
                self.enter(State::Idle);
                self.trouble(&trouble);
                return self.say_what_waits();
            }
            Heard::Part(text) => {
                if !self.manner.cli.no_stream {
                    let lines = self.pieces.push(&text);
                    return self.say(&lines);
                }
            }
            Heard::Event(event) => return self.happened(event),
            Heard::Asked(question) => return self.asked(question),
            Heard::Resolved(id) => self.resolved(&id),
            Heard::Steered(number) => {
                self.steering.remove(&number);
                self.note(Tone::Dim, "said to the turn that runs");
            }
            Heard::NotSteered(number, trouble) => return self.not_steered(number, &trouble),
            Heard::TurnEnded(end) => return self.turn_ended(&end),
            Heard::Tokens { total, .. } | Heard::TokensBefore(total) => self.tokens = Some(total),
            Heard::Cleaned(None) | Heard::Other | Heard::Woken => {}
            Heard::Cleaned(Some(trouble)) => {
                self.note(Tone::Bad, "what the turn has left running could not be ended:");
                self.trouble(&trouble);
            }
            Heard::ModelIs(model) => {
                self.note(Tone::Warn, &format!("{model} answers instead of the model asked for"));
                self.model = Some(model);
            }
            Heard::Closed(closed) => return self.lost(&closed),
        }
        Ok(())
    }

    fn happened(&mut self, event: Event<'static>) -> Result<(), Trouble> {
        if let Event::Message { text } = &event {
            let lines = self.pieces.whole(text);
            return self.say(&lines);
        }
        if let Event::Error { message, .. } = event {
            // The turn's end says it again.
            self.last_error = Some(message.into_owned());
            return Ok(());
        }
        // What was interrupted ends afterwards, and nobody wants to know how.
        let is_late = matches!(event, Event::CommandEnded { .. }) && self.state == State::Idle;
        if let Some(line) = shown(&event, &self.manner.workdir).filter(|_| !is_late) {
            let lines = self.pieces.cut_off();
            self.say(&lines)?;
            self.display.note(&line);
        }
        if let Event::FilesChanging { item, changes } = event {
            self.patches.insert(item.into_owned(), changes);
        }
        Ok(())
    }

    /// A text is never lost: what a turn did not take begins the next one.
    fn not_steered(&mut self, number: u64, trouble: &Trouble) -> Result<(), Trouble> {
        let Some(text) = self.steering.remove(&number) else { return Ok(()) };
        self.to_say.push_back(text);
        if let State::Turn { .. } = self.state {
            self.note(Tone::Warn, "this turn takes nothing more; it is said when the turn is over");
            self.note(Tone::Dim, &trouble.message);
            return Ok(());
        }
        self.say_what_waits()
    }

    /// Says to the turn what was typed before it could be told anything, or begins the next one with it.
    pub(super) fn say_what_waits(&mut self) -> Result<(), Trouble> {
        match self.state {
            State::Turn { .. } => {
                while let Some(text) = self.to_say.pop_front() {
                    self.steer(text)?;
                }
                Ok(())
            }
            State::Idle => match self.to_say.pop_front() {
                Some(text) => {
                    self.note(Tone::Dim, "the turn is over: this begins the next one");
                    self.send(&text)
                }
                None => Ok(()),
            },
            State::Opening | State::None => Ok(()),
        }
    }

    fn turn_ended(&mut self, end: &TurnEnd<'_>) -> Result<(), Trouble> {
        let lines = self.pieces.cut_off();
        self.say(&lines)?;
        self.questions.clear();
        self.patches.clear();
        self.enter(State::Idle);
        let took = self.story.latency().map_or_else(String::new, |latency| {
            format!(" ({})", took(latency.as_secs_f64(), self.story.tokens().unwrap_or_default()))
        });
        match end {
            TurnEnd::Completed => self.note(Tone::Dim, &format!("done{took}")),
            TurnEnd::Interrupted => {
                self.failed(ExitCode::Cancelled);
                self.note(Tone::Warn, &format!("interrupted{took}"));
            }
            TurnEnd::Failed { message, kind } => {
                let told = self.last_error.take().filter(|_| message.is_empty());
                let message = told.as_deref().unwrap_or(message);
                self.trouble(&Trouble::new(Kind::Turn(*kind), format!("the turn failed: {message}")));
            }
            TurnEnd::Unknown(word) => {
                self.trouble(&Trouble::new(
                    Kind::Protocol,
                    format!("the turn ended in a way that is not known here: {word}"),
                ));
            }
        }
        self.keep_answer()?;
        self.pieces = Pieces::new(self.display.columns());
        self.say_what_waits()
    }
}
