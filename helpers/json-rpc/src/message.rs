//! What is said: requests, notifications, responses, and their text. Tolerant of everything that is not needed.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Parameters and results: JSON as it came, of any shape.
pub type Params = Box<RawValue>;

/// Names a request; each side has its own, so the same id of two sides is two requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// The usual kind.
    Number(i64),
    /// Allowed, too.
    Text(String),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// One message of either side.
#[derive(Debug)]
pub enum Message {
    /// Wants an answer.
    Request(Request),
    /// Wants none.
    Notification(Notification),
    /// Is one.
    Response(Response),
}

/// Asks for something.
#[derive(Debug)]
pub struct Request {
    /// Names it among those of its side.
    pub id: Id,
    /// What is asked.
    pub method: String,
    /// About what; absent is allowed.
    pub params: Option<Params>,
}

/// Tells something.
#[derive(Debug)]
pub struct Notification {
    /// What is told.
    pub method: String,
    /// About what; absent is allowed.
    pub params: Option<Params>,
}

/// Answers a request of the other side.
#[derive(Debug)]
pub struct Response {
    /// The request's.
    pub id: Id,
    /// The answer, or why there is none.
    pub outcome: Result<Params, RpcError>,
}

/// Why a request was not carried out, in the other side's words.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
#[error("{message} ({code})")]
pub struct RpcError {
    /// Negative for what the protocol defines.
    #[serde(default)]
    pub code: i64,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// More of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Params>,
}

impl RpcError {
    /// The code of a request that is not understood.
    pub const INVALID_REQUEST: i64 = -32600;
    /// The code of a method that is not known.
    pub const METHOD_NOT_FOUND: i64 = -32601;

    /// An error with this code and text.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }
}

/// Text that is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}: {begin}")]
pub struct Unreadable {
    /// What is wrong with it.
    pub why: String,
    /// How it begins.
    pub begin: String,
}

/// Longer than any text that is worth quoting.
const QUOTED: usize = 200;

/// All that a message can hold; which of it is there tells what it is.
#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    id: Option<Id>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    params: Option<Params>,
    #[serde(default)]
    result: Option<Params>,
    #[serde(default)]
    error: Option<RpcError>,
}

#[derive(Serialize)]
struct Said<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a RpcError>,
}

impl Message {
    /// Reads one message.
    pub fn read(text: &[u8]) -> Result<Self, Unreadable> {
        let unreadable = |why: &dyn fmt::Display| Unreadable { why: why.to_string(), begin: quoted(text) };
        let wire: Wire = serde_json::from_slice(text).map_err(|e| unreadable(&e))?;
        // A method makes it a request even where its id is one that an answer is waited for under.
        match (wire.method, wire.id) {
            (Some(method), Some(id)) => Ok(Self::Request(Request { id, method, params: wire.params })),
            (Some(method), None) => Ok(Self::Notification(Notification { method, params: wire.params })),
            (None, Some(id)) => {
                let outcome = match wire.error {
                    Some(error) => Err(error),
                    None => Ok(wire.result.unwrap_or_else(null)),
                };
                Ok(Self::Response(Response { id, outcome }))
            }
            (None, None) => Err(unreadable(&"neither a method nor an id")),
        }
    }

    /// Its text: one line, without an end of line.
    pub fn text(&self) -> String {
        let nothing = Said { id: None, method: None, params: None, result: None, error: None };
        let said = match self {
            Self::Request(Request { id, method, params }) => {
                Said { id: Some(id), method: Some(method), params: params.as_deref(), ..nothing }
            }
            Self::Notification(Notification { method, params }) => {
                Said { method: Some(method), params: params.as_deref(), ..nothing }
            }
            Self::Response(Response { id, outcome: Ok(result) }) => {
                Said { id: Some(id), result: Some(result), ..nothing }
            }
            Self::Response(Response { id, outcome: Err(error) }) => {
                Said { id: Some(id), error: Some(error), ..nothing }
            }
        };
        // JSON that somebody formatted may hold line ends between its tokens; within strings they are escaped.
        let text = serde_json::to_string(&said).expect("texts, numbers and JSON can always be written");
        if text.contains(['\n', '\r']) { text.replace(['\n', '\r'], " ") } else { text }
    }
}

