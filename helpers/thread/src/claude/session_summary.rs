//! What a conversation with Claude has come to so far, told in the words that a turn of Codex is told in. Pure: the time
//! is told.

use std::time::Instant;

use clodex_claude_code::{Ended, OutputLine as Claude};
use clodex_codex::app_server::TurnEnd;
use clodex_core::{Event, Usage};

use crate::session::Heard;
use crate::turn_summary::TurnSummary;

/// How many complaints are kept.
const KEPT: usize = 50;

/// A conversation, told.
#[derive(Debug, Default)]
pub struct SessionSummary {
    /// What every turn has.
    pub turn_summary: TurnSummary,
    session: Option<String>,
    version: Option<String>,
    structured: Option<serde_json::Value>,
    tokens: Usage,
    cost_usd: Option<f64>,
    session_cost_usd: Option<f64>,
    complaints: Vec<String>,
}

impl SessionSummary {
    /// It is asked now.
    pub fn asked(&mut self, now: Instant) {
        self.turn_summary.asked(now);
    }

    /// Takes in what was heard, and says it in common words.
    pub fn hear(&mut self, heard: &Claude, now: Instant) -> Vec<Heard> {
        let common = self.common(heard);
        for heard in &common {
            self.turn_summary.hear(heard, now);
        }
        common
    }

    fn common(&mut self, heard: &Claude) -> Vec<Heard> {
        match heard {
            Claude::Began(began) => {
                self.session = Some(began.session_id.clone());
                self.version.clone_from(&began.version);
                began.model.clone().map(Heard::ModelIs).into_iter().collect()
            }
            Claude::Piece(text) => vec![Heard::Part(text.clone())],
            Claude::Message(message) => {
                let model =
                    message.model.clone().filter(|model| Some(model.as_str()) != self.turn_summary.model());
                // What Claude Code says in the model's place is what went wrong, and told as that.
                let said = message.error.is_none() && !message.text.is_empty();
                let text = said.then(|| Event::Message { text: message.text.clone().into() });
                let calls = message.calls.iter().map(|call| Event::ToolStarted {
                    item: String::new().into(),
                    name: call.name.clone().into(),
                    about: call.about().into(),
                });
                let events = text.into_iter().chain(calls).map(Heard::Event);
                model.map(Heard::ModelIs).into_iter().chain(events).collect()
            }
            Claude::Retrying(retry) => {
                let why = retry.error.as_deref().unwrap_or("unknown");
                let status = retry.error_status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
                let message = format!("try {} of {} failed: {why}{status}", retry.attempt, retry.max_retries);
                vec![Heard::Event(Event::Reconnecting { message: message.into() })]
            }
            Claude::Ended(ended) => self.ended(ended),
            Claude::Asked(_)
            | Claude::AskedElse { .. }
            | Claude::Withdrawn(_)
            | Claude::Answered
            | Claude::Blocked(_)
            | Claude::Background(_)
            | Claude::Else(_) => Vec::new(),
        }
    }

    fn ended(&mut self, ended: &Ended) -> Vec<Heard> {
        if self.session.is_none() && !ended.session_id.is_empty() && ended.subtype == "success" {
            self.session = Some(ended.session_id.clone());
        }
        self.structured.clone_from(&ended.structured_output);
        let shares = ended.model_usage_since_last_result.values();
        let costs: Vec<f64> = shares.map(|share| share.cost_usd).collect();
        if !costs.is_empty() {
            self.cost_usd = Some(self.cost_usd.unwrap_or_default() + costs.iter().sum::<f64>());
        }
        self.session_cost_usd = ended.total_cost_usd;
        let usage = ended.usage;
        let last = Usage {
            input: usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens,
            cached_input: usage.cache_read_input_tokens,
            output: usage.output_tokens,
            reasoning: usage.output_tokens_details.thinking_tokens,
        };
        self.tokens.input += last.input;
        self.tokens.cached_input += last.cached_input;
        self.tokens.output += last.output;
        self.tokens.reasoning += last.reasoning;
        let mut common = vec![Heard::Tokens { total: self.tokens, last }];
        // An answer by the schema is a tool's argument, and no message.
        if let (Some(_), Some(text)) = (&ended.structured_output, &ended.result) {
            common.push(Heard::Event(Event::Message { text: text.clone().into() }));
        }
        common.push(Heard::TurnEnded(TurnEnd::Completed));
        common
    }

