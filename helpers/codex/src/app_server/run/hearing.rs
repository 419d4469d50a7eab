//! What the server tells and asks during a run.

use std::borrow::Cow;

use clodex_core::{Event, FailureKind};
use clodex_json_rpc::{Id, Notification, Request};
use serde_json::value::RawValue;

use super::{AppServerRun, AskedOfUs, Effect, asked_by};
use crate::app_server::asked::Question;
use crate::app_server::notice::{Notice, Retry, Told, TurnEnd};

impl AppServerRun {
    pub(super) fn told(&mut self, told: &Notification) {
        if !self.heard.is_new(told) {
            return self.event(Event::Unknown { kind: Cow::Borrowed("told again") });
        }
        let notice = Notice::read(&told.method, told.params.as_deref().map(RawValue::get));
        // Sub-agents and reviews have threads of their own on the same connection.
        let is_ours = self.thread.as_deref().is_some_and(|thread| notice.thread_id == thread);
        let is_of_none = notice.thread_id.is_empty();
        if !is_ours && !is_of_none {
            return self.event(Event::Unknown { kind: Cow::Borrowed("another thread") });
        }
        match notice.told {
            Told::TurnStarted => {
                self.turn = Some(notice.turn_id.into_owned());
                self.event(Event::TurnStarted);
            }
            Told::TurnEnded(end) => self.turn_ended(&notice.turn_id, end),
            Told::PatchProposed { item, changes } => {
                let Event::FilesChanging { item, changes } =
                    (Event::FilesChanging { item, changes }).into_owned()
                else {
                    unreachable!("it was made just now")
                };
                self.patches.insert(item.to_string(), changes.clone());
                self.event(Event::FilesChanging { item, changes });
            }
            // About the machine and its configuration, as `codex exec` tells on stderr.
            Told::Event(Event::Warning { .. }) if is_of_none => {
                self.event(Event::Unknown { kind: Cow::Owned(told.method.clone()) });
            }
            Told::Event(event) => self.event(event.into_owned()),
            Told::Tokens { total, .. } => self.usage = total,
            Told::Error { message, kind, retry: Retry::No } => {
                self.event(Event::Error { message: Cow::Owned(message.into_owned()), kind });
            }
            Told::Error { message, retry: Retry::Yes, .. } => {
                self.event(Event::Reconnecting { message: Cow::Owned(message.into_owned()) });
            }
            Told::RequestResolved(id) => self.resolved(id.as_ref()),
            Told::RateLimits(limits) => {
                if !limits.is_empty() {
                    self.effects.push_back(Effect::RateLimits(limits));
                }
                self.event(Event::Unknown { kind: Cow::Owned(told.method.clone()) });
            }
            Told::ThreadStarted | Told::ThreadIs(_) | Told::MessagePart { .. } | Told::ModelIs(_) => {
                self.event(Event::Unknown { kind: Cow::Owned(told.method.clone()) });
            }
            Told::Other(method) => self.event(Event::Unknown { kind: Cow::Owned(method.into_owned()) }),
        }
    }

    fn turn_ended(&mut self, turn: &str, end: TurnEnd<'_>) {
        if self.turn.as_deref() != Some(turn) {
            return;
        }
        self.turn = None;
        self.patches.clear();
        for number in std::mem::take(&mut self.questions).into_keys() {
            self.effects.push_back(Effect::Resolved(number));
        }
        match end {
            TurnEnd::Completed => self.event(Event::TurnCompleted { usage: self.usage }),
            TurnEnd::Failed { message, kind } => {
                self.event(Event::TurnFailed { message: Cow::Owned(message.into_owned()), kind });
            }
            // Told when what it has left running is gone, too.
            TurnEnd::Interrupted => return,
            TurnEnd::Unknown(word) => {
                let message = Cow::Owned(format!("the turn ended as `{word}`, which is not known here"));
                self.event(Event::TurnFailed { message, kind: FailureKind::Other });
            }
        }
        self.effects.push_back(Effect::Over);
    }

    pub(super) fn asked(&mut self, request: Request) {
        let asked = asked_by(&request);
        let about = match &asked.question {
            Question::Command { command, reason, .. } => {
                AskedOfUs::Command { command: command.to_string(), reason: reason.to_string() }
            }
            Question::Patch { paths, reason, .. } => {
                let known = self.patches.get(&*asked.item).into_iter().flatten();
                let known = known.map(|change| change.path.to_string());
                let paths = known.chain(paths.iter().map(ToString::to_string)).collect();
                AskedOfUs::Patch { paths, reason: reason.to_string() }
            }
            Question::Permissions { reason, .. } => AskedOfUs::Other(format!("more permissions: {reason}")),
            Question::UserInput(questions) => {
                let texts: Vec<&str> = questions.iter().map(|question| &*question.text).collect();
                AskedOfUs::Other(texts.join(" / "))
            }
            Question::Elicitation { server, message } => AskedOfUs::Other(format!("{server}: {message}")),
            // These need nobody's decision.
            Question::ToolCall { .. }
            | Question::CurrentTime
            | Question::NotOurs(_)
            | Question::Unknown(_) => AskedOfUs::Other(request.method.clone()),
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
