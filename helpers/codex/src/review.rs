//! Codex's own review (`codex exec review`): how it is asked, and what its answer means. The reviewer is a thread of its
//! own with Codex's review guidelines; `--output-schema` does not reach it, and the stream tells its answer as prose.

use std::path::{Component, Path};

use clodex_core::{Finding, Lines, Review, Severity};
use serde::Deserialize;

/// The JSON schema of the answer that Codex's review guidelines ask for. `priority` may be missing, as they say.
pub const REVIEW_SCHEMA: &str = include_str!("review.schema.json");

/// What is to be reviewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewTarget<'a> {
    /// What is not committed: staged, unstaged, untracked.
    Uncommitted,
    /// What the work tree has more than a branch, tag or commit.
    Base {
        /// Its name, as the user says it.
        name: &'a str,
        /// The commit that both have in common, in hex.
        merge_base: &'a str,
    },
}

/// What the reviewer is told of the target, in the words of Codex 0.169 for `--uncommitted` and `--base`. Those options
/// themselves take no further instructions, so a focus could not be told.
pub fn review_words(target: ReviewTarget<'_>) -> String {
    match target {
        ReviewTarget::Uncommitted => {
            "Review the current code changes (staged, unstaged, and untracked files) and \
            provide prioritized findings."
                .to_owned()
        }
        ReviewTarget::Base { name, merge_base } => format!(
            "Review the code changes against the base branch '{name}'. The merge base commit for this comparison is \
             {merge_base}. Run `git diff {merge_base}` to inspect the changes relative to {name}. Provide prioritized, \
             actionable findings."
        ),
    }
}

#[derive(Deserialize)]
struct Answer {
    findings: Vec<Found>,
    overall_correctness: String,
    overall_explanation: String,
}

#[derive(Deserialize)]
struct Found {
    title: String,
    body: String,
    confidence_score: f64,
    #[serde(default)]
    priority: Option<u8>,
    code_location: Location,
}

#[derive(Deserialize)]
struct Location {
    absolute_file_path: String,
    line_range: Range,
}

#[derive(Deserialize)]
struct Range {
    start: i64,
    end: i64,
}

/// The review that an answer tells which follows [`REVIEW_SCHEMA`]; paths below `root` become relative to it.
pub fn review_of(answer: &serde_json::Value, root: &Path) -> Result<Review, String> {
    let answer = Answer::deserialize(answer).map_err(|error| error.to_string())?;
    let findings = answer.findings.into_iter().map(|found| found.finding(root)).collect();
    let is_correct = answer.overall_correctness == "patch is correct";
    Ok(Review::new(findings, is_correct, answer.overall_explanation))
}

impl Found {
    fn finding(self, root: &Path) -> Finding {
        let (tag, title) = split_tag(&self.title);
        let Location { absolute_file_path: path, line_range } = self.code_location;
        let inside = Path::new(&path).strip_prefix(root).ok().filter(|inside| stays_below(inside));
        let inside = inside.and_then(Path::to_str).map(str::to_owned);
        Finding {
            severity: severity(self.priority.or(tag)),
            title: title.to_owned(),
            body: self.body,
            path: inside.unwrap_or(path),
            lines: Lines::told(line_range.start, line_range.end),
            confidence: self.confidence_score,
        }
    }
}

/// Whether a path does not climb out again.
fn stays_below(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}

/// Codex's P0 to P3. A finding whose priority nobody told is not let through as a trifle.
fn severity(priority: Option<u8>) -> Severity {
    match priority {
        Some(0) => Severity::Critical,
        Some(1) => Severity::High,
        Some(2) | None => Severity::Medium,
        Some(3..) => Severity::Low,
    }
}

/// `[P1] Title` is priority 1 and `Title`.
fn split_tag(title: &str) -> (Option<u8>, &str) {
    let told = title.trim().strip_prefix("[P").and_then(|rest| rest.split_once(']'));
    let tag = told.and_then(|(digit, rest)| Some((digit.parse().ok()?, rest.trim())));
    tag.map_or((None, title.trim()), |(digit, rest)| (Some(digit), rest))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(findings: &Value) -> Value {
        json!({ "findings": findings, "overall_correctness": "patch is incorrect",
            "overall_explanation": "why", "overall_confidence_score": 0.8 })
    }

    fn found(title: &str, priority: &Value, path: &str) -> Value {
        json!({ "title": title, "body": "b", "confidence_score": 0.5, "priority": priority,
            "code_location": { "absolute_file_path": path, "line_range": { "start": 2, "end": 3 } } })
    }

    #[test]
    fn priorities_become_severities_whether_they_are_numbers_or_tags() {
        let findings = json!([
            found("[P0] a", &json!(0), "/r/x"),
            found("[P1] b", &Value::Null, "/r/x"),
            found("c", &Value::Null, "/r/x"),
            found("[P3] d", &json!(3), "/r/x"),
        ]);
        let review = review_of(&answer(&findings), Path::new("/r")).unwrap();
        let told: Vec<_> =
            review.findings().iter().map(|one| (one.severity.as_str(), one.title.as_str())).collect();
        assert_eq!(told, [("critical", "a"), ("high", "b"), ("medium", "c"), ("low", "d")]);
        assert!(!review.is_correct);
    }

    #[test]
    fn paths_in_the_repository_are_relative_and_others_stay() {
        let paths = ["/r/src/é.rs", "/rest/x", "/r/../etc/passwd", "src/a.rs"];
        let findings: Vec<Value> = paths.iter().map(|path| found("a", &json!(1), path)).collect();
        let findings = json!(findings);
        let review = review_of(&answer(&findings), Path::new("/r")).unwrap();
        let places: Vec<String> = review.findings().iter().map(Finding::place).collect();
        assert_eq!(places, ["src/é.rs:2-3", "/rest/x:2-3", "/r/../etc/passwd:2-3", "src/a.rs:2-3"]);
    }
}
