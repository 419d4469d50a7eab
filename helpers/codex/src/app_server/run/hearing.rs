//! What the server tells and asks during a run.

use std::borrow::Cow;
use std::time::Instant;

use clodex_core::Event;
use clodex_json_rpc::{Id, Notification, Request};
use serde_json::value::RawValue;

use super::{AppServerRun, AskedOfUs, Effect, asked_by};
use crate::app_server::asked::Question;
use crate::app_server::notice::{Notice, Told, TurnEnd};

impl AppServerRun {
    pub(super) fn told(&mut self, told: &Notification, now: Instant) {
        if !self.heard.is_new(told) {
            return self.event(Event::Unknown { kind: Cow::Borrowed("told again or too late") });
        }
        let notice = Notice::read(&told.method, told.params.as_deref().map(RawValue::get));
        // Sub-agents and reviews have threads of their own on the same connection.
        let is_ours = self.thread.as_deref().is_some_and(|thread| notice.thread_id == thread);
        let is_of_none = notice.thread_id.is_empty();
        if !is_ours && !is_of_none {
            return self.event(Event::Unknown { kind: Cow::Borrowed("another thread") });
        }
        match &notice.told {
            Told::TurnStarted => {
                self.turn = Some(notice.turn_id.to_string());
                self.effects.push_back(Effect::Began);
            }
            Told::TurnEnded(_) if self.turn.as_deref() != Some(&*notice.turn_id) => return,
            Told::TurnEnded(_) => self.turn_ended(),
            Told::PatchProposed { item, changes } => {
                let paths = changes.iter().map(|change| change.path.to_string()).collect();
                self.patches.insert(item.to_string(), paths);
            }
            Told::Tokens { total, .. } => self.usage = *total,
            Told::RequestResolved(id) => self.resolved(id.as_ref()),
            Told::RateLimits(limits) if !limits.is_empty() => {
                self.effects.push_back(Effect::RateLimits(limits.clone()));
            }
            Told::RateLimits(_)
            | Told::Event(_)
            | Told::Error { .. }
            | Told::ThreadStarted
            | Told::ThreadIs(_)
            | Told::MessagePart { .. }
            | Told::ModelIs(_)
            | Told::Other(_) => {}
        }
        let is_interrupted =
            if let Told::TurnEnded(end) = &notice.told { Some(*end == TurnEnd::Interrupted) } else { None };
        match notice.story(self.usage) {
            Some(event) => self.event(event.into_owned()),
            None => self.event(Event::Unknown { kind: Cow::Owned(told.method.clone()) }),
        }
        match is_interrupted {
            // Told when what it has left running is gone, too.
            Some(true) => {
                self.clean(now);
                self.tell_interrupted();
            }
            Some(false) => self.effects.push_back(Effect::Over),
            None => {}
        }
    }

    /// Nothing of the turn waits any more.
    fn turn_ended(&mut self) {
        self.turn = None;
        self.patches.clear();
        for number in std::mem::take(&mut self.questions).into_keys() {
            self.effects.push_back(Effect::Resolved(number));
        }
    }

    pub(super) fn asked(&mut self, request: Request) {
        let asked = asked_by(&request);
        let about = match &asked.question {
            Question::Command { command, reason, .. } => {
                AskedOfUs::Command { command: command.to_string(), reason: reason.to_string() }
            }
            Question::Patch { paths, wants_root, reason, .. } => {
                let known = self.patches.get(&*asked.item).into_iter().flatten().cloned();
                let root = Some(wants_root).filter(|root| !root.is_empty());
                let paths = known.chain(paths.iter().chain(root).map(ToString::to_string)).collect();
                AskedOfUs::Patch { paths, reason: reason.to_string() }
            }
            Question::Permissions { reason, .. } => AskedOfUs::Permissions { reason: reason.to_string() },
            Question::UserInput(questions) => {
                let texts: Vec<&str> = questions.iter().map(|question| &*question.text).collect();
                AskedOfUs::Words(texts.join(" / "))
            }
            Question::Elicitation { server, message } => AskedOfUs::Words(format!("{server}: {message}")),
            // These need nobody's decision.
            Question::ToolCall { .. }
            | Question::CurrentTime
            | Question::NotOurs(_)
            | Question::Unknown(_) => AskedOfUs::Nobody(request.method.clone()),
        };
        let number = self.next_question;
        self.next_question += 1;
        self.questions.insert(number, request);
        self.effects.push_back(Effect::Asked(number, about));
    }

    fn resolved(&mut self, request_id: Option<&Id>) {
        let gone = self
            .questions
            .iter()
            .find(|(_, request)| Some(&request.id) == request_id)
            .map(|(number, _)| *number);
        if let Some(number) = gone {
            self.questions.remove(&number);
            self.effects.push_back(Effect::Resolved(number));
        }
    }
}
