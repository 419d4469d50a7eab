//! A conversation with a server, one event after the other: threads, turns, what is said meanwhile, what is asked. Knows
//! nothing of arguments, of what people see, and of when enough is enough.
//!
//! Everything is asked with [`Session::ask`] and its like, and answered by what [`Session::next`] gives. One thread is
//! talked with at a time: what concerns others (sub-agents, reviews, other people's) is counted, and nothing more.

mod turn;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use clodex_codex::CodexVersion;
use clodex_codex::app_server::call::{
    Call, CleanTerminals, CompactThread, Done, Input, InterruptTurn, OneTurn, OpenThread, ResumeThread,
    StartThread, StartTurn, SteerTurn, ThreadSettings,
};
use clodex_codex::app_server::{
    Awaited, CallError, Client, Happened, Notice, Rejoined, Reply, ReplyError, Retry, ServerQuestion, Told,
    TurnEnd, TurnSettings, WayBack, answer,
};
use clodex_core::{Event, Usage};
use clodex_json_rpc::{Closed, Id, Notification, Params};
use clodex_os::clock::Timestamp;
use clodex_os::run_suffix;

use crate::server::{Again, Connected, Listener, Own, Server, this_client};
use crate::stops::Stops;
use crate::trouble::{Kind, Trouble};
use turn::{Started, Turn};

/// How long Codex has for an answer that needs no model: it takes milliseconds.
const ANSWER: Duration = Duration::from_secs(30);

/// A conversation.
#[derive(Debug)]
pub struct Session {
    client: Client<Sent>,
    version: CodexVersion,
    place: String,
    thread: Option<String>,
    turn: Turn,
    notifications: BTreeMap<String, u64>,
    again: Option<Again>,
    /// How often something was said to a turn under way.
    steered: u64,
    /// Names what was said last: by it a turn is known that was asked for on a connection that is gone.
    said: String,
    /// Ended after the connection.
    _own: Option<Own>,
}

/// What an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Open,
    Turn,
    Steer(u64),
    Interrupt,
    Clean,
    Compact,
}

/// What was heard.
#[derive(Debug)]
pub enum Heard {
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
    /// Codex waits until this is answered: [`Session::reply`].
    Asked(ServerQuestion),
    /// That question no longer waits.
    Resolved(Id),
    /// What was said during the turn has reached it: what [`Session::steer`] has numbered so.
    Steered(u64),
    /// It has not.
    NotSteered(u64, Trouble),
    /// The turn is over.
    TurnEnded(TurnEnd<'static>),
    /// Nothing that an interrupted turn has left behind runs any more; or that cannot be said, and why.
    Cleaned(Option<Trouble>),
    /// A sign of life and nothing else.
    Other,
    /// Somebody on this side wants to be heard.
    Woken,
    /// Nothing more will come.
    Closed(Closed),
}

impl Session {
    /// Connects.
    pub fn begin(server: &Server, stops: &Stops, listener: Option<Listener>) -> Result<Self, Trouble> {
        let Connected { client, version, shown: place, own, again } = server.connect(stops, listener)?;
        Ok(Self {
            client,
            version,
            place,
            thread: None,
            turn: Turn::None,
            notifications: BTreeMap::new(),
            again,
            steered: 0,
            said: String::new(),
            _own: own,
        })
    }

    /// Which Codex answers.
    pub const fn version(&self) -> &CodexVersion {
        &self.version
    }

    /// Where it is, for people.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The thread that is talked with.
    pub fn thread(&self) -> Option<&str> {
        self.thread.as_deref()
    }

    /// The turn, as soon as it has an id.
    pub fn turn(&self) -> Option<&str> {
        self.turn.id()
    }

    /// Whether there is a turn that can be steered.
    pub const fn can_be_steered(&self) -> bool {
        matches!(self.turn, Turn::Begun(_))
    }

    /// Talks with no thread any more.
    pub fn leave_thread(&mut self) {
        self.thread = None;
    }

    /// How often what was told, by method.
    pub const fn notifications(&self) -> &BTreeMap<String, u64> {
        &self.notifications
    }

    /// Opens a thread ([`StartThread`], [`ResumeThread`] or a fork) instead of the one
    /// that was talked with: [`Heard::Open`].
    pub fn open<C: Call<Answer = OpenThread>>(
        &mut self,
        call: &C,
        limit: Option<Duration>,
    ) -> Result<(), Trouble> {
        Ok(self.client.ask(call, limit.map(|limit| Instant::now() + limit), Sent::Open)?)
    }

    /// Says something on the thread, and lets the model work: [`Heard::TurnBegun`] … [`Heard::TurnEnded`].
    pub fn say(&mut self, text: &str, how: &TurnSettings<'_>) -> Result<(), Trouble> {
        let thread_id = &self.open_thread()?;
        let said = format!("clodex-{}-{}", std::process::id(), run_suffix());
        self.said.clone_from(&said);
        let call = StartTurn {
            thread_id,
            input: &[Input::Text { text }],
            effort: how.effort,
            model: how.model,
            output_schema: how.output_schema,
            client_user_message_id: Some(&said),
        };
        self.begin_turn(&call)
    }

