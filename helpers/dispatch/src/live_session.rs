//! Decides what to do with the user's messages, Codex's questions and deadlines while a run lives.
//! Pure: what comes in are facts, what goes out is to be done by the loop. Knows no file and no process.

mod action;
mod question;
#[cfg(test)]
mod tests;
mod told;
mod turn;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use clodex_codex::app_server::call::INPUT_MAX_CHARS;
use clodex_codex::app_server::{NoAnswer, Reply, Unheard};
use clodex_core::{LIVE_TEXT_MAX_BYTES, LiveFate, LiveMessage, LiveReply, LiveWish};

use action::{BETWEEN_BYTES, delivered, fitting, queued, refused, unanswered};
pub use action::{LiveAction, Said};
pub use question::{NotAsked, Question};
use told::Told;
use turn::Turn;

/// How long somebody is waited for; absent = as long as the run may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Patience {
    /// For somebody who goes on after an interrupt.
    pub idle: Option<Duration>,
}

// Whatever waits, the first of it can begin a turn.
const _: () = assert!(LIVE_TEXT_MAX_BYTES <= INPUT_MAX_CHARS);

/// The session of one run.
#[derive(Debug)]
pub struct LiveSession {
    patience: Patience,
    /// So many bytes can be said together with the task.
    beside_task: usize,
    turn: Turn,
    queue: VecDeque<Said>,
    said: BTreeMap<u64, Said>,
    /// What the turn that was asked for begins with.
    beginning: Vec<Said>,
    interrupts: Vec<String>,
    questions: BTreeMap<u64, Question>,
    /// A question went unanswered, and nobody has said anything since.
    nobody_there: bool,
    next: u64,
    told: Told,
}

impl LiveSession {
    /// Of a run that has not begun, with a task of so many bytes.
    pub fn new(patience: Patience, task: usize) -> Self {
        Self {
            patience,
            beside_task: INPUT_MAX_CHARS.saturating_sub(task),
            turn: Turn::NotYet,
            queue: VecDeque::new(),
            said: BTreeMap::new(),
            beginning: Vec::new(),
            interrupts: Vec::new(),
            questions: BTreeMap::new(),
            nobody_there: false,
            next: 1,
            told: Told::default(),
        }
    }

    /// A message has come.
    pub fn message(&mut self, name: String, message: Result<LiveMessage, String>) -> Vec<LiveAction> {
        self.nobody_there = false;
        match message.map(|message| message.wish) {
            Ok(LiveWish::Steer(text)) if text.len() > LIVE_TEXT_MAX_BYTES => {
                vec![refused(name, format!("more than {LIVE_TEXT_MAX_BYTES} bytes"))]
            }
            Ok(LiveWish::Steer(text)) => self.steer(Said { name, text }),
            Ok(LiveWish::Interrupt) => self.interrupt(name),
            Ok(LiveWish::Answer { request, reply }) => self.answer(name, &request, reply),
            Err(why) => vec![refused(name, format!("the message cannot be read: {why}"))],
        }
    }

    /// The run's turn can be asked for. What was said before belongs to its first request: said in the turn, it would
    /// throw away what the model had begun to answer. But more than Codex takes at once would end the run: the rest is
    /// said as soon as the turn runs.
    pub fn turn_due(&mut self) -> LiveAction {
        self.turn = Turn::Asked;
        let mut left = self.beside_task;
        let again = self.told.again(&mut left);
        LiveAction::Begin { again, said: self.begin(left) }
    }

    /// A turn has begun.
    pub fn turn_began(&mut self) -> Vec<LiveAction> {
        let how = if self.turn == Turn::Asked { "its turn began with it" } else { "it began a new turn" };
        let interrupt = self.interrupts.first().cloned().map(LiveAction::Interrupt);
        self.turn = if interrupt.is_some() { Turn::Interrupting } else { Turn::Running };
        let begun = std::mem::take(&mut self.beginning);
        self.told.turn_began(begun.iter().map(|said| said.text.as_str()));
        let begun = begun.into_iter().map(|said| delivered(said.name, Some(how)));
        let queued = std::mem::take(&mut self.queue);
        let steered: Vec<LiveAction> = queued.into_iter().flat_map(|said| self.steer(said)).collect();
        begun.chain(steered).chain(interrupt).collect()
    }

    /// Who wanted to say this has taken it back.
    pub fn withdrawn(&mut self, number: u64) {
        self.said.remove(&number);
    }

    /// Everybody who wanted to go on has taken that back; `again` is what the turn would have begun with besides.
    pub fn none_left(&mut self, again: Vec<String>, now: Instant) {
        self.beginning.clear();
        self.told.keep(again);
        self.turn = Turn::Waiting(self.patience.idle.map(|idle| now + idle));
    }

    /// What was said with this number was heard.
    pub fn steered(&mut self, number: u64) -> Vec<LiveAction> {
        let heard = self.said.remove(&number).map(|said| {
            self.told.steered(number, said.text);
            delivered(said.name, None)
        });
        heard.into_iter().chain(self.close_if_done()).collect()
    }

