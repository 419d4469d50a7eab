//! A conversation: what is sent, and what then happens. For one thread; others feed it through the connection.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::calls::Calls;
use crate::connection::{Closed, Connection, Incoming, Sending};
use crate::message::{Id, Message, Notification, Params, Request, Response, RpcError, Unreadable, params};

/// How long the other side may not read before it counts as stuck.
const STUCK: Duration = Duration::from_secs(10);

/// One side of a conversation; `T` is what reminds the caller of what it has asked.
#[derive(Debug)]
pub struct Peer<T> {
    connection: Connection,
    calls: Calls<T>,
    /// What has happened and was not told yet.
    ahead: Vec<Event<T>>,
}

/// A call that could not be sent, and why.
#[derive(Debug)]
pub struct NotAsked<T> {
    /// What would have been told with its answer.
    pub call: T,
    /// Why not.
    pub why: Sending,
}

/// What happened.
#[derive(Debug)]
pub enum Event<T> {
    /// This call has been answered, well or not.
    Answered(T, Result<Params, RpcError>),
    /// This one will not be.
    Unanswered(T, Unanswered),
    /// The other side asks, and waits until it is answered.
    Asked(Request),
    /// The other side tells.
    Told(Notification),
    /// An answer to nothing that waits: late, repeated, or to a question that was never asked.
    Stray(Response),
    /// What came is no message.
    Unreadable(Unreadable),
    /// Somebody on this side wants to be heard: see [`Connection::waker`].
    Woken,
    /// The conversation is over; always the last.
    Closed(Closed),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// Its deadline has passed.
    #[error("no answer in time")]
    Late,
    /// The conversation has ended.
    #[error("{0}")]
    Closed(Closed),
}

impl<T> Peer<T> {
    /// Begins the conversation.
    pub fn new(connection: Connection) -> Self {
        Self { connection, calls: Calls::default(), ahead: Vec::new() }
    }

    /// Asks; the answer, or that there is none by the deadline, comes as an event that holds `call`.
    pub fn ask(
        &mut self,
        method: &str,
        about: &impl Serialize,
        deadline: Option<Instant>,
        call: T,
    ) -> Result<(), NotAsked<T>> {
        let params = match json(about) {
            Ok(params) => Some(params),
            Err(why) => return Err(NotAsked { call, why }),
        };
        let id = self.calls.begin(call, deadline);
        let asked = Message::Request(Request { id: id.clone(), method: method.to_owned(), params });
        self.connection.send(asked, STUCK).map_err(|why| {
            let call = self.calls.settle(&id).expect("it was begun just now, and nothing has answered it");
            NotAsked { call, why }
        })
    }

    /// Tells.
    pub fn tell(&self, method: &str, about: &impl Serialize) -> Result<(), Sending> {
        let params = Some(json(about)?);
        self.connection.send(Message::Notification(Notification { method: method.to_owned(), params }), STUCK)
    }

    /// Answers what the other side has asked.
    pub fn answer(&self, id: Id, result: &impl Serialize) -> Result<(), Sending> {
        let outcome = Ok(json(result)?);
        self.connection.send(Message::Response(Response { id, outcome }), STUCK)
    }

    /// Answers that it will not be done.
    pub fn refuse(&self, id: Id, error: RpcError) -> Result<(), Sending> {
        self.connection.send(Message::Response(Response { id, outcome: Err(error) }), STUCK)
    }

    /// What happens next, or nothing until then (`None`: waits for ever).
    pub fn next(&mut self, until: Option<Instant>) -> Option<Event<T>> {
        while self.ahead.is_empty() {
            // First, so that a peer that never falls silent does not keep a call waiting.
            self.unanswered(|calls| calls.expire(Instant::now()), &Unanswered::Late);
            if self.ahead.is_empty() {
                let first = until.into_iter().chain(self.calls.next_deadline()).min();
                match self.connection.receive(first) {
                    Some(incoming) => self.take(incoming),
                    None if until.is_some_and(|until| until <= Instant::now()) => break,
                    None => {}
                }
            }
        }
        self.ahead.pop()
    }

    fn take(&mut self, incoming: Incoming) {
        let event = match incoming {
            Incoming::Message(Message::Request(request)) => Event::Asked(request),
            Incoming::Message(Message::Notification(told)) => Event::Told(told),
            Incoming::Message(Message::Response(response)) => match self.calls.settle(&response.id) {
                Some(call) => Event::Answered(call, response.outcome),
                None => Event::Stray(response),
            },
            Incoming::Unreadable(unreadable) => Event::Unreadable(unreadable),
            Incoming::Woken => Event::Woken,
            Incoming::Closed(closed) => {
                self.ahead.push(Event::Closed(closed.clone()));
                self.unanswered(Calls::abandon, &Unanswered::Closed(closed));
                return;
            }
        };
        self.ahead.push(event);
    }

    fn unanswered(&mut self, given_up: impl FnOnce(&mut Calls<T>) -> Vec<T>, why: &Unanswered) {
        let given_up = given_up(&mut self.calls);
        self.ahead.extend(given_up.into_iter().rev().map(|call| Event::Unanswered(call, why.clone())));
    }
}

fn json(value: &impl Serialize) -> Result<Params, Sending> {
    params(value).map_err(|e| Sending::NoJson(e.to_string()))
}

#[cfg(test)]
mod tests;
