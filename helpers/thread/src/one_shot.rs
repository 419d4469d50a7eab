//! One thing is said; what comes of it is told.

use std::io::{self, Stdout};
use std::process::ExitCode as ProcessExit;

use clodex_codex::AnswerSchema;
use clodex_codex::app_server::TurnSettings;
use clodex_core::harmless;

use crate::answer_file;
use crate::answer_schema;
use crate::approvals::Approvals;
use crate::cli::Cli;
use crate::opening::{Opening, open, server};
use crate::prompt::{prompt, workdir};
use crate::protocol_log;
use crate::report::Report;
use crate::screen::{Form, Screen, Shows, shown};
use crate::session::Session;
use crate::stderr_notices::StderrNotices;
use crate::stop_signals::Stops;
use crate::talk::Talk;
use crate::thread_permissions::ThreadPermissions;
use crate::trouble::{Kind, Trouble};

/// Does it, and tells.
pub fn run(cli: &Cli, stops: Result<Stops, Trouble>) -> ProcessExit {
    let mut talk = None;
    let said = stops.and_then(|stops| say(cli, stops, &mut talk));
    let trouble = said.and_then(|()| deliver(cli, talk.as_mut())).err();
    let report = report(talk.as_ref(), trouble.as_ref());
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

/// Leaves the talk where it came to, however that ends.
fn say(cli: &Cli, stops: Stops, talking: &mut Option<Talk<Stdout>>) -> Result<(), Trouble> {
    stops.heed()?;
    let place = workdir(cli.said.workdir.as_deref())?;
    let notices = StderrNotices::default();
    let mut server = server(cli, place.clone(), &notices)?;
    let (prompt, schema, mut permissions) = (
        prompt(&cli.said, "clodex-thread", &stops)?,
        answer_schema::read(cli.output.schema.as_deref())?,
        ThreadPermissions::decide(cli, &place)?,
    );
    permissions.notes.iter().for_each(|note| eprintln!("note: {}", harmless(note)));
    server.leftovers = permissions.leftovers.clone();
    if let Some(out) = &cli.output.out {
        answer_file::clear(out, &[&cli.said.prompt_file, &cli.output.schema])?;
    }
    let approvals = if cli.interactive_approvals {
        Approvals::asking(cli.said.takes_stdin(), cli.time.silence(), &place.to_string_lossy(), &stops)?
    } else {
        Approvals::default()
    };
    let listener = protocol_log::listener(&cli.output, &notices)?;
    let session = Session::begin(&server, &stops, listener)?;
    let shows = if cli.output.streams() { Shows::Messages } else { Shows::Nothing };
    let screen = Screen::new(io::stdout(), Form::of_stdout(), shows, cli.output.verbose > 0);
    screen.remark(&format!(
        "connected with codex {} ({})",
        session.version().text().unwrap_or_default(),
        session.place()
    ));
    let talk = talking.insert(Talk::new(session, screen, approvals, stops));
    (talk.silence, talk.whole) = (cli.time.silence(), cli.time.whole());
    (talk.back_within, talk.open_within) = (cli.to_connect(), cli.to_resume());
    let open = open(cli, &place, &mut permissions, talk)?;
    if cli.print_thread_id {
        eprintln!("THREAD_ID={}", harmless(&open.thread.id));
    }
    let effort = cli.model.effort.as_deref();
    let how = TurnSettings { effort, model: None, output_schema: schema.as_ref().map(AnswerSchema::json) };
    let kept = Opening { cli, workdir: &place, permissions: &permissions, model: None }.resume_settings();
    talk.turn(&prompt, &how, &kept)?;
    answer_schema::check(schema.as_ref(), talk.turn_summary.last_message())
}

/// What was not shown while it was made.
fn deliver(cli: &Cli, talk: Option<&mut Talk<Stdout>>) -> Result<(), Trouble> {
    let Some(talk) = talk else { return Ok(()) };
    let answer = talk.turn_summary.last_message().unwrap_or_default().to_owned();
    if let Some(out) = &cli.output.out {
        answer_file::keep(out, &answer)?;
    }
    if cli.output.no_stream && !cli.output.json { talk.screen.message(&answer) } else { Ok(()) }
}

fn report(talk: Option<&Talk<Stdout>>, trouble: Option<&Trouble>) -> Report {
    match talk {
        None => Report::of_trouble(trouble.unwrap_or(&Trouble::new(Kind::Protocol, "nothing was said"))),
        Some(talk) => Report::new(
            Some(&talk.session),
            talk.turn_id().map(str::to_owned),
            &talk.turn_summary,
            talk.approvals.declined(),
            trouble,
        ),
    }
}
