//! Turns a step into what goes over the wire and when: pure, no sockets, no clock.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::http::{Beat, Close};

use super::script::{Act, Ending, Message, Say, Stream, Tool, Usage};

/// The beats of a stream. `number` makes ids unique within the server; `terminal` is the id of the
/// command that still runs, which [`Act::Stdin`] addresses.
pub(super) fn beats(stream: &Stream, number: usize, terminal: Option<u64>) -> Vec<Beat> {
    let response = format!("resp_{number}");
    let mut beats = vec![event("response.created", json!({ "response": { "id": response } }))];
    let calls = stream.acts.iter().any(is_call);
    for (index, act) in stream.acts.iter().enumerate() {
        beats.append(&mut act_beats(act, &Place { number, index, calls, terminal }));
    }
    beats.extend(match &stream.ending {
        Ending::Completed => Some(event("response.completed", completed(&response, stream.usage))),
        Ending::Failed(error) => {
            Some(event("response.failed", json!({ "response": { "id": response, "error": error } })))
        }
        Ending::Incomplete(reason) => Some(event(
            "response.incomplete",
            json!({ "response": { "id": response, "incomplete_details": { "reason": reason } } }),
        )),
        Ending::Cut | Ending::Silence => None,
    });
    if stream.stream_ms == 0 {
        return beats;
    }
    let pause = Beat::Pause(Duration::from_millis(stream.stream_ms));
    beats.into_iter().flat_map(|beat| [pause.clone(), beat]).collect()
}

/// How the connection ends.
pub(super) fn close(ending: &Ending) -> Close {
    match ending {
        Ending::Completed | Ending::Failed(_) | Ending::Incomplete(_) => Close::Whole,
        Ending::Cut => Close::Cut,
        Ending::Silence => Close::WhenClientLeaves,
    }
}

