//! What Codex asks for, and who answers: nobody, which is a no, or the user on a terminal or a pipe, in time.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::thread;
use std::time::{Duration, Instant};

use clodex_codex::app_server::{Reply, ReplyError, ServerQuestion, TurnOf};
use clodex_core::{Visibility, escaped, harmless};
use clodex_json_rpc::Id;
use clodex_os::TerminalMode;
use crossbeam_channel::{Receiver, TryRecvError, unbounded};
use serde::Serialize;

use crate::question_prompt::{Answer, AnswerKind, AnswerOutcome, QuestionPrompt, declined_after};
use crate::session::Session;
use crate::stop_signals::Stops;
use crate::trouble::{Kind, Trouble};
use crate::typed_ahead::TypedAhead;

/// Who answers, and what waits for an answer.
#[derive(Debug, Default)]
pub struct Approvals {
    /// None = nobody is asked.
    user: Option<User>,
    waiting: VecDeque<Open>,
    declined: Vec<Declined>,
}

/// Who is asked.
#[derive(Debug)]
struct User {
    /// What is typed. Disconnected: there will be no more.
    lines: Receiver<String>,
    ahead: TypedAhead,
    stdin_is_taken: bool,
    /// How long a question waits; none = any time.
    patience: Option<Duration>,
    /// Paths below it are shown as such.
    workdir: String,
    /// The terminal, while a secret is typed on it.
    hidden: Option<TerminalMode>,
}

/// A question that waits.
#[derive(Debug)]
struct Open {
    question: ServerQuestion,
    posed: QuestionPrompt,
    in_short: Declined,
    /// When it is declined; none = it was not put yet, or waits for ever.
    deadline: Option<Instant>,
}

/// A question that was answered with no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Declined {
    /// What kind of thing.
    pub kind: &'static str,
    /// Which one.
    pub about: String,
}

impl Approvals {
    /// The user is asked, on stdin, or on the terminal itself where stdin is what was said; nobody answers in time: no.
    pub fn asking(
        stdin_is_taken: bool,
        patience: Option<Duration>,
        workdir: &str,
        stops: &Stops,
    ) -> Result<Self, Trouble> {
        let lines = typed_lines(stdin_is_taken, stops)?;
        let ahead = TypedAhead::on(stdin_is_taken);
        let user = User { lines, ahead, stdin_is_taken, patience, workdir: workdir.to_owned(), hidden: None };
        Ok(Self { user: Some(user), ..Self::default() })
    }

    /// What was declined so far.
    pub fn declined(&self) -> Vec<Declined> {
        self.declined.clone()
    }

