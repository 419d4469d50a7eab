//! What has been heard of each thread's turns: nothing is told twice, and what was missed while nobody listened can be
//! told afterwards. Pure.

use std::collections::{HashMap, HashSet, VecDeque};

use clodex_json_rpc::{Notification, Params as Json};
use serde_json::value::RawValue;

use super::call::PastTurn;
use crate::tolerant_json::{Count, Text, last_key_wins};

/// Of so many turns of a thread it is remembered what was heard; late words about older ones are taken for new.
const REMEMBERED: usize = 4;

/// What has been heard, by thread.
#[derive(Debug, Default)]
pub(super) struct TurnHistory {
    threads: HashMap<String, OfThread>,
}

#[derive(Debug, Default)]
struct OfThread {
    /// The latest is the last.
    turns: VecDeque<OfTurn>,
    tokens: Option<u64>,
}

#[derive(Debug, Default)]
struct OfTurn {
    id: String,
    has_begun: bool,
    has_ended: bool,
    begun: HashSet<String>,
    /// Kind and id of each item that is complete.
    completed: HashSet<(String, String)>,
}

last_key_wins! {
    struct Params<'a> {
        "threadId" => thread: Text<'a>,
        "turnId" => turn_id: Text<'a>,
        "turn" => turn: Turn<'a>,
        "item" => item: Item<'a>,
        "tokenUsage" => tokens: TokenUsage<'a>,
    }
}

last_key_wins! {
    struct Turn<'a> {
        "id" => id: Text<'a>,
    }
}

last_key_wins! {
    struct Item<'a> {
        "id" => id: Text<'a>,
        "type" => kind: Text<'a>,
        "status" => status: Text<'a>,
        "clientId" => client_id: Text<'a>,
    }
}

last_key_wins! {
    struct TokenUsage<'a> {
        "total" => total: Total<'a>,
    }
}

last_key_wins! {
    struct Total<'a> {
        "inputTokens" => input: Count<'a>,
        "outputTokens" => output: Count<'a>,
    }
}

impl TurnHistory {
    /// Whether this tells something that was not told before. What has no identity is always new, and a message that
    /// comes after its turn's end never is: the last one before is the answer.
    pub(super) fn is_new(&mut self, told: &Notification) -> bool {
        let method = told.method.as_str();
        if !matches!(
            method,
            "turn/started"
                | "turn/completed"
                | "item/started"
                | "item/completed"
                | "thread/tokenUsage/updated"
        ) {
            return true;
        }
        let params = told.params.as_deref().map_or("null", RawValue::get);
        let Ok(about) = serde_json::from_str::<Params<'_>>(params) else { return true };
        let thread = self.threads.entry(about.thread.0.into_owned()).or_default();
        let item = about.item.id.0.into_owned();
        match method {
            "turn/started" => !std::mem::replace(&mut thread.turn(&about.turn.id.0).has_begun, true),
            "turn/completed" => !std::mem::replace(&mut thread.turn(&about.turn.id.0).has_ended, true),
            "item/completed" if thread.has_ended(&about.turn_id.0) && about.item.kind.0 == "agentMessage" => {
                false
            }
            // Without an id nothing can be recognised.
            "item/started" | "item/completed" if item.is_empty() => true,
            "item/started" => thread.turn(&about.turn_id.0).begun.insert(item),
            "item/completed" => {
                let turn = thread.turn(&about.turn_id.0);
                turn.begun.insert(item.clone());
                turn.completed.insert((about.item.kind.0.into_owned(), item))
            }
            // Totals only grow: one that does not has come late, or again.
            _ => {
                let Total { input, output } = about.tokens.total;
                let total = input.or_zero().saturating_add(output.or_zero());
                let is_later = thread.tokens.is_none_or(|known| total > known);
                if is_later {
                    thread.tokens = Some(total);
                }
                is_later
            }
        }
    }

