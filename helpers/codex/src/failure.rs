//! What kind of failure an error text of Codex means. Codex's exec stream has no error codes, only words; the words here
//! were seen in 0.101 to 0.169. Only texts of error events, and stderr of a Codex that never started, may be asked about: a
//! message of the model may quote anything.

use clodex_core::FailureKind;

/// Whether a text shows one kind of failure.
type Sign = fn(&str) -> bool;

/// First match wins: what names its cause stands before what only tells that the connection ended.
const SIGNS: [(FailureKind, Sign); 9] = [
    (FailureKind::Configuration, is_configuration),
    (FailureKind::Thread, is_thread),
    (FailureKind::ContextWindow, is_context_window),
    (FailureKind::UsageLimit, is_usage_limit),
    (FailureKind::ModelUnavailable, is_model_unavailable),
    (FailureKind::Unauthorized, is_unauthorized),
    (FailureKind::RateLimit, is_rate_limit),
    (FailureKind::Overloaded, is_overloaded),
    (FailureKind::Connection, is_connection),
];

/// The kind of failure that an error text of Codex tells of.
pub fn failure_kind(text: &str) -> FailureKind {
    let text = text.to_lowercase().replace('’', "'");
    SIGNS.iter().find(|(_, sign)| sign(&text)).map_or(FailureKind::Other, |&(kind, _)| kind)
}

/// The kind of failure of a Codex that ended without a single event: all there is are the words on its stderr.
pub fn startup_failure_kind(stderr: &str) -> FailureKind {
    let own_words = stderr.lines().filter(|line| !line.starts_with("Reading additional input"));
    own_words.map(failure_kind).find(|&kind| kind != FailureKind::Other).unwrap_or(FailureKind::Other)
}

fn any_of(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

fn is_configuration(text: &str) -> bool {
    any_of(
        text,
        &["error loading config", "failed to load configuration", "error parsing project config file"],
    )
}

fn is_thread(text: &str) -> bool {
    any_of(text, &["no rollout found for thread", "thread not found", "already has an active writer"])
}

fn is_context_window(text: &str) -> bool {
    any_of(text, &["context_length_exceeded", "model's context window", "maximum context length"])
}

fn is_usage_limit(text: &str) -> bool {
    any_of(
        text,
        &["usage limit", "usage_limit_reached", "quota exceeded", "insufficient_quota", "out of credits"],
    )
}

/// "Unsupported parameter … is not supported with this model" is about the request, another model may well share it.
fn is_model_unavailable(text: &str) -> bool {
    if any_of(text, &["unsupported parameter", "unsupported value", "unsupported_"]) {
        return false;
    }
    let absent = any_of(
        text,
        &["does not exist", "not supported", "not available", "not found", "no access", "not have access"],
    );
    any_of(text, &["model_not_found", "model_not_supported"]) || (absent && text.contains("model"))
}

fn is_unauthorized(text: &str) -> bool {
    any_of(
        text,
        &[
            "401 unauthorized",
            "403 forbidden",
            "missing environment variable",
            "not logged in",
            "log in again",
            "sign in again",
            "invalid_api_key",
            "incorrect api key",
            "token_expired",
        ],
    )
}

fn is_rate_limit(text: &str) -> bool {
    any_of(text, &["429 too many requests", "rate_limit_exceeded", "rate limit"])
}

fn is_overloaded(text: &str) -> bool {
    any_of(text, &["high demand", "at capacity", "overloaded"])
}

fn is_connection(text: &str) -> bool {
    any_of(
        text,
        &[
            "stream disconnected",
            "stream closed",
            "error sending request",
            "connection refused",
            "connection failed",
            "connection reset",
            "waiting for network",
            "idle timeout",
            "dns error",
            "bad gateway",
            "gateway timeout",
            "service unavailable",
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureKind::{
        Configuration, Connection, ContextWindow, ModelUnavailable, Other, Overloaded, RateLimit, Thread,
        Unauthorized, UsageLimit,
    };

    #[test]
    fn the_words_of_the_real_codex_are_told_apart() {
        let texts = [
            (
                UsageLimit,
                "You’ve hit your usage limit. Upgrade to Pro (https://chatgpt.com/explore/pro) or try again at 10:26 PM.",
            ),
            (UsageLimit, "Quota exceeded. Check your plan and billing details."),
            (RateLimit, "exceeded retry limit, last status: 429 Too Many Requests"),
            (
                Unauthorized,
                "unexpected status 401 Unauthorized: Missing bearer, url: http://127.0.0.1:1/v1/responses",
            ),
            (Unauthorized, "Missing environment variable: `MOCK_API_KEY`."),
            (ModelUnavailable, "The requested model 'gpt-0' does not exist."),
            (ModelUnavailable, r#"{"error":{"code":"model_not_found","message":"no"}}"#),
            (ModelUnavailable, "The 'gpt-x' model is not supported when using Codex with a ChatGPT account."),
            (ModelUnavailable, "unexpected status 404 Not Found: model gpt-x, url: http://h/v1/responses"),
            (Other, "Unsupported parameter: 'reasoning.effort' is not supported with this model."),
            (Other, "unexpected status 404 Not Found: , url: http://h/v1/responses"),
            (Overloaded, "We’re currently experiencing high demand, which may cause temporary errors."),
            (Overloaded, "Selected model is at capacity. Please try a different model."),
            (ContextWindow, "Codex ran out of room in the model's context window. Start a new thread."),
            (Connection, "stream disconnected before completion: error sending request for url (http://h/)"),
            (
                Connection,
                "Connection failed: error sending request: tcp connect error: Connection refused (os error 111)",
            ),
            (
                Thread,
                "Error: thread/resume: thread/resume failed: no rollout found for thread id x (code -32600)",
            ),
            (
                Configuration,
                "Error loading configuration: /h/config.toml:1:5: key with no value, expected `=`",
            ),
            (
                Configuration,
                "codex refused `thread/start`: failed to load configuration: /h/config.toml:1:5: no",
            ),
            (
                Configuration,
                "Error: Error parsing project config file /p/.codex/config.toml: TOML parse error",
            ),
            (Thread, "thread 01a already has an active writer (code -32600)"),
            (Other, "Incomplete response returned, reason: max_output_tokens"),
            (Other, ""),
        ];
        for (kind, text) in texts {
            assert_eq!(failure_kind(text), kind, "{text}");
        }
    }

    #[test]
    fn a_start_that_failed_is_judged_line_by_line() {
        let stderr = "Reading additional input from stdin...\nError: thread x already has an active writer (code -32600)\n";
        assert_eq!(startup_failure_kind(stderr), Thread);
        assert_eq!(
            startup_failure_kind(
                "Not inside a trusted directory and --skip-git-repo-check was not specified.\n"
            ),
            Other
        );
    }
}
