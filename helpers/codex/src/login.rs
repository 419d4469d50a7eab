//! Whether Codex can talk to its model at all, from `codex login status` and the configuration. Only for hints: what counts is whether the
//! turn works. No credential is read.

use std::path::Path;
use std::time::Duration;

use clodex_os::{ExitKind, ShortCommand};

use crate::config::CodexConfig;

/// How long `codex login status` may take; it takes milliseconds.
const LIMIT: Duration = Duration::from_secs(5);

/// What is known of the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// `codex login status` says so.
    LoggedIn,
    /// It says the opposite, and nothing else could do instead.
    NotLoggedIn,
    /// The configured model provider wants none.
    NotNeeded,
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
    let asked = ShortCommand::new(binary, LIMIT).args(["login", "status"]).run();
    let code = match asked.map(|finished| finished.status) {
        Ok(ExitKind::Exit(code)) => Some(code),
        Ok(ExitKind::Signal(_)) | Err(_) => None,
    };
    let key = if is_set("CODEX_API_KEY") || is_set("OPENAI_API_KEY") {
        ApiKey::InEnvironment
    } else {
        ApiKey::Absent
    };
    login_state(code, config, key)
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
    fn only_a_clear_answer_is_taken_for_one() {
        let config = CodexConfig::default();
        assert_eq!(login_state(Some(0), &config, ApiKey::Absent), Login::LoggedIn);
        assert_eq!(login_state(Some(1), &config, ApiKey::Absent), Login::NotLoggedIn);
        assert_eq!(login_state(Some(1), &config, ApiKey::InEnvironment), Login::Unknown);
        assert_eq!(login_state(Some(2), &config, ApiKey::Absent), Login::Unknown);
        assert_eq!(login_state(None, &config, ApiKey::Absent), Login::Unknown);
    }
}
