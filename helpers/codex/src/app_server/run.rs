//! One run over the app-server, as a conversation of lines: what to say after what was heard. Pure: no stream, no
//! process; the time is told. The order matters: nothing of the user's may run before the run is let go, and thread
//! start is when Codex starts MCP servers.

mod effect;
mod incoming;
mod interruption;
mod outgoing;
mod pending;
mod request;

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use clodex_core::{Event, Usage};
use clodex_json_rpc::{Calls, Message, Notification, Params, Request, Response, RpcError};
use serde_json::value::RawValue;

use super::asked::{Asked, NoAnswer, Reply};
use super::backoff::Retries;
use super::call::{
    Capabilities, ClientInfo, Initialize, Input, ListMcpServers, McpServer, OneTurn, OpenThread, Page,
    Server, StartTurn, SteerTurn,
};
use super::client::OLDEST_SERVER;
use super::family::Family;
use super::patches::Patches;
use super::said_in_turn::SaidInTurn;
use super::turn_history::TurnHistory;
use crate::version::CodexVersion;
pub use effect::{AskedOfUs, Effect, Stage, Unheard};
use interruption::Interruption;
use pending::{Sent, Waiting};
pub use request::{RunRequest, ThreadWish};

/// What is told once more when it is complete, and until then for every few characters or as a whole again and again. Life
/// shows in what is left: items begin and end, thoughts come in parts, commands use the machine.
const NOT_WANTED: [&str; 8] = [
    "item/agentMessage/delta",
    "item/reasoning/summaryTextDelta",
    "item/reasoning/textDelta",
    "item/plan/delta",
    "item/commandExecution/outputDelta",
    "item/fileChange/outputDelta",
    "item/fileChange/patchUpdated",
    "turn/diff/updated",
];

/// The name of what a turn begins with: a Codex that shows it shows all names.
const BEGINNING: &str = "clodex-turn";

/// How far the turn has come.
#[derive(Debug)]
enum Turn {
    None,
    /// It was asked for; its id, once Codex has taken it on. It cannot be told anything yet.
    Asked(Option<String>),
    /// The model is at work, by the turn's id.
    Begun(String),
}

impl Turn {
    fn id(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Asked(id) => id.as_deref(),
            Self::Begun(id) => Some(id),
        }
    }
}

/// A run.
#[derive(Debug)]
pub struct AppServerRun {
    request: RunRequest,
    calls: Calls<Sent>,
    again: Retries<Sent>,
    stage: Stage,
    let_go: bool,
    thread: Option<String>,
    /// The thread, while its MCP servers are waited for.
    opened: Option<Box<OpenThread>>,
    turn: Turn,
    said: SaidInTurn,
    interruption: Interruption,
    family: Family,
    usage: Usage,
    patches: Patches,
    questions: BTreeMap<u64, Request>,
    next_question: u64,
    history: TurnHistory,
    effects: VecDeque<Effect>,
}

impl AppServerRun {
    /// Begins with a greeting; [`Self::effects`] says what to say.
    pub fn begin(request: RunRequest, client: ClientInfo<'_>, now: Instant) -> Self {
        let mut run = Self {
            request,
            calls: Calls::default(),
            again: Retries::none(),
            stage: Stage::Greeting,
            let_go: false,
            thread: None,
            opened: None,
            turn: Turn::None,
            said: SaidInTurn::named("clodex-steer-"),
            interruption: Interruption::default(),
            family: Family::default(),
            usage: Usage::default(),
            patches: Patches::default(),
            questions: BTreeMap::new(),
            next_question: 1,
            history: TurnHistory::default(),
            effects: VecDeque::new(),
        };
        let capabilities = Capabilities { experimental_api: true, opt_out_notification_methods: &NOT_WANTED };
        run.ask(&Initialize { client_info: client, capabilities }, Waiting::Greeting, now);
        run
    }

    /// What is to be done, in order; empty until more is heard.
    pub fn effects(&mut self) -> impl Iterator<Item = Effect> {
        std::mem::take(&mut self.effects).into_iter()
    }

    /// Lets it open its thread and begin its turn.
    pub fn let_go(&mut self, now: Instant) {
        self.let_go = true;
        self.open(now);
    }

