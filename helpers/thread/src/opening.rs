//! From the command line to what a session is begun with: which server, and how its threads are opened.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clodex_codex::app_server::call::{ForkThread, OpenThread, ResumeThread, StartThread, ThreadSettings};
use clodex_json_rpc::{Address, Greeting};

use crate::cli::{Cli, Personality};
use crate::sandbox_leftovers::SandboxLeftovers;
use crate::server::{Place, Server};
use crate::session::Session;
use crate::stderr_notices::StderrNotices;
use crate::talk::Talk;
use crate::thread_permissions::{ResumeSettings, ThreadPermissions};
use crate::trouble::{Kind, Trouble};

/// Which thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// A new one.
    New,
    /// This one goes on.
    Resume(String),
    /// A copy of this one.
    Fork(String),
}

impl Wish {
    /// The one that the arguments name.
    pub fn of(cli: &Cli) -> Self {
        match (&cli.thread_id, &cli.fork) {
            (Some(thread), _) => Self::Resume(thread.clone()),
            (None, Some(thread)) => Self::Fork(thread.clone()),
            (None, None) => Self::New,
        }
    }

    /// How long it may take, and which argument says so: a new thread is begun as work is.
    fn limit(&self, cli: &Cli) -> (&'static str, Option<Duration>) {
        match self {
            Self::New => ("--timeout", cli.time.silence()),
            Self::Resume(_) | Self::Fork(_) => ("--resume-timeout", cli.to_resume()),
        }
    }

    /// Why it could not be, for people.
    pub fn not_met(&self, trouble: Trouble, cli: &Cli) -> Trouble {
        let (what, thread) = match (self, trouble.kind) {
            (_, Kind::Timeout) => {
                let (flag, _) = self.limit(cli);
                let message = format!("{}\nhint: {flag} sets the limit, 0 takes it away", trouble.message);
                return Trouble { message, ..trouble };
            }
            (Self::Resume(thread), Kind::Refused) => ("go on with", thread),
            (Self::Fork(thread), Kind::Refused) => ("copy", thread),
            (Self::New | Self::Resume(_) | Self::Fork(_), _) => return trouble,
        };
        let message = format!(
            "cannot {what} thread `{thread}`: {}\nhint: only threads that had a turn and are not ephemeral are kept",
            trouble.message
        );
        Trouble { kind: Kind::Thread, message, ..trouble }
    }
}

/// How threads are opened.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// As the arguments say.
    pub cli: &'a Cli,
    /// Absolute.
    pub workdir: &'a Path,
    /// What Codex may do there.
    pub permissions: &'a ThreadPermissions,
    /// The model, where not that of the arguments.
    pub model: Option<&'a str>,
}

impl<'a> Opening<'a> {
    /// Begins to open the thread: somebody else's server is asked first how it is configured, each time, since it reads
    /// that anew for each thread. Then [`Heard::Configured`](crate::session::Heard::Configured), and
    /// [`ask`](Self::ask).
    pub fn begin(&self, session: &mut Session, wish: &Wish) -> Result<(), Trouble> {
        let (_, within) = wish.limit(self.cli);
        let until = within.map(|within| Instant::now() + within);
        match self.workdir.to_str().filter(|_| !session.is_with_own_server()) {
            Some(cwd) => session.ask_configuration(cwd, until),
            None => self.ask(session, wish, until),
        }
    }

    /// Asks for the thread: [`Heard::Open`](crate::session::Heard::Open), or
    /// [`Heard::NotOpen`](crate::session::Heard::NotOpen) by then.
    pub fn ask(&self, session: &mut Session, wish: &Wish, until: Option<Instant>) -> Result<(), Trouble> {
        let (settings, ephemeral) = (self.resume_settings().settings, self.cli.ephemeral);
        match wish {
            Wish::New => {
                let settings = self.permissions.settings_of_new(settings);
                session.open(&StartThread { settings, ephemeral }, until)
            }
            Wish::Resume(thread_id) => {
                session.open(&ResumeThread { thread_id, settings, exclude_turns: true }, until)
            }
            Wish::Fork(thread_id) => {
                session.open(&ForkThread { thread_id, settings, ephemeral, exclude_turns: true }, until)
            }
        }
    }

