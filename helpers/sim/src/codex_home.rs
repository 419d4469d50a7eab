//! Writes a CODEX_HOME whose model is a scripted one on this machine.
//! Knows Codex's `config.toml` keys; knows nothing of scripts.

use std::path::Path;
use std::{fs, io};

/// The name of the provider and the model that the written configuration selects.
/// `gpt-5.5` is a model for which Codex offers the free-form `apply_patch` tool and no code mode.
pub const MODEL: &str = "gpt-5.5";

/// What goes into a test's `config.toml`.
#[derive(Debug, Clone)]
pub struct CodexHome {
    port: u16,
    env_key: Option<String>,
    provider: Vec<String>,
    top: String,
    sections: String,
}

impl CodexHome {
    /// The model listens on `port` of the loopback interface.
    pub fn new(port: u16) -> Self {
        Self { port, env_key: None, provider: Vec::new(), top: String::new(), sections: String::new() }
    }

    /// Codex takes the provider's key from this environment variable, and fails without it.
    #[must_use]
    pub fn env_key(mut self, name: &str) -> Self {
        self.env_key = Some(name.to_owned());
        self
    }

    /// Adds one `key = value` line to the provider, e.g. `stream_idle_timeout_ms = 3000`.
    #[must_use]
    pub fn provider_line(mut self, line: &str) -> Self {
        self.provider.push(line.to_owned());
        self
    }

    /// Adds lines before all sections, e.g. `chatgpt_base_url = "…"`.
    #[must_use]
    pub fn top_line(mut self, line: &str) -> Self {
        self.top.push_str(line);
        self.top.push('\n');
        self
    }

    /// Adds whole TOML sections at the end, e.g. an MCP server.
    #[must_use]
    pub fn sections(mut self, toml: &str) -> Self {
        self.sections.push_str(toml);
        self.sections.push('\n');
        self
    }

    /// The text of `config.toml`.
    pub fn to_toml(&self) -> String {
        let mut provider = vec![
            "name = \"mock\"".to_owned(),
            format!("base_url = \"http://127.0.0.1:{}/v1\"", self.port),
            "wire_api = \"responses\"".to_owned(),
            // Otherwise Codex tries WebSockets first, five times.
            "supports_websockets = false".to_owned(),
        ];
        provider.extend(self.env_key.iter().map(|name| format!("env_key = \"{name}\"")));
        provider.extend(self.provider.iter().cloned());
        format!(
            "model = \"{MODEL}\"\nmodel_provider = \"mock\"\n{}\n[model_providers.mock]\n{}\n\n{}",
            self.top,
            provider.join("\n"),
            self.sections
        )
    }

    /// Writes `config.toml` into `dir`, which is made if it does not exist.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        fs::write(dir.join("config.toml"), self.to_toml())
    }
}

/// Writes the plain configuration for a model on `port` into `dir`.
pub fn write_codex_home(dir: &Path, port: u16) -> io::Result<()> {
    CodexHome::new(port).write(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_lines_stay_in_the_provider_and_sections_come_after() {
        let toml = CodexHome::new(7)
            .sections("[mcp_servers.m]\ncommand = \"x\"")
            .provider_line("stream_max_retries = 1")
            .env_key("MOCK_KEY")
            .to_toml();
        assert_eq!(
            toml,
            "model = \"gpt-5.5\"\nmodel_provider = \"mock\"\n\n[model_providers.mock]\nname = \"mock\"\n\
             base_url = \"http://127.0.0.1:7/v1\"\nwire_api = \"responses\"\nsupports_websockets = false\n\
             env_key = \"MOCK_KEY\"\nstream_max_retries = 1\n\n[mcp_servers.m]\ncommand = \"x\"\n"
        );
    }
}
