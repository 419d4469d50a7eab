//! What landing comes to on the tree as it is: which paths change, and what is in the way. Touches nothing but the store
//! of contents, which gets what has to be brought back one day.

use std::borrow::Cow;
use std::io;

use clodex_core::{FileState, Landing, LandingChange, PathBytes, is_executable, path_text};
use clodex_scope::{Baseline, Contents, Rooted, merge_texts};

use crate::journal::{Journal, Step};

/// What would be done.
#[derive(Debug)]
pub struct Planned {
    /// Every step of the landing, in order.
    pub journal: Journal,
    /// Paths that both sides changed, merged.
    pub merged: Vec<String>,
    /// Why nothing is done.
    pub in_the_way: Vec<InTheWay>,
}

/// A path that keeps the landing from being done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct InTheWay {
    /// The path.
    pub path: String,
    /// Why.
    pub why: Cow<'static, str>,
}

/// What is to become of one path.
enum Decided {
    Nothing,
    Put(FileState),
    Merged(FileState),
    No(&'static str),
}

/// Decides for every path. `seen` is the user's tree as git sees it.
pub fn plan(landing: &Landing, seen: &Baseline, tree: &Rooted, contents: &Contents) -> io::Result<Planned> {
    let (mut steps, mut merged, mut in_the_way) = (Vec::new(), Vec::new(), Vec::new());
    for change in &landing.changes {
        let path = &change.path;
        let told = path_text(&path.0);
        let now = tree.keep(&path.0, contents)?;
        let decided = if is_gits(&path.0) {
            Decided::No("git's own files are never landed")
        } else {
            decide(change, &now, is_committed(seen, &path.0, &now), contents)?
        };
        match decided {
            Decided::Nothing => {}
            // What was merged is there already.
            Decided::Put(to) | Decided::Merged(to) if to == now => {}
            Decided::No(why) => in_the_way.push(InTheWay { path: told, why: why.into() }),
            Decided::Put(to) => steps.push(Step { path: path.clone(), from: now, to }),
            Decided::Merged(to) => {
                merged.push(told);
                steps.push(Step { path: path.clone(), from: now, to });
            }
        }
    }
    let root = PathBytes(seen.tree().root().as_os_str().as_encoded_bytes().to_vec());
    let journal = Journal::new(root, steps, tree)?;
    in_the_way.extend(obstacles(&journal, tree)?);
    Ok(Planned { journal, merged, in_the_way })
}

fn is_gits(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|part| part.eq_ignore_ascii_case(b".git"))
}

/// Whether what lies there, or that nothing does, is what the user's HEAD says.
fn is_committed(seen: &Baseline, path: &[u8], now: &FileState) -> bool {
    seen.is_committed(path)
        || *now == FileState::Missing && !seen.has(path) && !seen.uncommitted().any(|dirty| dirty == path)
}

fn decide(
    change: &LandingChange,
    now: &FileState,
    is_committed: bool,
    contents: &Contents,
) -> io::Result<Decided> {
    let (before, after) = (&change.before, &change.after);
    if now.is_same_to_git(after) {
        return Ok(Decided::Nothing);
    }
    if *after == FileState::Unknown {
        return Ok(Decided::No("the run left neither a file nor a symlink there"));
    }
    if now.is_same_to_git(before) {
        return Ok(Decided::Put(with_mode(after, mode(now, before, after))));
    }
    if *before == FileState::Unknown {
        return Ok(Decided::No(
            "what was there before the run was not kept, so nobody can tell whether yours is the same",
        ));
    }
    if !is_committed {
        return Ok(Decided::No("you have uncommitted changes there"));
    }
    let (
        FileState::File { mode: old_mode, sha256: old },
        FileState::File { mode: my_mode, sha256: mine },
        FileState::File { mode: their_mode, sha256: theirs },
    ) = (before, now, after)
    else {
        return Ok(Decided::No("you committed something else there"));
    };
    let modes = [old_mode, my_mode, their_mode].map(|mode| is_executable(*mode));
    if modes[1] != modes[0] && modes[2] != modes[0] && modes[1] != modes[2] {
        return Ok(Decided::No("you committed something else there"));
    }
    let content = if mine == old || mine == theirs {
        theirs.clone()
    } else if theirs == old {
        mine.clone()
    } else {
        let Ok(base) = contents.read(old) else {
            return Ok(Decided::No(
                "you committed something else there, and it was too large before the run to be kept for a merge",
            ));
        };
        match merge_texts(&base, &contents.read(mine)?, &contents.read(theirs)?) {
            Some(merged) => contents.put(&merged)?,
            None => return Ok(Decided::No("it conflicts with what you committed")),
        }
    };
    let mode = mode(now, before, after).unwrap_or(*my_mode);
    Ok(Decided::Merged(FileState::File { mode, sha256: content }))
}