    /// Begins a turn by any request that does: a review, too.
    pub fn begin_turn<C: Call<Answer = OneTurn>>(&mut self, call: &C) -> Result<(), Trouble> {
        if self.turn != Turn::None {
            return Err(Trouble::new(Kind::Thread, "the thread has a turn already"));
        }
        self.client.ask(call, Some(soon()), Sent::Turn)?;
        self.turn = Turn::Asked { interrupt: false };
        Ok(())
    }

    /// Summarises the thread to make room, which is a turn, too.
    pub fn compact(&mut self) -> Result<(), Trouble> {
        let thread_id = &self.open_thread()?;
        self.client.ask(&CompactThread { thread_id }, Some(soon()), Sent::Compact)?;
        self.turn = Turn::Asked { interrupt: false };
        Ok(())
    }

    /// Says something to the turn under way, and numbers it: [`Heard::Steered`]. Answers may come in another order.
    pub fn steer(&mut self, text: &str) -> Result<u64, Trouble> {
        let thread_id = &self.open_thread()?;
        let Turn::Begun(turn) = &self.turn else {
            return Err(Trouble::new(Kind::Thread, "there is no turn to be steered"));
        };
        let input = &[Input::Text { text }];
        let call = SteerTurn { thread_id, expected_turn_id: turn, input, client_user_message_id: None };
        self.steered += 1;
        self.client.ask(&call, Some(soon()), Sent::Steer(self.steered))?;
        Ok(self.steered)
    }

    /// Ends the turn and what it has left running: [`Heard::TurnEnded`], [`Heard::Cleaned`].
    pub fn interrupt(&mut self) -> Result<(), Trouble> {
        match &mut self.turn {
            Turn::None => self.clean(),
            Turn::Asked { interrupt } | Turn::Named { interrupt, .. } => {
                *interrupt = true;
                Ok(())
            }
            Turn::Begun(turn_id) => {
                let thread_id = self.thread.as_deref().unwrap_or_default();
                Ok(self.client.ask(&InterruptTurn { thread_id, turn_id }, Some(soon()), Sent::Interrupt)?)
            }
        }
    }

    /// Answers a question. One that the answer does not fit still waits.
    pub fn reply(&mut self, question: ServerQuestion, reply: &Reply) -> Result<(), ReplyError> {
        self.client.reply(question, reply, Timestamp::now().unix_ms() / 1000)
    }

    /// Asks anything else and waits for the answer; what happens meanwhile comes afterwards.
    pub fn ask<C: Call>(&mut self, call: &C) -> Result<C::Answer, Trouble> {
        Ok(self.client.call(call, soon())?)
    }

    /// What happens next, or nothing until then (`None`: waits for ever).
    pub fn next(&mut self, until: Option<Instant>) -> Option<Heard> {
        Some(match self.client.next(until)? {
            Happened::Answered(sent, answered) => self.answered(sent, answered),
            Happened::Told(told) => self.told(&told),
            Happened::Asked(question) => Heard::Asked(question),
            Happened::Unreadable(_) => Heard::Other,
            Happened::Woken => Heard::Woken,
            Happened::Closed(closed) => Heard::Closed(closed),
        })
    }

    /// Comes back after [`Heard::Closed`] and learns what has become of the turn: what was missed of it is heard next.
    /// Where nobody can know, that is the trouble. `wait` breaks when nobody wants to wait any more.
    pub fn come_back(
        &mut self,
        until: Instant,
        wait: &mut dyn FnMut(Duration) -> ControlFlow<()>,
    ) -> Result<(), Trouble> {
        let lost = |why: &dyn std::fmt::Display| Trouble::new(Kind::ConnectionLost, why.to_string());
        let (Some(again), Some(thread_id)) = (&self.again, &self.thread) else {
            return Err(lost(&"there is no way back"));
        };
        let mut dial = |until| again.dial(until);
        let mut way = WayBack { dial: &mut dial, wait, client: this_client(), until };
        self.version = self.client.reconnect(&mut way).map_err(|error| lost(&error))?;
        let awaited = match &self.turn {
            Turn::None => Awaited::Nothing,
            Turn::Asked { .. } => Awaited::Begin(&self.said),
            Turn::Named { id, .. } | Turn::Begun(id) => Awaited::Turn(id),
        };
        let settings = ThreadSettings::default();
        let thread = ResumeThread { thread_id, settings, exclude_turns: true };
        match self.client.rejoin(&thread, awaited, soon()).map_err(|error| lost(&error))? {
            Rejoined::Idle => {}
            Rejoined::Working(turn) | Rejoined::Ended(turn) => self.turn = Turn::Begun(turn),
            Rejoined::Unknown(why) => return Err(lost(&why)),
        }
        Ok(())
    }