/// Anything that can be written as JSON, as parameters or a result.
///
/// # Errors
/// For maps whose keys are no text, and numbers that JSON has not.
pub(crate) fn params(value: &impl Serialize) -> serde_json::Result<Params> {
    serde_json::value::to_raw_value(value)
}

fn null() -> Params {
    params(&()).expect("null can be written")
}

fn quoted(text: &[u8]) -> String {
    String::from_utf8_lossy(text.get(..QUOTED).unwrap_or(text)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(text: &str) -> String {
        match Message::read(text.as_bytes()) {
            Ok(Message::Request(said)) => {
                format!("request {} {} {:?}", said.id, said.method, said.params.map(|p| p.to_string()))
            }
            Ok(Message::Notification(said)) => {
                format!("notification {} {:?}", said.method, said.params.map(|p| p.to_string()))
            }
            Ok(Message::Response(said)) => match said.outcome {
                Ok(result) => format!("result {} {result}", said.id),
                Err(error) => format!("error {} {error}", said.id),
            },
            Err(unreadable) => format!("unreadable: {unreadable}"),
        }
    }

    #[test]
    fn what_it_is_follows_from_what_is_there() {
        for (text, is) in [
            (
                r#"{"id":0,"method":"ask","params":{"a":1},"jsonrpc":"2.0"}"#,
                r#"request 0 ask Some("{\"a\":1}")"#,
            ),
            (r#"{"id":"x","method":"ask"}"#, "request x ask None"),
            (r#"{"method":"tell","params":null,"emittedAtMs":7}"#, "notification tell None"),
            (r#"{"method":"tell","id":null}"#, "notification tell None"),
            (r#"{"id":7,"result":{}}"#, "result 7 {}"),
            (r#"{"id":7,"result":null,"error":null}"#, "result 7 null"),
            (r#"{"id":7}"#, "result 7 null"),
            (
                r#"{"id":7,"result":1,"error":{"code":-32001,"message":"busy","data":[1]}}"#,
                "error 7 busy (-32001)",
            ),
            (r#"{"id":7,"error":{}}"#, "error 7  (0)"),
            ("{}", "unreadable: neither a method nor an id: {}"),
        ] {
            assert_eq!(reading(text), is, "{text}");
        }
    }

    #[test]
    fn what_is_no_message_is_told_with_its_beginning() {
        let unreadable = Message::read(&[&b"{\"id\":1,\xff"[..], &[b'x'; 5000]].concat()).unwrap_err();
        assert!(unreadable.begin.len() < 300 && unreadable.begin.starts_with("{\"id\":1,"), "{unreadable}");
        for text in ["", "[]", "null", "7", "{\"id\":{}}", "{\"id\":1.5,\"method\":\"m\"}"] {
            assert!(Message::read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_message_is_one_line_whoever_formatted_its_parameters() {
        let params = RawValue::from_string("{\n \"text\": \"two\\nlines\"\r\n}".to_owned()).unwrap();
        let text =
            Message::Notification(Notification { method: "m".to_owned(), params: Some(params) }).text();
        assert_eq!(text, r#"{"method":"m","params":{  "text": "two\nlines"  }}"#);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Message::read(&bytes);
        }

        #[test]
        fn what_is_said_is_read_back(id in -5_i64..5, method in "[a-z/]{1,9}", text in ".{0,20}") {
            let params = params(&[&text]).unwrap();
            let said = Message::Request(Request { id: Id::Number(id), method: method.clone(), params: Some(params) });
            let Ok(Message::Request(read)) = Message::read(said.text().as_bytes()) else { panic!("no request") };
            let [back]: [String; 1] = serde_json::from_str(read.params.unwrap().get()).unwrap();
            proptest::prop_assert_eq!((read.id, read.method, back), (Id::Number(id), method, text));
        }
    }
}
