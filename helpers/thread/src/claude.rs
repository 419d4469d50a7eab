//! clodex-claude: the sibling that talks with Claude Code. One thing is said to a `claude -p` of its own; what comes of it
//! is told as clodex-thread tells it.
//!
//! | want | look at |
//! |---|---|
//! | what may be said on the command line | `cli` |
//! | what Claude may do, and who answers when it asks | `access`, `approvals` |
//! | the process | `program` |
//! | one event after the other, limits, Ctrl-C | `talk` |
//! | what it came to | `session_summary`, `failure`, `report` |

mod access;
mod approvals;
mod cli;
mod failure;
mod program;
mod report;
mod session_summary;
mod talk;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode as ProcessExit;

use clap::Parser as _;
use clodex_claude_code::{Asking, Session};
use clodex_codex::NETWORK_IS_OFF;
use clodex_core::harmless;

use self::access::Access;
use self::approvals::{Approvals, User};
use self::cli::{Cli, PermissionMode};
use self::program::{Program, locate};
use self::report::Report;
use self::session_summary::SessionSummary;
use self::talk::Talk;
use crate::answer_file;
use crate::answer_schema;
use crate::approvals::typed_lines;
use crate::prompt::{prompt, workdir};
use crate::protocol_log;
use crate::screen::{Form, Screen, Shows, shown};
use crate::stderr_notices::StderrNotices;
use crate::stop_signals::Stops;
use crate::trouble::{Kind, Trouble};
use crate::typed_ahead::TypedAhead;

/// Runs clodex-claude with these arguments, its own name first.
pub fn run(arguments: Vec<OsString>) -> ProcessExit {
    let stops = Stops::of_program();
    let wants_json =
        arguments.iter().take_while(|word| *word != "--").any(|word| word == OsStr::new("--json"));
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && wants_json => {
            let trouble = Trouble::usage(error.to_string().trim_end());
            return Report::new(&SessionSummary::default(), BTreeMap::new(), vec![], Some(&trouble)).print();
        }
        Err(error) => error.exit(),
    };
    let mut talk = None;
    let said = stops.and_then(|stops| ask(&cli, stops, &mut talk));
    let trouble = said.and_then(|()| deliver(&cli, talk.as_mut())).err();
    tell(&cli, talk.as_ref(), trouble.as_ref())
}

/// Leaves the talk where it came to, however that ends.
fn ask(cli: &Cli, stops: Stops, talking: &mut Option<Talk<Stdout>>) -> Result<(), Trouble> {
    stops.heed()?;
    let workdir = workdir(cli.said.workdir.as_deref())?;
    let prompt = prompt(&cli.said, "clodex-claude", &stops)?;
    let schema = answer_schema::read(cli.output.schema.as_deref())?;
    let access = Access::decide(cli, &workdir)?;
    readable(&cli.add_dir, &workdir)?;
    let claude = locate(cli.claude.as_deref())?;
    let codex_says = std::env::var_os(NETWORK_IS_OFF);
    network(codex_says.as_deref())?;
    if let Some(out) = &cli.output.out {
        answer_file::clear(out, &[&cli.said.prompt_file, &cli.output.schema])?;
    }
    let user = cli.interactive_approvals.then(|| user(cli, &stops)).transpose()?;
    let listener = protocol_log::listener(&cli.output, &StderrNotices::default())?;
    let asking = asking(cli, &access, schema.map(|schema| schema.json().get().to_owned()));
    let mut program = Program::start(&claude, asking.argv(), &workdir)?;
    let shows = if cli.output.streams() { Shows::Messages } else { Shows::Nothing };
    let talk = talking.insert(Talk {
        session_summary: SessionSummary::default(),
        screen: Screen::new(io::stdout(), Form::of_stdout(), shows, cli.output.verbose > 0),
        approvals: Approvals::new(access, &workdir, user),
        notifications: BTreeMap::new(),
        tells_session: cli.print_session_id,
        silence: cli.time.silence(),
        whole: cli.time.whole(),
        with_schema: cli.output.schema.is_some(),
        listener,
        stops,
    });
    talk.ask(&mut program, &prompt)
}

