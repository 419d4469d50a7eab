//! One thing is said; what comes of it is told.

use std::fs;
use std::io::{self, Stdout};
use std::path::Path;
use std::process::ExitCode as ProcessExit;

use clodex_codex::app_server::TurnSettings;
use clodex_core::harmless;
use clodex_os::atomic_file::{self, Durability};

use crate::approvals::Approvals;
use crate::cli::{Cli, limit};
use crate::frames;
use crate::held::Held;
use crate::opening::{Opening, Wish, server};
use crate::prompt::{prompt, schema, workdir};
use crate::report::Report;
use crate::screen::{Screen, Shows, shown};
use crate::session::Session;
use crate::stops::Stops;
use crate::talk::Talk;
use crate::trouble::{Kind, Trouble};

/// Does it, and tells.
pub fn run(cli: &Cli) -> ProcessExit {
    let mut talk = None;
    let said = say(cli, &mut talk);
    let trouble = said.and_then(|()| deliver(cli, talk.as_mut())).err();
    let report = report(talk.as_ref(), trouble.as_ref());
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

/// Leaves the talk where it came to, however that ends.
fn say(cli: &Cli, talking: &mut Option<Talk<Stdout>>) -> Result<(), Trouble> {
    let stops = Stops::catch()?;
    let place = workdir(cli.workdir.as_deref())?;
    let server = server(cli, place.clone())?;
    let (prompt, schema, held) = (
        prompt(cli.prompt.as_deref(), cli.prompt_file.as_deref(), "clodex-thread")?,
        schema(cli.output_schema.as_deref())?,
        Held::decide(cli, &place)?,
    );
    held.notes.iter().for_each(|note| eprintln!("note: {}", harmless(note)));
    if let Some(out) = &cli.out {
        forget(out)?;
    }
    let approvals = if cli.interactive_approvals {
        Approvals::asking(cli.prompt_file.as_deref() == Some(Path::new("-")), &stops)?
    } else {
        Approvals::declining()
    };
    let session =
        Session::begin(&server, &stops, frames::listener(cli.verbose, cli.ndjson_file.as_deref())?)?;
    let shows = if cli.json || cli.no_stream { Shows::Nothing } else { Shows::Messages };
    let screen = Screen::new(io::stdout(), shows, cli.verbose > 0);
    screen.remark(&format!(
        "connected with codex {} ({})",
        session.version().text().unwrap_or_default(),
        session.place()
    ));
    let talk = talking.insert(Talk::new(session, screen, approvals, stops));
    (talk.silence, talk.whole) = (limit(cli.timeout), limit(cli.deadline));
    if let Some(limit) = limit(cli.connect_timeout) {
        talk.back_within = limit;
    }
    let open = Opening::new(cli, &place, &held).open(talk, &Wish::of(cli))?;
    if cli.print_thread_id {
        eprintln!("THREAD_ID={}", harmless(&open.thread.id));
    }
    let how = TurnSettings { effort: cli.effort.as_deref(), model: None, output_schema: schema.as_deref() };
    talk.turn(&prompt, &how)
}

/// What was not shown while it was made.
fn deliver(cli: &Cli, talk: Option<&mut Talk<Stdout>>) -> Result<(), Trouble> {
    let Some(talk) = talk else { return Ok(()) };
    let answer = talk.story.last_message().unwrap_or_default().to_owned();
    if let Some(out) = &cli.out {
        keep(out, &answer)?;
    }
    if cli.no_stream && !cli.json { talk.screen.message(&answer) } else { Ok(()) }
}

/// Writes the answer to the file of `--out`.
pub fn keep(out: &Path, answer: &str) -> Result<(), Trouble> {
    let written = atomic_file::replace(out, answer.as_bytes(), Durability::Cached);
    written.map_err(|error| Trouble::new(Kind::Output, error.to_string()))
}

/// An answer of before must not be taken for the one of now.
pub fn forget(out: &Path) -> Result<(), Trouble> {
    match fs::remove_file(out) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Trouble::usage(format!("cannot replace `{}`: {error}", out.display())))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn report(talk: Option<&Talk<Stdout>>, trouble: Option<&Trouble>) -> Report {
    match talk {
        None => Report::of_trouble(trouble.unwrap_or(&Trouble::new(Kind::Protocol, "nothing was said"))),
        Some(talk) => Report::new(
            Some(&talk.session),
            talk.turn_id().map(str::to_owned),
            &talk.story,
            talk.approvals.declined(),
            trouble,
        ),
    }
}
