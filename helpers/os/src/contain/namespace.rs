//! Making the namespaces: a child as pid 1 of new ones, who is who in them, and what it sees mounted.
#![expect(unsafe_code, reason = "clone(2) that returns twice has no safe wrapper")]

use std::fmt::Write as _;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::unistd::{Pid, getegid, geteuid};

/// Which side of the fork this is.
pub(super) enum Forked {
    Init,
    Outer { init: Pid },
}

/// Forks a child that is pid 1 of a new pid namespace, in new user and mount namespaces.
pub(super) fn fork_into_new_namespaces() -> io::Result<Forked> {
    let flags = libc::CLONE_NEWUSER | libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::SIGCHLD;
    // SAFETY: without CLONE_VM and without a stack this is a fork; the program has one thread, so that the
    // child finds no lock held by a thread that it does not have.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    match i32::try_from(pid).map_err(io::Error::other)? {
        0 => Ok(Forked::Init),
        pid if pid > 0 => Ok(Forked::Outer { init: Pid::from_raw(pid) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Gives the child's user namespace the same ids as ours: all of them where we may, else the caller's own.
pub(super) fn map_ids(init: Pid) -> Result<(), String> {
    if let (Ok(users), Ok(groups)) = (identity("/proc/self/uid_map"), identity("/proc/self/gid_map")) {
        // Refused as a whole without CAP_SETUID and CAP_SETGID; nothing has changed then.
        if write_once(init, "uid_map", &users).is_ok() {
            return write_once(init, "gid_map", &groups);
        }
    }
    // Who has no CAP_SETGID must give up setgroups(2) before it may map a group.
    write_once(init, "setgroups", "deny")?;
    write_once(init, "uid_map", &format!("{0} {0} 1", geteuid()))?;
    write_once(init, "gid_map", &format!("{0} {0} 1", getegid()))
}

/// Every id that exists in our own namespace, mapped to itself.
fn identity(own_map: &str) -> io::Result<String> {
    let mut lines = String::new();
    for line in fs::read_to_string(own_map)?.lines() {
        let mut columns = line.split_ascii_whitespace();
        if let (Some(first), Some(_), Some(count)) = (columns.next(), columns.next(), columns.next()) {
            writeln!(lines, "{first} {first} {count}").map_err(io::Error::other)?;
        }
    }
    Ok(lines)
}

/// Id maps are taken whole from one write, or not at all.
fn write_once(init: Pid, file: &str, content: &str) -> Result<(), String> {
    let path = format!("/proc/{init}/{file}");
    OpenOptions::new()
        .write(true)
        .open(&path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(|error| format!("cannot write {file} of the new user namespace: {error}"))
}

/// Mounts what pid 1 needs: a `/proc` of its own (Codex hangs without it), and the private `/tmp`.
pub(super) fn mount_own_view(private_tmp: Option<&Path>) -> Result<(), String> {
    let none = None::<&str>;
    // What the system unmounts later goes away here too; nothing that is mounted here shows outside.
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none)
        .map_err(|errno| format!("cannot cut mount propagation: {}", errno.desc()))?;
    let guarded = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), guarded, none)
        .map_err(|errno| format!("cannot mount /proc: {}", errno.desc()))?;
    let Some(directory) = private_tmp else { return Ok(()) };
    let shown = directory.display();
    fs::set_permissions(directory, Permissions::from_mode(0o1777))
        .map_err(|error| format!("cannot open private tmp {shown} to all users in it: {error}"))?;
    mount(Some(directory), "/tmp", none, MsFlags::MS_BIND | MsFlags::MS_REC, none)
        .map_err(|errno| format!("cannot show {shown} as /tmp: {}", errno.desc()))
}
