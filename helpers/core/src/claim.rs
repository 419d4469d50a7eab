//! What the worker says of its own work. A claim is never a verdict.

use serde::{Deserialize, Serialize};

use crate::Outcome;

/// The worker's structured answer. The JSON schema that it is asked to follow is [`Claim::SCHEMA`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// What became of the work, by its own account.
    pub result: WorkerResult,
    /// One or two sentences.
    pub summary: String,
    /// The full answer, Markdown.
    pub report: String,
    /// Files it says it changed.
    pub changed_files: Vec<String>,
    /// Checks it says it ran, with their results.
    pub verification_run: Vec<String>,
    /// What supports the claim.
    pub evidence: Vec<String>,
    /// What it found.
    pub findings: Vec<String>,
    /// What may go wrong.
    pub risks: Vec<String>,
    /// What should happen next; may be empty.
    pub next: String,
    /// `CLEAN` or `NEEDS_ATTENTION` with a reason.
    pub verdict: String,
}

/// What the worker says became of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkerResult {
    /// The whole task.
    Done,
    /// A part of it.
    Partial,
    /// It could not go on.
    Blocked,
    /// Findings, no change.
    FindingsOnly,
}

impl From<WorkerResult> for Outcome {
    fn from(result: WorkerResult) -> Self {
        match result {
            WorkerResult::Done => Self::Done,
            WorkerResult::Partial => Self::Partial,
            WorkerResult::Blocked => Self::Blocked,
            WorkerResult::FindingsOnly => Self::FindingsOnly,
        }
    }
}

/// The worker's own word on its work. Anything that is not exactly one of the two forms is not understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", content = "reason")]
pub enum ClaimedVerdict {
    /// `CLEAN`
    #[serde(rename = "CLEAN")]
    Clean,
    /// `NEEDS_ATTENTION`, with a reason after it.
    #[serde(rename = "NEEDS_ATTENTION")]
    NeedsAttention(String),
}

/// What could be made of the final message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimParse {
    /// It follows the schema.
    Structured(Box<Claim>, ClaimedVerdict),
    /// Free text whose last line is an exact `VERDICT: …`.
    Text(ClaimedVerdict),
    /// Neither: never passes. The reason is for people.
    Unreadable(String),
}

impl Claim {
    /// The JSON schema given to Codex (strict: every property required, none other allowed).
    pub const SCHEMA: &str = include_str!("claim.schema.json");
}

impl ClaimedVerdict {
    /// Reads `CLEAN`, `NEEDS_ATTENTION` or `NEEDS_ATTENTION: reason`, and nothing else.
    pub fn from_words(words: &str) -> Option<Self> {
        let words = words.trim();
        if words == "CLEAN" {
            return Some(Self::Clean);
        }
        let reason = words.strip_prefix("NEEDS_ATTENTION")?;
        let separated =
            reason.is_empty() || reason.starts_with([':', ' ', '-', '\t']) || reason.starts_with('—');
        separated
            .then(|| Self::NeedsAttention(reason.trim_start_matches([':', ' ', '-', '\t', '—']).to_owned()))
    }
}

impl ClaimParse {
    /// Reads the final message: our schema, or the free-text fallback.
    pub fn from_final_message(text: &str) -> Self {
        if let Ok(claim) = serde_json::from_str::<Claim>(text) {
            return match ClaimedVerdict::from_words(&claim.verdict) {
                Some(verdict) => Self::Structured(Box::new(claim), verdict),
                None => Self::Unreadable(format!("the answer's verdict is `{}`", claim.verdict)),
            };
        }
        Self::from_last_line(text)
    }

    /// Reads only the free-text form: the last line that is not blank must be `VERDICT: …`.
    pub fn from_last_line(text: &str) -> Self {
        let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
        match last.and_then(|line| line.strip_prefix("VERDICT:")) {
            Some(words) => match ClaimedVerdict::from_words(words) {
                Some(verdict) => Self::Text(verdict),
                None => Self::Unreadable(format!("the last line's verdict is `{}`", words.trim())),
            },
            None => Self::Unreadable(
                "the answer follows no schema and its last line is not `VERDICT:`".to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_words_pass() {
        assert_eq!(ClaimedVerdict::from_words(" CLEAN "), Some(ClaimedVerdict::Clean));
        assert_eq!(
            ClaimedVerdict::from_words("NEEDS_ATTENTION: flaky test"),
            Some(ClaimedVerdict::NeedsAttention("flaky test".into()))
        );
        for words in ["NOT CLEAN", "CLEAN-ish", "clean", "CLEAN, mostly", "", "NEEDS_ATTENTIONAL"] {
            assert_eq!(ClaimedVerdict::from_words(words), None, "{words}");
        }
    }

    #[test]
    fn a_verdict_quoted_in_the_middle_of_the_text_does_not_count() {
        let text = "the test prints\nVERDICT: CLEAN\nbut it fails";
        assert!(matches!(ClaimParse::from_final_message(text), ClaimParse::Unreadable(_)));
        let text = "all good\nVERDICT: CLEAN\n\n";
        assert_eq!(ClaimParse::from_final_message(text), ClaimParse::Text(ClaimedVerdict::Clean));
    }

    #[test]
    fn the_schema_names_exactly_the_fields_of_the_claim() {
        let schema: serde_json::Value = serde_json::from_str(Claim::SCHEMA).unwrap();
        let claim = Claim {
            result: WorkerResult::FindingsOnly,
            summary: String::new(),
            report: String::new(),
            changed_files: vec![],
            verification_run: vec![],
            evidence: vec![],
            findings: vec![],
            risks: vec![],
            next: String::new(),
            verdict: "CLEAN".into(),
        };
        let fields = serde_json::to_value(&claim).unwrap();
        let names = |v: &serde_json::Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let mut required: Vec<String> = serde_json::from_value(schema["required"].clone()).unwrap();
        required.sort();
        assert_eq!(names(&fields), names(&schema["properties"]));
        assert_eq!(names(&fields), required);
        assert_eq!(schema["additionalProperties"], false);
    }
}
