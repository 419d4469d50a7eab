//! The command line of clodex-cancel, and that it is clodex-cancel which is meant.

use std::ffi::OsString;
use std::path::Path;

use clap::error::ErrorKind;
use clap::{ArgGroup, CommandFactory as _, Parser};

const AFTER_HELP: &str = "\
A run is named by its id, a unique beginning of its id, or its name. Its dispatcher is asked to end it, judges \
what was changed, and writes the result. A second clodex-cancel lets it kill Codex at once. A dispatcher that does \
not answer within ten seconds is killed with all that belongs to the run; then nothing is judged.

Exit codes: 0 nothing of the runs lives · 1 something survived, and is named · 2 bad arguments, no such run";

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

/// The program's own name says what it does, or a leading `--as NAME`: under a name that is not known here it
/// must not end anything.
pub fn parse(mut arguments: Vec<OsString>) -> Result<CancelArguments, clap::Error> {
    let is_renamed = arguments.len() > 2 && arguments[1] == "--as";
    let place = if is_renamed { 2 } else { 0 };
    let name =
        arguments.get(place).map(|name| Path::new(name).file_name().unwrap_or_default().to_string_lossy());
    let name = name.unwrap_or_default().into_owned();
    if !matches!(name.as_str(), "clodex-cancel" | "cancel") {
        let message = format!("cannot act under the name `{name}`\nhint: call it as clodex-cancel\n");
        return Err(CancelArguments::command().error(ErrorKind::InvalidValue, message));
    }
    if is_renamed {
        arguments.drain(1..3);
    }
    CancelArguments::try_parse_from(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<CancelArguments, clap::Error> {
        parse(words.iter().map(OsString::from).collect())
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
