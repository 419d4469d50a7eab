//! A permission profile: what Codex's sandbox lets the commands of a run write, read and reach. Owns how Codex wants to
//! be told; what is granted is decided elsewhere.
//!
//! All of it was tried with Codex 0.169. A profile of the same name in the user's configuration would be merged into
//! ours key by key, and so could widen it: each run's profile has a name that nobody could have written before. Without
//! the network proxy `network.enabled` opens everything, with it nothing but what `domains` allows; the proxy is what
//! gives commands a loopback and unix sockets of their own.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clodex_core::{Access, Grants, Network};
use serde_json::json;

use crate::command_environment::CommandEnvironment;
use crate::config::CodexConfig;
use crate::deny_read::is_glob;
use crate::exec_argv::SlashTmp;
use crate::toml_text::quoted;

/// A longer argument is refused by Linux; a shorter one slows every command down.
const MAX_BYTES: usize = 100_000;
/// Sockets of services of the host that would work outside the sandbox for whoever reaches them.
const HOST_SOCKETS: &str = "/run";

/// What a profile is made from.
#[derive(Debug, Clone, Copy)]
pub struct ProfileRequest<'a> {
    /// Id of the run, or another text that no configuration could know.
    pub id: &'a str,
    /// What may be written; everything else may be read.
    pub grants: &'a Grants,
    /// Absolute paths and globs (`*`, `**`) that may not even be read.
    pub deny: &'a [PathBuf],
    /// What may be reached.
    pub network: &'a Network,
    /// What `/tmp` is for this run.
    pub slash_tmp: SlashTmp,
    /// Where it works.
    pub workdir: &'a Path,
}

/// A profile as Codex is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    name: String,
    filesystem: String,
    network: String,
    proxy: bool,
    notes: Vec<String>,
}

/// Why a profile cannot be told to Codex.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Inexpressible {
    /// Codex reads TOML, which is UTF-8.
    #[error("`{}` is not valid UTF-8", .0.display())]
    NotUtf8(PathBuf),
    /// Codex allows globs to be denied only.
    #[error("codex takes `{}` for a glob", .0.display())]
    Glob(PathBuf),
    /// Too many paths for one argument.
    #[error("its paths are {0} bytes together")]
    TooLong(usize),
}

impl Profile {
    /// Writes the profile. `config` is the user's, whose own network rules Codex would add to ours.
    pub fn new(request: &ProfileRequest<'_>, config: &CodexConfig) -> Result<Self, Inexpressible> {
        let filesystem = filesystem(request)?;
        if filesystem.len() > MAX_BYTES {
            return Err(Inexpressible::TooLong(filesystem.len()));
        }
        let theirs = config.network_domains.join(", ");
        let mut notes = Vec::new();
        // Codex cannot be told to forget them, so what is to be off is off without the proxy.
        let proxy = match (request.network, theirs.is_empty()) {
            (Network::Off, false) => {
                notes.push(format!(
                    "the network proxy is off, and loopback with it: Codex's configuration opens it to {theirs}"
                ));
                false
            }
            (Network::On | Network::Domains(_), false) => {
                notes.push(format!("Codex's configuration opens the network to {theirs}, too"));
                true
            }
            (Network::Off | Network::On | Network::Domains(_), true) => true,
        };
        let network = network(request.network, proxy);
        Ok(Self { name: format!("clodex-{}", request.id), filesystem, network, proxy, notes })
    }

    /// The name by which Codex knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its maker should tell the user.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The `config` of a thread that is started, resumed or forked with this profile.
    pub fn thread_config(&self) -> serde_json::Map<String, serde_json::Value> {
        let read = |toml: &str| {
            let table = format!("it={toml}").parse::<toml::Table>().expect("it was written as TOML just now");
            serde_json::to_value(&table["it"]).expect("texts, tables and booleans can be written as JSON")
        };
        let ours = json!({ "filesystem": read(&self.filesystem), "network": read(&self.network) });
        let mut config = serde_json::Map::new();
        config.insert("permissions".to_owned(), json!({ &self.name: ours }));
        config.insert("features.network_proxy".to_owned(), json!(self.proxy));
        config
    }

