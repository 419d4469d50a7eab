//! What the caller's environment says must neither blind the dispatcher nor run anything in it.

use super::row::{Row, row};

/// Another repository, in which nothing ever happens.
const DECOY: &str = "git init -q $OUTSIDE/decoy; git -C $OUTSIDE/decoy commit -q --allow-empty -m d";
const EVIL: &str =
    "printf '#!/bin/sh\\ntouch %s/escaped\\n' $OUTSIDE > $OUTSIDE/evil; chmod +x $OUTSIDE/evil";
const EDIT: &str = "echo evil >> lib/x.txt";
const DONE: &str = "grep -q evil lib/x.txt";
const FOUND: &[&str] = &["lib/x.txt"];

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("another repository's directories", EDIT).setup(DECOY).env(&[("GIT_DIR", "$OUTSIDE/decoy/.git"), ("GIT_WORK_TREE", "$OUTSIDE/decoy")]).harm(DONE).names(FOUND),
    row("another work tree", EDIT).setup(DECOY).env(&[("GIT_WORK_TREE", "$OUTSIDE/decoy")]).harm(DONE).names(FOUND),
    row("another index", "git add notes.md").setup("cp .git/index $OUTSIDE/i").env(&[("GIT_INDEX_FILE", "$OUTSIDE/i")]).harm("git ls-files | grep -q notes.md || GIT_INDEX_FILE=$OUTSIDE/i git ls-files | grep -q notes.md").packet(String::into_bytes).names(&["notes.md"]),
    row("another object store", EDIT).env(&[("GIT_OBJECT_DIRECTORY", "$OUTSIDE"), ("GIT_ALTERNATE_OBJECT_DIRECTORIES", "$OUTSIDE")]).harm(DONE).names(FOUND),
    row("another common directory and a name space", "git branch b").setup(DECOY).env(&[("GIT_COMMON_DIR", "$OUTSIDE/decoy/.git"), ("GIT_NAMESPACE", "n")]).harm("ls .git/refs/heads/b $OUTSIDE/decoy/.git/refs/namespaces/n/refs/heads/b 2>/dev/null | grep -q .").packet(String::into_bytes).names(&["refs/heads/b"]),
    row("no repository above this directory", EDIT).env(&[("GIT_CEILING_DIRECTORIES", "$ROOT"), ("GIT_DISCOVERY_ACROSS_FILESYSTEM", "0")]).harm(DONE).names(FOUND),
    row("settings that run a watcher", EDIT).setup(EVIL).env(&[("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "core.fsmonitor"), ("GIT_CONFIG_VALUE_0", "$OUTSIDE/evil")]).harm(DONE).names(FOUND),
    row("programs for diff, pager, editor and passwords", EDIT).setup(EVIL).env(&[("GIT_EXTERNAL_DIFF", "$OUTSIDE/evil"), ("GIT_PAGER", "$OUTSIDE/evil"), ("PAGER", "$OUTSIDE/evil"), ("GIT_EDITOR", "$OUTSIDE/evil"), ("EDITOR", "$OUTSIDE/evil"), ("GIT_ASKPASS", "$OUTSIDE/evil"), ("GIT_SSH_COMMAND", "$OUTSIDE/evil")]).harm(DONE).names(FOUND),
    row("another home with settings that do not parse", EDIT).setup("printf '[broken' > $OUTSIDE/.gitconfig").env(&[("HOME", "$OUTSIDE")]).harm(DONE).names(FOUND),
    row("the user's own rules ignore everything", "echo x > evil.txt").setup("mkdir -p $OUTSIDE/git; echo '*' > $OUTSIDE/git/ignore").env(&[("XDG_CONFIG_HOME", "$OUTSIDE")]).harm("test -f evil.txt").names(&["evil.txt"]),
    row("pathspecs are literal, or have magic", EDIT).env(&[("GIT_LITERAL_PATHSPECS", "1"), ("GIT_ICASE_PATHSPECS", "1"), ("GIT_OPTIONAL_LOCKS", "1")]).harm(DONE).names(FOUND),
    row("a language that is not there", "echo x > lib/größe").env(&[("LC_ALL", "tr_TR.UTF-8"), ("LANG", "xx"), ("LANGUAGE", "de")]).harm("test -f lib/größe").names(&["lib/größe"]),
    row("everything in colour, everything traced", EDIT).env(&[("CLICOLOR_FORCE", "1"), ("FORCE_COLOR", "1"), ("GIT_TRACE", "1"), ("RUST_BACKTRACE", "1")]).harm(DONE).names(FOUND),
    row("a temporary directory that is not there", EDIT).env(&[("TMPDIR", "$OUTSIDE/none")]).harm(DONE).names(FOUND),
    row("the git directory is gone afterwards", "mv .git $OUTSIDE/g; echo evil >> lib/x.txt").harm("! test -e .git").names(&["lib/x.txt", ".git"]),
    row("git is found in the scope, where the worker makes it", "mkdir -p src/bin; cp $OUTSIDE/evil src/bin/git; chmod +x src/bin/git").setup(EVIL).env(&[("PATH", "$REPO/src/bin:$PATH")]).harm("test -x src/bin/git").fires("PATH=$REPO/src/bin:$PATH git status"),
];