    /// What is complete in a turn's record and was not heard, as it would have been told.
    pub(super) fn missed(&self, thread: &str, turn: &PastTurn) -> Vec<Notification> {
        let turns = self.threads.get(thread).into_iter().flat_map(|thread| &thread.turns);
        let heard = turns.into_iter().find(|heard| heard.id == turn.id);
        let mut of_kind: HashMap<String, usize> = HashMap::new();
        let mut missed = Vec::new();
        for item in &turn.items {
            let about: Item<'_> = serde_json::from_str(item.get()).unwrap_or_default();
            if about.status.0 == "inProgress" {
                continue;
            }
            let number = of_kind.entry(about.kind.0.clone().into_owned()).or_default();
            *number += 1;
            if !heard.is_some_and(|heard| heard.has(&about, *number)) {
                missed.push(item_completed(thread, &turn.id, item));
            }
        }
        missed
    }
}

impl OfThread {
    /// Whether the end of this turn has been heard.
    fn has_ended(&self, turn: &str) -> bool {
        self.turns.iter().any(|known| known.id == turn && known.has_ended)
    }

    fn turn(&mut self, id: &str) -> &mut OfTurn {
        let at = self.turns.iter().position(|turn| turn.id == id).unwrap_or_else(|| {
            if self.turns.len() == REMEMBERED {
                self.turns.pop_front();
            }
            self.turns.push_back(OfTurn { id: id.to_owned(), ..OfTurn::default() });
            self.turns.len() - 1
        });
        &mut self.turns[at]
    }
}

impl OfTurn {
    /// Whether the `number`th item of its kind was heard. Records of before 0.169 have numbers in place of the ids
    /// that the items were told with (`item-7`); order is all that is left then.
    fn has(&self, item: &Item<'_>, number: usize) -> bool {
        let (kind, id) = (&*item.kind.0, &*item.id.0);
        let is_numbered = id.strip_prefix("item-").is_some_and(|number| number.parse::<u32>().is_ok());
        if is_numbered {
            return self.completed.iter().filter(|(heard, _)| heard == kind).count() >= number;
        }
        self.completed.contains(&(kind.to_owned(), id.to_owned()))
    }
}

/// The `client_user_message_id` of what was said, where this is the item that shows it.
pub(super) fn name_of_said(told: &Notification) -> Option<String> {
    // What was missed while nobody listened is told as complete only.
    if !matches!(told.method.as_str(), "item/started" | "item/completed") {
        return None;
    }
    let about: Params<'_> = serde_json::from_str(told.params.as_deref()?.get()).ok()?;
    let Item { kind, client_id, .. } = about.item;
    (kind.0 == "userMessage" && !client_id.0.is_empty()).then(|| client_id.0.into_owned())
}

/// Whether this item is what was said with this `client_user_message_id`. Codex before 0.150 keeps none, and what has none
/// was said by nobody who looks for it.
pub(super) fn is_said_with(item: &RawValue, client_user_message_id: &str) -> bool {
    let is_it = |item: Item<'_>| item.client_id.0 == client_user_message_id;
    !client_user_message_id.is_empty() && serde_json::from_str(item.get()).is_ok_and(is_it)
}

fn item_completed(thread: &str, turn: &str, item: &RawValue) -> Notification {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Completed<'a> {
        thread_id: &'a str,
        turn_id: &'a str,
        item: &'a RawValue,
    }
    notification("item/completed", &Completed { thread_id: thread, turn_id: turn, item })
}

/// The end of a turn, as it would have been told.
pub(super) fn turn_completed(thread: &str, turn: &PastTurn) -> Notification {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Completed<'a> {
        thread_id: &'a str,
        turn: End<'a>,
    }
    #[derive(serde::Serialize)]
    struct End<'a> {
        id: &'a str,
        status: &'a str,
        error: Option<&'a RawValue>,
    }
    let turn = End { id: &turn.id, status: &turn.status, error: turn.error.as_deref() };
    notification("turn/completed", &Completed { thread_id: thread, turn })
}

