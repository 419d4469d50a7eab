//! The questions that wait for an answer: put, answered, declined when nobody answers in time.

use std::time::Instant;

use clodex_codex::app_server::{Reply, ReplyError, ServerQuestion, Visibility};
use clodex_core::Tone;
use clodex_json_rpc::Id;

use super::Chat;
use crate::cli::limit;
use crate::repl::asking::Posed;
use crate::repl::deed::Wants;
use crate::repl::line::Answer;
use crate::repl::mood::Mood;
use crate::trouble::Trouble;

/// A question that waits.
#[derive(Debug)]
pub struct Open {
    question: ServerQuestion,
    posed: Posed,
    /// When it is declined; none = never.
    pub deadline: Option<Instant>,
}

impl Open {
    /// What answers it.
    pub fn wants(&self) -> Wants {
        self.posed.wants
    }

    /// What the prompt shows meanwhile.
    pub fn mood(&self) -> Mood {
        match self.posed.visibility {
            Visibility::Open => Mood::Asked,
            Visibility::Secret => Mood::AskedSecret,
        }
    }
}

impl Chat<'_> {
    pub(super) fn asked(&mut self, question: ServerQuestion) -> Result<(), Trouble> {
        let asked = question.asked();
        let changes = self.patches.get(&*asked.item).map_or(&[][..], Vec::as_slice);
        let Some(posed) = Posed::of(&asked, changes, &self.manner.workdir) else {
            // Nobody has to decide on these.
            self.reply(question, &Reply::Decline);
            return Ok(());
        };
        if !self.manner.asks {
            self.show(&posed)?;
            self.note(Tone::Warn, "declined: --interactive-approvals lets the next lines answer");
            self.reply(question, &Reply::Decline);
            return Ok(());
        }
        self.questions.push_back(Open { question, posed, deadline: None });
        if self.questions.len() == 1 { self.pose() } else { Ok(()) }
    }

    /// Puts the question that waits longest; its time begins now.
    fn pose(&mut self) -> Result<(), Trouble> {
        let limit = limit(self.manner.cli.timeout);
        let Some(open) = self.questions.front_mut() else { return Ok(()) };
        open.deadline = limit.map(|limit| Instant::now() + limit);
        let posed = open.posed.clone();
        self.show(&posed)?;
        let in_time = limit.map_or_else(String::new, |limit| format!(" (no in {} s)", limit.as_secs_f64()));
        self.note(Tone::Strong, &format!("{}{in_time}", posed.how()));
        self.mood.set(self.mood_now());
        Ok(())
    }

    /// Whole, whatever it takes: nobody may agree to what cannot be seen.
    fn show(&mut self, posed: &Posed) -> Result<(), Trouble> {
        let lines = self.pieces.cut_off();
        self.say(&lines)?;
        posed.lines.iter().for_each(|line| self.display.loud(Tone::Strong, line));
        Ok(())
    }

    /// Answers what waits longest.
    pub(super) fn answer(&mut self, answer: Answer) -> Result<(), Trouble> {
        let Some(open) = self.questions.pop_front() else { return Ok(()) };
        let reply = open.posed.reply(answer);
        let said = match &reply {
            Reply::Accept => "accepted",
            Reply::Decline => "declined",
            Reply::Cancel => "declined, and the turn ends",
            Reply::Text(_) => "answered",
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
        self.note(Tone::Warn, "not answered in time: declined");
        self.pose()
    }

    /// Answered by somebody else, or gone with its turn.
    pub(super) fn resolved(&mut self, id: &Id) {
        let was_put = self.questions.front().is_some_and(|open| open.question.id() == id);
        self.questions.retain(|open| open.question.id() != id);
        if was_put {
            self.note(Tone::Dim, "that is settled: no answer is needed any more");
        }
    }

    /// The end of the connection is heard as well, and says more.
    fn reply(&mut self, question: ServerQuestion, reply: &Reply) {
        if let Err(ReplyError::Wrong(why, open)) = self.session.reply(question, reply) {
            self.note(Tone::Warn, &format!("{why}; declined"));
            let _ = self.session.reply(*open, &Reply::Decline);
        }
    }
}
