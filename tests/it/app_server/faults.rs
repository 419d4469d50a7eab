//! Every fault that a server can have: nothing hangs, nothing is lost, nothing is counted twice, whoever drives.

use std::time::Duration;

use serde_json::{Value, json};

use super::drive::{Heard, Story, clients_tell, everybody_tells};

/// The story of a turn on which the server does this.
#[expect(clippy::needless_pass_by_value, reason = "it is written where it is passed")]
#[track_caller]
fn story(acts: Value) -> Story {
    tell(json!({ "turn/start": acts })).0
}

#[expect(clippy::needless_pass_by_value, reason = "it is written where it is passed")]
#[track_caller]
fn tell(scene: Value) -> (Story, Vec<Heard>) {
    everybody_tells(&json!({ "connections": [scene] }))
}

fn told(messages: &[&str], tokens: (u64, u64), end: &str) -> Story {
    let messages = messages.iter().map(ToString::to_string).collect();
    Story { messages, tokens, end: end.to_owned(), ..Story::default() }
}

#[test]
fn a_server_that_is_well_is_told_of_the_same_way_by_everybody() {
    assert_eq!(story(json!(["well"])), told(&["All done."], (1000, 50), "completed"));
}

#[test]
fn a_question_with_the_id_of_a_pending_call_is_answered_and_the_call_is_too() {
    let ask = json!({ "ask": ["$id", "item/fileChange/requestApproval", { "threadId": "$thread", "itemId": "i" }] });
    let (story, heard) = tell(
        json!({ "turn/start": [ask], "reply": ["begin", "well", { "message": "m" }, { "end": "completed" }] }),
    );
    assert_eq!(story, Story { questions: 1, ..told(&["m"], (0, 0), "completed") });
    for heard in heard {
        let decisions = heard.iter().filter(|(_, message)| message.contains(r#""decision":"accept""#));
        assert_eq!(decisions.count(), 1, "{heard:?}");
    }
}

#[test]
fn half_a_message_is_waited_for_and_never_taken_for_a_whole_one() {
    let message = json!({ "method": "item/completed", "params": { "threadId": "$thread", "turnId": "$turn",
        "item": { "id": "x", "type": "agentMessage", "text": "whole" } } });
    let whole = story(json!(["begin", { "half": message }, "rest", { "end": "completed" }]));
    assert_eq!(whole, told(&["whole"], (0, 0), "completed"));
    let pieces = story(json!(["begin", { "pieces": [message, 7] }, { "end": "completed" }]));
    assert_eq!(pieces, told(&["whole"], (0, 0), "completed"));
    assert_eq!(story(json!(["begin", { "half": message }, "cut"])), told(&[], (0, 0), "lost"));
}

#[test]
fn thirty_megabytes_come_whole() {
    let item = json!({ "id": "x", "type": "agentMessage", "text": "$pad" });
    let params = json!({ "threadId": "$thread", "turnId": "$turn", "item": item });
    let message = json!({ "method": "item/completed", "params": params });
    let story = story(json!(["begin", { "padded": [message, 30] }, { "end": "completed" }]));
    assert_eq!((story.messages.len(), story.messages[0].len(), &*story.end), (1, 30 << 20, "completed"));
}

#[test]
fn what_is_no_message_is_passed_over() {
    let story = story(json!([
        { "raw": "nonsense" }, "begin", { "raw": "{\"id\":1,\"result\":" }, { "raw": "[]" }, { "raw": "{}" },
        { "raw": "{\"method\":7}" }, { "raw": "{\"method\":\"item/completed\",\"params\":[1]}" },
        { "say": { "id": "nobody's", "result": {} } }, { "say": { "id": null, "error": {} } },
        { "tell": ["item/completed", { "threadId": "$thread", "item": 7 }] },
        { "tell": ["turn/completed", null] }, { "message": "m" }, { "end": "completed" },
    ]));
    assert_eq!(story, told(&["m"], (0, 0), "completed"));
}

#[test]
fn a_silent_server_is_given_up_at_the_deadline() {
    // The run's deadline is its own, and told by the clock that its own tests pass.
    let silence = json!({ "connections": [{ "turn/start": ["silence"] }] });
    assert_eq!(clients_tell(&silence, Duration::from_millis(100)).0, told(&[], (0, 0), "not begun"));
    let refused = story(json!([{ "refuse": [-32603, "no"] }]));
    assert_eq!(refused, told(&[], (0, 0), "not begun"));
}

#[test]
fn a_connection_that_ends_in_the_middle_of_a_turn_ends_the_story_as_lost() {
    for end in ["close", "cut"] {
        let lost = story(json!(["begin", { "message": "so far" }, end]));
        assert_eq!(lost, told(&["so far"], (0, 0), "lost"));
    }
}

#[test]
fn an_overloaded_server_is_asked_again_and_the_turn_begins_once() {
    let (story, heard) = tell(json!({ "turn/start": ["busy"], "turn/start 5": ["well"] }));
    assert_eq!(story, told(&["All done."], (1000, 50), "completed"));
    for heard in heard {
        let asked = heard.iter().filter(|(_, message)| message.contains(r#""method":"turn/start""#)).count();
        assert_eq!(asked, 5);
    }
}

#[test]
fn what_is_told_twice_or_late_counts_once() {
    let item = |id: &str, text: &str| {
        let item = json!({ "id": id, "type": "agentMessage", "text": text });
        json!({ "tell": ["item/completed", { "threadId": "$thread", "turnId": "$turn", "item": item }] })
    };
    let answer = json!({ "say": { "id": "$id", "result": { "turn": { "id": "another" } } } });
    let story = story(json!([
        "begin", "begin", answer, item("i", "one"), { "tokens": [500, 20] }, item("i", "one"), item("j", "two"),
        { "tokens": [1000, 40] }, { "tokens": [500, 20] }, { "tokens": [1000, 40] }, item("i", "one"),
        { "tell": ["turn/completed", { "threadId": "$thread", "turn": { "id": "an earlier one", "status": "failed" } }] },
        { "end": "completed" }, { "end": "failed" }, { "end": "completed" },
    ]));
    assert_eq!(story, told(&["one", "two"], (1000, 40), "completed"));
}

#[test]
fn an_error_ends_nothing_before_the_turn_does() {
    let error = |message: &str, will_retry: bool| {
        json!({ "tell": ["error", { "error": { "message": message }, "willRetry": will_retry,
                                    "threadId": "$thread", "turnId": "$turn" }] })
    };
    let survived = story(json!(["begin", error("once", true), { "message": "m" }, { "end": "completed" }]));
    assert_eq!(survived, Story { errors: vec!["once".to_owned()], ..told(&["m"], (0, 0), "completed") });
    let failed = story(json!(["begin", error("once", true), error("for good", false), { "end": "failed" }]));
    assert_eq!((failed.errors, &*failed.end), (vec!["once".to_owned(), "for good".to_owned()], "failed"));
}

#[test]
fn what_other_threads_do_is_theirs() {
    let params = |rest: Value| {
        let mut params = json!({ "threadId": "somebody", "turnId": "$turn" });
        params.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        params
    };
    let message = params(json!({ "item": { "id": "x", "type": "agentMessage", "text": "not ours" } }));
    let tokens = params(json!({ "tokenUsage": { "total": { "inputTokens": 9, "outputTokens": 9 } } }));
    let end = params(json!({ "turn": { "id": "$turn", "status": "failed" } }));
    let story = story(json!([
        "begin", { "tell": ["turn/started", params(json!({ "turn": { "id": "other" } }))] },
        { "tell": ["item/completed", message] }, { "tokens": [5, 1] }, { "tell": ["thread/tokenUsage/updated", tokens] },
        { "tell": ["error", params(json!({ "error": { "message": "theirs" }, "willRetry": false }))] },
        { "tell": ["turn/completed", end] }, { "message": "ours" }, { "end": "completed" },
    ]));
    assert_eq!(story, told(&["ours"], (5, 1), "completed"));
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    let at = |at: Value, text: &str| {
        let item = json!({ "id": text, "type": "agentMessage", "text": text, "completedAtMs": at });
        json!({ "say": { "method": "item/completed", "emittedAtMs": at,
                         "params": { "threadId": "$thread", "turnId": "$turn", "item": item } } })
    };
    let story = story(json!([
        "begin", at(json!(4_102_444_800_000_i64), "a"), at(json!(-1), "b"), at(json!(1e300), "c"), at(json!("then"), "d"),
        at(json!(0), "e"), { "end": "completed" },
    ]));
    assert_eq!(story, told(&["a", "b", "c", "d", "e"], (0, 0), "completed"));
}

#[test]
fn a_flood_is_read_to_its_end() {
    let item = json!({ "id": "i$N", "type": "agentMessage", "text": "$N" });
    let message = json!({ "method": "item/completed", "params": { "threadId": "$thread", "turnId": "$turn", "item": item } });
    let story = story(json!(["begin", { "flood": [message, 5000] }, { "end": "completed" }]));
    let numbers: Vec<String> = (0..5000).map(|number: u32| number.to_string()).collect();
    assert_eq!((story.messages, &*story.end), (numbers, "completed"));
}
