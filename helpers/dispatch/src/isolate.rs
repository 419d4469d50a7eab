//! Where an isolated run works: its worktree is named in the record before it is made, entered before anything is
//! looked at, and left when the run is closed: with its changes kept to be landed, or, without any, removed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clodex_codex::{glob_of, is_glob};
use clodex_core::{Enforcement, ExitCode, Isolated, Liveness, RunId, RunRecord, Verdict, path_text};
use clodex_os::atomic_file;
use clodex_os::record_store::{RecordStore, StateDir};
use clodex_scope::{
    Request, Tree, WorktreeWish, add_worktree, baseline, finish_removals, read_landing, remove_worktree,
    same_workdir, worktree_root,
};

use crate::board::Board;
use crate::found::Found;
use crate::mount_points::Temporary;
use crate::opening::{Opened, remove_scratch};
use crate::plan::Plan;
use crate::planning::reach;
use crate::refusal::Refusal;

/// How long `clodex-apply --undo` can be asked for.
const LANDING_KEPT_FOR: Duration = Duration::from_hours(30 * 24);

/// What an isolated run leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing that could be landed, or it was not isolated.
    Nothing,
    /// Changes in scope.
    Changes,
}

/// Names the worktree in the record of a run that is to be isolated. It does not exist yet.
pub fn announce(plan: &Plan, store: &RecordStore, record: &mut RunRecord) {
    if !plan.isolate.is_on() {
        return;
    }
    let root = worktree_root(&place(store, &record.id), &plan.tree);
    let workdir = same_workdir(&root, &plan.tree);
    record.isolated = Some(Isolated {
        worktree: text(&root),
        source_workdir: text(&plan.workdir),
        source_root: text(plan.tree.root()),
        base: String::new(),
    });
    record.workdir = text(&workdir);
    record.tree_root = text(&root);
}

/// Makes the worktree, and moves the plan into it.
pub fn enter(
    mut plan: Plan,
    enforcement: Enforcement,
    store: &RecordStore,
    mut opened: Opened,
) -> Result<(Plan, Opened), Refusal> {
    if !plan.isolate.is_on() {
        return Ok((plan, opened));
    }
    let made = make(&plan, store, &mut opened).and_then(|tree| {
        move_into(&mut plan, tree);
        opened.temporary = Temporary::of(&plan, enforcement);
        opened.record.mount_points = opened.temporary.paths().map(text).collect();
        opened.live.write(&opened.record).map_err(|error| Refusal::told(ExitCode::Usage, &error))?;
        opened.notes = opened.temporary.make();
        Ok(())
    });
    match made {
        Ok(()) => Ok((plan, opened)),
        Err(refusal) => {
            let id = opened.record.id.clone();
            remove_scratch(&opened.scratch);
            Board::new(opened.live, opened.record, false).refuse(&refusal);
            // A rest is swept by the next run.
            let _ = remove_worktree(&place(store, &id));
            Err(refusal)
        }
    }
}

fn make(plan: &Plan, store: &RecordStore, opened: &mut Opened) -> Result<Tree, Refusal> {
    let told = |error: &dyn std::fmt::Display| Refusal::told(ExitCode::Usage, &error);
    atomic_file::private_dir(&store.dir().worktrees()).map_err(|error| told(&error))?;
    let wish = WorktreeWish {
        source: &plan.tree,
        place: &place(store, &opened.record.id),
        isolate: plan.isolate,
        copy: &plan.copy,
    };
    let made = add_worktree(&wish).map_err(|error| told(&error))?;
    if let Some(isolated) = &mut opened.record.isolated {
        isolated.base = made.base;
    }
    Ok(made.tree)
}

/// What was decided for the user's tree holds for the same places of this one.
fn move_into(plan: &mut Plan, tree: Tree) {
    let workdir = same_workdir(tree.root(), &tree);
    plan.prompt.push_str(&notice(plan.tree.root(), tree.root(), &workdir));
    // What may not be read here may not be read there either.
    let source = [plan.tree.root().to_owned(), glob_of(plan.tree.root())];
    let below =
        |path: &PathBuf| source.iter().find_map(|root| path.strip_prefix(root).ok().map(Path::to_owned));
    let here = plan.deny.iter().filter_map(below).map(|path| glob_of(tree.root()).join(path));
    // Codex would make what is neither a glob nor there.
    let here: Vec<PathBuf> = here.filter(|path| is_glob(path) || path.exists()).collect();
    plan.deny.extend(here);
    plan.reach =
        reach(&tree, plan.sandbox, &plan.rules, &plan.by_products, plan.allow_commit, &plan.runs_dir);
    (plan.workdir, plan.tree) = (workdir, tree);
}

