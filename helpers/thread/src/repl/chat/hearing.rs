//! What is heard from Codex: shown, and what it means for the talk.

use std::time::Instant;

use clodex_codex::app_server::TurnEnd;
use clodex_core::{Event, ExitCode, Tone, harmless};

use super::{Chat, State, Untaken};
use crate::answer_schema;
use crate::repl::activity_lines::{shown, took};
use crate::report::Report;
use crate::screen::lifecycle;
use crate::session::Heard;
use crate::trouble::{Kind, Trouble};

impl Chat<'_> {
    /// Takes in what was heard.
    pub(super) fn hear(&mut self, heard: Heard) -> Result<(), Trouble> {
        let now = Instant::now();
        if heard.is_life() {
            self.heard_at = now;
        }
        self.turn_summary.hear(&heard, now);
        // What happens in a turn is shown anyhow.
        if self.options.cli.output.verbose > 0
            && !matches!(heard, Heard::Event(_))
            && let Some(line) = lifecycle(&heard)
        {
            self.options.notices.say(harmless(&line));
        }
        match heard {
            Heard::Configured(configured, until) => return self.configured(&configured, until),
            Heard::Open(open) => return self.opened(&open),
            Heard::NotOpen(trouble) => {
                return self.not_opened(&self.wish.not_met(trouble, self.options.cli));
            }
            Heard::TurnBegun(id) => {
                self.turn_id = Some(id);
                return self.say_what_waits();
            }
            Heard::NoTurn(trouble) => {
                self.enter(State::Idle);
                self.trouble(&trouble);
                return self.say_what_waits();
            }
            Heard::Part(text) => {
                if !self.options.cli.output.no_stream {
                    let lines = self.pieces.push(&text);
                    return self.say(&lines);
                }
            }
            Heard::Event(event) => return self.happened(event),
            Heard::Asked(question) => return self.asked(question),
            Heard::Resolved(id) => return self.resolved(&id),
            Heard::Steered(number) => {
                let said = self.steering.remove(&number);
                self.taken.extend(said.map(|text| (number, text)));
                self.note(Tone::Dim, "said to the turn that runs");
            }
            Heard::NotSteered(number, trouble) => return self.not_steered(number, &trouble),
            Heard::NotRead(number) => return self.not_read(number),
            Heard::Threads(why, threads) => return self.threads(why, threads),
            Heard::Models(models) => return self.models(models),
            Heard::AsksNoMore(turn) => return self.asks_no_more(&turn),
            Heard::TurnEnded(end) => return self.turn_ended(end),
            Heard::Tokens { total, .. } | Heard::TokensBefore(total) => self.tokens = Some(total),
            Heard::Other | Heard::Elsewhere | Heard::Woken => {}
            Heard::Cleaned(why_not) => return self.cleaned(why_not.as_ref()),
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
        if let Some(line) = shown(&event, &self.options.workdir).filter(|_| !is_late) {
            let lines = self.pieces.cut_off();
            self.say(&lines)?;
            self.display.note(&line);
        }
        Ok(())
    }

    /// A text is never lost: what a turn did not take begins the next one. It is never said twice, either.
    fn not_steered(&mut self, number: u64, trouble: &Trouble) -> Result<(), Trouble> {
        let Some(text) = self.steering.remove(&number) else { return Ok(()) };
        if trouble.kind != Kind::Refused {
            self.perhaps_heard(&text);
            return Ok(());
        }
        self.to_say.push_back(text);
        if let State::Turn { .. } = self.state {
            self.note(Tone::Warn, "this turn takes nothing more; it is said when the turn is over");
            self.note(Tone::Dim, &trouble.message);
            return Ok(());
        }
        self.say_what_waits()
    }

    /// Nor is one lost that the turn has taken and its model was never given.
    fn not_read(&mut self, number: u64) -> Result<(), Trouble> {
        self.to_say.extend(self.taken.remove(&number));
        // Before the turn's end is told it is a turn still.
        if let State::Turn { .. } = self.state { Ok(()) } else { self.say_what_waits() }
    }

    /// Nobody can know, and who said it decides whether it is to be said again.
    pub(super) fn perhaps_heard(&mut self, text: &str) {
        self.failed(ExitCode::Unreachable);
        self.display.loud(Tone::Warn, &format!("whether Codex has heard this is unknown: {text}"));
    }

    /// Says to the turn what was typed before it could be told anything, or begins the next one with it, unless the last
    /// one was interrupted.
    pub(super) fn say_what_waits(&mut self) -> Result<(), Trouble> {
        let said = match self.state {
            State::Turn { ends_by: None, .. } => {
                std::mem::take(&mut self.to_say).into_iter().try_for_each(|text| self.steer(text))
            }
            State::Idle if self.untaken == Untaken::WaitsForMessage => {
                self.put_off();
                Ok(())
            }
            State::Idle => match self.to_say.pop_front() {
                Some(text) => {
                    self.note(Tone::Dim, "the turn is over: this begins the next one");
                    self.send(&text)
                }
                None => Ok(()),
            },
            // What is being ended is told nothing more.
            State::Turn { ends_by: Some(_), .. } | State::Opening | State::None => Ok(()),
        };
        // The connection's end is heard as well, and says more.
        said.or_else(|trouble| if trouble.kind == Kind::ConnectionLost { Ok(()) } else { Err(trouble) })
    }

    fn put_off(&mut self) {
        for text in std::mem::take(&mut self.to_say) {
            self.display.loud(Tone::Warn, &format!("not yet given to the model: {text}"));
            self.note(Tone::Dim, "it goes first with your next message");
            self.put_off.push(text);
        }
    }

    /// How the turn has ended.
    pub(super) fn tell_end(&mut self, end: &TurnEnd<'_>) -> Result<(), Trouble> {
        let lines = self.pieces.cut_off();
        self.say(&lines)?;
        self.enter(State::Idle);
        let trouble = self.why_not_well(end).or_else(|| self.breaks_schema());
        let took = self.turn_summary.latency().map_or_else(String::new, |latency| {
            format!(" ({})", took(latency.as_secs_f64(), self.turn_summary.tokens().unwrap_or_default()))
        });
        match &trouble {
            None => self.note(Tone::Dim, &format!("done{took}")),
            Some(trouble) if trouble.kind == Kind::Interrupted => {
                self.failed(trouble.kind.exit_code());
                self.note(Tone::Warn, &format!("{}{took}", trouble.message));
            }
            Some(trouble) => self.trouble(trouble),
        }
        if self.options.cli.output.summary {
            let turn = self.turn_id.take();
            let report = Report::new(Some(&self.session), turn, &self.turn_summary, vec![], trouble.as_ref());
            self.options.notices.say(harmless(&report.summary()));
        }
        if self.is_outlived() {
            self.note(Tone::Dim, "sub-agents of it still work: Ctrl-C ends them");
        }
        if trouble.is_none() {
            self.keep_answer()?;
        }
        self.pieces = self.display.pieces();
        Ok(())
    }

    fn breaks_schema(&self) -> Option<Trouble> {
        let schema = self.options.schema.as_ref().filter(|_| self.has_schema);
        answer_schema::check(schema, self.turn_summary.last_message()).err()
    }

    fn why_not_well(&mut self, end: &TurnEnd<'_>) -> Option<Trouble> {
        Some(match end {
            TurnEnd::Completed => return None,
            TurnEnd::Interrupted => Trouble::new(Kind::Interrupted, "interrupted"),
            TurnEnd::Failed { message, kind } => {
                let told = self.last_error.take().filter(|_| message.is_empty());
                let message = told.as_deref().unwrap_or(message);
                Trouble::new(Kind::Turn(*kind), format!("the turn failed: {message}"))
            }
            TurnEnd::Unknown(word) => Trouble::new(
                Kind::Protocol,
                format!("the turn ended in a way that is not known here: {word}"),
            ),
        })
    }
}
