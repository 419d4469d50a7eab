//! Where an isolated run works: its worktree is named in the record before it is made, entered before anything is
//! looked at, and left when the run is closed: with its changes kept to be landed, or, without any, removed.

use std::path::{Path, PathBuf};

use clodex_codex::{glob_of, is_glob};
use clodex_core::{Enforcement, ExitCode, Isolated, RunId, RunRecord, Verdict, path_text};
use clodex_os::atomic_file;
use clodex_os::record_store::RecordStore;
use clodex_retention::{forget_worktree, place_of_worktree};
use clodex_scope::{Tree, WorktreeWish, add_worktree, remove_worktree, same_workdir, worktree_root};

use crate::homes;
use crate::mount_points::Temporary;
use crate::plan::Plan;
use crate::planning::reach;
use crate::refusal::Refusal;
use crate::run_resources::RunResources;
use crate::scope_verdict::ScopeVerdict;

/// What an isolated run leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing that could be landed, or it was not isolated.
    Nothing,
    /// Changes in scope.
    Changes,
    /// Changes that could not be kept to be landed: they are in its worktree only.
    OnlyInWorktree,
}

/// Names the worktree in the record of a run that is to be isolated. It does not exist yet.
pub fn announce(plan: &Plan, store: &RecordStore, record: &mut RunRecord) {
    if !plan.isolate.is_on() {
        return;
    }
    let root = worktree_root(&place_of_worktree(store, &record.id), &plan.tree);
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
    mut opened: RunResources,
) -> Result<(Plan, RunResources), Refusal> {
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
            opened.refuse(&refusal);
            // A rest is swept by the next run.
            let _ = remove_worktree(&place_of_worktree(store, &id));
            Err(refusal)
        }
    }
}

fn make(plan: &Plan, store: &RecordStore, opened: &mut RunResources) -> Result<Tree, Refusal> {
    let told = |error: &dyn std::fmt::Display| Refusal::told(ExitCode::Usage, &error);
    atomic_file::private_dir(&store.dir().worktrees()).map_err(|error| told(&error))?;
    let wish = WorktreeWish {
        source: &plan.tree,
        place: &place_of_worktree(store, &opened.record.id),
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
    plan.homes = homes::in_tree(&tree);
    let wanted = (&plan.rules, &plan.by_products);
    plan.reach = reach(&tree, plan.sandbox, wanted, plan.allow_commit, &plan.runs_dir, &plan.homes);
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
pub fn keep(store: &RecordStore, record: &RunRecord, found: &mut ScopeVerdict) -> Left {
    let (Some(isolated), Some(comparison)) = (&record.isolated, &found.comparison) else {
        return Left::Nothing;
    };
    match comparison.write_landing(&store.dir().landing(record.id.as_str()), &record.id) {
        Ok(landing) if landing.changes.is_empty() => Left::Nothing,
        Ok(_) => Left::Changes,
        Err(error) => {
            let worktree = &isolated.worktree;
            found
                .notes
                .push(format!("clodex-apply cannot land its changes, which are in {worktree}: {error}"));
            Left::OnlyInWorktree
        }
    }
}

/// Removes the worktree of a run that has ended and left nothing in it.
pub fn leave(store: &RecordStore, id: &RunId, left: Left, verdict: Verdict) {
    if left == Left::Nothing && matches!(verdict, Verdict::Clean | Verdict::Refused) {
        forget_worktree(store, id);
    }
}

fn text(path: &Path) -> String {
    path_text(path.as_os_str().as_encoded_bytes())
}
