//! Whether the running helper is of the plugin's own version: an update of the plugin does not replace what was
//! installed beside its data.

use std::borrow::Cow;
use std::path::Path;

use clodex_core::harmless;
use serde::Deserialize;

const OWN: &str = env!("CARGO_PKG_VERSION");
const MANIFEST_MAX_BYTES: u64 = 64 * 1024;

#[derive(Deserialize)]
struct Manifest<'a> {
    #[serde(borrow)]
    version: Cow<'a, str>,
}

/// What the user is told where helpers and plugin are of different versions; none where they agree or nobody knows.
pub fn other_version(plugin_root: Option<&Path>) -> Option<String> {
    let manifest = plugin_root?.join(".claude-plugin/plugin.json");
    let bytes = clodex_os::read_regular(&manifest, MANIFEST_MAX_BYTES).ok()?;
    let Manifest { version } = serde_json::from_slice(&bytes).ok()?;
    (version != OWN).then(|| {
        let version: String = harmless(&version).chars().take(20).collect();
        format!("clodex: the plugin is {version}, its installed helpers are {OWN}; /clodex-setup brings them up to date")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_version_that_is_known_and_another_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let told = |manifest: &str| {
            std::fs::create_dir_all(folder.path().join(".claude-plugin")).unwrap();
            std::fs::write(folder.path().join(".claude-plugin/plugin.json"), manifest).unwrap();
            other_version(Some(folder.path()))
        };
        assert_eq!(other_version(None), None);
        assert_eq!(other_version(Some(folder.path())), None);
        assert_eq!(told("{"), None);
        assert_eq!(told(&format!(r#"{{"name":"clodex","version":"{OWN}"}}"#)), None);
        assert_eq!(
            told(r#"{"name":"clodex","version":"9.9.9"}"#),
            Some(format!(
                "clodex: the plugin is 9.9.9, its installed helpers are {OWN}; /clodex-setup brings them up to date"
            ))
        );
    }
}
