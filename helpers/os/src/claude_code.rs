//! The Claude Code that this program was started in, as its environment tells. Knows nothing of hooks or plugins.

use std::env;

use clodex_core::{ProcessMark, RunRecord};

use crate::process::ProcessId;

/// A Claude Code process and the session that it was in when it started this program. A session may go on in another
/// process (`--resume`), and a process in another session (`/clear`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaudeCode {
    /// Id of the session.
    pub session: String,
    /// The process, where it is told and lives.
    pub process: Option<ProcessId>,
}

impl ClaudeCode {
    /// From `CLAUDE_CODE_SESSION_ID` and `CLAUDE_PID`; none outside of Claude Code.
    pub fn from_env() -> Option<Self> {
        let session = env::var("CLAUDE_CODE_SESSION_ID").ok().filter(|id| !id.is_empty())?;
        let pid = env::var("CLAUDE_PID").ok().and_then(|pid| pid.parse().ok());
        Some(Self { session, process: pid.and_then(ProcessId::of) })
    }

    /// Whether a run was started in the session or in the process: a resumed session is in another process, and after
    /// `/clear` the process is in another session, with the user who waits for the run still in front of it.
    pub fn has_started(&self, run: &RunRecord) -> bool {
        let in_process = || run.claude.is_some() && run.claude == self.process.map(ProcessMark::from);
        run.session_id.as_ref().is_some_and(|session| *session == self.session || in_process())
    }
}
