//! What the app-server tells without being asked, of whatever thread. Keeps nothing between notifications.

use std::borrow::Cow;
use std::marker::PhantomData;

use clodex_core::{Event, FailureKind, FileChange, RateLimits, Usage};
use clodex_json_rpc::Id;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error_info::{ErrorInfo, failure};
use super::item::Item;
use super::rate_limits::RateLimitsWire;
use crate::tolerant_json::{Count, Flag, List, Text, last_key_wins};

/// A notification: of which thread and turn, where it is of one, and what.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice<'a> {
    /// Empty where it is of none.
    pub thread_id: Cow<'a, str>,
    /// Empty where it is of none.
    pub turn_id: Cow<'a, str>,
    /// The threads of the sub-agents that it names: the thread's own, or a sub-agent's.
    pub sub_agents: Vec<Cow<'a, str>>,
    /// What it tells.
    pub told: Told<'a>,
}

/// What a notification tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Told<'a> {
    /// A thread exists (`thread_id`).
    ThreadStarted,
    /// What the thread does now.
    ThreadIs(ThreadStatus),
    /// A turn began (`turn_id`).
    TurnStarted,
    /// A turn ended (`turn_id`).
    TurnEnded(TurnEnd<'a>),
    /// Something happened that a run's story has a word for.
    Event(Event<'a>),
    /// A patch begins: approval of it, where it is asked for, names the item only.
    PatchProposed {
        /// Pairs it with its approval.
        item: Cow<'a, str>,
        /// Its files.
        changes: Vec<FileChange<'a>>,
    },
    /// A piece of a message, while it is written.
    MessagePart {
        /// Which message.
        item: Cow<'a, str>,
        /// The piece.
        text: Cow<'a, str>,
    },
    /// Tokens, told after each answer of the model.
    Tokens {
        /// Of the whole thread so far.
        total: Usage,
        /// Of that answer alone.
        last: Usage,
    },
    /// Another model than was asked for answers: this one.
    ModelIs(Cow<'a, str>),
    /// How much of the account's limits is used.
    RateLimits(RateLimits),
    /// An error that may or may not end the turn.
    Error {
        /// In Codex's words.
        message: Cow<'a, str>,
        /// What kind of failure it is.
        kind: FailureKind,
        /// Whether Codex tries again by itself.
        retry: Retry,
    },
    /// A request of the server, by its id, no longer waits: answered, by whomever, or gone with its turn.
    RequestResolved(Option<Id>),
    /// Something else, by its method.
    Other(Cow<'a, str>),
}

/// What a thread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadStatus {
    /// Nothing.
    Idle,
    /// It has a turn.
    Active,
    /// Its turn waits for an answer to a request.
    Waiting,
    /// It has failed.
    Failed,
    /// Something that is not known here.
    Unknown,
}

/// A turn by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnOf {
    /// Its thread.
    pub thread: String,
    /// Its id.
    pub id: String,
}

/// Whether Codex tries again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It does.
    Yes,
    /// It does not; the turn is about to end.
    No,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnEnd<'a> {
    /// Well.
    Completed,
    /// It was interrupted.
    Interrupted,
    /// It failed.
    Failed {
        /// In Codex's words.
        message: Cow<'a, str>,
        /// What kind of failure it is.
        kind: FailureKind,
    },
    /// In a way that is not known here: by its own word.
    Unknown(Cow<'a, str>),
}

last_key_wins! {
    /// The parameters of any notification.
    struct Params<'a> {
        "threadId" => thread_id: Text<'a>,
        "turnId" => turn_id: Text<'a>,
        "itemId" => item_id: Text<'a>,
        "thread" => thread: Named<'a>,
        "turn" => turn: Turn<'a>,
        "item" => item: Item<'a>,
        "delta" => delta: Text<'a>,
        "status" => status: Status<'a>,
        "tokenUsage" => tokens: TokenUsage<'a>,
        "rateLimits" => rate_limits: RateLimitsWire<'a>,
        "error" => error: ErrorInfo<'a>,
        "willRetry" => will_retry: Flag<'a>,
        "plan" => plan: List<Step<'a>>,
        "summary" => summary: Text<'a>,
        "message" => message: Text<'a>,
        "toModel" => to_model: Text<'a>,
        "requestId" => request: RequestId<'a>,
    }
}

last_key_wins! {
    struct Named<'a> {
        "id" => id: Text<'a>,
    }
}

last_key_wins! {
    struct Turn<'a> {
        "id" => id: Text<'a>,
        "status" => status: Text<'a>,
        "error" => error: ErrorInfo<'a>,
    }
}

last_key_wins! {
    struct Status<'a> {
        "type" => word: Text<'a>,
        "activeFlags" => flags: List<Text<'a>>,
    }
}

last_key_wins! {
    struct TokenUsage<'a> {
        "total" => total: TokenCounts<'a>,
        "last" => last: TokenCounts<'a>,
    }
}

last_key_wins! {
    struct TokenCounts<'a> {
        "inputTokens" => input: Count<'a>,
        "cachedInputTokens" => cached_input: Count<'a>,
        "outputTokens" => output: Count<'a>,
        "reasoningOutputTokens" => reasoning: Count<'a>,
    }
}

last_key_wins! {
    struct Step<'a> {
        "status" => status: Text<'a>,
    }
}

/// A request's id; anything else reads as absent.
#[derive(Debug, Default)]
struct RequestId<'a>(Option<Id>, PhantomData<&'a ()>);

impl<'de> Deserialize<'de> for RequestId<'_> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(id.get()).ok(), PhantomData))
    }
}