    /// It was not.
    pub fn not_steered(&mut self, number: u64, why: Unheard) -> Vec<LiveAction> {
        let Some(said) = self.said.remove(&number) else { return vec![] };
        let mut todo = match why {
            // The turn is over, or of a kind that takes nothing: the next one takes it.
            Unheard::Refused(_) => {
                let put_back = LiveAction::PutBack(said.name.clone());
                let queued = queued(&said.name, "until its turn is over");
                self.queue.push_back(said);
                vec![put_back, queued]
            }
            Unheard::Unanswered(why) => {
                vec![LiveAction::Tell { name: said.name, fate: LiveFate::Unknown(why) }]
            }
        };
        todo.extend(self.close_if_done());
        todo
    }

    /// What was heard with this number was not given to the model before the turn was over: the next one begins with it.
    pub fn not_read(&mut self, number: u64) {
        self.told.not_read(number);
    }

    /// The turn is over, and well: it closes, or goes on with what nobody could say in it.
    pub fn turn_ended(&mut self) -> Vec<LiveAction> {
        self.turn = Turn::Ending;
        let mut todo = self.miss_interrupts("its turn ended by itself");
        todo.extend(self.close_if_done());
        todo
    }

    /// The turn has failed: nothing can be said any more.
    pub fn turn_failed(&mut self) -> Vec<LiveAction> {
        let mut todo = self.end("its turn has failed", LiveFate::Ended);
        todo.push(LiveAction::Close);
        todo
    }

    /// The turn was interrupted, and nothing of it runs.
    pub fn interrupted(&mut self, now: Instant) -> Vec<LiveAction> {
        self.turn = Turn::Waiting(self.patience.idle.map(|idle| now + idle));
        self.questions.clear();
        let told: Vec<LiveAction> = std::mem::take(&mut self.interrupts)
            .into_iter()
            .map(|name| delivered(name, Some("nothing of its turn runs; it waits")))
            .collect();
        told.into_iter().chain(self.go_on()).collect()
    }

    /// Who wanted the turn interrupted has taken that back, and nobody has interrupted it: who else wants to does, else it
    /// goes on.
    pub fn taken_back(&mut self, name: &str) -> Vec<LiveAction> {
        self.interrupts.retain(|waits| waits != name);
        if let Some(next) = self.interrupts.first() {
            return vec![LiveAction::Interrupt(next.clone())];
        }
        self.turn = Turn::Running;
        let queued = std::mem::take(&mut self.queue);
        queued.into_iter().flat_map(|said| self.steer(said)).collect()
    }

    /// The turn could not be interrupted.
    pub fn not_interrupted(&mut self, why: &str) -> Vec<LiveAction> {
        if self.turn == Turn::Interrupting {
            self.turn = Turn::Running;
        }
        self.miss_interrupts(why)
    }

    /// Codex asks something that is the user's to decide. Who has let a question pass is not waited for again.
    pub fn asked(&mut self, number: u64, mut question: Question) -> Vec<LiveAction> {
        let unanswered = self.nobody_there.then(|| unanswered(number, &mut question));
        self.questions.insert(number, question);
        unanswered.into_iter().collect()
    }

    /// A question is no longer open.
    pub fn resolved(&mut self, number: u64) -> Option<Question> {
        self.questions.remove(&number)
    }

    /// Whether an answer could be given. Gives the question back where that settles it.
    pub fn replied(
        &mut self,
        number: u64,
        name: Option<String>,
        done: &Result<(), NoAnswer>,
    ) -> (Option<Question>, Vec<LiveAction>) {
        match done {
            Ok(()) => {
                (self.questions.remove(&number), name.map(|name| delivered(name, None)).into_iter().collect())
            }
            Err(why) => {
                let told = name.map(|name| refused(name, why.to_string()));
                (None, told.into_iter().collect())
            }
        }
    }

    /// The time has come which [`Self::deadline`] told.
    pub fn tick(&mut self, now: Instant) -> Vec<LiveAction> {
        if let Turn::Waiting(Some(until)) = self.turn
            && until <= now
        {
            let mut todo = self.end("nobody went on in time", LiveFate::Ended);
            todo.push(LiveAction::GiveUp);
            return todo;
        }
        let due = self.questions.iter_mut().filter(|(_, question)| question.is_due(now));
        let todo: Vec<LiveAction> = due.map(|(number, question)| unanswered(*number, question)).collect();
        self.nobody_there |= !todo.is_empty();
        todo
    }

