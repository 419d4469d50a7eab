//! `UserPromptSubmit`: nothing, unless a run of this session waits for an answer; then one line.

use clodex_core::{Liveness, RunRecord, cut, elapsed_text, harmless, utc_ms};
use clodex_os::record_store::RecordStore;

use crate::event::Received;
use crate::session_runs::SessionRuns;
use crate::{Answer, HookContext};

const NAME_COLUMNS: usize = 40;
const QUESTION_COLUMNS: usize = 300;

/// Answers the event.
pub fn user_prompt_submit(received: &Received<'_>, around: &HookContext) -> Answer {
    let Some(state) = around.state.clone() else { return Answer::Nothing };
    let session = SessionRuns::of(received, around);
    let mut runs = RecordStore::look_at(state).live();
    runs.retain(|run| run.liveness == Liveness::Live && session.is_own(&run.record));
    let waiting: Vec<&RunRecord> =
        runs.iter().map(|run| &run.record).filter(|record| !record.open_requests.is_empty()).collect();
    line(&waiting, around.now.unix_ms()).map_or(Answer::Nothing, Answer::PromptContext)
}

/// The first question of the run that was started last, and how many others there are.
fn line(waiting: &[&RunRecord], now_ms: i64) -> Option<String> {
    let record = waiting.first()?;
    let request = record.open_requests.first()?;
    let others: usize = waiting.iter().map(|record| record.open_requests.len()).sum::<usize>() - 1;
    let others = if others == 0 { String::new() } else { format!(" {others} more questions are open.") };
    let left =
        utc_ms(&request.deadline).and_then(|deadline| u64::try_from(deadline.saturating_sub(now_ms)).ok());
    let left = left.map_or(String::new(), |left| format!(", for {} still", elapsed_text(left)));
    Some(format!(
        "clodex: the Codex run {} ({}) waits for an answer{left}; it asks: \"{}\" (request {}).{others}",
        cut(&harmless(&record.name), NAME_COLUMNS),
        record.id,
        cut(&harmless(&request.question), QUESTION_COLUMNS),
        cut(&harmless(&request.id), NAME_COLUMNS),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Place, record};
    use clodex_core::OpenRequest;

    fn request(question: &str) -> OpenRequest {
        let deadline = "2026-01-21T01:05:00.000Z".into();
        OpenRequest { id: "1".into(), question: question.into(), deadline, lines: vec![], parts: vec![] }
    }

    #[test]
    fn one_question_is_one_bounded_line() {
        let mut asking = record("aaaa");
        asking.open_requests = vec![request("may I push?")];
        let now = utc_ms("2026-01-21T01:03:50.000Z").unwrap();
        assert_eq!(
            line(&[&asking], now).unwrap(),
            "clodex: the Codex run add-slug-tests (20260121T010203Z-worker-slug-aaaa) waits for an answer, for 1:10 \
             still; it asks: \"may I push?\" (request 1)."
        );
        asking.open_requests = vec![request(&"x\n".repeat(90_000)); 3];
        asking.name = "n".repeat(90_000);
        let long = line(&[&asking, &asking], now).unwrap();
        assert!(
            long.len() < 700 && long.ends_with(" 5 more questions are open.") && !long.contains('\n'),
            "{long}"
        );
    }

    #[test]
    fn only_a_live_run_of_this_session_is_told_of() {
        let place = Place::new();
        let mut of_other = Place::record("bbbb");
        of_other.session_id = Some("another".into());
        of_other.open_requests = vec![request("theirs?")];
        let _theirs = place.begin(&of_other);
        let mut dead = Place::record("cccc");
        dead.open_requests = vec![request("dead?")];
        drop(place.begin(&dead));
        let own = Place::record("aaaa");
        let own_run = place.begin(&own);
        assert_eq!(place.answer("UserPromptSubmit", r#","prompt":"hi""#), Answer::Nothing);
        own_run.write(&RunRecord { open_requests: vec![request("mine?")], ..own }).unwrap();
        let Answer::PromptContext(told) = place.answer("UserPromptSubmit", "") else { panic!() };
        assert!(told.contains("\"mine?\"") && !told.contains("more"), "{told}");
    }
}
