//! What follows from what a run hears.

use clodex_core::{Event, QuestionPart, RateLimits};

use crate::app_server::call::OpenThread;
use crate::version::CodexVersion;

/// What follows from what was heard.
#[derive(Debug)]
pub enum Effect {
    /// Say this line.
    Say(String),
    /// This happened.
    Event(Event<'static>),
    /// Hands are shaken with this Codex: the run may be let go.
    Greeted(CodexVersion),
    /// The thread is open with this model and profile: it waits for [`AppServerRun::begin_turn`].
    Open(Box<OpenThread>),
    /// So much of the account's limits is used now; what it does not speak of has not changed.
    RateLimits(RateLimits),
    /// A turn has begun: it can be told something.
    Began,
    /// Codex wants to know something; it waits for [`AppServerRun::reply`] with this number.
    Asked(u64, AskedOfUs),
    /// A question is no longer open: answered elsewhere, or gone with its turn.
    Resolved(u64),
    /// Codex has taken what was said with this number.
    Steered(u64),
    /// It had taken this, and not given it to the model before the turn was over: no turn knows of it.
    NotRead(u64),
    /// It has not, and why.
    NotSteered(u64, Unheard),
    /// The turn was interrupted, by us or by an answer, and nothing of it runs: the thread waits.
    Interrupted,
    /// It could not be interrupted, and why.
    NotInterrupted(String),
    /// The conversation cannot go on, and why; before the turn began another backend may be tried.
    Failed(Stage, String),
    /// The turn is over, well or not: begin another one, or close the server's stdin.
    Over,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Hands are not shaken yet.
    Greeting,
    /// The thread is not open yet.
    Opening,
    /// The thread is open, and its turn has not been asked for.
    Opened,
    /// The turn has been asked for.
    Turn,
}

/// Why a request came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unheard {
    /// Codex refused it: it was not done.
    Refused(String),
    /// Codex said nothing, or nothing that can be understood: it may have been done.
    Unanswered(String),
}

/// A question of Codex, independent of the line that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedOfUs {
    /// May this command leave the sandbox, or break a rule inside it?
    Command {
        /// As the model wrote it.
        command: String,
        /// Where it would run.
        workdir: String,
        /// What it wants besides, inside its sandbox, as Codex writes it; none = to run outside of it.
        wanted: Option<String>,
        /// The model's own words why it should leave the sandbox; empty where it has not asked to.
        reason: String,
    },
    /// May these files be patched? Absolute paths.
    Patch {
        /// The files, as far as they were told, and the directory that it wants to write from now on, if it wants one.
        paths: Vec<String>,
        /// The model's own words.
        reason: String,
    },
    /// May the turn do more than its profile allows?
    Permissions {
        /// What, as Codex writes it; may be empty.
        wanted: String,
        /// The model's own words.
        reason: String,
    },
    /// The model or an MCP server wants to know something, or wants a yes.
    Words {
        /// Its own words; may be empty where the parts say all.
        text: String,
        /// What it wants to know; empty = a yes or no.
        parts: Vec<QuestionPart>,
    },
    /// What no person can say anything about, by its method: any reply settles it.
    Nobody(String),
}

impl Unheard {
    /// Why, for people.
    pub fn into_text(self) -> String {
        match self {
            Self::Refused(why) | Self::Unanswered(why) => why,
        }
    }
}
