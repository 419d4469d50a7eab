//! The findings of a review in the report: all titles as far as there is room, and of the bodies what fits.

use std::fmt::Write as _;

use clodex_core::{Finding, count_text};

use super::{MAX_ROWS, bounded, line};

/// For all bodies together.
const BODY_COLUMNS: usize = 3200;
/// For one of them.
const MAX_BODY_COLUMNS: usize = 700;

/// Lists them, worst first.
pub fn list(out: &mut String, findings: &[Finding]) {
    let _ = writeln!(out, "\n{}", count_text(findings));
    let shown = findings.len().min(MAX_ROWS);
    let columns = (BODY_COLUMNS / shown.max(1)).min(MAX_BODY_COLUMNS);
    for (number, finding) in findings.iter().take(shown).enumerate() {
        let severity = finding.severity.as_str();
        let row = format!("{severity:<8}  {}  {}", finding.place(), finding.title);
        let _ = writeln!(out, "  {:>2}. {}", number + 1, line(&row));
        let body = finding.body.split_whitespace().collect::<Vec<_>>().join(" ");
        if !body.is_empty() {
            let _ = writeln!(out, "      {}", bounded(&body, columns));
        }
    }
    if findings.len() > shown {
        let _ = writeln!(out, "  … {} more", findings.len() - shown);
    }
}
