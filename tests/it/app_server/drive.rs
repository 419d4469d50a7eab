//! One turn against a scripted server, by each of those who can drive one and over each transport, and what they make of
//! it. Whoever drives, the story is the same.

use std::io::{BufRead as _, BufReader, Write as _};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use clodex_codex::app_server::call::{ClientInfo, Input, StartThread, StartTurn, ThreadSettings};
use clodex_codex::app_server::{
    AgentEvent, Agents, AppServerRun, Client, Effect, Ended, Happened, Notice, Reply, Retry, RunRequest,
    ThreadWish, Told, TurnEnd, TurnSettings, answer,
};
use clodex_core::Event;
use clodex_json_rpc::{Address, Connection, Greeting, lines, web_socket};
use clodex_sim::app_server::AppServer;
use clodex_tests::{LIMIT, Sandbox};
use serde_json::Value;
use serde_json::value::RawValue;

/// Who a test says that it is.
pub const ME: ClientInfo<'static> = ClientInfo { name: "clodex-tests", version: "0" };

/// Later than anything takes that a test waits for.
pub fn soon() -> Instant {
    Instant::now() + LIMIT
}

/// What a turn came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// The model's messages, in order.
    pub messages: Vec<String>,
    /// Input and output tokens of the thread.
    pub tokens: (u64, u64),
    /// What was asked of us.
    pub questions: usize,
    /// Errors that Codex tells, tried again or not.
    pub errors: Vec<String>,
    /// How it ended, in a word.
    pub end: String,
}

/// A transport.
struct Way {
    name: &'static str,
    connect: fn(Value, &Sandbox) -> (AppServer, Connection),
}

const WAYS: [Way; 3] = [
    Way {
        name: "stdio",
        connect: |script, _| {
            let (server, from, to) = AppServer::streams(read(script)).unwrap();
            (server, lines(from, to))
        },
    },
    Way {
        name: "tcp",
        connect: |script, _| {
            let server = AppServer::tcp(read(script)).unwrap();
            let connection = dial(server.address(), &Greeting::default());
            (server, connection)
        },
    },
    Way {
        name: "unix",
        connect: |script, sandbox| {
            let path = sandbox.root().join("s");
            // One of an earlier act of the same test.
            let _ = std::fs::remove_file(&path);
            let server = AppServer::unix(read(script), &path).unwrap();
            let connection = dial(server.address(), &Greeting::default());
            (server, connection)
        },
    },
];

fn read(script: Value) -> clodex_sim::app_server::Script {
    serde_json::from_value(script).unwrap()
}

/// Connects, or fails the test.
pub fn dial(address: &str, greeting: &Greeting) -> Connection {
    let address: Address = address.parse().unwrap();
    web_socket(&address, greeting, Some(soon())).unwrap()
}

/// Who waits no longer than that for its turn to begin.
type Drive = fn(Connection, Duration) -> Story;

/// What a server has heard, in order: the number of the connection, and the message.
pub type Heard = Vec<(usize, String)>;

/// The story of a turn, from everybody who can drive one, and what each server has heard.
#[track_caller]
pub fn everybody_tells(script: &Value) -> (Story, Vec<Heard>) {
    let (story, mut heard) = clients_tell(script, LIMIT);
    let (server, by_run) = by_run(script);
    assert_eq!(by_run, story, "run");
    heard.push(server.heard());
    (story, heard)
}

/// The story from clients and agents over each transport, who wait no longer than that for the turn to begin.
#[track_caller]
pub fn clients_tell(script: &Value, patience: Duration) -> (Story, Vec<Heard>) {
    let sandbox = Sandbox::bare();
    let mut stories = Vec::new();
    let mut heard = Vec::new();
    for way in WAYS {
        let drivers: [(&str, Drive); 2] = [("client", by_client), ("agents", by_agents)];
        for (who, drive) in drivers {
            let (server, connection) = (way.connect)(script.clone(), &sandbox);
            stories.push((format!("{who} over {}", way.name), drive(connection, patience)));
            heard.push(server.heard());
        }
    }
    let (_, first) = stories.remove(0);
    for (who, story) in stories {
        assert_eq!(story, first, "{who}");
    }
    (first, heard)
}

fn by_client(connection: Connection, patience: Duration) -> Story {
    let mut story = Story::default();
    let (mut client, _) = Client::greet(connection, ME, soon()).unwrap();
    let settings = ThreadSettings::default();
    let thread = client.call(&StartThread { settings, ephemeral: false }, soon()).unwrap().thread.id;
    let input = [Input::Text { text: "go" }];
    let turn = StartTurn {
        thread_id: &thread,
        input: &input,
        effort: None,
        model: None,
        output_schema: None,
        client_user_message_id: None,
    };
    client.ask(&turn, Some(Instant::now() + patience), ()).unwrap();
    let mut ours = None;
    loop {
        match client.next(Some(soon())).expect("something happens soon") {
            Happened::Answered((), answered) => match answer::<StartTurn<'_>>(answered) {
                Ok(begun) => ours = Some(begun.turn.id),
                Err(_) => return story.ended("not begun"),
            },
            Happened::Asked(question) => {
                story.questions += 1;
                client.reply(question, &Reply::Accept, 0).unwrap();
            }
            Happened::Told(told) => {
                let notice = Notice::read(&told.method, told.params.as_deref().map(RawValue::get));
                if !notice.thread_id.is_empty() && notice.thread_id != thread {
                    continue;
                }
                match notice.told {
                    Told::Event(event) => story.add(&event),
                    Told::Tokens { total, .. } => story.tokens = (total.input, total.output),
                    Told::Error { message, retry: Retry::Yes | Retry::No, .. } => {
                        story.errors.push(message.into_owned());
                    }
                    Told::TurnEnded(end) if ours.as_deref() == Some(&*notice.turn_id) => {
                        return story.ended(match end {
                            TurnEnd::Completed => "completed",
                            TurnEnd::Interrupted => "interrupted",
                            TurnEnd::Failed { .. } => "failed",
                            TurnEnd::Unknown(_) => "unknown",
                        });
                    }
                    _ => {}
                }
            }
            Happened::Unreadable(_) | Happened::Woken => {}
            Happened::Closed(_) => return story.ended("lost"),
        }
    }
}

