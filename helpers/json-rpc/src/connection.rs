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

/// What a transport brings.
#[derive(Debug)]
pub(crate) enum Arrived {
    /// A message, byte for byte, or what should be one.
    Text(Vec<u8>),
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
    arrived: Receiver<Arrived>,
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
    pub(crate) fn new() -> (Self, Receiver<Message>, Sender<Arrived>) {
        let (outgoing, to_send) = bounded(QUEUED);
        let (arriving, arrived) = bounded(QUEUED);
        let (waker, woken) = bounded(1);
        (Self { outgoing, arrived, waker: Waker(waker), woken, listener: None }, to_send, arriving)
    }

    /// Lets each message be heard on its way, as it is on the wire, whether or not it is understood. Bytes that are no
    /// UTF-8 are heard as U+FFFD.
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
        let arrived = select! {
            recv(self.arrived) -> arrived => {
                arrived.unwrap_or_else(|_| Arrived::Closed(Closed::Lost("its transport has ended".to_owned())))
            }
            recv(self.woken) -> _ => return Some(Incoming::Woken),
            recv(late) -> _ => return None,
        };
        Some(match arrived {
            Arrived::Text(text) => {
                if let Some(Listener(listener)) = &self.listener {
                    listener(Way::In, &String::from_utf8_lossy(&text));
                }
                match Message::read(&text) {
                    Ok(message) => Incoming::Message(message),
                    Err(unreadable) => Incoming::Unreadable(unreadable),
                }
            }
            Arrived::Closed(closed) => Incoming::Closed(closed),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::message::Notification;

    #[test]
    fn what_is_heard_is_what_is_on_the_wire() {
        let (connection, to_send, arriving) = Connection::new();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::clone(&heard);
        let connection =
            connection.heard_by(move |way, text| hearing.lock().unwrap().push((way, text.to_owned())));
        let unknown_members = r#"{"method":"m", "emittedAtMs":7,"b":1,"a":2,"a":3}"#;
        for text in [unknown_members, "nonsense"] {
            arriving.send(Arrived::Text(text.into())).unwrap();
            connection.receive(None).unwrap();
        }
        let told = Message::Notification(Notification { method: "m".to_owned(), params: None });
        connection.send(told, Duration::from_mins(2)).unwrap();
        let wanted = [(Way::In, unknown_members), (Way::In, "nonsense"), (Way::Out, r#"{"method":"m"}"#)];
        assert_eq!(*heard.lock().unwrap(), wanted.map(|(way, text)| (way, text.to_owned())));
        assert_eq!(to_send.recv().unwrap().text(), r#"{"method":"m"}"#);
    }
}
