//! `SessionStart`: dead runs are closed, Claude learns in two lines what lives and what ended just now, and the user
//! learns that the installed helpers are those of another version, where they cannot be brought up to date.

use std::time::Duration;

use clodex_core::{Liveness, RunRecord};
use clodex_os::ExitKind;
use clodex_os::clock::Timestamp;
use clodex_os::record_store::{RecordStore, SeenRun};

use crate::event::{Received, SessionStart};
use crate::run_helper::helper_command;
use crate::session_runs::SessionRuns;
use crate::told_runs::{ToldRun, ended_line, live_line};
use crate::{Answer, HookContext, plugin_version};

/// Copying the helpers takes a fraction of it.
const INSTALLED_WITHIN: Duration = Duration::from_secs(5);
/// What ended longer ago is no news to a session that begins.
const JUST_ENDED: Duration = Duration::from_hours(1);
/// A session that goes on is told what its own runs came to meanwhile, as far back as the plugin's monitor would.
const MEANWHILE: Duration = Duration::from_hours(30 * 24);

/// Answers the event.
pub fn session_start(begun: &SessionStart<'_>, received: &Received<'_>, around: &HookContext) -> Answer {
    let other = plugin_version::other_version(around.plugin_root.as_deref());
    Answer::SessionBegun {
        context: context(begun, received, around),
        note: other.filter(|_| !are_brought_up_to_date()),
    }
}

/// Has the plugin's own helpers installed where a build of them is at hand, or leaves it to another session while a run
/// lives: then there is nothing for the user to do.
fn are_brought_up_to_date() -> bool {
    let asked =
        helper_command("clodex-setup", INSTALLED_WITHIN).and_then(|setup| setup.args(["--refresh"]).run());
    asked.is_ok_and(|done| done.status == ExitKind::Exit(0) && done.stdout.is_empty())
}

