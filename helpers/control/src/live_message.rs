//! Saying something to a run while it works: which run, whether it can be told anything, and what became of it. What is
//! said is the callers' matter; how it reaches Codex is the dispatcher's.

use std::io::Read as _;
use std::time::{Duration, Instant};

use clodex_core::{
    ExitCode, LIVE_TEXT_MAX_BYTES, LiveFate, LiveMessage, LiveWish, Liveness, Outcome, Phase, RunRecord,
    harmless,
};
use clodex_os::record_store::{RecordStore, SeenRun, SentMessage, Withdrawn};
use clodex_os::{DirectoryWatch, Failure};

/// The directory tells when an outcome comes; this is for the run's end, which it may not tell.
const TICK: Duration = Duration::from_millis(250);
/// The backend that can be told something while it works.
const STEERABLE: &str = "app-server";

/// The run that a text means, if something can be said to it. `what` is what the caller wants, e.g. `steer`.
pub fn live_run(store: &RecordStore, text: &str, what: &str) -> Result<SeenRun, Failure> {
    let id = store.find(text).one(text).map_err(Failure::usage)?;
    let run = store.see(&id).ok_or_else(|| Failure::usage(format!("cannot read the record of {id}")))?;
    let record = &run.record;
    match run.liveness {
        Liveness::Live => {}
        Liveness::Ended => return Err(ended(record, what)),
        Liveness::Dead => {
            return Err(Failure::usage(format!(
                "cannot {what} {}: its dispatcher died; `clodex-cancel {id}` closes it\n{}",
                shown(record),
                afterwards(record)
            )));
        }
        Liveness::OtherHost => {
            let host = harmless(&record.host);
            return Err(Failure::usage(format!(
                "cannot {what} {}: it runs on host {host}\nhint: say it there",
                shown(record)
            )));
        }
    }
    if matches!(record.progress.phase, Phase::Finishing | Phase::Verifying) {
        return Err(Failure::usage(format!(
            "cannot {what} {}: its turn is over\n\
             hint: wait for it with `clodex-wait {id}`; `clodex-dispatch --resume {id} TEXT` continues its thread",
            shown(record)
        )));
    }
    if record.backend != STEERABLE {
        return Err(Failure::usage(format!(
            "cannot {what} {}: it runs on the backend `{}`, which hears nothing once it has begun\n\
             hint: wait for it, or end it with `clodex-cancel {id}`, and go on in its thread with \
             `clodex-dispatch --resume {id} TEXT`; runs begun with `--backend app-server` can be told",
            shown(record),
            harmless(&record.backend)
        )));
    }
    Ok(run)
}

/// Says it, and waits up to `patience` for what becomes of it; the line tells.
pub fn say(
    store: &RecordStore,
    run: &SeenRun,
    wish: LiveWish,
    patience: Duration,
) -> Result<String, Failure> {
    let inbox = store.inbox(&run.record.id);
    let sent = inbox.send(&LiveMessage::new(wish)).map_err(|error| not_sent(store, run, &error))?;
    // Made before the first look: what comes in between is not missed.
    let changes = DirectoryWatch::new(inbox.path()).ok();
    outcome(store, run, sent, changes, patience)
}

/// Waits until something becomes of what was sent. What it is does not depend on who first notices that the run is over.
fn outcome(
    store: &RecordStore,
    run: &SeenRun,
    sent: SentMessage,
    mut changes: Option<DirectoryWatch>,
    patience: Duration,
) -> Result<String, Failure> {
    let record = &run.record;
    let deadline = Instant::now() + patience;
    loop {
        let over = over(store, run);
        match (sent.fate(), over) {
            (Some(fate), None) => return told(record, sent, fate),
            // What was queued has nobody left to deliver it.
            (fate, Some(over)) => {
                return told_for_good(&over, sent, fate.filter(LiveFate::is_final));
            }
            (None, None) if Instant::now() >= deadline => return Err(silent(record, sent, patience)),
            (None, None) => {}
        }
        let until = deadline.min(Instant::now() + TICK);
        if let Some(changes) = &mut changes {
            // The next look tells what cannot be watched.
            let _ = changes.wait(Some(until));
        } else {
            changes = DirectoryWatch::new(store.inbox(&record.id).path()).ok();
        }
    }
}

