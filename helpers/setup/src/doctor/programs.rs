//! The programs that clodex needs or is: helpers, Claude Code, git. Whether they are there, and new enough.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clodex_os::{ExitKind, ShortCommand, find_on_path, is_executable};

use super::finding::Finding;
use crate::names::PROGRAMS;
use crate::places::Places;
use crate::source;

/// They take milliseconds; a machine under load takes longer.
const LIMIT: Duration = Duration::from_secs(5);
/// The oldest Claude Code that loads the plugin, and the one since which it has a band of its own.
const CLAUDE_OLDEST: [u32; 3] = [2, 1, 250];
const CLAUDE_WITH_MODS: [u32; 3] = [2, 1, 287];
/// `git worktree add --no-checkout` and `-c` of everything that is overridden are older; this is what is tested.
const GIT_OLDEST: [u32; 3] = [2, 17, 0];

/// What is installed.
#[derive(Debug, Default)]
pub struct Helpers {
    bin: PathBuf,
    missing: Vec<&'static str>,
    /// What the installed dispatcher says it is.
    installed: Option<String>,
    /// What the plugin says it is.
    plugin: String,
}

impl Helpers {
    /// Looks at the installed helpers and asks one of them.
    pub fn look(places: &Places) -> Self {
        let bin = places.bin();
        let missing = PROGRAMS.into_iter().filter(|name| !is_executable(&bin.join(name))).collect();
        let asked = version_of(&bin.join("clodex-dispatch")).ok();
        let installed = asked.and_then(|said| said.split_whitespace().nth(1).map(str::to_owned));
        Self { bin, missing, installed, plugin: source::plugin_version(places) }
    }

    /// Whether they are there and of the plugin's own version.
    pub fn judge(&self) -> Finding {
        let (check, again) = ("helpers", "`clodex-setup` installs them");
        let bin = self.bin.display();
        if self.missing.len() == PROGRAMS.len() {
            return Finding::warn(check, format!("none are installed in {bin}"), again);
        }
        if !self.missing.is_empty() {
            let missing = self.missing.join(", ");
            return Finding::fail(check, format!("{missing} missing in {bin}"), again);
        }
        match &self.installed {
            None => Finding::fail(check, format!("{bin}/clodex-dispatch does not start"), again),
            Some(version) if *version != self.plugin => {
                let what = format!("{version} is installed, the plugin is {}", self.plugin);
                Finding::warn(check, what, "`clodex-setup` brings them to the plugin's version")
            }
            Some(version) => Finding::ok(check, format!("{version} in {bin}")),
        }
    }
}

/// What a program said when it was asked for its version.
#[derive(Debug)]
pub enum Asked {
    /// There is none.
    Missing,
    /// It did not start, end in time, or end well.
    Broken(PathBuf, String),
    /// It said this.
    Said(PathBuf, String),
}

impl Asked {
    /// Finds Claude Code and asks it.
    pub fn claude() -> Self {
        let own = env::var_os("CLAUDE_CODE_EXECPATH").map(PathBuf::from).filter(|path| is_executable(path));
        Self::at(own.or_else(|| find_on_path("claude")))
    }

    /// Finds git and asks it.
    pub fn git() -> Self {
        Self::at(find_on_path("git"))
    }

    fn at(found: Option<PathBuf>) -> Self {
        let Some(path) = found else { return Self::Missing };
        match version_of(&path) {
            Ok(said) => Self::Said(path, said),
            Err(why) => Self::Broken(path, why),
        }
    }

    /// Whether there is a Claude Code that can be worked with.
    pub fn judge_claude(&self) -> Finding {
        let check = "claude-code";
        let update = "update it: `claude update`";
        match self {
            Self::Missing => Finding::warn(check, "not on PATH", "install it, or add its directory to PATH"),
            Self::Broken(path, why) => Finding::warn(check, format!("{}: {why}", path.display()), update),
            Self::Said(path, said) => match version_in(said) {
                None => {
                    Finding::warn(check, format!("unknown version `{said}` at {}", path.display()), update)
                }
                Some(version) if version < CLAUDE_OLDEST => {
                    Finding::fail(check, format!("{} is too old", shown(version)), update)
                }
                Some(version) if version < CLAUDE_WITH_MODS => {
                    let what = format!("{}: without the live band above the prompt", shown(version));
                    Finding::ok(check, what)
                }
                Some(version) => Finding::ok(check, format!("{} at {}", shown(version), path.display())),
            },
        }
    }

