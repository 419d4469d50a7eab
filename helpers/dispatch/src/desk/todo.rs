//! What the desk has decided, for the loop to do.

use clodex_codex::app_server::Reply;
use clodex_core::LiveFate;

use super::Question;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Do {
    /// Take the message up and say it in the turn, under this number; [`super::Desk::withdrawn`] wants to know where it is gone.
    Steer {
        /// The number.
        number: u64,
        /// The message.
        name: String,
        /// What it says.
        text: String,
    },
    /// Take these messages up and begin the run's turn with its task and with them.
    Begin(Vec<Said>),
    /// Take these messages up and begin another turn with them; [`super::Desk::none_left`] wants to know where all are gone.
    GoOn(Vec<Said>),
    /// It was not heard: it waits again.
    PutBack(String),
    /// Take the message up and end the turn; [`super::Desk::taken_back`] wants to know where it is gone.
    Interrupt(String),
    /// Answer a question; [`super::Desk::replied`] wants to know whether that could be done.
    Reply {
        /// The question.
        question: u64,
        /// The answer.
        reply: Reply,
        /// The message that it is from; none = nobody answered in time.
        name: Option<String>,
    },
    /// Tell what became of a message.
    Tell {
        /// The message.
        name: String,
        /// What became of it.
        fate: LiveFate,
    },
    /// Nothing more is wanted of Codex.
    Close,
    /// Nobody has gone on with it.
    GiveUp,
}

/// Something that somebody says to the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The message.
    pub name: String,
    /// What it says.
    pub text: String,
}

pub(super) fn unanswered(number: u64, question: &mut Question) -> Do {
    question.deadline = None;
    Do::Reply { question: number, reply: question.default.clone(), name: None }
}

pub(super) fn refused(name: String, why: String) -> Do {
    Do::Tell { name, fate: LiveFate::Refused(why) }
}

pub(super) fn delivered(name: String, how: Option<&str>) -> Do {
    Do::Tell { name, fate: LiveFate::Delivered(how.map(str::to_owned)) }
}

pub(super) fn queued(name: &str, until: &str) -> Do {
    Do::Tell { name: name.to_owned(), fate: LiveFate::Queued(until.to_owned()) }
}
