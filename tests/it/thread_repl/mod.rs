//! `clodex-thread --repl` with the real Codex: on a terminal, and by pipe.

mod pipe;
mod terminal;

use std::process::Command;

use clodex_sim::responses::Request;
use clodex_tests::{Sandbox, Terminal};
use serde_json::{Value, json};

use crate::stage::{Stage, sh, step};

/// A stage whose model does what the prompt says.
fn stage() -> Option<Stage> {
    Some(Stage::real()?.answering(model))
}

/// Works until the file `go` is there.
const WORK: &str = "while [ ! -e go ]; do sleep 0.05; done";

fn model(request: &Request) -> Value {
    let prompt = request.prompt().unwrap_or_default();
    match prompt.as_str() {
        "work" => {
            json!([step(&[json!({ "run": { "cmd": WORK, "yield_time_ms": 30_000 } })]), echo("worked")])
        }
        "sleep" => json!([step(&[sh("sleep 300")])]),
        "leave the sandbox" => json!([step(&[outside()]), echo("tried")]),
        "be hostile" => json!([echo("be\u{1b}[2J\u{1b}]0;title\u{7}ware")]),
        "fail" => {
            json!([{ "status": 404, "error": { "code": "model_not_found", "message": "there is no such model" } }])
        }
        _ => json!([echo(&format!("You said: {}", prompt.lines().next().unwrap_or_default()))]),
    }
}

fn echo(text: &str) -> Value {
    step(&[json!({ "say": { "text": text, "deltas": 5 } })])
}

/// A command for which Codex has to ask.
fn outside() -> Value {
    json!({ "run": { "cmd": "echo out > ../outside.txt; echo \u{1b}[8m hidden", "sandbox_permissions": "require_escalated",
                     "justification": "it lies outside" } })
}

fn repl(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = sandbox.command("clodex-thread");
    command.arg("--repl").args(arguments);
    command
}

/// A talk in a terminal, when its thread is open.
fn talk<'a>(stage: &'a Stage, arguments: &[&str]) -> Terminal<'a> {
    let terminal = Terminal::start(&stage.sandbox, &repl(&stage.sandbox, arguments));
    terminal.until("an open thread", |screen| thread_of(screen).is_some() && is_ready(screen));
    terminal
}

/// The thread that was opened last.
fn thread_of(screen: &str) -> Option<&str> {
    let line = screen.lines().rev().find_map(|line| line.strip_prefix("  thread "))?;
    line.split([',', ' ']).next()
}

/// Whether the last line is an empty prompt.
fn is_ready(screen: &str) -> bool {
    screen.trim_end().lines().next_back().is_some_and(|line| line.trim_end() == ">")
}
