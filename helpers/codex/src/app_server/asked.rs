//! What the app-server asks of its client, and how each kind of question is answered.

mod answer;
mod form;

use std::borrow::Cow;
use std::collections::BTreeMap;

use clodex_core::PartAnswer;
use serde::Deserialize;
use serde_json::value::RawValue;

use answer::{
    Answers, ContentItem, CurrentTime, Decision, ToolAnswer, decided, elicitation, granted, json, only,
};
pub use form::Form;
use form::QuestionWire;

use super::notice::TurnOf;
use crate::shell_command::unwrap_shell;
use crate::tolerant_json::{List, Text, last_key_wins};

/// A question: of which thread, turn and item, where it is of one, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<'a> {
    /// Empty where it is of none.
    pub thread_id: Cow<'a, str>,
    /// Empty where it is of none.
    pub turn_id: Cow<'a, str>,
    /// Empty where it is of none.
    pub item: Cow<'a, str>,
    /// What is asked.
    pub question: Question<'a>,
}

/// The kinds of questions, of all versions from 0.101 to 0.169.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question<'a> {
    /// May this command run, outside the sandbox or against a rule?
    Command {
        /// As the model wrote it.
        command: Cow<'a, str>,
        /// Where.
        workdir: Cow<'a, str>,
        /// What it wants besides, inside its sandbox, as Codex writes it; none = to run outside of it.
        wanted: Option<Box<str>>,
        /// The model's own words; may be empty.
        reason: Cow<'a, str>,
        /// Which protocol asks.
        dialect: Dialect,
    },
    /// May this patch be applied? Its files were told when the item began; the old protocol tells them here.
    Patch {
        /// Absolute paths; empty in the present protocol.
        paths: Vec<Cow<'a, str>>,
        /// A directory that it wants to write from now on; empty where it wants none.
        wants_root: Cow<'a, str>,
        /// The model's own words; may be empty.
        reason: Cow<'a, str>,
        /// Which protocol asks.
        dialect: Dialect,
    },
    /// May the turn do more than its profile allows?
    Permissions {
        /// The model's own words; may be empty.
        reason: Cow<'a, str>,
        /// What it wants, as Codex writes it.
        wanted: Option<Box<str>>,
    },
    /// The model has questions for the user.
    UserInput(Form),
    /// An MCP server has one.
    Elicitation {
        /// Which server.
        server: Cow<'a, str>,
        /// What it asks.
        message: Cow<'a, str>,
        /// Where the user is to go; empty = nowhere.
        url: Cow<'a, str>,
        /// What it wants to know; none = it wants it in a way that clodex does not know.
        form: Option<Form>,
    },
    /// The model calls a tool that the client offered; clodex offers none.
    ToolCall {
        /// Its name.
        tool: Cow<'a, str>,
    },
    /// What time is it? Seconds since 1970 UTC answer it.
    CurrentTime,
    /// Something that only a client with a login of its own could answer, by its method.
    NotOurs(Cow<'a, str>),
    /// Something that is not known here, by its method.
    Unknown(Cow<'a, str>),
}

/// The present protocol and the one before it use other words for the same answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `item/…/requestApproval`.
    Present,
    /// `execCommandApproval`, `applyPatchApproval`.
    Legacy,
}

/// What somebody answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Do it, this once.
    Accept,
    /// Do not; the turn goes on.
    Decline,
    /// Do not, and end the turn.
    Cancel,
    /// These words, to a question that wants one thing.
    Text(String),
    /// Words to each part of it.
    Answers(Vec<PartAnswer>),
}

/// An answer that does not fit its question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// A yes or no is wanted.
    #[error("this wants accept, decline or cancel, not a text")]
    WantsDecision,
    /// Words are wanted.
    #[error("this wants an answer in words")]
    WantsText,
    /// It does not fit what is asked, and why.
    #[error("{0}")]
    Misfit(String),
    /// Nothing that clodex can say answers it; it has to be refused.
    #[error("clodex cannot answer `{0}`")]
    Refuse(String),
}

last_key_wins! {
    /// The parameters of any question.
    struct Params<'a> {
        "threadId" => thread_id: Text<'a>,
        "conversationId" => conversation_id: Text<'a>,
        "turnId" => turn_id: Text<'a>,
        "itemId" => item: Text<'a>,
        "callId" => call: Text<'a>,
        "cwd" => workdir: Text<'a>,
        "reason" => reason: Text<'a>,
        "grantRoot" => wants_root: Text<'a>,
        "questions" => questions: List<QuestionWire<'a>>,
        "serverName" => server: Text<'a>,
        "message" => message: Text<'a>,
        "mode" => mode: Text<'a>,
        "url" => url: Text<'a>,
        "tool" => tool: Text<'a>,
    }
}

/// What differs in shape between questions: read apart, each only where it is wanted.
#[derive(Deserialize)]
#[serde(untagged)]
enum CommandWire<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Words(Vec<String>),
}

#[derive(Deserialize)]
struct WithCommand<'a> {
    #[serde(borrow)]
    command: CommandWire<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WithFileChanges<'a> {
    #[serde(borrow)]
    file_changes: BTreeMap<String, &'a RawValue>,
}

#[derive(Deserialize)]
struct WithPermissions<'a> {
    #[serde(borrow)]
    permissions: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WithMorePermissions<'a> {
    #[serde(borrow)]
    additional_permissions: Option<&'a RawValue>,
    #[serde(borrow)]
    network_approval_context: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WithSchema<'a> {
    #[serde(borrow)]
    requested_schema: &'a RawValue,
}

