//! The lock of a run when its holder dies without a word.
#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clodex_os::RunLock;
use clodex_os::process::{ProcessHandle, ProcessId};

const ROLE: &str = "CLODEX_TEST_LOCK";

/// Not a test: the process that holds the lock, played by this program when another test starts it so.
#[test]
#[ignore = "a role that other tests start"]
fn role_holder() {
    let Some(path) = std::env::var_os(ROLE) else { return };
    let _lock = RunLock::acquire(&PathBuf::from(path)).unwrap().expect("free");
    writeln!(std::io::stdout(), "\nHELD").unwrap();
    // Until it is killed.
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn a_killed_holders_lock_is_free_at_once_though_it_is_a_zombie() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.lock");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "role_holder", "--ignored", "--nocapture"]).env(ROLE, &path);
    let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "HELD"));
    assert!(RunLock::is_held(&path).unwrap());
    assert!(RunLock::acquire(&path).unwrap().is_none());

    let handle = ProcessHandle::open(ProcessId::of(holder.id()).unwrap()).unwrap().unwrap();
    handle.kill().unwrap();
    assert!(handle.wait(Instant::now() + Duration::from_secs(20)).unwrap());
    // Not collected: a zombie still.
    assert!(!RunLock::is_held(&path).unwrap());
    assert!(RunLock::acquire(&path).unwrap().is_some());
    holder.wait().unwrap();
}