fn context(begun: &SessionStart<'_>, received: &Received<'_>, around: &HookContext) -> Option<String> {
    let store = RecordStore::look_at(around.state.clone()?);
    // What cannot be closed is told as dead.
    let _ = store.reap_all();
    let session = SessionRuns::of(received, around);
    let live: Vec<SeenRun> = store.live().into_iter().filter(|run| session.has(&run.record)).collect();
    let ended = match begun.source.as_ref() {
        "resume" => ended_meanwhile(&store, &session, around.now),
        _ => ended_just_now(&store, &session, around.now),
    };
    let told = |record, liveness| ToldRun { record, liveness, is_own: session.is_own(record) };
    let live: Vec<ToldRun<'_>> = live.iter().map(|run| told(&run.record, run.liveness)).collect();
    let ended: Vec<ToldRun<'_>> = ended.iter().map(|record| told(record, Liveness::Ended)).collect();
    let lines = [live_line(&live, around.now.unix_ms()), ended_line(&ended, around.now.unix_ms())];
    let lines: Vec<String> = lines.into_iter().flatten().collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// To a session that knows nothing, or has forgotten it: what ended in its project.
fn ended_just_now(store: &RecordStore, session: &SessionRuns, now: Timestamp) -> Vec<RunRecord> {
    let mut ended = store.ended_since(now.before(JUST_ENDED));
    ended.retain(|record| session.has(record));
    for record in ended.iter().filter(|record| session.is_own(record)) {
        take_telling(store, record);
    }
    newest_first(&mut ended);
    ended
}

/// To a session that goes on where it was: what of its own ended and nobody has told.
fn ended_meanwhile(store: &RecordStore, session: &SessionRuns, now: Timestamp) -> Vec<RunRecord> {
    let mut ended = store.untold_of(now.before(MEANWHILE), |record| session.is_own(record));
    ended.retain(|record| take_telling(store, record));
    newest_first(&mut ended);
    ended
}

/// Whether it is for us to tell the session that started it: the plugin's monitor tells, too. Told twice is better
/// than not at all.
fn take_telling(store: &RecordStore, record: &RunRecord) -> bool {
    record
        .session_id
        .as_deref()
        .is_some_and(|session| store.take_telling(session, &record.id).unwrap_or(true))
}

fn newest_first(records: &mut [RunRecord]) {
    records.sort_by(|one, other| (&other.ended, &other.id).cmp(&(&one.ended, &one.id)));
}

#[cfg(test)]
mod tests {
    use clodex_core::{Outcome, Verdict};
    use clodex_os::record_store::StateDir;

    use super::*;
    use crate::testing::Place;

    fn told(place: &Place, source: &str) -> Option<String> {
        match place.answer("SessionStart", &format!(r#","source":"{source}""#)) {
            Answer::SessionBegun { context, note: None } => context,
            other => panic!("{other:?}"),
        }
    }

    fn end(place: &Place, record: RunRecord, ago: Duration) {
        let run = place.begin(&record);
        let ended = Timestamp::now().before(ago).rfc3339();
        let (outcome, verdict) = (Some(Outcome::Done), Some(Verdict::Clean));
        run.end(&RunRecord { outcome, verdict, ended: Some(ended), ..record }).unwrap();
    }

    fn detached(random: &str) -> RunRecord {
        RunRecord { detached: true, ..Place::record(random) }
    }

    #[test]
    fn a_session_in_which_nothing_runs_is_told_nothing() {
        for source in ["startup", "resume", "clear", "compact", "fork", ""] {
            assert_eq!(told(&Place::new(), source), None, "{source}");
        }
    }

    #[test]
    fn what_lives_is_told_and_the_dead_are_closed() {
        let place = Place::new();
        let _live = place.begin(&Place::record("aaaa"));
        drop(place.begin(&Place::record("bbbb")));
        let told = told(&place, "startup").unwrap();
        let [live, ended] = told.lines().collect::<Vec<_>>()[..] else { panic!("{told}") };
        assert!(live.contains("-aaaa)") && !live.contains("-bbbb)"), "{live}");
        assert!(ended.contains("-bbbb) failed, just now"), "{ended}");
        assert_eq!(place.store.live().len(), 1);
    }

    #[test]
    fn a_resumed_session_is_told_once_what_ended_meanwhile() {
        let place = Place::new();
        end(&place, detached("aaaa"), Duration::from_hours(30));
        end(&place, RunRecord { session_id: Some("another".into()), ..detached("bbbb") }, Duration::ZERO);
        end(&place, Place::record("cccc"), Duration::from_hours(3));
        let since = Place::record("dddd");
        end(
            &place,
            RunRecord { claude: Some(clodex_os::process::ProcessId::own().into()), ..since },
            Duration::ZERO,
        );
        let first = told(&place, "resume").unwrap();
        assert!(first.contains("-aaaa) done, scope clean, 30 h ago"), "{first}");
        assert!(!first.contains("-bbbb)"), "another session's: {first}");
        assert!(first.contains("-cccc)"), "attached, and its caller was gone: {first}");
        assert!(!first.contains("-dddd)"), "attached, and its caller saw it end: {first}");
        assert_eq!(told(&place, "resume"), None);
    }

    #[test]
    fn what_the_monitor_told_is_not_told_again_but_after_compaction() {
        let place = Place::new();
        let run = detached("aaaa");
        end(&place, run.clone(), Duration::ZERO);
        assert!(place.store.take_telling("s", &run.id).unwrap());
        assert_eq!(told(&place, "resume"), None);
        assert!(told(&place, "compact").unwrap().contains("-aaaa) done"));
    }

    #[test]
    fn what_a_start_tells_the_monitor_does_not() {
        let place = Place::new();
        let run = detached("aaaa");
        end(&place, run.clone(), Duration::ZERO);
        assert!(told(&place, "compact").is_some());
        assert!(!place.store.take_telling("s", &run.id).unwrap());
    }

    #[test]
    fn a_state_directory_that_is_none_is_passed_over() {
        let place = Place::new();
        let file = place.store.dir().path().join("file");
        std::fs::write(&file, "").unwrap();
        for state in [None, Some(StateDir::at(&file)), Some(StateDir::at("/nowhere/at/all"))] {
            let around = HookContext { state, ..place.around() };
            let input = br#"{"session_id":"s","hook_event_name":"SessionStart","source":"startup"}"#;
            let answer = crate::answer(&Received::read(input).unwrap(), &around);
            assert_eq!(answer, Answer::SessionBegun { context: None, note: None });
        }
        assert!(!std::path::Path::new("/nowhere").exists());
    }
}