    /// When to call [`Self::tick`] at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        let idle = if let Turn::Waiting(until) = self.turn { until } else { None };
        self.questions.values().filter_map(|question| question.deadline).chain(idle).min()
    }

    /// Nothing is said any more: whoever waits is told why nothing comes of it, as `unsaid` where it was not said.
    pub fn end(&mut self, why: &str, unsaid: fn(String) -> LiveFate) -> Vec<LiveAction> {
        let missed = |name| LiveAction::Tell { name, fate: unsaid(why.to_owned()) };
        self.turn = Turn::Over;
        let mut todo: Vec<LiveAction> =
            std::mem::take(&mut self.interrupts).into_iter().map(missed).collect();
        self.questions.clear();
        for Said { name, text } in self.queue.drain(..) {
            self.told.unsaid(text);
            todo.push(missed(name));
        }
        let unsure = std::mem::take(&mut self.said).into_values().chain(std::mem::take(&mut self.beginning));
        todo.extend(
            unsure.map(|said| LiveAction::Tell { name: said.name, fate: LiveFate::Unknown(why.to_owned()) }),
        );
        todo
    }

    /// What somebody wanted to say and nobody ever will, given away.
    pub fn unsaid(&mut self) -> Vec<String> {
        self.told.take_unsaid()
    }

    /// Codex is started once more, with another model that knows nothing of what the first was told.
    pub fn begin_again(&mut self) {
        self.turn = Turn::NotYet;
        self.questions.clear();
        self.told.begin_again();
    }

    /// Another way to Codex is taken, on which nothing can be said any more: what waits for the turn, given away as far as
    /// it can be said together with the task.
    pub fn hand_over(&mut self) -> Vec<Said> {
        self.turn = Turn::Over;
        let between = BETWEEN_BYTES * self.queue.len();
        fitting(&mut self.queue, self.beside_task.saturating_sub(between))
    }

    /// Whether nothing runs until somebody goes on.
    pub fn waits_to_go_on(&self) -> bool {
        matches!(self.turn, Turn::Waiting(_))
    }

    /// The questions that wait for the user, the oldest first.
    pub fn questions(&self) -> impl Iterator<Item = (u64, &Question)> {
        self.questions.iter().map(|(number, question)| (*number, question))
    }

    fn steer(&mut self, said: Said) -> Vec<LiveAction> {
        match self.turn {
            Turn::NotYet | Turn::Asked => self.wait(said, "until its turn begins"),
            Turn::Interrupting => self.wait(said, "until its turn is interrupted"),
            Turn::Ending => self.wait(said, "until its turn is over"),
            Turn::Running => {
                let number = self.next;
                self.next += 1;
                let Said { name, text } = said.clone();
                self.said.insert(number, said);
                vec![LiveAction::Steer { number, name, text }]
            }
            Turn::Beginning => self.wait(said, "until its new turn begins"),
            Turn::Waiting(_) => {
                self.queue.push_back(said);
                self.go_on().into_iter().collect()
            }
            Turn::Over => vec![refused(said.name, "its turn is over".to_owned())],
        }
    }

    fn wait(&mut self, said: Said, until: &str) -> Vec<LiveAction> {
        let told = queued(&said.name, until);
        self.queue.push_back(said);
        vec![told]
    }

    fn interrupt(&mut self, name: String) -> Vec<LiveAction> {
        match self.turn {
            Turn::NotYet | Turn::Asked => {
                let why = "its turn has not begun; clodex-cancel ends the run".to_owned();
                vec![refused(name, why)]
            }
            Turn::Running => {
                self.turn = Turn::Interrupting;
                self.interrupts.push(name.clone());
                vec![LiveAction::Interrupt(name)]
            }
            Turn::Interrupting | Turn::Beginning => {
                self.interrupts.push(name);
                vec![]
            }
            Turn::Waiting(_) => vec![delivered(name, Some("nothing ran; it waits"))],
            Turn::Ending | Turn::Over => vec![refused(name, "its turn is over".to_owned())],
        }
    }

    fn answer(&mut self, name: String, request: &str, reply: LiveReply) -> Vec<LiveAction> {
        let number = request.parse().ok().filter(|number| self.questions.contains_key(number));
        let Some(question) = number else {
            return vec![refused(name, format!("question {request} is no longer open"))];
        };
        let reply = match reply {
            LiveReply::Accept => Reply::Accept,
            LiveReply::Decline => Reply::Decline,
            LiveReply::Cancel => Reply::Cancel,
            LiveReply::Text(text) => Reply::Text(text),
            LiveReply::Answers(answers) => Reply::Answers(answers),
        };
        vec![LiveAction::Reply { question, reply, name: Some(name) }]
    }

    /// Begins a turn with what was queued, or as much of it as can be said at once.
    fn go_on(&mut self) -> Option<LiveAction> {
        (!self.queue.is_empty()).then(|| self.next_turn())
    }

    fn next_turn(&mut self) -> LiveAction {
        self.turn = Turn::Beginning;
        let mut left = INPUT_MAX_CHARS;
        let again = self.told.again(&mut left);
        LiveAction::GoOn { again, said: self.begin(left) }
    }

    fn begin(&mut self, room: usize) -> Vec<Said> {
        self.beginning = fitting(&mut self.queue, room);
        self.beginning.clone()
    }

    fn close_if_done(&mut self) -> Option<LiveAction> {
        if self.turn != Turn::Ending || !self.said.is_empty() {
            return None;
        }
        if !self.queue.is_empty() || self.told.has_more() {
            return Some(self.next_turn());
        }
        self.turn = Turn::Over;
        Some(LiveAction::Close)
    }

    fn miss_interrupts(&mut self, why: &str) -> Vec<LiveAction> {
        std::mem::take(&mut self.interrupts).into_iter().map(|name| refused(name, why.to_owned())).collect()
    }
}