fn notification(method: &str, about: &impl serde::Serialize) -> Notification {
    let params: Json = serde_json::value::to_raw_value(about).expect("texts and JSON can be written as JSON");
    Notification { method: method.to_owned(), params: Some(params) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(method: &str, params: &str) -> Notification {
        let params = Some(RawValue::from_string(params.to_owned()).unwrap());
        Notification { method: method.to_owned(), params }
    }

    fn item(turn: &str, id: &str) -> Notification {
        let params = format!(
            r#"{{"threadId":"t","turnId":"{turn}","item":{{"id":"{id}","type":"agentMessage","text":"x"}}}}"#
        );
        told("item/completed", &params)
    }

    #[test]
    fn what_is_told_again_is_not_new_and_what_has_no_identity_is() {
        let mut history = TurnHistory::default();
        let begin = told("turn/started", r#"{"threadId":"t","turn":{"id":"u"}}"#);
        let end = told("turn/completed", r#"{"threadId":"t","turn":{"id":"u","status":"completed"}}"#);
        let piece = told("item/agentMessage/delta", r#"{"threadId":"t","delta":"a"}"#);
        for notification in [&begin, &item("u", "i"), &piece, &item("u", "j"), &end] {
            assert!(history.is_new(notification), "{notification:?}");
        }
        for notification in [&begin, &item("u", "i"), &item("u", "j"), &end] {
            assert!(!history.is_new(notification), "{notification:?}");
        }
        assert!(history.is_new(&piece));
        // The same names of another thread, or of another turn, are something else.
        assert!(history.is_new(&item("v", "i")));
        assert!(history.is_new(&told("turn/started", r#"{"threadId":"x","turn":{"id":"u"}}"#)));
        assert!(history.is_new(&told("turn/completed", "7")));
    }

    #[test]
    fn a_message_after_the_end_of_its_turn_is_not_news() {
        let mut history = TurnHistory::default();
        assert!(history.is_new(&told("turn/completed", r#"{"threadId":"t","turn":{"id":"u"}}"#)));
        assert!(!history.is_new(&item("u", "i")) && !history.is_new(&item("u", "")));
        assert!(history.is_new(&item("v", "i")));
        let command = r#"{"threadId":"t","turnId":"u","item":{"id":"c","type":"commandExecution"}}"#;
        assert!(history.is_new(&told("item/completed", command)));
    }

    #[test]
    fn totals_that_come_late_or_again_are_not_news() {
        let mut history = TurnHistory::default();
        let total = |input: u64| {
            told(
                "thread/tokenUsage/updated",
                &format!(
                    r#"{{"threadId":"t","turnId":"u","tokenUsage":{{"total":{{"inputTokens":{input},"outputTokens":1}}}}}}"#
                ),
            )
        };
        assert_eq!(
            [1, 9, 3, 9, 10].map(|input| history.is_new(&total(input))),
            [true, true, false, false, true]
        );
    }

    #[test]
    fn an_item_begins_before_it_is_complete() {
        let mut history = TurnHistory::default();
        assert!(history.is_new(&item("u", "i")));
        let late =
            told("item/started", r#"{"threadId":"t","turnId":"u","item":{"id":"i","type":"agentMessage"}}"#);
        assert!(!history.is_new(&late));
    }

    fn missed(ids: [&str; 3]) -> Vec<String> {
        let mut history = TurnHistory::default();
        history.is_new(&item("u", "msg_1"));
        let item = |(at, id): (usize, &str)| {
            let status = if at == 2 { "inProgress" } else { "completed" };
            let json = format!(r#"{{"id":"{id}","type":"agentMessage","status":"{status}"}}"#);
            RawValue::from_string(json).unwrap()
        };
        let items = ids.into_iter().enumerate().map(item).collect();
        let turn =
            PastTurn { id: "u".to_owned(), status: "inProgress".to_owned(), items, ..PastTurn::default() };
        history.missed("t", &turn).iter().map(|told| told.params.as_ref().unwrap().to_string()).collect()
    }

    #[test]
    fn what_was_missed_is_told_as_it_would_have_been() {
        let second = r#"{"threadId":"t","turnId":"u","item":{"id":"msg_2","type":"agentMessage","status":"completed"}}"#;
        assert_eq!(missed(["msg_1", "msg_2", "msg_3"]), [second]);
        // A record with numbers for ids: the first message is the one that was heard.
        assert_eq!(missed(["item-1", "item-2", "item-3"]), [second.replace("msg_2", "item-2")]);
    }
}
