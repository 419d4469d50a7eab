//! Landing, taking back, throwing away, each from the first look to the last word.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use clodex_core::{ExitCode, Landing, PathBytes, escaped, path_text};
use clodex_os::signals::StopSignals;
use clodex_os::{Failure, say};
use clodex_scope::{Edited, Request, Rooted, Tree, baseline, read_landing, remove_worktree};

use crate::cli::Arguments;
use crate::journal::Journal;
use crate::landing_dir::{UnderWay, Way};
use crate::meant::Meant;
use crate::planning::{InTheWay, plan};
use crate::tell::Told;

const FREE_THE_WAY: &str =
    "hint: commit, stash or move what is named, or take the changes from the run's changes.patch by hand";

/// Does what was asked for; gives what is to be said.
pub fn carry_out(arguments: &Arguments) -> Result<String, Failure> {
    let meant = Meant::find(&arguments.run)?;
    let _alone = meant
        .store
        .one_start_at_a_time_around(Path::new(&meant.isolated.source_root), &meant.record.git_common_dir)
        .map_err(|error| Failure::usage(error.to_string()))?;
    if arguments.check {
        return check(&meant, arguments);
    }
    let completed = complete(&meant, arguments)?;
    if arguments.discard {
        discard(&meant, arguments)
    } else if let (true, Some(UnderWay { way: Way::Undo, journal })) = (arguments.undo, completed) {
        Ok(Told::of(&meant.record.id, "undone", &journal).text(arguments.json))
    } else if arguments.undo {
        undo(&meant, arguments)
    } else {
        land(&meant, arguments)
    }
}

/// Says what landing would do; of one that was interrupted, what it does in the end, and not what is left of it.
fn check(meant: &Meant, arguments: &Arguments) -> Result<String, Failure> {
    let broken = |error: io::Error| failed(meant, &error);
    let id = &meant.record.id;
    let landed = meant.landing.landed().map_err(broken)?;
    match (meant.landing.under_way().map_err(broken)?, landed) {
        (Some(UnderWay { way: Way::Land, journal: begun }), Some(journal)) if begun == journal => {
            Ok(Told::of(id, "already-landed", &journal).text(arguments.json))
        }
        (Some(UnderWay { journal, .. }), _) => {
            let strangers = journal.strangers(&open_tree(meant)?).map_err(broken)?;
            if strangers.is_empty() {
                return Ok(Told::of(id, "would-land", &journal).text(arguments.json));
            }
            let why = "a landing or its undoing was interrupted, and it was edited since";
            let in_the_way =
                strangers.iter().map(|path| InTheWay { path: path_text(&path.0), why: why.into() }).collect();
            Err(refused(&Told { in_the_way, ..Told::only(id, "refused") }, FREE_THE_WAY, arguments))
        }
        (None, _) => land(meant, arguments),
    }
}

/// Completes what was interrupted. Where somebody edited a path meanwhile, all else is taken back instead.
fn complete(meant: &Meant, arguments: &Arguments) -> Result<Option<UnderWay>, Failure> {
    let Some(under_way) = meant.landing.under_way().map_err(|error| failed(meant, &error))? else {
        return Ok(None);
    };
    let tree = open_tree(meant)?;
    let _whole = hold_stop_signals(meant)?;
    under_way.journal.settle(&tree).map_err(|error| failed(meant, &error))?;
    let strangers = under_way.journal.strangers(&tree).map_err(|error| failed(meant, &error))?;
    if strangers.is_empty() {
        perform(meant, &under_way, &tree, arguments)?;
        return Ok(Some(under_way));
    }
    let met = take_back(meant, &under_way, &tree)?;
    let mut named: BTreeMap<String, String> =
        texts(strangers.iter()).into_iter().map(|path| (path, "it was edited since".to_owned())).collect();
    named.extend(met.into_iter().map(|edited| (edited.path, edited.what)));
    let named: Vec<String> =
        named.iter().map(|(path, what)| format!("  {}: {what}", escaped(path))).collect();
    let hint = "hint: everything else is as it was before; call it again when you have looked";
    let message = format!("it was interrupted, and met edits:\n{}\n{hint}", named.join("\n"));
    Err(Failure::new(ExitCode::Refused, message))
}

