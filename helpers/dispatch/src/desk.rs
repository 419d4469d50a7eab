//! Who is told what while a run lives: decides what a message of the user's, a question of Codex and the time come to.
//! Pure: what comes in are facts, what goes out is to be done by the loop. Knows no file and no process.

mod question;
#[cfg(test)]
mod tests;
mod todo;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use clodex_codex::app_server::{NoAnswer, Reply, Unheard};
use clodex_core::{LiveFate, LiveMessage, LiveReply, LiveWish};

pub use question::Question;
pub use todo::{Do, Said};
use todo::{delivered, queued, refused, unanswered};

/// How long somebody is waited for; absent = as long as the run may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Patience {
    /// For somebody who goes on after an interrupt.
    pub idle: Option<Duration>,
}

/// Where the run's turn stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    NotYet,
    /// It was asked for, and Codex has not said that it runs.
    Asked,
    Running,
    Interrupting,
    /// Nothing runs; until then somebody may go on.
    Waiting(Option<Instant>),
    /// It has ended well, and something said in it is still to be confirmed.
    Ending,
    Over,
}

/// The desk of one run.
#[derive(Debug)]
pub struct Desk {
    patience: Patience,
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
    unsaid: Vec<String>,
}

impl Desk {
    /// Of a run that has not begun.
    pub fn new(patience: Patience) -> Self {
        Self {
            patience,
            turn: Turn::NotYet,
            queue: VecDeque::new(),
            said: BTreeMap::new(),
            beginning: Vec::new(),
            interrupts: Vec::new(),
            questions: BTreeMap::new(),
            nobody_there: false,
            next: 1,
            unsaid: Vec::new(),
        }
    }

    /// A message has come.
    pub fn message(&mut self, name: String, message: Result<LiveMessage, String>) -> Vec<Do> {
        self.nobody_there = false;
        match message.map(|message| message.wish) {
            Ok(LiveWish::Steer(text)) => self.steer(Said { name, text }),
            Ok(LiveWish::Interrupt) => self.interrupt(name),
            Ok(LiveWish::Answer { request, reply }) => self.answer(name, &request, reply),
            Err(why) => vec![refused(name, format!("the message cannot be read: {why}"))],
        }
    }

    /// The run's turn can be asked for. What was said before belongs to its first request: said in the turn, it would
    /// throw away what the model had begun to answer.
    pub fn turn_due(&mut self) -> Do {
        self.turn = Turn::Asked;
        Do::Begin(self.begin())
    }

    /// A turn has begun.
    pub fn turn_began(&mut self) -> Vec<Do> {
        let how = if self.turn == Turn::Asked { "its turn began with it" } else { "it began a new turn" };
        self.turn = Turn::Running;
        let begun = std::mem::take(&mut self.beginning);
        let begun = begun.into_iter().map(|said| delivered(said.name, Some(how)));
        let queued = std::mem::take(&mut self.queue);
        begun.into_iter().chain(queued.into_iter().flat_map(|said| self.steer(said))).collect()
    }

    /// Who wanted to say this has taken it back.
    pub fn withdrawn(&mut self, number: u64) {
        self.said.remove(&number);
    }

    /// Everybody who wanted to go on has taken that back.
    pub fn none_left(&mut self, now: Instant) {
        self.beginning.clear();
        self.turn = Turn::Waiting(self.patience.idle.map(|idle| now + idle));
    }

    /// What was said with this number was heard.
    pub fn steered(&mut self, number: u64) -> Vec<Do> {
        let heard = self.said.remove(&number).map(|said| delivered(said.name, None));
        heard.into_iter().chain(self.close_if_done()).collect()
    }

    /// It was not.
    pub fn not_steered(&mut self, number: u64, why: Unheard) -> Vec<Do> {
        let Some(said) = self.said.remove(&number) else { return vec![] };
        let mut todo = match why {
            // The turn is over, or of a kind that takes nothing: the next one takes it.
            Unheard::Refused(_) => {
                let put_back = Do::PutBack(said.name.clone());
                let queued = queued(&said.name, "until its turn is over");
                self.queue.push_back(said);
                vec![put_back, queued]
            }
            Unheard::Unanswered(why) => vec![Do::Tell { name: said.name, fate: LiveFate::Unknown(why) }],
        };
        todo.extend(self.close_if_done());
        todo
    }

