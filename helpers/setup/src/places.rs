//! Where Claude Code keeps its things and where ours lie beside them. Finds, and makes nothing.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use clodex_core::ExitCode;
use clodex_os::Failure;
use clodex_os::record_store::StateDir;
use serde::Deserialize;

/// The plugin's name, and the marketplace's that it brings itself.
const PLUGIN: &str = "clodex";
/// What a plugin is called whose folder is given to Claude Code by `--plugin-dir`, or which it does not know at all.
const INLINE: &str = "clodex-inline";

/// The places that an installation consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Claude Code's own directory: `${CLAUDE_CONFIG_DIR:-~/.claude}`.
    pub claude: PathBuf,
    /// The plugin as it was called (its `bin/` shims, its sources where there are any); none where only a helper is known.
    pub plugin: Option<PathBuf>,
    /// What stays ours over all versions of the plugin, until it is uninstalled.
    pub data: PathBuf,
    /// The records of runs.
    pub state: Option<StateDir>,
}

impl Places {
    /// From the environment; `data` is the plugin's data directory where the caller knows it.
    pub fn find(data: Option<&Path>) -> Result<Self, Failure> {
        let exe = std::env::current_exe().ok();
        let state = StateDir::from_env();
        Self::from(|name| std::env::var_os(name), exe.as_deref(), data, state)
    }

    fn from(
        variable: impl Fn(&str) -> Option<OsString>,
        exe: Option<&Path>,
        data: Option<&Path>,
        state: Option<StateDir>,
    ) -> Result<Self, Failure> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let claude =
            set("CLAUDE_CONFIG_DIR").or_else(|| Some(set("HOME")?.join(".claude"))).ok_or_else(|| {
                Failure::new(
                    ExitCode::Usage,
                    "cannot find Claude Code's directory: neither CLAUDE_CONFIG_DIR nor HOME is set\n\
                 hint: set HOME",
                )
            })?;
        let plugin = set("CLODEX_PLUGIN_ROOT")
            .or_else(|| set("CLAUDE_PLUGIN_ROOT").filter(|root| is_ours(root)))
            .or_else(|| exe?.ancestors().skip(1).find(|dir| is_ours(dir)).map(Path::to_owned));
        let own = |data: &PathBuf| named_like_ours(data.file_name());
        let data = data
            .filter(|data| !data.as_os_str().is_empty())
            .map(Path::to_owned)
            .or_else(|| set("CLAUDE_PLUGIN_DATA").filter(own))
            .or_else(|| installed_beside(exe?))
            .or_else(|| of_cached(plugin.as_deref()?))
            .unwrap_or_else(|| claude.join("plugins/data").join(data_name(&claude)));
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        Ok(Self { claude: absolute(claude), plugin, data: absolute(data), state })
    }

    /// Where the installed helpers lie: the same path over all versions.
    pub fn bin(&self) -> PathBuf {
        self.data.join("bin")
    }

    /// Claude Code's settings of this user.
    pub fn settings(&self) -> PathBuf {
        self.claude.join("settings.json")
    }
}

/// Whether it is a directory of the plugin.
fn is_ours(dir: &Path) -> bool {
    dir.join("bin/clodex-shim").is_file() && dir.join(".claude-plugin/plugin.json").is_file()
}

fn named_like_ours(name: Option<&OsStr>) -> bool {
    name.and_then(OsStr::to_str)
        .is_some_and(|name| name.strip_prefix(PLUGIN).is_some_and(|rest| rest.starts_with('-')))
}

/// `…/plugins/data/clodex-…/bin/clodex-setup` lies in its data directory, and so does what `bin` leads to.
fn installed_beside(exe: &Path) -> Option<PathBuf> {
    let data = exe.parent()?.parent()?;
    let parents: Vec<_> = data.ancestors().skip(1).take(2).filter_map(Path::file_name).collect();
    (parents == ["data", "plugins"] && named_like_ours(data.file_name())).then(|| data.to_owned())
}