/// What a person wrote: the argument itself, or stdin where it is `-`.
pub fn words(argument: &str, what: &str) -> Result<String, Failure> {
    let text = if argument == "-" { from_stdin()? } else { argument.to_owned() };
    if text.trim().is_empty() {
        return Err(Failure::usage(format!(
            "cannot {what} with nothing to say\nhint: give a text, or `-` and stdin"
        )));
    }
    if text.len() > LIVE_TEXT_MAX_BYTES {
        return Err(Failure::usage(format!(
            "cannot say more than {LIVE_TEXT_MAX_BYTES} bytes at once\nhint: put it into a file that the run can read, and name it"
        )));
    }
    Ok(text)
}

/// A run for people.
pub fn shown(record: &RunRecord) -> String {
    format!("{} ({})", harmless(&record.name), record.id)
}

fn from_stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let limit = LIVE_TEXT_MAX_BYTES as u64 + 2;
    std::io::stdin()
        .lock()
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::usage(format!("cannot read stdin: {error}")))?;
    let mut text = String::from_utf8(bytes)
        .map_err(|_| Failure::usage("cannot send what stdin holds: it is not valid UTF-8"))?;
    // A here-document ends its last line.
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// The run as it is when nothing can be said to it any more; none while it lives.
fn over(store: &RecordStore, run: &SeenRun) -> Option<RunRecord> {
    match store.see(&run.record.id) {
        Some(seen) => (seen.liveness != Liveness::Live).then_some(seen.record),
        None => Some(run.record.clone()),
    }
}

fn told(record: &RunRecord, sent: SentMessage, fate: LiveFate) -> Result<String, Failure> {
    sent.leave();
    told_fate(record, fate)
}

/// The run is over: where nobody has told what became of the message, that it was not taken up tells it.
fn told_for_good(record: &RunRecord, sent: SentMessage, fate: Option<LiveFate>) -> Result<String, Failure> {
    let untold = || match sent.withdraw() {
        Withdrawn::Unsaid => LiveFate::Ended(String::new()),
        // Whoever closes the run may have told it meanwhile.
        Withdrawn::TooLate => sent
            .fate()
            .filter(LiveFate::is_final)
            .unwrap_or_else(|| LiveFate::Unknown("the run is over".to_owned())),
    };
    let fate = fate.unwrap_or_else(untold);
    sent.leave_for_good();
    told_fate(record, fate).map_err(|failure| failure.with_line(&afterwards(record)))
}

fn told_fate(record: &RunRecord, fate: LiveFate) -> Result<String, Failure> {
    let line = |what: &str, more: &str| {
        let more = if more.is_empty() { String::new() } else { format!(": {}", harmless(more)) };
        format!("{}: {what}{more}", shown(record))
    };
    match fate {
        LiveFate::Delivered(how) => Ok(line("delivered", how.as_deref().unwrap_or_default())),
        LiveFate::Queued(until) => Ok(line("queued", &until)),
        LiveFate::Refused(why) => Err(Failure::new(ExitCode::Refused, line("refused", &why))),
        LiveFate::Ended(how) => {
            let what = "not delivered, the run ended first";
            Err(Failure::new(ExitCode::TurnFailed, line(what, &how)))
        }
        LiveFate::Unknown(why) => Err(Failure::new(ExitCode::TurnFailed, line("delivery unknown", &why))),
    }
}

/// The dispatcher has said nothing: what it has not taken up is taken back.
fn silent(record: &RunRecord, sent: SentMessage, patience: Duration) -> Failure {
    let seconds = patience.as_secs();
    let what = match sent.withdraw() {
        Withdrawn::Unsaid => {
            "not delivered: its dispatcher did not pick it up, and the message was withdrawn"
        }
        Withdrawn::TooLate => "may have been delivered: its dispatcher picked it up and has not confirmed it",
    };
    sent.leave();
    Failure::new(
        ExitCode::TurnFailed,
        format!("{}: {what} ({seconds} s)\nhint: `clodex-status {}` shows it", shown(record), record.id),
    )
}

