//! Requests about conversations.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// How a thread works; what is absent stays as it is configured or was.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadSettings<'a> {
    /// Absolute work directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<&'a str>,
    /// Model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'a str>,
    /// When it asks before it acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_policy: Option<ApprovalPolicy>,
    /// A permission profile by its name; never together with `sandbox`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<&'a str>,
    /// One of Codex's own sandboxes, `read-only` and so on. All but that one write a trust entry into the user's
    /// configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<&'a str>,
    /// Overrides of the configuration, a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<&'a RawValue>,
    /// Stands beside the system's instructions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub developer_instructions: Option<&'a str>,
    /// How it talks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personality: Option<&'a str>,
}

/// When Codex asks before it acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalPolicy {
    /// Never: what is not allowed fails.
    Never,
    /// When the model thinks that it needs more than it may.
    OnRequest,
}

/// Begins a conversation.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartThread<'a> {
    /// How it works.
    #[serde(flatten)]
    pub settings: ThreadSettings<'a>,
    /// Whether nothing of it is kept on disk.
    pub ephemeral: bool,
}

/// Goes on with one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResumeThread<'a> {
    /// Which.
    pub thread_id: &'a str,
    /// How it works from now on.
    #[serde(flatten)]
    pub settings: ThreadSettings<'a>,
    /// Its history is not wanted: always true (without it Codex 0.169 warns).
    pub exclude_turns: bool,
}

/// Begins one as a copy of another.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ForkThread<'a> {
    /// Of which.
    pub thread_id: &'a str,
    /// How the copy works.
    #[serde(flatten)]
    pub settings: ThreadSettings<'a>,
    /// Whether nothing of the copy is kept on disk.
    pub ephemeral: bool,
    /// Its history is not wanted: always true (an ephemeral fork is refused without it).
    pub exclude_turns: bool,
}

/// A conversation that can be talked in.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenThread {
    /// Which.
    pub thread: Thread,
    /// The model that it really has.
    #[serde(default)]
    pub model: String,
    /// The permission profile that it really has.
    #[serde(default)]
    pub active_permission_profile: Option<PermissionProfile>,
}

/// A conversation.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Thread {
    /// Its id.
    pub id: String,
    /// The thread that it was copied from.
    #[serde(default)]
    pub forked_from_id: Option<String>,
    /// Its first words.
    #[serde(default)]
    pub preview: String,
    /// Its name, when it was given one.
    #[serde(default)]
    pub name: Option<String>,
    /// Where it works.
    #[serde(default)]
    pub cwd: String,
    /// When something last happened in it, seconds since 1970 UTC.
    #[serde(default)]
    pub updated_at: Option<i64>,
    /// What it does.
    #[serde(default)]
    pub status: ThreadState,
}

/// What a conversation does, by the word for it: `active`, `idle`, `notLoaded`, `systemError`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ThreadState {
    /// The word.
    #[serde(rename = "type", default)]
    pub word: String,
}

/// A permission profile, by its id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PermissionProfile {
    /// `:workspace`, or the name that it was given.
    pub id: String,
}

/// Looks at a conversation without joining it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadThread<'a> {
    /// Which.
    pub thread_id: &'a str,
    /// Whether its history is wanted.
    pub include_turns: bool,
}

/// One conversation.
#[derive(Debug, Clone, Deserialize)]
pub struct OneThread {
    /// It.
    pub thread: Thread,
}

/// The conversations on disk, the latest first.
#[derive(Debug, Default, Serialize)]
pub struct ListThreads<'a> {
    /// Those of this work directory only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<&'a str>,
    /// Where the page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<&'a str>,
    /// How many at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

macro_rules! about_a_thread {
    ($($(#[$doc:meta])* $name:ident;)+) => {
        $($(#[$doc])*
        #[derive(Debug, Serialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name<'a> {
            /// Which thread.
            pub thread_id: &'a str,
        })+
    };
}

about_a_thread! {
    /// Puts a conversation away; what runs in its background ends.
    ArchiveThread;
    /// Summarises the history to make room.
    CompactThread;
    /// Ends what an interrupted turn has left running: an interrupt alone ends no command.
    CleanTerminals;
    /// Wants to hear no more of it on this connection.
    UnsubscribeThread;
}

/// Names a conversation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NameThread<'a> {
    /// Which.
    pub thread_id: &'a str,
    /// Its name.
    pub name: &'a str,
}
