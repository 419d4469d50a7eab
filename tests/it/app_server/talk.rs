//! A real app-server that listens, and a client that talks with it about one thread.

use std::ops::ControlFlow;

use clodex_codex::app_server::call::{
    ApprovalPolicy, Input, OneTurn, ResumeThread, StartThread, StartTurn, ThreadSettings,
};
use clodex_codex::app_server::{
    Awaited, Client, Happened, NotBack, Notice, Rejoined, ServerQuestion, Told, TurnEnd, WayBack,
};
use clodex_core::Event;
use clodex_json_rpc::{Greeting, web_socket};
use clodex_tests::{LIMIT, Running, Sandbox, eventually};
use nix::sys::signal::Signal;
use serde_json::Value;
use serde_json::value::RawValue;

use super::drive::{ME, dial, soon};

/// A server; killed when it is dropped.
pub struct Server {
    running: Option<Running>,
    /// Where it listens.
    pub address: String,
    args: Vec<String>,
}

impl Server {
    /// On a free port of the loopback interface, or where else `listen` says.
    #[track_caller]
    pub fn start(sandbox: &Sandbox, listen: &str, args: &[&str]) -> Self {
        let args = args.iter().map(ToString::to_string).collect();
        let mut server = Self { running: None, address: listen.to_owned(), args };
        server.start_again(sandbox);
        server
    }