/// The task names paths of the user's tree; the worker has to know that it works elsewhere.
fn notice(source: &Path, root: &Path, workdir: &Path) -> String {
    format!(
        "\n\n# Where you work\n\nThe repository `{}` is checked out for you at `{}`, and your work directory is `{}`. \
         Work there only: wherever the task names a path of the former, the same path of the latter is meant.\n",
        source.display(),
        root.display(),
        workdir.display()
    )
}

/// Keeps what the run changed in scope, where the worker never could reach. Nothing of it is alive any more.
pub fn keep(store: &RecordStore, record: &RunRecord, found: &mut Found) -> Left {
    let (Some(_), Some(comparison)) = (&record.isolated, &found.comparison) else { return Left::Nothing };
    match comparison.write_landing(&store.dir().landing(record.id.as_str()), &record.id) {
        Ok(landing) if landing.changes.is_empty() => Left::Nothing,
        Ok(_) => Left::Changes,
        Err(error) => {
            found.notes.push(format!("its changes cannot be landed by clodex-apply: {error}"));
            Left::Nothing
        }
    }
}

/// Removes the worktree of a run that has ended and left nothing in it.
pub fn leave(store: &RecordStore, id: &RunId, left: Left, verdict: Verdict) {
    if left == Left::Nothing && matches!(verdict, Verdict::Clean | Verdict::Refused) {
        forget(store, id);
    }
}

/// Removes worktrees in which nothing waits: their runs are over, or died, and left no change.
pub fn sweep(store: &RecordStore) {
    finish_removals(&store.dir().worktrees());
    for id in store.dir().worktree_ids().into_iter().filter_map(|id| RunId::try_from(id).ok()) {
        let Some(run) = store.see(&id) else { continue };
        if run.liveness == Liveness::Ended && !is_wanted(store, &run.record) {
            forget(store, &id);
        }
    }
    sweep_landings(store);
}

/// Removes what landed, or was thrown away, a month ago: nobody takes that back any more.
fn sweep_landings(store: &RecordStore) {
    let waiting = store.dir().worktree_ids();
    for landing in std::fs::read_dir(store.dir().landings()).into_iter().flatten().flatten() {
        let age = landing.metadata().and_then(|found| found.modified()).ok();
        let is_old = age.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > LANDING_KEPT_FOR);
        let waits = waiting.iter().any(|id| landing.file_name() == id.as_str());
        if is_old && !waits {
            // What cannot be removed now is tried again by the next run.
            let _ = std::fs::remove_dir_all(landing.path());
        }
    }
}

fn forget(store: &RecordStore, id: &RunId) {
    // What cannot be removed now is tried again by the next run.
    let _ = remove_worktree(&place(store, id));
    let landing = store.dir().landing(id.as_str());
    if read_landing(&landing).is_ok_and(|landing| landing.is_some_and(|landing| landing.changes.is_empty())) {
        let _ = std::fs::remove_dir_all(landing);
    }
}

/// Whether something may lie in the worktree that is nowhere else.
fn is_wanted(store: &RecordStore, record: &RunRecord) -> bool {
    let Some(isolated) = record.isolated.as_ref().filter(|isolated| !isolated.base.is_empty()) else {
        // Nobody ever worked in it.
        return false;
    };
    match (read_landing(&store.dir().landing(record.id.as_str())), record.verdict) {
        (Ok(Some(landing)), Some(Verdict::Clean)) => !landing.changes.is_empty(),
        (_, Some(Verdict::Refused)) => false,
        (Ok(_) | Err(_), _) => !is_untouched(isolated),
    }
}

/// Whether the worktree is as it was made: at the same commit, and nothing uncommitted in it.
fn is_untouched(isolated: &Isolated) -> bool {
    let seen =
        Tree::discover(Path::new(&isolated.worktree)).and_then(|tree| baseline(&tree, Request::default()));
    seen.is_ok_and(|seen| {
        seen.head_commit().as_deref() == Some(isolated.base.as_bytes()) && seen.uncommitted().next().is_none()
    })
}

fn place(store: &RecordStore, id: &RunId) -> PathBuf {
    let state = store.dir().path();
    let real = state.canonicalize().unwrap_or_else(|_| state.to_owned());
    StateDir::at(real).worktrees().join(id.as_str())
}

fn text(path: &Path) -> String {
    path_text(path.as_os_str().as_encoded_bytes())
}
