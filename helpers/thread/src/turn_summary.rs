//! The summary of a turn, folded from what is heard of it. Pure: the time is told.

use std::time::{Duration, Instant};

use clodex_core::{Event, Usage};
use serde::Serialize;

use crate::session::Heard;

/// A turn, told.
#[derive(Debug, Default)]
pub struct TurnSummary {
    messages: Vec<Message>,
    /// The message that is being written.
    part: String,
    asked_at: Option<Instant>,
    first_part_at: Option<Instant>,
    ended_at: Option<Instant>,
    /// Tokens of the thread before this turn.
    before: Option<Usage>,
    total: Option<Usage>,
    model: Option<String>,
    warnings: Vec<String>,
}

/// A message of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The message, byte for byte.
    pub text: String,
    /// Whether it was told to its end.
    pub complete: bool,
}

impl TurnSummary {
    /// The turn is asked for now.
    pub fn asked(&mut self, now: Instant) {
        self.asked_at = Some(now);
    }

    /// Whether the turn was asked for.
    pub const fn was_asked(&self) -> bool {
        self.asked_at.is_some()
    }

    /// Whether the turn's end was heard.
    pub const fn has_ended(&self) -> bool {
        self.ended_at.is_some()
    }

    /// Takes in what was heard.
    pub fn hear(&mut self, heard: &Heard, now: Instant) {
        match heard {
            Heard::Open(open) => self.model = Some(open.model.clone()).filter(|model| !model.is_empty()),
            Heard::ModelIs(model) => self.model = Some(model.clone()),
            Heard::Part(part) => {
                self.first_part_at.get_or_insert(now);
                self.part.push_str(part);
            }
            Heard::Event(event) => self.happened(event, now),
            Heard::Tokens { total, last } => {
                self.before.get_or_insert_with(|| less(*total, *last));
                self.total = Some(*total);
            }
            Heard::TokensBefore(total) => self.before = Some(*total),
            Heard::TurnEnded(_) => self.ended_at = Some(now),
            Heard::Configured(..)
            | Heard::NotOpen(_)
            | Heard::TurnBegun(_)
            | Heard::NoTurn(_)
            | Heard::Asked(_)
            | Heard::Resolved(_)
            | Heard::Steered(_)
            | Heard::NotSteered(..)
            | Heard::NotRead(_)
            | Heard::Threads(..)
            | Heard::Models(_)
            | Heard::AsksNoMore(_)
            | Heard::Cleaned(_)
            | Heard::Other
            | Heard::Elsewhere
            | Heard::Woken
            | Heard::Closed(_) => {}
        }
    }

    fn happened(&mut self, event: &Event<'_>, now: Instant) {
        match event {
            Event::Message { text } => {
                self.first_part_at.get_or_insert(now);
                self.part.clear();
                self.messages.push(Message { text: text.to_string(), complete: true });
            }
            Event::Warning { message } | Event::Reconnecting { message } => {
                self.warnings.push(message.to_string());
            }
            Event::ThreadStarted { .. }
            | Event::TurnStarted
            | Event::Reasoning { .. }
            | Event::CommandStarted { .. }
            | Event::CommandEnded { .. }
            | Event::FilesChanging { .. }
            | Event::FilesChanged { .. }
            | Event::ToolStarted { .. }
            | Event::ToolEnded { .. }
            | Event::Plan { .. }
            | Event::Error { .. }
            | Event::TokensUsed { .. }
            | Event::TurnCompleted { .. }
            | Event::TurnFailed { .. }
            | Event::Unknown { .. }
            | Event::Garbage => {}
        }
    }

    /// The messages so far; the last one may be incomplete.
    pub fn messages(&self) -> Vec<Message> {
        let part = (!self.part.is_empty()).then(|| Message { text: self.part.clone(), complete: false });
        self.messages.iter().cloned().chain(part).collect()
    }

    /// The last whole message: the final answer, where the turn has ended well.
    pub fn last_message(&self) -> Option<&str> {
        self.messages.last().map(|said| said.text.as_str())
    }

    /// The model that answers.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// What should be known and stopped nothing, in Codex's words.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Tokens of this turn; none = not told.
    pub fn tokens(&self) -> Option<Usage> {
        let (before, total) = (self.before?, self.total?);
        Some(less(total, before))
    }

    /// From asking to the turn's end; none = it has not ended.
    pub fn latency(&self) -> Option<Duration> {
        Some(self.ended_at?.duration_since(self.asked_at?))
    }

    /// From asking to the first word of an answer.
    pub fn time_to_first_token(&self) -> Option<Duration> {
        Some(self.first_part_at?.duration_since(self.asked_at?))
    }
}

fn less(total: Usage, part: Usage) -> Usage {
    Usage {
        input: total.input.saturating_sub(part.input),
        cached_input: total.cached_input.saturating_sub(part.cached_input),
        output: total.output.saturating_sub(part.output),
        reasoning: total.reasoning.saturating_sub(part.reasoning),
    }
}

#[cfg(test)]
mod tests {
    use clodex_codex::app_server::TurnEnd;

    use super::*;

    fn usage(input: u64) -> Usage {
        Usage { input, ..Usage::default() }
    }

    fn message(text: &'static str) -> Heard {
        Heard::Event(Event::Message { text: text.into() })
    }

    #[test]
    fn messages_stay_apart_and_a_half_one_is_told_as_such() {
        let mut turn_summary = TurnSummary::default();
        let now = Instant::now();
        for heard in [
            Heard::Part("fi".into()),
            Heard::Part("rst".into()),
            message("first"),
            message("last"),
            Heard::Part("ha".into()),
        ] {
            turn_summary.hear(&heard, now);
        }
        let said = |text: &str, complete| Message { text: text.to_owned(), complete };
        assert_eq!(turn_summary.messages(), [said("first", true), said("last", true), said("ha", false)]);
        assert_eq!(turn_summary.last_message(), Some("last"));
    }

    #[test]
    fn tokens_are_those_of_the_turn_whatever_the_thread_had_before() {
        let mut turn_summary = TurnSummary::default();
        let now = Instant::now();
        turn_summary.asked(now);
        turn_summary.hear(&Heard::TokensBefore(usage(1000)), now);
        assert_eq!(turn_summary.tokens(), None);
        turn_summary.hear(&Heard::Tokens { total: usage(1100), last: usage(100) }, now);
        turn_summary.hear(&Heard::Tokens { total: usage(1350), last: usage(250) }, now);
        assert_eq!(turn_summary.tokens(), Some(usage(350)));

        let mut untold = TurnSummary::default();
        untold.hear(&Heard::Tokens { total: usage(1100), last: usage(100) }, now);
        assert_eq!(untold.tokens(), Some(usage(100)));
    }

    #[test]
    fn times_are_told_only_where_there_is_something_to_tell() {
        let mut turn_summary = TurnSummary::default();
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        turn_summary.asked(at(0));
        turn_summary.hear(&Heard::Other, at(5));
        assert_eq!((turn_summary.time_to_first_token(), turn_summary.latency()), (None, None));
        turn_summary.hear(&Heard::Part("x".into()), at(10));
        turn_summary.hear(&message("x"), at(20));
        turn_summary.hear(&Heard::TurnEnded(TurnEnd::Completed), at(30));
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!((turn_summary.time_to_first_token(), turn_summary.latency()), (ms(10), ms(30)));
    }
}
