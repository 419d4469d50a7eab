//! A conversation with a server, one event after the other: threads, turns, what is said meanwhile, what is asked. Knows
//! nothing of arguments, of what people see, and of when enough is enough.
//!
//! Nothing that is asked is waited for: what [`Session::next`] gives answers it. One thread is talked with at a time:
//! what concerns others (reviews, other people's) is counted, and nothing more; what its sub-agents do is a sign of
//! life as well.

mod heard;
mod hearing;
mod interruption;
mod reconnect;
mod turn;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use clodex_codex::CodexVersion;
use clodex_codex::app_server::call::{
    Call, CompactThread, Input, ListModels, ListThreads, OneTurn, OpenThread, ReadConfig, StartTurn,
    SteerTurn, UnsubscribeThread,
};
use clodex_codex::app_server::{
    Asked, Client, Family, Happened, Patches, Reply, ReplyError, SaidInTurn, ServerQuestion, ToEnd,
    TurnSettings,
};
use clodex_core::FileChange;
use clodex_os::clock::Timestamp;
use clodex_os::run_suffix;

use crate::server::{Again, Connected, Listener, Own, Server};
use crate::stop_signals::Stops;
use crate::trouble::{Kind, Trouble};
pub use heard::Heard;
use interruption::Interruption;
use turn::Turn;

/// How long Codex has for an answer that needs no model: it takes milliseconds.
const ANSWER: Duration = Duration::from_secs(30);

/// How long an interrupted turn may take to end on a server of ours: then the server can be ended, with all that it runs.
const ENDING_WITH_OURS: Duration = Duration::from_secs(1);
/// The same where ending the server is no way out: on somebody else's, and where the conversation would end with it.
pub const ENDING: Duration = Duration::from_secs(5);

/// A conversation.
#[derive(Debug)]
pub struct Session {
    client: Client<Sent>,
    version: CodexVersion,
    place: String,
    thread: Option<String>,
    turn: Turn,
    family: Family,
    interruption: Interruption,
    patches: Patches,
    notifications: BTreeMap<String, u64>,
    /// What is to be heard next.
    ahead: VecDeque<Heard>,
    again: Option<Again>,
    /// How often something was said to a turn under way, and what of it the model was not given.
    steered: u64,
    said_in_turn: SaidInTurn,
    /// How many lists were asked for and not yet heard.
    lists: usize,
    /// Names what the turn was asked for with, where it was with words: by it the turn is known on another connection.
    said: Option<String>,
    /// Whether a question was answered: an answer is answered by nothing.
    has_replied: bool,
    /// Whether the connection is gone, and has not been made again.
    is_lost: bool,
    /// Ended after the connection.
    own: Option<Own>,
}

/// What an answer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sent {
    /// By when what it was asked for has to be done.
    Config(Option<Instant>),
    Open,
    Turn,
    Steer(u64),
    End(ToEnd),
    Compact,
    Threads(ThreadsFor),
    Models,
    Left,
}

/// What the threads that there are were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadsFor {
    /// To be shown.
    Listing,
    /// To go on with the latest.
    Resuming,
}

impl Session {
    /// Connects.
    pub fn begin(server: &Server, stops: &Stops, listener: Option<Listener>) -> Result<Self, Trouble> {
        let connected = server.connect(stops, listener)?;
        let Connected { client, version, shown: place, own, again } = connected;
        Ok(Self {
            client,
            version,
            place,
            thread: None,
            turn: Turn::None,
            family: Family::default(),
            interruption: Interruption::default(),
            patches: Patches::default(),
            notifications: BTreeMap::new(),
            ahead: VecDeque::new(),
            again,
            steered: 0,
            said_in_turn: SaidInTurn::named(new_name() + "-"),
            lists: 0,
            said: None,
            has_replied: false,
            is_lost: false,
            own,
        })
    }

    /// Which Codex answers.
    pub const fn version(&self) -> &CodexVersion {
        &self.version
    }

