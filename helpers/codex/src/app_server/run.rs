//! One run over the app-server, as a conversation of lines: what to say after what was heard. Pure: no stream, no
//! process; the time is told. The order matters: nothing of the user's may run before the run is let go, and thread
//! start is when Codex starts MCP servers.

mod asking;
mod effect;
mod hearing;
mod request;
mod waiting;

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use clodex_core::{Event, Usage};
use clodex_json_rpc::{Calls, Message, Notification, Params, Request, Response, RpcError};
use serde_json::value::RawValue;

use super::asked::{Asked, NoAnswer, Reply};
use super::call::{
    Capabilities, CleanTerminals, ClientInfo, Initialize, Input, InterruptTurn, OneTurn, OpenThread, Server,
    StartTurn, SteerTurn,
};
use super::client::OLDEST_SERVER;
use super::heard::Heard;
use crate::version::CodexVersion;
pub use effect::{AskedOfUs, Effect, Stage, Unheard};
pub use request::{RunRequest, ThreadWish};
use waiting::{Sent, Waiting};

/// How far an interrupt has come: the turn is over when Codex has said so, and its commands when they were ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interruption {
    None,
    /// The turn was asked to end.
    Asked,
    /// What it runs is being ended.
    Cleaning,
    /// Nothing runs; Codex has not said yet that the turn is over.
    Clean,
}

/// A run.
#[derive(Debug)]
pub struct AppServerRun {
    request: RunRequest,
    calls: Calls<Sent>,
    /// What the overloaded server is asked once more, and when.
    again: Vec<(Instant, Sent)>,
    stage: Stage,
    let_go: bool,
    thread: Option<String>,
    turn: Option<String>,
    interruption: Interruption,
    usage: Usage,
    /// The files of patches that have begun, by item: approval names the item only.
    patches: BTreeMap<String, Vec<String>>,
    questions: BTreeMap<u64, Request>,
    next_question: u64,
    heard: Heard,
    effects: VecDeque<Effect>,
}

impl AppServerRun {
    /// Begins with a greeting; [`Self::effects`] says what to say.
    pub fn begin(request: RunRequest, client: ClientInfo<'_>, now: Instant) -> Self {
        let mut run = Self {
            request,
            calls: Calls::default(),
            again: Vec::new(),
            stage: Stage::Greeting,
            let_go: false,
            thread: None,
            turn: None,
            interruption: Interruption::None,
            usage: Usage::default(),
            patches: BTreeMap::new(),
            questions: BTreeMap::new(),
            next_question: 1,
            heard: Heard::default(),
            effects: VecDeque::new(),
        };
        let capabilities = Capabilities { experimental_api: true, opt_out_notification_methods: &[] };
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

    /// Whether a turn is under way.
    pub fn is_working(&self) -> bool {
        self.turn.is_some()
    }

    /// Says something while the model works; the effects tell under this number whether it was heard.
    pub fn steer(&mut self, number: u64, text: &str, now: Instant) {
        let (Some(thread), Some(turn)) = (self.thread.clone(), self.turn.clone()) else {
            let why = Unheard::Refused("no turn is running".to_owned());
            return self.effects.push_back(Effect::NotSteered(number, why));
        };
        let name = format!("clodex-steer-{number}");
        let call = SteerTurn {
            thread_id: &thread,
            expected_turn_id: &turn,
            input: &[Input::Text { text }],
            client_user_message_id: Some(&name),
        };
        self.ask(&call, Waiting::Steer(number), now);
    }

    /// Ends the turn and what it runs; the thread stays.
    pub fn interrupt(&mut self, now: Instant) {
        let (Some(thread), Some(turn)) = (self.thread.clone(), self.turn.clone()) else {
            return self.effects.push_back(Effect::NotInterrupted("no turn is running".to_owned()));
        };
        if self.interruption == Interruption::None {
            self.interruption = Interruption::Asked;
            self.ask(&InterruptTurn { thread_id: &thread, turn_id: &turn }, Waiting::Interrupt, now);
        }
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
            Err(wrong @ (NoAnswer::WantsDecision | NoAnswer::WantsText)) => return Err(wrong),
        };
        let id = request.id.clone();
        self.questions.remove(&number);
        self.say(&Message::Response(Response { id, outcome }));
        Ok(())
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
        let request = std::mem::take(&mut self.request);
        let mut input: Vec<Input<'_>> = texts.iter().map(|text| Input::Text { text }).collect();
        input.extend(request.images.iter().map(|path| Input::LocalImage { path }));
        let call = StartTurn {
            thread_id: &thread,
            input: &input,
            effort: request.effort.as_deref(),
            model: None,
            output_schema: request.output_schema.as_deref(),
            client_user_message_id: None,
        };
        self.stage = Stage::Turn;
        self.ask(&call, Waiting::Turn, now);
        self.request = request;
    }

