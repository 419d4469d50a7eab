//! Reads what Codex wrote in a run, whichever way it was driven: each line tells by itself whether `codex exec` or the
//! app-server wrote it. For whoever reads `events.jsonl`; the run itself is followed line by line where it is driven.

use std::borrow::Cow;

use clodex_core::{Event, Usage};
use clodex_json_rpc::{Message, Notification, Response};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::app_server::{Notice, Told};
use crate::exec_stream::event_from_line;
use crate::thread::is_thread_id;

/// A stream, as far as its lines depend on earlier ones.
#[derive(Debug, Default)]
pub struct EventStream {
    /// The thread of the run: others tell on the same connection.
    thread: Option<String>,
    usage: Usage,
}

impl EventStream {
    /// The event of the next line. Never fails: what is none is [`Event::Garbage`]. Nothing where a run's story has no
    /// word for what the app-server tells.
    pub fn event<'line>(&mut self, line: &'line [u8]) -> Option<Event<'line>> {
        match event_from_line(line) {
            Event::Garbage => match Message::read(line) {
                Ok(Message::Notification(told)) => self.told(&told),
                Ok(Message::Response(answer)) => self.answered(&answer),
                Ok(Message::Request(_)) => None,
                Err(_) => Some(Event::Garbage),
            },
            event => Some(event),
        }
    }

    /// The first answer with a thread in it opens the run's.
    fn answered(&mut self, answer: &Response) -> Option<Event<'static>> {
        #[derive(Deserialize)]
        struct Opened {
            thread: Thread,
        }
        #[derive(Deserialize)]
        struct Thread {
            id: String,
        }
        let opened = answer.outcome.as_ref().ok().filter(|_| self.thread.is_none());
        let Opened { thread } = serde_json::from_str(opened?.get()).ok()?;
        is_thread_id(&thread.id).then(|| {
            self.thread = Some(thread.id.clone());
            Event::ThreadStarted { thread_id: Cow::Owned(thread.id) }
        })
    }

    fn told(&mut self, told: &Notification) -> Option<Event<'static>> {
        let notice = Notice::read(&told.method, told.params.as_deref().map(RawValue::get));
        if !notice.thread_id.is_empty() && self.thread.as_deref() != Some(&*notice.thread_id) {
            return None;
        }
        if let Told::Tokens { total, .. } = &notice.told {
            self.usage = *total;
        }
        let event = notice.story(self.usage).map(Event::into_owned);
        // What the protocol has beside a run's story is much, and normal.
        event.filter(|event| !matches!(event, Event::Unknown { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(name: &str) -> Vec<String> {
        let path = format!("{}/../../tests/fixtures/codex/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn an_app_servers_stream_tells_its_thread_its_commands_and_its_end() {
        let mut stream = EventStream::default();
        let lines = recorded("app-server-0.169.jsonl");
        let events: Vec<Event<'_>> = lines.iter().filter_map(|line| stream.event(line.as_bytes())).collect();
        let count = |is: fn(&Event<'_>) -> bool| events.iter().filter(|event| is(event)).count();
        assert_eq!(count(|event| matches!(event, Event::Garbage)), 0);
        assert_eq!(count(|event| matches!(event, Event::ThreadStarted { .. })), 1);
        assert!(count(|event| matches!(event, Event::CommandEnded { .. })) > 0);
        let ends = events.iter().find_map(|event| match event {
            Event::TurnCompleted { usage } => Some(usage.input),
            _ => None,
        });
        assert!(ends.is_some_and(|input| input > 0), "{ends:?}");
    }

    #[test]
    fn both_kinds_may_stand_in_one_file_and_other_threads_are_not_ours() {
        let mut stream = EventStream::default();
        let mut kind = |line: &'static str| stream.event(line.as_bytes()).map(|event| format!("{event:?}"));
        assert_eq!(kind(r#"{"id":1,"error":{"code":-32600,"message":"no"}}"#), None);
        assert_eq!(
            kind(r#"{"type":"thread.started","thread_id":"t1"}"#),
            Some(r#"ThreadStarted { thread_id: "t1" }"#.to_owned())
        );
        assert_eq!(kind(r#"{"method":"turn/started","params":{"threadId":"x","turn":{"id":"u"}}}"#), None);
        assert_eq!(kind("half a li"), Some("Garbage".to_owned()));
    }
}
