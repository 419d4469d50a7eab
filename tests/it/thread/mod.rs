//! clodex-thread with the real Codex and a scripted model: what a user and a script get from it.

mod answers;
mod asking;
mod coming_back;
mod ends;
mod flags;
mod servers;
pub mod sub_agents;

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU16, Ordering};

use clodex_sim::app_server::AppServer as Scripted;
use clodex_sim::responses::embed;
use clodex_tests::{Dispatched, LIMIT, Running, Sandbox, eventually, leftovers, run_with_timeout};
use serde_json::{Value, json};

use crate::stage::step;

/// clodex-thread in the repository.
pub fn talking(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = sandbox.command("clodex-thread");
    command.args(args);
    command
}

/// Runs it to its end.
#[track_caller]
pub fn talk(sandbox: &Sandbox, args: &[&str]) -> Dispatched {
    Dispatched::of(run_with_timeout(talking(sandbox, args), LIMIT))
}

/// Runs it to its end with `--json`; its object, once it has been seen to be one and no more.
#[track_caller]
pub fn asked(sandbox: &Sandbox, args: &[&str]) -> Value {
    object(run_with_timeout(talking(sandbox, &[&["--json"], args].concat()), LIMIT))
}

/// The one object on stdout, whose exit code is the program's.
#[track_caller]
pub fn object(output: Output) -> Value {
    let ended = Dispatched::of(output);
    assert_eq!(ended.stdout.matches('\n').count(), 1, "{ended:?}");
    let object: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&object["version"], &object["exit_code"]), (&json!(1), &json!(ended.code)), "{ended:?}");
    object
}

/// A prompt that makes the model do this, step by step.
pub fn prompt(steps: &[Value]) -> String {
    format!("please {}", embed(&json!(steps)))
}

/// A prompt that is answered with one message.
pub fn saying(text: &str) -> String {
    prompt(&[step(&[json!({ "say": text })])])
}

/// A prompt whose turn runs a command that never ends, and the words by which that is found.
pub fn endless(name: &str) -> String {
    prompt(&[step(&[json!({ "say": "I begin" }), json!({ "run": format!("sleep 3000 # {name}") })])])
}

/// Waits until a process of the sandbox has `words` in its command line; its pid.
#[track_caller]
pub fn process(sandbox: &Sandbox, is_it: impl Fn(&str) -> bool) -> i32 {
    eventually(LIMIT, || {
        leftovers(sandbox.marker()).into_iter().find(|process| is_it(&process.command)).map(|found| found.pid)
    })
}

/// A server for what the real one does not show on demand.
#[expect(clippy::needless_pass_by_value, reason = "it is written where it is passed")]
pub fn scripted(connections: Value) -> Scripted {
    let script = serde_json::from_value(json!({ "connections": connections })).unwrap();
    Scripted::tcp(script).unwrap()
}

/// What a question was answered with, once it was.
pub fn answer(server: &Scripted, id: i64) -> Option<Value> {
    let heard = server.heard().into_iter().filter_map(|(_, text)| serde_json::from_str::<Value>(&text).ok());
    heard
        .filter(|message| message["id"] == id && message["method"].is_null())
        .map(|mut message| message["result"].take())
        .next()
}

/// A port that is free, and that the system gives to nobody by itself.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    let mut ports = std::iter::repeat_with(|| first + NEXT.fetch_add(1, Ordering::Relaxed));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// The real app-server as somebody else has started it. Dropping it kills it.
pub struct AppServer {
    /// Where it is.
    pub uri: String,
    pub running: Running,
}

impl AppServer {
    /// At a Unix socket.
    #[track_caller]
    pub fn at_a_socket(sandbox: &Sandbox) -> Self {
        let socket = sandbox.root().join("s");
        let uri = format!("unix://{}", socket.display());
        let running = Running::start(server(sandbox, &["--listen", &uri]), b"");
        // The link to the socket comes when the socket is there.
        eventually(LIMIT, || fs::metadata(&socket).ok());
        Self { uri, running }
    }

    /// At a port.
    #[track_caller]
    pub fn at_a_port(sandbox: &Sandbox, args: &[&str]) -> Self {
        let listen = ["--listen", "ws://127.0.0.1:0"];
        let mut running = Running::start(server(sandbox, &[&listen, args].concat()), b"");
        let said = running.stdout_with("readyz:", LIMIT);
        let uri =
            said.lines().find_map(|line| line.trim().strip_prefix("listening on: ")).unwrap().to_owned();
        Self { uri, running }
    }
}

/// `codex app-server`, all of what it says on stdout.
fn server(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = sandbox.command("sh");
    command.args(["-c", "exec codex app-server \"$@\" 2>&1", "sh"]).args(args);
    command
}
