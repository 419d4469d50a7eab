//! The items of a thread as the app-server tells them, and the events they become.

use std::borrow::Cow;

use clodex_core::{ChangeKind, CommandStatus, Event, FileChange, PatchStatus};

use crate::shell_command::unwrap_shell;
use crate::tolerant_json::{Count, List, Text, last_key_wins};

last_key_wins! {
    /// An item of any type: each type uses some of the fields.
    pub(super) struct Item<'a> {
        "id" => id: Text<'a>,
        "type" => kind: Text<'a>,
        "status" => status: Text<'a>,
        "text" => text: Text<'a>,
        "summary" => summary: List<Text<'a>>,
        "command" => command: Text<'a>,
        "aggregatedOutput" => output: Text<'a>,
        "exitCode" => exit_code: Count<'a>,
        "changes" => changes: List<Change<'a>>,
        "server" => server: Text<'a>,
        "tool" => tool: Text<'a>,
        "query" => query: Text<'a>,
        "prompt" => prompt: Text<'a>,
        "review" => review: Text<'a>,
        "receiverThreadIds" => receivers: List<Text<'a>>,
    }
}

last_key_wins! {
    /// One file of a `fileChange`.
    pub(super) struct Change<'a> {
        "path" => path: Text<'a>,
        "kind" => kind: Kind<'a>,
    }
}

last_key_wins! {
    struct Kind<'a> {
        "type" => word: Text<'a>,
        "move_path" => moved_to: Text<'a>,
    }
}

impl<'a> Item<'a> {
    /// The threads of the sub-agents that it is about.
    pub(super) fn take_sub_agents(&mut self) -> Vec<Cow<'a, str>> {
        std::mem::take(&mut self.receivers.0).into_iter().map(|thread| thread.0).collect()
    }

    pub(super) fn started(self) -> Event<'a> {
        match &*self.kind.0 {
            "commandExecution" => {
                Event::CommandStarted { item: self.id.0, command: unwrap_shell(self.command.0) }
            }
            "fileChange" => Event::FilesChanging { item: self.id.0, changes: changes(self.changes) },
            "mcpToolCall" | "dynamicToolCall" | "webSearch" | "collabAgentToolCall" => {
                let (item, name, about, _) = self.tool_use();
                Event::ToolStarted { item, name, about }
            }
            _ => Event::Unknown { kind: self.kind.0 },
        }
    }

    pub(super) fn completed(self) -> Event<'a> {
        match &*self.kind.0 {
            "agentMessage" => Event::Message { text: self.text.0 },
            "exitedReviewMode" => Event::Message { text: self.review.0 },
            "reasoning" => Event::Reasoning { text: joined(self.summary) },
            "commandExecution" => self.command_ended(),
            "fileChange" => Event::FilesChanged {
                status: if self.status.0 == "completed" {
                    PatchStatus::Completed
                } else {
                    PatchStatus::Failed
                },
                item: self.id.0,
                changes: changes(self.changes),
            },
            "mcpToolCall" | "dynamicToolCall" | "webSearch" | "collabAgentToolCall" => {
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
        let (item, output) = (self.id.0, self.output.0);
        Event::CommandEnded { item, command: unwrap_shell(self.command.0), exit_code, status, output }
    }

    /// Id, name, subject and success of a tool that is no shell command.
    fn tool_use(self) -> (Cow<'a, str>, Cow<'a, str>, Cow<'a, str>, bool) {
        let ok = self.status.0 != "failed";
        match &*self.kind.0 {
            "mcpToolCall" => {
                (self.id.0, Cow::Owned(format!("{}.{}", self.server.0, self.tool.0)), Cow::Borrowed(""), ok)
            }
            "webSearch" => (self.id.0, Cow::Borrowed("web_search"), self.query.0, ok),
            _ => (self.id.0, self.tool.0, self.prompt.0, ok),
        }
    }
}

/// A file that is moved is two changes: one goes, another comes.
fn changes(list: List<Change<'_>>) -> Vec<FileChange<'_>> {
    let mut found = Vec::new();
    for Change { path, kind } in list.0 {
        let is_moved = !kind.moved_to.0.is_empty();
        let what = match &*kind.word.0 {
            "add" => ChangeKind::Add,
            "delete" => ChangeKind::Delete,
            _ if is_moved => ChangeKind::Delete,
            _ => ChangeKind::Update,
        };
        found.push(FileChange { path: path.0, kind: what });
        if is_moved {
            found.push(FileChange { path: kind.moved_to.0, kind: ChangeKind::Add });
        }
    }
    found
}

fn joined(mut parts: List<Text<'_>>) -> Cow<'_, str> {
    if parts.0.len() == 1 {
        return parts.0.remove(0).0;
    }
    let parts: Vec<&str> = parts.0.iter().map(|part| &*part.0).collect();
    Cow::Owned(parts.join("\n\n"))
}