    /// The turn is over, and well: it closes, or goes on with what nobody could say in it.
    pub fn turn_ended(&mut self) -> Vec<Do> {
        self.turn = Turn::Ending;
        let mut todo = self.miss_interrupts("its turn ended by itself");
        todo.extend(self.close_if_done());
        todo
    }

    /// The turn has failed: nothing can be said any more.
    pub fn turn_failed(&mut self) -> Vec<Do> {
        let mut todo = self.end("its turn has failed");
        todo.push(Do::Close);
        todo
    }

    /// The turn was interrupted, and nothing of it runs.
    pub fn interrupted(&mut self, now: Instant) -> Vec<Do> {
        self.turn = Turn::Waiting(self.patience.idle.map(|idle| now + idle));
        self.questions.clear();
        let told: Vec<Do> = std::mem::take(&mut self.interrupts)
            .into_iter()
            .map(|name| delivered(name, Some("nothing of its turn runs; it waits")))
            .collect();
        told.into_iter().chain(self.go_on()).collect()
    }

    /// Who wanted the turn interrupted has taken that back.
    pub fn taken_back(&mut self, name: &str) {
        self.interrupts.retain(|waits| waits != name);
        if self.turn == Turn::Interrupting && self.interrupts.is_empty() {
            self.turn = Turn::Running;
        }
    }

    /// The turn could not be interrupted.
    pub fn not_interrupted(&mut self, why: &str) -> Vec<Do> {
        if self.turn == Turn::Interrupting {
            self.turn = Turn::Running;
        }
        self.miss_interrupts(why)
    }

    /// Codex asks something that is the user's to decide. Who has let a question pass is not waited for again.
    pub fn asked(&mut self, number: u64, mut question: Question) -> Vec<Do> {
        let unanswered = self.nobody_there.then(|| unanswered(number, &mut question));
        self.questions.insert(number, question);
        unanswered.into_iter().collect()
    }

    /// A question does not wait any more.
    pub fn resolved(&mut self, number: u64) -> Option<Question> {
        self.questions.remove(&number)
    }

