//! Starts processes that get away: in their group, in a session of their own, or as orphans.
//! Without `unsafe`: the program starts itself again and leaves its session there.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use nix::unistd::setsid;

use super::script::{How, Spawn};

const DETACH_SESSION: &str = "--sim-detach-session";
const DETACH_ORPHAN: &str = "--sim-detach-orphan";

/// Starts what `spawn` says and returns at once.
pub(crate) fn spawn(spawn: &Spawn) -> io::Result<()> {
    let mut command = match spawn.how {
        How::Child => shell(&spawn.sh),
        How::Session => ourselves(DETACH_SESSION, &spawn.sh)?,
        How::Orphan => ourselves(DETACH_ORPHAN, &spawn.sh)?,
    };
    if spawn.clear_env {
        command.env_clear();
    }
    let stdout = if spawn.holds_stdout { Stdio::inherit() } else { Stdio::null() };
    let mut child = command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::null()).spawn()?;
    if spawn.how == How::Orphan {
        child.wait()?;
    }
    Ok(())
}

/// A shell that runs `sh`.
pub(crate) fn shell(sh: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(sh);
    command
}

fn ourselves(how: &str, sh: &str) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(how).arg(sh);
    Ok(command)
}

/// The second half, in the process that started itself again to get away: `None` when this is an
/// ordinary start. Every program that spawns begins with it.
pub fn detached(args: &[OsString]) -> Option<ExitCode> {
    let [how, sh] = args else { return None };
    let mut command = shell(sh.to_str()?);
    let error = match how.to_str()? {
        DETACH_SESSION => setsid().map_or_else(io::Error::from, |_| command.exec()),
        DETACH_ORPHAN => match setsid().map_err(io::Error::from).and_then(|_| command.spawn()) {
            Ok(_) => return Some(ExitCode::SUCCESS),
            Err(e) => e,
        },
        _ => return None,
    };
    eprintln!("stand-in codex: cannot detach: {error}");
    Some(ExitCode::from(99))
}
