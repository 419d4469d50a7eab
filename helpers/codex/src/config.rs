//! What of the user's Codex configuration concerns a run: what would run outside the sandbox (MCP servers), what would
//! reach the commands' environment, and whether a login is needed. Read only, never written, no credentials: values of
//! the environment are not looked at.
//!
//! Codex merges layers: `/etc/codex/config.toml`, `$CODEX_HOME/config.toml`, then `.codex/config.toml` of trusted
//! projects. We read them all, trusted or not: to switch off a server that is not loaded does no harm.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The machine's layer.
const OF_MACHINE: &str = "/etc/codex/config.toml";

/// The parts of the layered configuration that a run has to know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodexConfig {
    /// MCP servers by name.
    pub mcp_servers: BTreeMap<String, McpTransport>,
    /// Names of environment variables that carry credentials of model providers.
    pub provider_keys: Vec<String>,
    /// `shell_environment_policy.exclude` of the user.
    pub env_exclude: Vec<String>,
    /// `shell_environment_policy.include_only` of the user; empty = not set.
    pub env_include_only: Vec<String>,
    /// The model provider in use, when it is not the built-in one.
    pub model_provider: Option<String>,
    /// Domains to which `features.network_proxy` opens the network of every profile.
    pub network_domains: Vec<String>,
    /// Model providers of the user's that want a login all the same (`requires_openai_auth`).
    pub login_providers: Vec<String>,
    /// Projects that the user trusts or has decided not to trust. A project's own file has no say in it.
    pub decided_trust: Vec<PathBuf>,
    /// Whether the user or the machine decides when Codex asks before it acts (`approval_policy`). A project has no say
    /// in it, either, as long as it is not trusted.
    pub decides_approvals: bool,
    /// Files that are there and cannot be read, with the reason.
    pub unreadable: Vec<String>,
}

/// How an MCP server is reached. Codex refuses to hear of a server without one, even to switch it off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum McpTransport {
    /// A program that Codex starts, outside its sandbox.
    Command(String),
    /// A server that Codex connects to.
    Url(String),
}

/// Whose a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LayerOf {
    Machine,
    User,
    Project,
}

impl CodexConfig {
    /// Reads all layers that can apply to a run in `workdir`. Missing files are normal, broken ones are noted.
    pub fn read(codex_home: &Path, workdir: &Path) -> Self {
        let mut config = Self::default();
        for path in layers(codex_home, workdir) {
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    let of = match &path {
                        path if path.starts_with(codex_home) => LayerOf::User,
                        path if path == Path::new(OF_MACHINE) => LayerOf::Machine,
                        _ => LayerOf::Project,
                    };
                    if let Err(error) = config.add_layer(&text, of) {
                        config.unreadable.push(format!("{}: {error}", path.display()));
                    }
                }
                Err(error) if is_absent(&error) => {}
                Err(error) => config.unreadable.push(format!("{}: {error}", path.display())),
            }
        }
        config
    }

    /// Adds one file's text to what is known so far.
    fn add_layer(&mut self, text: &str, of: LayerOf) -> Result<(), String> {
        let layer: toml::Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
        if of == LayerOf::User {
            let decided =
                tables(&layer, "projects").filter(|(_, project)| project.contains_key("trust_level"));
            self.decided_trust.extend(decided.map(|(path, _)| PathBuf::from(path)));
        }
        if of != LayerOf::Project {
            self.decides_approvals |= decides_approvals(&layer);
        }
        for (name, server) in tables(&layer, "mcp_servers") {
            let text_of = |key: &str| server.get(key).and_then(toml::Value::as_str).map(str::to_owned);
            let transport = text_of("url").map(McpTransport::Url);
            if let Some(transport) = transport.or_else(|| text_of("command").map(McpTransport::Command)) {
                self.mcp_servers.insert(name.clone(), transport);
            }
        }
        for (name, provider) in tables(&layer, "model_providers") {
            if provider.get("requires_openai_auth").and_then(toml::Value::as_bool) == Some(true) {
                self.login_providers.push(name.clone());
            }
            self.provider_keys
                .extend(provider.get("env_key").and_then(toml::Value::as_str).map(str::to_owned));
            let headers = provider.get("env_http_headers").and_then(toml::Value::as_table);
            let names = headers.into_iter().flat_map(toml::Table::values).filter_map(toml::Value::as_str);
            self.provider_keys.extend(names.map(str::to_owned));
        }
        self.network_domains.extend(proxy_domains(&layer));
        if let Some(policy) = layer.get("shell_environment_policy").and_then(toml::Value::as_table) {
            self.env_exclude.extend(texts(policy, "exclude"));
            self.env_include_only.extend(texts(policy, "include_only"));
        }
        if let Some(provider) = layer.get("model_provider").and_then(toml::Value::as_str) {
            self.model_provider = (provider != "openai").then(|| provider.to_owned());
        }
        Ok(())
    }

    /// Whether the model provider in use wants a login to OpenAI.
    pub fn needs_login(&self) -> bool {
        self.model_provider.as_ref().is_none_or(|provider| self.login_providers.contains(provider))
    }

    /// Whether the user has decided whether this directory, or the repository that it lies in, is trusted.
    pub fn decides_trust_in(&self, place: &Path) -> bool {
        decides_trust(place, |place| self.decided_trust.iter().any(|decided| decided == place))
    }

    /// Names that a packet allows and no layer knows.
    pub fn unknown_mcp_servers<'n>(&self, allowed: &'n [String]) -> Vec<&'n str> {
        let unknown = |name: &&String| !self.mcp_servers.contains_key(*name);
        allowed.iter().filter(unknown).map(String::as_str).collect()
    }
}

