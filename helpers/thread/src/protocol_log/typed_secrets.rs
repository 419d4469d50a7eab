//! What a person has typed because Codex asked for a secret: it has no form that tells it, and is known by the question
//! that it answers. Pure.

use std::borrow::Cow;

use clodex_codex::app_server::{Asked, Question};
use clodex_core::Visibility;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The member that tells a question for a secret; where it is missing nothing has to be read.
const TELLING: &str = "isSecret";
const MARK: &str = "\"[redacted]\"";
/// Shorter words would be found everywhere.
const SHORTEST: usize = 4;

/// What was asked for in secret, and what was answered.
#[derive(Debug, Default)]
pub struct TypedSecrets {
    /// Ids of the questions that wait, as they were written.
    asked: Vec<String>,
    /// The answers, as they are written within a text.
    words: Vec<String>,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    method: Option<String>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
}

impl TypedSecrets {
    /// Whether any was typed so far.
    pub const fn are_known(&self) -> bool {
        !self.words.is_empty()
    }

    /// The message without them.
    pub fn without<'a>(&mut self, message: &'a str) -> Cow<'a, str> {
        let mut clean = Cow::Borrowed(message);
        if let Some(result) = self.answer(message) {
            self.words.extend(texts(result).into_iter().filter(|word| word.len() >= SHORTEST));
            clean = Cow::Owned(message.replacen(result, MARK, 1));
        }
        for word in &self.words {
            if clean.contains(word.as_str()) {
                clean = Cow::Owned(clean.replace(word.as_str(), "[redacted]"));
            }
        }
        clean
    }

    /// The answer that this message is to a question for a secret; such a question is remembered.
    fn answer<'a>(&mut self, message: &'a str) -> Option<&'a str> {
        if self.asked.is_empty() && !message.contains(TELLING) {
            return None;
        }
        let frame: Frame<'a> = serde_json::from_str(message).ok()?;
        let id = frame.id?.get();
        match frame.method {
            Some(method) if wants_secret(&method, frame.params) => self.asked.push(id.to_owned()),
            Some(_) => {}
            None => {
                let at = self.asked.iter().position(|asked| asked == id)?;
                let result = frame.result?.get();
                self.asked.swap_remove(at);
                return Some(result);
            }
        }
        None
    }
}

fn wants_secret(method: &str, params: Option<&RawValue>) -> bool {
    match Asked::read(method, params.map(RawValue::get)).question {
        Question::UserInput(form) => form.parts().any(|part| part.visibility == Visibility::Secret),
        Question::Command { .. }
        | Question::Patch { .. }
        | Question::Permissions { .. }
        | Question::Elicitation { .. }
        | Question::ToolCall { .. }
        | Question::CurrentTime
        | Question::NotOurs(_)
        | Question::Unknown(_) => false,
    }
}

/// The answers of a result, as they are written within a text.
fn texts(result: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let read: serde_json::Value = serde_json::from_str(result).unwrap_or_default();
    let answers = read["answers"].as_object().into_iter().flat_map(serde_json::Map::values);
    for answer in answers.flat_map(|answer| answer["answers"].as_array().into_iter().flatten()) {
        let written = answer.to_string();
        texts.push(written.trim_matches('"').to_owned());
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answers_a_question_for_a_secret_is_in_no_message_from_then_on() {
        let mut secrets = TypedSecrets::default();
        let ask = |secret: bool, id: u64| {
            format!(
                r#"{{"id":{id},"method":"item/tool/requestUserInput","params":{{"questions":[{{"id":"q","isSecret":{secret}}}]}}}}"#
            )
        };
        let answer =
            |id: u64| format!(r#"{{"id":{id},"result":{{"answers":{{"q":{{"answers":["tulip \" x"]}}}}}}}}"#);
        assert_eq!(secrets.without(&ask(false, 0)), ask(false, 0));
        assert_eq!(secrets.without(&answer(0)), answer(0));
        assert_eq!(secrets.without(&ask(true, 1)), ask(true, 1));
        assert_eq!(
            secrets.without(r#"{"id":7,"result":{"answers":1}}"#),
            r#"{"id":7,"result":{"answers":1}}"#
        );
        assert!(!secrets.are_known());
        assert_eq!(secrets.without(&answer(1)), r#"{"id":1,"result":"[redacted]"}"#);
        assert!(secrets.are_known());
        let said_again = r#"{"method":"m","params":{"text":"it is tulip \" x"}}"#;
        assert_eq!(secrets.without(said_again), r#"{"method":"m","params":{"text":"it is [redacted]"}}"#);
    }
}
