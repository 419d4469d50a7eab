//! A connection: two bounded queues, whatever moves the messages. Knows no transport.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender, bounded};

use crate::message::{Message, Unreadable};

/// How many messages wait in each direction before whoever sends has to wait, too.
pub const QUEUED: usize = 256;

/// What comes in.
#[derive(Debug)]
pub enum Incoming {
    /// The other side said this.
    Message(Message),
    /// It said something that is no message. The conversation goes on.
    Unreadable(Unreadable),
    /// Nothing more will come; always the last.
    Closed(Closed),
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The other side ended it in order.
    #[error("the other side closed the connection")]
    InOrder,
    /// It broke.
    #[error("the connection was lost: {0}")]
    Lost(String),
}

/// What is sent could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Sending {
    /// Nobody is there to take it.
    #[error("the connection is closed")]
    Closed,
    /// The other side does not read.
    #[error("the other side has read nothing for {0:?}")]
    Stuck(Duration),
    /// It cannot be said in JSON.
    #[error("cannot be written as JSON: {0}")]
    NoJson(String),
}

/// One end of a conversation. Dropping it ends the conversation from this side.
#[derive(Debug)]
pub struct Connection {
    outgoing: Sender<Message>,
    incoming: Receiver<Incoming>,
}

impl Connection {
    /// Two ends that a transport moves messages between: ours, what we send, and where to put what comes.
    pub(crate) fn new() -> (Self, Receiver<Message>, Sender<Incoming>) {
        let (outgoing, to_send) = bounded(QUEUED);
        let (arrived, incoming) = bounded(QUEUED);
        (Self { outgoing, incoming }, to_send, arrived)
    }

    /// Sends; waits no longer than `patience` for a place in the queue.
    pub fn send(&self, message: Message, patience: Duration) -> Result<(), Sending> {
        self.outgoing.send_timeout(message, patience).map_err(|refused| match refused {
            SendTimeoutError::Timeout(_) => Sending::Stuck(patience),
            SendTimeoutError::Disconnected(_) => Sending::Closed,
        })
    }

    /// What comes next, or nothing until then (`None`: waits for ever).
    pub fn receive(&self, until: Option<Instant>) -> Option<Incoming> {
        let lost = || Incoming::Closed(Closed::Lost("its transport has ended".to_owned()));
        match until {
            None => Some(self.incoming.recv().unwrap_or_else(|_| lost())),
            Some(until) => match self.incoming.recv_deadline(until) {
                Ok(incoming) => Some(incoming),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(lost()),
            },
        }
    }
}

/// Reads a message's text into what comes in.
pub(crate) fn incoming(text: &[u8]) -> Incoming {
    match Message::read(text) {
        Ok(message) => Incoming::Message(message),
        Err(unreadable) => Incoming::Unreadable(unreadable),
    }
}
