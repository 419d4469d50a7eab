//! What git does to the work tree. What brings in commits (`merge`, `pull`, `rebase`, `switch`) is no writing of files.

use super::Reading;
use crate::toggle::arguments::{Arguments, KnownWord};

impl Reading {
    pub(super) fn git(&mut self, words: &[KnownWord]) {
        let mut words = words;
        let mut directory = None;
        while let Some((Some(option), rest)) = words.split_first() {
            if !option.starts_with('-') {
                break;
            }
            let has_value = matches!(option.as_str(), "-C" | "-c" | "--git-dir" | "--work-tree");
            if matches!(option.as_str(), "-C" | "--work-tree") {
                directory = rest.first().and_then(Option::as_deref);
            }
            directory = option.strip_prefix("--work-tree=").or(directory);
            words = rest.get(usize::from(has_value)..).unwrap_or_default();
        }
        let Some((Some(command), rest)) = words.split_first() else { return };
        self.in_directory(directory, |reading| reading.git_command(command, rest));
    }

    fn git_command(&mut self, command: &str, rest: &[KnownWord]) {
        let arguments = Arguments::of(
            rest,
            match command {
                "restore" => "sU",
                "checkout" | "switch" => "bBcC",
                _ => "",
            },
        );
        let (long, has) = (|names: &[&str]| arguments.has_long(names), |letter| arguments.has(letter));
        let first = arguments.operands.first().copied().flatten();
        match command {
            "apply" if !long(&["check", "stat", "numstat", "summary", "cached"]) => {
                self.somewhere("git apply");
            }
            "am" if !long(&["abort", "quit", "show-current-patch"]) => self.somewhere("git am"),
            "restore" if !(long(&["staged"]) || has('S')) || long(&["worktree"]) || has('W') => {
                self.targets(&arguments.operands);
            }
            "checkout" if long(&["force"]) || has('f') => self.somewhere("git checkout --force"),
            "checkout" if has('b') || has('B') || long(&["orphan", "detach"]) => {}
            // A branch has seldom the name of a file.
            "checkout" => self.targets(&arguments.operands),
            "switch" if long(&["force", "discard-changes"]) || has('f') => {
                self.somewhere("git switch --force");
            }
            "rm" if !(long(&["cached", "dry-run"]) || has('n')) => self.targets(&arguments.operands),
            "mv" if !(long(&["dry-run"]) || has('n')) => self.program("mv", rest),
            "clean" if (has('f') || long(&["force"])) && !(has('n') || long(&["dry-run"])) => {
                match arguments.operands.as_slice() {
                    [] => self.somewhere("git clean"),
                    paths => self.targets(paths),
                }
            }
            "reset" if long(&["hard", "merge", "keep"]) => self.somewhere("git reset --hard"),
            "stash" if matches!(first, Some("pop" | "apply" | "branch")) => self.somewhere("git stash pop"),
            "stash" if matches!(first, None | Some("push" | "save")) => self.somewhere("git stash"),
            "checkout-index" => self.somewhere("git checkout-index"),
            "read-tree" if has('u') => self.somewhere("git read-tree -u"),
            _ => {}
        }
    }
}
