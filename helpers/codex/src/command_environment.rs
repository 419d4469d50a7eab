//! The environment of the commands that Codex runs: the caller's without his secrets, marked with the run, and with
//! caches in the run's own temp directory, because nothing else of the user's can be written, and with tools that
//! do not look for news of themselves.
//!
//! Codex applies `shell_environment_policy` to the commands of `codex exec` and to that of `codex sandbox` alike (tried
//! with 0.169): `exclude` first, then `set`, then `include_only`.

use std::path::Path;

use crate::config::CodexConfig;
use crate::toml_text::quoted;

/// What Codex sets to `1` for a command whose sandbox has no network (measured in 0.169).
pub const NETWORK_IS_OFF: &str = "CODEX_SANDBOX_NETWORK_DISABLED";

/// The environment variable by which every process of a run can be found, also when the user's configuration drops the
/// environment.
pub const RUN_MARK: &str = "CLODEX_RUN_ID";

/// Names of environment variables that the commands of a run do not get, besides Codex's own `*KEY*`, `*SECRET*` and
/// `*TOKEN*`.
const SECRET_NAMES: [&str; 11] = [
    "*PASSWORD*",
    "*PASSWD*",
    "*PASSPHRASE*",
    "*CREDENTIAL*",
    "*COOKIE*",
    "*_PAT",
    "*_DSN",
    "*_AUTH",
    "AWS_*",
    "DATABASE_URL",
    "SSH_AUTH_SOCK",
];

/// Where tools keep what they can do without, below the temp directory: in the user's home they could not write it, and
/// in the work tree it would be in the way. Cargo is not among them: its `target` is a by-product.
const CACHES: [(&str, &str); 8] = [
    ("XDG_CACHE_HOME", "cache"),
    ("npm_config_cache", "cache/npm"),
    ("PIP_CACHE_DIR", "cache/pip"),
    ("GOCACHE", "cache/go-build"),
    ("PYTHONPYCACHEPREFIX", "cache/pycache"),
    ("MYPY_CACHE_DIR", "cache/mypy"),
    ("RUFF_CACHE_DIR", "cache/ruff"),
    ("COVERAGE_FILE", "coverage"),
];

/// What keeps tools from asking at home whether there is news: behind its proxy Codex ends a command that names a host
/// which is not allowed, so an update check of `npm test` would be the end of it (seen with 0.169, `exec` only).
const NO_NEWS: [(&str, &str); 7] = [
    ("npm_config_update_notifier", "false"),
    ("NO_UPDATE_NOTIFIER", "1"),
    ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
    ("DO_NOT_TRACK", "1"),
    ("NEXT_TELEMETRY_DISABLED", "1"),
    ("CHECKPOINT_DISABLE", "1"),
    ("DOTNET_CLI_TELEMETRY_OPTOUT", "1"),
];

/// pytest takes the place of its cache only as an option.
const PYTEST: (&str, &str) = ("PYTEST_ADDOPTS", "cache/pytest");

/// What is special about the environment of one run's commands.
#[derive(Debug, Clone)]
pub struct CommandEnvironment<'a> {
    /// Id of the run: the value of [`RUN_MARK`].
    pub run_id: &'a str,
    /// The directory that TMPDIR names.
    pub tmp: &'a Path,
    /// The caller's own `PYTEST_ADDOPTS`, which ours are added to.
    pub pytest_addopts: Option<String>,
}

impl CommandEnvironment<'_> {
    /// Keys and TOML values of Codex's configuration. `config` is the user's, which is not to be widened.
    pub(crate) fn settings(&self, config: &CodexConfig) -> Vec<(String, String)> {
        let policy = |key: &str, toml: String| (format!("shell_environment_policy.{key}"), toml);
        let list = |names: &mut dyn Iterator<Item = &str>| {
            format!("[{}]", names.map(quoted).collect::<Vec<_>>().join(","))
        };
        let theirs = config.env_exclude.iter().chain(&config.provider_keys).map(String::as_str);
        let mut settings = vec![
            policy("ignore_default_excludes", "false".to_owned()),
            policy("exclude", list(&mut SECRET_NAMES.into_iter().chain(theirs))),
        ];
        let set = self.set();
        settings.extend(set.iter().map(|(name, value)| policy(&format!("set.{name}"), quoted(value))));
        if !config.env_include_only.is_empty() {
            let only = config.env_include_only.iter().map(String::as_str);
            let ours = set.iter().map(|(name, _)| *name);
            settings.push(policy("include_only", list(&mut only.chain(ours))));
        }
        settings
    }

    fn set(&self) -> Vec<(&'static str, String)> {
        let mut set = vec![(RUN_MARK, self.run_id.to_owned())];
        set.extend(NO_NEWS.map(|(name, value)| (name, value.to_owned())));
        // TOML is UTF-8; where the directory is not, tools have to do without caches.
        let Some(tmp) = self.tmp.to_str() else { return set };
        set.extend(CACHES.map(|(name, below)| (name, format!("{tmp}/{below}"))));
        let (name, below) = PYTEST;
        // pytest splits it like a shell.
        if !tmp.contains(['\'', '\\']) {
            let theirs = self.pytest_addopts.as_ref().map(|theirs| format!("{theirs} ")).unwrap_or_default();
            set.push((name, format!("{theirs}-o 'cache_dir={tmp}/{below}'")));
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(config: &CodexConfig) -> toml::Table {
        let environment = CommandEnvironment {
            run_id: "r1",
            tmp: Path::new("/s/t"),
            pytest_addopts: Some("-q".to_owned()),
        };
        let lines = environment.settings(config).into_iter().map(|(key, toml)| format!("{key}={toml}\n"));
        let read: toml::Table = lines.collect::<String>().parse().unwrap();
        read["shell_environment_policy"].as_table().unwrap().clone()
    }

    #[test]
    fn caches_lie_in_the_temp_directory_and_the_callers_options_stay() {
        let read = table(&CodexConfig::default());
        let set = &read["set"];
        assert_eq!(set[RUN_MARK].as_str(), Some("r1"));
        assert_eq!(set["XDG_CACHE_HOME"].as_str(), Some("/s/t/cache"));
        assert_eq!(set["PYTEST_ADDOPTS"].as_str(), Some("-q -o 'cache_dir=/s/t/cache/pytest'"));
        assert_eq!(read["ignore_default_excludes"].as_bool(), Some(false));
        assert!(!read.contains_key("include_only"));
    }

    #[test]
    fn a_list_of_the_users_own_is_kept_with_what_we_set() {
        let config = CodexConfig { env_include_only: vec!["PATH".to_owned()], ..CodexConfig::default() };
        let read = table(&config);
        let only = read["include_only"].as_array().unwrap();
        assert_eq!(only[0].as_str(), Some("PATH"));
        assert_eq!(only.len(), 1 + read["set"].as_table().unwrap().len());
    }
}
