//! `clodex-thread --repl` with the real Codex: on a terminal, and by pipe.

mod job_control;
mod lists;
mod lost;
mod pipe;
mod questions;
mod sub_agents;
mod terminal;

use std::process::Command;

use clodex_sim::responses::Request;
use clodex_tests::{Key, Sandbox, Terminal};
use serde_json::{Value, json};

use crate::stage::{Stage, sh, step};

/// A stage whose model does what the prompt says.
fn stage() -> Option<Stage> {
    Some(Stage::real()?.answering(model))
}

/// With these a server of ours has 5 s to end a turn, and 1 s else, which pass on a busy machine.
const PATIENT: [&str; 1] = ["--ephemeral"];

/// Works until the file `go` is there.
const WORK: &str = "while [ ! -e go ]; do sleep 0.05; done";

fn model(request: &Request) -> Value {
    let prompt = request.prompt().unwrap_or_default();
    if let Some(name) = prompt.strip_prefix("touch ") {
        return json!([
            step(&[sh(&format!("touch src/{name}; touch lib/{name}"))]),
            echo(&format!("touched {name}"))
        ]);
    }
    if prompt.starts_with('{') {
        return json!([echo(&prompt)]);
    }
    match prompt.as_str() {
        "work" => json!([step(&[sh(WORK)]), echo("worked")]),
        "sleep" => json!([step(&[sh("sleep 300")])]),
        "delegate" => json!([step(&[spawns("sleep")]), step(&[sh(WORK)]), echo("delegated")]),
        "delegate and sleep" => json!([step(&[spawns("sleep")]), step(&[sh("sleep 299")])]),
        "delegate a question" => {
            json!([step(&[spawns("leave the sandbox")]), step(&[sh(WORK)]), echo("delegated")])
        }
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

/// Begins a sub-agent with this prompt.
fn spawns(prompt: &str) -> Value {
    let arguments = json!({ "message": prompt });
    json!({ "tool": { "namespace": "multi_agent_v1", "name": "spawn_agent", "arguments": arguments } })
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

/// What a person does.
trait Typing {
    fn send(&self, line: &str);
    fn answers(&self, words: &[&str]) -> String;
}

impl Typing for Terminal<'_> {
    /// Types a line and sends it.
    #[track_caller]
    fn send(&self, line: &str) {
        self.type_text(line);
        // What is pressed before the text is there belongs to the text.
        self.until(&format!("`{line}` being typed"), |screen| screen.trim_end().ends_with(line));
        self.press(Key::Enter);
    }

    /// Waits until these are to be seen and the prompt waits for more.
    #[track_caller]
    fn answers(&self, words: &[&str]) -> String {
        self.until(&format!("{words:?} and a prompt"), |screen| {
            words.iter().all(|words| screen.contains(words)) && is_ready(screen)
        })
    }
}
