//! Saying something to a run while it works: which run, whether it can be told anything, and what became of it. What is
//! said is the callers' matter; how it reaches Codex is the dispatcher's.

use std::io::{Read as _, Write as _};
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
                "cannot {what} {}: its dispatcher died\n\
                 hint: `clodex-cancel {id}` closes it; `clodex-dispatch --resume {id} TEXT` goes on in its thread",
                shown(record)
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
             hint: wait for it with `clodex-wait {id}`; `clodex-dispatch --resume {id} TEXT` goes on in its thread",
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
    let record = &run.record;
    let inbox = store.inbox(&record.id);
    let sent = inbox.send(&LiveMessage::new(wish)).map_err(|error| not_sent(store, run, &error))?;
    // Made before the first look: what comes in between is not missed.
    let mut changes = DirectoryWatch::new(inbox.path()).ok();
    let deadline = Instant::now() + patience;
    loop {
        let over = is_over(store, run);
        match sent.fate() {
            Some(fate) if fate.is_final() || !over => return told(record, sent, fate, over),
            // It was queued, and nobody is left to deliver it.
            Some(_) => return Err(unheard(record, sent)),
            None if over => return Err(unheard(record, sent)),
            None if Instant::now() >= deadline => return Err(silent(record, sent, patience)),
            None => {}
        }
        let until = deadline.min(Instant::now() + TICK);
        if let Some(changes) = &mut changes {
            // The next look tells what cannot be watched.
            let _ = changes.wait(Some(until));
        } else {
            changes = DirectoryWatch::new(inbox.path()).ok();
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

/// A line to whoever listens.
pub fn tell(line: &str) {
    // Nobody listens: it was said all the same.
    let _ = writeln!(std::io::stdout(), "{line}");
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
        .map_err(|_| Failure::usage("cannot say what stands on stdin: it is no UTF-8"))?;
    // A here-document ends its last line.
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

fn is_over(store: &RecordStore, run: &SeenRun) -> bool {
    store.see(&run.record.id).is_none_or(|seen| seen.liveness != Liveness::Live)
}

fn told(record: &RunRecord, sent: SentMessage, fate: LiveFate, over: bool) -> Result<String, Failure> {
    if over {
        sent.leave_for_good();
    } else {
        sent.leave();
    }
    let line = |what: &str, more: &str| {
        let more = if more.is_empty() { String::new() } else { format!(": {}", harmless(more)) };
        format!("{}: {what}{more}", shown(record))
    };
    match fate {
        LiveFate::Delivered(how) => Ok(line("delivered", how.as_deref().unwrap_or_default())),
        LiveFate::Queued(until) => Ok(line("queued", &until)),
        LiveFate::Refused(why) => Err(Failure::new(ExitCode::Refused, line("refused", &why))),
        LiveFate::Unknown(why) => {
            Err(Failure::new(ExitCode::TurnFailed, line("nobody knows whether it was heard", &why)))
        }
    }
}

/// The dispatcher has said nothing: what it has not taken up is taken back.
fn silent(record: &RunRecord, sent: SentMessage, patience: Duration) -> Failure {
    let seconds = patience.as_secs();
    let what = match sent.withdraw() {
        Withdrawn::Unsaid => "was not heard: its dispatcher did not take it up, and it was taken back",
        Withdrawn::TooLate => "may have been heard: its dispatcher took it up and has not told more",
    };
    sent.leave();
    Failure::new(
        ExitCode::TurnFailed,
        format!("{}: {what} ({seconds} s)\nhint: `clodex-status {}` shows it", shown(record), record.id),
    )
}

/// The run is over, and nobody has told anything final.
fn unheard(record: &RunRecord, sent: SentMessage) -> Failure {
    let what = match sent.withdraw() {
        Withdrawn::Unsaid => "refused: the run was over before it was heard",
        Withdrawn::TooLate => "nobody knows whether it was heard: the run is over",
    };
    sent.leave_for_good();
    Failure::new(
        ExitCode::TurnFailed,
        format!(
            "{}: {what}\nhint: `clodex-dispatch --resume {} TEXT` goes on in its thread",
            shown(record),
            record.id
        ),
    )
}

fn not_sent(store: &RecordStore, run: &SeenRun, error: &clodex_os::Error) -> Failure {
    match store.see(&run.record.id) {
        Some(seen) if seen.liveness == Liveness::Ended => ended(&seen.record, "reach"),
        Some(_) | None => Failure::usage(format!("{error}\nhint: it was not said")),
    }
}

fn ended(record: &RunRecord, what: &str) -> Failure {
    let id = &record.id;
    let outcome = record.outcome.map_or("unknown", Outcome::as_str);
    Failure::usage(format!(
        "cannot {what} {}: it has ended: {outcome}\n\
         hint: `clodex-dispatch --resume {id} TEXT` goes on in its thread",
        shown(record)
    ))
}
