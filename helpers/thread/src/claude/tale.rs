//! What a conversation with Claude has come to so far, told in the words that a turn of Codex is told in. Pure: the time
//! is told.

use std::time::Instant;

use clodex_claude_code::{Ended, Heard as Claude};
use clodex_codex::app_server::TurnEnd;
use clodex_core::{Event, Usage};

use crate::session::Heard;
use crate::story::Story;

/// How many complaints are kept.
const KEPT: usize = 50;

/// A conversation, told.
#[derive(Debug, Default)]
pub struct Tale {
    /// What every turn has.
    pub story: Story,
    session: Option<String>,
    version: Option<String>,
    structured: Option<serde_json::Value>,
    tokens: Usage,
    cost_usd: Option<f64>,
    session_cost_usd: Option<f64>,
    complaints: Vec<String>,
}

impl Tale {
    /// It is asked now.
    pub fn asked(&mut self, now: Instant) {
        self.story.asked(now);
    }

    /// Takes in what was heard, and says it in common words.
    pub fn hear(&mut self, heard: &Claude, now: Instant) -> Vec<Heard> {
        let common = self.common(heard);
        for heard in &common {
            self.story.hear(heard, now);
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
                let model = message.model.clone().filter(|model| Some(model.as_str()) != self.story.model());
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
            reasoning: 0,
        };
        self.tokens.input += last.input;
        self.tokens.cached_input += last.cached_input;
        self.tokens.output += last.output;
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

    fn told(recorded: &str) -> Tale {
        let mut tale = Tale::default();
        let now = Instant::now();
        tale.asked(now);
        for line in recorded.lines() {
            tale.hear(&Claude::read(line.as_bytes()).unwrap(), now);
        }
        tale
    }

    fn messages(tale: &Tale) -> Vec<String> {
        tale.story.messages().into_iter().map(|said| said.text).collect()
    }

    fn near(cost: Option<f64>, wanted: f64) -> bool {
        cost.is_some_and(|cost| (cost - wanted).abs() < 1e-9)
    }

    #[test]
    fn an_answer_is_told_apart_from_what_came_before_it() {
        let tale = told(include_str!("../../../../tests/fixtures/claude/answer.jsonl"));
        assert_eq!(messages(&tale), ["I look", "the answer"]);
        assert_eq!(tale.story.model(), Some("claude-opus-5-5"));
        assert_eq!(
            (tale.session(), tale.version()),
            (Some("00c1a0de-0000-4000-8000-000000000000"), Some("2.1.329"))
        );
        let usage = Usage { input: 3600, cached_input: 600, output: 150, reasoning: 0 };
        assert_eq!(tale.story.tokens(), Some(usage));
        assert!(near(tale.cost_usd(), 0.01512) && near(tale.session_cost_usd(), 0.01512), "{tale:?}");
    }

    #[test]
    fn turns_that_the_background_causes_are_one_question() {
        let tale = told(include_str!("../../../../tests/fixtures/claude/background.jsonl"));
        assert_eq!(messages(&tale), ["started", "woken"]);
        assert_eq!(tale.story.tokens().map(|usage| usage.output), Some(150));
        assert!(near(tale.cost_usd(), 0.01512), "{tale:?}");
    }

    #[test]
    fn an_answer_by_the_schema_is_the_last_message() {
        let tale = told(include_str!("../../../../tests/fixtures/claude/schema.jsonl"));
        assert_eq!(messages(&tale), [r#"{"a":1}"#]);
        assert_eq!(tale.structured(), Some(&serde_json::json!({ "a": 1 })));
    }

    #[test]
    fn what_went_wrong_is_no_message_and_no_session() {
        let tale = told(include_str!("../../../../tests/fixtures/claude/not-logged-in.jsonl"));
        assert_eq!(messages(&tale), [""; 0]);
        let tale = told(include_str!("../../../../tests/fixtures/claude/no-session.jsonl"));
        assert_eq!(tale.session(), None);
    }
}