    /// Where it is, for people.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether the server ends with the session, and so does all that it does.
    pub const fn is_with_own_server(&self) -> bool {
        self.own.is_some()
    }

    /// How long an interrupted turn may take to end.
    pub const fn ending(&self) -> Duration {
        if self.is_with_own_server() { ENDING_WITH_OURS } else { ENDING }
    }

    /// Ends a server of ours, with all that it runs; false = it is somebody else's.
    pub fn end_server(&mut self) -> bool {
        self.own.take().is_some()
    }

    /// The thread that is talked with.
    pub fn thread(&self) -> Option<&str> {
        self.thread.as_deref()
    }

    /// The turn, as soon as it has an id.
    pub fn turn(&self) -> Option<&str> {
        self.turn.id()
    }

    /// Whether there is a turn, or one was asked for.
    pub fn has_turn(&self) -> bool {
        self.turn != Turn::None
    }

    /// Whether there is a turn that can be steered.
    pub const fn can_be_steered(&self) -> bool {
        matches!(self.turn, Turn::Begun(_))
    }

    /// Talks with no thread any more, and hears no more of this one.
    pub fn leave_thread(&mut self) {
        self.family = Family::default();
        self.end_no_more();
        self.patches = Patches::default();
        if let Some(thread_id) = &self.thread.take() {
            // Whoever cannot be told any more will tell nothing either.
            let _ = self.client.ask(&UnsubscribeThread { thread_id }, Some(soon()), Sent::Left);
        }
    }

    /// How often what was told, by method.
    pub const fn notifications(&self) -> &BTreeMap<String, u64> {
        &self.notifications
    }

    /// Asks how the server is configured for threads of this directory, before one is opened there: [`Heard::Configured`],
    /// or [`Heard::NotOpen`].
    pub fn ask_configuration(&mut self, cwd: &str, until: Option<Instant>) -> Result<(), Trouble> {
        Ok(self.client.ask(&ReadConfig { cwd }, until, Sent::Config(until))?)
    }

    /// Opens a thread (a new one, one that goes on, or a copy) instead of the one that was talked with: [`Heard::Open`].
    pub fn open<C: Call<Answer = OpenThread>>(
        &mut self,
        call: &C,
        until: Option<Instant>,
    ) -> Result<(), Trouble> {
        Ok(self.client.ask(call, until, Sent::Open)?)
    }

    /// Says these on the thread, and lets the model work: [`Heard::TurnBegun`] … [`Heard::TurnEnded`].
    pub fn say(&mut self, texts: &[&str], how: &TurnSettings<'_>) -> Result<(), Trouble> {
        let thread_id = &self.open_thread()?;
        let said = new_name();
        let input: Vec<Input<'_>> = texts.iter().map(|text| Input::Text { text }).collect();
        let call = StartTurn {
            thread_id,
            input: &input,
            effort: how.effort,
            model: how.model,
            output_schema: how.output_schema,
            client_user_message_id: Some(&said),
        };
        self.begin_turn(&call)?;
        self.said = Some(said);
        Ok(())
    }

    /// Begins a turn by any request that does: a review, too. How long that may take is for whoever follows the turn.
    pub fn begin_turn<C: Call<Answer = OneTurn>>(&mut self, call: &C) -> Result<(), Trouble> {
        if self.has_turn() {
            return Err(Trouble::new(Kind::Thread, "the thread has a turn already"));
        }
        self.client.ask(call, None, Sent::Turn)?;
        self.turn = Turn::Asked { interrupt: false };
        self.end_no_more();
        self.said = None;
        Ok(())
    }

    /// Summarises the thread to make room, which is a turn, too.
    pub fn compact(&mut self) -> Result<(), Trouble> {
        let thread_id = &self.open_thread()?;
        self.client.ask(&CompactThread { thread_id }, None, Sent::Compact)?;
        self.turn = Turn::Asked { interrupt: false };
        self.end_no_more();
        self.said = None;
        Ok(())
    }

