//! Requests about what the server has: models, MCP servers, profiles, the account and its limits.

use clodex_core::RateLimits;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::app_server::rate_limits::RateLimitsWire;

/// The models that may be asked for.
#[derive(Debug, Serialize)]
pub struct ListModels {}

/// A model.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// As it is asked for.
    #[serde(default)]
    pub model: String,
    /// Whether it is what is used when none is asked for.
    #[serde(default)]
    pub is_default: bool,
}

/// The MCP servers of a thread.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListMcpServers<'a> {
    /// Which thread.
    pub thread_id: &'a str,
}

/// An MCP server.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct McpServer {
    /// As it is configured.
    pub name: String,
    /// Why it has no tools, when it has none.
    #[serde(default)]
    pub tools_error: Option<String>,
}

/// Reads the configuration of MCP servers again.
#[derive(Debug, Serialize)]
pub struct ReloadMcpServers {}

/// The permission profiles of a directory; a server that does not know this request enforces none.
#[derive(Debug, Serialize)]
pub struct ListProfiles<'a> {
    /// Absolute.
    pub cwd: &'a str,
}

/// Who is logged in.
#[derive(Debug, Serialize)]
pub struct ReadAccount {}

/// Who is logged in, as far as Codex tells without secrets.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Absent when nobody is.
    #[serde(default)]
    pub account: Option<AccountKind>,
    /// Whether the model's provider wants a login of Codex at all.
    #[serde(default)]
    pub requires_openai_auth: bool,
}

/// How one is logged in.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountKind {
    /// `chatgpt`, `apiKey`, …
    #[serde(rename = "type", default)]
    pub kind: String,
}

/// How much of the account's limits is used.
#[derive(Debug, Serialize)]
pub struct ReadRateLimits {}

/// How much of them is.
#[derive(Debug, Clone)]
pub struct Limits(pub RateLimits);

impl<'de> Deserialize<'de> for Limits {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Holder<'a> {
            #[serde(borrow, default)]
            rate_limits: Option<&'a RawValue>,
        }
        let holder = Holder::deserialize(deserializer)?;
        let wire = holder
            .rate_limits
            .and_then(|limits| serde_json::from_str::<RateLimitsWire<'_>>(limits.get()).ok());
        Ok(Self(wire.unwrap_or_default().read()))
    }
}
