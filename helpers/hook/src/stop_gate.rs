//! The stop gate, off until the user switches it on: before Claude stops, Codex reviews what is not committed, if
//! anything has changed since the turn began. It holds Claude back once a turn at most; whatever goes wrong, Claude stops
//! and the user reads why. Decides when; what a review is, is known to clodex-dispatch.

mod changed;
mod ignored_names;
mod review;
mod switch;

use std::path::{Path, PathBuf};

use clodex_core::{Liveness, Mode, RunRecord};
use clodex_os::git_places;
use clodex_os::record_store::RecordStore;

use crate::answer::Answer;
use crate::event::{Received, Stop};
use crate::hook_context::HookContext;
use crate::turn_state::OpenWork;
use switch::{Switch, switch};

/// Remembers since when there may be something to review. Without that there is no review.
pub fn turn_begins(received: &Received<'_>, around: &HookContext) {
    if matches!(switch(), Switch::On(_))
        && let Some(work) = open_work(received, around)
    {
        work.begin();
    }
}

/// Nobody stops here any more.
pub fn session_ends(received: &Received<'_>, around: &HookContext) {
    if let Some(work) = open_work(received, around) {
        work.take();
    }
}

/// What to say before Claude stops. A subagent's stop is none.
pub fn before_stop(stop: &Stop<'_>, received: &Received<'_>, around: &HookContext) -> Answer {
    if stop.stop_hook_active || !stop.agent_id.is_empty() {
        return Answer::Nothing;
    }
    match switch() {
        Switch::Off => Answer::Nothing,
        Switch::Unreadable(why) => review::not_reviewed(&why, None),
        Switch::On(by) => match tree_to_review(stop, received, around) {
            Some(tree) => review::review(&tree, &by),
            None => Answer::Nothing,
        },
    }
}

/// The work tree, where the turn is over and something has changed in it. From then on the turn counts as reviewed.
fn tree_to_review(stop: &Stop<'_>, received: &Received<'_>, around: &HookContext) -> Option<PathBuf> {
    let session_dir = around.project_dir.as_deref().unwrap_or(Path::new(received.cwd.as_ref()));
    let tree = git_places(session_dir)?.work_tree;
    if is_paused(stop, &tree, around) {
        return None;
    }
    let began = open_work(received, around)?.take()?;
    changed::has_changed(&tree, began).then_some(tree)
}

/// Whether somebody still writes here on the session's behalf, and wakes it later: agents of its own, or Codex. A shell
/// is not waited for, because a server never ends.
fn is_paused(stop: &Stop<'_>, tree: &Path, around: &HookContext) -> bool {
    let writes_here =
        |run: &RunRecord| run.mode == Mode::Worker && Path::new(&run.tree_root).starts_with(tree);
    stop.background_tasks.iter().any(|task| matches!(&*task.kind, "subagent" | "teammate" | "workflow"))
        || around.state.clone().is_some_and(|state| {
            let live = RecordStore::look_at(state).live();
            live.iter().any(|run| run.liveness == Liveness::Live && writes_here(&run.record))
        })
}

fn open_work(received: &Received<'_>, around: &HookContext) -> Option<OpenWork> {
    let session = Some(&*received.session_id).filter(|session| !session.is_empty())?;
    Some(OpenWork::of(around.state.as_ref()?, "unreviewed", session))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::SystemTime;

    use super::*;
    use crate::event::Event;
    use crate::testing::Place;

    /// Whether the tree is to be reviewed at a stop with this in the background.
    fn is_due(place: &Place, tree: &Path, tasks: &str) -> bool {
        let input = format!(
            r#"{{"session_id":"s","cwd":"{}","hook_event_name":"Stop","background_tasks":[{tasks}]}}"#,
            tree.display()
        );
        let received = Received::read(input.as_bytes()).unwrap();
        let Event::Stop(stop) = &received.event else { panic!("{received:?}") };
        tree_to_review(stop, &received, &place.around()).is_some()
    }

    #[test]
    fn while_somebody_writes_here_for_the_session_the_turn_stays_open() {
        let (place, folder) = (Place::new(), tempfile::tempdir().unwrap());
        let tree = folder.path().canonicalize().unwrap();
        fs::create_dir(tree.join(".git")).unwrap();
        fs::write(tree.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
        let open = OpenWork::of(place.store.dir(), "unreviewed", "s");
        assert!(!is_due(&place, &tree, ""), "no turn has begun");
        open.begin();
        // So much later that clocks that tick tell it.
        fs::File::options()
            .write(true)
            .open(open.mark())
            .unwrap()
            .set_modified(SystemTime::UNIX_EPOCH)
            .unwrap();
        let top = tree.display().to_string();
        let worker = RunRecord { tree_root: top.clone(), mode: Mode::Worker, ..Place::record("aaaa") };
        let reader = RunRecord { tree_root: top, mode: Mode::Reviewer, ..Place::record("bbbb") };
        let _reader = place.begin(&reader);
        let live = place.begin(&worker);
        assert!(!is_due(&place, &tree, ""), "a worker is at work");
        drop(live);
        assert!(!is_due(&place, &tree, r#"{"type":"subagent"}"#));
        assert!(is_due(&place, &tree, r#"{"type":"shell"},{"type":"monitor"},{"type":"of tomorrow"}"#));
        assert!(!is_due(&place, &tree, ""), "once a turn");
    }
}