fn land(meant: &Meant, arguments: &Arguments) -> Result<String, Failure> {
    let id = &meant.record.id;
    let broken = |error: io::Error| failed(meant, &error);
    if let Some(told) = still_landed(meant)? {
        if !arguments.check {
            remove_worktree(&meant.place()).map_err(broken)?;
        }
        return Ok(told.text(arguments.json));
    }
    meant.check_verdict()?;
    meant.check_tree_is_free()?;
    let landing = manifest(meant)?;
    let seen = Tree::discover(Path::new(&meant.isolated.source_root))
        .and_then(|tree| baseline(&tree, Request::default()))
        .map_err(|error| Failure::usage(error.to_string()))?;
    let tree = open_tree(meant)?;
    let planned = plan(&landing, &seen, &tree, &meant.landing.contents()).map_err(broken)?;
    let told = Told { merged: planned.merged, ..Told::of(id, "landed", &planned.journal) };
    if !planned.in_the_way.is_empty() {
        return Err(refused(
            &Told { did: "refused", changed: vec![], in_the_way: planned.in_the_way, ..told },
            FREE_THE_WAY,
            arguments,
        ));
    }
    if arguments.check {
        return Ok(Told { did: "would-land", ..told }.text(arguments.json));
    }
    let under_way = UnderWay { way: Way::Land, journal: planned.journal };
    let _whole = hold_stop_signals(meant)?;
    meant.landing.begin(&under_way).map_err(broken)?;
    perform(meant, &under_way, &tree, arguments)?;
    let back = format!("take it back with `clodex-apply --undo {id}`\n");
    Ok(told.text(arguments.json) + if arguments.json { "" } else { &back })
}

/// What landed and is still there, as far as it is; none where all of it was taken back with git: it can land again.
fn still_landed(meant: &Meant) -> Result<Option<Told<'_>>, Failure> {
    let Some(journal) = meant.landing.landed().map_err(|error| failed(meant, &error))? else {
        return Ok(None);
    };
    let since = journal.since(&open_tree(meant)?).map_err(|error| failed(meant, &error))?;
    if since.taken_back.len() == journal.steps.len() {
        return Ok(None);
    }
    let not_as_landed = texts(since.taken_back.iter().chain(&since.edited));
    Ok(Some(Told { not_as_landed, ..Told::of(&meant.record.id, "already-landed", &journal) }))
}

fn texts<'a>(paths: impl Iterator<Item = &'a PathBytes>) -> Vec<String> {
    paths.map(|path| path_text(&path.0)).collect()
}

fn undo(meant: &Meant, arguments: &Arguments) -> Result<String, Failure> {
    let id = &meant.record.id;
    let broken = |error: io::Error| failed(meant, &error);
    let Some(journal) = meant.landing.landed().map_err(broken)? else {
        return Err(Failure::usage(format!("run {id} has not landed\nhint: `clodex-apply {id}` lands it")));
    };
    meant.check_tree_is_free()?;
    let tree = open_tree(meant)?;
    let since = journal.since(&tree).map_err(broken)?;
    if !since.edited.is_empty() {
        let why = "it was edited since it landed";
        let in_the_way =
            texts(since.edited.iter()).into_iter().map(|path| InTheWay { path, why: why.into() }).collect();
        let hint =
            "hint: bring what is named back to what landed, or to what was there before, and undo again";
        return Err(refused(&Told { in_the_way, ..Told::only(id, "refused") }, hint, arguments));
    }
    let undone: Journal = journal.without(&since.taken_back).reversed();
    let under_way = UnderWay { way: Way::Undo, journal: undone };
    let _whole = hold_stop_signals(meant)?;
    meant.landing.begin(&under_way).map_err(broken)?;
    perform(meant, &under_way, &tree, arguments)?;
    Ok(Told::of(id, "undone", &under_way.journal).text(arguments.json))
}

