//! Which of Codex's programs drives a run: decided once the installed Codex is known, by what was wished for and what it
//! is known to be good at.

use clodex_codex::{CodexConfig, exec_has_key_in_environment};
use clodex_core::Backend;

use crate::codex_start::Codex;
use crate::plan::Plan;
use crate::refusal::Refusal;

/// What drives a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// `codex exec --json`.
    Exec,
    /// `codex app-server`.
    AppServer {
        /// Whether `codex exec` may take its place when it cannot be talked to.
        replaceable: bool,
    },
}

impl Driver {
    /// Decides.
    pub fn choose(plan: &Plan, codex: &Codex, config: &CodexConfig) -> Result<Self, Refusal> {
        match plan.backend {
            Backend::Auto if against_the_app_server(plan, codex, config).is_none() => {
                Ok(Self::AppServer { replaceable: true })
            }
            Backend::Auto | Backend::Exec => Ok(Self::Exec),
            Backend::AppServer if plan.workdir.to_str().is_none() => Err(Refusal::usage(
                format!(
                    "codex's app-server cannot be told of `{}`: it is not valid UTF-8",
                    plan.workdir.display()
                ),
                "leave `--backend` out",
            )),
            Backend::AppServer if codex.version.speaks_another_app_server_protocol() => {
                let version = codex.version.text().unwrap_or_default();
                Err(Refusal::unreachable(
                    format!("the app-server of codex {version} speaks another protocol, 0.124 does not"),
                    "update with `npm install -g @openai/codex@latest`, or leave `--backend` out",
                ))
            }
            Backend::AppServer => Ok(Self::AppServer { replaceable: false }),
        }
    }

    /// Why it is not the app-server, where nobody named it.
    pub fn note(self, plan: &Plan, codex: &Codex, config: &CodexConfig) -> Option<String> {
        let is_of_auto = (plan.backend, self) == (Backend::Auto, Self::Exec);
        let why = against_the_app_server(plan, codex, config).filter(|_| is_of_auto)?;
        Some(format!("uses `codex exec`, which takes no messages while it runs: {why}"))
    }

    /// The word of the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exec => Backend::Exec.as_str(),
            Self::AppServer { .. } => Backend::AppServer.as_str(),
        }
    }
}

/// What keeps `auto` from it.
fn against_the_app_server(plan: &Plan, codex: &Codex, config: &CodexConfig) -> Option<String> {
    if !codex.version.drives_well_over_the_app_server() {
        let version = codex.version.text().unwrap_or_else(|| "of unknown version".to_owned());
        return Some(format!("the app-server of codex {version} is not known to be good, that of 0.150 is"));
    }
    if plan.workdir.to_str().is_none() {
        return Some("an app-server cannot be told of a work directory that is not valid UTF-8".to_owned());
    }
    if config.needs_login() && exec_has_key_in_environment() {
        return Some("CODEX_API_KEY is set, and an app-server does not look at it".to_owned());
    }
    None
}
