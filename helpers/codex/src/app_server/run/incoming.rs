//! What the server tells and asks during a run.

use std::borrow::Cow;
use std::time::Instant;

use clodex_core::Event;
use clodex_json_rpc::{Id, Notification, Request};
use serde_json::value::RawValue;

use super::{AppServerRun, AskedOfUs, Effect, Turn, asked_by};
use crate::app_server::asked::Question;
use crate::app_server::family::Whose;
use crate::app_server::notice::{Notice, Told, TurnEnd, TurnOf};

impl AppServerRun {
    pub(super) fn told(&mut self, told: &Notification, now: Instant) {
        if !self.history.is_new(told) {
            return self.event(Event::Unknown { kind: Cow::Borrowed("told again or too late") });
        }
        let notice = Notice::read(&told.method, told.params.as_deref().map(RawValue::get));
        // Nobody else talks with this server: whoever has another thread works for this one.
        if self.thread.as_deref().is_some_and(|thread| thread != notice.thread_id) {
            self.family.take_in(&notice.thread_id);
        }
        let whose = self.family.whose(self.thread.as_deref(), &notice);
        if matches!(whose, Whose::SubAgents | Whose::Others) {
            self.told_of_another(&notice);
            self.event(Event::Unknown { kind: Cow::Borrowed("another thread") });
            self.end_sub_agents(now);
            return self.tell_interrupted();
        }
        self.end_sub_agents(now);
        self.said.hear(told);
        match &notice.told {
            Told::TurnStarted => {
                self.turn = Turn::Begun(notice.turn_id.to_string());
                let begun = self.effects.len();
                if self.may_begin(now) {
                    self.effects.insert(begun, Effect::Began);
                }
            }
            Told::TurnEnded(_) if self.turn.id() != Some(&*notice.turn_id) => return,
            Told::TurnEnded(end) => {
                if *end != TurnEnd::Interrupted {
                    self.miss_interrupt();
                }
                self.turn = Turn::None;
                self.tell_not_read();
                self.forget(&notice.turn());
            }
            Told::PatchProposed { item, changes } => self.patches.begin(&notice.thread_id, item, changes),
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
            Some(true) => self.turn_interrupted(now),
            Some(false) => self.effects.push_back(Effect::Over),
            None => {}
        }
    }

    /// What a sub-agent does counts only for what it asks.
    fn told_of_another(&mut self, notice: &Notice<'_>) {
        match &notice.told {
            Told::PatchProposed { item, changes } => self.patches.begin(&notice.thread_id, item, changes),
            Told::TurnEnded(_) => self.forget(&notice.turn()),
            Told::RequestResolved(id) => self.resolved(id.as_ref()),
            Told::ThreadStarted
            | Told::ThreadIs(_)
            | Told::TurnStarted
            | Told::Event(_)
            | Told::MessagePart { .. }
            | Told::Tokens { .. }
            | Told::ModelIs(_)
            | Told::RateLimits(_)
            | Told::Error { .. }
            | Told::Other(_) => {}
        }
    }

    /// Nothing of this turn waits any more. What others ask still does.
    fn forget(&mut self, turn: &TurnOf) {
        self.patches.forget(&turn.thread);
        let own = self.thread.as_deref();
        let gone = self.questions.extract_if(.., |_, request| asked_by(request).goes_with(turn, own));
        self.effects.extend(gone.map(|(number, _)| Effect::Resolved(number)));
    }

    pub(super) fn asked(&mut self, request: Request) {
        let asked = asked_by(&request);
        let about = match &asked.question {
            Question::Command { command, workdir, wanted, reason, .. } => AskedOfUs::Command {
                command: command.to_string(),
                workdir: workdir.to_string(),
                wanted: wanted.as_deref().map(str::to_owned),
                reason: reason.to_string(),
            },
            Question::Patch { paths, wants_root, reason, .. } => {
                let known = self.patches.asked_about(&asked).iter().map(|change| &change.path);
                let root = Some(wants_root).filter(|root| !root.is_empty());
                let paths = known.chain(paths).chain(root).map(ToString::to_string).collect();
                AskedOfUs::Patch { paths, reason: reason.to_string() }
            }
            Question::Permissions { reason, wanted } => AskedOfUs::Permissions {
                wanted: wanted.as_deref().unwrap_or_default().to_owned(),
                reason: reason.to_string(),
            },
            Question::UserInput(form) => {
                AskedOfUs::Words { text: String::new(), parts: form.parts().cloned().collect() }
            }
            Question::Elicitation { server, message, url, form: Some(form) } => {
                let url = if url.is_empty() { String::new() } else { format!("\n{url}") };
                let text = format!("MCP server {server}: {message}{url}");
                AskedOfUs::Words { text, parts: form.parts().cloned().collect() }
            }
            // These need nobody's decision.
            Question::Elicitation { form: None, .. }
            | Question::ToolCall { .. }
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