/// The id of the command that a conversation left running, from the newest tool output that names one.
pub(super) fn running_terminal(request: &Value) -> Option<u64> {
    let items = request["input"].as_array()?;
    let outputs = items.iter().rev().filter(|item| item["type"] == "function_call_output");
    outputs.map(|item| item["output"].to_string()).find_map(|text| {
        let (_, after) = text.rsplit_once("session ID ")?;
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}

/// Where an act stands: what its ids and its phase depend on.
struct Place {
    number: usize,
    index: usize,
    calls: bool,
    terminal: Option<u64>,
}

impl Place {
    fn id(&self, kind: &str) -> String {
        format!("{kind}_{}_{}", self.number, self.index)
    }
}

/// Whether the turn goes on after the response because Codex has something to do.
fn is_call(act: &Act) -> bool {
    match act {
        Act::Run(_) | Act::Stdin(_) | Act::Patch(_) | Act::Tool(_) => true,
        Act::Item(item) => {
            item["type"].as_str().is_some_and(|t| t.ends_with("_call") && t != "web_search_call")
        }
        Act::Think(_)
        | Act::Say(_)
        | Act::Answer(_)
        | Act::Search(_)
        | Act::Event(_)
        | Act::PauseMs(_)
        | Act::Until(_) => false,
    }
}

fn act_beats(act: &Act, place: &Place) -> Vec<Beat> {
    match act {
        Act::Think(text) => reasoning(text, place),
        Act::Say(Say::Text(text)) => message(text, phase(place), 0, place),
        Act::Say(Say::Message(Message { text, phase: given, deltas })) => {
            message(text, given.as_deref().unwrap_or_else(|| phase(place)), *deltas, place)
        }
        Act::Answer(answer) => message(&answer.to_string(), "final_answer", 0, place),
        Act::Run(arguments) => call("exec_command", None, arguments.named("cmd"), place),
        Act::Stdin(arguments) => {
            let mut arguments = arguments.named("chars");
            arguments.entry("session_id").or_insert_with(|| place.terminal.into());
            call("write_stdin", None, arguments, place)
        }
        Act::Tool(Tool { name, namespace, arguments }) => {
            call(name, namespace.as_deref(), arguments.clone(), place)
        }
        Act::Patch(patch) => done(
            place,
            json!({ "type": "custom_tool_call", "id": place.id("ctc"), "call_id": place.id("call"),
                    "name": "apply_patch", "input": patch }),
        ),
        Act::Search(query) => search(query, place),
        Act::Item(item) => done(place, item.clone()),
        Act::Event(raw) => vec![Beat::Event(raw.clone())],
        Act::PauseMs(ms) => vec![Beat::Pause(Duration::from_millis(*ms))],
        Act::Until(path) => vec![Beat::Until(path.clone())],
    }
}

fn phase(place: &Place) -> &'static str {
    if place.calls { "commentary" } else { "final_answer" }
}

fn message(text: &str, phase: &str, delta_chars: usize, place: &Place) -> Vec<Beat> {
    let id = place.id("msg");
    let item = |text: &str| {
        json!({ "type": "message", "role": "assistant", "id": id, "phase": phase,
                "content": [{ "type": "output_text", "text": text }] })
    };
    let mut beats = Vec::new();
    if delta_chars > 0 {
        let empty =
            json!({ "type": "message", "role": "assistant", "id": id, "phase": phase, "content": [] });
        beats
            .push(event("response.output_item.added", json!({ "output_index": place.index, "item": empty })));
        let chars: Vec<char> = text.chars().collect();
        beats.extend(chars.chunks(delta_chars).map(|piece| {
            let delta: String = piece.iter().collect();
            event(
                "response.output_text.delta",
                json!({ "item_id": id, "output_index": place.index, "content_index": 0, "delta": delta }),
            )
        }));
    }
    beats.append(&mut done(place, item(text)));
    beats
}

fn reasoning(text: &str, place: &Place) -> Vec<Beat> {
    let (id, index) = (place.id("rs"), place.index);
    let empty = json!({ "type": "reasoning", "id": id, "summary": [] });
    let part = json!({ "item_id": id, "output_index": index, "summary_index": 0 });
    let mut delta = part.clone();
    delta["delta"] = text.into();
    let whole = json!({ "type": "reasoning", "id": id, "encrypted_content": "c2lt",
                        "summary": [{ "type": "summary_text", "text": text }] });
    let mut beats = vec![
        event("response.output_item.added", json!({ "output_index": index, "item": empty })),
        event("response.reasoning_summary_part.added", part),
        event("response.reasoning_summary_text.delta", delta),
    ];
    beats.append(&mut done(place, whole));
    beats
}

/// Codex shows a search as started, still without its query, when the item is announced.
fn search(query: &str, place: &Place) -> Vec<Beat> {
    let id = place.id("ws");
    let begun = json!({ "type": "web_search_call", "id": id, "status": "in_progress" });
    let whole = json!({ "type": "web_search_call", "id": id, "status": "completed",
                        "action": { "type": "search", "query": query } });
    let mut beats =
        vec![event("response.output_item.added", json!({ "output_index": place.index, "item": begun }))];
    beats.append(&mut done(place, whole));
    beats
}

fn call(name: &str, namespace: Option<&str>, arguments: Map<String, Value>, place: &Place) -> Vec<Beat> {
    let mut item = json!({ "type": "function_call", "id": place.id("fc"), "call_id": place.id("call"),
                           "name": name, "arguments": Value::from(arguments).to_string() });
    if let Some(namespace) = namespace {
        item["namespace"] = namespace.into();
    }
    done(place, item)
}

fn done(place: &Place, item: Value) -> Vec<Beat> {
    let mut fields = json!({ "output_index": place.index });
    fields["item"] = item;
    vec![event("response.output_item.done", fields)]
}

fn completed(response: &str, usage: Usage) -> Value {
    json!({ "response": { "id": response, "usage": {
        "input_tokens": usage.input,
        "input_tokens_details": { "cached_tokens": usage.cached },
        "output_tokens": usage.output,
        "output_tokens_details": { "reasoning_tokens": usage.reasoning },
        "total_tokens": usage.input + usage.output,
    } } })
}

fn event(kind: &str, mut fields: Value) -> Beat {
    fields["type"] = kind.into();
    Beat::Event(fields)
}

#[cfg(test)]
mod tests;
