//! Threads: opened, gone on with, copied; what there is when one cannot be; and what is left when the connection goes.

use std::time::Instant;

use clodex_codex::app_server::call::{Configured, OpenThread};
use clodex_core::{ExitCode, Tone, harmless};
use clodex_json_rpc::Closed;

use super::{Chat, State};
use crate::opening::Wish;
use crate::protocol_log;
use crate::server::LONG;
use crate::session::Session;
use crate::stop_signals::{Patience, interrupted};
use crate::trouble::{Kind, Trouble};

/// Said once of each turn of whose end nobody can hear any more.
pub const UNKNOWN: &str = "what the turn came to is unknown";

impl Chat<'_> {
    /// Asks for a thread.
    pub(super) fn open(&mut self, wish: Wish) -> Result<(), Trouble> {
        self.enter(State::Opening);
        let asked = self.options.opening().begin(&mut self.session, &wish);
        self.wish = wish;
        asked
    }

    /// Somebody else's server has told what it lets a thread do: now it is known what has to be said of the thread.
    pub(super) fn configured(&mut self, how: &Configured, until: Option<Instant>) -> Result<(), Trouble> {
        self.options.permissions.apply_server_config(how);
        let asked = self.options.opening().ask(&mut self.session, &self.wish, until);
        // The connection's end is heard as well, and says more.
        asked.or_else(|trouble| if trouble.kind == Kind::ConnectionLost { Ok(()) } else { Err(trouble) })
    }

    pub(super) fn opened(&mut self, open: &OpenThread) -> Result<(), Trouble> {
        self.options.permissions.check(open)?;
        if open.thread.status.word == "active" {
            // Whatever is said there now would steer it.
            let busy = "cannot say anything on this thread: somebody else's turn is under way there\n\
                        hint: /resume ID when it is over, /new for another thread, --fork ID for a copy of this one";
            self.session.leave_thread();
            return self.unusable(&Trouble::new(Kind::Thread, busy));
        }
        self.enter(State::Idle);
        // Of the thread before this one nobody will be asked any more.
        self.turn_away(|session, asked| {
            !asked.thread_id.is_empty() && !session.is_of_family(&asked.thread_id)
        });
        if self.options.cli.print_thread_id {
            self.options.notices.say(format!("THREAD_ID={}", harmless(&open.thread.id)));
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
        if self.session.thread().is_some() {
            self.enter(State::Idle);
            self.trouble(trouble);
            self.note(Tone::Dim, "you are still in the previous thread");
            return Ok(());
        }
        self.unusable(trouble)
    }

    fn unusable(&mut self, trouble: &Trouble) -> Result<(), Trouble> {
        if self.options.is_script {
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
        self.tell_what_has_ended()?;
        self.failed(ExitCode::Unreachable);
        // The reason last: a long one is cut off.
        self.cut_off(&format!("connecting again: {closed}"))?;
        let patience = Patience::new(self.options.stops);
        let cli = self.options.cli;
        let until = Instant::now() + cli.to_connect().unwrap_or(LONG);
        let kept = self.options.opening().resume_settings();
        let back = self.session.come_back(until, cli.to_resume(), &kept, &patience);
        self.heard_at = Instant::now();
        if let Some(signal) = patience.ended_by() {
            let mut trouble = interrupted(signal);
            if let State::Turn { .. } = self.state {
                trouble.message.push_str("; ");
                trouble.message.push_str(UNKNOWN);
                self.enter(State::None);
            }
            return Err(trouble);
        }
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
            // It would not be held on another connection, either.
            Err(why) if why.kind == Kind::Refused => Err(why),
            Err(why) => self.begin_again(&why),
        }
    }

    /// Nothing more is heard of what is under way.
    pub(super) fn cut_off(&mut self, why: &str) -> Result<(), Trouble> {
        let lines = self.pieces.cut_off();
        self.say(&lines)?;
        self.note(Tone::Bad, why);
        self.forget_questions();
        for text in std::mem::take(&mut self.steering).into_values() {
            self.perhaps_heard(&text);
        }
        Ok(())
    }

    /// With a server of ours that has to be started again, or after a turn of which nobody knows.
    pub(super) fn begin_again(&mut self, why: &Trouble) -> Result<(), Trouble> {
        if self.state == State::Opening {
            // The next one would not come further.
            return Err(Trouble::new(
                Kind::Unreachable,
                format!("codex was lost before its thread was open: {}", why.message),
            ));
        }
        if let State::Turn { .. } = self.state {
            self.display.loud(Tone::Bad, &format!("{UNKNOWN}: {}", why.message));
            self.enter(State::Opening);
        }
        let cli = self.options.cli;
        let thread = self.session.thread().map(str::to_owned);
        let listener = protocol_log::listener(&cli.output, &self.options.notices)?;
        // One that is about to die still answers where the next one is to listen.
        self.session.end_server();
        self.session = Session::begin(self.options.server, self.options.stops, listener)?;
        self.heard_at = Instant::now();
        if cli.ephemeral && thread.is_some() {
            let gone = "the thread is lost, as it was ephemeral: the next one is new and knows nothing of it";
            self.display.loud(Tone::Bad, gone);
        }
        let thread = thread.filter(|_| !cli.ephemeral);
        self.open(thread.map_or(Wish::New, Wish::Resume))
    }
}
