//! Whether there is a Codex to work with, and what to do where there is none. Reads no credential.

use std::env;
use std::path::Path;

use clodex_codex::{CodexConfig, CodexVersion, Login, OLDEST, ask_login, codex_home, locate, probe_version};
use clodex_os::record_store::StateDir;

use crate::places::Places;

/// One line about Codex, and one about what to do where something is missing.
pub fn look(places: &Places) -> (String, Option<String>) {
    let explicit = env::var_os("CLODEX_CODEX").filter(|path| !path.is_empty());
    let path = env::var_os("PATH").unwrap_or_default();
    let Ok(binary) = locate(explicit.as_deref().map(Path::new), &path) else {
        return ("not found".into(), Some("npm install -g @openai/codex, then: codex login".into()));
    };
    let state = places.state.as_ref().map(StateDir::path).filter(|dir| dir.is_dir());
    let version = match probe_version(&binary, state) {
        Ok(CodexVersion::Known(_, text)) => text,
        Ok(CodexVersion::Unreadable(_)) => "of unknown version".into(),
        Ok(CodexVersion::TooOld(old)) => {
            let update = format!("npm install -g @openai/codex@latest (at least {OLDEST} is needed)");
            return (format!("{old}, too old"), Some(update));
        }
        Err(error) => {
            return (format!("does not start: {error}"), Some("npm install -g @openai/codex@latest".into()));
        }
    };
    let home = codex_home();
    let here = env::current_dir().unwrap_or_default();
    let config = home.map(|home| CodexConfig::read(&home, &here)).unwrap_or_default();
    match ask_login(&binary, &config) {
        Login::LoggedIn => (format!("{version}, logged in"), None),
        Login::NotNeeded => (format!("{version}, needs no login"), None),
        Login::Unknown => (format!("{version}, login not known"), None),
        Login::Misconfigured(said) => {
            (format!("{version}, cannot read its configuration: {said}"), Some("correct that file".into()))
        }
        Login::NotLoggedIn => (format!("{version}, not logged in"), Some("codex login".into())),
    }
}
