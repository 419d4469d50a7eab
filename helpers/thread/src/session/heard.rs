//! What can be heard in a session.

use std::time::Instant;

use clodex_codex::app_server::call::{Configured, Model, OpenThread, Thread};
use clodex_codex::app_server::{ServerQuestion, TurnEnd, TurnOf};
use clodex_core::{Event, Usage};
use clodex_json_rpc::{Closed, Id};

use super::ThreadsFor;
use crate::trouble::Trouble;

/// What was heard.
#[derive(Debug)]
pub enum Heard {
    /// How the server is configured, and by when the thread has to be open that this was asked for.
    Configured(Configured, Option<Instant>),
    /// The thread can be talked with.
    Open(Box<OpenThread>),
    /// It cannot.
    NotOpen(Trouble),
    /// The turn is under way: from now on it can be steered.
    TurnBegun(String),
    /// The turn was not begun.
    NoTurn(Trouble),
    /// A piece of a message, while it is written.
    Part(String),
    /// Something that a turn's story has a word for.
    Event(Event<'static>),
    /// Tokens, during the turn: of the thread so far, and of the last answer alone.
    Tokens {
        /// Of the thread.
        total: Usage,
        /// Of the answer.
        last: Usage,
    },
    /// Tokens of the thread before the turn, told when it is opened.
    TokensBefore(Usage),
    /// Another model answers than was asked for.
    ModelIs(String),
    /// Codex waits until this is answered: [`reply`](super::Session::reply).
    Asked(ServerQuestion),
    /// That question no longer waits.
    Resolved(Id),
    /// What was said during the turn has reached it: what [`steer`](super::Session::steer) has numbered so.
    Steered(u64),
    /// It has not.
    NotSteered(u64, Trouble),
    /// The turn is over, and its model was never given it.
    NotRead(u64),
    /// The threads that there are, or why they are not known.
    Threads(ThreadsFor, Result<Vec<Thread>, Trouble>),
    /// The models that there are, or why they are not known.
    Models(Result<Vec<Model>, Trouble>),
    /// This turn, of the thread or of a sub-agent, is over: what it has asked needs no answer.
    AsksNoMore(TurnOf),
    /// The turn of the thread is over.
    TurnEnded(TurnEnd<'static>),
    /// Nothing of what was interrupted runs any more; or that cannot be said, and why.
    Cleaned(Option<Trouble>),
    /// A sign of life and nothing else.
    Other,
    /// Nothing of the thread: other people's threads, the machine, or no message at all.
    Elsewhere,
    /// Somebody on this side wants to be heard.
    Woken,
    /// Nothing more will come.
    Closed(Closed),
}

impl Heard {
    /// Whether it shows that the thread, or a sub-agent of it, is at work. A server that others talk with, too, is never
    /// silent.
    pub const fn is_life(&self) -> bool {
        !matches!(
            self,
            // Codex tries again for ever where the model cannot be reached.
            Self::Event(Event::Reconnecting { .. })
                | Self::Elsewhere
                | Self::Threads(..)
                | Self::Models(_)
                | Self::Woken
        )
    }
}
