//! Whether Codex can talk to its model at all, from `codex login status` and the configuration. Only for hints: what
//! counts is whether the turn works. No credential is read.

use std::path::Path;
use std::time::Duration;

use clodex_core::FailureKind;
use clodex_os::{ExitKind, ShortCommand};

use crate::config::CodexConfig;
use crate::failure::startup_failure_kind;
use crate::stderr_words::said_on_stderr;

/// How long `codex login status` may take; it takes milliseconds.
const LIMIT: Duration = Duration::from_secs(5);

/// What is known of the login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// `codex login status` says so.
    LoggedIn,
    /// It says the opposite, and nothing else could do instead.
    NotLoggedIn,
    /// The configured model provider wants none.
    NotNeeded,
    /// Codex cannot read its configuration, in its own words, and starts nothing.
    Misconfigured(String),
    /// It cannot be told.
    Unknown,
}

/// Whether `CODEX_API_KEY` or `OPENAI_API_KEY` is set, which `codex login status` does not look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ApiKey {
    /// One of them is.
    InEnvironment,
    /// Neither is.
    Absent,
}

/// Whether `codex exec` takes an API key from the environment instead of the account that is logged in; the app-server
/// never does (both measured with 0.169).
pub fn exec_has_key_in_environment() -> bool {
    is_set("CODEX_API_KEY")
}

/// Asks the binary whether somebody is logged in.
pub fn ask_login(binary: &Path, config: &CodexConfig) -> Login {
    let Ok(asked) = ShortCommand::new(binary, LIMIT).args(["login", "status"]).run() else {
        return Login::Unknown;
    };
    let code = match asked.status {
        ExitKind::Exit(code) => Some(code),
        ExitKind::Signal(_) => None,
    };
    let said = String::from_utf8_lossy(&asked.stderr);
    let key = if is_set("CODEX_API_KEY") || is_set("OPENAI_API_KEY") {
        ApiKey::InEnvironment
    } else {
        ApiKey::Absent
    };
    misconfigured(code, &said).unwrap_or_else(|| login_state(code, config, key))
}

/// That is no login that is missing, and ends with the same code.
fn misconfigured(exit_code: Option<i32>, stderr: &str) -> Option<Login> {
    let is_so = exit_code != Some(0) && startup_failure_kind(stderr) == FailureKind::Configuration;
    is_so.then(|| Login::Misconfigured(said_on_stderr(stderr).unwrap_or_default()))
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Judges by the exit code of `codex login status` (none: it was killed or did not start): 0 = logged in, 1 = not.
fn login_state(exit_code: Option<i32>, config: &CodexConfig, key: ApiKey) -> Login {
    if !config.needs_login() {
        return Login::NotNeeded;
    }
    match (exit_code, key) {
        (Some(0), _) => Login::LoggedIn,
        (Some(1), ApiKey::Absent) => Login::NotLoggedIn,
        _ => Login::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_of_the_users_own_needs_no_login_unless_it_says_so() {
        let custom = CodexConfig { model_provider: Some("mock".into()), ..CodexConfig::default() };
        assert_eq!(login_state(Some(1), &custom, ApiKey::Absent), Login::NotNeeded);
        let proxy = CodexConfig { login_providers: vec!["mock".into()], ..custom };
        assert_eq!(login_state(Some(1), &proxy, ApiKey::Absent), Login::NotLoggedIn);
    }

    #[test]
    fn a_configuration_that_cannot_be_read_is_no_missing_login() {
        let said = "Error loading configuration: /h/config.toml:1:5: key with no value, expected `=`\n";
        assert_eq!(misconfigured(Some(1), said), Some(Login::Misconfigured(said.trim().to_owned())));
        assert_eq!(misconfigured(Some(1), "Not logged in\n"), None);
    }

    #[test]
    fn only_a_clear_answer_is_taken_for_one() {
        let config = CodexConfig::default();
        assert_eq!(login_state(Some(0), &config, ApiKey::Absent), Login::LoggedIn);
        assert_eq!(login_state(Some(1), &config, ApiKey::Absent), Login::NotLoggedIn);
        assert_eq!(login_state(Some(1), &config, ApiKey::InEnvironment), Login::Unknown);
        assert_eq!(login_state(Some(2), &config, ApiKey::Absent), Login::Unknown);
        assert_eq!(login_state(None, &config, ApiKey::Absent), Login::Unknown);
    }
}
