//! What a review of a change found: typed, ranked, and whether somebody should look. Knows nothing of who reviewed or of
//! the reviewer's own format.

use serde::{Deserialize, Serialize};

/// How a review that has nothing to look at begins to say so.
pub const NOTHING_TO_REVIEW: &str = "nothing to review";

/// How bad a finding is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Drop everything to fix it.
    Critical,
    /// To be fixed next.
    High,
    /// To be fixed some day.
    Medium,
    /// Nice to have.
    Low,
}

impl Severity {
    /// All of them, worst first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    /// The word used in results and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    /// Whether a finding of this kind is worth stopping for.
    pub fn needs_attention(self) -> bool {
        self <= Self::Medium
    }
}

/// One thing that a review found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// Why it is one, Markdown.
    pub body: String,
    /// Relative to the repository where it lies in it, else as the reviewer told it.
    pub path: String,
    /// The lines that show it; absent when none were told.
    pub lines: Option<Lines>,
    /// How sure the reviewer is, 0 to 1.
    pub confidence: f64,
}

/// Lines of a file, from 1, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// The first.
    pub start: u32,
    /// The last.
    pub end: u32,
}

impl Lines {
    /// Lines as somebody told them; none where they cannot be lines.
    pub fn told(start: i64, end: i64) -> Option<Self> {
        let start = u32::try_from(start).ok().filter(|&start| start > 0)?;
        Some(Self { start, end: u32::try_from(end).map_or(start, |end| end.max(start)) })
    }
}

impl Finding {
    /// `src/a.rs:3-5`.
    pub fn place(&self) -> String {
        match self.lines {
            None => self.path.clone(),
            Some(Lines { start, end }) if start == end => format!("{}:{start}", self.path),
            Some(Lines { start, end }) => format!("{}:{start}-{end}", self.path),
        }
    }
}

/// A review that came to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    findings: Vec<Finding>,
    /// Whether the reviewer takes the change for correct.
    pub is_correct: bool,
    /// Why, in a few sentences.
    pub explanation: String,
}

impl Review {
    /// Ranks the findings: by severity, then by the reviewer's confidence, else in its order.
    pub fn new(mut findings: Vec<Finding>, is_correct: bool, explanation: String) -> Self {
        findings.sort_by(|a, b| a.severity.cmp(&b.severity).then(b.confidence.total_cmp(&a.confidence)));
        Self { findings, is_correct, explanation }
    }

    /// What was found, worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether somebody should look: a finding that is medium or worse, or a change that is not correct.
    pub fn needs_attention(&self) -> bool {
        !self.is_correct || self.findings.iter().any(|finding| finding.severity.needs_attention())
    }

    /// `3 findings: 1 high, 2 low`; with what the reviewer says of the whole.
    pub fn headline(&self) -> String {
        let word = if self.is_correct { "the change is correct" } else { "the change is not correct" };
        format!("{}; the reviewer says that {word}", count_text(&self.findings))
    }
}

/// `no findings`, `3 findings: 1 high, 2 low`.
pub fn count_text(findings: &[Finding]) -> String {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let by_severity: Vec<String> = Severity::ALL
        .into_iter()
        .filter(|severity| count(*severity) > 0)
        .map(|severity| format!("{} {}", count(severity), severity.as_str()))
        .collect();
    match findings.len() {
        0 => "no findings".to_owned(),
        1 => format!("1 finding: {}", by_severity.join(", ")),
        n => format!("{n} findings: {}", by_severity.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, title: &str, confidence: f64) -> Finding {
        let (title, path) = (title.to_owned(), "src/a.rs".to_owned());
        Finding { severity, title, body: String::new(), path, lines: Lines::told(3, 5), confidence }
    }

    fn titles(review: &Review) -> Vec<&str> {
        review.findings().iter().map(|finding| finding.title.as_str()).collect()
    }

    #[test]
    fn the_worst_comes_first_then_the_surest_then_the_first_told() {
        let findings = vec![
            finding(Severity::Low, "low", 1.0),
            finding(Severity::High, "unsure", 0.2),
            finding(Severity::High, "sure", 0.9),
            finding(Severity::High, "sure too", 0.9),
            finding(Severity::Critical, "critical", 0.1),
        ];
        let review = Review::new(findings, false, String::new());
        assert_eq!(titles(&review), ["critical", "sure", "sure too", "unsure", "low"]);
        assert_eq!(
            review.headline(),
            "5 findings: 1 critical, 3 high, 1 low; the reviewer says that the change is not correct"
        );
    }

    #[test]
    fn low_findings_of_a_correct_change_need_no_attention() {
        let review = |severity, is_correct| {
            Review::new(vec![finding(severity, "x", 0.5)], is_correct, String::new()).needs_attention()
        };
        assert!(!review(Severity::Low, true) && review(Severity::Low, false));
        assert!(review(Severity::Medium, true) && review(Severity::Critical, true));
        assert!(!Review::new(vec![], true, String::new()).needs_attention());
        assert!(Review::new(vec![], false, String::new()).needs_attention());
    }

    #[test]
    fn a_place_reads_as_editors_take_it_and_impossible_lines_are_left_out() {
        let mut found = finding(Severity::Low, "x", 0.5);
        assert_eq!(found.place(), "src/a.rs:3-5");
        found.lines = Lines::told(7, 2);
        assert_eq!(found.place(), "src/a.rs:7");
        for (start, end) in [(0, 2), (-3, 2), (i64::MAX, i64::MAX)] {
            found.lines = Lines::told(start, end);
            assert_eq!(found.place(), "src/a.rs");
        }
    }
}
