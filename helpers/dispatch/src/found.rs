//! What was found about scope when nothing of the run lives any more: the comparison of the tree, and everything that
//! keeps it from being a verdict.

use std::path::Path;

use clodex_core::{Verdict, Violation, path_text};
use clodex_os::process::Survivor;
use clodex_scope::{Baseline, Comparison, Meanwhile, ScopeError};

use crate::artifacts::Forged;

/// The verdict and what it rests on, in the words of `policy.json`.
#[derive(Debug)]
pub struct Found {
    /// The verdict.
    pub verdict: Verdict,
    /// Changes outside the scope.
    pub violations: Vec<Violation>,
    /// Changed by-products.
    pub by_products: Vec<String>,
    /// Changes that this run could not have made.
    pub foreign: Vec<String>,
    /// Changes inside the scope.
    pub in_scope: Vec<String>,
    /// Remarks that change nothing.
    pub notes: Vec<String>,
}

impl Found {
    fn nothing(verdict: Verdict, note: Option<String>) -> Self {
        Self {
            verdict,
            violations: vec![],
            by_products: vec![],
            foreign: vec![],
            in_scope: vec![],
            notes: note.into_iter().collect(),
        }
    }

    /// A gate refused; nothing was started and nothing is compared.
    pub fn refused() -> Self {
        Self::nothing(Verdict::Refused, None)
    }

    /// Compares the tree with its baseline.
    pub fn of(baseline: &Result<Baseline, ScopeError>, meanwhile: &Meanwhile) -> (Self, Option<Comparison>) {
        let compared = match baseline {
            Ok(baseline) => clodex_scope::compare(baseline, meanwhile).map_err(|error| error.to_string()),
            Err(error) => Err(format!("no baseline: {error}")),
        };
        match compared {
            Err(why) => (Self::nothing(Verdict::Unknown, Some(why)), None),
            Ok(comparison) => {
                let found = Self {
                    verdict: comparison.verdict,
                    violations: comparison.violations.clone(),
                    by_products: comparison.by_products.clone(),
                    foreign: comparison.foreign.clone(),
                    in_scope: comparison.in_scope.clone(),
                    notes: without_repetition(&comparison.notes),
                };
                (found, Some(comparison))
            }
        }
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

    /// Artifacts that did not hold what was written to them: somebody forged them while the run lived. Paths below
    /// `root` are told like all others, relative to it.
    pub fn add_forged(&mut self, root: &Path, forged: Vec<Forged>) {
        if !forged.is_empty() {
            self.verdict = Verdict::Violation;
        }
        self.violations.extend(forged.into_iter().map(|forged| Violation {
            path: path_text(
                forged.path.strip_prefix(root).unwrap_or(&forged.path).as_os_str().as_encoded_bytes(),
            ),
            kind: forged.kind,
            detail: forged.detail.to_owned(),
            restored: forged.restored,
        }));
    }
}

/// What is in the way of both looks at the tree is worth one line.
fn without_repetition(notes: &[String]) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    notes.iter().filter(|note| seen.insert(note.as_str())).cloned().collect()
}
