//! Errors of the app-server: words, and a code that says more than they do.

use std::borrow::Cow;

use clodex_core::FailureKind;

use crate::failure::failure_kind;
use crate::tolerant_json::{Text, last_key_wins};

last_key_wins! {
    /// An error as a turn or a notification holds it.
    pub(super) struct ErrorInfo<'a> {
        "message" => message: Text<'a>,
        "codexErrorInfo" => info: Info<'a>,
    }
}

/// `codexErrorInfo`: a word, or an object of one key. Only the word counts.
#[derive(Debug, Default)]
pub(super) struct Info<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Info<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrKey;

        impl<'de> serde::de::Visitor<'de> for WordOrKey {
            type Value = Info<'de>;

            fn visit_borrowed_str<E>(self, word: &'de str) -> Result<Info<'de>, E> {
                Ok(Info(Cow::Borrowed(word)))
            }
            fn visit_str<E>(self, word: &str) -> Result<Info<'de>, E> {
                Ok(Info(Cow::Owned(word.to_owned())))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut object: A) -> Result<Info<'de>, A::Error> {
                let mut word = Info::default();
                while let Some((key, _)) = object.next_entry::<Text<'de>, serde::de::IgnoredAny>()? {
                    word = Info(key.0);
                }
                Ok(word)
            }
            crate::tolerant_json::otherwise_default! { bool number float null list }
        }

        deserializer.deserialize_any(WordOrKey)
    }
}

/// Codex's words, and the kind of failure that its code means; its words where the code says nothing.
pub(super) fn failure(error: ErrorInfo<'_>) -> (Cow<'_, str>, FailureKind) {
    let kind = match &*error.info.0 {
        "contextWindowExceeded" => FailureKind::ContextWindow,
        "usageLimitExceeded" | "sessionBudgetExceeded" => FailureKind::UsageLimit,
        "rateLimitExceeded" => FailureKind::RateLimit,
        "serverOverloaded" => FailureKind::Overloaded,
        "modelNotFound" => FailureKind::ModelUnavailable,
        "unauthorized" => FailureKind::Unauthorized,
        "httpConnectionFailed"
        | "responseStreamConnectionFailed"
        | "responseStreamDisconnected"
        | "responseTooManyFailedAttempts" => match failure_kind(&error.message.0) {
            FailureKind::Other => FailureKind::Connection,
            // The words name the cause: the limit, the login.
            cause => cause,
        },
        _ => failure_kind(&error.message.0),
    };
    (error.message.0, kind)
}
