//! How much of an account's limits is used, from Codex itself: asked over a short app-server of its own, or taken from
//! what a thread's file tells. No credential is read.

use std::fs::File;
use std::io::{self, PipeReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use clodex_core::{Quota, RateLimits, RateWindow, utc_ms};
use clodex_json_rpc::{Id, Message, Notification, Request, RpcError};
use clodex_os::{InteractiveCommand, ShortCommand};
use serde::Deserialize;

use crate::app_server::call::{
    Call, Capabilities, ClientInfo, Initialize, Limits, ReadAccount, ReadRateLimits,
};
use crate::exec_argv::FEATURES_OFF;

/// How long each answer may take.
const LIMIT: Duration = Duration::from_secs(4);
/// How much of a thread's file is looked at: limits are told after each answer of the model.
const TAIL: u64 = 1 << 20;
/// How an account is called that has windows.
const WITH_WINDOWS: &str = "chatgpt";

/// Why Codex does not say.
#[derive(Debug, thiserror::Error)]
pub enum QuotaError {
    /// It does not start, ends, or does not answer in time.
    #[error(transparent)]
    NoAnswer(#[from] clodex_os::Error),
    /// It does not want to or cannot.
    #[error("codex says: {}", .0.message)]
    Refused(RpcError),
    /// It answers something else.
    #[error("codex answers something else: {0}")]
    Shape(serde_json::Error),
}

impl QuotaError {
    /// Whether it was not waited for any more.
    pub fn is_given_up(&self) -> bool {
        let Self::NoAnswer(error) = self else { return false };
        error.io().is_some_and(|error| error.kind() == io::ErrorKind::Interrupted)
    }
}

/// Asks Codex, and waits until the other end of the pipe is closed, where there is one. No windows at all: the account, an
/// API key for one, has none.
pub fn ask_rate_limits(
    codex: &Path,
    codex_home: &Path,
    wanted: Option<PipeReader>,
) -> Result<RateLimits, QuotaError> {
    let mut server = Server::start(codex, codex_home, wanted)?;
    match server.call(&ReadRateLimits {}) {
        Ok(Limits(limits)) => Ok(limits),
        Err(refused @ QuotaError::Refused(_)) => match server.call(&ReadAccount {}) {
            Ok(account) if account.account.as_ref().is_none_or(|account| account.kind != WITH_WINDOWS) => {
                Ok(RateLimits::default())
            }
            Ok(_) | Err(_) => Err(refused),
        },
        Err(error) => Err(error),
    }
}

/// A few requests, one after the other; it ends with this.
struct Server {
    dialogue: InteractiveCommand,
    last_id: i64,
}

impl Server {
    fn start(codex: &Path, codex_home: &Path, wanted: Option<PipeReader>) -> Result<Self, QuotaError> {
        let features =
            FEATURES_OFF.iter().flat_map(|feature| ["-c".to_owned(), format!("features.{feature}=false")]);
        let dialogue = ShortCommand::new(codex, LIMIT)
            .args(["app-server".to_owned()].into_iter().chain(features))
            .env("CODEX_HOME", codex_home)
            .current_dir(codex_home)
            .converse()?
            .while_wanted(wanted);
        let mut server = Self { dialogue, last_id: 0 };
        let client_info = ClientInfo { name: "clodex", version: env!("CARGO_PKG_VERSION") };
        let capabilities = Capabilities { experimental_api: false, opt_out_notification_methods: &[] };
        server.call(&Initialize { client_info, capabilities })?;
        let initialized = Notification { method: "initialized".to_owned(), params: None };
        server.say(&Message::Notification(initialized))?;
        Ok(server)
    }

    fn call<C: Call>(&mut self, call: &C) -> Result<C::Answer, QuotaError> {
        self.last_id += 1;
        let id = Id::Number(self.last_id);
        let params = Some(serde_json::value::to_raw_value(call).map_err(QuotaError::Shape)?);
        self.say(&Message::Request(Request { id: id.clone(), method: C::METHOD.to_owned(), params }))?;
        loop {
            // Whatever else it says is of no interest here.
            let Ok(Message::Response(response)) = Message::read(&self.dialogue.line()?) else { continue };
            if response.id == id {
                let answer = response.outcome.map_err(QuotaError::Refused)?;
                return serde_json::from_str(answer.get()).map_err(QuotaError::Shape);
            }
        }
    }

    fn say(&mut self, message: &Message) -> Result<(), QuotaError> {
        Ok(self.dialogue.ask((message.text() + "\n").as_bytes())?)
    }
}

/// What a thread's file tells last of the account's limits, and when that was; none where it tells nothing.
pub fn rollout_quota(path: &Path) -> io::Result<Option<Quota>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    Ok(tail.rsplit(|byte| *byte == b'\n').find_map(told))
}

fn told(line: &[u8]) -> Option<Quota> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let told = line.payload?.rate_limits?;
    let window = |window: Option<FileWindow>| {
        let window = window?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is clamped to 0..=100"
        )]
        let used_percent = window.used_percent?.clamp(0.0, 100.0).round() as u8;
        Some(RateWindow { used_percent, minutes: window.window_minutes, resets_at: window.resets_at })
    };
    let is_of_one_model = told.limit_id.as_deref().is_some_and(|limit| limit != "codex");
    let limits =
        RateLimits { primary: window(told.primary), secondary: window(told.secondary), plan: told.plan_type };
    let told_at = utc_ms(line.timestamp)? / 1000;
    (!limits.is_empty() && !is_of_one_model).then_some(Quota { told_at, limits })
}