    /// Whether Codex waits for the user.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Until when the user may answer what was put.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.front().and_then(|open| open.deadline)
    }

    /// The connection on which it was asked is gone: what still waits is asked again.
    pub fn forget(&mut self) {
        self.waiting.clear();
        self.show_typing();
    }

    /// Codex asks.
    pub fn asked(&mut self, session: &mut Session, question: ServerQuestion) -> Result<(), Trouble> {
        let open = match self.opened(session, question) {
            Ok(open) => open,
            Err(question) => return reply(session, question, &Reply::Decline),
        };
        if self.user.is_none() {
            let Declined { kind, about } = &open.in_short;
            eprintln!("declined: {kind}: {about}\nhint: --interactive-approvals asks you");
            return self.decline(session, open);
        }
        self.waiting.push_back(open);
        if self.waiting.len() == 1 {
            self.put();
        }
        self.answer(session)
    }

    /// Nobody is asked any more.
    pub fn dismiss(&mut self) {
        // With it goes what hides what is typed.
        self.user = None;
    }

    /// Codex asks when nobody is asked any more.
    pub fn turn_away(&mut self, session: &mut Session, question: ServerQuestion) -> Result<(), Trouble> {
        match self.opened(session, question) {
            Ok(open) => self.decline(session, open),
            Err(question) => reply(session, question, &Reply::Decline),
        }
    }

    /// Nobody answers any more: what still waits is declined.
    pub fn close(&mut self, session: &mut Session) -> Result<(), Trouble> {
        self.dismiss();
        for open in std::mem::take(&mut self.waiting) {
            let Declined { kind, about } = &open.in_short;
            eprintln!("declined, as the turn is over: {kind}: {about}");
            self.decline(session, open)?;
        }
        Ok(())
    }

    /// This turn of the thread, or of a sub-agent, is over: nothing of it needs an answer, though it gets one.
    pub fn turn_ended(&mut self, session: &mut Session, turn: &TurnOf) -> Result<(), Trouble> {
        let own = session.thread().map(str::to_owned);
        let goes = |open: &Open| open.question.asked().goes_with(turn, own.as_deref());
        let was_put = self.waiting.front().is_some_and(goes);
        let (gone, waiting): (VecDeque<Open>, VecDeque<Open>) =
            std::mem::take(&mut self.waiting).into_iter().partition(goes);
        self.waiting = waiting;
        gone.into_iter().try_for_each(|open| reply(session, open.question, &Reply::Decline))?;
        if was_put {
            self.put_next();
        }
        Ok(())
    }

    /// A question no longer waits: somebody else has answered it, or its turn is over.
    pub fn resolved(&mut self, id: &Id) {
        let was_put = self.waiting.front().is_some_and(|open| open.question.id() == id);
        self.waiting.retain(|open| open.question.id() != id);
        if was_put {
            self.put_next();
        }
    }

    /// Takes what was typed meanwhile.
    pub fn answer(&mut self, session: &mut Session) -> Result<(), Trouble> {
        if let Some(user) = self.user.as_ref().filter(|_| self.waiting.is_empty())
            && user.ahead.forget(&user.lines) > 0
        {
            eprintln!("no question is open: your input was ignored");
        }
        while let (Some(user), Some(open)) = (&self.user, self.waiting.front()) {
            let answer = match user.lines.try_recv() {
                Ok(typed) => {
                    let Some(answer) = meant(open.posed.wants, typed.trim()) else {
                        eprintln!("not understood: `{}`", harmless(&typed));
                        self.put();
                        continue;
                    };
                    answer
                }
                Err(TryRecvError::Empty) => return Ok(()),
                // Nobody is there to be asked any more.
                Err(TryRecvError::Disconnected) => Answer::Decline,
            };
            self.settle(session, answer)?;
        }
        Ok(())
    }

    /// Declines what nobody has answered in time.
    pub fn expire(&mut self, session: &mut Session) -> Result<(), Trouble> {
        while self.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
            eprintln!("not answered in time: declined");
            self.settle(session, Answer::Decline)?;
        }
        Ok(())
    }

    /// Answers what was put, and puts the next one.
    fn settle(&mut self, session: &mut Session, answer: Answer) -> Result<(), Trouble> {
        let Some(mut open) = self.waiting.pop_front() else { return Ok(()) };
        match open.posed.answer(answer) {
            AnswerOutcome::Reply(Reply::Decline) => self.decline(session, open)?,
            AnswerOutcome::Reply(other) => reply(session, open.question, &other)?,
            AnswerOutcome::Next => self.waiting.push_front(open),
            AnswerOutcome::Misfit(why) => {
                eprintln!("{}", harmless(&why));
                self.waiting.push_front(open);
            }
        }
        self.put();
        Ok(())
    }

    /// What is to be put to somebody. The others nobody has to decide on; their answer is what this client can say.
    fn opened(&self, session: &Session, question: ServerQuestion) -> Result<Open, ServerQuestion> {
        let workdir = self.user.as_ref().map_or("", |user| &user.workdir);
        let asked = question.asked();
        let changes = session.changes(&asked);
        let Some(posed) = QuestionPrompt::of(&asked, changes, workdir) else { return Err(question) };
        let (kind, about) = QuestionPrompt::in_short(&asked, changes);
        Ok(Open { question, posed, in_short: Declined { kind, about }, deadline: None })
    }

    fn decline(&mut self, session: &mut Session, open: Open) -> Result<(), Trouble> {
        reply(session, open.question, &Reply::Decline)?;
        self.declined.push(open.in_short);
        Ok(())
    }

    /// Puts the question that waits longest; its time begins when it is put first.
    fn put(&mut self) {
        self.show_typing();
        let (Some(user), Some(open)) = (&mut self.user, self.waiting.front_mut()) else { return };
        if open.deadline.is_none() {
            open.deadline = user.patience.map(|patience| Instant::now() + patience);
        }
        user.ahead.forget(&user.lines);
        if open.posed.visibility() == Visibility::Secret {
            user.hide_typing();
        }
        open.posed.lines().iter().for_each(|line| eprintln!("{}", escaped(line)));
        let words = match open.posed.wants {
            AnswerKind::Decision => "",
            AnswerKind::Words => ", an empty line declines",
        };
        let in_time = declined_after(user.patience);
        eprintln!("{}{words}{in_time}:", open.posed.how());
    }

    fn put_next(&mut self) {
        if self.user.is_some() {
            eprintln!("(no longer asked)");
            self.put();
        }
    }

    fn show_typing(&mut self) {
        if let Some(user) = &mut self.user {
            user.hidden = None;
        }
    }
}

impl User {
    /// Where there is no terminal, nobody sees what is typed.
    fn hide_typing(&mut self) {
        self.hidden = if self.stdin_is_taken {
            File::open(TERMINAL).ok().and_then(TerminalMode::of)
        } else {
            TerminalMode::of(io::stdin())
        };
        if let Some(hidden) = &self.hidden {
            hidden.hide();
        }
    }
}

/// The terminal of this program, whatever its streams are.
pub const TERMINAL: &str = "/dev/tty";

/// What the user types from now on, on stdin, or on the terminal itself where stdin is what was said.
pub fn typed_lines(stdin_is_taken: bool, stops: &Stops) -> Result<Receiver<String>, Trouble> {
    let from: Box<dyn Read + Send> = if stdin_is_taken {
        let terminal = File::open(TERMINAL).map_err(|error| {
            Trouble::usage(format!(
                "cannot ask: standard input is the prompt, and there is no terminal: {error}\n\
                 hint: name the prompt's file, or leave --interactive-approvals out"
            ))
        })?;
        Box::new(terminal)
    } else {
        Box::new(io::stdin())
    };
    let (typed, lines) = unbounded();
    let waking = stops.clone();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if typed.send(line).is_err() {
                return;
            }
            waking.wake_now();
        }
        drop(typed);
        waking.wake_now();
    });
    Ok(lines)
}

fn reply(session: &mut Session, question: ServerQuestion, with: &Reply) -> Result<(), Trouble> {
    match session.reply(question, with) {
        // Where it still waits, it is asked again.
        Ok(()) | Err(ReplyError::Lost) => Ok(()),
        Err(ReplyError::Wrong(why, _)) => {
            Err(Trouble::new(Kind::Protocol, format!("cannot answer codex: {why}")))
        }
        Err(ReplyError::NotSent(why)) => {
            Err(Trouble::new(Kind::ConnectionLost, format!("cannot answer codex: {why}")))
        }
    }
}

/// What was typed, as an answer; none = it is none.
fn meant(wants: AnswerKind, typed: &str) -> Option<Answer> {
    match wants {
        AnswerKind::Decision => Answer::read(typed),
        AnswerKind::Words if typed.is_empty() => Some(Answer::Decline),
        AnswerKind::Words => Some(Answer::Words(typed.to_owned())),
    }
}
