//! The parser against what the real Codex sent, and against everything else.

use clodex_core::{FailureKind, Usage};
use proptest::prelude::*;

use super::*;

fn recorded(name: &str) -> Vec<u8> {
    let path = format!("{}/../../tests/fixtures/codex/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

fn events(stream: &[u8]) -> Vec<Event<'_>> {
    stream.split(|&b| b == b'\n').filter(|line| !line.is_empty()).map(event_from_line).collect()
}

#[test]
fn recorded_streams_are_understood_whole() {
    for name in ["exec-full", "exec-collab", "exec-cut-recovered", "exec-turn-failed", "exec-usage-limit"] {
        let stream = recorded(name);
        let lines: Vec<String> = events(&stream).iter().map(|event| format!("{event:?}")).collect();
        insta::assert_snapshot!(name, lines.join("\n"));
    }
}

#[test]
fn the_last_of_duplicate_keys_counts() {
    let line = br#"{"type":"x","type":"item.completed","item":{"id":"item_5","type":"web_search","id":"ws_1","query":"q"}}"#;
    let wanted =
        Event::ToolEnded { item: "ws_1".into(), name: "web_search".into(), about: "q".into(), ok: true };
    assert_eq!(event_from_line(line), wanted);
}

#[test]
fn a_plan_is_counted_at_start_update_and_end() {
    for kind in ["started", "updated", "completed"] {
        let line = format!(
            r#"{{"type":"item.{kind}","item":{{"id":"i","type":"todo_list","items":[{{"text":"a","completed":true}},{{"completed":"?"}}]}}}}"#
        );
        assert_eq!(event_from_line(line.as_bytes()), Event::Plan { done: 1, of: 2 });
    }
}

#[test]
fn a_quoted_401_in_a_message_is_no_failure() {
    let line = br#"{"type":"item.completed","item":{"id":"i","type":"agent_message","text":"the server said 401 Unauthorized"}}"#;
    assert_eq!(event_from_line(line), Event::Message { text: "the server said 401 Unauthorized".into() });
}

#[test]
fn missing_metadata_of_a_model_is_only_a_warning() {
    let line = br#"{"type":"item.completed","item":{"id":"i","type":"error","message":"Model metadata for `m` not found."}}"#;
    assert_eq!(event_from_line(line), Event::Warning { message: "Model metadata for `m` not found.".into() });
}

#[test]
fn values_of_the_wrong_type_cost_the_field_not_the_line() {
    let line = br#"{"type":"item.completed","item":{"id":7,"type":"command_execution","command":null,"aggregated_output":["x"],"exit_code":"3","status":{}}}"#;
    let wanted = Event::CommandEnded {
        item: "".into(),
        command: "".into(),
        exit_code: None,
        status: clodex_core::CommandStatus::Failed,
        output: "".into(),
    };
    assert_eq!(event_from_line(line), wanted);
    assert_eq!(
        event_from_line(br#"{"type":"turn.completed","usage":null}"#),
        Event::TurnCompleted { usage: Usage::default() }
    );
    let failed = Event::TurnFailed { message: "".into(), kind: FailureKind::Other };
    assert_eq!(event_from_line(br#"{"type":"turn.failed","error":"flat"}"#), failed);
}

#[test]
fn a_byte_that_is_no_utf8_costs_that_byte_only() {
    let line = b"{\"type\":\"item.completed\",\"item\":{\"id\":\"i\",\"type\":\"agent_message\",\"text\":\"caf\xe9!\"}}";
    assert_eq!(event_from_line(line), Event::Message { text: "caf\u{fffd}!".into() });
    assert_eq!(event_from_line(b"\xff\xfe"), Event::Garbage);
}

#[test]
fn raw_line_separators_and_a_carriage_return_are_no_line_ends() {
    let line = "{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"a\u{2028}b\u{2029}c\"}}\r";
    assert_eq!(event_from_line(line.as_bytes()), Event::Message { text: "a\u{2028}b\u{2029}c".into() });
}

#[test]
fn a_message_of_a_megabyte_is_borrowed_from_its_line() {
    let text = "x".repeat(1 << 20);
    let line = format!(r#"{{"type":"item.completed","item":{{"type":"agent_message","text":"{text}"}}}}"#);
    assert!(
        matches!(event_from_line(line.as_bytes()), Event::Message { text: Cow::Borrowed(t) } if t == text)
    );
}

#[test]
fn what_is_no_event_is_garbage_and_what_is_new_is_unknown() {
    for line in
        ["", "Reading additional input", "{", r#"{"type":"turn.st"#, "null", "[1]", "{}", r#"{"type":3}"#]
    {
        assert_eq!(event_from_line(line.as_bytes()), Event::Garbage, "{line}");
    }
    assert_eq!(
        event_from_line(br#"{"type":"turn.paused","x":{"y":[]}}"#),
        Event::Unknown { kind: "turn.paused".into() }
    );
    let line = br#"{"type":"item.completed","item":{"id":"i","type":"image_view"}}"#;
    assert_eq!(event_from_line(line), Event::Unknown { kind: "image_view".into() });
}

#[test]
fn values_nested_deeper_than_any_stack_are_skipped() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let line = format!(r#"{{"type":"turn.started","later":{deep}}}"#);
    assert_eq!(event_from_line(line.as_bytes()), Event::TurnStarted);
}

/// Any JSON value.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key =
            prop_oneof![any::<String>(), "type|item|usage|id|changes|items|exit_code|status|error|message"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(key, inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn a_thread_whose_id_is_more_than_a_word_is_none() {
    for id in ["a; rm -rf ~", "--last", "a\u{1b}[2J", "a\nverdict clean", ""] {
        let line = serde_json::json!({ "type": "thread.started", "thread_id": id }).to_string();
        let kind = "thread.started".into();
        assert_eq!(event_from_line(line.as_bytes()), Event::Unknown { kind }, "{line}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = event_from_line(&line);
    }

    #[test]
    fn a_cut_or_damaged_line_never_panics(cut in 0usize..400, at in 0usize..400, byte in any::<u8>()) {
        for line in recorded("exec-full").split(|&b| b == b'\n') {
            let mut line = line[..cut.min(line.len())].to_vec();
            if let Some(place) = line.get_mut(at) {
                *place = byte;
            }
            let _ = event_from_line(&line);
        }
    }

    #[test]
    fn any_value_in_any_field_leaves_the_line_an_event(item in json(), usage in json(), error in json(), message in json()) {
        for kind in ["thread.started", "turn.started", "turn.completed", "turn.failed", "error", "item.started", "item.updated", "item.completed", "new"] {
            let line = serde_json::json!({"type": kind, "item": item, "usage": usage, "error": error, "message": message, "thread_id": item}).to_string();
            prop_assert_ne!(event_from_line(line.as_bytes()), Event::Garbage, "{}", line);
        }
    }
}
