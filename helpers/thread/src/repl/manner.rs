//! How a talk is to be: what the command line said, in the form in which threads and turns are asked for.

use std::path::Path;
use std::time::Duration;

use clodex_codex::app_server::TurnSettings;
use clodex_codex::app_server::call::ThreadSettings;
use serde_json::value::RawValue;

use crate::cli::{Cli, Personality, limit};
use crate::held::Held;
use crate::server::Server;
use crate::stops::Stops;

/// How a talk is to be.
#[derive(Debug)]
pub struct Manner<'a> {
    /// As it was said.
    pub cli: &'a Cli,
    /// Where Codex is.
    pub server: &'a Server,
    /// Who is told of Ctrl-C.
    pub stops: &'a Stops,
    /// What Codex may do.
    pub held: Held,
    /// Absolute.
    pub workdir: String,
    /// Of each answer.
    pub schema: Option<Box<RawValue>>,
    /// The model from the next turn on, where it is not the thread's own.
    pub model: Option<String>,
    /// Its effort.
    pub effort: Option<String>,
    /// Whether lines come from a script.
    pub is_script: bool,
    /// Whether there is somebody to be asked.
    pub asks: bool,
}

impl Manner<'_> {
    /// For a new thread.
    pub fn new_thread(&self) -> ThreadSettings<'_> {
        ThreadSettings { cwd: Some(&self.workdir), ..self.kept_thread() }
    }

    /// For one that exists: it keeps its directory unless another one is named, or its scope lies in this one.
    pub fn kept_thread(&self) -> ThreadSettings<'_> {
        let here = self.cli.workdir.is_some() || !self.cli.scope.is_empty();
        ThreadSettings {
            cwd: Some(self.workdir.as_str()).filter(|_| here),
            model: self.model.as_deref().or(self.cli.model.as_deref()),
            developer_instructions: self.cli.instructions.as_deref(),
            personality: self.cli.personality.map(Personality::as_str),
            ..self.held.settings()
        }
    }

    /// For a turn.
    pub fn turn(&self) -> TurnSettings<'_> {
        TurnSettings {
            effort: self.effort.as_deref().or(self.cli.effort.as_deref()),
            model: self.model.as_deref(),
            output_schema: self.schema.as_deref(),
        }
    }

    /// How long a thread may take to open.
    pub fn patience(&self) -> Option<Duration> {
        limit(self.cli.resume_timeout)
    }

    /// Where the answer is to be kept, too.
    pub fn out(&self) -> Option<&Path> {
        self.cli.out.as_deref()
    }
}
