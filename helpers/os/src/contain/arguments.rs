//! The command line of `clodex-contain`, read by hand: six options are not worth a parser's start-up time.

use std::ffi::{OsStr, OsString};
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::Duration;

use super::Task;
use clodex_core::ContainmentWish;

const HELP: &str = "\
Run a command so that nothing it starts can outlive it.

Usage: clodex-contain [OPTIONS] [--] COMMAND [ARGUMENTS…]

The command gets stdin, stdout and stderr as they are, and a session of its own. When it ends, everything
it started is killed, however it was started (setsid, nohup, double fork, cleared environment); when this
program has ended, nothing of it lives. SIGTERM is passed on to the command; SIGINT, SIGHUP and SIGQUIT to
its process group, as a terminal would.

Options:
      --containment HOW   kernel: a user, pid and mount namespace, or nothing is started
                          best-effort: session, sub-reaper and sweeps
                          auto: kernel where the system allows it, else best-effort [default: auto]
      --private-tmp DIR   show DIR as /tmp (kernel containment only)
      --run-id ID         set CLODEX_RUN_ID=ID for the command; best-effort finds its processes by it
      --kill-after SECS   kill everything when the command has not ended SECS after a SIGTERM;
                          0 = never [default: 10]
      --owner-fd N        kill everything at end of file on descriptor N: the read end of a pipe whose
                          write end the owner holds; the death of the parent has the same effect then
      --report-fd N       write what happens to descriptor N, one JSON object a line
  -h, --help              show this
  -V, --version           show the version

Exit code: the command's own, or 128 + the signal that ended it; 125 when containing failed, 126 when the
command cannot be executed, 127 when it is not found.
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Invocation {
    Print(String),
    Contain(Box<Asked>),
}

/// What is to be contained, and how.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) task: Task,
    pub(super) wish: ContainmentWish,
    pub(super) owner_fd: Option<RawFd>,
    pub(super) report_fd: Option<RawFd>,
}

pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, String> {
    let mut arguments = arguments.into_iter();
    let task = Task {
        program: OsString::new(),
        arguments: Vec::new(),
        private_tmp: None,
        run_id: None,
        kill_after: Some(Duration::from_secs(10)),
    };
    let mut asked = Asked { task, wish: ContainmentWish::Auto, owner_fd: None, report_fd: None };
    loop {
        let argument = arguments.next().ok_or("no command to run")?;
        let text = argument.to_string_lossy();
        if text == "--" || !text.starts_with('-') {
            asked.task.program =
                if text == "--" { arguments.next().ok_or("no command to run")? } else { argument };
            asked.task.arguments = arguments.collect();
            return Ok(Invocation::Contain(Box::new(asked)));
        }
        match text.as_ref() {
            "-h" | "--help" => return Ok(Invocation::Print(HELP.into())),
            "-V" | "--version" => {
                return Ok(Invocation::Print(format!("clodex-contain {}\n", env!("CARGO_PKG_VERSION"))));
            }
            option => {
                asked.set(option, || arguments.next().ok_or_else(|| format!("{option} needs a value")))?;
            }
        }
    }
}

impl Asked {
    fn set(&mut self, option: &str, value: impl FnOnce() -> Result<OsString, String>) -> Result<(), String> {
        match option {
            "--containment" => self.wish = wish(&value()?)?,
            "--private-tmp" => self.task.private_tmp = Some(PathBuf::from(value()?)),
            "--run-id" => self.task.run_id = Some(text(option, &value()?)?.to_owned()),
            "--kill-after" => {
                let seconds: u32 = number(option, &value()?)?;
                self.task.kill_after = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
            }
            "--owner-fd" => self.owner_fd = Some(descriptor(option, &value()?)?),
            "--report-fd" => self.report_fd = Some(descriptor(option, &value()?)?),
            unknown => return Err(format!("unknown option {unknown}")),
        }
        if self.owner_fd.is_some() && self.owner_fd == self.report_fd {
            return Err("--owner-fd and --report-fd name the same descriptor".into());
        }
        Ok(())
    }
}

fn wish(value: &OsStr) -> Result<ContainmentWish, String> {
    let known = value.to_str().and_then(ContainmentWish::from_word);
    known.ok_or_else(|| format!("--containment {}: not auto, kernel or best-effort", value.display()))
}

fn text<'a>(option: &str, value: &'a OsStr) -> Result<&'a str, String> {
    value.to_str().ok_or_else(|| format!("{option} {}: not UTF-8", value.display()))
}

fn number<T: std::str::FromStr>(option: &str, value: &OsStr) -> Result<T, String> {
    text(option, value)?.parse().map_err(|_| format!("{option} {}: not a number", value.display()))
}

/// Standard streams belong to the command.
fn descriptor(option: &str, value: &OsStr) -> Result<RawFd, String> {
    let fd: RawFd = number(option, value)?;
    if fd > 2 { Ok(fd) } else { Err(format!("{option} {fd}: descriptors 0 to 2 belong to the command")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Invocation, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn options_end_at_the_command() {
        let Ok(Invocation::Contain(asked)) = parsed("--run-id r1 --owner-fd 5 cmd --report-fd 6 -- x") else {
            panic!("must parse");
        };
        assert_eq!(asked.task.program, "cmd");
        assert_eq!(asked.task.arguments, ["--report-fd", "6", "--", "x"]);
        assert_eq!(
            (asked.owner_fd, asked.report_fd, asked.task.run_id.as_deref()),
            (Some(5), None, Some("r1"))
        );
    }

    #[test]
    fn a_command_may_begin_with_a_dash_after_two_dashes() {
        let Ok(Invocation::Contain(asked)) = parsed("--kill-after 0 -- -odd") else { panic!("must parse") };
        assert_eq!((asked.task.program, asked.task.kill_after), ("-odd".into(), None));
    }

    #[test]
    fn wrong_command_lines_say_what_is_wrong() {
        for (line, wanted) in [
            ("", "no command to run"),
            ("--", "no command to run"),
            ("--run-id", "--run-id needs a value"),
            ("--bogus x cmd", "unknown option --bogus"),
            ("--bogus", "unknown option --bogus"),
            ("--containment half cmd", "--containment half: not auto, kernel or best-effort"),
            ("--owner-fd 1 cmd", "--owner-fd 1: descriptors 0 to 2 belong to the command"),
            ("--owner-fd 5 --report-fd 5 cmd", "--owner-fd and --report-fd name the same descriptor"),
            ("--kill-after soon cmd", "--kill-after soon: not a number"),
        ] {
            assert_eq!(parsed(line), Err(wanted.to_owned()), "{line}");
        }
    }
}
