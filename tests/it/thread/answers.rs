//! What is told of a turn: messages, tokens, times, and nothing that a terminal would obey.

use clodex_tests::{LIMIT, Running, Sandbox, Terminal};
use serde_json::{Value, json};

use super::{asked, prompt, saying, scripted, talk, talking};
use crate::stage::{Stage, step};

#[test]
fn messages_stay_apart_and_the_last_is_the_answer() {
    let Some(stage) = Stage::real() else { return };
    let steps = [
        step(&[json!({ "say": "I look" }), json!({ "run": "sleep 0.3; echo seen" })]),
        step(&[json!({ "say": { "text": "It is there", "deltas": 3 } })]),
    ];
    let object = asked(&stage.sandbox, &[&prompt(&steps)]);
    assert_eq!(object["text"], "It is there");
    let message = |text: &str| json!({ "text": text, "complete": true });
    assert_eq!(object["messages"], json!([message("I look"), message("It is there")]));
    assert_eq!(talk(&stage.sandbox, &[&prompt(&steps)]).exits(0).stdout, "I look\n\nIt is there\n");
    assert_eq!(talk(&stage.sandbox, &["--no-stream", &prompt(&steps)]).exits(0).stdout, "It is there\n");
}

#[test]
fn tokens_are_those_of_the_turn_and_not_of_the_thread() {
    let Some(stage) = Stage::real() else { return };
    let usage = |number: u64| json!({ "do": [{ "say": "ok" }], "usage": { "input": number, "output": 7 } });
    let first = asked(&stage.sandbox, &[&prompt(&[usage(1000)])]);
    let id = first["thread_id"].as_str().unwrap();
    let second = asked(&stage.sandbox, &["--thread-id", id, &prompt(&[usage(30)])]);
    assert_eq!(second["thread_id"], id);
    for (object, input) in [(&first, 1000), (&second, 30)] {
        let metrics = &object["metrics"];
        assert_eq!(
            (&metrics["input_tokens"], &metrics["output_tokens"]),
            (&json!(input), &json!(7)),
            "{object}"
        );
        assert_eq!(metrics["model"], "gpt-5.5");
        let ms = |name: &str| metrics[name].as_u64().unwrap();
        assert!(ms("time_to_first_token_ms") <= ms("latency_ms"), "{object}");
    }
    assert_eq!(first["notifications"]["turn/completed"], 1, "{first}");
}

#[test]
fn nothing_that_the_model_says_steers_the_terminal() {
    let Some(stage) = Stage::real() else { return };
    let hostile = "a\u{1b}]0;title\u{7}\u{9b}2J\r\u{202e}b";
    let is_harmless = |text: &str| !text.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}');
    let steps = [
        step(&[
            json!({ "say": { "text": hostile, "deltas": 4 } }),
            json!({ "run": "sleep 0.3; printf '\\033[31m'" }),
        ]),
        step(&[json!({ "say": hostile })]),
    ];
    let told = talk(&stage.sandbox, &["-vv", "--summary", &prompt(&steps)]).exits(0).stderr;
    assert!(is_harmless(&told), "{told}");
    let object = asked(&stage.sandbox, &[&prompt(&steps)]);
    assert_eq!(object["text"], hostile);
    let terminal = Terminal::start(&stage.sandbox, &talking(&stage.sandbox, &[&prompt(&steps)]));
    let shown = terminal.ended();
    assert_eq!(shown.matches("a ]0;title").count(), 2, "{shown}");
    assert!(is_harmless(&shown), "{shown:?}");
}

#[test]
fn what_is_no_terminal_gets_the_answer_byte_for_byte() {
    let Some(stage) = Stage::real() else { return };
    let answer = "\u{feff}a\r\n\u{1b}[1mb\u{202e}\tc 👩\u{200d}🔬 ❤\u{fe0f}\r";
    let said = prompt(&[step(&[json!({ "say": { "text": answer, "deltas": 5 } })])]);
    for flags in [&[][..], &["--no-stream"]] {
        let output = Running::start(talking(&stage.sandbox, &[flags, &[&said]].concat()), b"").finish(LIMIT);
        assert_eq!(output.stdout, format!("{answer}\n").as_bytes(), "{flags:?}: {output:?}");
    }
}

#[test]
fn a_turn_that_fails_is_told_in_codexs_words() {
    let Some(stage) = Stage::real() else { return };
    let too_long = prompt(&[json!({ "failed": { "code": "context_length_exceeded", "message": "x" } })]);
    let object = asked(&stage.sandbox, &[&too_long]);
    assert_eq!((&object["status"], &object["exit_code"]), (&json!("failed"), &json!(1)), "{object}");
    assert_eq!(object["error"]["kind"], "context-window", "{object}");
    let failing = prompt(&[
        json!({ "status": 429, "error": { "type": "usage_limit_reached", "message": "none left" } }),
    ]);
    let object = asked(&stage.sandbox, &[&failing]);
    assert_eq!((&object["status"], &object["exit_code"]), (&json!("failed"), &json!(1)), "{object}");
    assert_eq!((&object["error"]["kind"], &object["text"]), (&json!("usage-limit"), &Value::Null));
    assert!(object["error"]["message"].as_str().unwrap().contains("usage limit"), "{object}");
    let told = talk(&stage.sandbox, &[&failing]).exits(1);
    assert_eq!(told.stdout, "");
    told.complains(&["usage limit"]);
}

#[test]
fn threads_go_on_are_copied_and_stale_ones_fail() {
    let Some(stage) = Stage::real() else { return };
    let first =
        talk(&stage.sandbox, &["--print-thread-id", &format!("remember blue {}", saying("noted"))]).exits(0);
    let id = first.stderr.lines().find_map(|line| line.strip_prefix("THREAD_ID=")).unwrap();
    let copy = asked(&stage.sandbox, &["--fork", id, &saying("copied")]);
    assert_ne!(copy["thread_id"], id);
    let last = stage.asked().pop().unwrap();
    assert!(last.user_texts().iter().any(|text| text.contains("remember blue")), "{last:?}");
    let gone = asked(&stage.sandbox, &["--ephemeral", &saying("gone")]);
    for stale in [gone["thread_id"].as_str().unwrap(), "01a1fbc7-cde2-7c22-82f9-623584e5a91e", "nonsense"] {
        let object = asked(&stage.sandbox, &["--thread-id", stale, "go on"]);
        assert_eq!((&object["status"], &object["error"]["kind"]), (&json!("not-started"), &json!("thread")));
        assert_eq!(object["exit_code"], 1, "{object}");
    }
}

#[test]
fn a_turn_that_was_never_said_to_have_begun_has_its_id_all_the_same() {
    let sandbox = Sandbox::new();
    let named = json!({ "answer": { "turn": { "id": "$turn" } } });
    let server = scripted(json!([{ "turn/start": [named, { "end": "completed" }] }]));
    let object = asked(&sandbox, &["--uri", server.address(), "hi"]);
    assert_eq!(object["turn_id"], "turn-1", "{object}");
}