    /// Whether there is a git that can be worked with.
    pub fn judge_git(&self) -> Finding {
        let (check, hint) = ("git", "install git; isolated runs and some repositories need it");
        match self {
            Self::Missing => Finding::fail(check, "not on PATH", hint),
            Self::Broken(path, why) => Finding::fail(check, format!("{}: {why}", path.display()), hint),
            Self::Said(path, said) => match version_in(said) {
                Some(version) if version >= GIT_OLDEST => {
                    Finding::ok(check, format!("{} at {}", shown(version), path.display()))
                }
                Some(_) | None => Finding::warn(check, format!("`{said}` is old or unknown"), "update git"),
            },
        }
    }
}

/// The first line that it says; else why it says none.
fn version_of(program: &Path) -> Result<String, String> {
    let finished =
        ShortCommand::new(program, LIMIT).args(["--version"]).run().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&finished.stdout);
    match (finished.status, said.lines().next()) {
        (ExitKind::Exit(0), Some(line)) => Ok(line.trim().chars().take(200).collect()),
        (status, _) => Err(format!("`--version` ended with {}", status.shell_code())),
    }
}

/// The first word of three numbers.
fn version_in(said: &str) -> Option<[u32; 3]> {
    let of_word = |word: &str| {
        let mut numbers = word.split(['.', '-', '+']).map(|part| part.parse::<u32>().ok());
        Some([numbers.next()??, numbers.next()??, numbers.next().flatten().unwrap_or(0)])
    };
    said.split_whitespace().find_map(of_word)
}

fn shown(version: [u32; 3]) -> String {
    version.map(|number| number.to_string()).join(".")
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn helpers(missing: &[&'static str], installed: Option<&str>) -> Helpers {
        Helpers {
            bin: "/data/bin".into(),
            missing: missing.to_vec(),
            installed: installed.map(str::to_owned),
            plugin: "0.2.0".into(),
        }
    }

    #[test]
    fn helpers_are_all_there_of_one_version_or_something_is_said() {
        for (facts, level) in [
            (helpers(&[], Some("0.2.0")), Level::Ok),
            (helpers(&[], Some("0.1.0")), Level::Warn),
            (helpers(&[], None), Level::Fail),
            (helpers(&["clodex-contain"], Some("0.2.0")), Level::Fail),
            (helpers(&PROGRAMS, None), Level::Warn),
        ] {
            assert_eq!(facts.judge().level, level, "{facts:?}");
        }
    }

    #[test]
    fn a_claude_code_is_judged_by_its_version() {
        let said = |text: &str| Asked::Said("/bin/claude".into(), text.into()).judge_claude();
        for (text, level) in [
            ("2.1.329 (Claude Code)", Level::Ok),
            ("2.1.250 (Claude Code)", Level::Ok),
            ("2.1.249 (Claude Code)", Level::Fail),
            ("1.0.0", Level::Fail),
            ("whatever", Level::Warn),
        ] {
            assert_eq!(said(text).level, level, "{text}");
        }
        assert!(said("2.1.250").what.contains("without the live band"));
        assert_eq!(Asked::Missing.judge_claude().level, Level::Warn);
        assert_eq!(Asked::Broken("/c".into(), "x".into()).judge_claude().level, Level::Warn);
    }

    #[test]
    fn without_git_it_fails_and_with_an_old_one_it_warns() {
        let said = |text: &str| Asked::Said("/bin/git".into(), text.into()).judge_git().level;
        assert_eq!(
            [said("git version 2.50.1"), said("git version 2.50.1.windows.2")],
            [Level::Ok, Level::Ok]
        );
        assert_eq!([said("git version 1.9.0"), said("gti")], [Level::Warn, Level::Warn]);
        assert_eq!(Asked::Missing.judge_git().level, Level::Fail);
        assert_eq!(Asked::Broken("/g".into(), "x".into()).judge_git().level, Level::Fail);
    }

    #[test]
    fn a_program_that_hangs_or_fails_is_broken() {
        let root = tempfile::tempdir().unwrap();
        let program = root.path().join("claude");
        clodex_sim::write_program(&program, "#!/bin/sh\nexit 3\n").unwrap();
        assert_eq!(clodex_os::find_on(root.path().as_os_str(), "claude"), Some(program.clone()));
        assert!(matches!(Asked::at(Some(program)), Asked::Broken(_, why) if why.contains('3')));
        assert!(matches!(Asked::at(None), Asked::Missing));
    }
}
