//! What Claude Code is told on its stdin (`--input-format stream-json`), a line at a time, each with its end.

use serde::Serialize;
use serde_json::value::RawValue;

/// A prompt. One that begins with `/` would be taken for a command of Claude Code's and never reach the model, also
/// under `--disable-slash-commands`; a newline before it makes it text.
pub fn prompt(text: &str) -> String {
    let text = if text.starts_with('/') { format!("\n{text}") } else { text.to_owned() };
    line(&User { kind: "user", message: Message { role: "user", content: &text } })
}

/// Lets a tool be used, with the arguments that were asked about.
pub fn allow(request: &str, input: &RawValue) -> String {
    answer(request, "success", Outcome::Response(Behavior::Allow { input }))
}

/// Does not; the model reads `why`.
pub fn deny(request: &str, why: &str) -> String {
    answer(request, "success", Outcome::Response(Behavior::Deny { message: why }))
}

/// Answers a question of a kind that nobody here knows.
pub fn cannot(request: &str, why: &str) -> String {
    answer(request, "error", Outcome::Error(why))
}

/// Stops the turn, and the commands that it runs. What then comes is its end.
pub fn interrupt(request: &str) -> String {
    let request = ControlRequest {
        kind: "control_request",
        request_id: request,
        request: Subtype { subtype: "interrupt" },
    };
    line(&request)
}

#[derive(Serialize)]
struct User<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    message: Message<'a>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'a str,
    content: &'a str,
}

#[derive(Serialize)]
struct ControlRequest<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    request_id: &'a str,
    request: Subtype<'a>,
}

#[derive(Serialize)]
struct Subtype<'a> {
    subtype: &'a str,
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    response: Response<'a>,
}

#[derive(Serialize)]
struct Response<'a> {
    subtype: &'a str,
    request_id: &'a str,
    #[serde(flatten)]
    outcome: Outcome<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome<'a> {
    Response(Behavior<'a>),
    Error(&'a str),
}

#[derive(Serialize)]
#[serde(tag = "behavior", rename_all = "lowercase")]
enum Behavior<'a> {
    Allow {
        #[serde(rename = "updatedInput")]
        input: &'a RawValue,
    },
    Deny {
        message: &'a str,
    },
}

fn answer(request: &str, subtype: &str, outcome: Outcome<'_>) -> String {
    line(&Answer { kind: "control_response", response: Response { subtype, request_id: request, outcome } })
}

fn line(said: &impl Serialize) -> String {
    let mut line = serde_json::to_string(said).expect("text and JSON are JSON");
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_one_line_whatever_it_holds() {
        let wanted = r#"{"type":"user","message":{"role":"user","content":"a\n\"b\""}}"#;
        assert_eq!(prompt("a\n\"b\""), format!("{wanted}\n"));
    }

    #[test]
    fn a_prompt_is_never_a_command() {
        assert!(prompt("/clear").contains(r#""content":"\n/clear""#));
    }

    #[test]
    fn answers_have_the_form_of_the_control_protocol() {
        let input = RawValue::from_string(r#"{"b": 1, "a": 2}"#.to_owned()).unwrap();
        for (line, wanted) in [
            (
                allow("r1", &input),
                r#"{"subtype":"success","request_id":"r1","response":{"behavior":"allow","updatedInput":{"b": 1, "a": 2}}}"#,
            ),
            (
                deny("r2", "no"),
                r#"{"subtype":"success","request_id":"r2","response":{"behavior":"deny","message":"no"}}"#,
            ),
            (cannot("r3", "what?"), r#"{"subtype":"error","request_id":"r3","error":"what?"}"#),
        ] {
            assert_eq!(line, format!("{{\"type\":\"control_response\",\"response\":{wanted}}}\n"));
        }
        let wanted = r#"{"type":"control_request","request_id":"stop","request":{"subtype":"interrupt"}}"#;
        assert_eq!(interrupt("stop"), format!("{wanted}\n"));
    }
}
