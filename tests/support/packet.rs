//! Writes task packets for tests. Knows the fields of a packet; nothing of what becomes of it.

use std::fmt::Write as _;
use std::path::Path;

use clodex_sim::responses::embed;
use serde_json::Value;

/// A packet with all required fields, to be changed where a test cares.
#[derive(Debug, Clone)]
pub struct Packet {
    mode: String,
    objective: String,
    scope: Vec<String>,
    checks: Vec<String>,
    more: Vec<String>,
}

impl Packet {
    /// A worker that may write to `scope`.
    pub fn worker(scope: &[&str]) -> Self {
        let scope = scope.iter().map(|&entry| entry.to_owned()).collect();
        let checks = vec!["true".to_owned()];
        Self {
            mode: "worker".to_owned(),
            objective: "do the work".to_owned(),
            scope,
            checks,
            more: Vec::new(),
        }
    }

    /// A `verifier`, `reviewer` or `synthesizer`.
    pub fn read_only(mode: &str) -> Self {
        Self { mode: mode.to_owned(), ..Self::worker(&[]) }
    }

    /// Says what is to be done.
    #[must_use]
    pub fn objective(mut self, objective: &str) -> Self {
        objective.clone_into(&mut self.objective);
        self
    }

    /// Says how it is to be verified.
    #[must_use]
    pub fn checked_by(mut self, checks: &[&str]) -> Self {
        self.checks = checks.iter().map(|&check| check.to_owned()).collect();
        self
    }

    /// Tells the scripted model what it will do.
    #[must_use]
    pub fn script(self, script: &Value) -> Self {
        let script = embed(script);
        self.with(&format!("CONTEXT:\n- {script}"))
    }

    /// Adds text at the end, e.g. `NAME: x`.
    #[must_use]
    pub fn with(mut self, text: &str) -> Self {
        self.more.push(text.to_owned());
        self
    }

    /// The packet's text.
    pub fn to_text(&self, workdir: &Path) -> String {
        let mut text =
            format!("MODE: {}\nWORKDIR: {}\nOBJECTIVE: {}\n\n", self.mode, workdir.display(), self.objective);
        if self.scope.is_empty() {
            text.push_str("WRITE SCOPE: none\n");
        } else {
            text.push_str("WRITE SCOPE:\n");
            for entry in &self.scope {
                let _ = writeln!(text, "- {entry}");
            }
        }
        text.push_str("\nNON-GOALS:\n- nothing else\n\nVERIFICATION:\n");
        for check in &self.checks {
            let _ = writeln!(text, "- {check}");
        }
        text.push_str("\nDELIVERABLE:\n- a short report\n");
        for more in &self.more {
            let _ = writeln!(text, "\n{more}");
        }
        text
    }
}