/// Whether it says when Codex asks, itself or by the profile that it chooses.
fn decides_approvals(layer: &toml::Table) -> bool {
    let chosen = layer.get("profile").and_then(toml::Value::as_str);
    let mut profiles = tables(layer, "profiles").filter(|(name, _)| chosen == Some(name.as_str()));
    let says = |layer: &toml::Table| layer.contains_key("approval_policy");
    says(layer) || profiles.any(|(_, profile)| says(profile))
}

/// Whether it is decided of this directory, or of the repository that it lies in, whether it is trusted.
pub(crate) fn decides_trust(place: &Path, is_decided: impl Fn(&Path) -> bool) -> bool {
    let repository = place.ancestors().find(|directory| directory.join(".git").exists());
    is_decided(place) || repository.is_some_and(is_decided)
}

fn proxy_domains(layer: &toml::Table) -> Vec<String> {
    let domains =
        layer.get("features").and_then(|features| features.get("network_proxy")?.get("domains")?.as_table());
    let allowed = |(_, access): &(&String, &toml::Value)| access.as_str() != Some("deny");
    domains.into_iter().flatten().filter(allowed).map(|(name, _)| name.clone()).collect()
}

/// Codex's home: `$CODEX_HOME`, else `~/.codex`. Absent when neither variable is set.
pub fn codex_home() -> Option<PathBuf> {
    home_of(std::env::var_os("CODEX_HOME").as_deref(), std::env::var_os("HOME").as_deref())
}

fn home_of(codex_home: Option<&std::ffi::OsStr>, home: Option<&std::ffi::OsStr>) -> Option<PathBuf> {
    match codex_home {
        Some(path) if !path.is_empty() => Some(PathBuf::from(path)),
        _ => home.filter(|path| !path.is_empty()).map(|path| Path::new(path).join(".codex")),
    }
}

fn layers(codex_home: &Path, workdir: &Path) -> Vec<PathBuf> {
    let mut layers = vec![PathBuf::from(OF_MACHINE), codex_home.join("config.toml")];
    let ancestors: Vec<&Path> = workdir.ancestors().collect();
    layers.extend(ancestors.into_iter().rev().map(|dir| dir.join(".codex/config.toml")));
    layers
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

fn tables<'t>(layer: &'t toml::Table, key: &str) -> impl Iterator<Item = (&'t String, &'t toml::Table)> {
    let entries = layer.get(key).and_then(toml::Value::as_table).into_iter().flatten();
    entries.filter_map(|(name, value)| value.as_table().map(|table| (name, table)))
}