    /// Says something to the turn under way, and numbers it: [`Heard::Steered`], and perhaps [`Heard::NotRead`] when
    /// the turn is over. Answers may come in another order.
    pub fn steer(&mut self, text: &str) -> Result<u64, Trouble> {
        let thread_id = &self.open_thread()?;
        let Turn::Begun(turn) = &self.turn else {
            return Err(Trouble::new(Kind::Thread, "there is no turn to be steered"));
        };
        let input = &[Input::Text { text }];
        self.steered += 1;
        let name = self.said_in_turn.steer(self.steered);
        let call =
            SteerTurn { thread_id, expected_turn_id: turn, input, client_user_message_id: Some(&name) };
        if let Err(error) = self.client.ask(&call, Some(soon()), Sent::Steer(self.steered)) {
            self.said_in_turn.is_not_taken(self.steered);
            return Err(error.into());
        }
        Ok(self.steered)
    }

    /// Whether this is the thread that is talked with, or a sub-agent's of it.
    pub fn is_of_family(&self, thread: &str) -> bool {
        self.thread() == Some(thread) || self.family.contains(thread)
    }

    /// Says nothing more, and waits until the server has read the answers to its questions, but not longer than that. One
    /// of ours ends anyhow.
    pub fn part(&mut self, until: Instant) {
        if let (false, true, Some(thread_id)) = (self.is_with_own_server(), self.has_replied, &self.thread) {
            // Whoever does not answer in time has heard it all the same, or never will.
            let _ = self.client.call(&UnsubscribeThread { thread_id }, until);
        }
    }

    /// The files of the patch that is asked about, as far as they were told.
    pub fn changes(&self, asked: &Asked<'_>) -> &[FileChange<'static>] {
        self.patches.asked_about(asked)
    }

    /// Answers a question. One that the answer does not fit still waits.
    pub fn reply(&mut self, question: ServerQuestion, reply: &Reply) -> Result<(), ReplyError> {
        self.has_replied = true;
        self.client.reply(question, reply, Timestamp::now().unix_ms() / 1000)
    }

    /// Asks which threads there are: [`Heard::Threads`].
    pub fn list_threads(&mut self, call: &ListThreads<'_>, why: ThreadsFor) -> Result<(), Trouble> {
        self.client.ask(call, Some(soon()), Sent::Threads(why))?;
        self.lists += 1;
        Ok(())
    }

    /// Asks which models there are: [`Heard::Models`].
    pub fn list_models(&mut self) -> Result<(), Trouble> {
        self.client.ask(&ListModels {}, Some(soon()), Sent::Models)?;
        self.lists += 1;
        Ok(())
    }

    /// Whether a list was asked for that has not come yet.
    pub const fn awaits_list(&self) -> bool {
        self.lists > 0
    }

    /// What happens next, or nothing until then (`None`: waits for ever).
    pub fn next(&mut self, until: Option<Instant>) -> Option<Heard> {
        if let Some(heard) = self.ahead.pop_front().or_else(|| self.cleaned()) {
            return Some(heard);
        }
        Some(match self.client.next(until)? {
            Happened::Answered(sent, answered) => self.answered(sent, answered),
            Happened::Told(told) => self.told(&told),
            Happened::Asked(question) => Heard::Asked(question),
            Happened::Unreadable(_) => Heard::Elsewhere,
            Happened::Woken => Heard::Woken,
            Happened::Closed(closed) => {
                self.is_lost = true;
                Heard::Closed(closed)
            }
        })
    }

    fn open_thread(&self) -> Result<String, Trouble> {
        self.thread.clone().ok_or_else(|| Trouble::new(Kind::Thread, "no thread is open"))
    }
}

/// A name for what is said here: nobody else's, on whatever thread.
fn new_name() -> String {
    format!("clodex-{}-{}", std::process::id(), run_suffix())
}

fn soon() -> Instant {
    Instant::now() + ANSWER
}

#[cfg(test)]
mod tests;
