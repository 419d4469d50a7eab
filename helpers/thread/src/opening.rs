//! From the command line to what a session is begun with: which server, and how its threads are opened.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clodex_codex::app_server::call::{ForkThread, OpenThread, ResumeThread, StartThread, ThreadSettings};
use clodex_json_rpc::{Address, Greeting};

use crate::cli::{Cli, Personality, limit};
use crate::held::Held;
use crate::server::{Place, Server};
use crate::talk::Talk;
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
}

/// How threads are opened.
#[derive(Debug)]
pub struct Opening<'a> {
    cli: &'a Cli,
    workdir: &'a Path,
    held: &'a Held,
}

impl<'a> Opening<'a> {
    /// As the arguments say.
    pub const fn new(cli: &'a Cli, workdir: &'a Path, held: &'a Held) -> Self {
        Self { cli, workdir, held }
    }

    /// Opens the thread and sees to it that what shall hold it does.
    pub fn open<W: Write>(&self, talk: &mut Talk<W>, wish: &Wish) -> Result<Box<OpenThread>, Trouble> {
        let resuming = limit(self.cli.resume_timeout);
        let ephemeral = self.cli.ephemeral;
        let open = match wish {
            Wish::New => {
                let call = StartThread { settings: self.settings(true), ephemeral };
                talk.open(&call, limit(self.cli.timeout))
            }
            Wish::Resume(thread_id) => {
                let settings = self.settings(self.cli.workdir.is_some());
                talk.open(&ResumeThread { thread_id, settings, exclude_turns: true }, resuming)
                    .map_err(|trouble| stale(trouble, "go on with", thread_id))
            }
            Wish::Fork(thread_id) => {
                let settings = self.settings(self.cli.workdir.is_some());
                talk.open(&ForkThread { thread_id, settings, ephemeral, exclude_turns: true }, resuming)
                    .map_err(|trouble| stale(trouble, "copy", thread_id))
            }
        }?;
        self.held.check(&open)?;
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

    /// A thread that exists keeps its directory unless another one is named, or its scope lies in this one.
    fn settings(&self, here: bool) -> ThreadSettings<'a> {
        let here = here || !self.cli.scope.is_empty();
        ThreadSettings {
            cwd: self.workdir.to_str().filter(|_| here),
            model: self.cli.model.as_deref(),
            developer_instructions: self.cli.instructions.as_deref(),
            personality: self.cli.personality.map(Personality::as_str),
            ..self.held.settings()
        }
    }
}

fn stale(trouble: Trouble, what: &str, thread: &str) -> Trouble {
    if trouble.kind != Kind::Refused {
        return trouble;
    }
    let message = format!(
        "cannot {what} thread `{thread}`: {}\nhint: only threads that had a turn and are not ephemeral are kept",
        trouble.message
    );
    Trouble { kind: Kind::Thread, message, ..trouble }
}

/// The server that the arguments name.
pub fn server(cli: &Cli, workdir: PathBuf) -> Result<Server, Trouble> {
    let address = cli.uri.as_deref().map(address).transpose()?;
    let place = match (cli.start, address) {
        (true, address) => Place::Start(address),
        (false, Some(address)) => Place::At(address),
        (false, None) => Place::Stdio,
    };
    let codex = cli
        .codex
        .clone()
        .or_else(|| env::var_os("CLODEX_CODEX").filter(|path| !path.is_empty()).map(PathBuf::from));
    let limit: Option<Duration> = limit(cli.connect_timeout);
    Ok(Server {
        place,
        greeting: greeting(&cli.header_env)?,
        codex,
        workdir,
        limit,
        talkative: cli.verbose > 0,
    })
}

fn address(text: &str) -> Result<Address, Trouble> {
    let wrong = |why: &str| Trouble::usage(format!("{why}\nhint: --uri ws://HOST:PORT, --uri unix:///PATH"));
    text.parse().map_err(|why: String| wrong(&why))
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
