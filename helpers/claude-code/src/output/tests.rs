use proptest::prelude::*;

use super::*;

fn heard(recorded: &str) -> Vec<OutputLine> {
    recorded.lines().map(|line| OutputLine::read(line.as_bytes()).unwrap()).collect()
}

const ANSWER: &str = include_str!("../../../../tests/fixtures/claude/answer.jsonl");
const BACKGROUND: &str = include_str!("../../../../tests/fixtures/claude/background.jsonl");
const INTERRUPTED_ASKING: &str = include_str!("../../../../tests/fixtures/claude/interrupted-asking.jsonl");
const OVERLOADED: &str = include_str!("../../../../tests/fixtures/claude/overloaded.jsonl");

#[test]
fn a_turn_has_a_begin_pieces_messages_a_question_and_an_end() {
    let mut told = Vec::new();
    for heard in heard(ANSWER) {
        match heard {
            OutputLine::Began(began) => told.push(format!("began {}", began.version.unwrap())),
            OutputLine::Piece(text) => told.push(format!("piece {text}")),
            OutputLine::Message(message) => {
                assert_eq!(message.model.as_deref(), Some("claude-opus-5-5"));
                let calls = message.calls.iter().map(ToolCall::told);
                told.push(format!("message {}{}", message.text, calls.collect::<String>()));
            }
            OutputLine::Asked(question) => told.push(format!("asked {}", question.call.told())),
            OutputLine::Ended(ended) => {
                let [denial] = &ended.permission_denials[..] else { panic!("one was denied: {ended:?}") };
                told.push(format!(
                    "ended {}, without {}",
                    ended.result.as_deref().unwrap(),
                    denial.call.name
                ));
                assert_eq!(ended.usage.output_tokens, 150);
                assert!(ended.total_cost_usd.is_some_and(|cost| (cost - 0.015_12).abs() < 1e-9), "{ended:?}");
                assert_eq!(ended.model_usage_since_last_result.len(), 1);
            }
            OutputLine::Else(_) => {}
            other => panic!("{other:?}"),
        }
    }
    let wanted = [
        "began 2.1.329",
        "piece I loo",
        "piece k",
        "message I look",
        "message Read /home/u/proj/src/a.txt",
        "message Write new.txt",
        "asked Write /home/u/proj/new.txt",
        "piece the a",
        "piece nswer",
        "message the answer",
        "ended the answer, without Write",
    ];
    assert_eq!(told, wanted);
}

#[test]
fn tasks_in_the_background_are_counted_until_the_turn_after_them_ends() {
    let counts = |heard: OutputLine| match heard {
        OutputLine::Background(tasks) => Some(format!("{tasks} tasks")),
        OutputLine::Ended(ended) => ended.result,
        _ => None,
    };
    let told: Vec<_> = heard(BACKGROUND).into_iter().filter_map(counts).collect();
    assert_eq!(told, ["1 tasks", "started", "0 tasks", "woken"]);
}

#[test]
fn a_question_may_be_withdrawn() {
    let told = heard(INTERRUPTED_ASKING);
    let asked = told.iter().find_map(|heard| match heard {
        OutputLine::Asked(question) => Some(question.request.clone()),
        _ => None,
    });
    assert!(told.contains(&OutputLine::Withdrawn(asked.unwrap())));
    assert!(told.contains(&OutputLine::Answered));
}

#[test]
fn a_retry_says_of_what_and_when() {
    let retry = heard(OVERLOADED).into_iter().find_map(|heard| match heard {
        OutputLine::Retrying(retrying) => Some(retrying),
        _ => None,
    });
    let retry = retry.unwrap();
    assert_eq!((retry.attempt, retry.max_retries, retry.error_status), (1, 10, Some(529)));
    assert_eq!(retry.error.as_deref(), Some("overloaded"));
}

#[test]
fn what_a_hook_forbids_is_told_with_its_reason_and_without_the_prompt() {
    let informed = |more: &str| {
        let line = format!(
            r#"{{"type":"system","subtype":"informational","content":"blocked\nOriginal prompt: p"{more}}}"#
        );
        OutputLine::read(line.as_bytes()).unwrap()
    };
    let blocked = r#","prevent_continuation":true"#;
    let outcome = r#","prompt_submit_outcome":{"kind":"blocked_by_hook","prompt_kept":false,"reason":"no"}"#;
    assert_eq!(informed(&format!("{blocked}{outcome}")), OutputLine::Blocked("no".to_owned()));
    assert_eq!(informed(blocked), OutputLine::Blocked("blocked\nOriginal prompt: p".to_owned()));
    assert_eq!(informed(""), OutputLine::Else("system/informational".to_owned()));
}

#[test]
fn what_a_subagent_says_and_what_nobody_knows_is_let_by() {
    for (line, kind) in [
        (r#"{"type":"assistant","message":{"content":[]},"parent_tool_use_id":"toolu_1"}"#, "assistant"),
        (r#"{"type":"new_thing","x":1}"#, "new_thing"),
        (r#"{"type":"system","subtype":"status"}"#, "system/status"),
        (r#"{"type":"keep_alive"}"#, "keep_alive"),
    ] {
        assert_eq!(OutputLine::read(line.as_bytes()).unwrap(), OutputLine::Else(kind.to_owned()));
    }
    let asked = r#"{"type":"control_request","request_id":"r","request":{"subtype":"hook_callback"}}"#;
    let kind = "hook_callback".to_owned();
    assert_eq!(
        OutputLine::read(asked.as_bytes()).unwrap(),
        OutputLine::AskedElse { request: "r".to_owned(), kind }
    );
}

proptest! {
    #[test]
    fn any_line_is_read_or_refused(line in r#"\{"type":"(assistant|result|system|control_request|stream_event)"(,"(subtype|message|request|event|tasks)":(null|1|"init"|\{\}|\[\]))*\}"#) {
        let _ = OutputLine::read(line.as_bytes());
    }
}
