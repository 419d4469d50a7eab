//! Requests about turns: what is said to the model, and how it is stopped.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Codex refuses a turn whose texts together have more characters than this.
pub const INPUT_MAX_CHARS: usize = 1 << 20;

/// What is said to the model.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Input<'a> {
    /// Words.
    Text {
        /// The words.
        text: &'a str,
    },
    /// A picture.
    LocalImage {
        /// Absolute.
        path: &'a str,
    },
}

/// Lets the model work. During a turn this would steer it: never more than one at a time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartTurn<'a> {
    /// In which thread.
    pub thread_id: &'a str,
    /// What is said.
    pub input: &'a [Input<'a>],
    /// Reasoning effort.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<&'a str>,
    /// Model, from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'a str>,
    /// JSON schema of the final answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<&'a RawValue>,
    /// Names what is said, so that saying it again is noticed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_user_message_id: Option<&'a str>,
}

/// A turn has begun.
#[derive(Debug, Clone, Deserialize)]
pub struct OneTurn {
    /// It.
    pub turn: Turn,
}

/// A turn.
#[derive(Debug, Clone, Deserialize)]
pub struct Turn {
    /// Its id.
    pub id: String,
}

/// The turns of a conversation, the latest first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTurns<'a> {
    /// Of which thread.
    pub thread_id: &'a str,
    /// How many at most.
    pub limit: u32,
    /// How much of their items is wanted: `full` for all. Codex before 0.150 always tells all.
    pub items_view: &'a str,
}

/// A turn as it is kept.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PastTurn {
    /// Its id.
    pub id: String,
    /// `inProgress`, `completed`, `interrupted` or `failed`.
    #[serde(default)]
    pub status: String,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<Box<RawValue>>,
    /// When it ended, seconds since 1970 UTC. One that ended with its server, in the middle, has none.
    #[serde(default)]
    pub completed_at: Option<i64>,
    /// What happened in it. Before 0.169 some kinds are missing, and ids are not those that were told.
    #[serde(default)]
    pub items: Vec<Box<RawValue>>,
}

/// Says something while the model works.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SteerTurn<'a> {
    /// In which thread.
    pub thread_id: &'a str,
    /// The turn that is meant; refused when it is another one by now.
    pub expected_turn_id: &'a str,
    /// What is said.
    pub input: &'a [Input<'a>],
    /// Names what is said, so that saying it again is noticed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_user_message_id: Option<&'a str>,
}

/// Ends the turn, but no command of it: [`CleanTerminals`] does.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InterruptTurn<'a> {
    /// In which thread.
    pub thread_id: &'a str,
    /// Which.
    pub turn_id: &'a str,
}

/// Codex's own review, as a turn of this thread.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartReview<'a> {
    /// In which thread.
    pub thread_id: &'a str,
    /// Of what.
    pub target: ReviewTarget<'a>,
}

/// What is reviewed.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum ReviewTarget<'a> {
    /// Staged, unstaged and untracked.
    UncommittedChanges,
    /// What the branch has and this one has not.
    BaseBranch {
        /// Its name.
        branch: &'a str,
    },
    /// One commit.
    Commit {
        /// Its id.
        sha: &'a str,
    },
    /// Whatever the words say.
    Custom {
        /// The words.
        instructions: &'a str,
    },
}
