//! `result.md`: the worker's report as Markdown, then its own word as the last line.

use clodex_core::ClaimedVerdict;

use crate::judge::Judgement;
use crate::reviewed;

/// The text for `result.md` and `-o`. Whatever there is: a structured report, free text, or why there is none.
pub fn markdown(judgement: &Judgement, final_message: Option<&str>) -> String {
    if judgement.answer.is_some() {
        return final_message.unwrap_or_default().to_owned();
    }
    if let Some(review) = &judgement.review {
        return reviewed::markdown(review);
    }
    let body = match (&judgement.claim, final_message) {
        (Some(claim), _) if !claim.report.trim().is_empty() => claim.report.trim_end(),
        (Some(claim), _) => claim.summary.trim_end(),
        (None, Some(message)) if !message.trim().is_empty() => message.trim_end(),
        (None, _) => judgement.summary.trim_end(),
    };
    let word = match &judgement.claimed_verdict {
        Some(ClaimedVerdict::Clean) => "CLEAN".to_owned(),
        Some(ClaimedVerdict::NeedsAttention(why)) => {
            format!("NEEDS_ATTENTION {}", why.split_whitespace().collect::<Vec<_>>().join(" "))
        }
        None => {
            format!("NEEDS_ATTENTION {}", judgement.summary.split_whitespace().collect::<Vec<_>>().join(" "))
        }
    };
    let stands_already = judgement.claim.is_none() && judgement.claimed_verdict.is_some();
    if stands_already { format!("{body}\n") } else { format!("{body}\n\nVERDICT: {}\n", word.trim_end()) }
}
