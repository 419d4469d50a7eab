//! JSON without what looks like a secret, by its form or by the name that it stands under, and otherwise as it was: the
//! order of its members, those that stand twice, every digit of its numbers. A text that comes in pieces is left out: no
//! piece shows whether it is one of a secret, and the whole comes after them. Pure.

use std::borrow::Cow;
use std::fmt;

use clodex_transcript::redact;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::{RawValue, to_raw_value};

/// What stands in a secret's place.
const MARK: &str = "\"[redacted]\"";
/// Deeper than anything that is said; what lies below is cleaned as one text.
const DEEPEST: usize = 100;

/// The message; what is no JSON becomes a text.
pub fn clean(message: &str) -> Box<RawValue> {
    let mut to = String::with_capacity(message.len());
    match serde_json::from_str::<&RawValue>(message) {
        Ok(value) => write_clean(value.get(), Under::Plain, DEEPEST, &mut to),
        Err(_) => to.push_str(&text(message)),
    }
    RawValue::from_string(to).expect("what is put together of JSON is JSON")
}

/// What a value stands under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Under {
    Plain,
    /// The name of a secret.
    Secret,
    /// The name of a piece of a text.
    Piece,
}

impl Under {
    /// A member of what stands under this.
    fn member(self, name: &str) -> Self {
        match (self, name) {
            (Self::Secret, _) => Self::Secret,
            (Self::Plain | Self::Piece, name) if is_secret(name) => Self::Secret,
            // Of a piece that is an object: what kind it is, and of the last one why there are no more.
            (Self::Piece, "type" | "stop_reason") => Self::Plain,
            (Self::Piece, _) | (Self::Plain, "delta" | "deltaBase64") => Self::Piece,
            (Self::Plain, _) => Self::Plain,
        }
    }

    /// What stands in this text's place, as JSON; none = it stays.
    fn instead_of(self, text: &str) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        match self {
            Self::Secret => Some(MARK.to_owned()),
            Self::Piece => Some(format!("\"[{} bytes]\"", text.len())),
            Self::Plain => match redact(text) {
                (_, 0) => None,
                (clean, _) => Some(json_text(&clean)),
            },
        }
    }
}

fn write_clean(value: &str, under: Under, deepest: usize, to: &mut String) {
    match value.as_bytes().first() {
        Some(b'{' | b'[') if deepest == 0 => {
            to.push_str(&under.instead_of(value).unwrap_or_else(|| json_text(value)));
        }
        Some(b'{') => {
            let Members(members) = serde_json::from_str(value).unwrap_or_default();
            to.push('{');
            for (number, (name, value)) in members.iter().enumerate() {
                to.push_str(if number > 0 { "," } else { "" });
                to.push_str(&json_text(name));
                to.push(':');
                write_clean(value.get(), under.member(name), deepest - 1, to);
            }
            to.push('}');
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(value).unwrap_or_default();
            to.push('[');
            for (number, item) in items.iter().enumerate() {
                to.push_str(if number > 0 { "," } else { "" });
                write_clean(item.get(), under, deepest - 1, to);
            }
            to.push(']');
        }
        Some(b'"') => {
            let read: Cow<'_, str> = serde_json::from_str(value).map(|Text(read)| read).unwrap_or_default();
            to.push_str(under.instead_of(&read).as_deref().unwrap_or(value));
        }
        Some(_) | None => to.push_str(value),
    }
}

fn text(value: &str) -> String {
    json_text(&redact(value).0)
}

fn json_text(text: &str) -> String {
    to_raw_value(text).expect("a text can be written as JSON").get().to_owned()
}

/// Whether what stands under this name is a secret whatever it looks like.
fn is_secret(name: &str) -> bool {
    let name: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    ["password", "passphrase", "secret", "apikey", "privatekey", "authorization", "cookie"]
        .iter()
        .any(|word| name.contains(word))
        || name.ends_with("token")
}

#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members of an object as they stand there.
#[derive(Default)]
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_gone_by_their_form_and_by_their_name() {
        for (said, wanted) in [
            (r#"{"accessToken":"plain words","x":1}"#, r#"{"accessToken":"[redacted]","x":1}"#),
            (
                r#"{"secret":{"value":"x","n":1},"password":["hunter2",""]}"#,
                r#"{"secret":{"value":"[redacted]","n":1},"password":["[redacted]",""]}"#,
            ),
            (r#"{"GITHUB_TOKEN":"plain"}"#, r#"{"GITHUB_TOKEN":"[redacted]"}"#),
            (r#"{"env":["API_KEY=abcdef123456"]}"#, r#"{"env":["API_KEY=[redacted]"]}"#),
            (
                r#"[{"text":"use ghp_abcdefghij0123456789 \"please\""}]"#,
                r#"[{"text":"use [redacted] \"please\""}]"#,
            ),
            ("ghp_abcdefghij0123456789", r#""[redacted]""#),
        ] {
            assert_eq!(clean(said).get(), wanted);
        }
    }

    #[test]
    fn of_a_text_that_comes_in_pieces_only_their_lengths_are_left() {
        for (said, wanted) in [
            (
                r#"{"method":"item/agentMessage/delta","params":{"delta":"ghp_","itemId":"m"}}"#,
                r#"{"method":"item/agentMessage/delta","params":{"delta":"[4 bytes]","itemId":"m"}}"#,
            ),
            (r#"{"deltaBase64":"Z2hw","delta":""}"#, r#"{"deltaBase64":"[4 bytes]","delta":""}"#),
            (
                r#"{"delta":{"type":"text_delta","text":"gh\u00fc","token":"x"},"index":0}"#,
                r#"{"delta":{"type":"text_delta","text":"[4 bytes]","token":"[redacted]"},"index":0}"#,
            ),
            (
                r#"{"delta":{"stop_reason":"end_turn","stop_sequence":null}}"#,
                r#"{"delta":{"stop_reason":"end_turn","stop_sequence":null}}"#,
            ),
        ] {
            assert_eq!(clean(said).get(), wanted);
        }
    }

    #[test]
    fn all_else_stays_as_it_was() {
        for said in [
            r#"{"b":1,"a":2,"id":"x","id":"y","n":1.50,"big":123456789012345678901234567890}"#,
            r#"{"tokenUsage":{"total":7},"token":"","secret":null,"text":"\u00fc\/ü"}"#,
            "[]",
            "null",
        ] {
            assert_eq!(clean(said).get(), said);
        }
        let deep = format!("{}1{}", "[".repeat(2000), "]".repeat(2000));
        assert!(clean(&deep).get().contains("[["));
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_said_becomes_json(said in ".{0,40}") {
            clean(&said);
        }
    }
}
