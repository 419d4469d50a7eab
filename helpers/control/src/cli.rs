//! The command lines of the programs that act on runs, and which of them is meant.

use std::ffi::OsString;
use std::path::Path;

use clap::error::ErrorKind;
use clap::{ArgGroup, Args, CommandFactory as _, Parser};

const AFTER_HELP: &str = "\
Refer to a run by its id, a unique prefix of its id, or its name. Its dispatcher is asked to end it, judges \
what was changed, and writes the result. A second clodex-cancel lets it kill Codex at once. A dispatcher that does \
not answer within ten seconds is killed with all that belongs to the run; then nothing is judged.

Exit codes: 0 nothing of the runs lives · 1 something survived, and is named · 2 bad arguments, no such run";

const RESUME_AFTER_HELP: &str = "\
Refer to a run by its id, a unique prefix of its id, or its name. A live run is not resumed: two cannot write in \
one thread. Model, sandbox and approvals are those of your own Codex configuration, not those of the run.

Exit codes: 0 the line was printed · 2 no such run, no thread · 3 codex cannot be started · 7 the run is live";

const LIVE_AFTER_HELP: &str = "\
Refer to a run by its id, a unique prefix of its id, or its name. It must be live and use the app-server \
backend. A message outlives this program and is delivered once.

Exit codes: 0 delivered or queued · 1 the run ended first, or delivery is unknown · 2 bad arguments, no such \
run, or a run that takes no messages · 7 refused, with the reason";

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

/// Continue a run's thread in Codex itself.
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

/// Send a message to a run while it works.
///
/// During a turn, the message reaches the model with its next step. Before a turn, or if the turn accepts none, it is
/// queued and delivered once; an interrupted run starts a new turn with it.
#[derive(Debug, Parser)]
#[command(name = "clodex-steer", version, after_help = LIVE_AFTER_HELP, max_term_width = 100)]
pub struct SteerArguments {
    /// The run
    pub run: String,
    /// The message; `-` reads it from stdin
    #[arg(allow_hyphen_values = true)]
    pub text: String,
    #[command(flatten)]
    pub manner: Manner,
}

/// End a run's turn and every command of it; the run waits.
///
/// clodex-steer starts a new turn. Without one within --idle-timeout of clodex-dispatch, the run ends.
#[derive(Debug, Parser)]
#[command(name = "clodex-interrupt", version, after_help = LIVE_AFTER_HELP, max_term_width = 100)]
pub struct InterruptArguments {
    /// The run
    pub run: String,
    #[command(flatten)]
    pub manner: Manner,
}

/// Answer a question of a run; without an answer, show what it asks.
///
/// A question not answered by its deadline is declined. If it has several parts, answer all in one call: PART=TEXT,
/// where PART is a name or number. An option is named by its number or label.
#[derive(Debug, Parser)]
#[command(name = "clodex-answer", version, after_help = LIVE_AFTER_HELP, max_term_width = 100)]
#[command(
    override_usage = "clodex-answer [OPTIONS] <RUN> [[REQUEST] accept|decline|cancel|<TEXT>|<PART=TEXT>...]"
)]
pub struct AnswerArguments {
    /// The run
    pub run: String,
    /// The question's id if several are open, then accept, decline (the turn continues), cancel (it ends) or a text;
    /// `-` reads the text from stdin, one PART=TEXT per line if it has several parts
    #[arg(num_args = 0.., value_name = "ANSWER")]
    pub words: Vec<String>,
    #[command(flatten)]
    pub manner: Manner,
}

/// How something is said to a run.
#[derive(Debug, Args)]
pub struct Manner {
    /// Seconds to wait for what becomes of it; 0 takes it back unless it is heard at once
    #[arg(long, value_name = "SEC", default_value_t = 10)]
    pub wait: u64,
    /// Called from inline shell: always exit 0, errors on stdout
    #[arg(long)]
    pub inline: bool,
}

/// What to do.
#[derive(Debug)]
pub enum Tool {
    Answer(AnswerArguments),
    Cancel(CancelArguments),
    Interrupt(InterruptArguments),
    Resume(ResumeArguments),
    Steer(SteerArguments),
}

/// The program's own name says what it does, or a leading `--as NAME`: under a name that is not known here it
/// must not end anything.
pub fn parse(mut arguments: Vec<OsString>) -> Result<Tool, clap::Error> {
    let is_renamed = arguments.len() > 2 && arguments[1] == "--as";
    let place = if is_renamed { 2 } else { 0 };
    let name =
        arguments.get(place).map(|name| Path::new(name).file_name().unwrap_or_default().to_string_lossy());
    let name = name.unwrap_or_default().into_owned();
    let tool = name.strip_prefix("clodex-").unwrap_or(&name);
    if is_renamed {
        arguments.drain(1..3);
        // Usage and errors name the program that the user called.
        arguments[0] = format!("clodex-{tool}").into();
    }
    match tool {
        "answer" => AnswerArguments::try_parse_from(arguments).map(Tool::Answer),
        "cancel" => CancelArguments::try_parse_from(arguments).map(Tool::Cancel),
        "interrupt" => InterruptArguments::try_parse_from(arguments).map(Tool::Interrupt),
        "resume" => ResumeArguments::try_parse_from(arguments).map(Tool::Resume),
        "steer" => SteerArguments::try_parse_from(arguments).map(Tool::Steer),
        _ => {
            let message = format!(
                "cannot act under the name `{name}`\n\
                 hint: call it as clodex-answer, -cancel, -interrupt, -resume or -steer\n"
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
            other => panic!("{other:?}"),
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
        assert!(parsed(&["clodex-stop", "a"]).is_err());
        assert!(parsed(&["clodex-control", "a"]).is_err());
    }

    #[test]
    fn a_text_may_look_like_a_flag_and_an_answer_may_name_its_question() {
        let parsed = |words: &[&str]| parse(words.iter().map(OsString::from).collect());
        SteerArguments::command().debug_assert();
        InterruptArguments::command().debug_assert();
        AnswerArguments::command().debug_assert();
        let steer = parsed(&["clodex-steer", "a", "--no, keep it"]).unwrap();
        assert!(matches!(steer, Tool::Steer(steer) if steer.text == "--no, keep it"));
        let answer = parsed(&["clodex-answer", "a", "2", "accept", "--inline"]).unwrap();
        assert!(
            matches!(answer, Tool::Answer(answer) if answer.words == ["2", "accept"] && answer.manner.inline)
        );
        let answer = parsed(&["clodex-answer", "--wait", "3", "a", "-"]).unwrap();
        assert!(matches!(answer, Tool::Answer(answer) if answer.words == ["-"] && answer.manner.wait == 3));
        for wrong in [&["clodex-steer", "a"][..], &["clodex-answer"], &["clodex-interrupt"]] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
    }
}
