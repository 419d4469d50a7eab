//! Plans as outlines of what would be sent.

use super::super::script::{Reply, Script};
use super::*;

fn stream(step: Value) -> Stream {
    let mut script = Script::from_json(Value::Array(vec![step])).unwrap();
    let Reply::Stream(stream) = script.steps.remove(0).reply else { panic!("no stream") };
    stream
}

/// The types of the events, with pauses as numbers of milliseconds.
fn outline(step: Value) -> Vec<String> {
    let beats = beats(&stream(step), 1, Some(77));
    beats
        .iter()
        .map(|beat| match beat {
            Beat::Event(event) => event["type"].as_str().unwrap().trim_start_matches("response.").to_owned(),
            Beat::Pause(pause) => pause.as_millis().to_string(),
            Beat::Until(path) => path.display().to_string(),
        })
        .collect()
}

fn items(step: Value) -> Vec<Value> {
    let beats = beats(&stream(step), 1, Some(77));
    let events = beats.into_iter().filter_map(|beat| match beat {
        Beat::Event(event) => Some(event),
        Beat::Pause(_) | Beat::Until(_) => None,
    });
    events.filter(|e| e["type"] == "response.output_item.done").map(|e| e["item"].clone()).collect()
}

#[test]
fn a_message_with_deltas_is_announced_sent_in_pieces_and_repeated_whole() {
    let step = json!({ "do": [{ "say": { "text": "äbcde", "deltas": 2 } }], "stream_ms": 5 });
    assert_eq!(
        outline(step),
        [
            "5",
            "created",
            "5",
            "output_item.added",
            "5",
            "output_text.delta",
            "5",
            "output_text.delta",
            "5",
            "output_text.delta",
            "5",
            "output_item.done",
            "5",
            "completed"
        ]
    );
}

#[test]
fn endings_differ_in_the_last_event() {
    assert_eq!(outline(json!({ "cut": true })), ["created"]);
    assert_eq!(outline(json!({ "silence": true, "do": [{ "until": "/x" }] })), ["created", "/x"]);
    assert_eq!(outline(json!({ "failed": { "code": "x" } })), ["created", "failed"]);
    assert_eq!(outline(json!({ "incomplete": "x" })), ["created", "incomplete"]);
}

#[test]
fn a_message_is_commentary_where_a_call_follows_and_final_elsewhere() {
    let phases = |step| items(step).into_iter().map(|item| item["phase"].clone()).collect::<Vec<_>>();
    assert_eq!(
        phases(json!({ "do": [{ "say": "a" }, { "run": "ls" }] })),
        [json!("commentary"), json!(null)]
    );
    assert_eq!(phases(json!({ "do": [{ "say": "a" }] })), [json!("final_answer")]);
}

#[test]
fn input_goes_to_the_command_that_still_runs() {
    let item = items(json!({ "do": [{ "stdin": "" }] })).remove(0);
    assert_eq!(item["arguments"], r#"{"chars":"","session_id":77}"#);
}

#[test]
fn the_running_command_is_named_by_the_newest_output_that_names_one() {
    let output = |text| json!({ "type": "function_call_output", "output": text });
    let request = json!({ "input": [
        output("running with session ID 5"), output("Process running with session ID 42\nx"), output("ended")
    ] });
    assert_eq!(running_terminal(&request), Some(42));
    assert_eq!(running_terminal(&json!({ "input": [output("none")] })), None);
}