fn discard(meant: &Meant, arguments: &Arguments) -> Result<String, Failure> {
    let (id, broken) = (&meant.record.id, |error: io::Error| failed(meant, &error));
    if meant.landing.landed().map_err(broken)?.is_some() {
        return Err(Failure::usage(format!(
            "run {id} has landed\nhint: `clodex-apply --undo {id}` takes it back first"
        )));
    }
    remove_worktree(&meant.place()).map_err(broken)?;
    meant.landing.discard().map_err(broken)?;
    Ok(Told::only(id, "discarded").text(arguments.json))
}

/// What has begun is done as a whole: a Ctrl-C waits for its end.
fn hold_stop_signals(meant: &Meant) -> Result<StopSignals, Failure> {
    StopSignals::catch().map_err(|error| failed(meant, &error))
}

/// Does a journal to its end; what fails in the middle is taken back, and an edit that was met is left as it is.
fn perform(meant: &Meant, under_way: &UnderWay, tree: &Rooted, arguments: &Arguments) -> Result<(), Failure> {
    if let Err(error) = under_way.journal.perform(tree, &meant.landing.contents()) {
        let mut met = take_back(meant, under_way, tree)?;
        let Some(edited) = Edited::of(&error) else {
            let met: Vec<String> = met.iter().map(|edited| format!("; {edited}")).collect();
            return Err(failed(meant, &io::Error::other(format!("{error}{}", met.concat()))));
        };
        // It tells where what was met lies now; the way back met only what was left of it.
        met.retain(|one| one.path != edited.path);
        met.insert(0, edited.clone());
        let in_the_way = met.into_iter().map(|Edited { path, what }| InTheWay { path, why: what.into() });
        return Err(refused(
            &Told { in_the_way: in_the_way.collect(), ..Told::only(&meant.record.id, "refused") },
            FREE_THE_WAY,
            arguments,
        ));
    }
    meant.landing.finish(under_way).map_err(|error| failed(meant, &error))?;
    if under_way.way == Way::Land {
        // It can still be taken back: what was there before is kept.
        remove_worktree(&meant.place()).map_err(|error| failed(meant, &error))?;
    }
    Ok(())
}

/// Takes back what is done; what somebody edits meanwhile stays as they saved it, and is told.
fn take_back(meant: &Meant, under_way: &UnderWay, tree: &Rooted) -> Result<Vec<Edited>, Failure> {
    let broken = |error: io::Error| failed(meant, &error);
    let met = under_way.journal.take_back(tree, &meant.landing.contents()).map_err(broken)?;
    meant.landing.forget().map_err(broken)?;
    Ok(met)
}

fn manifest(meant: &Meant) -> Result<Landing, Failure> {
    let id = &meant.record.id;
    let read = read_landing(meant.landing.path()).map_err(|error| Failure::usage(error.to_string()))?;
    read.ok_or_else(|| {
        let worktree = &meant.isolated.worktree;
        if !Path::new(worktree).exists() {
            return Failure::usage(format!("run {id} left nothing that could be landed"));
        }
        Failure::usage(format!(
            "run {id} left nothing that could be landed but its worktree {worktree}\n\
             hint: take what you want from there, then `clodex-apply --discard {id}` removes it"
        ))
    })
}

fn open_tree(meant: &Meant) -> Result<Rooted, Failure> {
    let root = &meant.isolated.source_root;
    Rooted::open(Path::new(root)).map_err(|error| {
        Failure::usage(format!("cannot open your tree `{root}`: {error}\nhint: is it still there?"))
    })
}

fn refused(told: &Told<'_>, hint: &str, arguments: &Arguments) -> Failure {
    if arguments.json {
        say(&told.text(true));
    }
    let lines: Vec<String> =
        told.in_the_way.iter().map(|found| format!("  {}: {}", escaped(&found.path), found.why)).collect();
    Failure::new(ExitCode::Refused, format!("nothing was touched, because of\n{}\n{hint}", lines.join("\n")))
}

fn failed(meant: &Meant, error: &io::Error) -> Failure {
    let id = &meant.record.id;
    let hint =
        "hint: fix the problem named above and run it again: it completes or rolls back what was started";
    Failure::new(ExitCode::TurnFailed, format!("cannot finish with the changes of {id}: {error}\n{hint}"))
}
