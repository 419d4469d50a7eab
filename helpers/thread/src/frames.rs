//! What is said on the connection, for whoever wants to see it: on stderr as it is, and in a file without secrets.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use clodex_core::harmless;
use clodex_json_rpc::Way;
use clodex_os::clock::Timestamp;
use clodex_transcript::redact;
use serde::Serialize;
use serde_json::Value;

use crate::server::Listener;
use crate::trouble::Trouble;

/// The verbosity that shows messages.
const MESSAGES: u8 = 2;

/// What hears the connection; none where nobody wants to know.
pub fn listener(verbose: u8, file: Option<&Path>) -> Result<Option<Listener>, Trouble> {
    let shown = verbose >= MESSAGES;
    let file = file.map(|path| {
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        opened.map_err(|error| Trouble::usage(format!("cannot append to `{}`: {error}", path.display())))
    });
    let file = file.transpose()?.map(|file| Mutex::new(Some(file)));
    if !shown && file.is_none() {
        return Ok(None);
    }
    Ok(Some(Arc::new(move |way, text| {
        if shown {
            eprintln!("{} {}", arrow(way), harmless(text));
        }
        if let Some(file) = &file {
            append(&mut file.lock().unwrap_or_else(PoisonError::into_inner), way, text);
        }
    })))
}

const fn arrow(way: Way) -> &'static str {
    match way {
        Way::Out => "-->",
        Way::In => "<--",
    }
}

#[derive(Serialize)]
struct Line<'a> {
    at: String,
    way: &'static str,
    message: &'a Value,
}

/// A line a message, whole or not at all: several clients may write to one file.
fn append(file: &mut Option<File>, way: Way, text: &str) {
    let Some(open) = file else { return };
    let message = serde_json::from_str(text).map_or_else(|_| Value::from(redact(text).0), without_secrets);
    let way = match way {
        Way::Out => "out",
        Way::In => "in",
    };
    let line = Line { at: Timestamp::now().rfc3339(), way, message: &message };
    let mut line = serde_json::to_string(&line).expect("JSON can be written as JSON");
    line.push('\n');
    if let Err(error) = open.write_all(line.as_bytes()) {
        eprintln!("cannot append to the file of --ndjson-file any more: {error}");
        *file = None;
    }
}

/// The same without what looks like a secret, by its form or by the name that it stands under.
fn without_secrets(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(redact(&text).0),
        Value::Array(items) => items.into_iter().map(without_secrets).collect(),
        Value::Object(members) => {
            let clean = |(name, value): (String, Value)| {
                let value = match value {
                    Value::String(text) if is_secret(&name) && !text.is_empty() => Value::from("[redacted]"),
                    other => without_secrets(other),
                };
                (name, value)
            };
            members.into_iter().map(clean).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// Whether what stands under this name is a secret whatever it looks like.
fn is_secret(name: &str) -> bool {
    let name: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    [
        "password",
        "passphrase",
        "secret",
        "apikey",
        "accesstoken",
        "refreshtoken",
        "idtoken",
        "authorization",
        "cookie",
    ]
    .iter()
    .any(|word| name.contains(word))
        || name == "token"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_gone_by_their_form_and_by_their_name() {
        let text = r#"{"id":1,"result":{"accessToken":"plain words","tokenUsage":{"total":7},"env":["API_KEY=abcdef123456"],
            "text":"use ghp_abcdefghij0123456789 \"please\"","token":""}}"#;
        let clean = without_secrets(serde_json::from_str(text).unwrap());
        let wanted = r#"{"id":1,"result":{"accessToken":"[redacted]","tokenUsage":{"total":7},"env":["API_KEY=[redacted]"],
            "text":"use [redacted] \"please\"","token":""}}"#;
        assert_eq!(clean, serde_json::from_str::<Value>(wanted).unwrap());
    }

    #[test]
    fn what_is_no_json_is_appended_as_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let mut file = Some(File::create(&path).unwrap());
        append(&mut file, Way::In, "nonsense ghp_abcdefghij0123456789");
        append(&mut file, Way::Out, r#"{"id":1}"#);
        let lines = std::fs::read_to_string(path).unwrap();
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["message"], &lines[0]["way"]), (&"nonsense [redacted]".into(), &"in".into()));
        assert_eq!(lines[1]["message"]["id"], 1);
    }
}