fn not_sent(store: &RecordStore, run: &SeenRun, error: &clodex_os::Error) -> Failure {
    match store.see(&run.record.id) {
        Some(seen) if seen.liveness == Liveness::Ended => ended(&seen.record, "reach"),
        Some(_) | None => Failure::usage(format!("{error}\nhint: the message was not sent")),
    }
}

fn ended(record: &RunRecord, what: &str) -> Failure {
    let outcome = record.outcome.map_or("unknown", Outcome::as_str);
    Failure::usage(format!(
        "cannot {what} {}: it has ended: {outcome}\n{}",
        shown(record),
        afterwards(record)
    ))
}

/// What can be done when a run is over: where it never had a thread, there is none to go on in.
fn afterwards(record: &RunRecord) -> String {
    let id = &record.id;
    match &record.thread_id {
        Some(_) => format!("hint: `clodex-dispatch --resume {id} TEXT` continues its thread"),
        None => {
            format!("hint: it never started a thread that could be resumed; `clodex-result {id}` says why")
        }
    }
}

#[cfg(test)]
mod tests {
    use clodex_core::RunId;
    use clodex_os::record_store::{LiveRun, StateDir};

    use super::*;

    /// A run that something was sent to, its dispatcher's hold on it, and what was sent.
    fn sent(store: &RecordStore, random: &str) -> (SeenRun, LiveRun, SentMessage) {
        let text = include_str!("../../os/src/record_store/record-v1.json");
        let mut record: RunRecord = serde_json::from_str(text).unwrap();
        record.id = RunId::new("20260121T010203Z", record.mode, "slug", random);
        record.host = clodex_os::clock::HostAndBoot::here().host;
        let held = store.begin(&record).unwrap().unwrap();
        let message = LiveMessage::new(LiveWish::Steer("keep it".to_owned()));
        let sent = store.inbox(&record.id).send(&message).unwrap();
        (SeenRun { record, liveness: Liveness::Live }, held, sent)
    }

    #[test]
    fn whoever_notices_first_that_the_dispatcher_died_the_sender_is_told_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let store = RecordStore::open(StateDir::at(folder.path())).unwrap();
        let outcome = |run: &SeenRun, sent| outcome(&store, run, sent, None, Duration::ZERO).unwrap_err();

        let (run, held, message) = sent(&store, "aaaa");
        drop(held);
        let by_the_sender = outcome(&run, message);
        let (run, held, message) = sent(&store, "bbbb");
        drop(held);
        store.reap(&run.record.id).unwrap();
        let by_another = outcome(&run, message);
        let (run, held, message) = sent(&store, "cccc");
        held.end(&RunRecord { outcome: Some(Outcome::Done), ..run.record.clone() }).unwrap();
        let by_its_end = outcome(&run, message);

        for told in [by_the_sender, by_another, by_its_end] {
            let text = told.message();
            assert_eq!(told.code(), ExitCode::TurnFailed, "{text}");
            assert!(text.contains(": not delivered, the run ended first"), "{text}");
            assert!(text.contains("\nhint: `clodex-dispatch --resume "), "{text}");
        }
        let mut left = std::fs::read_dir(store.dir().live()).unwrap();
        assert!(!left.any(|entry| entry.unwrap().path().extension() == Some("inbox".as_ref())));
    }

    #[test]
    fn a_run_that_never_had_a_thread_is_not_to_be_gone_on_with() {
        let text = include_str!("../../os/src/record_store/record-v1.json");
        let mut record: RunRecord = serde_json::from_str(text).unwrap();
        record.thread_id = Some("t".to_owned());
        assert!(afterwards(&record).contains("--resume"));
        record.thread_id = None;
        assert!(!afterwards(&record).contains("--resume"));
    }
}
