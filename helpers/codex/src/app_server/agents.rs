//! Several conversations over one connection, each by a name: who is asked what, who answers, and what each one does.

use std::collections::BTreeMap;
use std::time::Instant;

use clodex_core::{Event, FailureKind, Usage};
use clodex_json_rpc::{Closed, Notification};
use serde_json::value::RawValue;

use super::asked::Reply;
use super::call::{
    ArchiveThread, CleanTerminals, Done, ForkThread, Input, InterruptTurn, OneTurn, OpenThread, ResumeThread,
    StartThread, StartTurn, SteerTurn, ThreadSettings,
};
use super::client::{CallError, Client, Happened, Question, ReplyError, answer};
use super::notice::{Notice, Retry, Told, TurnEnd};
use super::run::ThreadWish;

/// Conversations over one connection.
#[derive(Debug)]
pub struct Agents {
    client: Client<Reminder>,
    agents: BTreeMap<String, Agent>,
}

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
    /// Its last turn failed or was interrupted.
    Stopped,
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
    /// Its turn has ended.
    Ended(String, Ended),
    /// What it was told while it worked has reached it.
    Steered(String),
    /// Something that was asked for it did not work.
    Failed(String, CallError),
    /// It concerns no agent: the method of a notification, or text that is no message.
    Other(String),
    /// Nothing more will happen to anybody; what was under way is unknown.
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

/// What an answer is for; its own business.
#[derive(Debug)]
pub struct Reminder {
    agent: String,
    about: About,
}

#[derive(Debug, Clone, Copy)]
enum About {
    Opening,
    Turn,
    Steering,
    Interrupting,
    Rest,
}

impl Agents {
    /// Agents of this server; none yet.
    pub fn new(client: Client<Reminder>) -> Self {
        Self { client, agents: BTreeMap::new() }
    }

    /// What is known of an agent.
    pub fn get(&self, name: &str) -> Option<&Agent> {
        self.agents.get(name)
    }

