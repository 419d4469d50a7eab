//! clodex-claude: the sibling that talks with Claude Code. One thing is said to a `claude -p` of its own; what comes of it
//! is told as clodex-thread tells it.
//!
//! | want | look at |
//! |---|---|
//! | what may be said on the command line | `cli` |
//! | what Claude may do, and who answers when it asks | `access`, `approvals` |
//! | the process | `program` |
//! | one event after the other, limits, Ctrl-C | `talk` |
//! | what it came to | `tale`, `why`, `report` |

mod access;
mod approvals;
mod cli;
mod program;
mod report;
mod tale;
mod talk;
mod why;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Stdout};
use std::path::Path;
use std::process::ExitCode as ProcessExit;

use clap::Parser as _;
use clodex_claude_code::{Asking, Session};
use clodex_codex::NETWORK_IS_OFF;
use clodex_core::harmless;

use self::access::Access;
use self::approvals::Approvals;
use self::cli::{Cli, PermissionMode};
use self::program::{Program, locate};
use self::report::Report;
use self::tale::Tale;
use self::talk::Talk;
use crate::approvals::typed_lines;
use crate::cli::limit;
use crate::frames;
use crate::one_shot::{forget, keep};
use crate::prompt::{prompt, schema, workdir};
use crate::screen::{Screen, Shows, shown};
use crate::stops::Stops;
use crate::trouble::{Kind, Trouble};

/// Runs clodex-claude with these arguments, its own name first.
pub fn run(arguments: Vec<OsString>) -> ProcessExit {
    let wants_json =
        arguments.iter().take_while(|word| *word != "--").any(|word| word == OsStr::new("--json"));
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && wants_json => {
            let trouble = Trouble::usage(error.to_string().trim_end());
            return Report::new(&Tale::default(), BTreeMap::new(), vec![], Some(&trouble)).print();
        }
        Err(error) => error.exit(),
    };
    let mut talk = None;
    let said = ask(&cli, &mut talk);
    let trouble = said.and_then(|()| deliver(&cli, talk.as_mut())).err();
    tell(&cli, talk.as_ref(), trouble.as_ref())
}

/// Leaves the talk where it came to, however that ends.
fn ask(cli: &Cli, talking: &mut Option<Talk<Stdout>>) -> Result<(), Trouble> {
    let stops = Stops::catch()?;
    let workdir = workdir(cli.workdir.as_deref())?;
    let prompt = prompt(cli.prompt.as_deref(), cli.prompt_file.as_deref(), "clodex-claude")?;
    let schema = schema(cli.output_schema.as_deref())?;
    let access = Access::decide(cli, &workdir)?;
    let claude = locate(cli.claude.as_deref())?;
    let codex_says = std::env::var_os(NETWORK_IS_OFF);
    network(codex_says.as_deref())?;
    if let Some(out) = &cli.out {
        forget(out)?;
    }
    let stdin_is_taken = cli.prompt_file.as_deref() == Some(Path::new("-"));
    let typed = cli.interactive_approvals.then(|| typed_lines(stdin_is_taken, &stops)).transpose()?;
    let listener = frames::listener(cli.verbose, cli.ndjson_file.as_deref())?;
    let asking = asking(cli, &access, schema.map(|schema| schema.get().to_owned()));
    let mut program = Program::start(&claude, asking.argv(), &workdir)?;
    let shows = if cli.json || cli.no_stream { Shows::Nothing } else { Shows::Messages };
    let talk = talking.insert(Talk {
        tale: Tale::default(),
        screen: Screen::new(io::stdout(), shows, cli.verbose > 0),
        approvals: Approvals::new(access, &workdir, typed),
        notifications: BTreeMap::new(),
        tells_session: cli.print_session_id,
        silence: limit(cli.timeout),
        whole: limit(cli.deadline),
        with_schema: cli.output_schema.is_some(),
        listener,
        stops,
    });
    talk.ask(&mut program, &prompt)
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
        model: cli.model.clone(),
        effort: cli.effort.clone(),
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
    let all: Vec<&str> = plan.into_iter().chain(cli.instructions.as_deref()).collect();
    Some(all.join("\n\n")).filter(|all| !all.is_empty())
}

/// What was not shown while it was made.
fn deliver(cli: &Cli, talk: Option<&mut Talk<Stdout>>) -> Result<(), Trouble> {
    let Some(talk) = talk else { return Ok(()) };
    let answer = talk.tale.story.last_message().unwrap_or_default().to_owned();
    if let Some(out) = &cli.out {
        keep(out, &answer)?;
    }
    if cli.no_stream && !cli.json { talk.screen.message(&answer) } else { Ok(()) }
}

fn tell(cli: &Cli, talk: Option<&Talk<Stdout>>, trouble: Option<&Trouble>) -> ProcessExit {
    let nothing = Tale::default();
    let report = match talk {
        None => Report::new(&nothing, BTreeMap::new(), vec![], trouble),
        Some(talk) => Report::new(&talk.tale, talk.notifications.clone(), talk.approvals.declined(), trouble),
    };
    if cli.summary {
        eprintln!("{}", harmless(&report.summary()));
    }
    if cli.json {
        return report.print();
    }
    if let Some(trouble) = trouble.filter(|trouble| trouble.kind != Kind::ReaderGone) {
        eprintln!("{}", shown(&trouble.message));
    }
    report.exit_code()
}
