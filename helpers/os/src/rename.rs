//! Renames that never lose what lies at the target: two names exchanged in one step, or a name that must be free.
//! The standard library and, on some systems, nix know neither.
#![expect(unsafe_code, reason = "renameat2 and renameatx_np have no wrapper that every target has")]

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::ffi::OsStrExt as _;

/// Exchanges what lies at two names, atomically: at no instant is either of them free.
///
/// `Unsupported` where the file system cannot do it.
pub fn exchange(one_dir: impl AsFd, one: &OsStr, other_dir: impl AsFd, other: &OsStr) -> io::Result<()> {
    rename_with(one_dir, one, other_dir, other, EXCHANGE)
}

/// Renames to a name that must be free: `AlreadyExists` when it is not. `Unsupported` where the file system cannot
/// promise it.
pub fn rename_to_free(from_dir: impl AsFd, from: &OsStr, to_dir: impl AsFd, to: &OsStr) -> io::Result<()> {
    rename_with(from_dir, from, to_dir, to, NO_REPLACE)
}

#[cfg(target_os = "linux")]
const EXCHANGE: libc::c_uint = libc::RENAME_EXCHANGE;
#[cfg(target_os = "linux")]
const NO_REPLACE: libc::c_uint = libc::RENAME_NOREPLACE;
#[cfg(target_os = "macos")]
const EXCHANGE: libc::c_uint = libc::RENAME_SWAP;
#[cfg(target_os = "macos")]
const NO_REPLACE: libc::c_uint = libc::RENAME_EXCL;

fn rename_with(
    from_dir: impl AsFd,
    from: &OsStr,
    to_dir: impl AsFd,
    to: &OsStr,
    flags: libc::c_uint,
) -> io::Result<()> {
    let (from, to) = (CString::new(from.as_bytes())?, CString::new(to.as_bytes())?);
    let (from_dir, to_dir) = (from_dir.as_fd().as_raw_fd(), to_dir.as_fd().as_raw_fd());
    // SAFETY: both names are live NUL-terminated strings, and the descriptors are open for the time of the call.
    #[cfg(target_os = "linux")]
    let done =
        unsafe { libc::syscall(libc::SYS_renameat2, from_dir, from.as_ptr(), to_dir, to.as_ptr(), flags) };
    // SAFETY: as above.
    #[cfg(target_os = "macos")]
    let done = unsafe { libc::renameatx_np(from_dir, from.as_ptr(), to_dir, to.as_ptr(), flags) };
    if done == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EINVAL | libc::ENOSYS | libc::ENOTSUP) => Err(io::ErrorKind::Unsupported.into()),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn names_are_exchanged_and_a_taken_name_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("a"), "A").unwrap();
        fs::create_dir(path("b")).unwrap();
        let fd = File::open(dir.path()).unwrap();
        exchange(&fd, OsStr::new("a"), &fd, OsStr::new("b")).unwrap();
        assert!(path("a").is_dir());
        assert_eq!(fs::read(path("b")).unwrap(), b"A");
        let taken = rename_to_free(&fd, OsStr::new("b"), &fd, OsStr::new("a")).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        rename_to_free(&fd, OsStr::new("b"), &fd, OsStr::new("c")).unwrap();
        assert_eq!(fs::read(path("c")).unwrap(), b"A");
    }
}