    /// Takes one line in that the server has said.
    pub fn hear(&mut self, line: &[u8], now: Instant) {
        match Message::read(line) {
            Ok(Message::Notification(told)) => self.told(&told, now),
            Ok(Message::Request(request)) => self.asked(request),
            Ok(Message::Response(response)) => self.answered(response, now),
            Err(_) if line.trim_ascii().is_empty() => {}
            Err(_) => self.event(Event::Garbage),
        }
    }

    /// How far it has come.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Whether a turn was asked for that is not over.
    pub fn is_working(&self) -> bool {
        !matches!(self.turn, Turn::None)
    }

    /// Says something while the model works; the effects tell under this number whether it was heard.
    pub fn steer(&mut self, number: u64, text: &str, now: Instant) {
        let (Some(thread), Turn::Begun(turn)) = (self.thread.clone(), &self.turn) else {
            let why = Unheard::Refused("no turn is running".to_owned());
            return self.effects.push_back(Effect::NotSteered(number, why));
        };
        let name = self.said.steer(number);
        let call = SteerTurn {
            thread_id: &thread,
            expected_turn_id: &turn.clone(),
            input: &[Input::Text { text }],
            client_user_message_id: Some(&name),
        };
        self.ask(&call, Waiting::Steer(number), now);
    }

    /// Begins the turn that was requested, in the thread that is open, with its prompt and these texts after it. (What
    /// is said before the model has answered makes Codex throw that answer away and ask again.)
    pub fn begin_turn(&mut self, more: &[String], now: Instant) {
        let mut texts = vec![std::mem::take(&mut self.request.prompt)];
        texts.extend_from_slice(more);
        self.start_turn(&texts, now);
    }

    /// Begins another turn of the same thread, after an interrupt.
    pub fn go_on(&mut self, texts: &[String], now: Instant) {
        self.start_turn(texts, now);
    }

    /// Answers a question. `unix_now` is in seconds since 1970 UTC.
    pub fn reply(&mut self, number: u64, reply: &Reply, unix_now: i64) -> Result<(), NoAnswer> {
        let Some(request) = self.questions.get(&number) else {
            return Err(NoAnswer::Refuse(format!("question {number}, which does not wait")));
        };
        let answer = asked_by(request).answer(reply, unix_now);
        let outcome = match answer {
            Ok(result) => Ok(result),
            Err(NoAnswer::Refuse(_)) => Err(refusal()),
            Err(wrong @ (NoAnswer::WantsDecision | NoAnswer::WantsText | NoAnswer::Misfit(_))) => {
                return Err(wrong);
            }
        };
        let id = request.id.clone();
        self.questions.remove(&number);
        self.say(&Message::Response(Response { id, outcome }));
        Ok(())
    }

    /// No turn runs: who has not been heard by now will not be.
    fn tell_not_read(&mut self) {
        self.effects.extend(self.said.not_read().map(Effect::NotRead));
    }

    fn open(&mut self, now: Instant) {
        if self.stage != Stage::Opening || !self.let_go || self.thread.is_some() {
            return;
        }
        let request = std::mem::take(&mut self.request);
        request.open(|params, method| self.put(params, Waiting::Open(method), now));
        self.request = request;
    }

    fn start_turn(&mut self, texts: &[String], now: Instant) {
        let Some(thread) = self.thread.clone() else { return };
        let mut request = std::mem::take(&mut self.request);
        let mut input: Vec<Input<'_>> = texts.iter().map(|text| Input::Text { text }).collect();
        input.extend(request.images.iter().map(|path| Input::LocalImage { path }));
        let call = StartTurn {
            thread_id: &thread,
            input: &input,
            effort: request.effort.as_deref(),
            model: None,
            output_schema: request.output_schema.as_deref(),
            client_user_message_id: Some(BEGINNING),
        };
        self.stage = Stage::Turn;
        self.turn = Turn::Asked(None);
        self.end_no_more();
        self.ask(&call, Waiting::Turn, now);
        // The thread knows them now.
        request.images.clear();
        self.request = request;
    }

