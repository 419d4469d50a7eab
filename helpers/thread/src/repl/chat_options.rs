//! How a talk is to be: what the command line said, in the form in which threads and turns are asked for.

use std::path::Path;

use clodex_codex::AnswerSchema;
use clodex_codex::app_server::TurnSettings;

use crate::cli::Cli;
use crate::opening::Opening;
use crate::server::Server;
use crate::stderr_notices::StderrNotices;
use crate::stop_signals::Stops;
use crate::thread_permissions::ThreadPermissions;

/// How a talk is to be.
#[derive(Debug)]
pub struct ChatOptions<'a> {
    /// As it was said.
    pub cli: &'a Cli,
    /// Where Codex is.
    pub server: &'a Server,
    /// Who is told of Ctrl-C.
    pub stops: &'a Stops,
    /// Where what is said beside the talk goes.
    pub notices: StderrNotices,
    /// What Codex may do.
    pub permissions: ThreadPermissions,
    /// Absolute.
    pub workdir: String,
    /// Of each answer.
    pub schema: Option<AnswerSchema>,
    /// The model from the next turn on, where it is not the thread's own.
    pub model: Option<String>,
    /// Its effort.
    pub effort: Option<String>,
    /// Whether lines come from a script.
    pub is_script: bool,
    /// Whether there is somebody to be asked.
    pub asks: bool,
}

impl ChatOptions<'_> {
    /// How threads are opened.
    pub fn opening(&self) -> Opening<'_> {
        let workdir = Path::new(&self.workdir);
        Opening { cli: self.cli, workdir, permissions: &self.permissions, model: self.model.as_deref() }
    }

    /// For a turn.
    pub fn turn(&self) -> TurnSettings<'_> {
        TurnSettings {
            effort: self.effort.as_deref().or(self.cli.model.effort.as_deref()),
            model: self.model.as_deref(),
            output_schema: self.schema.as_ref().map(AnswerSchema::json),
        }
    }

    /// Where the answer is to be kept, too.
    pub fn out(&self) -> Option<&Path> {
        self.cli.output.out.as_deref()
    }
}
