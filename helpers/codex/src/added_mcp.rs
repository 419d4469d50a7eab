//! An MCP server that one run gets besides those of the user's configuration, and how Codex is told of it.

use crate::exec_argv::Argv;
use crate::toml_text::quoted;

/// An MCP server, by the command line that starts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedMcp {
    /// As its tools are called.
    pub name: String,
    /// For `/bin/sh -c`.
    pub command: String,
}

/// Who sees to it that a server is ready before the model is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Codex, which ends when it is not.
    Required,
    /// Whoever drives it.
    Asked,
}

impl AddedMcp {
    /// Reads `NAME=COMMAND`; else what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let (name, command) = text.split_once('=').ok_or("expected NAME=COMMAND")?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(format!("`{name}` cannot name an MCP server: letters, digits, `-` and `_` can"));
        }
        if command.trim().is_empty() {
            return Err(format!("MCP server `{name}` has no command"));
        }
        Ok(Self { name: name.to_owned(), command: command.to_owned() })
    }
}

impl Argv {
    /// Nobody is there to approve of each call, and who names a server on the command line means it.
    pub(crate) fn added(&mut self, servers: &[AddedMcp], readiness: Readiness) {
        for server in servers {
            let command = quoted(&server.command);
            let required = readiness == Readiness::Required;
            self.config(
                &format!("mcp_servers.{}", server.name),
                &format!(
                    "{{command=\"/bin/sh\",args=[\"-c\",{command}],required={required},default_tools_approval_mode=\"approve\"}}"
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_command_line_are_read_and_told_to_codex() {
        let server = AddedMcp::read("docs=python3 -m docs --path=\"a b\"").unwrap();
        assert_eq!(
            (server.name.as_str(), server.command.as_str()),
            ("docs", "python3 -m docs --path=\"a b\"")
        );
        let mut argv = Argv::default();
        argv.added(&[server], Readiness::Required);
        let toml: toml::Table = argv.0[1].to_str().unwrap().parse().unwrap();
        let told = &toml["mcp_servers"]["docs"];
        assert_eq!(told["args"][1].as_str(), Some("python3 -m docs --path=\"a b\""));
        assert_eq!(told["required"].as_bool(), Some(true));
    }

    #[test]
    fn what_is_no_server_is_refused_by_what_is_wrong() {
        for text in ["docs", "=x", "a.b=x", "docs= "] {
            assert!(AddedMcp::read(text).is_err(), "{text}");
        }
    }
}
