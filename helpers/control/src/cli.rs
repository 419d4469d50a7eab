//! The command lines of clodex-cancel and clodex-resume, and which of them is meant.

use std::ffi::OsString;
use std::path::Path;

use clap::error::ErrorKind;
use clap::{ArgGroup, CommandFactory as _, Parser};

const AFTER_HELP: &str = "\
A run is named by its id, a unique beginning of its id, or its name. Its dispatcher is asked to end it, judges \
what was changed, and writes the result. A second clodex-cancel lets it kill Codex at once. A dispatcher that does \
not answer within ten seconds is killed with all that belongs to the run; then nothing is judged.

Exit codes: 0 nothing of the runs lives · 1 something survived, and is named · 2 bad arguments, no such run";

const RESUME_AFTER_HELP: &str = "\
A run is named by its id, a unique beginning of its id, or its name. A live run is not resumed: two cannot write in \
one thread. Model, sandbox and approvals are those of your own Codex configuration, not those of the run.

Exit codes: 0 the line was printed · 2 no such run, no thread · 3 codex cannot be started · 7 the run is live";

/// End runs: when it returns, nothing of them lives.
#[derive(Debug, Parser)]
#[command(name = "clodex-cancel", version, after_help = AFTER_HELP, max_term_width = 100)]
#[command(group(ArgGroup::new("which").args(["run", "all", "session"]).required(true).multiple(true)))]
pub struct CancelArguments {
    /// The run to end
    #[arg(conflicts_with_all = ["all", "session"])]
    pub run: Option<String>,
    /// End all runs
    #[arg(long)]
    pub all: bool,
    /// End all runs of this Claude Code session (CLAUDE_CODE_SESSION_ID)
    #[arg(long)]
    pub session: bool,
    /// Called from inline shell: always exit 0, errors on stdout
    #[arg(long)]
    pub inline: bool,
}

/// Go on with a run's thread in Codex itself.
///
/// Prints the line that does it; on a terminal it becomes Codex, in the run's work directory.
#[derive(Debug, Parser)]
#[command(name = "clodex-resume", version, after_help = RESUME_AFTER_HELP, max_term_width = 100)]
pub struct ResumeArguments {
    /// The run
    pub run: String,
    /// Print the line only
    #[arg(long)]
    pub print: bool,
    /// Called from inline shell: print the line only, always exit 0, errors on stdout
    #[arg(long)]
    pub inline: bool,
}

/// What to do.
#[derive(Debug)]
pub enum Tool {
    Cancel(CancelArguments),
    Resume(ResumeArguments),
}

/// The program's own name says what it does, or a leading `--as NAME`: under a name that is not known here it
/// must not end anything.
pub fn parse(mut arguments: Vec<OsString>) -> Result<Tool, clap::Error> {
    let is_renamed = arguments.len() > 2 && arguments[1] == "--as";
    let place = if is_renamed { 2 } else { 0 };
    let name =
        arguments.get(place).map(|name| Path::new(name).file_name().unwrap_or_default().to_string_lossy());
    let name = name.unwrap_or_default().into_owned();
    if is_renamed {
        arguments.drain(1..3);
    }
    match name.strip_prefix("clodex-").unwrap_or(&name) {
        "cancel" => CancelArguments::try_parse_from(arguments).map(Tool::Cancel),
        "resume" => ResumeArguments::try_parse_from(arguments).map(Tool::Resume),
        _ => {
            let message = format!(
                "cannot act under the name `{name}`\nhint: call it as clodex-cancel or clodex-resume\n"
            );
            Err(CancelArguments::command().error(ErrorKind::InvalidValue, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<CancelArguments, clap::Error> {
        match parse(words.iter().map(OsString::from).collect())? {
            Tool::Cancel(arguments) => Ok(arguments),
            Tool::Resume(arguments) => panic!("{arguments:?}"),
        }
    }

    #[test]
    fn a_run_to_resume_must_be_named() {
        ResumeArguments::command().debug_assert();
        let parsed = |words: &[&str]| parse(words.iter().map(OsString::from).collect());
        let resume = parsed(&["clodex-control", "--as", "clodex-resume", "a", "--print"]).unwrap();
        assert!(matches!(resume, Tool::Resume(resume) if resume.run == "a" && resume.print));
        assert!(parsed(&["clodex-resume"]).is_err());
    }

    #[test]
    fn a_run_or_all_or_the_sessions_must_be_named() {
        CancelArguments::command().debug_assert();
        assert_eq!(parsed(&["clodex-cancel", "a"]).unwrap().run.as_deref(), Some("a"));
        assert!(parsed(&["clodex-cancel", "--all", "--session"]).unwrap().session);
        assert!(parsed(&["/x/clodex-control", "--as", "cancel", "--all"]).unwrap().all);
        assert!(parsed(&["clodex-cancel"]).is_err());
        assert!(parsed(&["clodex-cancel", "a", "--all"]).is_err());
    }

    #[test]
    fn under_another_name_nothing_is_cancelled() {
        assert!(parsed(&["clodex-steer", "a"]).is_err());
        assert!(parsed(&["clodex-control", "a"]).is_err());
    }
}
