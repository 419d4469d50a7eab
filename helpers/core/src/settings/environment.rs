//! Settings from `CLODEX_…` variables. Which of them exist is asked of the caller.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::Isolate;

use super::{Backend, ContainmentWish, Layer, Setting, Source};
use crate::{Enforcement, OnViolation};

/// A value that cannot be used, and who gave it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use {name}=`{value}` from the environment\n  hint: {hint}")]
pub struct SettingsError {
    /// The variable.
    pub name: &'static str,
    /// What it holds.
    pub value: String,
    /// What would be right.
    pub hint: &'static str,
}

/// What `quota_gate` may be.
pub(super) const PERCENT_WORDS: &str = "it is a percentage, 1 to 100; 0 switches the gate off";
/// What `isolate` may be.
pub(super) const ISOLATE_WORDS: &str = "it is off, head or with-dirty";

type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

impl Layer {
    /// What the environment says; `lookup` gives the value of a variable. An empty variable says nothing.
    pub fn from_environment(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, SettingsError> {
        let lookup: Lookup<'_> = &|name| lookup(name).filter(|value| !value.is_empty());
        let seconds = "whole seconds; 0 switches it off";
        let number = |text: &str| text.parse().ok();
        let percent = |text: &str| text.parse().ok().filter(|number| is_percent(*number));
        // The older names give way to ours.
        let timeout = ["CLODEX_TIMEOUT_SEC", "CODEX_DISPATCH_TIMEOUT_SEC"];
        let heartbeat = ["CLODEX_HEARTBEAT_SEC", "CODEX_DISPATCH_HEARTBEAT_SEC"];
        let backends = "the backends are auto, exec and app-server";
        let wishes = "it is auto, kernel or best-effort";
        let held = "it is profile, sandbox or none";
        let reactions = "it is report, restore or fail-fast";
        let days = "whole days; 0 keeps runs for ever";
        let mib = "whole MiB; 0 secures nothing";
        let tiers = "the name of a tier";
        let switch = "it is 1 or 0";
        let on = |text: &str| match text {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        };
        let word = |text: &str| Some(text.to_owned());
        Ok(Self {
            timeout_sec: value(lookup, &timeout, seconds, number)?,
            heartbeat_sec: value(lookup, &heartbeat, seconds, number)?,
            answer_timeout_sec: value(lookup, &["CLODEX_ANSWER_TIMEOUT"], seconds, number)?,
            idle_timeout_sec: value(lookup, &["CLODEX_IDLE_TIMEOUT"], seconds, number)?,
            tier: value(lookup, &["CLODEX_TIER"], tiers, word)?,
            verify: value(lookup, &["CLODEX_VERIFY"], switch, on)?,
            verify_timeout_sec: value(lookup, &["CLODEX_VERIFY_TIMEOUT_SEC"], seconds, number)?,
            backend: value(lookup, &["CLODEX_BACKEND"], backends, Backend::from_word)?,
            on_violation: value(lookup, &["CLODEX_ON_VIOLATION"], reactions, OnViolation::from_word)?,
            secured_mib: value(lookup, &["CLODEX_SECURED_MIB"], mib, number)?,
            retention_days: value(lookup, &["CLODEX_RETENTION_DAYS"], days, number)?,
            quota_gate: value(lookup, &["CLODEX_QUOTA_GATE"], PERCENT_WORDS, percent)?,
            stop_gate: value(lookup, &["CLODEX_STOP_GATE"], switch, on)?,
            containment: value(lookup, &["CLODEX_CONTAINMENT"], wishes, ContainmentWish::from_word)?,
            enforcement: value(lookup, &["CLODEX_ENFORCEMENT"], held, Enforcement::from_word)?,
            isolate: value(lookup, &["CLODEX_ISOLATE"], ISOLATE_WORDS, Isolate::from_word)?,
            codex: path(lookup, "CLODEX_CODEX"),
            output_dir: path(lookup, "CLODEX_OUTPUT_DIR"),
            templates: path(lookup, "CLODEX_TEMPLATES"),
            ..Self::default()
        })
    }
}

/// Whether it is one.
pub(super) fn is_percent(number: u8) -> bool {
    number <= 100
}

fn value<T>(
    lookup: Lookup<'_>,
    names: &[&'static str],
    hint: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<Setting<T>>, SettingsError> {
    let set = names.iter().find_map(|name| lookup(name).map(|value| (*name, value)));
    let Some((name, value)) = set else { return Ok(None) };
    let refused = || SettingsError { name, value: value.to_string_lossy().into_owned(), hint };
    let value = value.to_str().and_then(&read).ok_or_else(refused)?;
    Ok(Some(Setting { value, source: Source::Environment(name) }))
}

fn path(lookup: Lookup<'_>, name: &'static str) -> Option<Setting<PathBuf>> {
    let value = PathBuf::from(lookup(name)?);
    Some(Setting { value, source: Source::Environment(name) })
}