    /// The `-c` arguments of `codex exec`. `-s` must not be given beside them: Codex would silently prefer it.
    pub fn config_args(&self) -> Vec<OsString> {
        let settings = [
            ("default_permissions".to_owned(), quoted(&self.name)),
            (format!("permissions.{}.filesystem", self.name), self.filesystem.clone()),
            (format!("permissions.{}.network", self.name), self.network.clone()),
            ("features.network_proxy".to_owned(), self.proxy.to_string()),
        ];
        let args = settings.into_iter().flat_map(|(key, toml)| ["-c".to_owned(), format!("{key}={toml}")]);
        args.map(OsString::from).collect()
    }

    /// The arguments after `codex` that run a command in this profile without any model, in this environment or in the
    /// caller's.
    pub fn sandbox_argv(
        &self,
        workdir: &Path,
        environment: Option<(&CommandEnvironment<'_>, &CodexConfig)>,
        command: &[OsString],
    ) -> Vec<OsString> {
        let mut argv: Vec<OsString> =
            vec!["sandbox".into(), "-P".into(), self.name.clone().into(), "-C".into()];
        argv.push(workdir.into());
        argv.extend(self.config_args());
        let settings = environment.map(|(environment, config)| environment.settings(config));
        for (key, toml) in settings.into_iter().flatten() {
            argv.extend(["-c".into(), format!("{key}={toml}").into()]);
        }
        argv.push("--".into());
        argv.extend(command.iter().cloned());
        argv
    }
}

fn filesystem(request: &ProfileRequest<'_>) -> Result<String, Inexpressible> {
    let mut toml = String::from("{\":root\"=\"read\",\":tmpdir\"=\"write\"");
    if request.slash_tmp == SlashTmp::Private {
        toml.push_str(",\":slash_tmp\"=\"write\"");
    }
    let mut add = |path: &Path, access: Access| {
        let text = path.to_str().ok_or_else(|| Inexpressible::NotUtf8(path.to_owned()))?;
        let _ = write!(toml, ",{}={}", quoted(text), quoted(access.as_str()));
        Ok(())
    };
    if cfg!(target_os = "linux") && Path::new(HOST_SOCKETS).is_dir() {
        add(Path::new(HOST_SOCKETS), Access::Deny)?;
        if request.workdir.starts_with(HOST_SOCKETS) {
            add(request.workdir, Access::Read)?;
        }
    }
    for (path, access) in request.grants.iter() {
        if is_glob(path) {
            return Err(Inexpressible::Glob(path.to_owned()));
        }
        add(path, access)?;
    }
    for path in request.deny {
        add(path, Access::Deny)?;
    }
    toml.push('}');
    Ok(toml)
}

fn network(wish: &Network, proxy: bool) -> String {
    if !proxy {
        return "{enabled=false}".to_owned();
    }
    let base = "enabled=true,dangerously_allow_all_unix_sockets=true";
    match wish {
        // Lets HTTP clients pass the proxy by for the sandbox's own loopback. The host's stays closed, because no domain
        // is allowed; where one is, its name could lead there. A sandbox of macOS has no loopback of its own.
        Network::Off => format!("{{{base},allow_local_binding={}}}", cfg!(target_os = "linux")),
        Network::On => format!("{{{base},allow_local_binding=false,domains={{\"*\"=\"allow\"}}}}"),
        Network::Domains(domains) => {
            let allowed: Vec<String> =
                domains.iter().map(|name| format!("{}=\"allow\"", quoted(name))).collect();
            format!("{{{base},allow_local_binding=false,domains={{{}}}}}", allowed.join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    fn grants() -> Grants {
        let mut grants = Grants::default();
        grants.set("/w/src", Access::Write);
        grants.set("/w/src/a \"b\"", Access::Read);
        grants
    }

    fn profile(grants: &Grants, network: &Network, config: &CodexConfig) -> Result<Profile, Inexpressible> {
        let request = ProfileRequest {
            id: "x1",
            grants,
            deny: &["/w/**/.env".into()],
            network,
            slash_tmp: SlashTmp::Private,
            workdir: Path::new("/w"),
        };
        Profile::new(&request, config)
    }

    /// The settings as Codex will read them.
    fn read(profile: &Profile) -> toml::Table {
        let words: Vec<String> =
            profile.config_args().into_iter().map(|word| word.into_string().unwrap()).collect();
        let text =
            words.iter().filter(|word| *word != "-c").fold(String::new(), |text, word| text + word + "\n");
        text.parse().unwrap()
    }

    #[test]
    fn the_profile_reads_as_tried() {
        let config = read(&profile(&grants(), &Network::Off, &CodexConfig::default()).unwrap());
        assert_eq!(config["default_permissions"].as_str(), Some("clodex-x1"));
        assert_eq!(config["features"]["network_proxy"].as_bool(), Some(true));
        let ours = &config["permissions"]["clodex-x1"];
        for (path, access) in [
            (":root", "read"),
            (":tmpdir", "write"),
            (":slash_tmp", "write"),
            ("/w/src", "write"),
            ("/w/src/a \"b\"", "read"),
            ("/w/**/.env", "deny"),
        ] {
            assert_eq!(ours["filesystem"][path].as_str(), Some(access), "{path}");
        }
        assert!(ours["network"].get("domains").is_none(), "{ours}");
    }

    #[test]
    fn the_app_server_is_told_the_same() {
        let profile = profile(&grants(), &Network::Off, &CodexConfig::default()).unwrap();
        let (told, args) = (serde_json::Value::from(profile.thread_config()), read(&profile));
        assert_eq!(profile.name(), "clodex-x1");
        let args = serde_json::to_value(&args["permissions"]).unwrap();
        assert_eq!(told["permissions"], args);
        assert_eq!(told["features.network_proxy"], true);
    }

    #[test]
    fn what_is_opened_is_never_opened_without_the_proxy() {
        for network in [Network::On, Network::Domains(vec!["crates.io".into(), "*.npmjs.org".into()])] {
            let config = read(&profile(&grants(), &network, &CodexConfig::default()).unwrap());
            assert_eq!(config["features"]["network_proxy"].as_bool(), Some(true));
            let ours = &config["permissions"]["clodex-x1"]["network"];
            assert_eq!(ours["allow_local_binding"].as_bool(), Some(false));
            assert!(!ours["domains"].as_table().unwrap().is_empty());
        }
    }

    #[test]
    fn domains_of_the_users_own_close_what_is_to_be_off() {
        let theirs = CodexConfig { network_domains: vec!["localhost".into()], ..CodexConfig::default() };
        let closed = profile(&grants(), &Network::Off, &theirs).unwrap();
        let config = read(&closed);
        assert_eq!(config["features"]["network_proxy"].as_bool(), Some(false));
        assert_eq!(config["permissions"]["clodex-x1"]["network"]["enabled"].as_bool(), Some(false));
        assert!(closed.notes()[0].contains("localhost"), "{:?}", closed.notes());
    }

    #[test]
    fn what_toml_cannot_say_is_told() {
        let mut glob = grants();
        glob.set("/w/[slug]", Access::Write);
        let refused = profile(&glob, &Network::Off, &CodexConfig::default());
        assert_eq!(refused, Err(Inexpressible::Glob("/w/[slug]".into())));

        let mut odd = grants();
        let path = Path::new(OsStr::from_bytes(b"/w/\xff"));
        odd.set(path, Access::Write);
        let refused = profile(&odd, &Network::Off, &CodexConfig::default());
        assert_eq!(refused, Err(Inexpressible::NotUtf8(path.to_owned())));
        let mut long = Grants::default();
        for number in 0..9_999 {
            long.set(format!("/w/{number:08}"), Access::Read);
        }
        let refused = profile(&long, &Network::Off, &CodexConfig::default());
        assert!(matches!(refused, Err(Inexpressible::TooLong(_))), "{refused:?}");
    }
}
