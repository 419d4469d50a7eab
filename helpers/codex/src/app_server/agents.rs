//! Several conversations over one connection, each by a name: who is asked what, who answers, and what each one does.

mod agent;
mod rejoin;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use clodex_core::Event;
use clodex_json_rpc::Notification;
use serde_json::value::RawValue;

use super::asked::Reply;
use super::call::{
    ArchiveThread, CleanTerminals, Done, ForkThread, Input, InterruptTurn, OneTurn, ResumeThread,
    StartThread, StartTurn, SteerTurn, ThreadSettings,
};
use super::client::{CallError, Client, Happened, Question, ReplyError, answer};
use super::notice::{Notice, Retry, Told};
use super::run::ThreadWish;
pub use agent::{Agent, AgentError, AgentEvent, AgentStatus, Ended, TurnSettings};

/// Conversations over one connection.
#[derive(Debug)]
pub struct Agents {
    client: Client<Reminder>,
    by_name: BTreeMap<String, Agent>,
    /// What has happened and was not told yet.
    ahead: VecDeque<AgentEvent>,
    /// Counts what was said to any of them.
    said: u64,
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
        Self { client, by_name: BTreeMap::new(), ahead: VecDeque::new(), said: 0 }
    }

    /// What is known of an agent.
    pub fn get(&self, name: &str) -> Option<&Agent> {
        self.by_name.get(name)
    }

    /// Names of all.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Makes one; it is told when it can be talked with.
    pub fn create(
        &mut self,
        name: &str,
        wish: &ThreadWish,
        settings: ThreadSettings<'_>,
        deadline: Option<Instant>,
    ) -> Result<(), AgentError> {
        if self.by_name.contains_key(name) {
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
        self.by_name.insert(name.to_owned(), Agent::opening());
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
        self.said += 1;
        let said = format!("clodex-{name}-{}", self.said);
        let call = StartTurn {
            thread_id: &thread,
            input,
            effort: how.effort,
            model: how.model,
            output_schema: how.output_schema,
            client_user_message_id: Some(&said),
        };
        self.client.ask(&call, deadline, remind(name, About::Turn))?;
        let agent = self.by_name.get_mut(name).expect("it was looked at just now");
        (agent.status, agent.answer, agent.said) = (AgentStatus::Processing, None, Some(said));
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
        let agent = self.by_name.remove(name).ok_or_else(|| AgentError::Unknown(name.to_owned()))?;
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
            if let Some(event) = self.ahead.pop_front() {
                return Some(event);
            }
            let event = match self.client.next(until)? {
                Happened::Answered(reminder, answered) => self.answered(reminder, answered),
                Happened::Told(told) => Some(self.told(&told)),
                Happened::Asked(question) => {
                    let name = self.of_thread(&question.asked().thread_id).unwrap_or_default();
                    Some(AgentEvent::Asked(name, question))
                }
                Happened::Unreadable(text) => Some(AgentEvent::Other(text)),
                Happened::Woken => return None,
                Happened::Closed(closed) => {
                    self.lost();
                    Some(AgentEvent::Closed(closed))
                }
            };
            if event.is_some() {
                return event;
            }
        }
    }

    fn known(&self, name: &str) -> Result<&Agent, AgentError> {
        self.by_name.get(name).ok_or_else(|| AgentError::Unknown(name.to_owned()))
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
        self.by_name.iter().find(|(_, agent)| is_it(agent)).map(|(name, _)| name.clone())
    }

    /// None where the answer changes nothing that anybody is told of.
    fn answered(&mut self, to: Reminder, answered: Result<Box<RawValue>, CallError>) -> Option<AgentEvent> {
        let Reminder { agent: name, about } = to;
        // One that was put away meanwhile.
        let agent = self.by_name.get_mut(&name)?;
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
            match (about, self.by_name.get_mut(&name)) {
                (About::Opening, _) => drop(self.by_name.remove(&name)),
                (About::Turn, Some(agent)) => agent.not_begun(&error),
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
        let agent = self.by_name.get_mut(&name).expect("it was found just now");
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
            Told::RequestResolved(Some(id)) => AgentEvent::Resolved(name.clone(), id),
            Told::RequestResolved(None)
            | Told::ThreadStarted
            | Told::ThreadIs(_)
            | Told::RateLimits(_)
            | Told::ModelIs(_)
            | Told::Other(_) => event(Event::Unknown { kind: told.method.as_str().into() }),
        }
    }
}

fn remind(agent: &str, about: About) -> Reminder {
    Reminder { agent: agent.to_owned(), about }
}

#[cfg(test)]
mod tests;