/// `…/plugins/cache/<marketplace>/clodex/<version>` has its data in `…/plugins/data/clodex-<marketplace>`.
fn of_cached(plugin: &Path) -> Option<PathBuf> {
    let marketplace = plugin.parent()?.parent()?;
    let cache = marketplace.parent()?;
    if plugin.parent()?.file_name()? != PLUGIN || cache.file_name()? != "cache" {
        return None;
    }
    Some(cache.with_file_name("data").join(of_marketplace(marketplace.file_name()?.to_str()?)))
}

/// What Claude Code calls our data directory, as far as it has installed us; what it does not know it calls `inline`.
fn data_name(claude: &Path) -> String {
    /// `installed_plugins.json`, as far as it concerns us.
    #[derive(Deserialize)]
    struct Installed {
        plugins: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>>,
    }
    let installed = fs::read(claude.join("plugins/installed_plugins.json")).ok();
    let installed: Option<Installed> = installed.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut ids = installed.into_iter().flat_map(|installed| installed.plugins.into_keys());
    let ours = |id: String| Some(of_marketplace(id.strip_prefix(PLUGIN)?.strip_prefix('@')?));
    ids.find_map(ours).unwrap_or_else(|| INLINE.to_owned())
}

/// The name of a plugin's data directory: what is no letter, digit, `-` or `_` becomes a `-`.
fn of_marketplace(marketplace: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
    format!("{PLUGIN}-{}", marketplace.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(set: &[(&str, &str)], exe: &str) -> Places {
        let find = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        Places::from(find, Some(Path::new(exe)), None, None).unwrap()
    }

    #[test]
    fn the_data_directory_is_found_in_every_layout() {
        let home = ("HOME", "/h");
        for (set, exe, data) in [
            (&[home][..], "/nowhere/clodex-setup", "/h/.claude/plugins/data/clodex-inline"),
            (&[("CLAUDE_CONFIG_DIR", "/c"), home], "/n/clodex-setup", "/c/plugins/data/clodex-inline"),
            (&[home, ("CLAUDE_PLUGIN_DATA", "/d/clodex-mk")], "/n/clodex-setup", "/d/clodex-mk"),
            (
                &[home, ("CLAUDE_PLUGIN_DATA", "/d/another-mk")],
                "/n/clodex-setup",
                "/h/.claude/plugins/data/clodex-inline",
            ),
            (&[home], "/x/plugins/data/clodex-mk/bin/clodex-setup", "/x/plugins/data/clodex-mk"),
            (&[home], "/x/plugins/data/clodex-mk/programs-1/clodex-setup", "/x/plugins/data/clodex-mk"),
            (
                &[home, ("CLODEX_PLUGIN_ROOT", "/x/plugins/cache/my.mk/clodex/0.1.0")],
                "/n/clodex-setup",
                "/x/plugins/data/clodex-my-mk",
            ),
        ] {
            assert_eq!(found(set, exe).data, Path::new(data), "{set:?} {exe}");
        }
    }

    #[test]
    fn a_caller_that_does_not_know_the_data_directory_says_nothing() {
        let home = |name: &str| (name == "HOME").then(|| "/h".into());
        let places = Places::from(home, None, Some(Path::new("")), None).unwrap();
        assert_eq!(places.data, Path::new("/h/.claude/plugins/data/clodex-inline"));
    }

    #[test]
    fn without_a_home_there_is_nothing_to_set_up() {
        assert!(Places::from(|_| None, None, None, None).is_err());
    }

    #[test]
    fn what_claude_code_has_installed_tells_the_name() {
        let claude = tempfile::tempdir().unwrap();
        assert_eq!(data_name(claude.path()), "clodex-inline");
        fs::create_dir(claude.path().join("plugins")).unwrap();
        let list = r#"{"version":2,"plugins":{"other@x":[],"clodex@our.market":[{"scope":"user"}]}}"#;
        fs::write(claude.path().join("plugins/installed_plugins.json"), list).unwrap();
        assert_eq!(data_name(claude.path()), "clodex-our-market");
    }
}
