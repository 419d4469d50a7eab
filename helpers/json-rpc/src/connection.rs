//! A connection: two bounded queues, whatever moves the messages. Knows no transport.

use std::fmt;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, bounded, select};

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
    /// Somebody on this side wants to be heard: see [`Connection::waker`].
    Woken,
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
    waker: Waker,
    woken: Receiver<()>,
    listener: Option<Listener>,
}

/// Ends somebody's waiting for what comes in, from any thread.
#[derive(Debug, Clone)]
pub struct Waker(Sender<()>);

impl Waker {
    /// Ends the waiting, or the next one where nobody waits now. Several calls before that are one.
    pub fn wake(&self) {
        // Full: nobody has noticed the last one yet.
        let _ = self.0.try_send(());
    }
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the other side.
    Out,
    /// From it.
    In,
}

/// Hears every message.
struct Listener(Box<Hearing>);

type Hearing = dyn Fn(Way, &str) + Send;

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

impl Connection {
    /// Two ends that a transport moves messages between: ours, what we send, and where to put what comes.
    pub(crate) fn new() -> (Self, Receiver<Message>, Sender<Incoming>) {
        let (outgoing, to_send) = bounded(QUEUED);
        let (arrived, incoming) = bounded(QUEUED);
        let (waker, woken) = bounded(1);
        (Self { outgoing, incoming, waker: Waker(waker), woken, listener: None }, to_send, arrived)
    }

    /// Lets each message be heard on its way, as it is understood here: members that nobody knows are missing.
    #[must_use]
    pub fn heard_by(mut self, listener: impl Fn(Way, &str) + Send + 'static) -> Self {
        self.listener = Some(Listener(Box::new(listener)));
        self
    }

    /// What ends [`receive`](Self::receive) before its time.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Sends; waits no longer than `patience` for a place in the queue.
    pub fn send(&self, message: Message, patience: Duration) -> Result<(), Sending> {
        if let Some(Listener(listener)) = &self.listener {
            listener(Way::Out, &message.text());
        }
        self.outgoing.send_timeout(message, patience).map_err(|refused| match refused {
            SendTimeoutError::Timeout(_) => Sending::Stuck(patience),
            SendTimeoutError::Disconnected(_) => Sending::Closed,
        })
    }

    /// What comes next, or nothing until then (`None`: waits for ever).
    pub fn receive(&self, until: Option<Instant>) -> Option<Incoming> {
        let late = until.map_or_else(crossbeam_channel::never, crossbeam_channel::at);
        let incoming = select! {
            recv(self.incoming) -> incoming => {
                incoming.unwrap_or_else(|_| Incoming::Closed(Closed::Lost("its transport has ended".to_owned())))
            }
            recv(self.woken) -> _ => Incoming::Woken,
            recv(late) -> _ => return None,
        };
        if let Some(Listener(listener)) = &self.listener {
            match &incoming {
                Incoming::Message(message) => listener(Way::In, &message.text()),
                Incoming::Unreadable(unreadable) => listener(Way::In, &unreadable.begin),
                Incoming::Woken | Incoming::Closed(_) => {}
            }
        }
        Some(incoming)
    }
}

/// Reads a message's text into what comes in.
pub(crate) fn incoming(text: &[u8]) -> Incoming {
    match Message::read(text) {
        Ok(message) => Incoming::Message(message),
        Err(unreadable) => Incoming::Unreadable(unreadable),
    }
}
