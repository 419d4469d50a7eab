//! One layer of settings: what one source says, each value with that source.

use std::fmt;
use std::path::PathBuf;

use super::{Backend, ContainmentWish};
use crate::{Enforcement, Isolate, OnViolation, Sandbox};

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The effective value.
    pub value: T,
    /// Who says so.
    pub source: Source,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line, as it is written.
    Flag(&'static str),
    /// A field of the packet.
    Packet(&'static str),
    /// An environment variable.
    Environment(&'static str),
    /// The project's file.
    Project(String),
    /// The user's file.
    User(String),
    /// Nobody: the built-in value.
    Default,
}

/// What one source says; most of it is usually nothing. The names are those of [`super::Settings`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the fields are those of Settings")]
pub struct Layer {
    pub timeout_sec: Option<Setting<u64>>,
    pub heartbeat_sec: Option<Setting<u64>>,
    pub answer_timeout_sec: Option<Setting<u64>>,
    pub idle_timeout_sec: Option<Setting<u64>>,
    pub tier: Option<Setting<String>>,
    pub by_products: Vec<Setting<String>>,
    pub templates: Option<Setting<PathBuf>>,
    pub sandbox: Option<Setting<Sandbox>>,
    pub enforcement: Option<Setting<Enforcement>>,
    pub allow_dirty_overlap: Option<Setting<bool>>,
    pub verify: Option<Setting<bool>>,
    pub verify_timeout_sec: Option<Setting<u64>>,
    pub backend: Option<Setting<Backend>>,
    pub output_dir: Option<Setting<PathBuf>>,
    pub codex: Option<Setting<PathBuf>>,
    pub containment: Option<Setting<ContainmentWish>>,
    pub isolate: Option<Setting<Isolate>>,
    pub on_violation: Option<Setting<OnViolation>>,
    pub secured_mib: Option<Setting<u64>>,
    pub retention_days: Option<Setting<u64>>,
    pub quota_gate: Option<Setting<u8>>,
    pub stop_gate: Option<Setting<bool>>,
}

impl<T> Setting<T> {
    /// A value that a flag gave.
    pub fn flag(flag: &'static str, value: T) -> Self {
        Self { value, source: Source::Flag(flag) }
    }
}

impl Layer {
    /// What a packet says: TIER, ALLOW DIRTY OVERLAP, BY-PRODUCTS.
    pub fn from_packet(packet: &crate::Packet) -> Self {
        let by_products = packet.by_products.iter();
        Self {
            tier: packet.tier.as_ref().map(|tier| said("TIER", tier.text.clone())),
            allow_dirty_overlap: packet.allow_dirty_overlap.map(|allow| said("ALLOW DIRTY OVERLAP", allow)),
            by_products: by_products.map(|item| said("BY-PRODUCTS", item.text.clone())).collect(),
            ..Self::default()
        }
    }
}

fn said<T>(field: &'static str, value: T) -> Setting<T> {
    Setting { value, source: Source::Packet(field) }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Packet(field) => write!(f, "packet field {field}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Project(file) => write!(f, "project file {file}"),
            Self::User(file) => write!(f, "user file {file}"),
            Self::Default => f.write_str("default"),
        }
    }
}
