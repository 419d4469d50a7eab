//! What Claude Code tells a hook on stdin, as far as it matters here. Borrowed and tolerant: an event that is not
//! known, and anything that is no event, is none.

use std::borrow::Cow;

use serde::Deserialize;

/// One event of one session.
#[derive(Debug)]
pub struct Received<'a> {
    /// The session's id; empty where it was not told.
    pub session_id: Cow<'a, str>,
    /// The id of the prompt that the turn began with; empty where it was not told.
    pub prompt_id: Cow<'a, str>,
    /// Where the session works; empty where it was not told.
    pub cwd: Cow<'a, str>,
    /// The session's transcript, a file of JSON lines; empty where it was not told.
    pub transcript_path: Cow<'a, str>,
    /// What happened.
    pub event: Event<'a>,
}

/// What happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A session begins, goes on, or was compacted.
    SessionStart(SessionStart<'a>),
    /// A session ends, or goes on under another id.
    SessionEnd(SessionEnd<'a>),
    /// The user sent a prompt.
    UserPromptSubmit(Prompt<'a>),
    /// The user called a command, which is about to become a prompt.
    UserPromptExpansion(PromptExpansion<'a>),
    /// Claude is about to use a tool.
    PreToolUse(ToolUse<'a>),
    /// Claude is about to stop.
    Stop(Stop<'a>),
}

/// `SessionStart`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SessionStart<'a> {
    /// `startup`, `resume`, `clear`, `compact` or `fork`.
    #[serde(borrow)]
    pub source: Cow<'a, str>,
}

/// `SessionEnd`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SessionEnd<'a> {
    /// `clear`, `resume`, `logout`, `prompt_input_exit`, `other`, …
    #[serde(borrow)]
    pub reason: Cow<'a, str>,
}

/// `UserPromptSubmit`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Prompt<'a> {
    /// What the user sent.
    #[serde(borrow)]
    pub prompt: Cow<'a, str>,
}

/// `UserPromptExpansion`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PromptExpansion<'a> {
    /// The command without its slash, e.g. `clodex:clodex-status`.
    #[serde(borrow)]
    pub command_name: Cow<'a, str>,
    /// What stands behind it, as typed.
    #[serde(borrow)]
    pub command_args: Cow<'a, str>,
}

/// `PreToolUse`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ToolUse<'a> {
    /// `Edit`, `Write`, `Bash`, …
    #[serde(borrow)]
    pub tool_name: Cow<'a, str>,
    /// What it is called with.
    #[serde(borrow)]
    pub tool_input: ToolInput<'a>,
}

/// Of a tool's input what says where it writes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ToolInput<'a> {
    /// Of `Edit` and `Write`.
    pub file_path: Option<Cow<'a, str>>,
    /// Of `NotebookEdit`.
    pub notebook_path: Option<Cow<'a, str>>,
    /// Of `Bash`.
    pub command: Option<Cow<'a, str>>,
}

/// `Stop`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Stop<'a> {
    /// Whether Claude goes on because a hook blocked its stop before.
    pub stop_hook_active: bool,
    /// What Claude said last.
    #[serde(borrow)]
    pub last_assistant_message: Cow<'a, str>,
    /// The subagent that stops; empty where it is Claude itself.
    #[serde(borrow)]
    pub agent_id: Cow<'a, str>,
    /// What goes on in the background.
    #[serde(borrow)]
    pub background_tasks: Vec<BackgroundTask<'a>>,
}

/// Something that goes on when Claude stops.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct BackgroundTask<'a> {
    /// `shell`, `subagent`, `monitor`, …
    #[serde(borrow, rename = "type")]
    pub kind: Cow<'a, str>,
}

/// What every event has.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Common<'a> {
    #[serde(borrow)]
    hook_event_name: Cow<'a, str>,
    #[serde(borrow)]
    session_id: Cow<'a, str>,
    #[serde(borrow)]
    prompt_id: Cow<'a, str>,
    #[serde(borrow)]
    cwd: Cow<'a, str>,
    #[serde(borrow)]
    transcript_path: Cow<'a, str>,
}

impl<'a> Received<'a> {
    /// Reads an event; none for anything else.
    pub fn read(input: &'a [u8]) -> Option<Self> {
        let Common { hook_event_name, session_id, prompt_id, cwd, transcript_path } = part(input)?;
        let event = match hook_event_name.as_ref() {
            "SessionStart" => Event::SessionStart(part(input)?),
            "SessionEnd" => Event::SessionEnd(part(input)?),
            "UserPromptSubmit" => Event::UserPromptSubmit(part(input)?),
            "UserPromptExpansion" => Event::UserPromptExpansion(part(input)?),
            "PreToolUse" => Event::PreToolUse(part(input)?),
            "Stop" => Event::Stop(part(input)?),
            _ => return None,
        };
        Some(Self { session_id, prompt_id, cwd, transcript_path, event })
    }
}

/// A second look at the same bytes costs microseconds and keeps them borrowed, which a tagged enum would not.
fn part<'a, T: Deserialize<'a>>(input: &'a [u8]) -> Option<T> {
    serde_json::from_slice(input).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_event_decides_what_is_read() {
        let input = br#"{"session_id":"s1","cwd":"/p","transcript_path":"/t","permission_mode":"default","hook_event_name":"PreToolUse",
            "tool_name":"Write","tool_input":{"file_path":"a\"b.rs","content":"x"},"tool_use_id":"t","prompt":7}"#;
        let received = Received::read(input).unwrap();
        assert_eq!((&*received.session_id, &*received.cwd, &*received.transcript_path), ("s1", "/p", "/t"));
        let Event::PreToolUse(used) = received.event else { panic!("{:?}", received.event) };
        assert_eq!((&*used.tool_name, used.tool_input.file_path.as_deref()), ("Write", Some("a\"b.rs")));
    }

    #[test]
    fn anything_else_is_no_event() {
        for input in [
            &b""[..],
            b"{",
            b"[]",
            b"null",
            b"\xff",
            br#"{"session_id":"s"}"#,
            br#"{"hook_event_name":"Notification","message":"m"}"#,
            br#"{"hook_event_name":"SessionEnd","reason":7}"#,
            br#"{"hook_event_name":["SessionEnd"]}"#,
        ] {
            assert!(Received::read(input).is_none(), "{}", String::from_utf8_lossy(input));
        }
    }
}
