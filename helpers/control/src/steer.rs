//! clodex-steer, clodex-interrupt, clodex-answer: what is said to a live run.

use std::time::Duration;

use clodex_core::{LiveReply, LiveWish, OpenRequest, RunRecord, Visibility, harmless, part_answers};
use clodex_os::record_store::RecordStore;
use clodex_os::{Failure, say_line};

use crate::cli::{AnswerArguments, InterruptArguments, SteerArguments};
use crate::live_message::{live_run, say, shown, words};

/// Tells the model something.
pub fn steer(store: &RecordStore, arguments: &SteerArguments) -> Result<u8, Failure> {
    let run = live_run(store, &arguments.run, "steer")?;
    let text = words(&arguments.text, "steer")?;
    say_line(&say(store, &run, LiveWish::Steer(text), seconds(arguments.manner.wait))?);
    Ok(0)
}

/// Ends the turn and what it runs.
pub fn interrupt(store: &RecordStore, arguments: &InterruptArguments) -> Result<u8, Failure> {
    let run = live_run(store, &arguments.run, "interrupt")?;
    say_line(&say(store, &run, LiveWish::Interrupt, seconds(arguments.manner.wait))?);
    Ok(0)
}

/// Answers a question, or shows what is asked.
pub fn answer(store: &RecordStore, arguments: &AnswerArguments) -> Result<u8, Failure> {
    let run = live_run(store, &arguments.run, "answer")?;
    let record = &run.record;
    let (request, written) = match arguments.words.as_slice() {
        [] => return show(record),
        // A part of it is named with its answer.
        [one] => (only_question(record)?, std::slice::from_ref(one)),
        [first, ..] if first.contains('=') => (only_question(record)?, arguments.words.as_slice()),
        [request, rest @ ..] => (named_question(record, request)?, rest),
    };
    let wish = LiveWish::Answer { request: request.id.clone(), reply: reply(record, request, written)? };
    say_line(&say(store, &run, wish, seconds(arguments.manner.wait))?);
    Ok(0)
}

fn show(record: &RunRecord) -> Result<u8, Failure> {
    if record.open_requests.is_empty() {
        return Err(Failure::usage(format!("cannot answer {}: it asks nothing", shown(record))));
    }
    say_line(format!("{}{}", shown(record), listed(&record.open_requests)).trim_end());
    Ok(0)
}

fn reply(record: &RunRecord, request: &OpenRequest, written: &[String]) -> Result<LiveReply, Failure> {
    if let [word] = written
        && let Some(decision) = LiveReply::from_word(word)
    {
        return Ok(decision);
    }
    let from_stdin = written == ["-"];
    let is_secret = request.parts.iter().any(|part| part.visibility == Visibility::Secret);
    if is_secret && !from_stdin {
        return Err(Failure::usage(format!(
            "cannot answer question {} of {} on the command line, where everybody sees it: it is secret\n\
             hint: `clodex-answer {} {} -` reads the answer from stdin",
            harmless(&request.id),
            shown(record),
            record.id,
            harmless(&request.id),
        )));
    }
    let texts = written.iter().map(|word| words(word, "answer")).collect::<Result<Vec<_>, _>>()?;
    let several = from_stdin && request.parts.len() > 1;
    let texts: Vec<&str> = texts
        .iter()
        .flat_map(|text| if several { text.lines().collect() } else { vec![text.as_str()] })
        .collect();
    match (request.parts.as_slice(), texts.as_slice()) {
        // What is wrong with a text, the run says.
        ([], [text]) => Ok(LiveReply::Text((*text).to_owned())),
        (parts, texts) => part_answers(parts, texts).map(LiveReply::Answers).map_err(|why| {
            Failure::usage(format!(
                "cannot answer question {} of {}: {why}\nhint: clodex-answer {} {} {}",
                harmless(&request.id),
                shown(record),
                record.id,
                harmless(&request.id),
                harmless(&request.answers()),
            ))
        }),
    }
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
        if id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Failure::usage(format!(
                "question {id} of {} is not open, or not any more:{open}\n\
                 hint: `clodex-status {}` shows what it asks",
                shown(record),
                record.id
            ));
        }
        Failure::usage(format!(
            "cannot find question `{id}` of {}:{open}\n\
             hint: an answer of several words is one argument, in quotes, or `-` and stdin",
            shown(record)
        ))
    })
}

/// To its end: nobody should agree to what cannot be read.
fn listed(requests: &[OpenRequest]) -> String {
    let one = |request: &OpenRequest| {
        let head = format!("  {}: {} (until {})", request.id, request.answers(), request.deadline);
        let whole = request.whole().into_iter().map(|line| format!("    {line}"));
        let lines: Vec<String> = std::iter::once(head).chain(whole).map(|line| harmless(&line)).collect();
        lines.join("\n")
    };
    requests.iter().map(|request| format!("\n{}", one(request))).collect::<Vec<_>>().concat()
}

fn seconds(wait: u64) -> Duration {
    Duration::from_secs(wait)
}
