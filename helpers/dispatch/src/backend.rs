//! Which of Codex's programs drives a run: decided once the installed Codex is known, by what was wished for and what it
//! is known to be good at.

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
    pub fn choose(plan: &Plan, codex: &Codex) -> Result<Self, Refusal> {
        let is_text = plan.workdir.to_str().is_some();
        match plan.backend {
            Backend::Auto if codex.version.drives_well_over_the_app_server() && is_text => {
                Ok(Self::AppServer { replaceable: true })
            }
            Backend::Auto | Backend::Exec => Ok(Self::Exec),
            Backend::AppServer if !is_text => Err(Refusal::usage(
                format!("codex's app-server cannot be told of `{}`: it is no UTF-8", plan.workdir.display()),
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

    /// The word of the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exec => Backend::Exec.as_str(),
            Self::AppServer { .. } => Backend::AppServer.as_str(),
        }
    }
}
