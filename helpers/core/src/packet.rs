//! The task contract: Markdown with upper-case fields, read strictly and whole before anything starts.
//! Owns what a packet means; does not know whether its work directory or its paths exist.

mod field;
mod list;
mod problem;
mod read;
mod values;

use crate::{Mode, Network, slug};

pub use field::Field;
pub use list::{copy_refusal, scope_syntax_refusal};
pub use problem::{PacketProblem, PacketProblems};

/// Packets larger than this are refused.
pub const PACKET_MAX_BYTES: usize = 1024 * 1024;

/// A task contract that holds together. Nothing in it was checked against a file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The packet as it came, to the byte (a byte order mark included).
    pub text: String,
    /// MODE: what Codex is in this run.
    pub mode: Mode,
    /// WORKDIR: absolute.
    pub workdir: PacketItem,
    /// OBJECTIVE, Markdown.
    pub objective: String,
    /// WRITE SCOPE as written, relative to the work directory or absolute; empty exactly in read-only modes.
    pub write_scope: Vec<PacketItem>,
    /// NON-GOALS, Markdown.
    pub non_goals: String,
    /// VERIFICATION, one entry for each bullet (or line, where there are no bullets), backticks kept.
    pub verification: Vec<PacketItem>,
    /// DELIVERABLE, Markdown.
    pub deliverable: String,
    /// CONTEXT, Markdown.
    pub context: Option<String>,
    /// ALLOW DIRTY OVERLAP: whether the run may start over uncommitted changes inside the scope.
    pub allow_dirty_overlap: Option<bool>,
    /// NAME: for people.
    pub name: Option<String>,
    /// TIER: not checked against the tiers that exist.
    pub tier: Option<PacketItem>,
    /// BY-PRODUCTS: directories as written.
    pub by_products: Vec<PacketItem>,
    /// MCP: servers of the user's Codex configuration that stay on.
    pub mcp: Vec<PacketItem>,
    /// ALLOW COMMIT: whether the worker may commit on the current branch.
    pub allow_commit: bool,
    /// NETWORK: what its commands may reach.
    pub network: Network,
    /// DENY READ: paths or globs as written that the worker may not read.
    pub deny_read: Vec<PacketItem>,
    /// COPY: what an isolated run brings along though git does not, relative to the work directory.
    pub copy: Vec<PacketItem>,
}

/// A value of a packet and where it stands, so that later checks can name the line too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketItem {
    /// Without bullet and backticks.
    pub text: String,
    /// From 1.
    pub line: usize,
}

impl Packet {
    /// Reads a packet, or tells everything that is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, PacketProblems> {
        read::packet(bytes)
    }

    /// What it is about, in a line for people: NAME, or the first line of OBJECTIVE.
    pub fn title(&self) -> &str {
        let first_line = || self.objective.lines().map(str::trim).find(|line| !line.is_empty());
        self.name.as_deref().or_else(first_line).unwrap_or_default()
    }

    /// What its run is called, and called by: NAME, or the beginning of OBJECTIVE in one word.
    pub fn run_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| slug(self.title()))
    }
}

#[cfg(test)]
mod tests;
