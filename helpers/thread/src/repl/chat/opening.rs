//! Threads: opened, gone on with, copied; what there is when one cannot be; and what is left when the connection goes.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use clodex_codex::app_server::call::{ForkThread, OpenThread, ResumeThread, StartThread};
use clodex_core::{ExitCode, Tone};
use clodex_json_rpc::Closed;

use super::{Chat, State};
use crate::cli::limit;
use crate::frames;
use crate::session::Session;
use crate::trouble::{Kind, Trouble};

/// How long a lost connection may take to come back where no limit is said.
const BACK: Duration = Duration::from_mins(1);

impl Chat<'_> {
    /// The thread that the command line asks for.
    pub(super) fn open_first(&mut self) -> Result<(), Trouble> {
        let cli = self.manner.cli;
        match (&cli.thread_id, &cli.fork) {
            (Some(id), _) => self.resume(id),
            (None, Some(id)) => self.fork(id),
            (None, None) => self.open_new(),
        }
    }

    pub(super) fn open_new(&mut self) -> Result<(), Trouble> {
        self.enter(State::Opening);
        let call = StartThread { settings: self.manner.new_thread(), ephemeral: self.manner.cli.ephemeral };
        self.session.open(&call, limit(self.manner.cli.connect_timeout))
    }

    pub(super) fn resume(&mut self, thread_id: &str) -> Result<(), Trouble> {
        self.enter(State::Opening);
        let call = ResumeThread { thread_id, settings: self.manner.kept_thread(), exclude_turns: true };
        self.session.open(&call, self.manner.patience())
    }

    pub(super) fn fork(&mut self, thread_id: &str) -> Result<(), Trouble> {
        self.enter(State::Opening);
        let ephemeral = self.manner.cli.ephemeral;
        let call =
            ForkThread { thread_id, settings: self.manner.kept_thread(), ephemeral, exclude_turns: true };
        self.session.open(&call, self.manner.patience())
    }

    pub(super) fn opened(&mut self, open: &OpenThread) -> Result<(), Trouble> {
        self.manner.held.check(open)?;
        if open.thread.status.word == "active" {
            // Whatever is said there now would steer it.
            let busy = "cannot say anything on this thread: somebody else's turn is under way there\n\
                        hint: /resume ID when it is over, /new for another thread, --fork ID for a copy of this one";
            self.session.leave_thread();
            return self.unusable(&Trouble::new(Kind::Thread, busy));
        }
        self.enter(State::Idle);
        if self.manner.cli.print_thread_id {
            eprintln!("THREAD_ID={}", open.thread.id);
        }
        let copied = open
            .thread
            .forked_from_id
            .as_ref()
            .map_or_else(String::new, |from| format!(", a copy of {from}"));
        self.note(Tone::Dim, &format!("thread {}{copied}, {}", open.thread.id, open.model));
        self.model = Some(open.model.clone()).filter(|model| !model.is_empty());
        self.tokens = None;
        self.say_what_waits()
    }

    /// There is the thread of before, or none: a person may begin another, a script has failed.
    pub(super) fn not_opened(&mut self, trouble: &Trouble) -> Result<(), Trouble> {
        if trouble.kind == Kind::ConnectionLost {
            // Its end is heard as well, and says more.
            return Ok(());
        }
        let trouble = Trouble { kind: Kind::Thread, ..trouble.clone() };
        if self.session.thread().is_some() {
            self.enter(State::Idle);
            self.trouble(&trouble);
            self.note(Tone::Dim, "you are still in the thread of before");
            return Ok(());
        }
        self.unusable(&trouble)
    }

    fn unusable(&mut self, trouble: &Trouble) -> Result<(), Trouble> {
        if self.manner.is_script {
            return Err(trouble.clone());
        }
        self.enter(State::None);
        self.trouble(trouble);
        self.note(Tone::Strong, "begin a new thread? y, or Enter, does; /list lists those that there are");
        Ok(())
    }

    /// The connection is gone: another one is made, and the thread is gone on with. What cannot be known of its turn is
    /// said to be unknown.
    pub(super) fn lost(&mut self, closed: &Closed) -> Result<(), Trouble> {
        let lines = self.pieces.cut_off();
        self.say(&lines)?;
        self.failed(ExitCode::Unreachable);
        self.note(Tone::Bad, &format!("{closed}; connecting again"));
        self.questions.clear();
        self.to_say.extend(std::mem::take(&mut self.steering).into_values());
        let stops = self.manner.stops;
        let mut wait = |pause| match stops.arrived.recv_timeout(pause) {
            Ok(_) => ControlFlow::Break(()),
            Err(_) => ControlFlow::Continue(()),
        };
        let limit = self.manner.server.limit.unwrap_or(BACK);
        let back = self.session.come_back(Instant::now() + limit, &mut wait);
        self.heard_at = Instant::now();
        match back {
            Ok(()) if self.session.turn().is_some() => {
                self.note(Tone::Dim, "connected again; what was missed of the turn follows");
                Ok(())
            }
            Ok(()) => {
                self.enter(State::Idle);
                self.note(Tone::Dim, "connected again");
                self.say_what_waits()
            }
            Err(why) => self.begin_again(&why),
        }
    }

    /// With a server of ours that has to be started again, or after a turn of which nobody knows.
    fn begin_again(&mut self, why: &Trouble) -> Result<(), Trouble> {
        if self.state == State::Opening {
            // The next one would not come further.
            return Err(Trouble::new(
                Kind::Unreachable,
                format!("codex was lost before its thread was open: {}", why.message),
            ));
        }
        let was_working = matches!(self.state, State::Turn { .. });
        let thread = self.session.thread().filter(|_| !self.manner.cli.ephemeral).map(str::to_owned);
        self.session = Session::begin(
            self.manner.server,
            self.manner.stops,
            frames::listener(self.manner.cli.verbose, self.manner.cli.ndjson_file.as_deref())?,
        )?;
        self.heard_at = Instant::now();
        if was_working {
            self.display.loud(Tone::Bad, &format!("what the turn came to is unknown: {}", why.message));
        }
        match thread {
            Some(thread) => self.resume(&thread),
            None => self.open_new(),
        }
    }
}
