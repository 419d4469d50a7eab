//! What scripts may and may not say.

use serde_json::json;

use super::*;

#[test]
fn steps_that_contradict_themselves_are_refused() {
    for step in [
        json!({ "cut": true, "silence": true }),
        json!({ "status": 500, "do": [{ "say": "x" }] }),
        json!({ "status": 500, "body": "x", "error": {} }),
        json!({ "error": {} }),
        json!({ "sya": "x" }),
        json!({ "do": [{ "sya": "x" }] }),
    ] {
        assert!(Script::from_json(json!([step])).is_err(), "{step}");
    }
}

#[test]
fn a_command_may_be_a_text_or_all_its_arguments() {
    let act: Act = serde_json::from_value(json!({ "run": "ls" })).unwrap();
    let Act::Run(arguments) = act else { panic!("{act:?}") };
    assert_eq!(Value::from(arguments.named("cmd")), json!({ "cmd": "ls" }));
    let act: Act = serde_json::from_value(json!({ "run": { "cmd": "ls", "tty": true } })).unwrap();
    let Act::Run(arguments) = act else { panic!("{act:?}") };
    assert_eq!(Value::from(arguments.named("cmd")), json!({ "cmd": "ls", "tty": true }));
}
