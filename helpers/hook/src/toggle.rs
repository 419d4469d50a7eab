//! The toggle: whether Claude itself may write source files in a project. Decides about one use of a tool; where the
//! flag lies is known to `clodex_os`.

mod arguments;
mod code_words;
mod code_writes;
pub mod command;
mod messages;
mod shell_words;
mod shell_writes;
mod source;

use std::borrow::Cow;
use std::env;
use std::path::Path;

use clodex_core::Toggle;
use clodex_os::{project_root, read_toggle};

use crate::answer::Answer;
use crate::event::{Received, ToolUse};
use crate::hook_context::HookContext;
use crate::turn_state::Turns;
use shell_writes::{Written, written_by};
use source::Place;

/// A use of a tool that would write source files.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refused {
    /// The tool, or the program that writes.
    by: Cow<'static, str>,
    /// The files, relative to the project; none where the program takes them from elsewhere.
    paths: Vec<String>,
}

impl Refused {
    fn what(&self) -> String {
        let paths: Vec<String> = self.paths.iter().take(3).map(|path| format!("`{path}`")).collect();
        match (paths.as_slice(), self.paths.len()) {
            ([], _) => format!("`{}`, which changes the work tree", self.by),
            (paths, more) if more > paths.len() => {
                format!("{} on {} and {} more", self.by, paths.join(", "), more - paths.len())
            }
            (paths, _) => format!("{} on {}", self.by, paths.join(", ")),
        }
    }
}

/// What to say before a tool is used.
pub fn before_tool(received: &Received<'_>, used: &ToolUse<'_>, around: &HookContext) -> Answer {
    let cwd = Path::new(received.cwd.as_ref());
    let session_dir = around.project_dir.as_deref().unwrap_or(cwd);
    let Some(project) = project_root(session_dir) else { return Answer::Nothing };
    let toggle = read_toggle(&project).toggle();
    if toggle == Toggle::Off {
        return Answer::Nothing;
    }
    let cwd = if cwd.is_absolute() { cwd } else { &project };
    match (toggle, refused(used, &Place { project: &project, cwd })) {
        (Toggle::Off, _) | (_, None) => Answer::Nothing,
        (Toggle::Deny, Some(refused)) => Answer::ToolDenied(messages::refusal(&refused, &project)),
        (Toggle::Warn, Some(refused)) => {
            let turns = around.state.as_ref().map(|state| Turns::of(state, "toggle", &project));
            let is_first =
                turns.is_none_or(|turns| turns.is_first(&received.session_id, &received.prompt_id));
            if is_first { Answer::ToolNoted(messages::note(&refused, &project)) } else { Answer::Nothing }
        }
    }
}

fn refused(used: &ToolUse<'_>, place: &Place<'_>) -> Option<Refused> {
    let input = &used.tool_input;
    let path = match used.tool_name.as_ref() {
        "Edit" | "MultiEdit" | "Write" => &input.file_path,
        "NotebookEdit" => &input.notebook_path,
        "Bash" => return refused_command(input.command.as_deref()?, place),
        _ => return None,
    };
    let path = place.source_at(path.as_deref()?)?;
    Some(Refused { by: used.tool_name.clone().into_owned().into(), paths: vec![path] })
}

fn refused_command(command: &str, place: &Place<'_>) -> Option<Refused> {
    let text = |path: &Path| path.to_str().map(str::to_owned);
    let home = env::var("HOME").ok();
    let known = [("HOME", home), ("PWD", text(place.cwd)), ("CLAUDE_PROJECT_DIR", text(place.project))];
    let known: Vec<(&str, &str)> =
        known.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
    let mut paths = Vec::new();
    let mut by = None;
    for written in written_by(command, &known) {
        match written {
            Written::Path(path) => paths.extend(place.source_at(&path)),
            Written::Into(directory, name) => paths.extend(place.source_into(&directory, &name)),
            Written::Somewhere(what, directory) if place.is_within(&directory) => by = Some(what),
            Written::Somewhere(..) => {}
        }
    }
    paths.dedup();
    match (by, paths.is_empty()) {
        (None, true) => None,
        (Some(what), true) => Some(Refused { by: what.into(), paths }),
        (_, false) => Some(Refused { by: "Bash".into(), paths }),
    }
}

#[cfg(test)]
mod tests;
