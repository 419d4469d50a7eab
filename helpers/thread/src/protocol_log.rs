//! What is said on the connection, for whoever wants to see it: on stderr as it is, and in a file without secrets. What
//! a person has typed in secret is in neither; that it is said again in pieces can only be kept from stderr by showing
//! there, too, what the file shows.

mod redact;
mod typed_secrets;

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Arc, Mutex, PoisonError};

use clodex_core::harmless;
use clodex_json_rpc::Way;
use clodex_os::clock::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use self::redact::clean;
use self::typed_secrets::TypedSecrets;
use crate::common_cli::Output;
use crate::server::Listener;
use crate::stderr_notices::StderrNotices;
use crate::trouble::Trouble;

/// The verbosity that shows messages.
const MESSAGES: u8 = 2;

/// Who sees the messages.
struct ProtocolLog {
    shown: Option<StderrNotices>,
    complains: StderrNotices,
    file: Option<File>,
    secrets: TypedSecrets,
}

/// What hears the connection; none where nobody wants to know.
pub fn listener(output: &Output, notices: &StderrNotices) -> Result<Option<Listener>, Trouble> {
    let shown = (output.verbose >= MESSAGES).then(|| notices.clone());
    let file = output.ndjson_file.as_ref().map(|path| {
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        opened.map_err(|error| Trouble::usage(format!("cannot append to `{}`: {error}", path.display())))
    });
    let file = file.transpose()?;
    if shown.is_none() && file.is_none() {
        return Ok(None);
    }
    let frames =
        Mutex::new(ProtocolLog { shown, complains: notices.clone(), file, secrets: TypedSecrets::default() });
    Ok(Some(Arc::new(move |way, text| {
        frames.lock().unwrap_or_else(PoisonError::into_inner).hear(way, text);
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
    message: &'a RawValue,
}

impl ProtocolLog {
    fn hear(&mut self, way: Way, text: &str) {
        let text = self.secrets.without(text);
        if let Some(notices) = &self.shown {
            let cleaned = self.secrets.are_known().then(|| clean(&text));
            let shown = cleaned.as_ref().map_or(&*text, |cleaned| cleaned.get());
            notices.say(format!("{} {}", arrow(way), harmless(shown)));
        }
        self.append(way, &text);
    }

    /// A line a message, whole or not at all: several clients may write to one file.
    fn append(&mut self, way: Way, text: &str) {
        let Some(file) = &mut self.file else { return };
        let message = clean(text);
        let way = match way {
            Way::Out => "out",
            Way::In => "in",
        };
        let line = Line { at: Timestamp::now().rfc3339(), way, message: &message };
        let mut line = serde_json::to_string(&line).expect("JSON can be written as JSON");
        line.push('\n');
        if let Err(error) = file.write_all(line.as_bytes()) {
            self.complains.say(format!("can no longer append to the file of --ndjson-file: {error}"));
            self.file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn each_message_is_a_line_and_what_is_no_json_a_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let file = Some(File::create(&path).unwrap());
        let (complains, secrets) = (StderrNotices::default(), TypedSecrets::default());
        let mut frames = ProtocolLog { shown: None, complains, file, secrets };
        frames.hear(Way::In, "nonsense ghp_abcdefghij0123456789");
        frames.hear(Way::Out, r#"{"id":1}"#);
        let lines = std::fs::read_to_string(path).unwrap();
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["message"], &lines[0]["way"]), (&"nonsense [redacted]".into(), &"in".into()));
        assert_eq!(lines[1]["message"]["id"], 1);
    }
}