    /// At the address that it had.
    #[track_caller]
    pub fn start_again(&mut self, sandbox: &Sandbox) {
        let mut command = sandbox.command("sh");
        // Its address stands on stderr.
        command
            .args(["-c", r#"exec codex app-server --listen "$@" 2>&1"#, "sh", &self.address])
            .args(&self.args);
        let mut running = Running::start(command, b"");
        if self.address.starts_with("ws://") {
            // What follows the address shows that all of it is there.
            let said = running.stdout_with("note: ", LIMIT);
            let address = said.split("listening on: ").nth(1).unwrap().split_whitespace().next().unwrap();
            address.clone_into(&mut self.address);
        } else {
            let address = self.address.parse().unwrap();
            eventually(LIMIT, || web_socket(&address, &Greeting::default(), Some(soon())).ok());
        }
        self.running = Some(running);
    }

    /// Ends it at once, without a chance to say or keep anything.
    pub fn kill(&mut self) {
        let running = self.running.take().unwrap();
        running.signal(Signal::SIGKILL);
        running.finish(LIMIT);
    }
}

/// A client and its thread.
pub struct Talk {
    /// The client.
    pub client: Client<()>,
    /// The thread.
    pub thread: String,
}

/// What a test waits for.
#[derive(Debug)]
pub enum Heard {
    Message(String),
    Command,
    Part(String),
    Asked(ServerQuestion),
    Resolved,
    End(&'static str),
    Closed,
    Other,
}

/// The settings of a thread that may write nothing.
pub fn reading(sandbox: &Sandbox) -> ThreadSettings<'static> {
    // Leaked once a test: the settings borrow their texts.
    let cwd: &'static str = Box::leak(sandbox.repo().display().to_string().into_boxed_str());
    ThreadSettings {
        cwd: Some(cwd),
        sandbox: Some("read-only"),
        approval_policy: Some(ApprovalPolicy::OnRequest),
        ..ThreadSettings::default()
    }
}

/// A prompt that carries what the model does, step by step.
pub fn script(words: &str, steps: &Value) -> String {
    format!("{words} @@{steps}@@")
}

impl Talk {
    /// A new thread.
    #[track_caller]
    pub fn start(server: &Server, sandbox: &Sandbox) -> Self {
        let (mut client, _) = greet(server);
        let open =
            client.call(&StartThread { settings: reading(sandbox), ephemeral: false }, soon()).unwrap();
        Self { client, thread: open.thread.id }
    }

    /// Another client in the same thread.
    #[track_caller]
    pub fn join(server: &Server, thread: &str) -> Self {
        let (mut client, _) = greet(server);
        let settings = ThreadSettings::default();
        client.call(&ResumeThread { thread_id: thread, settings, exclude_turns: true }, soon()).unwrap();
        Self { client, thread: thread.to_owned() }
    }

    /// Begins a turn; its id.
    #[track_caller]
    pub fn say(&mut self, text: &str) -> String {
        let input = [Input::Text { text }];
        let call = StartTurn {
            thread_id: &self.thread,
            input: &input,
            effort: None,
            model: None,
            output_schema: None,
            client_user_message_id: None,
        };
        let OneTurn { turn } = self.client.call(&call, soon()).unwrap();
        turn.id
    }

    /// What is heard next of this thread.
    #[track_caller]
    pub fn next(&mut self) -> Heard {
        loop {
            match self.client.next(Some(soon())).expect("something happens soon") {
                Happened::Asked(question) => return Heard::Asked(question),
                Happened::Closed(_) => return Heard::Closed,
                Happened::Told(told) => {
                    let notice = Notice::read(&told.method, told.params.as_deref().map(RawValue::get));
                    if notice.thread_id != self.thread.as_str() {
                        continue;
                    }
                    return match notice.told {
                        Told::Event(Event::Message { text }) => Heard::Message(text.into_owned()),
                        Told::Event(Event::CommandStarted { .. }) => Heard::Command,
                        Told::MessagePart { text, .. } => Heard::Part(text.into_owned()),
                        Told::RequestResolved(_) => Heard::Resolved,
                        Told::TurnEnded(TurnEnd::Completed) => Heard::End("completed"),
                        Told::TurnEnded(TurnEnd::Interrupted) => Heard::End("interrupted"),
                        Told::TurnEnded(_) => Heard::End("otherwise"),
                        _ => Heard::Other,
                    };
                }
                Happened::Answered((), _) | Happened::Unreadable(_) | Happened::Woken => {}
            }
        }
    }

    /// Listens until `last` finds what it looks for; and the messages until then.
    #[track_caller]
    pub fn until<R>(&mut self, last: impl Fn(Heard) -> Option<R>) -> (Vec<String>, R) {
        let mut messages = Vec::new();
        loop {
            let heard = self.next();
            if let Heard::Message(text) = &heard {
                messages.push(text.clone());
            }
            assert!(!matches!(heard, Heard::Closed) || last(Heard::Closed).is_some(), "the server is gone");
            if let Some(found) = last(heard) {
                return (messages, found);
            }
        }
    }

    /// The messages up to the end of the turn, and how it ended.
    #[track_caller]
    pub fn end(&mut self) -> (Vec<String>, &'static str) {
        self.until(|heard| if let Heard::End(how) = heard { Some(how) } else { None })
    }

    /// Comes back over another connection.
    pub fn come_back(&mut self, server: &Server) -> Result<(), NotBack> {
        let mut dial = |_| Ok(dial(&server.address, &Greeting::default()));
        let wait = &mut |_| ControlFlow::Break(());
        self.client.reconnect(&mut WayBack { dial: &mut dial, wait, client: ME, until: soon() }).map(drop)
    }

    /// Joins the thread again.
    #[track_caller]
    pub fn rejoin(&mut self, turn: &str) -> Rejoined {
        let settings = ThreadSettings::default();
        let thread = ResumeThread { thread_id: &self.thread, settings, exclude_turns: true };
        self.client.rejoin(&thread, Awaited::Turn(turn), soon(), &mut WayBack::sleep).unwrap().1
    }
}

/// A client that has shaken hands.
#[track_caller]
pub fn greet<T>(server: &Server) -> (Client<T>, clodex_codex::CodexVersion) {
    Client::greet(dial(&server.address, &Greeting::default()), ME, soon()).unwrap()
}

/// Nobody asks the question any more, or it is the one that is looked for.
pub fn asked(heard: Heard) -> Option<ServerQuestion> {
    if let Heard::Asked(question) = heard { Some(question) } else { None }
}