    fn succeeded(&mut self, waiting: &Waiting, result: &Params, now: Instant) {
        let read = match waiting {
            Waiting::Greeting => {
                serde_json::from_str(result.get()).map(|server: Server| self.greeted(&server, now))
            }
            Waiting::Open(_) => serde_json::from_str(result.get()).map(|open: OpenThread| self.opened(open)),
            Waiting::Turn => serde_json::from_str(result.get()).map(|OneTurn { turn }| {
                self.turn.get_or_insert(turn.id);
            }),
            Waiting::Steer(number) => {
                self.effects.push_back(Effect::Steered(*number));
                Ok(())
            }
            Waiting::Interrupt => {
                self.clean(now);
                Ok(())
            }
            Waiting::Clean => {
                self.interruption = Interruption::Clean;
                self.tell_interrupted();
                Ok(())
            }
        };
        if let Err(error) = read {
            let why = format!("codex answered `{}` with something else: {error}", waiting.method());
            self.not_answered(waiting, Unheard::Unanswered(why));
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

    fn opened(&mut self, open: OpenThread) {
        self.stage = Stage::Opened;
        if let Err(why) = self.request.is_met_by(&open) {
            return self.effects.push_back(Effect::Failed(self.stage, why));
        }
        self.thread = Some(open.thread.id.clone());
        self.event(Event::ThreadStarted { thread_id: Cow::Owned(open.thread.id.clone()) });
        self.effects.push_back(Effect::Open(Box::new(open)));
    }

    /// Ends what an interrupted turn has left running, once.
    fn clean(&mut self, now: Instant) {
        if matches!(self.interruption, Interruption::Cleaning | Interruption::Clean) {
            return;
        }
        if let Some(thread) = self.thread.clone() {
            self.interruption = Interruption::Cleaning;
            self.ask(&CleanTerminals { thread_id: &thread }, Waiting::Clean, now);
        }
    }

    /// A turn that Codex has not ended yet would take the next one for more of its own.
    fn tell_interrupted(&mut self) {
        if self.interruption == Interruption::Clean && self.turn.is_none() {
            self.interruption = Interruption::None;
            self.effects.push_back(Effect::Interrupted);
        }
    }

    fn not_answered(&mut self, waiting: &Waiting, why: Unheard) {
        match waiting {
            Waiting::Greeting | Waiting::Open(_) | Waiting::Turn => {
                self.effects.push_back(Effect::Failed(self.stage, why.into_text()));
            }
            Waiting::Steer(number) => self.effects.push_back(Effect::NotSteered(*number, why)),
            Waiting::Interrupt => {
                self.interruption = Interruption::None;
                self.effects.push_back(Effect::NotInterrupted(why.into_text()));
            }
            // What is interrupted has to be over: then by the end of the run.
            Waiting::Clean => {
                let why = format!("what the interrupted turn ran could not be ended: {}", why.into_text());
                self.effects.push_back(Effect::Failed(self.stage, why));
            }
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