/// The permissions that a file shall have: the run's where it made the file or changed them, else those it has.
fn mode(now: &FileState, before: &FileState, after: &FileState) -> Option<u32> {
    let of = |state: &FileState| match state {
        FileState::File { mode, .. } => Some(*mode),
        FileState::Missing | FileState::Symlink { .. } | FileState::Unknown => None,
    };
    let theirs = of(after)? & 0o777;
    Some(match (of(now), of(before)) {
        (Some(mine), Some(old)) if old & 0o777 == theirs => mine,
        (Some(mine), Some(old)) if old == mine => theirs,
        // Both chose permissions: git's bit is theirs to say, the rest is the user's.
        (Some(mine), Some(_)) if is_executable(theirs) => mine | mine >> 2 & 0o111,
        (Some(mine), Some(_)) => mine & !0o111,
        (_, None) | (None, Some(_)) => theirs,
    })
}

fn with_mode(state: &FileState, mode: Option<u32>) -> FileState {
    match (state, mode) {
        (FileState::File { sha256, .. }, Some(mode)) => FileState::File { mode, sha256: sha256.clone() },
        (state, _) => state.clone(),
    }
}

/// Files, symlinks and directories that lie where others are to be.
fn obstacles(journal: &Journal, tree: &Rooted) -> io::Result<Vec<InTheWay>> {
    let mut found = Vec::new();
    let goes =
        |path: &[u8]| journal.steps.iter().any(|step| step.path.0 == path && step.to == FileState::Missing);
    for directory in &journal.made {
        let path = &directory.path.0;
        if tree.state(path)? != FileState::Missing && !goes(path) {
            found.push(InTheWay { path: path_text(path), why: "a directory is needed there".into() });
        }
    }
    for step in journal.steps.iter().filter(|step| step.to != FileState::Missing) {
        let path = &step.path;
        let stays = tree.is_dir(&path.0)? && journal.removed.iter().all(|directory| directory.path != *path);
        if stays {
            found.push(InTheWay { path: path_text(&path.0), why: "a directory is there".into() });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_kept_before_the_run_is_the_reason_that_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let contents = Contents::make(dir.path()).unwrap();
        let file = |sha256: &str| FileState::File { mode: 0o644, sha256: sha256.into() };
        let told = |before: FileState, is_committed| {
            let change = LandingChange { path: PathBytes(b"f".to_vec()), before, after: file("theirs") };
            match decide(&change, &file("mine"), is_committed, &contents).unwrap() {
                Decided::No(why) => why,
                Decided::Nothing | Decided::Put(_) | Decided::Merged(_) => "nothing",
            }
        };
        assert!(told(FileState::Unknown, true).starts_with("what was there before the run was not kept"));
        assert!(told(file("large"), true).ends_with("too large before the run to be kept for a merge"));
        assert_eq!(told(file("large"), false), "you have uncommitted changes there");
    }

    #[test]
    fn permissions_are_the_runs_where_it_changed_them_and_the_users_elsewhere() {
        let file = |mode| FileState::File { mode, sha256: "x".into() };
        for (now, before, after, wanted) in [
            (0o600, 0o644, 0o644, 0o600),
            (0o644, 0o644, 0o755, 0o755),
            (0o600, 0o644, 0o755, 0o700),
            (0o750, 0o755, 0o644, 0o640),
        ] {
            assert_eq!(mode(&file(now), &file(before), &file(after)), Some(wanted), "{now:o}");
        }
        assert_eq!(mode(&FileState::Missing, &FileState::Missing, &file(0o4755)), Some(0o755));
    }
}
