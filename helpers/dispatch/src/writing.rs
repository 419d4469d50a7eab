//! Writes the last artifacts of a run. What cannot be written does not keep the rest from being written and told: a
//! full disk is no reason to lose a verdict.

use clodex_core::{Policy, RunResult, VerificationEntry};
use clodex_os::NamedOutput;

use crate::artifacts::Artifacts;
use crate::scope_verdict::ScopeVerdict;

/// The artifacts, and what could not be written of them.
#[derive(Debug)]
pub struct Writing<'a> {
    artifacts: &'a mut Artifacts,
    failures: Vec<String>,
}

impl<'a> Writing<'a> {
    /// Nothing has failed yet.
    pub fn into(artifacts: &'a mut Artifacts) -> Self {
        Self { artifacts, failures: Vec::new() }
    }

    /// For what comes between the findings and the outcome.
    pub fn artifacts(&mut self) -> &mut Artifacts {
        self.artifacts
    }

    /// What was found and said.
    pub fn findings(&mut self, found: &ScopeVerdict, verification: &[VerificationEntry], message: &str) {
        if let Some(comparison) = &found.comparison {
            self.bytes("changes.patch", comparison.changes_patch());
            self.bytes("post-status.txt", comparison.status_text());
            self.bytes("post-diff-stat.txt", comparison.diff_stat_text());
        }
        self.json("verification.json", &verification);
        self.bytes("result.md", message);
    }

    /// A copy for the user, wherever he wants it.
    pub fn outside(&mut self, output: &NamedOutput, content: &[u8]) {
        let written = output.write(content);
        self.note(written.map_err(|error| error.to_string()));
    }

    /// `result.json`, then `policy.json` with what has failed so far, then the seal over everything. Returns the seal's
    /// digest and all that could not be written.
    pub fn outcome(mut self, result: &mut RunResult, policy: &mut Policy) -> (Option<String>, Vec<String>) {
        result.artifacts = self.names();
        self.json("result.json", result);
        policy.degraded.extend(self.failures.iter().cloned());
        let told = self.failures.len();
        self.json("policy.json", policy);
        let seal = self.artifacts.seal();
        let seal = seal.map_err(|error| self.failures.push(error.to_string())).ok();
        // Too late for policy.json, in time for whoever reads the report.
        policy.degraded.extend(self.failures.iter().skip(told).cloned());
        (seal, self.failures)
    }

    /// The names that will be there when the run has ended, `seal.json` included.
    fn names(&self) -> Vec<String> {
        let mut names = self.artifacts.names();
        names.extend(["result.json", "policy.json", "seal.json"].map(str::to_owned));
        names.sort();
        names
    }

    /// Any other file.
    pub fn bytes(&mut self, name: &str, content: impl Into<Vec<u8>>) {
        let written = self.artifacts.write(name, content);
        self.note(written.map_err(|error| error.to_string()));
    }

    fn json(&mut self, name: &str, value: &impl serde::Serialize) {
        let written = self.artifacts.write_json(name, value);
        self.note(written.map_err(|error| error.to_string()));
    }

    fn note(&mut self, written: Result<(), String>) {
        self.failures.extend(written.err());
    }
}
