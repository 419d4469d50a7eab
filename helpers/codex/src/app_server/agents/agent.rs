//! What is known of one agent, and what can happen to it.

use clodex_core::{Event, FailureKind, Usage};
use clodex_json_rpc::{Closed, Id};
use serde_json::value::RawValue;

use crate::app_server::call::OpenThread;
use crate::app_server::client::{CallError, Question};
use crate::app_server::notice::TurnEnd;

/// What is known of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its thread; absent until it is open.
    pub thread_id: Option<String>,
    /// The turn that it works on.
    pub turn_id: Option<String>,
    /// What it does.
    pub status: AgentStatus,
    /// The last whole message of the last turn.
    pub answer: Option<String>,
    /// Tokens of its thread so far.
    pub usage: Usage,
    /// Names what it was told last, so that a turn whose beginning was not heard can be found again.
    pub(super) said: Option<String>,
}

/// What an agent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentStatus {
    /// Its thread is not open yet.
    Opening,
    /// It has had nothing to do so far.
    Idle,
    /// It works on a turn.
    Processing,
    /// It has done what it was told last.
    Completed,
    /// Its last turn failed, was interrupted, or ended nobody knows how.
    Stopped,
    /// Nobody can know: its connection was lost, or its turn was asked for and that had no answer.
    Unknown,
}

/// What happened to which agent.
#[derive(Debug)]
pub enum AgentEvent {
    /// It can be talked with.
    Open(String, Box<OpenThread>),
    /// A piece of what it says, while it says it.
    Part(String, String),
    /// Something that a run's story has a word for.
    Event(String, Event<'static>),
    /// It wants to know something.
    Asked(String, Question),
    /// A question of it, by its id, is no longer open: answered by another client, or gone with its turn.
    Resolved(String, Id),
    /// Its turn has ended.
    Ended(String, Ended),
    /// What it was told while it worked has reached it.
    Steered(String),
    /// Something that was asked for it did not work.
    Failed(String, CallError),
    /// It concerns no agent: the method of a notification, or text that is no message.
    Other(String),
    /// Nothing more will happen to anybody; what was under way is unknown, unless [`super::Agents::reconnect`] finds it
    /// out.
    Closed(Closed),
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With this last message.
    Well(Option<String>),
    /// It was interrupted.
    Interrupted,
    /// It failed: in Codex's words, and what kind of failure it is.
    Failed(String, FailureKind),
    /// Nobody can know how, and why; it is no success.
    Unknown(String),
}

/// What an agent cannot be asked now.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// There is none.
    #[error("there is no agent `{0}`")]
    Unknown(String),
    /// There is one already.
    #[error("there is an agent `{0}` already")]
    Exists(String),
    /// It is doing something else.
    #[error("agent `{name}` is {status:?}")]
    Wrong {
        /// Its name.
        name: String,
        /// What it does.
        status: AgentStatus,
    },
    /// Codex cannot be asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// What holds for one turn, or from it on.
#[derive(Debug, Clone, Copy, Default)]
pub struct TurnSettings<'a> {
    /// Reasoning effort.
    pub effort: Option<&'a str>,
    /// Model, from now on.
    pub model: Option<&'a str>,
    /// JSON schema of the final answer.
    pub output_schema: Option<&'a RawValue>,
}

impl Agent {
    pub(super) fn opening() -> Self {
        Self {
            thread_id: None,
            turn_id: None,
            status: AgentStatus::Opening,
            answer: None,
            usage: Usage::default(),
            said: None,
        }
    }

    /// A turn that was asked for was not answered. It may have begun all the same, unless Codex has refused it.
    pub(super) fn not_begun(&mut self, error: &CallError) {
        if self.turn_id.is_some() {
            return;
        }
        self.status = match error {
            CallError::Refused { .. } | CallError::NotSent { .. } | CallError::TooOld(_) => {
                AgentStatus::Stopped
            }
            CallError::Late(_) | CallError::Closed { .. } | CallError::Shape { .. } => AgentStatus::Unknown,
        };
    }

    pub(super) fn ended(&mut self, end: TurnEnd<'_>) -> Ended {
        (self.turn_id, self.said) = (None, None);
        let (status, ended) = match end {
            TurnEnd::Completed => (AgentStatus::Completed, Ended::Well(self.answer.clone())),
            TurnEnd::Interrupted => (AgentStatus::Stopped, Ended::Interrupted),
            TurnEnd::Failed { message, kind } => {
                (AgentStatus::Stopped, Ended::Failed(message.into_owned(), kind))
            }
            TurnEnd::Unknown(word) => {
                let message = format!("the turn ended as `{word}`, which is not known here");
                (AgentStatus::Stopped, Ended::Failed(message, FailureKind::Other))
            }
        };
        self.status = status;
        ended
    }
}