impl<'a> Asked<'a> {
    /// Reads a question. Never fails: what is not known here is [`Question::Unknown`].
    pub fn read(method: &'a str, params: Option<&'a str>) -> Self {
        let text = params.unwrap_or("null");
        let read: Params<'a> = serde_json::from_str(text).unwrap_or_default();
        let thread_id = if read.thread_id.0.is_empty() { read.conversation_id.0 } else { read.thread_id.0 };
        let item = if read.item.0.is_empty() { read.call.0 } else { read.item.0 };
        let (reason, wants_root) = (read.reason.0, read.wants_root.0);
        let question = match method {
            "item/commandExecution/requestApproval" | "execCommandApproval" => Question::Command {
                command: command(text),
                workdir: read.workdir.0,
                wanted: more_permissions(text),
                reason,
                dialect: dialect(method),
            },
            "item/fileChange/requestApproval" | "applyPatchApproval" => {
                Question::Patch { paths: paths(text), wants_root, reason, dialect: dialect(method) }
            }
            "item/permissions/requestApproval" => {
                let wanted = serde_json::from_str::<WithPermissions<'_>>(text).ok();
                Question::Permissions { reason, wanted: wanted.map(|wanted| wanted.permissions.get().into()) }
            }
            "item/tool/requestUserInput" => Question::UserInput(Form::of_questions(read.questions.0)),
            "mcpServer/elicitation/request" => {
                let form = elicited(&read.mode.0, text);
                Question::Elicitation {
                    server: read.server.0,
                    message: read.message.0,
                    url: read.url.0,
                    form,
                }
            }
            "item/tool/call" => Question::ToolCall { tool: read.tool.0 },
            "currentTime/read" => Question::CurrentTime,
            "account/chatgptAuthTokens/refresh" | "attestation/generate" => Question::NotOurs(method.into()),
            _ => Question::Unknown(method.into()),
        };
        Self { thread_id, turn_id: read.turn_id.0, item, question }
    }

    /// Whether it goes with this turn. What names no turn goes with its thread's, and what names no thread, with `own`'s.
    pub fn goes_with(&self, turn: &TurnOf, own: Option<&str>) -> bool {
        let thread = if self.thread_id.is_empty() { own } else { Some(&*self.thread_id) };
        thread == Some(&*turn.thread) && (self.turn_id.is_empty() || self.turn_id == turn.id)
    }

    /// The answer in Codex's words. `now` is in seconds since 1970 UTC.
    pub fn answer(&self, reply: &Reply, now: i64) -> Result<Box<RawValue>, NoAnswer> {
        let decision =
            |reply: &Reply, dialect| decided(reply, dialect).map(|decision| json(&Decision { decision }));
        match &self.question {
            Question::Command { dialect, .. } | Question::Patch { dialect, .. } => decision(reply, *dialect),
            Question::Permissions { wanted, .. } => match (reply, wanted) {
                (Reply::Accept, Some(wanted)) => granted(wanted),
                (Reply::Accept, None) => Err(NoAnswer::Refuse("permissions that are not named".to_owned())),
                (Reply::Decline | Reply::Cancel, _) => granted("{}"),
                (Reply::Text(_) | Reply::Answers(_), _) => Err(NoAnswer::WantsDecision),
            },
            Question::UserInput(form) => match reply {
                Reply::Text(text) => form.words(&only(form, text)?).map(|answers| json(&Answers { answers })),
                Reply::Answers(answers) => form.words(answers).map(|answers| json(&Answers { answers })),
                Reply::Decline | Reply::Cancel => Ok(json(&Answers { answers: BTreeMap::new() })),
                Reply::Accept => Err(NoAnswer::WantsText),
            },
            Question::Elicitation { form, .. } => elicitation(form.as_ref(), reply),
            Question::ToolCall { tool } => {
                let text = format!("clodex offers no tool `{tool}`");
                Ok(json(&ToolAnswer {
                    content_items: [ContentItem { kind: "inputText", text }],
                    success: false,
                }))
            }
            Question::CurrentTime => Ok(json(&CurrentTime { current_time_at: now })),
            Question::NotOurs(method) | Question::Unknown(method) => {
                Err(NoAnswer::Refuse(method.to_string()))
            }
        }
    }
}

fn dialect(method: &str) -> Dialect {
    if method.contains('/') { Dialect::Present } else { Dialect::Legacy }
}

fn command(params: &str) -> Cow<'_, str> {
    match serde_json::from_str::<WithCommand<'_>>(params) {
        Ok(WithCommand { command: CommandWire::Text(text) }) => unwrap_shell(text),
        Ok(WithCommand { command: CommandWire::Words(mut words) }) => match words.as_slice() {
            [_, flag, _] if flag == "-lc" || flag == "-c" => Cow::Owned(words.remove(2)),
            _ => Cow::Owned(words.join(" ")),
        },
        Err(_) => Cow::Borrowed(""),
    }
}

fn paths(params: &str) -> Vec<Cow<'_, str>> {
    let read = serde_json::from_str::<WithFileChanges<'_>>(params);
    read.map_or_else(|_| Vec::new(), |read| read.file_changes.into_keys().map(Cow::Owned).collect())
}

fn more_permissions(params: &str) -> Option<Box<str>> {
    let read = serde_json::from_str::<WithMorePermissions<'_>>(params).ok()?;
    read.additional_permissions.or(read.network_approval_context).map(|wanted| wanted.get().into())
}

/// What an MCP server wants to know. `url` wants nothing but a yes; other modes than these two want what only a client of
/// OpenAI's can give.
fn elicited(mode: &str, params: &str) -> Option<Form> {
    match mode {
        "url" => Some(Form::default()),
        "form" | "" => {
            let schema = serde_json::from_str::<WithSchema<'_>>(params);
            schema.map_or_else(|_| Some(Form::default()), |read| Form::of_schema(read.requested_schema.get()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
