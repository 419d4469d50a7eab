//! A client of the app-server: asks, asks again when the server is overloaded, and tells what happens. For one thread;
//! knows no transport and no process.

mod rejoin;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use clodex_json_rpc::{
    Closed, Connection, Event, Id, Notification, Params, Peer, Request, RpcError, Sending, Unanswered,
};
use serde_json::value::RawValue;

use super::asked::{Asked, NoAnswer, Reply};
use super::backoff::{OVERLOADED, Retries};
use super::call::{Call, Capabilities, ClientInfo, Initialize};
use super::turn_history::TurnHistory;
use crate::version::{CodexVersion, Version};
pub use rejoin::{Awaited, NotBack, Rejoined, WayBack};

/// The oldest app-server that is understood: before it the protocol was another one.
pub const OLDEST_SERVER: Version = Version { major: 0, minor: 124, patch: 0 };

/// Told for every few characters, or of no use to anybody here.
const NOT_WANTED: [&str; 2] = ["item/reasoning/summaryTextDelta", "item/reasoning/textDelta"];

/// A conversation with an app-server; `T` reminds the caller of what it has asked.
#[derive(Debug)]
pub struct Client<T> {
    peer: Peer<Sent<T>>,
    again: Retries<Sent<T>>,
    /// What has happened while one answer was waited for.
    ahead: VecDeque<Happened<T>>,
    history: TurnHistory,
    /// Counts [`Client::call`]: an answer that nobody waits for any more is not the next one's.
    calls: u64,
    /// Counts connections: a question of an earlier one cannot be answered on this one.
    connection: u64,
}

/// A request under way.
#[derive(Debug)]
struct Sent<T> {
    caller: Caller<T>,
    method: &'static str,
    params: Params,
    deadline: Option<Instant>,
    tries: u32,
}

/// Who waits for an answer.
#[derive(Debug)]
enum Caller<T> {
    /// Whoever looks at what happens.
    Events(T),
    /// [`Client::call`], the one with this number.
    Call(u64),
}

/// What happened.
#[derive(Debug)]
pub enum Happened<T> {
    /// This has been answered; [`answer`] reads it.
    Answered(T, Result<Params, CallError>),
    /// The server asks; it waits until it is answered. [`Question::asked`] reads it.
    Asked(Question),
    /// The server tells; [`super::Notice::read`] reads it.
    Told(Notification),
    /// The server said something that is no message.
    Unreadable(String),
    /// Somebody on this side wants to be heard: see [`Connection::waker`].
    Woken,
    /// It is over; always the last.
    Closed(Closed),
}

/// A request of the server.
#[derive(Debug)]
pub struct Question {
    request: Request,
    connection: u64,
}

impl Question {
    /// What is asked.
    pub fn asked(&self) -> Asked<'_> {
        Asked::read(&self.request.method, self.request.params.as_deref().map(RawValue::get))
    }

    /// Names it on this connection; another connection knows it by another id.
    pub fn id(&self) -> &Id {
        &self.request.id
    }
}

