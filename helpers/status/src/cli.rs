//! The command lines of the four tools, and which of them is meant.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::Parser;

const RUN_HELP: &str = "Refer to a run by its id, a unique prefix of its id, or its name.";

/// What to do.
#[derive(Debug)]
pub struct Program {
    pub tool: Tool,
}

/// One of the tools with its arguments.
#[derive(Debug)]
pub enum Tool {
    Status(StatusArguments),
    Result(ResultArguments),
    Wait(WaitArguments),
    Debug(DebugArguments),
}

/// Show what Codex is doing: all live runs, or one run in detail.
#[derive(Debug, Parser)]
#[command(name = "clodex-status", version, after_help = RUN_HELP, max_term_width = 100)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on a command line")]
pub struct StatusArguments {
    /// The run to show in detail
    pub run: Option<String>,
    /// Show runs that ended, too
    #[arg(long)]
    pub all: bool,
    /// Print records as a JSON array, with `state`, `elapsed_ms` and tokens
    #[arg(long)]
    pub json: bool,
    /// Redraw until no run lives (a line for each change when stdout is no terminal)
    #[arg(long, conflicts_with_all = ["all", "json", "inline"])]
    pub watch: bool,
    /// Called from inline shell: always exit 0, errors on stdout
    #[arg(long)]
    pub inline: bool,
}

/// Print the final text of a run.
///
/// Exit code 2 while the run lives, 8 when it ended without a text.
#[derive(Debug, Parser)]
#[command(name = "clodex-result", version, after_help = RUN_HELP, max_term_width = 100)]
pub struct ResultArguments {
    /// The run
    pub run: String,
    /// Print all of it, not 8 kB at most
    #[arg(long)]
    pub full: bool,
    /// Called from inline shell: always exit 0, errors on stdout
    #[arg(long)]
    pub inline: bool,
}

/// Wait until runs end; print each when it does.
///
/// The exit code is that of the first run, in order of completion, that did not end with 0; a run whose
/// dispatcher died was not judged and counts as 6. Runs out of time: 4.
#[derive(Debug, Parser)]
#[command(name = "clodex-wait", version, after_help = RUN_HELP, max_term_width = 100)]
pub struct WaitArguments {
    /// The runs
    #[arg(required = true)]
    pub runs: Vec<String>,
    /// Stop at the first one that ends
    #[arg(long)]
    pub any: bool,
    /// Stop after this many seconds, with exit code 4
    #[arg(long, value_name = "SEC")]
    pub timeout: Option<u64>,
    /// Called from inline shell: always exit 0, errors on stdout
    #[arg(long)]
    pub inline: bool,
}

/// Show what happened in a run: its timeline, errors, last words, and processes if it lives.
#[derive(Debug, Parser)]
#[command(name = "clodex-debug", version, after_help = RUN_HELP, max_term_width = 100)]
pub struct DebugArguments {
    /// The run
    pub run: String,
    /// Show every step, not the first and last ones
    #[arg(long)]
    pub full: bool,
    /// Called from inline shell: always exit 0, errors on stdout
    #[arg(long)]
    pub inline: bool,
}

impl Program {
    /// The tool is the program's own name, or what a leading `--as NAME` says.
    pub fn from_arguments(mut arguments: Vec<OsString>) -> Result<Self, clap::Error> {
        let called = arguments.first().map(PathName::of).unwrap_or_default();
        let name = if arguments.get(1).is_some_and(|first| first == "--as") && arguments.len() > 2 {
            let name = PathName::of(&arguments[2]);
            arguments.drain(1..3);
            // Usage and errors name the program that the user called.
            arguments[0] = format!("clodex-{}", name.tool()).into();
            name
        } else {
            called
        };
        let tool = match name.tool() {
            "result" => Tool::Result(ResultArguments::try_parse_from(arguments)?),
            "wait" => Tool::Wait(WaitArguments::try_parse_from(arguments)?),
            "debug" => Tool::Debug(DebugArguments::try_parse_from(arguments)?),
            _ => Tool::Status(StatusArguments::try_parse_from(arguments)?),
        };
        Ok(Self { tool })
    }
}

/// The last part of a path, as text.
#[derive(Debug, Default)]
struct PathName(String);

impl PathName {
    fn of(path: impl AsRef<OsStr>) -> Self {
        Self(Path::new(path.as_ref()).file_name().unwrap_or_default().to_string_lossy().into_owned())
    }

    fn tool(&self) -> &str {
        self.0.strip_prefix("clodex-").unwrap_or(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(words: &[&str]) -> Tool {
        Program::from_arguments(words.iter().map(OsString::from).collect()).unwrap().tool
    }

    #[test]
    fn the_name_of_the_program_decides() {
        assert!(matches!(tool(&["/x/clodex-status"]), Tool::Status(_)));
        assert!(matches!(tool(&["/x/clodex-result", "a", "--full"]), Tool::Result(result) if result.full));
        assert!(matches!(tool(&["clodex-wait", "a", "b"]), Tool::Wait(wait) if wait.runs == ["a", "b"]));
        assert!(
            matches!(tool(&["clodex-status", "--as", "debug", "a"]), Tool::Debug(debug) if debug.run == "a")
        );
    }

    #[test]
    fn the_command_lines_are_consistent() {
        use clap::CommandFactory as _;
        StatusArguments::command().debug_assert();
        ResultArguments::command().debug_assert();
        WaitArguments::command().debug_assert();
        DebugArguments::command().debug_assert();
    }
}