    /// Whether an answer could be given. Gives the question back where that settles it.
    pub fn replied(
        &mut self,
        number: u64,
        name: Option<String>,
        done: &Result<(), NoAnswer>,
    ) -> (Option<Question>, Vec<Do>) {
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
    pub fn tick(&mut self, now: Instant) -> Vec<Do> {
        if let Turn::Waiting(Some(until)) = self.turn
            && until <= now
        {
            let mut todo = self.end("nobody went on in time");
            todo.push(Do::GiveUp);
            return todo;
        }
        let due = self.questions.iter_mut().filter(|(_, question)| question.is_due(now));
        let todo: Vec<Do> = due.map(|(number, question)| unanswered(*number, question)).collect();
        self.nobody_there |= !todo.is_empty();
        todo
    }

    /// When to call [`Self::tick`] at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        let idle = match self.turn {
            Turn::Waiting(until) => until,
            Turn::NotYet | Turn::Asked | Turn::Running | Turn::Interrupting | Turn::Ending | Turn::Over => {
                None
            }
        };
        self.questions.values().filter_map(|question| question.deadline).chain(idle).min()
    }

    /// The run is being ended: whoever waits is told why nothing comes of it.
    pub fn end(&mut self, why: &str) -> Vec<Do> {
        self.turn = Turn::Over;
        let mut todo = self.miss_interrupts(why);
        self.questions.clear();
        for Said { name, text } in self.queue.drain(..) {
            self.unsaid.push(text);
            todo.push(refused(name, why.to_owned()));
        }
        let unsure = std::mem::take(&mut self.said).into_values().chain(std::mem::take(&mut self.beginning));
        todo.extend(unsure.map(|said| Do::Tell { name: said.name, fate: LiveFate::Unknown(why.to_owned()) }));
        todo
    }

    /// What somebody wanted to say and nobody ever will, given away.
    pub fn unsaid(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unsaid)
    }

    /// Codex is started once more: what waits for its turn goes on waiting.
    pub fn begin_again(&mut self) {
        self.turn = Turn::NotYet;
        self.questions.clear();
    }

    /// Whether nothing runs until somebody goes on.
    pub fn waits_to_go_on(&self) -> bool {
        matches!(self.turn, Turn::Waiting(_))
    }

    /// The questions that wait for the user, the oldest first.
    pub fn questions(&self) -> impl Iterator<Item = (u64, &Question)> {
        self.questions.iter().map(|(number, question)| (*number, question))
    }

    fn steer(&mut self, said: Said) -> Vec<Do> {
        match self.turn {
            Turn::NotYet | Turn::Asked => self.wait(said, "until its turn begins"),
            Turn::Interrupting => self.wait(said, "until its turn is interrupted"),
            Turn::Ending => self.wait(said, "until its turn is over"),
            Turn::Running => {
                let number = self.next;
                self.next += 1;
                let Said { name, text } = said.clone();
                self.said.insert(number, said);
                vec![Do::Steer { number, name, text }]
            }
            Turn::Waiting(_) if !self.beginning.is_empty() => self.wait(said, "until its new turn begins"),
            Turn::Waiting(_) => {
                self.queue.push_back(said);
                self.go_on().into_iter().collect()
            }
            Turn::Over => vec![refused(said.name, "its turn is over".to_owned())],
        }
    }

    fn wait(&mut self, said: Said, until: &str) -> Vec<Do> {
        let told = queued(&said.name, until);
        self.queue.push_back(said);
        vec![told]
    }

    fn interrupt(&mut self, name: String) -> Vec<Do> {
        match self.turn {
            Turn::NotYet | Turn::Asked => {
                let why = "its turn has not begun; clodex-cancel ends the run".to_owned();
                vec![refused(name, why)]
            }
            Turn::Running => {
                self.turn = Turn::Interrupting;
                self.interrupts.push(name.clone());
                vec![Do::Interrupt(name)]
            }
            Turn::Interrupting => {
                self.interrupts.push(name);
                vec![]
            }
            Turn::Waiting(_) => vec![delivered(name, Some("nothing ran; it waits"))],
            Turn::Ending | Turn::Over => vec![refused(name, "its turn is over".to_owned())],
        }
    }

    fn answer(&mut self, name: String, request: &str, reply: LiveReply) -> Vec<Do> {
        let number = request.parse().ok().filter(|number| self.questions.contains_key(number));
        let Some(question) = number else {
            return vec![refused(name, format!("question {request} does not wait any more"))];
        };
        let reply = match reply {
            LiveReply::Accept => Reply::Accept,
            LiveReply::Decline => Reply::Decline,
            LiveReply::Cancel => Reply::Cancel,
            LiveReply::Text(text) => Reply::Text(text),
        };
        vec![Do::Reply { question, reply, name: Some(name) }]
    }

    /// Begins a turn with what was queued.
    fn go_on(&mut self) -> Option<Do> {
        if self.queue.is_empty() {
            return None;
        }
        self.turn = Turn::Waiting(None);
        Some(Do::GoOn(self.begin()))
    }

    fn begin(&mut self) -> Vec<Said> {
        self.beginning = std::mem::take(&mut self.queue).into();
        self.beginning.clone()
    }

    fn close_if_done(&mut self) -> Option<Do> {
        if self.turn != Turn::Ending || !self.said.is_empty() {
            return None;
        }
        let next = self.go_on();
        if next.is_none() {
            self.turn = Turn::Over;
        }
        next.or(Some(Do::Close))
    }

    fn miss_interrupts(&mut self, why: &str) -> Vec<Do> {
        std::mem::take(&mut self.interrupts).into_iter().map(|name| refused(name, why.to_owned())).collect()
    }
}