/// Why there is no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server does not want to or cannot.
    #[error("codex refused `{method}`: {error}")]
    Refused {
        /// What was asked.
        method: &'static str,
        /// In its words.
        error: RpcError,
    },
    /// Nothing by the deadline.
    #[error("codex did not answer `{0}` in time")]
    Late(&'static str),
    /// The connection ended before.
    #[error("codex did not answer `{method}`: {closed}")]
    Closed {
        /// What was asked.
        method: &'static str,
        /// How it ended.
        closed: Closed,
    },
    /// It could not be asked.
    #[error("cannot ask codex `{method}`: {error}")]
    NotSent {
        /// What was to be asked.
        method: &'static str,
        /// Why not.
        error: Sending,
    },
    /// The answer has another shape than it should have.
    #[error("codex answered `{method}` with something else: {why}")]
    Shape {
        /// What was asked.
        method: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The server speaks a protocol that is not understood.
    #[error("codex {0} is too old for its app-server to be used; {OLDEST_SERVER} is the oldest")]
    TooOld(Version),
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum ReplyError {
    /// The answer does not fit; the question still waits.
    #[error("{0}")]
    Wrong(NoAnswer, Box<Question>),
    /// It was asked on a connection that is gone. Where it still waits, it is asked again on the present one.
    #[error("the question was lost with its connection")]
    Lost,
    /// It could not be sent.
    #[error("cannot answer codex: {0}")]
    NotSent(#[from] Sending),
}

/// Reads the answer to a call.
pub fn answer<C: Call>(answered: Result<Params, CallError>) -> Result<C::Answer, CallError> {
    let answered = answered?;
    serde_json::from_str(answered.get())
        .map_err(|e| CallError::Shape { method: C::METHOD, why: e.to_string() })
}

impl<T> Client<T> {
    /// Shakes hands by the deadline: says who asks, and hears which Codex answers.
    pub fn greet(
        connection: Connection,
        client: ClientInfo<'_>,
        deadline: Instant,
    ) -> Result<(Self, CodexVersion), CallError> {
        let mut greeted = Self {
            peer: Peer::new(connection),
            again: Retries::none(),
            ahead: VecDeque::new(),
            history: TurnHistory::default(),
            calls: 0,
            connection: 0,
        };
        let version = greeted.shake_hands(client, deadline, &mut for_ever)?;
        Ok((greeted, version))
    }

    /// Talks over another connection from now on, on which nothing has been said yet.
    fn replace(&mut self, connection: Connection) {
        self.peer = Peer::new(connection);
        self.connection += 1;
    }

    fn shake_hands(
        &mut self,
        client: ClientInfo<'_>,
        deadline: Instant,
        wait: &mut Wait<'_>,
    ) -> Result<CodexVersion, CallError> {
        let capabilities = Capabilities { experimental_api: true, opt_out_notification_methods: &NOT_WANTED };
        let server = self.call_while(&Initialize { client_info: client, capabilities }, deadline, wait)?;
        let version = CodexVersion::from_output(server.version().unwrap_or_default());
        match &version {
            CodexVersion::TooOld(old) => return Err(CallError::TooOld(*old)),
            CodexVersion::Known(known, _) if *known < OLDEST_SERVER => {
                return Err(CallError::TooOld(*known));
            }
            CodexVersion::Known(..) | CodexVersion::Unreadable(_) => {}
        }
        let told = self.peer.tell("initialized", &serde_json::Map::new());
        told.map_err(|error| CallError::NotSent { method: "initialized", error })?;
        Ok(version)
    }

    /// Asks; the answer, or that there is none by the deadline, happens later.
    pub fn ask<C: Call>(&mut self, call: &C, deadline: Option<Instant>, caller: T) -> Result<(), CallError> {
        self.send(call, deadline, Caller::Events(caller))
    }

    /// Asks and waits for the answer; what happens meanwhile is kept, in order.
    pub fn call<C: Call>(&mut self, call: &C, deadline: Instant) -> Result<C::Answer, CallError> {
        self.call_while(call, deadline, &mut for_ever)
    }

    /// The same, as long as somebody wants to wait: who is woken is asked.
    fn call_while<C: Call>(
        &mut self,
        call: &C,
        deadline: Instant,
        wait: &mut Wait<'_>,
    ) -> Result<C::Answer, CallError> {
        self.calls += 1;
        let ours = self.calls;
        self.send(call, Some(deadline), Caller::Call(ours))?;
        loop {
            match self.step(None) {
                Some(Step::Happened(Happened::Woken)) if wait(Duration::ZERO).is_break() => {
                    let closed = Closed::Lost("nobody waits for it any more".to_owned());
                    return Err(CallError::Closed { method: C::METHOD, closed });
                }
                Some(Step::Happened(happened)) => self.ahead.push_back(happened),
                Some(Step::Returned(number, answered)) if number == ours => return answer::<C>(answered),
                Some(Step::Returned(..)) | None => {}
            }
        }
    }

    /// Answers a question of the server. `now` is in seconds since 1970 UTC.
    pub fn reply(&mut self, question: Question, reply: &Reply, now: i64) -> Result<(), ReplyError> {
        if question.connection != self.connection {
            return Err(ReplyError::Lost);
        }
        match question.asked().answer(reply, now) {
            Ok(result) => Ok(self.peer.answer(question.request.id, &result)?),
            Err(NoAnswer::Refuse(_)) => {
                let error = RpcError::new(RpcError::METHOD_NOT_FOUND, "clodex does not answer this");
                Ok(self.peer.refuse(question.request.id, error)?)
            }
            Err(wrong) => Err(ReplyError::Wrong(wrong, Box::new(question))),
        }
    }

    /// What happens next, or nothing until then (`None`: waits for ever).
    pub fn next(&mut self, until: Option<Instant>) -> Option<Happened<T>> {
        if let Some(happened) = self.ahead.pop_front() {
            return Some(happened);
        }
        loop {
            match self.step(until) {
                Some(Step::Happened(happened)) => return Some(happened),
                None if !self.ahead.is_empty() => return self.ahead.pop_front(),
                None if until.is_some_and(|until| until <= Instant::now()) => return None,
                // Nobody is in `call` now, so nothing is returned to it.
                Some(Step::Returned(..)) | None => {}
            }
        }
    }

    fn send<C: Call>(
        &mut self,
        call: &C,
        deadline: Option<Instant>,
        caller: Caller<T>,
    ) -> Result<(), CallError> {
        let method = C::METHOD;
        let params = serde_json::value::to_raw_value(call)
            .map_err(|e| CallError::NotSent { method, error: Sending::NoJson(e.to_string()) })?;
        self.put(Sent { caller, method, params, deadline, tries: 1 }).map_err(|(_, error)| error)
    }

    fn put(&mut self, sent: Sent<T>) -> Result<(), (Sent<T>, CallError)> {
        let (method, deadline, params) = (sent.method, sent.deadline, sent.params.clone());
        self.peer.ask(method, &params, deadline, sent).map_err(|not_asked| {
            let error = not_asked.why;
            (not_asked.call, CallError::NotSent { method, error })
        })
    }

    /// The next thing, as far as it is one by then.
    fn step(&mut self, until: Option<Instant>) -> Option<Step<T>> {
        let Some(event) = self.peer.next(until.into_iter().chain(self.again.next_at()).min()) else {
            return self.try_again();
        };
        Some(match event {
            Event::Answered(sent, Err(error)) if error.code == OVERLOADED => {
                return self.overloaded(sent, error);
            }
            Event::Answered(sent, outcome) => {
                let method = sent.method;
                returned(sent.caller, outcome.map_err(|error| CallError::Refused { method, error }))
            }
            Event::Unanswered(Sent { caller, method, .. }, why) => returned(
                caller,
                Err(match why {
                    Unanswered::Late => CallError::Late(method),
                    Unanswered::Closed(closed) => CallError::Closed { method, closed },
                }),
            ),
            Event::Asked(request) => {
                Step::Happened(Happened::Asked(Question { request, connection: self.connection }))
            }
            Event::Told(notification) if !self.history.is_new(&notification) => return None,
            Event::Told(notification) => Step::Happened(Happened::Told(notification)),
            // Its caller has been told that it came too late.
            Event::Stray(_) => return None,
            Event::Unreadable(unreadable) => Step::Happened(Happened::Unreadable(unreadable.to_string())),
            Event::Woken => Step::Happened(Happened::Woken),
            Event::Closed(closed) => return self.closed(closed),
        })
    }

    /// Once more a little later, as long as that is before the deadline.
    fn overloaded(&mut self, mut sent: Sent<T>, error: RpcError) -> Option<Step<T>> {
        let (tries, deadline) = (sent.tries, sent.deadline);
        sent.tries += 1;
        let Sent { caller, method, .. } = self.again.put(sent, tries, Instant::now(), deadline).err()?;
        Some(returned(caller, Err(CallError::Refused { method, error })))
    }

    fn try_again(&mut self) -> Option<Step<T>> {
        let due = self.again.due(Instant::now())?;
        let (sent, error) = self.put(due).err()?;
        Some(returned(sent.caller, Err(error)))
    }

    /// What waits to be asked again never will be: that is told before the end.
    fn closed(&mut self, closed: Closed) -> Option<Step<T>> {
        let mut of_call = None;
        for Sent { caller, method, .. } in self.again.take() {
            match returned(caller, Err(CallError::Closed { method, closed: closed.clone() })) {
                Step::Happened(happened) => self.ahead.push_back(happened),
                returned @ Step::Returned(..) => of_call = Some(returned),
            }
        }
        self.ahead.push_back(Happened::Closed(closed));
        of_call
    }
}

/// Waits a while, or is asked whether it would; `Break`: nobody wants to any more.
type Wait<'a> = dyn FnMut(Duration) -> ControlFlow<()> + 'a;

fn for_ever(_: Duration) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// What one step comes to.
enum Step<T> {
    Happened(Happened<T>),
    /// The call with this number.
    Returned(u64, Result<Params, CallError>),
}

fn returned<T>(caller: Caller<T>, outcome: Result<Params, CallError>) -> Step<T> {
    match caller {
        Caller::Events(caller) => Step::Happened(Happened::Answered(caller, outcome)),
        Caller::Call(number) => Step::Returned(number, outcome),
    }
}

#[cfg(test)]
mod tests;