fn user(cli: &Cli, stops: &Stops) -> Result<User, Trouble> {
    let stdin_is_taken = cli.said.takes_stdin();
    let typed = typed_lines(stdin_is_taken, stops)?;
    Ok(User { typed, ahead: TypedAhead::on(stdin_is_taken), patience: cli.time.silence() })
}

/// Claude Code passes over what is not there, without a word.
fn readable(directories: &[PathBuf], workdir: &Path) -> Result<(), Trouble> {
    let missing = directories.iter().find(|directory| !workdir.join(directory).is_dir());
    missing.map_or(Ok(()), |directory| {
        let shown = directory.display();
        Err(Trouble::usage(format!(
            "cannot let claude read `{shown}`: it is not a directory\nhint: --add-dir DIR"
        )))
    })
}

/// Without network Claude Code would try for minutes, and Codex's sandbox says so before.
fn network(codex_says: Option<&OsStr>) -> Result<(), Trouble> {
    if codex_says != Some(OsStr::new("1")) {
        return Ok(());
    }
    let message = "cannot reach claude: the sandbox of Codex has no network\n\
                   hint: ask for this command to be run outside of the sandbox, or turn its network on";
    Err(Trouble::new(Kind::Unreachable, message))
}

fn asking(cli: &Cli, access: &Access, schema: Option<String>) -> Asking {
    let session = match (&cli.thread_id, &cli.fork) {
        (Some(id), _) => Session::Resume(id.clone()),
        (None, Some(id)) => Session::Fork(id.clone()),
        (None, None) => Session::New,
    };
    Asking {
        session,
        ephemeral: cli.ephemeral,
        model: cli.model.name.clone(),
        effort: cli.model.effort.clone(),
        instructions: instructions(cli),
        schema,
        permission_mode: cli.permission_mode.as_str().to_owned(),
        tools: access.tools.clone(),
        allowed: cli.allowed_tools.clone(),
        asks_for_edits: access.asks_for_edits,
        more_directories: cli.add_dir.clone(),
        // Also where nothing is shown before the end: a piece is a sign of life, and the first one has its time.
        in_pieces: true,
    }
}

/// Claude Code itself would have Claude write a plan to a file and ask for leave to follow it: it has no tools for that.
fn instructions(cli: &Cli) -> Option<String> {
    let plans = cli.permission_mode == PermissionMode::Plan;
    let plan = plans.then_some("Plan only, and change nothing. The plan is your answer.");
    let all: Vec<&str> = plan.into_iter().chain(cli.model.instructions.as_deref()).collect();
    Some(all.join("\n\n")).filter(|all| !all.is_empty())
}

/// What was not shown while it was made.
fn deliver(cli: &Cli, talk: Option<&mut Talk<Stdout>>) -> Result<(), Trouble> {
    let Some(talk) = talk else { return Ok(()) };
    let answer = talk.session_summary.turn_summary.last_message().unwrap_or_default().to_owned();
    if let Some(out) = &cli.output.out {
        answer_file::keep(out, &answer)?;
    }
    if cli.output.no_stream && !cli.output.json { talk.screen.message(&answer) } else { Ok(()) }
}

fn tell(cli: &Cli, talk: Option<&Talk<Stdout>>, trouble: Option<&Trouble>) -> ProcessExit {
    let nothing = SessionSummary::default();
    let report = match talk {
        None => Report::new(&nothing, BTreeMap::new(), vec![], trouble),
        Some(talk) => {
            Report::new(&talk.session_summary, talk.notifications.clone(), talk.approvals.declined(), trouble)
        }
    };
    if cli.output.summary {
        eprintln!("{}", harmless(&report.summary()));
    }
    if cli.output.json {
        return report.print();
    }
    if let Some(trouble) = trouble.filter(|trouble| trouble.kind != Kind::ReaderGone) {
        eprintln!("{}", shown(&trouble.message));
    }
    report.exit_code()
}
