//! What is said to a run while it lives, and what became of it. Both lie as files in the run's inbox; how they get
//! there is not known here.

use serde::{Deserialize, Serialize};

use crate::PartAnswer;

/// Format version of both.
pub const LIVE_MESSAGE_VERSION: u32 = 1;
/// What can be said at once, in bytes.
pub const LIVE_TEXT_MAX_BYTES: usize = 1 << 20;

/// Something that somebody says to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveMessage {
    /// [`LIVE_MESSAGE_VERSION`].
    pub version: u32,
    /// What it is to do.
    pub wish: LiveWish,
}

/// What a run is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LiveWish {
    /// Tell the model this.
    Steer(String),
    /// End the turn and what it runs, and wait.
    Interrupt,
    /// Answer a question.
    Answer {
        /// Its id in the record.
        request: String,
        /// What to say.
        reply: LiveReply,
    },
}

/// An answer to a question of Codex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LiveReply {
    /// Do it, this once.
    Accept,
    /// Do not; the turn goes on.
    Decline,
    /// Do not, and end the turn.
    Cancel,
    /// These words.
    Text(String),
    /// Words to each part of it.
    Answers(Vec<PartAnswer>),
}

/// What became of a message, for whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveOutcome {
    /// [`LIVE_MESSAGE_VERSION`].
    pub version: u32,
    /// What became of it.
    pub fate: LiveFate,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LiveFate {
    /// It is done; how, where there is something to say about it.
    Delivered(Option<String>),
    /// It waits; for what.
    Queued(String),
    /// It was not done and will not be; why.
    Refused(String),
    /// It was not done, because the run ended first; how.
    Ended(String),
    /// Nobody can know whether it was done; why.
    Unknown(String),
}

impl LiveMessage {
    /// A message of this version.
    pub fn new(wish: LiveWish) -> Self {
        Self { version: LIVE_MESSAGE_VERSION, wish }
    }
}

impl LiveOutcome {
    /// An outcome of this version.
    pub fn new(fate: LiveFate) -> Self {
        Self { version: LIVE_MESSAGE_VERSION, fate }
    }
}

impl LiveReply {
    /// Reads the word of a decision; none for anything else, which is a text.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "accept" => Some(Self::Accept),
            "decline" => Some(Self::Decline),
            "cancel" => Some(Self::Cancel),
            _ => None,
        }
    }
}

impl LiveFate {
    /// Whether nothing more becomes of it.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Delivered(_) | Self::Refused(_) | Self::Ended(_) | Self::Unknown(_) => true,
            Self::Queued(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_outcomes_read_back_as_they_were_written() {
        let written = [
            (LiveWish::Steer("keep\nit".into()), r#"{"version":1,"wish":{"steer":"keep\nit"}}"#),
            (LiveWish::Interrupt, r#"{"version":1,"wish":"interrupt"}"#),
            (
                LiveWish::Answer { request: "2".into(), reply: LiveReply::Text("blue".into()) },
                r#"{"version":1,"wish":{"answer":{"request":"2","reply":{"text":"blue"}}}}"#,
            ),
            (
                LiveWish::Answer { request: "2".into(), reply: LiveReply::Accept },
                r#"{"version":1,"wish":{"answer":{"request":"2","reply":"accept"}}}"#,
            ),
        ];
        for (wish, text) in written {
            let message = LiveMessage::new(wish);
            assert_eq!(serde_json::to_string(&message).unwrap(), text);
            assert_eq!(serde_json::from_str::<LiveMessage>(text).unwrap(), message);
        }
        let outcome = r#"{"version":1,"fate":{"delivered":null}}"#;
        assert_eq!(
            serde_json::from_str::<LiveOutcome>(outcome).unwrap(),
            LiveOutcome::new(LiveFate::Delivered(None))
        );
        assert!(serde_json::from_str::<LiveMessage>(r#"{"version":1,"wish":"stop"}"#).is_err());
    }
}
