//! The settings of a run: flag > packet > environment > project file > user file > default, each with its source.
//! Pure: files and variables come in as text. Knows what a project file may never say.

mod environment;
mod file;
mod layer;

use std::path::PathBuf;

use crate::{DEFAULT_QUOTA_GATE, Enforcement, Isolate, OnViolation, Sandbox};

pub use environment::SettingsError;
pub use file::PROJECT_LIMIT_SEC;
pub use layer::{Layer, Setting, Source};

/// Wall clock of a run when nobody says otherwise, in seconds.
pub const DEFAULT_TIMEOUT_SEC: u64 = 1800;
/// Silence after which a run counts as stalled when nobody says otherwise, in seconds.
pub const DEFAULT_HEARTBEAT_SEC: u64 = 300;
/// How long a question of Codex waits for the user when nobody says otherwise, in seconds.
pub const DEFAULT_ANSWER_TIMEOUT_SEC: u64 = 300;
/// How long an interrupted run waits for somebody who goes on when nobody says otherwise, in seconds.
pub const DEFAULT_IDLE_TIMEOUT_SEC: u64 = 600;
/// MiB that may be secured before a run when nobody says otherwise.
pub const DEFAULT_SECURED_MIB: u64 = 256;

/// Days that a run is kept after its end when nobody says otherwise.
pub const DEFAULT_RETENTION_DAYS: u64 = 30;

/// How long one command of VERIFICATION may take when nobody says otherwise, in seconds.
pub const DEFAULT_VERIFY_TIMEOUT_SEC: u64 = 600;

/// How Codex is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// The app-server where the installed Codex is known to be good at it, `codex exec` elsewhere.
    Auto,
    /// `codex exec --json`.
    Exec,
    /// `codex app-server`, over JSON-RPC.
    AppServer,
}

/// What the user wants the containment to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContainmentWish {
    /// The kernel's where it allows it, best effort elsewhere.
    Auto,
    /// The kernel's, or no run.
    Kernel,
    /// Best effort even where the kernel would do better.
    BestEffort,
}

/// The effective settings and where each comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Wall clock; 0 = off.
    pub timeout_sec: Setting<u64>,
    /// Silence that counts as a stall; 0 = off.
    pub heartbeat_sec: Setting<u64>,
    /// How long a question of Codex waits for the user; 0 = nobody is asked.
    pub answer_timeout_sec: Setting<u64>,
    /// How long an interrupted run waits for somebody who goes on; 0 = as long as it may last.
    pub idle_timeout_sec: Setting<u64>,
    /// Tier; none = Codex's own model and effort.
    pub tier: Setting<Option<String>>,
    /// By-products on top of the built-in list, of all layers together.
    pub by_products: Vec<Setting<String>>,
    /// Directories to look for templates in, strongest first; the built-in ones come after them.
    pub templates: Vec<Setting<PathBuf>>,
    /// Codex's sandbox mode; none = from the packet's mode.
    pub sandbox: Setting<Option<Sandbox>>,
    /// What shall hold writes back; none = the narrowest that the installed Codex can do.
    pub enforcement: Setting<Option<Enforcement>>,
    /// Whether a run may start over uncommitted changes inside its scope.
    pub allow_dirty_overlap: Setting<bool>,
    /// Whether clodex runs the packet's VERIFICATION itself when the worker has ended.
    pub verify: Setting<bool>,
    /// How long one command of it may take; 0 = off.
    pub verify_timeout_sec: Setting<u64>,
    /// How Codex is driven.
    pub backend: Setting<Backend>,
    /// Where artifacts go; none = below the work directory.
    pub output_dir: Setting<Option<PathBuf>>,
    /// The `codex` to use; none = the one on PATH.
    pub codex: Setting<Option<PathBuf>>,
    /// How the run's processes shall be held.
    pub containment: Setting<ContainmentWish>,
    /// Whether the run works in a worktree of its own.
    pub isolate: Setting<Isolate>,
    /// What happens when the run changes something outside its scope.
    pub on_violation: Setting<OnViolation>,
    /// MiB that may be secured before a run, to put back afterwards; 0 = nothing is.
    pub secured_mib: Setting<u64>,
    /// Days that a run, and what lies on disk for it, is kept after its end; 0 = for ever.
    pub retention_days: Setting<u64>,
    /// Percent of a window of the account from which on no run begins; 0 = off.
    pub quota_gate: Setting<u8>,
    /// Whether Codex reviews what is not committed before Claude stops; no business of a run's.
    pub stop_gate: Setting<bool>,
}

