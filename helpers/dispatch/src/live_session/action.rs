//! What the live session has decided, for the loop to do.

use std::collections::VecDeque;

use clodex_codex::app_server::Reply;
use clodex_core::LiveFate;

use super::Question;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveAction {
    /// Take the message up and say it in the turn, under this number; [`super::LiveSession::withdrawn`] wants to know
    /// where it is gone.
    Steer {
        /// The number.
        number: u64,
        /// The message.
        name: String,
        /// What it says.
        text: String,
    },
    /// Take these messages up and begin the run's turn with its task and with them.
    Begin {
        /// What a model was told before that is gone; it comes first.
        again: Vec<String>,
        /// The messages.
        said: Vec<Said>,
    },
    /// Take these messages up and begin another turn with them; [`super::LiveSession::none_left`] wants to know where
    /// all are gone.
    GoOn {
        /// What Codex had taken and not given to the model; it comes first.
        again: Vec<String>,
        /// The messages.
        said: Vec<Said>,
    },
    /// It was not heard: it waits again.
    PutBack(String),
    /// Take the message up and end the turn; [`super::LiveSession::taken_back`] wants to know where it is gone.
    Interrupt(String),
    /// Answer a question; [`super::LiveSession::replied`] wants to know whether that could be done.
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

/// What parts a text from the one before it, where they stand in one.
pub(super) const BETWEEN_BYTES: usize = 4;

/// Whether there is room for a text, which is taken then. Bytes are as many as characters, or more.
pub(super) fn fits(text: &str, left: &mut usize) -> bool {
    let rest = left.checked_sub(text.len());
    *left = rest.unwrap_or(*left);
    rest.is_some()
}

/// Takes out of the queue what there is room for, in its order.
pub(super) fn fitting(queue: &mut VecDeque<Said>, mut room: usize) -> Vec<Said> {
    let fitting = queue.iter().take_while(|said| fits(&said.text, &mut room)).count();
    queue.drain(..fitting).collect()
}

pub(super) fn unanswered(number: u64, question: &mut Question) -> LiveAction {
    question.deadline = None;
    LiveAction::Reply { question: number, reply: question.default.clone(), name: None }
}

pub(super) fn refused(name: String, why: String) -> LiveAction {
    LiveAction::Tell { name, fate: LiveFate::Refused(why) }
}

pub(super) fn delivered(name: String, how: Option<&str>) -> LiveAction {
    LiveAction::Tell { name, fate: LiveFate::Delivered(how.map(str::to_owned)) }
}

pub(super) fn queued(name: &str, until: &str) -> LiveAction {
    LiveAction::Tell { name: name.to_owned(), fate: LiveFate::Queued(until.to_owned()) }
}
