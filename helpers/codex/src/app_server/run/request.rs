//! What a run asks of its thread and turn.

use std::time::Duration;

use serde_json::value::RawValue;

use crate::app_server::call::{
    ApprovalPolicy, Call, ForkThread, McpServer, OpenThread, ResumeThread, StartThread, ThreadSettings,
};
use crate::thread::is_thread_id;

/// A run: its thread, and what is said first.
#[derive(Debug, Default)]
pub struct RunRequest {
    /// Which conversation.
    pub thread: ThreadWish,
    /// Absolute work directory.
    pub cwd: String,
    /// Model; absent = as configured.
    pub model: Option<String>,
    /// Reasoning effort; absent = as configured.
    pub effort: Option<String>,
    /// Permission profile by name. Never together with `sandbox`.
    pub permissions: Option<String>,
    /// One of Codex's own sandboxes.
    pub sandbox: Option<String>,
    /// When Codex asks before it acts.
    pub approval: Option<ApprovalPolicy>,
    /// What is said first, byte for byte.
    pub prompt: String,
    /// Absolute paths.
    pub images: Vec<String>,
    /// MCP servers without which there is nothing to begin.
    pub mcp: Vec<String>,
    /// JSON schema of the final answer.
    pub output_schema: Option<Box<RawValue>>,
    /// How long the server may take to shake hands; absent = as long as for anything else.
    pub greet_within: Option<Duration>,
}

/// Which conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThreadWish {
    /// A new one, kept on disk or not.
    Fresh {
        /// Whether nothing of it is kept.
        ephemeral: bool,
    },
    /// This one goes on.
    Resume(String),
    /// A copy of this one.
    Fork(String),
}

impl Default for ThreadWish {
    fn default() -> Self {
        Self::Fresh { ephemeral: false }
    }
}

impl RunRequest {
    /// Whether the thread is what was asked for: its id can be shown, and what holds its writes back is ours.
    pub(super) fn is_met_by(&self, open: &OpenThread) -> Result<(), String> {
        if !is_thread_id(&open.thread.id) {
            return Err("codex opened a thread whose id cannot be one".to_owned());
        }
        let Some(wanted) = &self.permissions else { return Ok(()) };
        match &open.active_permission_profile {
            Some(profile) if profile.id == *wanted => Ok(()),
            Some(profile) => {
                Err(format!("codex opened the thread with profile `{}` in place of `{wanted}`", profile.id))
            }
            None => Err(format!("codex opened the thread without profile `{wanted}`")),
        }
    }

    /// Whether every server that is needed is there.
    pub(super) fn has_its_servers(&self, listed: &[McpServer]) -> Result<(), String> {
        for name in &self.mcp {
            match listed.iter().find(|server| server.name == *name) {
                None => return Err(format!("codex does not know MCP server `{name}`")),
                Some(McpServer { tools_error: Some(why), .. }) => {
                    return Err(format!(
                        "MCP server `{name}` is not ready: {why}; run its command by hand to see what is wrong"
                    ));
                }
                Some(McpServer { tools_error: None, .. }) => {}
            }
        }
        Ok(())
    }

    /// Opens the thread: `put` gets the parameters and the method.
    pub(super) fn open(&self, put: impl FnOnce(Box<RawValue>, &'static str)) {
        let settings = ThreadSettings {
            cwd: Some(&self.cwd),
            model: self.model.as_deref(),
            approval_policy: self.approval,
            permissions: self.permissions.as_deref(),
            sandbox: self.sandbox.as_deref(),
            ..ThreadSettings::default()
        };
        match &self.thread {
            ThreadWish::Fresh { ephemeral } => {
                put_call(&StartThread { settings, ephemeral: *ephemeral }, put);
            }
            ThreadWish::Resume(thread) => {
                put_call(&ResumeThread { thread_id: thread, settings, exclude_turns: true }, put);
            }
            ThreadWish::Fork(thread) => {
                let call = ForkThread { thread_id: thread, settings, ephemeral: false, exclude_turns: true };
                put_call(&call, put);
            }
        }
    }
}

fn put_call<C: Call>(call: &C, put: impl FnOnce(Box<RawValue>, &'static str)) {
    put(serde_json::value::to_raw_value(call).expect("our own requests can be written as JSON"), C::METHOD);
}
