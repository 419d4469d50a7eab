//! What the app-server asks of its client, and how each kind of question is answered.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::shell_command::unwrap_shell;
use crate::wire::{Flag, List, Text, last_key_wins};

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
    UserInput(Vec<UserQuestion<'a>>),
    /// An MCP server has one.
    Elicitation {
        /// Which server.
        server: Cow<'a, str>,
        /// What it asks.
        message: Cow<'a, str>,
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

/// One question of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserQuestion<'a> {
    /// Names it in the answer.
    pub id: Cow<'a, str>,
    /// The question.
    pub text: Cow<'a, str>,
    /// Answers to choose from; empty = free text.
    pub options: Vec<Cow<'a, str>>,
    /// Whether the answer is to be kept out of sight.
    pub visibility: Visibility,
}

/// Whether an answer may be shown and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// It may.
    Open,
    /// It is a password or the like.
    Secret,
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
    /// These words, to every question that was asked.
    Text(String),
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
        "tool" => tool: Text<'a>,
    }
}

last_key_wins! {
    struct QuestionWire<'a> {
        "id" => id: Text<'a>,
        "question" => text: Text<'a>,
        "options" => options: List<OptionWire<'a>>,
        "isSecret" => is_secret: Flag<'a>,
    }
}

last_key_wins! {
    struct OptionWire<'a> {
        "label" => label: Text<'a>,
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
            "item/tool/requestUserInput" => {
                Question::UserInput(read.questions.0.into_iter().map(QuestionWire::read).collect())
            }
            "mcpServer/elicitation/request" => {
                Question::Elicitation { server: read.server.0, message: read.message.0 }
            }
            "item/tool/call" => Question::ToolCall { tool: read.tool.0 },
            "currentTime/read" => Question::CurrentTime,
            "account/chatgptAuthTokens/refresh" | "attestation/generate" => Question::NotOurs(method.into()),
            _ => Question::Unknown(method.into()),
        };
        Self { thread_id, turn_id: read.turn_id.0, item, question }
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
                (Reply::Text(_), _) => Err(NoAnswer::WantsDecision),
            },
            Question::UserInput(questions) => match reply {
                Reply::Text(text) => Ok(json(&answers(questions, text))),
                Reply::Decline | Reply::Cancel => Ok(json(&answers(&[], ""))),
                Reply::Accept => Err(NoAnswer::WantsText),
            },
            Question::Elicitation { .. } => {
                let action = match reply {
                    Reply::Accept => "accept",
                    Reply::Decline => "decline",
                    Reply::Cancel => "cancel",
                    Reply::Text(_) => return Err(NoAnswer::WantsDecision),
                };
                Ok(json(&Elicited { action, content: None, meta: None }))
            }
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

impl<'a> QuestionWire<'a> {
    fn read(self) -> UserQuestion<'a> {
        let visibility = if self.is_secret.0 { Visibility::Secret } else { Visibility::Open };
        let options = self.options.0.into_iter().map(|option| option.label.0).collect();
        UserQuestion { id: self.id.0, text: self.text.0, options, visibility }
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

fn decided(reply: &Reply, dialect: Dialect) -> Result<&'static str, NoAnswer> {
    Ok(match (reply, dialect) {
        (Reply::Accept, Dialect::Present) => "accept",
        (Reply::Decline, Dialect::Present) => "decline",
        (Reply::Cancel, Dialect::Present) => "cancel",
        (Reply::Accept, Dialect::Legacy) => "approved",
        (Reply::Decline, Dialect::Legacy) => "denied",
        (Reply::Cancel, Dialect::Legacy) => "abort",
        (Reply::Text(_), Dialect::Present | Dialect::Legacy) => return Err(NoAnswer::WantsDecision),
    })
}

fn granted(permissions: &str) -> Result<Box<RawValue>, NoAnswer> {
    let permissions = serde_json::from_str::<&RawValue>(permissions);
    let permissions = permissions.map_err(|_| NoAnswer::Refuse("permissions that are no JSON".to_owned()))?;
    Ok(json(&Granted { permissions, scope: "turn" }))
}

fn answers(questions: &[UserQuestion<'_>], text: &str) -> Answers {
    let answer =
        |question: &UserQuestion<'_>| (question.id.to_string(), Answer { answers: [text.to_owned()] });
    Answers { answers: questions.iter().map(answer).collect() }
}

#[derive(Serialize)]
struct Decision {
    decision: &'static str,
}

#[derive(Serialize)]
struct Granted<'a> {
    permissions: &'a RawValue,
    scope: &'static str,
}

#[derive(Serialize)]
struct Answers {
    answers: BTreeMap<String, Answer>,
}

#[derive(Serialize)]
struct Answer {
    answers: [String; 1],
}

#[derive(Serialize)]
struct Elicited {
    action: &'static str,
    content: Option<()>,
    #[serde(rename = "_meta")]
    meta: Option<()>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolAnswer {
    content_items: [ContentItem; 1],
    success: bool,
}

#[derive(Serialize)]
struct ContentItem {
    #[serde(rename = "type")]
    kind: &'static str,
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CurrentTime {
    current_time_at: i64,
}

fn json(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("texts and numbers can be written as JSON")
}

#[cfg(test)]
mod tests;
