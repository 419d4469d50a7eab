//! A review that ended: from its answer to a judgement, and to the text for people. Pure.

use std::fmt::Write as _;
use std::path::Path;

use clodex_codex::AnswerSchema;
use clodex_core::{ClaimedVerdict, Ending, Outcome, Review};

use crate::judge::Judgement;

/// Judges what the reviewer said. Codex itself takes words that it cannot read for a review without findings.
pub fn reviewed(schema: &AnswerSchema, said: Option<&str>, root: &Path) -> Judgement {
    let Some(said) = said else {
        let why = "codex kept no findings of this review";
        return Judgement::ended(Outcome::Failed, Ending::Protocol, why);
    };
    match schema.check_within(said).and_then(|answer| clodex_codex::review_of(&answer, root)) {
        Ok(review) => delivered(review),
        Err(why) => Judgement::ended(Outcome::Failed, Ending::Protocol, why),
    }
}

fn delivered(review: Review) -> Judgement {
    let outcome = if review.findings().is_empty() { Outcome::Done } else { Outcome::FindingsOnly };
    let headline = review.headline();
    let needs_attention = review.needs_attention();
    let word = if needs_attention {
        ClaimedVerdict::NeedsAttention(headline.clone())
    } else {
        ClaimedVerdict::Clean
    };
    Judgement {
        needs_attention,
        claimed_verdict: Some(word),
        review: Some(review),
        ..Judgement::ended(outcome, Ending::Completed, headline)
    }
}

/// All of it as Markdown, worst first, the reviewer's word as the last line.
pub fn markdown(review: &Review) -> String {
    let mut text = format!("# Review: {}\n", review.headline());
    if !review.explanation.trim().is_empty() {
        let _ = write!(text, "\n{}\n", review.explanation.trim());
    }
    for (number, finding) in review.findings().iter().enumerate() {
        let _ = write!(
            text,
            "\n## {}. {}: {}\n\n{} (confidence {:.2})\n",
            number + 1,
            finding.severity.as_str(),
            one_line(&finding.title),
            one_line(&finding.place()),
            finding.confidence,
        );
        if !finding.body.trim().is_empty() {
            let _ = write!(text, "\n{}\n", finding.body.trim());
        }
    }
    let word = if review.needs_attention() {
        format!("NEEDS_ATTENTION {}", review.headline())
    } else {
        "CLEAN".to_owned()
    };
    let _ = write!(text, "\nVERDICT: {word}\n");
    text
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(said: Option<&str>) -> Judgement {
        let schema = AnswerSchema::compile(clodex_codex::REVIEW_SCHEMA.to_owned()).unwrap();
        reviewed(&schema, said, Path::new("/r"))
    }

    fn answer(findings: &str, word: &str) -> String {
        format!(
            r#"{{"findings":[{findings}],"overall_correctness":"patch is {word}","overall_explanation":"Why.","overall_confidence_score":0.8}}"#
        )
    }

    fn finding(more: &str) -> String {
        format!(
            r#"{{"title":"[P1] Add\nthe lock","body":"Two at once.","confidence_score":0.9,{more}"code_location":{{"absolute_file_path":"/r/src/a.rs","line_range":{{"start":2,"end":3}}}}}}"#
        )
    }

    #[test]
    fn a_review_with_findings_needs_attention_and_reads_in_full() {
        let judgement = judged(Some(&answer(&finding(r#""priority":1,"#), "incorrect")));
        let told = (judgement.outcome, judgement.ending, judgement.needs_attention);
        assert_eq!(told, (Outcome::FindingsOnly, Ending::Completed, true));
        assert_eq!(
            markdown(&judgement.review.unwrap()),
            "# Review: 1 finding: 1 high; the reviewer says that the change is not correct\n\nWhy.\n\n\
             ## 1. high: Add the lock\n\nsrc/a.rs:2-3 (confidence 0.90)\n\nTwo at once.\n\n\
             VERDICT: NEEDS_ATTENTION 1 finding: 1 high; the reviewer says that the change is not correct\n"
        );
    }

    #[test]
    fn what_codex_calls_optional_may_be_missing_and_words_may_stand_around_the_answer() {
        for said in [
            answer(&finding(""), "correct"),
            format!("```json\n{}\n```", answer(&finding(r#""priority":null,"#), "correct")),
        ] {
            let review = judged(Some(&said)).review.unwrap();
            assert_eq!(review.findings()[0].severity.as_str(), "high");
        }
        let clean = judged(Some(&answer("", "correct")));
        assert_eq!((clean.outcome, clean.needs_attention), (Outcome::Done, false));
    }

    #[test]
    fn an_answer_that_is_none_never_passes_for_a_review_without_findings() {
        let cut = answer(&finding(r#""priority":1,"#), "incorrect").replace("\"body\"", "\"bodi\"");
        let maybe = answer("", "perhaps correct");
        let unsure = answer(&finding(r#""priority":7,"#), "correct");
        for said in [None, Some(""), Some("all good"), Some(&*cut), Some(&*maybe), Some(&*unsure)] {
            let judgement = judged(said);
            assert_eq!(
                (judgement.outcome, judgement.ending),
                (Outcome::Failed, Ending::Protocol),
                "{said:?}"
            );
            assert!(judgement.review.is_none() && judgement.needs_attention);
        }
    }
}
