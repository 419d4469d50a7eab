//! What clodex asks of the app-server: each request with its parameters and the part of its answer that is used.

mod account;
mod config;
mod thread;
mod turn;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use account::{
    Account, AccountKind, Limits, ListMcpServers, ListModels, ListProfiles, McpServer, Model, ReadAccount,
    ReadRateLimits, ReloadMcpServers,
};
pub use config::{Config, Configured, ReadConfig};
pub use thread::{
    ApprovalPolicy, ArchiveThread, CleanTerminals, CompactThread, ForkThread, ListThreads, NameThread,
    OneThread, OpenThread, PermissionProfile, ReadThread, ResumeThread, StartThread, Thread, ThreadSettings,
    ThreadState, UnsubscribeThread,
};
pub use turn::{
    INPUT_MAX_CHARS, Input, InterruptTurn, ListTurns, OneTurn, PastTurn, ReviewTarget, StartReview,
    StartTurn, SteerTurn, Turn,
};

/// A request: its parameters are itself.
pub trait Call: Serialize {
    /// As the protocol names it.
    const METHOD: &'static str;
    /// What is used of the answer; everything else in it is skipped.
    type Answer: DeserializeOwned;
}

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident$(<$life:lifetime>)? = $method:literal -> $answer:ty;)+) => {
        $(impl$(<$life>)? Call for $name$(<$life>)? {
            const METHOD: &'static str = $method;
            type Answer = $answer;
        })+
    };
}

calls! {
    Initialize<'a> = "initialize" -> Server;
    StartThread<'a> = "thread/start" -> OpenThread;
    ResumeThread<'a> = "thread/resume" -> OpenThread;
    ForkThread<'a> = "thread/fork" -> OpenThread;
    ReadThread<'a> = "thread/read" -> OneThread;
    ListThreads<'a> = "thread/list" -> Page<Thread>;
    ArchiveThread<'a> = "thread/archive" -> Done;
    NameThread<'a> = "thread/name/set" -> Done;
    CompactThread<'a> = "thread/compact/start" -> Done;
    CleanTerminals<'a> = "thread/backgroundTerminals/clean" -> Done;
    UnsubscribeThread<'a> = "thread/unsubscribe" -> Done;
    StartTurn<'a> = "turn/start" -> OneTurn;
    SteerTurn<'a> = "turn/steer" -> Done;
    InterruptTurn<'a> = "turn/interrupt" -> Done;
    ListTurns<'a> = "thread/turns/list" -> Page<PastTurn>;
    StartReview<'a> = "review/start" -> OneTurn;
    ListModels = "model/list" -> Page<Model>;
    ListMcpServers<'a> = "mcpServerStatus/list" -> Page<McpServer>;
    ReloadMcpServers = "config/mcpServer/reload" -> Done;
    ReadConfig<'a> = "config/read" -> Config;
    ListProfiles<'a> = "permissionProfile/list" -> Page<PermissionProfile>;
    ReadAccount = "account/read" -> Account;
    ReadRateLimits = "account/rateLimits/read" -> Limits;
}

/// Nothing of the answer is used.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Done {}

/// One page of a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// What is on it.
    #[serde(default = "Vec::new")]
    pub data: Vec<T>,
    /// Where the next page begins.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// Says hello; nothing else may be asked before.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Initialize<'a> {
    /// Who asks.
    pub client_info: ClientInfo<'a>,
    /// What it understands.
    pub capabilities: Capabilities,
}

/// Who asks.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ClientInfo<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
}

/// What a client understands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// Needed for [`CleanTerminals`] and for `permissions`.
    pub experimental_api: bool,
    /// Notifications that are not wanted.
    pub opt_out_notification_methods: &'static [&'static str],
}

/// What the server says of itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// `client/0.169.0 (…) …`: the version of Codex stands after the first slash.
    #[serde(default)]
    pub user_agent: String,
}

impl Server {
    /// The version's text.
    pub fn version(&self) -> Option<&str> {
        let rest = self.user_agent.split_once('/')?.1;
        rest.split_whitespace().next().filter(|version| version.starts_with(|c: char| c.is_ascii_digit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_not_said() {
        let settings = ThreadSettings {
            cwd: Some("/p"),
            approval_policy: Some(ApprovalPolicy::OnRequest),
            ..ThreadSettings::default()
        };
        let said =
            serde_json::to_string(&ResumeThread { thread_id: "t", settings, exclude_turns: true }).unwrap();
        assert_eq!(said, r#"{"threadId":"t","cwd":"/p","approvalPolicy":"on-request","excludeTurns":true}"#);
        let input = [Input::Text { text: "go on" }, Input::LocalImage { path: "/p/a.png" }];
        let turn =
            SteerTurn { thread_id: "t", expected_turn_id: "u", input: &input, client_user_message_id: None };
        let wanted = r#"{"threadId":"t","expectedTurnId":"u","input":[{"type":"text","text":"go on"},{"type":"localImage","path":"/p/a.png"}]}"#;
        assert_eq!(serde_json::to_string(&turn).unwrap(), wanted);
    }

    #[test]
    fn recorded_answers_are_understood() {
        let path =
            format!("{}/../../tests/fixtures/codex/app-server-0.169.jsonl", env!("CARGO_MANIFEST_DIR"));
        let recorded = std::fs::read_to_string(path).unwrap();
        let answer = |id: i64| {
            let lines = recorded.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            lines.into_iter().find(|line| line["id"] == id && !line["result"].is_null()).unwrap()["result"]
                .to_string()
        };
        let server: Server = serde_json::from_str(&answer(1)).unwrap();
        assert_eq!(server.version(), Some("0.169.0"));
        let open: OpenThread = serde_json::from_str(&answer(2)).unwrap();
        assert_eq!(
            (open.thread.id.as_str(), open.model.as_str()),
            ("01a1fbc7-cde2-7c22-82f9-623584e5a91e", "gpt-5.5")
        );
        let begun: OneTurn = serde_json::from_str(&answer(3)).unwrap();
        assert_eq!(begun.turn.id, "01a1fbc7-cdfe-7ac0-bf74-7b59034f2823");
    }

    #[test]
    fn limits_that_are_not_told_are_not_known() {
        let limits = |text: &str| serde_json::from_str::<Limits>(text).unwrap().0;
        assert_eq!(limits("{}"), limits(r#"{"rateLimits":null}"#));
        assert_eq!(
            limits(r#"{"rateLimits":{"primary":{"usedPercent":21}}}"#).primary.unwrap().used_percent,
            21
        );
    }
}
