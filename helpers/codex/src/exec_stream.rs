//! Translates `codex exec --json`: one line of its stdout becomes one core event. Knows Codex's field names; keeps
//! nothing between lines.
//!
//! Rules that the real program taught (0.101 to 0.169): keys may come twice (`web_search` items have two `id`s) and the
//! last one counts; unknown events, items and fields are normal; `error` does not end a turn; items may precede
//! `turn.started`.

mod item;

use std::borrow::Cow;

use clodex_core::Event;

use crate::failure::failure_kind;
use crate::thread::is_thread_id;
use crate::tokens::Tokens;
use crate::tolerant_json::{Text, last_key_wins};
use item::Item;

last_key_wins! {
    /// A line, whatever its type.
    struct Line<'a> {
        "type" => kind: Text<'a>,
        "thread_id" => thread_id: Text<'a>,
        "message" => message: Text<'a>,
        "item" => item: Item<'a>,
        "usage" => usage: Tokens<'a>,
        "error" => error: Failure<'a>,
    }
}

last_key_wins! {
    /// `turn.failed.error`.
    struct Failure<'a> {
        "message" => message: Text<'a>,
    }
}

/// Reads one line of `codex exec --json`, with or without its line end. Never fails: what is no event becomes
/// [`Event::Garbage`], an event of a kind unknown to us [`Event::Unknown`].
///
/// Lines must have been split on `\n` bytes alone: the stream contains raw U+2028.
pub fn event_from_line(line: &[u8]) -> Event<'_> {
    // Checked once as a whole: faster than string by string.
    match std::str::from_utf8(line) {
        Ok(text) => serde_json::from_str(text).map_or(Event::Garbage, event),
        Err(_) => event_from_damaged_line(line),
    }
}

/// A byte that is no UTF-8 costs that byte, not the line.
fn event_from_damaged_line(line: &[u8]) -> Event<'static> {
    let repaired = String::from_utf8_lossy(line);
    serde_json::from_str(&repaired).map_or(Event::Garbage, |line| event(line).into_owned())
}

fn event(line: Line<'_>) -> Event<'_> {
    match &*line.kind.0 {
        "item.started" => line.item.started(),
        "item.updated" => line.item.updated(),
        "item.completed" => line.item.completed(),
        // The id becomes part of a line that people run.
        "thread.started" if is_thread_id(&line.thread_id.0) => {
            Event::ThreadStarted { thread_id: line.thread_id.0 }
        }
        "turn.started" => Event::TurnStarted,
        "turn.completed" => Event::TurnCompleted { usage: line.usage.usage() },
        "turn.failed" => {
            let message = line.error.message.0;
            Event::TurnFailed { kind: failure_kind(&message), message }
        }
        "error" => error(line.message.0),
        "" => Event::Garbage,
        _ => Event::Unknown { kind: line.kind.0 },
    }
}

fn error(message: Cow<'_, str>) -> Event<'_> {
    if message.starts_with("Reconnecting") {
        return Event::Reconnecting { message };
    }
    Event::Error { kind: failure_kind(&message), message }
}

#[cfg(test)]
mod tests;
