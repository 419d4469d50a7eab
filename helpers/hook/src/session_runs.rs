//! Which runs are a session's business: its own, and those of the project that it works in.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use clodex_core::{RunRecord, path_text};
use clodex_os::process::ProcessId;
use clodex_os::{ClaudeCode, git_common_dir};

use crate::HookContext;
use crate::event::Received;

/// A session, and the project that it works in.
#[derive(Debug)]
pub struct SessionRuns {
    claude: Option<ClaudeCode>,
    project: Option<String>,
}

impl SessionRuns {
    /// Those of the session that sent an event.
    pub fn of(received: &Received<'_>, around: &HookContext) -> Self {
        let session = Some(received.session_id.as_ref()).filter(|session| !session.is_empty());
        let process = around.claude_pid.and_then(ProcessId::of);
        let claude = session.map(|session| ClaudeCode { session: session.to_owned(), process });
        let cwd = Some(Path::new(received.cwd.as_ref())).filter(|cwd| cwd.is_absolute());
        let project = cwd.and_then(git_common_dir).map(|dir| path_text(dir.as_os_str().as_bytes()));
        Self { claude, project }
    }

    /// Whether this session or its process started it.
    pub fn is_own(&self, record: &RunRecord) -> bool {
        self.claude.as_ref().is_some_and(|claude| claude.has_started(record))
    }

    /// Whether another Claude Code, which lives, has started it: the same session may be resumed in two terminals.
    pub fn is_of_another_process(&self, record: &RunRecord) -> bool {
        let starter = record.claude.and_then(ProcessId::from_mark);
        let own = self.claude.as_ref().and_then(|claude| claude.process);
        starter.is_some_and(|starter| Some(starter) != own && starter.is_alive())
    }

    /// Whether it is this session's own or of the project that it works in.
    pub fn has(&self, record: &RunRecord) -> bool {
        let project = record.git_common_dir.trim_end_matches('/');
        self.is_own(record) || self.project.as_deref().is_some_and(|own| own == project)
    }
}