impl<'a> Notice<'a> {
    /// Reads a notification. Never fails: what is not known here is [`Told::Other`].
    pub fn read(method: &'a str, params: Option<&'a str>) -> Self {
        let read: Params<'a> = params
            .and_then(|params| Params::deserialize(&mut serde_json::Deserializer::from_str(params)).ok())
            .unwrap_or_default();
        read.notice(method)
    }
}

impl<'a> Notice<'a> {
    /// The turn that it is of.
    pub fn turn(&self) -> TurnOf {
        TurnOf { thread: self.thread_id.to_string(), id: self.turn_id.to_string() }
    }

    /// What it is in the story of a run whose thread it is of, or that it is of none; `usage` is that of the thread so
    /// far. None: a run's story has no word for it.
    pub fn story(self, usage: Usage) -> Option<Event<'a>> {
        let is_of_none = self.thread_id.is_empty();
        match self.told {
            Told::TurnStarted => Some(Event::TurnStarted),
            Told::TurnEnded(TurnEnd::Completed) => Some(Event::TurnCompleted { usage }),
            Told::TurnEnded(TurnEnd::Failed { message, kind }) => Some(Event::TurnFailed { message, kind }),
            Told::TurnEnded(TurnEnd::Unknown(word)) => {
                let message = Cow::Owned(format!("the turn ended as `{word}`, which is not known here"));
                Some(Event::TurnFailed { message, kind: FailureKind::Other })
            }
            Told::PatchProposed { item, changes } => Some(Event::FilesChanging { item, changes }),
            Told::Tokens { total, .. } => Some(Event::TokensUsed { usage: total }),
            // About the machine and its configuration, as `codex exec` tells on stderr.
            Told::Event(Event::Warning { .. }) if is_of_none => None,
            Told::Event(event) => Some(event),
            Told::Error { message, kind, retry: Retry::No } => Some(Event::Error { message, kind }),
            Told::Error { message, retry: Retry::Yes, .. } => Some(Event::Reconnecting { message }),
            Told::TurnEnded(TurnEnd::Interrupted)
            | Told::ThreadStarted
            | Told::ThreadIs(_)
            | Told::MessagePart { .. }
            | Told::ModelIs(_)
            | Told::RateLimits(_)
            | Told::RequestResolved(_)
            | Told::Other(_) => None,
        }
    }
}

impl<'a> Params<'a> {
    fn notice(mut self, method: &'a str) -> Notice<'a> {
        let sub_agents = self.item.take_sub_agents();
        let first = |one: Text<'a>, other: &Text<'a>| if one.0.is_empty() { other.0.clone() } else { one.0 };
        let thread_id = first(self.thread_id, &self.thread.id);
        let turn_id = first(self.turn_id, &self.turn.id);
        let told = match method {
            "thread/started" => Told::ThreadStarted,
            "thread/status/changed" => Told::ThreadIs(self.status.read()),
            "turn/started" => Told::TurnStarted,
            "turn/completed" => Told::TurnEnded(self.turn.end()),
            "turn/plan/updated" => Told::Event(plan(&self.plan)),
            "item/started" => match self.item.started() {
                Event::FilesChanging { item, changes } => Told::PatchProposed { item, changes },
                event => Told::Event(event),
            },
            "item/completed" => Told::Event(self.item.completed()),
            "item/agentMessage/delta" => Told::MessagePart { item: self.item_id.0, text: self.delta.0 },
            "thread/tokenUsage/updated" => {
                Told::Tokens { total: self.tokens.total.usage(), last: self.tokens.last.usage() }
            }
            "model/rerouted" => Told::ModelIs(self.to_model.0),
            "account/rateLimits/updated" => Told::RateLimits(self.rate_limits.read()),
            "error" => {
                let retry = if self.will_retry.0 { Retry::Yes } else { Retry::No };
                let (message, kind) = failure(self.error);
                Told::Error { message, kind, retry }
            }
            "configWarning" | "deprecationNotice" => Told::Event(Event::Warning { message: self.summary.0 }),
            "warning" => Told::Event(Event::Warning { message: self.message.0 }),
            "serverRequest/resolved" => Told::RequestResolved(self.request.0),
            other => Told::Other(Cow::Borrowed(other)),
        };
        Notice { thread_id, turn_id, sub_agents, told }
    }
}

impl Status<'_> {
    fn read(&self) -> ThreadStatus {
        let waits = |flag: &Text<'_>| flag.0.starts_with("waitingOn");
        match &*self.word.0 {
            "idle" => ThreadStatus::Idle,
            "active" if self.flags.0.iter().any(waits) => ThreadStatus::Waiting,
            "active" => ThreadStatus::Active,
            "systemError" => ThreadStatus::Failed,
            _ => ThreadStatus::Unknown,
        }
    }
}

impl<'a> Turn<'a> {
    fn end(self) -> TurnEnd<'a> {
        match &*self.status.0 {
            "completed" => TurnEnd::Completed,
            "interrupted" => TurnEnd::Interrupted,
            "failed" => {
                let (message, kind) = failure(self.error);
                TurnEnd::Failed { message, kind }
            }
            _ => TurnEnd::Unknown(self.status.0),
        }
    }
}

impl TokenCounts<'_> {
    fn usage(&self) -> Usage {
        Usage {
            input: self.input.or_zero(),
            cached_input: self.cached_input.or_zero(),
            output: self.output.or_zero(),
            reasoning: self.reasoning.or_zero(),
        }
    }
}

fn plan<'a>(steps: &List<Step<'_>>) -> Event<'a> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let done = steps.0.iter().filter(|step| step.status.0 == "completed").count();
    Event::Plan { done: count(done), of: count(steps.0.len()) }
}

#[cfg(test)]
mod tests;