    /// Names of all.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.agents.keys().map(String::as_str)
    }

    /// Makes one; it is told when it can be talked with.
    pub fn create(
        &mut self,
        name: &str,
        wish: &ThreadWish,
        settings: ThreadSettings<'_>,
        deadline: Option<Instant>,
    ) -> Result<(), AgentError> {
        if self.agents.contains_key(name) {
            return Err(AgentError::Exists(name.to_owned()));
        }
        let reminder = remind(name, About::Opening);
        match wish {
            ThreadWish::Fresh { ephemeral } => {
                self.client.ask(&StartThread { settings, ephemeral: *ephemeral }, deadline, reminder)?;
            }
            ThreadWish::Resume(thread_id) => {
                self.client.ask(
                    &ResumeThread { thread_id, settings, exclude_turns: true },
                    deadline,
                    reminder,
                )?;
            }
            ThreadWish::Fork(thread_id) => {
                let call = ForkThread { thread_id, settings, ephemeral: false, exclude_turns: true };
                self.client.ask(&call, deadline, reminder)?;
            }
        }
        let agent = Agent {
            thread_id: None,
            turn_id: None,
            status: AgentStatus::Opening,
            answer: None,
            usage: Usage::default(),
        };
        self.agents.insert(name.to_owned(), agent);
        Ok(())
    }

    /// Lets it work. One that works already is not disturbed: see [`Self::steer`].
    pub fn send(
        &mut self,
        name: &str,
        input: &[Input<'_>],
        how: &TurnSettings<'_>,
        deadline: Option<Instant>,
    ) -> Result<(), AgentError> {
        let agent = self.known(name)?;
        let (Some(thread), AgentStatus::Idle | AgentStatus::Completed | AgentStatus::Stopped) =
            (agent.thread_id.clone(), agent.status)
        else {
            return Err(AgentError::Wrong { name: name.to_owned(), status: agent.status });
        };
        let call = StartTurn {
            thread_id: &thread,
            input,
            effort: how.effort,
            model: how.model,
            output_schema: how.output_schema,
            client_user_message_id: None,
        };
        self.client.ask(&call, deadline, remind(name, About::Turn))?;
        let agent = self.agents.get_mut(name).expect("it was looked at just now");
        (agent.status, agent.answer) = (AgentStatus::Processing, None);
        Ok(())
    }

    /// Tells it something while it works.
    pub fn steer(
        &mut self,
        name: &str,
        input: &[Input<'_>],
        deadline: Option<Instant>,
    ) -> Result<(), AgentError> {
        let (thread, turn) = self.working(name)?;
        let call =
            SteerTurn { thread_id: &thread, expected_turn_id: &turn, input, client_user_message_id: None };
        Ok(self.client.ask(&call, deadline, remind(name, About::Steering))?)
    }

    /// Ends its turn, and what that has left running.
    pub fn interrupt(&mut self, name: &str, deadline: Option<Instant>) -> Result<(), AgentError> {
        let (thread, turn) = self.working(name)?;
        let call = InterruptTurn { thread_id: &thread, turn_id: &turn };
        Ok(self.client.ask(&call, deadline, remind(name, About::Interrupting))?)
    }

    /// Puts it away; what it runs ends.
    pub fn destroy(&mut self, name: &str, deadline: Option<Instant>) -> Result<(), AgentError> {
        let agent = self.agents.remove(name).ok_or_else(|| AgentError::Unknown(name.to_owned()))?;
        if let Some(thread) = agent.thread_id {
            self.client.ask(&ArchiveThread { thread_id: &thread }, deadline, remind(name, About::Rest))?;
        }
        Ok(())
    }

    /// Answers a question. `unix_now` is in seconds since 1970 UTC.
    pub fn reply(&mut self, question: Question, reply: &Reply, unix_now: i64) -> Result<(), ReplyError> {
        self.client.reply(question, reply, unix_now)
    }

    /// What happens next, or nothing until then (`None`: waits for ever) or until the connection's waker is used.
    pub fn next(&mut self, until: Option<Instant>) -> Option<AgentEvent> {
        loop {
            let event = match self.client.next(until)? {
                Happened::Answered(reminder, answered) => self.answered(reminder, answered),
                Happened::Told(told) => Some(self.told(&told)),
                Happened::Asked(question) => {
                    let name = self.of_thread(&question.asked().thread_id).unwrap_or_default();
                    Some(AgentEvent::Asked(name, question))
                }
                Happened::Unreadable(text) => Some(AgentEvent::Other(text)),
                Happened::Woken => return None,
                Happened::Closed(closed) => Some(AgentEvent::Closed(closed)),
            };
            if event.is_some() {
                return event;
            }
        }
    }

    fn known(&self, name: &str) -> Result<&Agent, AgentError> {
        self.agents.get(name).ok_or_else(|| AgentError::Unknown(name.to_owned()))
    }

    fn working(&self, name: &str) -> Result<(String, String), AgentError> {
        let agent = self.known(name)?;
        match (&agent.thread_id, &agent.turn_id) {
            (Some(thread), Some(turn)) => Ok((thread.clone(), turn.clone())),
            _ => Err(AgentError::Wrong { name: name.to_owned(), status: agent.status }),
        }
    }

    fn of_thread(&self, thread_id: &str) -> Option<String> {
        let is_it = |agent: &Agent| agent.thread_id.as_deref() == Some(thread_id);
        self.agents.iter().find(|(_, agent)| is_it(agent)).map(|(name, _)| name.clone())
    }

    /// None where the answer changes nothing that anybody is told of.
    fn answered(&mut self, to: Reminder, answered: Result<Box<RawValue>, CallError>) -> Option<AgentEvent> {
        let Reminder { agent: name, about } = to;
        // One that was put away meanwhile.
        let agent = self.agents.get_mut(&name)?;
        let outcome = match about {
            About::Opening => answer::<StartThread<'_>>(answered).map(|open| {
                agent.thread_id = Some(open.thread.id.clone());
                agent.status = AgentStatus::Idle;
                Some(AgentEvent::Open(name.clone(), Box::new(open)))
            }),
            About::Turn => answer::<StartTurn<'_>>(answered).map(|OneTurn { turn }| {
                // Its events may have come before.
                if agent.status == AgentStatus::Processing {
                    agent.turn_id.get_or_insert(turn.id);
                }
                None
            }),
            About::Steering => {
                answer::<SteerTurn<'_>>(answered).map(|_| Some(AgentEvent::Steered(name.clone())))
            }
            About::Interrupting => answer::<InterruptTurn<'_>>(answered).map(|Done {}| {
                let thread_id = agent.thread_id.clone().unwrap_or_default();
                let clean = CleanTerminals { thread_id: &thread_id };
                self.client
                    .ask(&clean, None, remind(&name, About::Rest))
                    .err()
                    .map(|e| AgentEvent::Failed(name.clone(), e))
            }),
            About::Rest => answered.map(|_| None),
        };
        outcome.unwrap_or_else(|error| {
            match (about, self.agents.get_mut(&name)) {
                (About::Opening, _) => drop(self.agents.remove(&name)),
                (About::Turn, Some(agent)) => agent.status = AgentStatus::Stopped,
                (About::Turn | About::Steering | About::Interrupting | About::Rest, _) => {}
            }
            Some(AgentEvent::Failed(name, error))
        })
    }

    fn told(&mut self, told: &Notification) -> AgentEvent {
        let notice = Notice::read(&told.method, told.params.as_deref().map(RawValue::get));
        let Some(name) = self.of_thread(&notice.thread_id) else {
            return AgentEvent::Other(told.method.clone());
        };
        let agent = self.agents.get_mut(&name).expect("it was found just now");
        let event = |event: Event<'_>| AgentEvent::Event(name.clone(), event.into_owned());
        match notice.told {
            Told::TurnStarted => {
                agent.turn_id = Some(notice.turn_id.into_owned());
                agent.status = AgentStatus::Processing;
                event(Event::TurnStarted)
            }
            Told::TurnEnded(_) if agent.turn_id.as_deref() != Some(&*notice.turn_id) => {
                AgentEvent::Other(told.method.clone())
            }
            Told::TurnEnded(end) => AgentEvent::Ended(name.clone(), agent.ended(end)),
            Told::Event(happened) => {
                if let Event::Message { text } = &happened {
                    agent.answer = Some(text.to_string());
                }
                event(happened)
            }
            Told::PatchProposed { item, changes } => event(Event::FilesChanging { item, changes }),
            Told::MessagePart { text, .. } => AgentEvent::Part(name.clone(), text.into_owned()),
            Told::Tokens { total, .. } => {
                agent.usage = total;
                event(Event::Unknown { kind: told.method.as_str().into() })
            }
            Told::Error { message, kind, retry: Retry::No } => event(Event::Error { message, kind }),
            Told::Error { message, retry: Retry::Yes, .. } => event(Event::Reconnecting { message }),
            Told::ThreadStarted
            | Told::ThreadIs(_)
            | Told::RateLimits(_)
            | Told::RequestResolved
            | Told::ModelIs(_)
            | Told::Other(_) => event(Event::Unknown { kind: told.method.as_str().into() }),
        }
    }
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
    fn ended(&mut self, end: TurnEnd<'_>) -> Ended {
        self.turn_id = None;
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

fn remind(agent: &str, about: About) -> Reminder {
    Reminder { agent: agent.to_owned(), about }
}

#[cfg(test)]
mod tests;