    /// Claude Code complains on stderr.
    pub fn complained(&mut self, text: String) {
        if self.complaints.len() < KEPT {
            self.complaints.push(text);
        }
    }

    /// What it complained of.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// The session's id.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Claude Code's version.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The answer that follows the schema.
    pub const fn structured(&self) -> Option<&serde_json::Value> {
        self.structured.as_ref()
    }

    /// US dollars for this question; none = not told.
    pub const fn cost_usd(&self) -> Option<f64> {
        self.cost_usd
    }

    /// US dollars for the session so far; none = not told.
    pub const fn session_cost_usd(&self) -> Option<f64> {
        self.session_cost_usd
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(recorded: &str) -> SessionSummary {
        let mut session_summary = SessionSummary::default();
        let now = Instant::now();
        session_summary.asked(now);
        for line in recorded.lines() {
            session_summary.hear(&Claude::read(line.as_bytes()).unwrap(), now);
        }
        session_summary
    }

    fn messages(session_summary: &SessionSummary) -> Vec<String> {
        session_summary.turn_summary.messages().into_iter().map(|said| said.text).collect()
    }

    fn near(cost: Option<f64>, wanted: f64) -> bool {
        cost.is_some_and(|cost| (cost - wanted).abs() < 1e-9)
    }

    #[test]
    fn an_answer_is_told_apart_from_what_came_before_it() {
        let session_summary = told(include_str!("../../../../tests/fixtures/claude/answer.jsonl"));
        assert_eq!(messages(&session_summary), ["I look", "the answer"]);
        assert_eq!(session_summary.turn_summary.model(), Some("claude-opus-5-5"));
        assert_eq!(
            (session_summary.session(), session_summary.version()),
            (Some("00c1a0de-0000-4000-8000-000000000000"), Some("2.1.329"))
        );
        let usage = Usage { input: 3600, cached_input: 600, output: 150, reasoning: 0 };
        assert_eq!(session_summary.turn_summary.tokens(), Some(usage));
        assert!(
            near(session_summary.cost_usd(), 0.01512) && near(session_summary.session_cost_usd(), 0.01512),
            "{session_summary:?}"
        );
    }

    #[test]
    fn turns_that_the_background_causes_are_one_question() {
        let session_summary = told(include_str!("../../../../tests/fixtures/claude/background.jsonl"));
        assert_eq!(messages(&session_summary), ["started", "woken"]);
        assert_eq!(session_summary.turn_summary.tokens().map(|usage| usage.output), Some(150));
        assert!(near(session_summary.cost_usd(), 0.01512), "{session_summary:?}");
    }

    #[test]
    fn an_answer_by_the_schema_is_the_last_message() {
        let session_summary = told(include_str!("../../../../tests/fixtures/claude/schema.jsonl"));
        assert_eq!(messages(&session_summary), [r#"{"a":1}"#]);
        assert_eq!(session_summary.structured(), Some(&serde_json::json!({ "a": 1 })));
    }

    #[test]
    fn what_went_wrong_is_no_message_and_no_session() {
        let session_summary = told(include_str!("../../../../tests/fixtures/claude/not-logged-in.jsonl"));
        assert_eq!(messages(&session_summary), [""; 0]);
        let session_summary = told(include_str!("../../../../tests/fixtures/claude/no-session.jsonl"));
        assert_eq!(session_summary.session(), None);
    }
}