    fn open_thread(&self) -> Result<String, Trouble> {
        self.thread.clone().ok_or_else(|| Trouble::new(Kind::Thread, "no thread is open"))
    }

    fn clean(&mut self) -> Result<(), Trouble> {
        let thread_id = &self.open_thread()?;
        Ok(self.client.ask(&CleanTerminals { thread_id }, Some(soon()), Sent::Clean)?)
    }

    fn answered(&mut self, sent: Sent, answered: Result<Params, CallError>) -> Heard {
        match sent {
            Sent::Open => match read::<StartThread<'_>>(answered) {
                Ok(open) => {
                    self.turn = Turn::None;
                    self.thread = Some(open.thread.id.clone());
                    Heard::Open(Box::new(open))
                }
                Err(trouble) => Heard::NotOpen(trouble),
            },
            // Whether it was begun is learnt on the next connection, if at all.
            Sent::Turn if matches!(answered, Err(CallError::Closed { .. })) => Heard::Other,
            Sent::Turn => match read::<StartTurn<'_>>(answered) {
                Ok(OneTurn { turn }) => {
                    self.turn.named(turn.id);
                    Heard::Other
                }
                Err(trouble) => {
                    self.turn = Turn::None;
                    Heard::NoTurn(trouble)
                }
            },
            Sent::Steer(number) => match read::<SteerTurn<'_>>(answered) {
                Ok(_) => Heard::Steered(number),
                Err(trouble) => Heard::NotSteered(number, trouble),
            },
            // Refused: the turn has ended by itself. What it has left running is to end in any case.
            Sent::Interrupt => match self.clean() {
                Ok(()) => Heard::Other,
                Err(trouble) => Heard::Cleaned(Some(trouble)),
            },
            // Its turn tells the rest.
            Sent::Compact => match read::<CompactThread<'_>>(answered) {
                Ok(Done {}) => Heard::Other,
                Err(trouble) => {
                    self.turn = Turn::None;
                    Heard::NoTurn(trouble)
                }
            },
            Sent::Clean => Heard::Cleaned(read::<CleanTerminals<'_>>(answered).map(|Done {}| ()).err()),
        }
    }

    fn started(&mut self, id: String) -> Heard {
        let cleaned = match self.turn.started(&id) {
            Started::NotOurs => return Heard::Other,
            Started::Works => Ok(()),
            Started::IsToEnd => self.interrupt(),
        };
        cleaned.map_or_else(|trouble| Heard::Cleaned(Some(trouble)), |()| Heard::TurnBegun(id))
    }

    fn told(&mut self, told: &Notification) -> Heard {
        *self.notifications.entry(told.method.clone()).or_default() += 1;
        let params = told.params.as_deref().map(serde_json::value::RawValue::get);
        let notice = Notice::read(&told.method, params);
        let is_ours = self.thread.as_deref().is_some_and(|thread| notice.thread_id == thread);
        if !is_ours && !notice.thread_id.is_empty() {
            return Heard::Other;
        }
        match notice.told {
            Told::TurnStarted => self.started(notice.turn_id.into_owned()),
            Told::TurnEnded(end) => self.ended(&notice.turn_id, end),
            Told::Event(event) => Heard::Event(event.into_owned()),
            Told::PatchProposed { item, changes } => {
                Heard::Event(Event::FilesChanging { item, changes }.into_owned())
            }
            Told::MessagePart { text, .. } => Heard::Part(text.into_owned()),
            Told::Tokens { total, last } if self.turn() == Some(&*notice.turn_id) => {
                Heard::Tokens { total, last }
            }
            Told::Tokens { total, .. } => Heard::TokensBefore(total),
            Told::ModelIs(model) => Heard::ModelIs(model.into_owned()),
            Told::Error { message, kind, retry: Retry::No } => {
                Heard::Event(Event::Error { message, kind }.into_owned())
            }
            Told::Error { message, retry: Retry::Yes, .. } => {
                Heard::Event(Event::Reconnecting { message }.into_owned())
            }
            Told::RequestResolved(id) => id.map_or(Heard::Other, Heard::Resolved),
            Told::ThreadStarted | Told::ThreadIs(_) | Told::RateLimits(_) | Told::Other(_) => Heard::Other,
        }
    }

    fn ended(&mut self, turn: &str, end: TurnEnd<'_>) -> Heard {
        if !self.turn.ended(turn) {
            return Heard::Other;
        }
        Heard::TurnEnded(match end {
            TurnEnd::Completed => TurnEnd::Completed,
            TurnEnd::Interrupted => TurnEnd::Interrupted,
            TurnEnd::Failed { message, kind } => {
                TurnEnd::Failed { message: message.into_owned().into(), kind }
            }
            TurnEnd::Unknown(word) => TurnEnd::Unknown(word.into_owned().into()),
        })
    }
}

fn soon() -> Instant {
    Instant::now() + ANSWER
}

fn read<C: Call>(answered: Result<Params, CallError>) -> Result<C::Answer, Trouble> {
    Ok(answer::<C>(answered)?)
}