fn texts(table: &toml::Table, key: &str) -> Vec<String> {
    let list = table.get(key).and_then(toml::Value::as_array).into_iter().flatten();
    list.filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_keys_and_policy_are_collected_from_all_layers() {
        let home = tempfile::tempdir().unwrap();
        let work = tempfile::tempdir().unwrap();
        std::fs::write(
            home.path().join("config.toml"),
            r#"
            model_provider = "mock"
            model_providers.mock = { name = "m", env_key = "MOCK_PASS", env_http_headers = { X = "MOCK_ORG" } }
            shell_environment_policy = { inherit = "core", exclude = ["HOME"], include_only = ["PATH"] }
            mcp_servers.m = { command = "python3", args = ["x"] }
            mcp_servers."dotted.name" = { url = "http://h/mcp" }
            mcp_servers.strange = 7
            projects."/trusted".trust_level = "trusted"
            projects."/known" = {}
            "#,
        )
        .unwrap();
        let inner = work.path().join("a/b");
        std::fs::create_dir_all(work.path().join(".codex")).unwrap();
        std::fs::create_dir_all(&inner).unwrap();
        let of_project = "mcp_servers.p.command = 'p'\nprojects.'/own'.trust_level = 'trusted'";
        std::fs::write(work.path().join(".codex/config.toml"), of_project).unwrap();
        std::fs::create_dir_all(inner.join(".codex")).unwrap();
        std::fs::write(inner.join(".codex/config.toml"), "not toml").unwrap();

        let config = CodexConfig::read(home.path(), &inner);
        let servers = [
            ("dotted.name", McpTransport::Url("http://h/mcp".into())),
            ("m", McpTransport::Command("python3".into())),
            ("p", McpTransport::Command("p".into())),
        ];
        assert_eq!(config.mcp_servers, servers.map(|(name, how)| (name.to_owned(), how)).into());
        assert_eq!(config.provider_keys, ["MOCK_PASS", "MOCK_ORG"]);
        assert_eq!(config.env_exclude, ["HOME"]);
        assert_eq!(config.env_include_only, ["PATH"]);
        assert_eq!(config.model_provider.as_deref(), Some("mock"));
        assert_eq!(config.decided_trust, [Path::new("/trusted")]);
        assert_eq!(config.unreadable.len(), 1, "{:?}", config.unreadable);
        assert_eq!(config.unknown_mcp_servers(&["m".into(), "q".into()]), ["q"]);
    }

    #[test]
    fn trust_is_decided_of_a_directory_or_of_its_repository() {
        let folder = tempfile::tempdir().unwrap();
        let (repo, sub) = (folder.path().join("repo"), folder.path().join("repo/sub"));
        std::fs::create_dir_all(repo.join(".git")).unwrap();
        std::fs::create_dir(&sub).unwrap();
        let of =
            |place: &Path| CodexConfig { decided_trust: vec![place.to_owned()], ..CodexConfig::default() };
        assert!(of(&repo).decides_trust_in(&sub) && of(&sub).decides_trust_in(&sub));
        assert!(!of(folder.path()).decides_trust_in(&sub) && !of(&repo).decides_trust_in(Path::new("/x")));
    }

    #[test]
    fn when_codex_asks_is_decided_by_the_user_and_not_by_a_project() {
        let decides = |text: &str, of: LayerOf| {
            let mut config = CodexConfig::default();
            config.add_layer(text, of).unwrap();
            config.decides_approvals
        };
        let granular = "approval_policy = { granular = { sandbox_approval = false } }";
        for text in ["approval_policy = 'never'", granular] {
            assert!(decides(text, LayerOf::User) && decides(text, LayerOf::Machine), "{text}");
            assert!(!decides(text, LayerOf::Project), "{text}");
        }
        let profiles = "profiles.strict.approval_policy = 'untrusted'\nprofiles.other.model = 'm'";
        assert!(decides(&format!("profile = 'strict'\n{profiles}"), LayerOf::User));
        assert!(!decides(profiles, LayerOf::User));
        assert!(!decides(&format!("profile = 'other'\n{profiles}"), LayerOf::User));
    }

    #[test]
    fn codex_home_falls_back_to_the_home_directory() {
        let os = std::ffi::OsStr::new;
        assert_eq!(home_of(Some(os("/c")), Some(os("/h"))), Some("/c".into()));
        assert_eq!(home_of(Some(os("")), Some(os("/h"))), Some("/h/.codex".into()));
        assert_eq!(home_of(None, None), None);
    }
}
