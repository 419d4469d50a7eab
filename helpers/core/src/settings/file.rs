//! Settings from `config.yaml`, the user's or the project's. A hostile repository is no configuration: what widens
//! rights or runs programs is the user's to say.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::{Backend, ContainmentWish, Layer, Setting, Source};
use crate::yaml::{YamlError, parse_yaml, yaml_keys};
use crate::{Enforcement, Isolate, OnViolation, Sandbox};

/// Seconds that a project may set a limit to: none needs more, and a repository must not switch the watchdog off.
pub const PROJECT_LIMIT_SEC: std::ops::RangeInclusive<u64> = 1..=86_400;

/// Keys that a project file may never have, whatever their value.
const NOT_FOR_PROJECTS: [&str; 15] = [
    "sandbox",
    "enforcement",
    "network",
    "allow_dirty_overlap",
    "backend",
    "output_dir",
    "force",
    "codex",
    "containment",
    "on_violation",
    "secured_mib",
    "retention_days",
    "mcp",
    "quota_gate",
    "stop_gate",
];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    timeout_sec: Option<u64>,
    heartbeat_sec: Option<u64>,
    answer_timeout_sec: Option<u64>,
    idle_timeout_sec: Option<u64>,
    tier: Option<String>,
    by_products: Vec<String>,
    templates: Option<PathBuf>,
    sandbox: Option<Sandbox>,
    enforcement: Option<Enforcement>,
    allow_dirty_overlap: Option<bool>,
    verify: Option<bool>,
    verify_timeout_sec: Option<u64>,
    backend: Option<String>,
    output_dir: Option<PathBuf>,
    codex: Option<PathBuf>,
    containment: Option<String>,
    isolate: Option<String>,
    on_violation: Option<String>,
    secured_mib: Option<u64>,
    retention_days: Option<u64>,
    quota_gate: Option<u8>,
    stop_gate: Option<bool>,
}

impl Layer {
    /// What the user's file says. Relative paths are relative to the directory of the file, `base`.
    pub fn from_user_file(file: &str, text: &str, base: &Path) -> Result<Self, YamlError> {
        let read: File = parse_yaml(file, text)?;
        if read.sandbox == Some(Sandbox::DangerFullAccess) {
            let what = "sandbox: danger-full-access cannot be a habit";
            let hint =
                "give `-s danger-full-access --i-know-this-is-unsandboxed` to the one run that needs it";
            return Err(YamlError::new(file, what, hint));
        }
        if read.enforcement == Some(Enforcement::None) {
            let what = "enforcement: none cannot be a habit";
            let hint = "give `--enforcement none --i-know-this-is-unsandboxed` to the one run that needs it";
            return Err(YamlError::new(file, what, hint));
        }
        layer(file, read, base, &Source::User(file.to_owned()))
    }

    /// What the project's file says, within what a project may say. `project` is the project's root.
    pub fn from_project_file(file: &str, text: &str, project: &Path) -> Result<Self, YamlError> {
        refuse_keys(file, text)?;
        let read: File = parse_yaml(file, text)?;
        for (key, value) in [
            ("timeout_sec", read.timeout_sec),
            ("heartbeat_sec", read.heartbeat_sec),
            ("answer_timeout_sec", read.answer_timeout_sec),
            ("idle_timeout_sec", read.idle_timeout_sec),
            ("verify_timeout_sec", read.verify_timeout_sec),
        ] {
            if value.is_some_and(|seconds| !PROJECT_LIMIT_SEC.contains(&seconds)) {
                let what = format!("{key} of a project is between 1 and {}", PROJECT_LIMIT_SEC.end());
                return Err(YamlError::new(
                    file,
                    what,
                    "0 and longer limits are for your own file or a flag",
                ));
            }
        }
        let leaves = |path: &PathBuf| {
            path.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir))
        };
        if read.templates.as_ref().is_some_and(leaves) {
            let what = "templates of a project must be inside it";
            return Err(YamlError::new(file, what, "write a relative path without `..`"));
        }
        layer(file, read, project, &Source::Project(file.to_owned()))
    }
}

fn refuse_keys(file: &str, text: &str) -> Result<(), YamlError> {
    let keys = yaml_keys(file, text)?;
    let widening = NOT_FOR_PROJECTS.into_iter().find(|key| keys.iter().any(|given| given == key));
    let Some(key) = widening else { return Ok(()) };
    let what = format!("a project file may not set {key}");
    Err(YamlError::new(file, what, "remove the key; it is for your own file, the packet or a flag"))
}

fn layer(file: &str, read: File, base: &Path, source: &Source) -> Result<Layer, YamlError> {
    let bad = |key: &str, value: &str, hint: &str| YamlError::new(file, format!("{key} is `{value}`"), hint);
    let word = |word: Option<String>| word.unwrap_or_default();
    let (backend_word, wish_word) = (word(read.backend.clone()), word(read.containment.clone()));
    let backend = Backend::from_word(&backend_word);
    let containment = ContainmentWish::from_word(&wish_word);
    if read.backend.is_some() && backend.is_none() {
        return Err(bad("backend", &backend_word, "the backends are auto, exec and app-server"));
    }
    if read.containment.is_some() && containment.is_none() {
        return Err(bad("containment", &wish_word, "it is auto, kernel or best-effort"));
    }
    let isolate_word = word(read.isolate.clone());
    let isolate = Isolate::from_word(&isolate_word);
    if read.isolate.is_some() && isolate.is_none() {
        return Err(bad("isolate", &isolate_word, super::environment::ISOLATE_WORDS));
    }
    let reaction_word = word(read.on_violation.clone());
    let on_violation = OnViolation::from_word(&reaction_word);
    if read.on_violation.is_some() && on_violation.is_none() {
        return Err(bad("on_violation", &reaction_word, "it is report, restore or fail-fast"));
    }
    if let Some(beyond) = read.quota_gate.filter(|percent| !super::environment::is_percent(*percent)) {
        return Err(bad("quota_gate", &beyond.to_string(), super::environment::PERCENT_WORDS));
    }
    let path = |path: Option<PathBuf>| stated(path.map(|path| base.join(path)), source);
    Ok(Layer {
        timeout_sec: stated(read.timeout_sec, source),
        heartbeat_sec: stated(read.heartbeat_sec, source),
        answer_timeout_sec: stated(read.answer_timeout_sec, source),
        idle_timeout_sec: stated(read.idle_timeout_sec, source),
        tier: stated(read.tier, source),
        by_products: read.by_products.into_iter().filter_map(|item| stated(Some(item), source)).collect(),
        templates: path(read.templates),
        sandbox: stated(read.sandbox, source),
        enforcement: stated(read.enforcement, source),
        allow_dirty_overlap: stated(read.allow_dirty_overlap, source),
        verify: stated(read.verify, source),
        verify_timeout_sec: stated(read.verify_timeout_sec, source),
        backend: stated(backend, source),
        output_dir: path(read.output_dir),
        codex: path(read.codex),
        containment: stated(containment, source),
        isolate: stated(isolate, source),
        on_violation: stated(on_violation, source),
        secured_mib: stated(read.secured_mib, source),
        retention_days: stated(read.retention_days, source),
        quota_gate: stated(read.quota_gate, source),
        stop_gate: stated(read.stop_gate, source),
    })
}

fn stated<T>(value: Option<T>, source: &Source) -> Option<Setting<T>> {
    value.map(|value| Setting { value, source: source.clone() })
}
