//! What `clodex-contain` tells its caller: one JSON object a line, in the order of [`Report`]'s variants.
//!
//! The caller and the wrapper are of one release, so the form carries no version.

use clodex_core::Containment;
use serde::{Deserialize, Serialize};

use crate::process::{ProcessId, Survivor};

/// How the contained program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExitKind {
    /// It exited with this code.
    Exit(i32),
    /// This signal ended it (9 as well when its containment was killed).
    Signal(i32),
}

impl ExitKind {
    /// The code a shell would show: the exit code, or 128 + the signal.
    pub const fn shell_code(self) -> i32 {
        match self {
            Self::Exit(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// The end of a contained program, told when nothing of it is alive any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How the program itself ended.
    pub status: ExitKind,
    /// How many processes were alive after it ended and had to be killed; absent = not known (the
    /// containment itself was killed).
    pub stragglers: Option<u32>,
    /// What could not be killed: always empty under `kernel`.
    pub survivors: Vec<Survivor>,
}

impl Ended {
    /// What is known when the wrapper vanished without a word: it was killed, and so was all below it.
    pub(crate) const fn killed() -> Self {
        Self { status: ExitKind::Signal(libc::SIGKILL), stragglers: None, survivors: Vec::new() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Report {
    /// The containment stands, the program is not yet started. Process ids are the caller's.
    Contained {
        containment: Containment,
        /// Why it is `best-effort`.
        reason: Option<String>,
        /// The process that holds the others: pid 1 of the namespace, or the guardian.
        holder: ProcessId,
        private_tmp: bool,
    },
    /// The program runs.
    Started(ProcessId),
    /// The program ended and so did all it started.
    Ended(Ended),
    /// Nothing was started; the message as it also stands on stderr.
    Refused(String),
}