#[derive(Deserialize)]
struct Line<'a> {
    timestamp: &'a str,
    payload: Option<TokenCount>,
}

#[derive(Deserialize)]
struct TokenCount {
    rate_limits: Option<FileLimits>,
}

#[derive(Deserialize)]
struct FileLimits {
    limit_id: Option<String>,
    primary: Option<FileWindow>,
    secondary: Option<FileWindow>,
    plan_type: Option<String>,
}

#[derive(Deserialize)]
struct FileWindow {
    used_percent: Option<f64>,
    window_minutes: Option<u32>,
    resets_at: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota_in(lines: &[&str]) -> Option<Quota> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        rollout_quota(file.path()).unwrap()
    }

    fn line(second: u8, limits: &str) -> String {
        format!(
            r#"{{"timestamp":"2026-11-21T04:00:{second:02}.500Z","type":"event_msg","payload":{{"type":"token_count","info":null,"rate_limits":{limits}}}}}"#
        )
    }

    #[test]
    fn the_last_line_that_tells_limits_counts_and_so_does_its_time() {
        let first = line(1, r#"{"limit_id":"codex","primary":{"used_percent":11.0}}"#);
        let last = line(
            2,
            r#"{"limit_id":"codex","limit_name":null,"primary":{"used_percent":12.4,"window_minutes":300,"resets_at":1795300000},"secondary":null,"credits":null,"plan_type":"plus"}"#,
        );
        let nothing = line(3, r#"{"limit_id":"codex","primary":null,"secondary":null}"#);
        let of_one_model = line(4, r#"{"limit_id":"codex_other","primary":{"used_percent":99.0}}"#);
        let quota = quota_in(&[&first, &last, &nothing, &of_one_model, r#"{"timestamp":"2026-"#]).unwrap();
        let primary =
            Some(RateWindow { used_percent: 12, minutes: Some(300), resets_at: Some(1_795_300_000) });
        let limits = RateLimits { primary, secondary: None, plan: Some("plus".to_owned()) };
        assert_eq!(quota, Quota { told_at: utc_ms("2026-11-21T04:00:02Z").unwrap() / 1000, limits });
    }

    #[test]
    fn a_file_that_tells_none_is_no_error() {
        assert_eq!(quota_in(&[]), None);
        for name in ["rollout-0.101", "rollout-0.169"] {
            let path = format!("{}/../../tests/fixtures/codex/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
            assert_eq!(rollout_quota(Path::new(&path)).unwrap(), None, "{name}");
        }
    }

    #[test]
    fn a_codex_that_does_not_answer_is_an_error() {
        let error = ask_rate_limits(Path::new("true"), Path::new("/"), None).unwrap_err();
        assert!(!error.is_given_up());
        assert!(error.to_string().starts_with("cannot ask `true`: "), "{error}");
    }
}
