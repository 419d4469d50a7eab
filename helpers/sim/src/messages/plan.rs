//! Turns a step into the events of a streamed message: pure, no sockets, no clock.

use std::time::Duration;

use serde_json::{Value, json};

use super::script::{Act, Step, Tool};
use crate::http::Beat;

/// The beats of an answer. `number` makes ids unique within the server.
pub(super) fn beats(step: &Step, number: usize, model: &str) -> Vec<Beat> {
    let usage = json!({ "input_tokens": 1000, "output_tokens": 1, "cache_creation_input_tokens": 0,
                        "cache_read_input_tokens": 0 });
    let message = json!({ "id": format!("msg_{number}"), "type": "message", "role": "assistant", "model": model,
                          "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage });
    let mut beats = vec![event("message_start", json!({ "message": message }))];
    let mut index = 0;
    for act in &step.acts {
        match act {
            Act::Say(text) => {
                let delta = json!({ "type": "text_delta", "text": text });
                beats.extend(block(&mut index, &json!({ "type": "text", "text": "" }), &delta));
            }
            Act::Tool(Tool { name, input }) => {
                let id = format!("toolu_{number}_{index}");
                let start = json!({ "type": "tool_use", "id": id, "name": name, "input": {} });
                let delta = json!({ "type": "input_json_delta", "partial_json": input.to_string() });
                beats.extend(block(&mut index, &start, &delta));
            }
            Act::Until(path) => beats.push(Beat::Until(path.clone())),
            Act::PauseMs(ms) => beats.push(Beat::Pause(Duration::from_millis(*ms))),
        }
    }
    let calls = step.acts.iter().any(|act| matches!(act, Act::Tool(_)));
    let reason = if calls { "tool_use" } else { "end_turn" };
    beats.push(event(
        "message_delta",
        json!({ "delta": { "stop_reason": reason, "stop_sequence": null }, "usage": { "output_tokens": 50 } }),
    ));
    beats.push(event("message_stop", json!({})));
    beats
}

fn block(index: &mut usize, start: &Value, delta: &Value) -> [Beat; 3] {
    let at = *index;
    *index += 1;
    [
        event("content_block_start", json!({ "index": at, "content_block": start })),
        event("content_block_delta", json!({ "index": at, "delta": delta })),
        event("content_block_stop", json!({ "index": at })),
    ]
}

fn event(kind: &str, mut body: Value) -> Beat {
    body["type"] = kind.into();
    Beat::Event(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_of_a_tool_keeps_the_turn_going_and_its_arguments_come_whole() {
        let step: Step = serde_json::from_value(
            json!({ "do": [{ "say": "hm" }, { "tool": { "name": "Bash", "input": { "command": "ls" } } }] }),
        )
        .unwrap();
        let events: Vec<Value> = beats(&step, 7, "m")
            .into_iter()
            .filter_map(|beat| match beat {
                Beat::Event(event) => Some(event),
                Beat::Pause(_) | Beat::Until(_) => None,
            })
            .collect();
        let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        let block = ["content_block_start", "content_block_delta", "content_block_stop"];
        let wanted: Vec<_> =
            [&["message_start"][..], &block, &block, &["message_delta", "message_stop"]].concat();
        assert_eq!(kinds, wanted);
        assert_eq!(events[4]["content_block"]["id"], "toolu_7_1");
        assert_eq!(events[5]["delta"]["partial_json"], r#"{"command":"ls"}"#);
        assert_eq!(events[7]["delta"]["stop_reason"], "tool_use");
    }
}
