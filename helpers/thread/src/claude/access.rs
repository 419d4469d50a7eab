//! What Claude may do: what it needs for a question, which is to read, and what the arguments add. Looks at paths; asks
//! nobody.

use std::io;
use std::path::{Component, Path, PathBuf};

use clodex_claude_code::{EDITING, READING, SHELL, ToolCall};

use super::cli::{Cli, PermissionMode};
use crate::trouble::Trouble;

/// What it may do.
#[derive(Debug)]
pub struct Access {
    /// Tools that exist for it.
    pub tools: Vec<String>,
    /// Whether every change of a file is asked for.
    pub asks_for_edits: bool,
    /// Where files may be changed, resolved.
    scope: Vec<PathBuf>,
}

/// What a call of a tool is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// A change in scope.
    InScope,
    /// A change out of scope, and why it is none in it.
    OutOfScope(String),
    /// Something that the arguments say nothing of.
    Unsaid,
}

impl Access {
    /// What the arguments ask for.
    pub fn decide(cli: &Cli, workdir: &Path) -> Result<Self, Trouble> {
        let scope = cli.scope.iter().map(|entry| {
            resolve(&workdir.join(entry)).map_err(|error| {
                Trouble::usage(format!("cannot hold the scope `{}`: {error}", entry.display()))
            })
        });
        let scope = scope.collect::<Result<Vec<_>, _>>()?;
        let mode = cli.permission_mode;
        let anything = cli.interactive_approvals
            || matches!(mode, PermissionMode::Auto | PermissionMode::BypassPermissions);
        let edits = anything || !scope.is_empty() || mode == PermissionMode::AcceptEdits;
        let mut tools: Vec<String> = READING.map(str::to_owned).into();
        let mut add = |name: &str| {
            if !tools.iter().any(|tool| tool == name) {
                tools.push(name.to_owned());
            }
        };
        if edits {
            EDITING.into_iter().for_each(&mut add);
        }
        if anything {
            add(SHELL);
        }
        cli.allowed_tools.iter().for_each(|rule| add(tool_of(rule)));
        Ok(Self { tools, asks_for_edits: !scope.is_empty(), scope })
    }

    /// What this call is.
    pub fn judge(&self, call: &ToolCall, workdir: &Path) -> Judged {
        match call.changed_file() {
            Some(file) if !self.scope.is_empty() => match self.holds(&workdir.join(file)) {
                Ok(true) => Judged::InScope,
                Ok(false) => Judged::OutOfScope("it is not in the scope".to_owned()),
                Err(error) => Judged::OutOfScope(format!("cannot find out where it is: {error}")),
            },
            Some(_) | None => Judged::Unsaid,
        }
    }

    /// What is git's own is nobody's to write, whatever the scope.
    fn holds(&self, file: &Path) -> io::Result<bool> {
        let file = resolve(file)?;
        let is_gits = file.components().any(|part| part.as_os_str().eq_ignore_ascii_case(".git"));
        Ok(!is_gits && self.scope.iter().any(|entry| file.starts_with(entry)))
    }
}

/// The tool that a rule is about: `Bash(git log:*)` is about Bash.
fn tool_of(rule: &str) -> &str {
    rule.split_once('(').map_or(rule, |(tool, _)| tool).trim()
}

/// Where a path really leads, also where its end does not exist yet.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err() => {
            match (path.parent(), path.components().next_back()) {
                (Some(parent), Some(Component::Normal(name))) => Ok(resolve(parent)?.join(name)),
                _ => Err(error),
            }
        }
        resolved => resolved,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use clap::Parser as _;
    use serde_json::json;

    use super::*;

    fn access(words: &[&str], workdir: &Path) -> Access {
        let cli = Cli::try_parse_from([&["clodex-claude", "q"], words].concat()).unwrap();
        Access::decide(&cli, workdir).unwrap()
    }

    fn tools(words: &[&str]) -> String {
        access(words, Path::new("/")).tools.join(",")
    }

    #[test]
    fn a_question_needs_to_read_and_nothing_else() {
        assert_eq!(tools(&[]), "Read,Glob,Grep");
        assert_eq!(tools(&["--permission-mode", "plan"]), "Read,Glob,Grep");
        assert_eq!(tools(&["--permission-mode", "dontAsk"]), "Read,Glob,Grep");
    }

    #[test]
    fn each_argument_adds_what_it_is_about() {
        assert_eq!(tools(&["--scope", "/"]), "Read,Glob,Grep,Edit,Write,NotebookEdit");
        assert_eq!(tools(&["--permission-mode", "acceptEdits"]), "Read,Glob,Grep,Edit,Write,NotebookEdit");
        let rules = ["--allowed-tools", "Bash(git log:*)", "--allowed-tools", "Read"];
        assert_eq!(tools(&rules), "Read,Glob,Grep,Bash");
        let all = "Read,Glob,Grep,Edit,Write,NotebookEdit,Bash";
        assert_eq!(tools(&["--interactive-approvals"]), all);
        assert_eq!(tools(&["--permission-mode", "bypassPermissions"]), all);
    }

    fn call(name: &str, file: &str) -> ToolCall {
        let input = serde_json::value::to_raw_value(&json!({ "file_path": file })).unwrap();
        ToolCall { name: name.to_owned(), input }
    }

    #[test]
    fn only_what_really_lies_in_scope_is_in_scope() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for made in ["src/deep", "lib", "src/.git"] {
            fs::create_dir_all(root.join(made)).unwrap();
        }
        fs::write(root.join("lib/x"), "").unwrap();
        symlink(root.join("lib"), root.join("src/link")).unwrap();
        symlink(root.join("lib/gone"), root.join("src/dangling")).unwrap();
        symlink(root.join("lib/x"), root.join("src/to-x")).unwrap();
        let access = access(&["--scope", "src", "--scope", "new.txt"], &root);
        for (file, in_scope) in [
            ("src/a", true),
            ("src/deep/er/still", true),
            ("new.txt", true),
            ("lib/x", false),
            ("new.txt.bak", false),
            ("srcs/a", false),
            ("src/../lib/x", false),
            ("src/none/../../lib/x", false),
            ("src/link/y", false),
            ("src/to-x", false),
            ("src/dangling", false),
            ("src/.git/config", false),
            ("src/.GIT/hooks/new", false),
            ("/etc/passwd", false),
        ] {
            let judged = access.judge(&call("Write", file), &root);
            assert_eq!(judged == Judged::InScope, in_scope, "{file}: {judged:?}");
            assert_ne!(judged, Judged::Unsaid);
        }
    }

    #[test]
    fn what_changes_no_one_file_is_not_judged_by_the_scope() {
        let root = Path::new("/");
        let access = access(&["--scope", "/"], root);
        assert_eq!(access.judge(&call("Bash", "/x"), root), Judged::Unsaid);
        assert_eq!(access.judge(&call("Read", "/x"), root), Judged::Unsaid);
        assert_eq!(self::access(&[], root).judge(&call("Write", "/x"), root), Judged::Unsaid);
    }
}