fn by_agents(connection: Connection, patience: Duration) -> Story {
    let mut story = Story::default();
    let (client, _) = Client::greet(connection, ME, soon()).unwrap();
    let mut agents = Agents::new(client);
    agents.create("a", &ThreadWish::default(), ThreadSettings::default(), Some(soon())).unwrap();
    loop {
        match agents.next(Some(soon())).expect("something happens soon") {
            AgentEvent::Open(name, _) => {
                let until = Some(Instant::now() + patience);
                agents.send(&name, &[Input::Text { text: "go" }], &TurnSettings::default(), until).unwrap();
            }
            AgentEvent::Event(_, Event::Error { message, .. } | Event::Reconnecting { message }) => {
                story.errors.push(message.into_owned());
            }
            AgentEvent::Event(_, event) => story.add(&event),
            AgentEvent::Asked(_, question) => {
                story.questions += 1;
                agents.reply(question, &Reply::Accept, 0).unwrap();
            }
            AgentEvent::Ended(name, end) => {
                let usage = agents.get(&name).unwrap().usage;
                story.tokens = (usage.input, usage.output);
                let word = match end {
                    Ended::Well(last) => {
                        assert_eq!(last.as_ref(), story.messages.last());
                        "completed"
                    }
                    Ended::Interrupted => "interrupted",
                    Ended::Failed(..) => "failed",
                    Ended::Unknown(_) => "unknown",
                };
                return story.ended(word);
            }
            AgentEvent::Failed(..) => return story.ended("not begun"),
            AgentEvent::Closed(_) => {
                let usage = agents.get("a").unwrap().usage;
                story.tokens = (usage.input, usage.output);
                return story.ended("lost");
            }
            AgentEvent::Part(..)
            | AgentEvent::Resolved(..)
            | AgentEvent::Steered(_)
            | AgentEvent::Other(_) => {}
        }
    }
}

fn by_run(script: &Value) -> (AppServer, Story) {
    let (server, from, mut to) = AppServer::streams(read(script.clone())).unwrap();
    let (said, lines) = channel();
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) && said.send(line.clone()).is_ok()
        {
            line.clear();
        }
    });
    let mut story = Story::default();
    let request = RunRequest { cwd: "/".to_owned(), prompt: "go".to_owned(), ..RunRequest::default() };
    let mut run = AppServerRun::begin(request, ME, Instant::now());
    run.let_go(Instant::now());
    loop {
        let effects: Vec<Effect> = run.effects().collect();
        let mut is_over = false;
        for effect in effects {
            match effect {
                Effect::Say(line) => writeln!(to, "{line}").unwrap_or_default(),
                Effect::Event(Event::Error { message, .. } | Event::Reconnecting { message }) => {
                    story.errors.push(message.into_owned());
                }
                Effect::Event(Event::TurnCompleted { usage }) => {
                    story.tokens = (usage.input, usage.output);
                    "completed".clone_into(&mut story.end);
                }
                Effect::Event(Event::TurnFailed { .. }) => "failed".clone_into(&mut story.end),
                Effect::Event(event) => story.add(&event),
                Effect::Asked(number, _) => {
                    story.questions += 1;
                    run.reply(number, &Reply::Accept, 0).unwrap();
                }
                Effect::Failed(..) => return (server, story.ended("not begun")),
                Effect::Open(_) => run.begin_turn(&[], Instant::now()),
                Effect::Over => is_over = true,
                _ => {}
            }
        }
        // What was answered just now is said before anything else is heard.
        for effect in run.effects().collect::<Vec<_>>() {
            if let Effect::Say(line) = effect {
                writeln!(to, "{line}").unwrap_or_default();
            }
        }
        if is_over {
            return (server, story);
        }
        let until = run.deadline().unwrap_or_else(soon).saturating_duration_since(Instant::now());
        match lines.recv_timeout(until) {
            Ok(line) => run.hear(&line, Instant::now()),
            Err(RecvTimeoutError::Timeout) => run.tick(Instant::now()),
            Err(RecvTimeoutError::Disconnected) => return (server, story.ended("lost")),
        }
    }
}

impl Story {
    fn add(&mut self, event: &Event<'_>) {
        if let Event::Message { text } = event {
            self.messages.push(text.to_string());
        }
    }

    fn ended(mut self, end: &str) -> Self {
        end.clone_into(&mut self.end);
        self
    }
}