    fn succeeded(&mut self, waiting: &Waiting, result: &Params, now: Instant) {
        let read = match waiting {
            Waiting::Greeting => {
                serde_json::from_str(result.get()).map(|server: Server| self.greeted(&server, now))
            }
            Waiting::Open(_) => {
                serde_json::from_str(result.get()).map(|open: OpenThread| self.opened(open, now))
            }
            Waiting::Mcp => {
                serde_json::from_str(result.get()).map(|page: Page<McpServer>| self.listed(&page.data))
            }
            Waiting::Turn => serde_json::from_str(result.get()).map(|OneTurn { turn }| {
                if let Turn::Asked(id) = &mut self.turn {
                    *id = Some(turn.id);
                }
            }),
            Waiting::Steer(number) => {
                self.effects.push_back(Effect::Steered(*number));
                self.said.is_taken(*number);
                if self.turn.id().is_none() {
                    self.tell_not_read();
                }
                Ok(())
            }
            Waiting::End(ending) => {
                self.has_ended(ending, now);
                Ok(())
            }
        };
        if let Err(error) = read {
            let why = format!("codex answered `{}` with something else: {error}", waiting.method());
            self.not_answered(waiting, Unheard::Unanswered(why), now);
        }
    }

    fn greeted(&mut self, server: &Server, now: Instant) {
        let version = CodexVersion::from_output(server.version().unwrap_or_default());
        let too_old = match &version {
            CodexVersion::TooOld(old) => Some(*old),
            CodexVersion::Known(known, _) if *known < OLDEST_SERVER => Some(*known),
            CodexVersion::Known(..) | CodexVersion::Unreadable(_) => None,
        };
        if let Some(old) = too_old {
            let why = format!(
                "codex {old} is too old for its app-server to be used; {OLDEST_SERVER} is the oldest"
            );
            return self.effects.push_back(Effect::Failed(self.stage, why));
        }
        let params = Some(RawValue::from_string("{}".to_owned()).expect("it is JSON"));
        self.say(&Message::Notification(Notification { method: "initialized".to_owned(), params }));
        self.stage = Stage::Opening;
        self.effects.push_back(Effect::Greeted(version));
        self.open(now);
    }

    fn opened(&mut self, open: OpenThread, now: Instant) {
        self.stage = Stage::Opened;
        if let Err(why) = self.request.is_met_by(&open) {
            return self.effects.push_back(Effect::Failed(self.stage, why));
        }
        self.thread = Some(open.thread.id.clone());
        self.event(Event::ThreadStarted { thread_id: Cow::Owned(open.thread.id.clone()) });
        if self.request.mcp.is_empty() {
            return self.effects.push_back(Effect::Open(Box::new(open)));
        }
        self.ask(&ListMcpServers { thread_id: &open.thread.id }, Waiting::Mcp, now);
        self.opened = Some(Box::new(open));
    }

    /// The thread is as good as not open until its servers are ready.
    fn listed(&mut self, servers: &[McpServer]) {
        match self.request.has_its_servers(servers) {
            Ok(()) => self.effects.extend(self.opened.take().map(Effect::Open)),
            Err(why) => self.effects.push_back(Effect::Failed(self.stage, why)),
        }
    }

    fn not_answered(&mut self, waiting: &Waiting, why: Unheard, now: Instant) {
        match waiting {
            Waiting::Greeting | Waiting::Open(_) | Waiting::Mcp | Waiting::Turn => {
                self.turn = Turn::None;
                self.effects.push_back(Effect::Failed(self.stage, why.into_text()));
            }
            Waiting::Steer(number) => {
                self.said.is_not_taken(*number);
                self.effects.push_back(Effect::NotSteered(*number, why));
            }
            Waiting::End(ending) => self.has_not_ended(ending, why, now),
        }
    }

    fn event(&mut self, event: Event<'static>) {
        self.effects.push_back(Effect::Event(event));
    }

    fn say(&mut self, message: &Message) {
        self.effects.push_back(Effect::Say(message.text()));
    }
}

fn asked_by(request: &Request) -> Asked<'_> {
    Asked::read(&request.method, request.params.as_deref().map(RawValue::get))
}

fn refusal() -> RpcError {
    RpcError::new(RpcError::METHOD_NOT_FOUND, "clodex does not answer this")
}

#[cfg(test)]
mod tests;
