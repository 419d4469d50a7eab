//! What the reviewer of `codex exec review` answered, and what it used. The stream has neither: its message is a
//! rendering, its usage is zero, and an answer that Codex could not read looks there like a review without findings.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use clodex_core::Usage;
use serde_json::Value;

use super::{LINE_LIMIT, Rollout, all_rollouts, for_each_text};

/// The reviewer's answer as text: JSON, or whatever it said that Codex could not read as such. None where the thread's
/// file tells of no review that ended.
pub fn rollout_review(path: &Path) -> io::Result<Option<String>> {
    let mut answer = None;
    for_each_text(path, |text| {
        if text.contains("\"ExitedReviewMode\"")
            && let Ok(line) = serde_json::from_str::<Value>(text)
            && line["payload"]["item"]["type"] == "ExitedReviewMode"
        {
            answer = told(&line["payload"]["item"]["review_output"]);
        }
    })?;
    Ok(answer)
}

/// Codex keeps what it cannot read as the explanation of a review whose correctness is an empty word. That includes
/// findings without a priority, which its own guidelines allow.
fn told(output: &Value) -> Option<String> {
    match output["overall_correctness"].as_str()? {
        "" => Some(output["overall_explanation"].as_str()?.to_owned()),
        _ => Some(output.to_string()),
    }
}

/// Tokens of the reviewer that a thread started; none where they are not told.
pub fn reviewer_usage(codex_home: &Path, thread_id: &str) -> Option<Usage> {
    let path = all_rollouts(codex_home).find(|path| is_child(path, thread_id))?;
    Rollout::read(&path).ok()?.usage
}

/// Thread ids are in the order of time, so that what is older need not be opened.
fn is_child(path: &Path, parent: &str) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let id = name.len().checked_sub(parent.len()).and_then(|from| name.get(from..));
    id.is_some_and(|id| id > parent)
        && first_line(path).is_some_and(|line| line["payload"]["parent_thread_id"] == parent)
}

fn first_line(path: &Path) -> Option<Value> {
    let mut line = Vec::new();
    BufReader::new(File::open(path).ok()?).take(LINE_LIMIT).read_until(b'\n', &mut line).ok()?;
    serde_json::from_slice(&line).ok()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const THREAD: &str = "01a1fd90-1735-7bc3-ba8d-9d5437c31de7";
    const REVIEWER: &str = "01a1fd90-182e-7612-ab34-c9a7026a6538";

    fn recorded(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/fixtures/codex/{name}.jsonl"))
    }

    /// A Codex home with the recorded review, and `more` at the end of its main thread.
    fn home(more: &str) -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let day = home.path().join("sessions/2026/11/21");
        std::fs::create_dir_all(&day).unwrap();
        let place = |id: &str| day.join(format!("rollout-2026-11-21T10-04-01-{id}.jsonl"));
        let main = std::fs::read_to_string(recorded("rollout-review-0.169")).unwrap();
        std::fs::write(place(THREAD), main + more).unwrap();
        std::fs::copy(recorded("rollout-reviewer-0.169"), place(REVIEWER)).unwrap();
        (home, place(THREAD))
    }

    #[test]
    fn the_answer_and_the_tokens_of_a_recorded_review_are_found() {
        let (home, main) = home("");
        let answer: Value = serde_json::from_str(&rollout_review(&main).unwrap().unwrap()).unwrap();
        assert_eq!(answer["findings"][0]["title"], "[P1] Bad");
        let usage = Usage { input: 1000, cached_input: 200, output: 50, reasoning: 7 };
        assert_eq!(reviewer_usage(home.path(), THREAD), Some(usage));
        assert_eq!(reviewer_usage(home.path(), REVIEWER), None);
    }

    #[test]
    fn what_codex_could_not_read_comes_as_it_was_said_and_a_review_that_broke_off_is_none() {
        let exited = |output: &str| {
            format!(
                "{{\"type\":\"event_msg\",\"payload\":{{\"type\":\"item_completed\",\"item\":{{\"type\":\"ExitedReviewMode\",\"review_output\":{output}}}}}}}\n"
            )
        };
        let unread = r#"{"findings":[],"overall_correctness":"","overall_explanation":"sorry","overall_confidence_score":0.0}"#;
        let (_kept, main) = home(&exited(unread));
        assert_eq!(rollout_review(&main).unwrap().as_deref(), Some("sorry"));
        let (_kept, main) = home(&exited("null"));
        assert_eq!(rollout_review(&main).unwrap(), None);
        assert_eq!(rollout_review(&recorded("rollout-0.169")).unwrap(), None);
    }
}
