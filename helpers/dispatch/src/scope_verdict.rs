//! What was found about scope when nothing of the run lives any more: the comparison of the tree, and everything that
//! keeps it from being a verdict.

use std::path::Path;

use clodex_core::{Grants, Verdict, Violation, path_text};
use clodex_os::process::Survivor;
use clodex_scope::{Baseline, Comparison, Meanwhile, ScopeError};

use crate::artifacts::Forged;
use crate::verify::Verified;

/// What helps somebody who reads of their own edit as a violation.
const DOUBT: &str = "this run was held to less than its scope at best, so a violation may be a change of yours or of another \
    program: a sandbox narrowed to the scope tells them apart, --isolate keeps them apart";

/// The verdict and what it rests on.
#[derive(Debug)]
pub struct ScopeVerdict {
    /// The verdict.
    pub verdict: Verdict,
    /// The comparison of the tree; none when a gate refused or it could not be completed.
    pub comparison: Option<Comparison>,
    /// Violations that the comparison does not know of.
    pub forged: Vec<Violation>,
    /// Violations by clodex's own checks.
    pub by_checks: Vec<Violation>,
    /// Remarks that change nothing.
    pub notes: Vec<String>,
}

impl ScopeVerdict {
    /// A gate refused; nothing was started and nothing is compared.
    pub fn refused() -> Self {
        Self { verdict: Verdict::Refused, comparison: None, forged: vec![], by_checks: vec![], notes: vec![] }
    }

    /// Compares the tree with its baseline. Whoever begins after it was asked who else lives, and before the tree is
    /// looked at, is seen in the tree and known to nobody: what is found is looked at twice.
    pub fn of(baseline: &Result<Baseline, ScopeError>, meanwhile: impl Fn() -> Meanwhile) -> Self {
        let compared = match baseline {
            Ok(baseline) => match clodex_scope::compare(baseline, &meanwhile()) {
                Ok(first) if !first.violations.is_empty() => clodex_scope::compare(baseline, &meanwhile()),
                first => first,
            }
            .map_err(|error| error.to_string()),
            Err(error) => Err(format!("no baseline: {error}")),
        };
        match compared {
            Err(why) => Self {
                verdict: Verdict::Unknown,
                comparison: None,
                forged: vec![],
                by_checks: vec![],
                notes: vec![why],
            },
            Ok(comparison) => Self {
                verdict: comparison.verdict,
                forged: vec![],
                by_checks: vec![],
                notes: without_repetition(&comparison.notes),
                comparison: Some(comparison),
            },
        }
    }

    /// Paths of the comparison, by what they are.
    pub fn paths(&self, which: impl Fn(&Comparison) -> &Vec<String>) -> Vec<String> {
        self.comparison.as_ref().map(|comparison| which(comparison).clone()).unwrap_or_default()
    }

    /// What clodex's own checks did to the tree.
    pub fn add_checks(&mut self, verified: &Verified) {
        self.by_checks.clone_from(&verified.violations);
        self.notes.extend(verified.unknown.iter().map(|why| format!("during verification: {why}")));
        if !self.by_checks.is_empty() {
            self.verdict = Verdict::Violation;
        } else if !verified.unknown.is_empty() && self.verdict == Verdict::Clean {
            self.verdict = Verdict::Unknown;
        }
        if let Some(comparison) = &mut self.comparison {
            add_new(&mut comparison.by_products, &verified.by_products);
            add_new(&mut comparison.foreign, &verified.foreign);
        }
        self.add_survivors(&verified.survivors);
    }

    /// All changes outside the scope.
    pub fn violations(&self) -> Vec<Violation> {
        let compared = self.comparison.iter().flat_map(|comparison| &comparison.violations);
        compared.chain(&self.by_checks).chain(&self.forged).cloned().collect()
    }

    /// A tree on which something of the run still lives is not still: there is no verdict over it.
    pub fn add_survivors(&mut self, survivors: &[Survivor]) {
        for survivor in survivors {
            self.notes.push(format!("still alive: {} {}", survivor.id.pid, survivor.command));
        }
        if !survivors.is_empty() && self.verdict == Verdict::Clean {
            self.verdict = Verdict::Unknown;
        }
    }

    /// Where the worker's changes cannot be told from those of others, whoever is blamed should know.
    pub fn add_doubt(&mut self, is_told_apart: bool) {
        let is_blamed = self.comparison.as_ref().is_some_and(|found| !found.violations.is_empty());
        if is_blamed && !is_told_apart {
            self.notes.push(DOUBT.to_owned());
        }
    }

    /// Artifacts that did not hold what was written to them: somebody forged them while the run lived. What its worker
    /// could not write, to all that is in `reach`, was somebody else. Paths below `root` are told like all others,
    /// relative to it.
    pub fn add_forged(&mut self, root: &Path, reach: Option<&Grants>, forged: Vec<Forged>) {
        let told =
            |path: &Path| path_text(path.strip_prefix(root).unwrap_or(path).as_os_str().as_encoded_bytes());
        let (foreign, forged): (Vec<_>, Vec<_>) =
            forged.into_iter().partition(|forged| reach.is_some_and(|reach| !reach.may_write(&forged.path)));
        if let Some(first) = foreign.first() {
            let now = if first.restored { "they were written anew" } else { "they cannot be written anew" };
            self.notes.push(format!("somebody else changed artifacts of this run: {now}"));
            let foreign: Vec<String> = foreign.iter().map(|forged| told(&forged.path)).collect();
            if let Some(comparison) = &mut self.comparison {
                add_new(&mut comparison.foreign, &foreign);
            }
        }
        if !forged.is_empty() {
            self.verdict = Verdict::Violation;
        }
        self.forged.extend(forged.into_iter().map(|forged| Violation {
            path: told(&forged.path),
            kind: forged.kind,
            detail: forged.detail.to_owned(),
            restored: forged.restored,
            by: None,
        }));
    }
}

fn add_new(paths: &mut Vec<String>, more: &[String]) {
    paths.extend(more.iter().cloned());
    paths.sort();
    paths.dedup();
}

/// What is in the way of both looks at the tree is worth one line.
fn without_repetition(notes: &[String]) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    notes.iter().filter(|note| seen.insert(note.as_str())).cloned().collect()
}
