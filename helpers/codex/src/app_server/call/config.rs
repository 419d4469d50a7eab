//! How a server is configured, as far as that decides what its threads may do.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::decides_trust;

/// The configuration that a new thread in this directory gets.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadConfig<'a> {
    /// Absolute.
    pub cwd: &'a str,
}

/// The answer.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Config {
    /// What holds of all layers.
    #[serde(default)]
    pub config: Configured,
}

/// What is configured.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Configured {
    #[serde(default)]
    sandbox_mode: Option<String>,
    #[serde(default)]
    default_permissions: Option<String>,
    #[serde(default)]
    approval_policy: Option<Value>,
    #[serde(default)]
    projects: Option<BTreeMap<String, Project>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Project {
    #[serde(default)]
    trust_level: Option<Value>,
}

impl Configured {
    /// Whether a new thread may write where nothing else is asked for. What is not configured is read-only; a profile with
    /// a name of its own may be anything.
    pub fn may_write(&self) -> bool {
        let writes = |mode: &Option<String>, not: &str| mode.as_deref().is_some_and(|mode| mode != not);
        writes(&self.sandbox_mode, "read-only") || writes(&self.default_permissions, ":read-only")
    }

    /// Whether it is decided when Codex asks before it acts.
    pub fn decides_approvals(&self) -> bool {
        self.approval_policy.is_some()
    }

    /// Whether it is decided whether this directory, or the repository that it lies in, is trusted.
    pub fn decides_trust_in(&self, place: &Path) -> bool {
        let is_decided = |place: &Path| {
            let project = place.to_str().and_then(|place| self.projects.as_ref()?.get(place));
            project.is_some_and(|project| project.trust_level.is_some())
        };
        decides_trust(place, is_decided)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(config: &str) -> Configured {
        serde_json::from_str::<Config>(&format!(r#"{{"config":{config},"origins":{{}}}}"#)).unwrap().config
    }

    #[test]
    fn what_may_write_is_told_from_what_may_not() {
        let may_write = |config: &str| configured(config).may_write();
        assert!(
            !may_write("{}") && !may_write(r#"{"sandbox_mode":null,"default_permissions":":read-only"}"#)
        );
        assert!(!may_write(r#"{"sandbox_mode":"read-only"}"#));
        assert!(may_write(r#"{"sandbox_mode":"workspace-write"}"#));
        assert!(may_write(r#"{"default_permissions":":workspace"}"#));
        assert!(configured(r#"{"approval_policy":{"granular":{}}}"#).decides_approvals());
        assert!(serde_json::from_str::<Config>("{}").unwrap().config.projects.is_none());
    }

    #[test]
    fn trust_is_decided_of_a_directory_or_of_its_repository() {
        let folder = tempfile::tempdir().unwrap();
        let (repo, sub) = (folder.path().join("repo"), folder.path().join("repo/sub"));
        std::fs::create_dir_all(repo.join(".git")).unwrap();
        std::fs::create_dir(&sub).unwrap();
        let of = |place: &Path| {
            let level =
                serde_json::json!({ place.to_str().unwrap(): { "trust_level": "untrusted" }, "/x": {} });
            configured(&format!(r#"{{"projects":{level}}}"#))
        };
        assert!(of(&repo).decides_trust_in(&sub) && of(&sub).decides_trust_in(&sub));
        assert!(!of(folder.path()).decides_trust_in(&sub) && !of(&repo).decides_trust_in(Path::new("/x")));
    }
}
