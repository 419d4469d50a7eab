//! The questions that wait for an answer: put, answered, declined when nobody answers in time.

use std::collections::VecDeque;
use std::time::Instant;

use clodex_codex::app_server::{Asked, Reply, ReplyError, ServerQuestion, TurnOf};
use clodex_core::{Tone, Visibility, escaped};
use clodex_json_rpc::Id;

use super::Chat;
use crate::question_prompt::{Answer, AnswerKind, AnswerOutcome, QuestionPrompt, declined_after};
use crate::repl::prompt_state::PromptState;
use crate::session::Session;
use crate::trouble::Trouble;

/// A question that waits.
#[derive(Debug)]
pub struct Open {
    question: ServerQuestion,
    posed: QuestionPrompt,
    /// Its kind, and what it is about.
    in_short: (&'static str, String),
    /// When it is declined; none = never.
    pub deadline: Option<Instant>,
}

impl Open {
    /// What answers it.
    pub fn wants(&self) -> AnswerKind {
        self.posed.wants
    }

    /// What the prompt shows meanwhile.
    pub fn prompt_state(&self) -> PromptState {
        match self.posed.visibility() {
            Visibility::Open => PromptState::Asked,
            Visibility::Secret => PromptState::AskedSecret,
        }
    }
}

impl Chat<'_> {
    pub(super) fn asked(&mut self, question: ServerQuestion) -> Result<(), Trouble> {
        let asked = question.asked();
        let changes = self.session.changes(&asked);
        let in_short = QuestionPrompt::in_short(&asked, changes);
        let Some(posed) = QuestionPrompt::of(&asked, changes, &self.options.workdir) else {
            // Nobody has to decide on these.
            self.reply(question, &Reply::Decline);
            return Ok(());
        };
        if !self.options.asks {
            self.show(&posed)?;
            self.note(Tone::Warn, "declined: --interactive-approvals lets the next lines answer");
            self.reply(question, &Reply::Decline);
            return Ok(());
        }
        self.questions.push_back(Open { question, posed, in_short, deadline: None });
        if self.questions.len() == 1 { self.pose() } else { Ok(()) }
    }

    /// Puts the question that waits longest; its time begins when it is put first.
    fn pose(&mut self) -> Result<(), Trouble> {
        let limit = self.options.cli.time.silence();
        let Some(open) = self.questions.front_mut() else { return Ok(()) };
        open.deadline = open.deadline.or_else(|| limit.map(|limit| Instant::now() + limit));
        let posed = open.posed.clone();
        self.show(&posed)?;
        let in_time = declined_after(limit);
        self.note(Tone::Strong, &format!("{}{in_time}", posed.how()));
        Ok(())
    }

    /// Whole, whatever it takes: nobody may agree to what cannot be seen.
    fn show(&mut self, posed: &QuestionPrompt) -> Result<(), Trouble> {
        let lines = self.pieces.cut_off();
        self.say(&lines)?;
        posed.lines().iter().for_each(|line| self.display.loud(Tone::Strong, &escaped(line)));
        Ok(())
    }

    /// Answers what waits longest.
    pub(super) fn answer(&mut self, answer: Answer) -> Result<(), Trouble> {
        let Some(mut open) = self.questions.pop_front() else { return Ok(()) };
        let reply = match open.posed.answer(answer) {
            AnswerOutcome::Reply(reply) => reply,
            AnswerOutcome::Next => {
                self.questions.push_front(open);
                return self.pose();
            }
            AnswerOutcome::Misfit(why) => {
                self.questions.push_front(open);
                self.note(Tone::Warn, &why);
                return self.pose();
            }
        };
        let said = match &reply {
            Reply::Accept => "accepted",
            Reply::Decline => "declined",
            Reply::Cancel => "declined, and the turn ends",
            Reply::Text(_) | Reply::Answers(_) => "answered",
        };
        self.heard_at = Instant::now();
        self.reply(open.question, &reply);
        self.note(Tone::Dim, said);
        self.pose()
    }

    /// Nobody has answered: that is a no.
    pub(super) fn answer_late(&mut self) -> Result<(), Trouble> {
        let Some(open) = self.questions.pop_front() else { return Ok(()) };
        self.heard_at = Instant::now();
        self.reply(open.question, &Reply::Decline);
        self.just_settled = true;
        self.note(Tone::Warn, "not answered in time: declined");
        self.pose()
    }

    /// The script says something else next, or nothing: that is a no.
    pub(super) fn answer_for_nobody(&mut self) -> Result<(), Trouble> {
        let Some(open) = self.questions.pop_front() else { return Ok(()) };
        self.heard_at = Instant::now();
        self.reply(open.question, &Reply::Decline);
        self.note(Tone::Warn, "the next line is not an answer: declined");
        self.pose()
    }

    /// Their connection is gone: none of them can be answered any more.
    pub(super) fn forget_questions(&mut self) {
        self.just_settled |= !self.questions.is_empty();
        self.questions.clear();
    }

    /// This turn, of the thread or of a sub-agent, is over: nothing of it needs an answer, though it gets one. What
    /// others ask still waits.
    pub(super) fn asks_no_more(&mut self, turn: &TurnOf) -> Result<(), Trouble> {
        let (was_put, gone) = self.take_out(|session, asked| asked.goes_with(turn, session.thread()));
        for open in gone {
            self.reply(open.question, &Reply::Decline);
        }
        if was_put { self.settled() } else { Ok(()) }
    }

    /// Nobody will be asked about these any more: that is a no.
    pub(super) fn turn_away(&mut self, which: impl Fn(&Session, &Asked<'_>) -> bool) {
        let (_, gone) = self.take_out(which);
        for open in gone {
            let (kind, about) = &open.in_short;
            self.note(Tone::Warn, &format!("declined: {kind}: {about}"));
            self.reply(open.question, &Reply::Decline);
        }
    }

    /// Takes these out, and tells whether one of them was put.
    fn take_out(&mut self, which: impl Fn(&Session, &Asked<'_>) -> bool) -> (bool, VecDeque<Open>) {
        let goes = |open: &Open| which(&self.session, &open.question.asked());
        let was_put = self.questions.front().is_some_and(goes);
        let (gone, waiting) = std::mem::take(&mut self.questions).into_iter().partition(goes);
        self.questions = waiting;
        (was_put, gone)
    }

    /// Answered by somebody else, or gone with its turn.
    pub(super) fn resolved(&mut self, id: &Id) -> Result<(), Trouble> {
        let was_put = self.questions.front().is_some_and(|open| open.question.id() == id);
        self.questions.retain(|open| open.question.id() != id);
        if was_put { self.settled() } else { Ok(()) }
    }

    fn settled(&mut self) -> Result<(), Trouble> {
        self.just_settled = true;
        if self.session.is_ending() {
            self.note(Tone::Warn, "declined: the turn is interrupted");
        } else {
            self.note(Tone::Dim, "already settled: no answer needed");
        }
        self.pose()
    }

    /// The end of the connection is heard as well, and says more.
    fn reply(&mut self, question: ServerQuestion, reply: &Reply) {
        if let Err(ReplyError::Wrong(why, open)) = self.session.reply(question, reply) {
            self.note(Tone::Warn, &format!("{why}; declined"));
            let _ = self.session.reply(*open, &Reply::Decline);
        }
    }
}
