//! What can happen in a run, whatever the backend. Backends translate into this; nothing here knows Codex's field names.

use std::borrow::Cow;

/// One thing that happened in a run. Borrows from the line it was read from wherever it can.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// Codex told its thread id: always the first thing it says.
    ThreadStarted {
        /// Id for `codex resume`.
        thread_id: Cow<'a, str>,
    },
    /// The model's turn began. Items may come before it.
    TurnStarted,
    /// The model shows what it thinks.
    Reasoning {
        /// Markdown summary.
        text: Cow<'a, str>,
    },
    /// The model says something; the last one before the turn's end is the final message.
    Message {
        /// The whole message.
        text: Cow<'a, str>,
    },
    /// A shell command began.
    CommandStarted {
        /// Pairs start and end; commands interleave.
        item: Cow<'a, str>,
        /// As the model wrote it: the backend has taken its shell wrapper off.
        command: Cow<'a, str>,
    },
    /// A shell command ended (or was reported as such).
    CommandEnded {
        /// Same as in its start.
        item: Cow<'a, str>,
        /// Same as in its start.
        command: Cow<'a, str>,
        /// Absent when it never ran or was not told.
        exit_code: Option<i32>,
        /// How it ended.
        status: CommandStatus,
        /// Head and tail of what it printed.
        output: Cow<'a, str>,
    },
    /// A patch is being applied.
    FilesChanging {
        /// Pairs start and end.
        item: Cow<'a, str>,
        /// The files of the patch.
        changes: Vec<FileChange<'a>>,
    },
    /// A patch was applied or refused.
    FilesChanged {
        /// Same as in its start.
        item: Cow<'a, str>,
        /// The files of the patch.
        changes: Vec<FileChange<'a>>,
        /// What became of it.
        status: PatchStatus,
    },
    /// A tool other than the shell began (MCP, search, sub-agent).
    ToolStarted {
        /// Pairs start and end.
        item: Cow<'a, str>,
        /// `server.tool`, `web_search`, `spawn_agent`.
        name: Cow<'a, str>,
        /// The query or prompt, where there is one.
        about: Cow<'a, str>,
    },
    /// A tool other than the shell ended.
    ToolEnded {
        /// Same as in its start.
        item: Cow<'a, str>,
        /// Same as in its start.
        name: Cow<'a, str>,
        /// The query or prompt, where there is one.
        about: Cow<'a, str>,
        /// Whether it worked.
        ok: bool,
    },
    /// The model's own plan.
    Plan {
        /// Steps done.
        done: u32,
        /// Steps in all.
        of: u32,
    },
    /// Something to know that stops nothing.
    Warning {
        /// In Codex's words.
        message: Cow<'a, str>,
    },
    /// The connection to the model is being re-established. No sign of life.
    Reconnecting {
        /// In Codex's words.
        message: Cow<'a, str>,
    },
    /// An error that may or may not end the turn; the turn's end tells.
    Error {
        /// In Codex's words.
        message: Cow<'a, str>,
        /// What kind of failure it is.
        kind: FailureKind,
    },
    /// The model was paid for once more; only some backends tell before the turn is over.
    TokensUsed {
        /// Cumulative over the *thread*.
        usage: Usage,
    },
    /// The turn ended well.
    TurnCompleted {
        /// Cumulative over the *thread*.
        usage: Usage,
    },
    /// The turn failed.
    TurnFailed {
        /// In Codex's words.
        message: Cow<'a, str>,
        /// What kind of failure it is.
        kind: FailureKind,
    },
    /// A line that is an event of a kind unknown to us; the raw text is in `events.jsonl`.
    Unknown {
        /// Its own name for its kind.
        kind: Cow<'a, str>,
    },
    /// A line that is no event at all.
    Garbage,
}

impl Event<'_> {
    /// Whether it tells that the run is alive. Codex announces reconnects for as long as a dead network lasts.
    pub fn is_life(&self) -> bool {
        !matches!(self, Self::Reconnecting { .. } | Self::Garbage)
    }

    /// The same event, independent of the line it was read from.
    pub fn into_owned(self) -> Event<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let own_all = |changes: Vec<FileChange<'_>>| {
            changes.into_iter().map(|c| FileChange { path: own(c.path), kind: c.kind }).collect()
        };
        match self {
            Self::ThreadStarted { thread_id } => Event::ThreadStarted { thread_id: own(thread_id) },
            Self::TurnStarted => Event::TurnStarted,
            Self::Reasoning { text } => Event::Reasoning { text: own(text) },
            Self::Message { text } => Event::Message { text: own(text) },
            Self::CommandStarted { item, command } => {
                Event::CommandStarted { item: own(item), command: own(command) }
            }
            Self::CommandEnded { item, command, exit_code, status, output } => Event::CommandEnded {
                item: own(item),
                command: own(command),
                exit_code,
                status,
                output: own(output),
            },
            Self::FilesChanging { item, changes } => {
                Event::FilesChanging { item: own(item), changes: own_all(changes) }
            }
            Self::FilesChanged { item, changes, status } => {
                Event::FilesChanged { item: own(item), changes: own_all(changes), status }
            }
            Self::ToolStarted { item, name, about } => {
                Event::ToolStarted { item: own(item), name: own(name), about: own(about) }
            }
            Self::ToolEnded { item, name, about, ok } => {
                Event::ToolEnded { item: own(item), name: own(name), about: own(about), ok }
            }
            Self::Plan { done, of } => Event::Plan { done, of },
            Self::Warning { message } => Event::Warning { message: own(message) },
            Self::Reconnecting { message } => Event::Reconnecting { message: own(message) },
            Self::Error { message, kind } => Event::Error { message: own(message), kind },
            Self::TokensUsed { usage } => Event::TokensUsed { usage },
            Self::TurnCompleted { usage } => Event::TurnCompleted { usage },
            Self::TurnFailed { message, kind } => Event::TurnFailed { message: own(message), kind },
            Self::Unknown { kind } => Event::Unknown { kind: own(kind) },
            Self::Garbage => Event::Garbage,
        }
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandStatus {
    /// Exit code 0.
    Completed,
    /// It ran and failed.
    Failed,
    /// It was not allowed to run.
    Declined,
}

/// What became of a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchStatus {
    /// Applied.
    Completed,
    /// Refused or not applicable.
    Failed,
}

/// What a patch does to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Makes it.
    Add,
    /// Removes it.
    Delete,
    /// Changes it (or moves it away: the destination may be missing).
    Update,
}

/// One file of a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange<'a> {
    /// Absolute, as the backend tells it.
    pub path: Cow<'a, str>,
    /// What is done to it.
    pub kind: ChangeKind,
}

/// Tokens, as the backend counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Read by the model, cached ones included.
    pub input: u64,
    /// Of `input`, from the cache.
    pub cached_input: u64,
    /// Written by the model, reasoning included.
    pub output: u64,
    /// Of `output`, reasoning.
    pub reasoning: u64,
}

/// Kinds of failure that lead to different next steps. The backend's own words are kept beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The plan's limit is reached; try again later.
    UsageLimit,
    /// Too many requests; retryable.
    RateLimit,
    /// The model does not exist or is not available to this account.
    ModelUnavailable,
    /// Not logged in, or the login is no longer good.
    Unauthorized,
    /// Codex cannot read a file of its configuration.
    Configuration,
    /// The server cannot be reached or broke off.
    Connection,
    /// The server is overloaded; retryable.
    Overloaded,
    /// The conversation outgrew the model's window.
    ContextWindow,
    /// The thread is in use by another process, or gone.
    Thread,
    /// Anything else.
    Other,
}
