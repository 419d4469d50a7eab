//! The items of the stream (`item.started`, `item.updated`, `item.completed`) and the events they become.

use std::borrow::Cow;

use clodex_core::{ChangeKind, CommandStatus, Event, FileChange, PatchStatus};

use crate::shell_command::unwrap_shell;
use crate::tolerant_json::{Count, Flag, List, Text, last_key_wins};

last_key_wins! {
    /// An item of any type: each type uses some of the fields.
    pub(super) struct Item<'a> {
        "id" => id: Text<'a>,
        "type" => kind: Text<'a>,
        "status" => status: Text<'a>,
        "text" => text: Text<'a>,
        "message" => message: Text<'a>,
        "command" => command: Text<'a>,
        "aggregated_output" => output: Text<'a>,
        "exit_code" => exit_code: Count<'a>,
        "changes" => changes: List<Change<'a>>,
        "server" => server: Text<'a>,
        "tool" => tool: Text<'a>,
        "query" => query: Text<'a>,
        "prompt" => prompt: Text<'a>,
        "items" => steps: List<Step<'a>>,
    }
}

last_key_wins! {
    /// One file of a `file_change`.
    struct Change<'a> {
        "path" => path: Text<'a>,
        "kind" => kind: Text<'a>,
    }
}

last_key_wins! {
    /// One step of a `todo_list`.
    struct Step<'a> {
        "completed" => completed: Flag<'a>,
    }
}

impl<'a> Item<'a> {
    pub(super) fn started(self) -> Event<'a> {
        match &*self.kind.0 {
            "command_execution" => {
                Event::CommandStarted { item: self.id.0, command: unwrap_shell(self.command.0) }
            }
            "file_change" => Event::FilesChanging { item: self.id.0, changes: changes(self.changes) },
            "mcp_tool_call" | "web_search" | "collab_tool_call" => {
                let (item, name, about, _) = self.tool_use();
                Event::ToolStarted { item, name, about }
            }
            "todo_list" => plan(&self.steps),
            _ => Event::Unknown { kind: self.kind.0 },
        }
    }

    /// Only the plan is known to be updated; what else may come one day is no start and no end.
    pub(super) fn updated(self) -> Event<'a> {
        match &*self.kind.0 {
            "todo_list" => plan(&self.steps),
            _ => Event::Unknown { kind: self.kind.0 },
        }
    }

    pub(super) fn completed(self) -> Event<'a> {
        match &*self.kind.0 {
            "agent_message" => Event::Message { text: self.text.0 },
            "reasoning" => Event::Reasoning { text: self.text.0 },
            "error" => Event::Warning { message: self.message.0 },
            "todo_list" => plan(&self.steps),
            "command_execution" => self.command_ended(),
            "file_change" => Event::FilesChanged {
                status: if self.status.0 == "completed" {
                    PatchStatus::Completed
                } else {
                    PatchStatus::Failed
                },
                item: self.id.0,
                changes: changes(self.changes),
            },
            "mcp_tool_call" | "web_search" | "collab_tool_call" => {
                let (item, name, about, ok) = self.tool_use();
                Event::ToolEnded { item, name, about, ok }
            }
            _ => Event::Unknown { kind: self.kind.0 },
        }
    }

    fn command_ended(self) -> Event<'a> {
        let exit_code = self.exit_code.0.and_then(|code| i32::try_from(code).ok());
        let status = match &*self.status.0 {
            "completed" => CommandStatus::Completed,
            "declined" => CommandStatus::Declined,
            _ => CommandStatus::Failed,
        };
        Event::CommandEnded {
            item: self.id.0,
            command: unwrap_shell(self.command.0),
            exit_code,
            status,
            output: self.output.0,
        }
    }

    /// Id, name, subject and success of a tool that is no shell command. A `web_search` has no status, and its `id`
    /// comes twice: the second one is the model's and is the same at start and end, too.
    fn tool_use(self) -> (Cow<'a, str>, Cow<'a, str>, Cow<'a, str>, bool) {
        let ok = self.status.0 != "failed";
        match &*self.kind.0 {
            "mcp_tool_call" => {
                let name = format!("{}.{}", self.server.0, self.tool.0);
                (self.id.0, Cow::Owned(name), Cow::Borrowed(""), ok)
            }
            "web_search" => (self.id.0, self.kind.0, self.query.0, ok),
            _ => (self.id.0, self.tool.0, self.prompt.0, ok),
        }
    }
}

fn changes(list: List<Change<'_>>) -> Vec<FileChange<'_>> {
    let kind = |word: &str| match word {
        "add" => ChangeKind::Add,
        "delete" => ChangeKind::Delete,
        _ => ChangeKind::Update,
    };
    list.0.into_iter().map(|change| FileChange { kind: kind(&change.kind.0), path: change.path.0 }).collect()
}

fn plan<'a>(steps: &List<Step<'_>>) -> Event<'a> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Event::Plan {
        done: count(steps.0.iter().filter(|step| step.completed.0).count()),
        of: count(steps.0.len()),
    }
}