impl Settings {
    /// What holds, given the layers, strongest first.
    pub fn effective(layers: &[Layer]) -> Self {
        let isolate = first(layers, |layer| &layer.isolate, Isolate::Off);
        // In a worktree of its own there is nobody else's work to be lost.
        let reaction = if isolate.value.is_on() { OnViolation::Restore } else { OnViolation::Report };
        Self {
            timeout_sec: first(layers, |layer| &layer.timeout_sec, DEFAULT_TIMEOUT_SEC),
            heartbeat_sec: first(layers, |layer| &layer.heartbeat_sec, DEFAULT_HEARTBEAT_SEC),
            answer_timeout_sec: first(layers, |layer| &layer.answer_timeout_sec, DEFAULT_ANSWER_TIMEOUT_SEC),
            idle_timeout_sec: first(layers, |layer| &layer.idle_timeout_sec, DEFAULT_IDLE_TIMEOUT_SEC),
            tier: optional(layers, |layer| &layer.tier),
            by_products: layers.iter().flat_map(|layer| layer.by_products.clone()).collect(),
            templates: layers.iter().filter_map(|layer| layer.templates.clone()).collect(),
            sandbox: optional(layers, |layer| &layer.sandbox),
            enforcement: optional(layers, |layer| &layer.enforcement),
            allow_dirty_overlap: first(layers, |layer| &layer.allow_dirty_overlap, false),
            verify: first(layers, |layer| &layer.verify, false),
            verify_timeout_sec: first(layers, |layer| &layer.verify_timeout_sec, DEFAULT_VERIFY_TIMEOUT_SEC),
            backend: first(layers, |layer| &layer.backend, Backend::Auto),
            output_dir: optional(layers, |layer| &layer.output_dir),
            codex: optional(layers, |layer| &layer.codex),
            containment: first(layers, |layer| &layer.containment, ContainmentWish::Auto),
            isolate,
            on_violation: first(layers, |layer| &layer.on_violation, reaction),
            secured_mib: first(layers, |layer| &layer.secured_mib, DEFAULT_SECURED_MIB),
            retention_days: first(layers, |layer| &layer.retention_days, DEFAULT_RETENTION_DAYS),
            quota_gate: first(layers, |layer| &layer.quota_gate, DEFAULT_QUOTA_GATE),
            stop_gate: first(layers, |layer| &layer.stop_gate, false),
        }
    }

    /// Name, value and source of every setting, for people.
    pub fn rows(&self) -> Vec<(&'static str, String, String)> {
        let path = |path: &PathBuf| path.display().to_string();
        let mut rows = vec![
            row("timeout_sec", &self.timeout_sec, u64::to_string),
            row("heartbeat_sec", &self.heartbeat_sec, u64::to_string),
            row("answer_timeout_sec", &self.answer_timeout_sec, u64::to_string),
            row("idle_timeout_sec", &self.idle_timeout_sec, u64::to_string),
            row("tier", &self.tier, |tier| tier.clone().unwrap_or_else(|| "codex's own".into())),
            row("sandbox", &self.sandbox, |s| s.map_or("by mode", Sandbox::as_str).to_owned()),
            row("enforcement", &self.enforcement, |wish| {
                wish.map_or("profile, where codex can", Enforcement::as_str).to_owned()
            }),
            row("allow_dirty_overlap", &self.allow_dirty_overlap, bool::to_string),
            row("verify", &self.verify, bool::to_string),
            row("verify_timeout_sec", &self.verify_timeout_sec, u64::to_string),
            row("backend", &self.backend, |backend| backend.as_str().to_owned()),
            row("output_dir", &self.output_dir, |dir| {
                dir.as_ref().map_or("in the work directory".into(), path)
            }),
            row("codex", &self.codex, |codex| codex.as_ref().map_or("on PATH".into(), path)),
            row("containment", &self.containment, |wish| wish.as_str().to_owned()),
            row("isolate", &self.isolate, |isolate| isolate.as_str().to_owned()),
            row("on_violation", &self.on_violation, |what| what.as_str().to_owned()),
            row("secured_mib", &self.secured_mib, u64::to_string),
            row("retention_days", &self.retention_days, u64::to_string),
            row("quota_gate", &self.quota_gate, u8::to_string),
            row("stop_gate", &self.stop_gate, bool::to_string),
        ];
        rows.extend(self.templates.iter().map(|dir| row("templates", dir, path)));
        rows.extend(self.by_products.iter().map(|item| row("by_products", item, String::clone)));
        rows
    }
}

impl Backend {
    /// The word used in flags, files and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Exec => "exec",
            Self::AppServer => "app-server",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Auto, Self::Exec, Self::AppServer].into_iter().find(|backend| backend.as_str() == word)
    }
}

impl ContainmentWish {
    /// The word used in flags, files and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Kernel => "kernel",
            Self::BestEffort => "best-effort",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Auto, Self::Kernel, Self::BestEffort].into_iter().find(|wish| wish.as_str() == word)
    }
}

fn row<T>(
    name: &'static str,
    setting: &Setting<T>,
    text: impl Fn(&T) -> String,
) -> (&'static str, String, String) {
    (name, text(&setting.value), setting.source.to_string())
}

fn first<T: Clone>(layers: &[Layer], get: impl Fn(&Layer) -> &Option<Setting<T>>, default: T) -> Setting<T> {
    let stated = layers.iter().find_map(|layer| get(layer).clone());
    stated.unwrap_or(Setting { value: default, source: Source::Default })
}

fn optional<T: Clone>(layers: &[Layer], get: impl Fn(&Layer) -> &Option<Setting<T>>) -> Setting<Option<T>> {
    match layers.iter().find_map(|layer| get(layer).clone()) {
        Some(Setting { value, source }) => Setting { value: Some(value), source },
        None => Setting { value: None, source: Source::Default },
    }
}

#[cfg(test)]
mod tests;
