//! clodex-steer, clodex-interrupt, clodex-answer: what is said to a live run.

use std::time::Duration;

use clodex_core::{LiveReply, LiveWish, OpenRequest, RunRecord, harmless};
use clodex_os::Failure;
use clodex_os::record_store::RecordStore;

use crate::cli::{AnswerArguments, InterruptArguments, SteerArguments};
use crate::live::{live_run, say, shown, tell, words};

/// Tells the model something.
pub fn steer(store: &RecordStore, arguments: &SteerArguments) -> Result<u8, Failure> {
    let run = live_run(store, &arguments.run, "steer")?;
    let text = words(&arguments.text, "steer")?;
    tell(&say(store, &run, LiveWish::Steer(text), seconds(arguments.manner.wait))?);
    Ok(0)
}

/// Ends the turn and what it runs.
pub fn interrupt(store: &RecordStore, arguments: &InterruptArguments) -> Result<u8, Failure> {
    let run = live_run(store, &arguments.run, "interrupt")?;
    tell(&say(store, &run, LiveWish::Interrupt, seconds(arguments.manner.wait))?);
    Ok(0)
}

/// Answers a question.
pub fn answer(store: &RecordStore, arguments: &AnswerArguments) -> Result<u8, Failure> {
    let run = live_run(store, &arguments.run, "answer")?;
    let (request, word) = match arguments.words.as_slice() {
        [word] => (only_question(&run.record)?, word),
        [request, word] => (named_question(&run.record, request)?, word),
        // clap takes one or two.
        _ => return Err(Failure::usage("give an answer, or a question's id and an answer")),
    };
    let reply = match LiveReply::from_word(word) {
        Some(reply) => reply,
        None => LiveReply::Text(words(word, "answer")?),
    };
    let wish = LiveWish::Answer { request: request.id.clone(), reply };
    tell(&say(store, &run, wish, seconds(arguments.manner.wait))?);
    Ok(0)
}

fn only_question(record: &RunRecord) -> Result<&OpenRequest, Failure> {
    match record.open_requests.as_slice() {
        [only] => Ok(only),
        [] => Err(Failure::usage(format!("cannot answer {}: it asks nothing", shown(record)))),
        several => Err(Failure::usage(format!(
            "cannot tell which question of {} is meant:{}\nhint: clodex-answer {} ID accept|decline|cancel|TEXT",
            shown(record),
            listed(several),
            record.id
        ))),
    }
}

fn named_question<'a>(record: &'a RunRecord, id: &str) -> Result<&'a OpenRequest, Failure> {
    record.open_requests.iter().find(|request| request.id == id).ok_or_else(|| {
        let open = listed(&record.open_requests);
        let open = if open.is_empty() { " it asks nothing".to_owned() } else { open };
        Failure::usage(format!(
            "cannot find question `{id}` of {}:{open}\n\
             hint: an answer of several words is one argument, in quotes, or `-` and stdin",
            shown(record)
        ))
    })
}

fn listed(requests: &[OpenRequest]) -> String {
    let line = |request: &OpenRequest| {
        format!(
            "\n  {}: {} (until {})",
            harmless(&request.id),
            harmless(&request.question),
            harmless(&request.deadline)
        )
    };
    requests.iter().map(line).collect()
}

fn seconds(wait: u64) -> Duration {
    Duration::from_secs(wait)
}
