//! clodex-toggle: says and sets the toggle of the project. Works without Claude.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode as ProcessExit;

use clodex_core::{TOGGLE_FLAG, Toggle};
use clodex_os::{Failure, FoundFlag, project_root, read_toggle, set_toggle};

use super::messages::meaning;
use super::source::{ENDINGS, NAMES};

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The state to set; none = say what it is.
    pub set: Option<Toggle>,
    /// Called from inline shell: always exit 0, errors on stdout.
    pub inline: bool,
    /// Say how it is called.
    pub help: bool,
    /// Say its version.
    pub version: bool,
}

/// Runs with these arguments, without the program's name.
pub fn run(arguments: &[OsString]) -> ProcessExit {
    let inline = arguments.iter().any(|argument| argument == "--inline");
    match asked(arguments).and_then(|asked| answered(&asked)) {
        Ok(text) => {
            clodex_os::say_line(&text);
            ProcessExit::SUCCESS
        }
        Err(failure) => failure.report(inline),
    }
}

fn asked(arguments: &[OsString]) -> Result<Asked, Failure> {
    let mut asked = Asked::default();
    for argument in arguments {
        let word = argument.to_string_lossy();
        match (word.as_ref(), Toggle::from_word(&word)) {
            ("--inline", _) => asked.inline = true,
            ("--help" | "-h", _) => asked.help = true,
            ("--version" | "-V", _) => asked.version = true,
            (_, Some(toggle)) if asked.set.is_none() => asked.set = Some(toggle),
            _ => {
                let message = format!("cannot understand `{word}`\nhint: clodex-toggle [off|warn|deny]");
                return Err(Failure::usage(message));
            }
        }
    }
    Ok(asked)
}

fn answered(asked: &Asked) -> Result<String, Failure> {
    if asked.help {
        return Ok(help());
    }
    if asked.version {
        return Ok(format!("clodex-toggle {}", env!("CARGO_PKG_VERSION")));
    }
    let project = project()?;
    if let Some(toggle) = asked.set {
        set_toggle(&project, toggle).map_err(|error| Failure::usage(error.to_string()))?;
    }
    let flag = project.join(TOGGLE_FLAG);
    Ok(match read_toggle(&project) {
        FoundFlag::Says(toggle) => {
            format!("clodex-toggle is {} in {}: {}", toggle.as_str(), project.display(), meaning(toggle))
        }
        FoundFlag::Unknown(why) => {
            let flag = flag.display();
            format!(
                "clodex-toggle is off in {}: {flag} is not a flag ({why})\nhint: set it anew, or remove it",
                project.display()
            )
        }
    })
}

/// Around the session's directory where Claude Code tells it, else around this one.
fn project() -> Result<PathBuf, Failure> {
    let told = env::var_os("CLAUDE_PROJECT_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let inside = told.map_or_else(env::current_dir, Ok);
    let project = inside.ok().and_then(|inside| project_root(&inside));
    project.ok_or_else(|| {
        Failure::usage("cannot find the project: this directory is gone\nhint: cd to the project")
    })
}

fn help() -> String {
    format!(
        "Say or set whether Claude itself may write this project's source files\n\n\
         Usage: clodex-toggle [off|warn|deny] [--inline]\n\n\
         \x20 off    {}; removes the flag\n\
         \x20 warn   {}\n\
         \x20 deny   {}\n\
         \x20 (none) say what it is\n\n\
         \x20 --inline  called from inline shell: always exit 0, errors on stdout\n\n\
         The flag is {TOGGLE_FLAG} at the top of the git work tree (without git: in the session's directory).\n\
         Claude's Edit, Write, NotebookEdit and Bash are looked at, its subagents' too.\n\n\
         Source files end in\n  {}\n\
         or are called\n  {}\n\
         or begin with `#!` and have no ending. Everything else is open: documents, configuration, names without an ending,\n\
         endings that are not listed, dotfiles and what is below them, build outputs, and what lies outside the project.\n\
         The flag itself is not Claude's to write.\n\n\
         Of a shell command the text is read, nothing is run. Not seen: paths that a program's output or an unset variable\n\
         holds; what script files, builds, formatters, generators, archives and other languages' programs write; code that\n\
         a function of the command gets as its argument; directories that are copied whole; hard links. `touch`, `chmod`\n\
         and git commands that bring in commits (merge, pull, rebase, switch) write no source here.\n\n\
         Exit codes: 0 done · 2 bad arguments, or the flag cannot be set",
        meaning(Toggle::Off),
        meaning(Toggle::Warn),
        meaning(Toggle::Deny),
        wrapped(ENDINGS),
        NAMES.join(" "),
    )
}

fn wrapped(words: &[&str]) -> String {
    words.chunks(24).map(|line| line.join(" ")).collect::<Vec<_>>().join("\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_by(words: &[&str]) -> Result<Asked, Failure> {
        asked(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn one_word_sets_and_none_asks() {
        let set = |toggle| Ok(Asked { set: Some(toggle), inline: true, help: false, version: false });
        assert_eq!(asked_by(&["deny", "--inline"]), set(Toggle::Deny));
        assert_eq!(asked_by(&["--inline", "off"]), set(Toggle::Off));
        assert_eq!(asked_by(&[]), Ok(Asked::default()));
        assert!(asked_by(&["--version"]).is_ok_and(|asked| asked.version && asked.set.is_none()));
        for wrong in [&["on"][..], &["deny", "off"], &["DENY"], &["-x"]] {
            assert!(asked_by(wrong).is_err(), "{wrong:?}");
        }
    }
}