    /// For a thread that exists: it keeps its directory unless another one is named, or its scope lies in this one.
    pub fn resume_settings(&self) -> ResumeSettings<'a> {
        let here = self.cli.said.workdir.is_some() || !self.cli.scope.is_empty();
        let settings = ThreadSettings {
            cwd: self.workdir.to_str().filter(|_| here),
            model: self.model.or(self.cli.model.name.as_deref()),
            developer_instructions: self.cli.model.instructions.as_deref(),
            personality: self.cli.personality.map(Personality::as_str),
            ..self.permissions.settings()
        };
        ResumeSettings { settings, permissions: self.permissions }
    }
}

/// Opens the thread that the arguments name and sees to it that what shall hold it does.
pub fn open<W: Write>(
    cli: &Cli,
    workdir: &Path,
    permissions: &mut ThreadPermissions,
    talk: &mut Talk<W>,
) -> Result<Box<OpenThread>, Trouble> {
    let wish = Wish::of(cli);
    Opening { cli, workdir, permissions, model: None }.begin(&mut talk.session, &wish)?;
    let opened = talk.opened(|session, configured, until| {
        permissions.apply_server_config(configured);
        Opening { cli, workdir, permissions, model: None }.ask(session, &wish, until)
    });
    let open = opened.map_err(|trouble| wish.not_met(trouble, cli))?;
    permissions.check(&open)?;
    if open.thread.status.word == "active" {
        let message = format!(
            "cannot say anything on thread `{}`: somebody else's turn is under way there\n\
             hint: wait for its end, or copy the thread with --fork",
            open.thread.id
        );
        return Err(Trouble::new(Kind::Thread, message));
    }
    Ok(open)
}

/// The server that the arguments name.
pub fn server(cli: &Cli, workdir: PathBuf, notices: &StderrNotices) -> Result<Server, Trouble> {
    let address = cli.uri.as_deref().map(address).transpose()?;
    let place = match (cli.start, address) {
        (true, Some(Address::Tcp { authority, .. })) if authority.ends_with(":0") => {
            let why = format!("cannot start a server at ws://{authority}: nobody could know its port");
            return Err(Trouble::usage(format!("{why}\nhint: name one, or leave --uri out")));
        }
        (true, address) => Place::Start(address),
        (false, Some(address)) => Place::At(address),
        (false, None) => Place::Stdio,
    };
    let codex = cli
        .codex
        .clone()
        .or_else(|| env::var_os("CLODEX_CODEX").filter(|path| !path.is_empty()).map(PathBuf::from));
    let limit = cli.to_connect();
    Ok(Server {
        place,
        greeting: greeting(&cli.header_env)?,
        codex,
        workdir,
        limit,
        complains: (cli.output.verbose > 0).then(|| notices.clone()),
        leftovers: SandboxLeftovers::default(),
    })
}

fn address(text: &str) -> Result<Address, Trouble> {
    let hint = if text.contains('@') {
        "--header-env Authorization=VARIABLE sends a secret that a variable holds"
    } else {
        "--uri ws://HOST:PORT, --uri unix:///PATH"
    };
    text.parse().map_err(|why: String| Trouble::usage(format!("{why}\nhint: {hint}")))
}

/// Headers whose values come from the environment, and so are in nobody's list of processes.
fn greeting(headers: &[String]) -> Result<Greeting, Trouble> {
    headers.iter().try_fold(Greeting::default(), |greeting, header| {
        let (name, variable) = header.split_once('=').ok_or_else(|| {
            Trouble::usage(format!(
                "`{header}` is no HEADER=VARIABLE\nhint: --header-env Authorization=MY_TOKEN"
            ))
        })?;
        let value = env::var(variable).ok().filter(|value| !value.trim().is_empty()).ok_or_else(|| {
            Trouble::usage(format!("cannot send the header `{name}`: the variable `{variable}` is not set"))
        })?;
        let value = value.trim();
        let is_bare = name.eq_ignore_ascii_case("authorization") && !value.contains(' ');
        let value = if is_bare { format!("Bearer {value}") } else { value.to_owned() };
        greeting.header(name, &value).map_err(Trouble::usage)
    })
}
