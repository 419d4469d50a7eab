//! The server as a client sees it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use super::*;
use crate::script_mark::embed;

/// Posts a prompt on a thread and returns what comes back until the server hangs up.
fn post(model: &ScriptedModel, thread: &str, prompts: &[&str]) -> String {
    let input: Vec<Value> = prompts
        .iter()
        .map(|text| json!({ "role": "user", "content": [{ "type": "input_text", "text": text }] }))
        .collect();
    let body = json!({ "input": input }).to_string();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, model.port())).unwrap();
    write!(
        stream,
        "POST /v1/responses HTTP/1.1\r\nthread-id: {thread}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn each_thread_walks_through_its_script_by_itself() {
    let model = ScriptedModel::start().unwrap();
    let prompt =
        embed(&json!([{ "do": [{ "say": "one" }] }, { "status": 503 }, { "do": [{ "say": "three" }] }]));
    let expect = ["\"one\"", "HTTP/1.1 503", "\"three\"", LAST_WORD];
    for expected in expect {
        for thread in ["a", "b"] {
            let answer = post(&model, thread, &[&prompt]);
            assert!(answer.contains(expected), "{expected} in {answer}");
        }
    }
}

#[test]
fn the_same_script_in_a_later_prompt_begins_anew() {
    let model = ScriptedModel::start().unwrap();
    let prompt = embed(&json!([{ "do": [{ "say": "one" }] }]));
    assert!(post(&model, "a", &[&prompt]).contains("\"one\""));
    assert!(post(&model, "a", &[&prompt, "go on"]).contains(LAST_WORD));
    assert!(post(&model, "a", &[&prompt, &prompt]).contains("\"one\""));
}

#[test]
fn a_prompt_without_script_gets_the_default_script() {
    let model = ScriptedModel::with_default(|request| {
        let prompt = request.prompt().unwrap_or_default();
        Script::from_json(json!([{ "do": [{ "say": format!("you said {prompt}") }] }])).unwrap()
    });
    assert!(post(&model.unwrap(), "a", &["hello"]).contains("you said hello"));
}

#[test]
fn a_typo_in_a_script_is_answered_with_its_reason() {
    let model = ScriptedModel::start().unwrap();
    let answer = post(&model, "a", &[r#"@@[{"do":[{"sya":"x"}]}]@@"#]);
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("unknown variant `sya`"), "{answer}");
}

#[test]
fn a_whole_stream_ends_with_the_last_chunk_and_a_cut_one_does_not() {
    let model = ScriptedModel::start().unwrap();
    assert!(post(&model, "a", &["x"]).ends_with("\r\n0\r\n\r\n"));
    let cut = post(&model, "a", &[&embed(&json!([{ "do": [{ "say": "half" }], "cut": true }]))]);
    assert!(cut.contains("half") && !cut.ends_with("\r\n0\r\n\r\n"), "{cut}");
}

#[test]
fn headers_and_pings_reach_the_client() {
    let model = ScriptedModel::start().unwrap();
    let step = json!([{ "do": [{ "pause_ms": 50 }], "ping_ms": 10, "headers": { "x-codex-primary-used-percent": "93" } }]);
    let answer = post(&model, "a", &[&embed(&step)]);
    assert!(answer.contains("\r\nx-codex-primary-used-percent: 93\r\n"), "{answer}");
    assert!(answer.matches(": ping\n\n").count() >= 2, "{answer}");
}

#[test]
fn dropping_the_server_ends_a_silent_stream() {
    let model = ScriptedModel::start().unwrap();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, model.port())).unwrap();
    let prompt = embed(&json!([{ "silence": true }]));
    let body = json!({ "input": [{ "role": "user", "content": [{ "text": prompt }] }] }).to_string();
    write!(stream, "POST /v1/responses HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut begun = Vec::new();
    while !begun.ends_with(b"response.created") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        begun.extend(byte);
    }
    assert_eq!(model.open_connections(), 1);
    drop(model);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("response.completed"), "{rest}");
}

#[test]
fn requests_are_kept_as_they_came() {
    let model = ScriptedModel::start().unwrap();
    post(&model, "t-1", &["`quoted` \"and\" $(touch X)\r\n✓"]);
    let requests = model.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].thread_id(), "t-1");
    assert_eq!(requests[0].prompt().as_deref(), Some("`quoted` \"and\" $(touch X)\r\n✓"));
}
