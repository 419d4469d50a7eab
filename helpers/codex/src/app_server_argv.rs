//! The command line of `codex app-server` on stdio, for one run: what holds for all of its threads. What holds for the
//! one thread is asked over the connection.

use std::ffi::OsString;
use std::path::Path;

use crate::added_mcp::{AddedMcp, Readiness};
use crate::command_environment::CommandEnvironment;
use crate::config::CodexConfig;
use crate::exec_argv::{Argv, Held};
use crate::toml_text::quoted;
use crate::version::CodexVersion;

/// What is wanted of one app-server.
#[derive(Debug, Clone)]
pub struct AppServerRequest<'a> {
    /// What holds its commands' writes back.
    pub held: Held<'a>,
    /// Where its thread works, and the top of the repository around it; absolute.
    pub places: &'a [&'a Path],
    /// MCP servers of the user's configuration that stay on.
    pub allowed_mcp: &'a [String],
    /// MCP servers that it gets besides.
    pub added_mcp: &'a [AddedMcp],
    /// What its commands find in their environment.
    pub environment: CommandEnvironment<'a>,
}

/// The arguments after `codex`.
pub fn app_server_argv(
    request: &AppServerRequest<'_>,
    config: &CodexConfig,
    version: &CodexVersion,
) -> Vec<OsString> {
    let mut argv = Argv::default();
    argv.words(["app-server"]);
    argv.held(request.held);
    argv.extras_off(config, request.allowed_mcp, version);
    argv.added(request.added_mcp, Readiness::Asked);
    for (key, toml) in request.environment.settings(config) {
        argv.config(&key, &toml);
    }
    argv.trust_stays(request.places, config);
    argv.0
}

impl Argv {
    /// A thread that may write makes Codex trust its work directory: in the user's configuration, for ever, and from then
    /// on with whatever configuration the project brings (seen with 0.150 and 0.169). It leaves alone what has been
    /// decided, so where the user has not, this run does: no, as in `codex exec`.
    fn trust_stays(&mut self, places: &[&Path], config: &CodexConfig) {
        if places.iter().any(|place| config.decides_trust_in(place)) {
            return;
        }
        if let Some(place) = places.first().and_then(|place| place.to_str()) {
            self.config("projects", &format!("{{{}={{trust_level=\"untrusted\"}}}}", quoted(place)));
        }
    }
}

#[cfg(test)]
mod tests {
    use clodex_core::Sandbox;

    use super::*;
    use crate::exec_argv::SlashTmp;

    fn argv(config: &CodexConfig) -> Vec<String> {
        let request = AppServerRequest {
            held: Held::Sandbox(Sandbox::WorkspaceWrite, SlashTmp::Private),
            places: &[Path::new("/w/sub"), Path::new("/w")],
            allowed_mcp: &[],
            added_mcp: &[],
            environment: CommandEnvironment { run_id: "run-1", tmp: Path::new("/t"), pytest_addopts: None },
        };
        let version = CodexVersion::from_output("codex-cli 0.169.0");
        let argv = app_server_argv(&request, config, &version);
        argv.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn it_is_told_what_exec_is_told_and_no_sandbox_flag() {
        let argv = argv(&CodexConfig::default());
        assert_eq!(argv[0], "app-server");
        for wanted in [
            "notify=[]",
            "features.hooks=false",
            "sandbox_workspace_write.network_access=false",
            "projects={\"/w/sub\"={trust_level=\"untrusted\"}}",
        ] {
            assert!(argv.iter().any(|word| word == wanted), "{wanted} in {argv:?}");
        }
        assert!(!argv.iter().any(|word| word == "-s"), "{argv:?}");
    }

    #[test]
    fn what_the_user_has_decided_of_trust_is_left_alone() {
        let mut config = CodexConfig::default();
        config.decided_trust.push("/w".into());
        assert!(!argv(&config).iter().any(|word| word.starts_with("projects=")));
    }
}
