//! How Codex is talked to while it runs: a prompt that goes in once (`exec`), or requests and answers (`app-server`).
//! Owns Codex's stdin and decides nothing about the run. Writing never blocks the loop.

use std::io::Write as _;
use std::process::ChildStdin;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Instant;

use clodex_codex::app_server::call::ClientInfo;
use clodex_codex::app_server::{AppServerRun, Effect, RunRequest, Stage};
use clodex_core::{CommandStatus, Event, PatchStatus};

/// As Codex's servers know us.
const CLIENT: ClientInfo<'static> = ClientInfo { name: "clodex", version: env!("CARGO_PKG_VERSION") };

/// A conversation with one process of Codex.
#[derive(Debug)]
pub enum Conversation {
    /// With `codex exec`.
    Exec(Prompt),
    /// With `codex app-server`.
    AppServer(Box<Talk>),
}

/// What `codex exec` is told.
#[derive(Debug)]
pub struct Prompt {
    text: Vec<u8>,
    stdin: Option<ChildStdin>,
}

/// A run over the app-server.
#[derive(Debug)]
pub struct Talk {
    /// What is wanted, until the conversation begins.
    request: Option<RunRequest>,
    run: Option<AppServerRun>,
    is_let_go: bool,
    is_parting: bool,
    mouth: Option<Mouth>,
}

/// What Codex does when it is asked to end.
#[derive(Debug)]
pub enum Parting {
    /// It was asked in its own words; this follows.
    Asked(Vec<Effect>),
    /// It knows no words for it: a signal has to.
    BySignal,
}

impl Conversation {
    /// One that says a prompt, byte for byte.
    pub fn exec(prompt: Vec<u8>) -> Self {
        Self::Exec(Prompt { text: prompt, stdin: None })
    }

    /// One that makes a run of this request.
    pub fn app_server(request: RunRequest) -> Self {
        let talk =
            Talk { request: Some(request), run: None, is_let_go: false, is_parting: false, mouth: None };
        Self::AppServer(Box::new(talk))
    }

    /// These words stand behind the prompt, where that is all that can be said.
    pub fn begins_with(&mut self, more: &[String]) {
        if let Self::Exec(prompt) = self {
            for text in more {
                prompt.text.extend_from_slice(format!("\n\n{text}\n").as_bytes());
            }
        }
    }

    /// Codex runs and listens.
    pub fn begin(&mut self, stdin: ChildStdin, now: Instant) -> Vec<Effect> {
        match self {
            Self::Exec(prompt) => {
                prompt.stdin = Some(stdin);
                vec![]
            }
            Self::AppServer(talk) => talk.begin(stdin, now),
        }
    }

    /// Nothing stands against the work any more.
    pub fn let_go(&mut self, now: Instant) -> Vec<Effect> {
        match self {
            Self::Exec(prompt) => {
                prompt.say();
                vec![]
            }
            Self::AppServer(talk) => talk.let_go(now),
        }
    }

    /// When to call [`Self::tick`] at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Exec(_) => None,
            Self::AppServer(talk) => talk.run.as_ref()?.deadline(),
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) -> Vec<Effect> {
        match self {
            Self::Exec(_) => vec![],
            Self::AppServer(talk) => talk.follow(|run| run.tick(now)),
        }
    }

    /// Whether the model may have been asked for something.
    pub fn turn_was_asked(&self) -> bool {
        match self {
            Self::Exec(_) => true,
            Self::AppServer(talk) => talk.run.as_ref().is_some_and(|run| run.stage() == Stage::Turn),
        }
    }

    /// Asks Codex to end; whoever calls this kills it when it takes too long.
    pub fn part(&mut self, now: Instant) -> Parting {
        match self {
            Self::Exec(_) => Parting::BySignal,
            Self::AppServer(talk) => Parting::Asked(talk.part(now)),
        }
    }
}

impl Prompt {
    fn say(&mut self) {
        let text = std::mem::take(&mut self.text);
        if let Some(mut stdin) = self.stdin.take() {
            // A Codex that has ended already does not read it: its end says why.
            thread::spawn(move || stdin.write_all(&text));
        }
    }
}

impl Talk {
    /// Takes a line in that Codex has said.
    pub fn hear(&mut self, line: &[u8], now: Instant) -> Vec<Effect> {
        self.follow(|run| run.hear(line, now))
    }

    /// Does something with the run, says what follows, and gives back what is left to be done.
    pub fn follow(&mut self, act: impl FnOnce(&mut AppServerRun)) -> Vec<Effect> {
        let Some(run) = &mut self.run else { return vec![] };
        act(run);
        let mut rest = Vec::new();
        for effect in run.effects().collect::<Vec<_>>() {
            match effect {
                Effect::Say(line) => {
                    if let Some(mouth) = &self.mouth {
                        mouth.say(line);
                    }
                }
                Effect::Over | Effect::Interrupted if self.is_parting => self.close(),
                Effect::Event(event) if self.is_parting && is_cut_off(&event) => {}
                other => rest.push(other),
            }
        }
        rest
    }

    /// Stdin's end is the server's.
    pub fn close(&mut self) {
        self.mouth = None;
    }

    fn begin(&mut self, stdin: ChildStdin, now: Instant) -> Vec<Effect> {
        let Some(request) = self.request.take() else { return vec![] };
        self.mouth = Some(Mouth::of(stdin));
        self.run = Some(AppServerRun::begin(request, CLIENT, now));
        let let_go = self.is_let_go;
        self.follow(|run| {
            if let_go {
                run.let_go(now);
            }
        })
    }

    fn let_go(&mut self, now: Instant) -> Vec<Effect> {
        self.is_let_go = true;
        self.follow(|run| run.let_go(now))
    }

    /// The turn is ended in Codex's own way, which its thread remembers; without one there is nothing to end.
    fn part(&mut self, now: Instant) -> Vec<Effect> {
        self.is_parting = true;
        if self.run.as_ref().is_some_and(AppServerRun::is_working) {
            return self.follow(|run| run.interrupt(now));
        }
        self.mouth = None;
        vec![]
    }
}

/// Whether it tells of something that Codex ended because it was asked to: that did not fail by itself.
fn is_cut_off(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::CommandEnded { status: CommandStatus::Failed | CommandStatus::Declined, .. }
            | Event::FilesChanged { status: PatchStatus::Failed, .. }
            | Event::ToolEnded { ok: false, .. }
    )
}

/// Codex's stdin, with a thread that waits in the loop's stead. It is closed when this is dropped and all is said.
#[derive(Debug)]
struct Mouth(Sender<String>);

impl Mouth {
    fn of(mut stdin: ChildStdin) -> Self {
        let (sender, lines) = channel::<String>();
        thread::spawn(move || {
            for mut line in lines {
                line.push('\n');
                // A Codex that has ended does not listen: its end says why.
                if stdin.write_all(line.as_bytes()).is_err() {
                    return;
                }
            }
        });
        Self(sender)
    }

    fn say(&self, line: String) {
        // Nobody listens any more: the end is told elsewhere.
        let _ = self.0.send(line);
    }
}
