//! `SessionEnd`: a session that is left takes along what of its attached runs nobody looks after.
//!
//! Claude Code itself ends the tasks of a session that is left (SIGTERM, about a second of grace, SIGKILL) before it
//! tells of the end, except for those that the user moves to the background, and it does not say which. A task is led
//! by a shell that dies with the first SIGTERM, so an attached run whose shell lives is a task that was moved: it is
//! Claude Code's business, and left alone. What has no shell any more was asked to end, or was put into the background
//! by the shell itself (`&`) and is known to nobody: that is seen through here, as clodex-cancel does it.

use std::thread;
use std::time::Duration;

use clodex_core::{Liveness, RunId};
use clodex_os::process::ProcessId;
use clodex_os::record_store::{RecordStore, SeenRun};

use crate::HookContext;
use crate::event::{Received, SessionEnd};
use crate::run_helper::HelperCall;
use crate::session_runs::SessionRuns;

/// The dispatcher is asked at once; should it not answer, clodex-cancel kills it after ten seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Ends what has to end; says nothing, for nobody is there any more.
pub fn session_end(ended: &SessionEnd<'_>, received: &Received<'_>, around: &HookContext) {
    let (true, Some(state)) = (is_left(&ended.reason), around.state.clone()) else { return };
    let store = RecordStore::look_at(state);
    let session = SessionRuns::of(received, around);
    let cancels: Vec<RunId> = store
        .live()
        .into_iter()
        .filter(|run| is_attached_to(run, &session))
        .filter_map(|run| match fate(&run) {
            Fate::Cancel => Some(run.record.id),
            Fate::Close => {
                // The next session closes what cannot be closed now.
                let _ = store.reap(&run.record.id);
                None
            }
            Fate::LeaveAlone => None,
        })
        .collect();
    thread::scope(|scope| {
        for id in &cancels {
            scope.spawn(|| {
                let words = [id.as_str().to_owned()];
                HelperCall { program: "clodex-control", name: "clodex-cancel" }.output(&words, PATIENCE, None)
            });
        }
    });
}

/// Whether nobody goes on with this session: after `clear` and `resume` its tasks live on under another id. A reason
/// that is not known ends nothing.
fn is_left(reason: &str) -> bool {
    // `other` is the end of `claude -p`, a closed terminal, SIGTERM.
    matches!(reason, "prompt_input_exit" | "logout" | "other")
}

fn is_attached_to(run: &SeenRun, session: &SessionRuns) -> bool {
    !run.record.detached && session.is_own(&run.record) && !session.is_of_another_process(&run.record)
}

#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// Nobody looks after it.
    Cancel,
    /// It is dead already.
    Close,
    LeaveAlone,
}

fn fate(run: &SeenRun) -> Fate {
    match run.liveness {
        Liveness::Dead => Fate::Close,
        Liveness::OtherHost | Liveness::Ended => Fate::LeaveAlone,
        Liveness::Live => {
            let dispatcher = ProcessId::from_mark(run.record.dispatcher);
            match dispatcher.and_then(ProcessId::has_live_leader) {
                Some(false) => Fate::Cancel,
                // It lives where we cannot look, or ends right now.
                Some(true) | None => Fate::LeaveAlone,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clodex_core::RunRecord;

    use super::*;
    use crate::Answer;
    use crate::testing::Place;

    #[test]
    fn only_who_leaves_for_good_takes_runs_along() {
        for (reason, left) in [
            ("prompt_input_exit", true),
            ("logout", true),
            ("other", true),
            ("clear", false),
            ("resume", false),
            ("", false),
            ("of_tomorrow", false),
        ] {
            assert_eq!(is_left(reason), left, "{reason}");
        }
    }

    #[test]
    fn of_the_dead_this_sessions_attached_ones_are_closed() {
        let place = Place::new();
        let own = Place::record("aaaa");
        let detached = RunRecord { detached: true, ..Place::record("bbbb") };
        let theirs = RunRecord { session_id: Some("another".into()), ..Place::record("cccc") };
        let nobodys = RunRecord { session_id: None, ..Place::record("dddd") };
        // The same session, resumed in another Claude Code; this process stands for it.
        let elsewhere = RunRecord { claude: Some(ProcessId::own().into()), ..Place::record("eeee") };
        for record in [&own, &detached, &theirs, &nobodys, &elsewhere] {
            drop(place.begin(record));
        }
        let live = || place.store.live().into_iter().map(|run| run.record.id).collect::<Vec<_>>();
        for reason in ["clear", "resume"] {
            let more = format!(r#","reason":"{reason}""#);
            assert_eq!(place.answer("SessionEnd", &more), Answer::Nothing);
            assert_eq!(live().len(), 5, "{reason}");
        }
        assert_eq!(place.answer("SessionEnd", r#","reason":"other""#), Answer::Nothing);
        assert_eq!(live(), [elsewhere.id, nobodys.id, theirs.id, detached.id]);
    }

    #[test]
    fn a_run_whose_shell_lives_is_left_to_it() {
        let place = Place::new();
        // The test's own process stands for a dispatcher: whoever started it is its leader.
        let record = RunRecord { dispatcher: ProcessId::own().into(), ..Place::record("aaaa") };
        let _run = place.begin(&record);
        let fates: Vec<Fate> = place.store.live().iter().map(fate).collect();
        let led = ProcessId::own().has_live_leader().unwrap();
        assert_eq!(fates, [if led { Fate::LeaveAlone } else { Fate::Cancel }]);
    }
}
