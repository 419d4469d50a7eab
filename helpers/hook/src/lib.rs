//! What Claude Code's hook events mean for clodex: an event on stdin, an answer on stdout, or nothing.
//!
//! Started at every prompt and every tool call, so everything here is cheap: no argument parser, no generic JSON
//! tree. Whatever goes wrong, the session goes on as if there were no hook: exit code 0, and stdout is empty or
//! valid JSON. A module an event; `event` knows what Claude Code sends, `answer` what it understands.

mod answer;
mod event;
mod hook_context;
mod plugin_version;
mod run_helper;
mod session_end;
mod session_runs;
mod session_start;
mod split_arguments;
mod stop_gate;
#[cfg(test)]
mod testing;
pub mod toggle;
mod told_runs;
mod turn_state;
mod user_prompt_expansion;
mod user_prompt_submit;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

pub use answer::Answer;
pub use event::{
    BackgroundTask, Event, Prompt, PromptExpansion, Received, SessionEnd, SessionStart, Stop, ToolInput,
    ToolUse,
};
pub use hook_context::HookContext;

/// A `Write` brings the whole file along. What is larger is cut, so it is no JSON, so nothing is said.
const STDIN_MAX_BYTES: usize = 32 << 20;
/// Claude Code writes at once and closes; somebody else may not.
const STDIN_PATIENCE: Duration = Duration::from_secs(2);

/// Runs what the program's own name, or a leading `--as NAME`, says.
pub fn run(arguments: &[OsString]) -> ExitCode {
    match called_as(arguments).as_str() {
        "clodex-hook" => {
            hook();
            ExitCode::SUCCESS
        }
        "clodex-toggle" => {
            let is_renamed = arguments.get(1).is_some_and(|argument| argument == "--as");
            toggle::command::run(arguments.get(if is_renamed { 3 } else { 1 }..).unwrap_or_default())
        }
        other => {
            eprintln!("cannot act under the name `{other}`\nhint: call it as clodex-hook or clodex-toggle");
            ExitCode::from(2)
        }
    }
}

fn called_as(arguments: &[OsString]) -> String {
    let is_renamed = arguments.len() > 2 && arguments[1] == "--as";
    let name = arguments.get(if is_renamed { 2 } else { 0 }).map(Path::new).and_then(Path::file_name);
    name.unwrap_or_default().to_string_lossy().into_owned()
}

fn hook() {
    let input = clodex_os::read_stdin(STDIN_MAX_BYTES, Instant::now() + STDIN_PATIENCE);
    let Some(received) = Received::read(&input) else { return };
    if let Some(text) = answer(&received, &HookContext::from_env()).encoded() {
        // Nobody is left to tell if stdout is gone.
        let _ = std::io::stdout().write_all(&text);
    }
}

/// What to say to an event.
pub fn answer(received: &Received<'_>, around: &HookContext) -> Answer {
    match &received.event {
        Event::SessionStart(begun) => session_start::session_start(begun, received, around),
        Event::SessionEnd(ended) => {
            stop_gate::session_ends(received, around);
            session_end::session_end(ended, received, around);
            Answer::Nothing
        }
        Event::UserPromptSubmit(_) => {
            stop_gate::turn_begins(received, around);
            user_prompt_submit::user_prompt_submit(received, around)
        }
        Event::UserPromptExpansion(expanded) => {
            user_prompt_expansion::user_prompt_expansion(expanded, around)
        }
        Event::PreToolUse(used) => toggle::before_tool(received, used, around),
        Event::Stop(stop) => stop_gate::before_stop(stop, received, around),
    }
}
