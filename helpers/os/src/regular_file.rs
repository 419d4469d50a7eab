//! Opening files that somebody else may have put in the place of ours, or is writing to.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Opens a regular file for reading: never blocks on a FIFO, never follows a symlink in the last place.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a regular file")) }
}

/// Whether anybody has the file open for writing. It has to be open for reading only here. Linux tells its owner; where
/// the system does not tell, the answer is no.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "leases have no wrapper")]
pub fn is_open_for_writing(file: &File) -> bool {
    use std::os::fd::AsRawFd as _;
    let fd = file.as_raw_fd();
    // SAFETY: the descriptor is open for the time of the calls, and no memory is passed. The signal that a broken lease
    // sends is one that does nothing.
    let leased = unsafe {
        libc::fcntl(fd, F_SETSIG, libc::SIGURG);
        libc::fcntl(fd, libc::F_SETLEASE, libc::F_RDLCK)
    };
    if leased == 0 {
        // SAFETY: as above.
        unsafe { libc::fcntl(fd, libc::F_SETLEASE, libc::F_UNLCK) };
        return false;
    }
    io::Error::last_os_error().raw_os_error() == Some(libc::EAGAIN)
}

/// Whether anybody has the file open for writing: this system does not tell.
#[cfg(not(target_os = "linux"))]
pub fn is_open_for_writing(_: &File) -> bool {
    false
}

/// From `fcntl.h`; libc has it for some targets only.
#[cfg(target_os = "linux")]
const F_SETSIG: libc::c_int = 10;

/// The content of a regular file; an error when it is longer than `limit`.
pub fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let length = file.metadata()?.len();
    if length > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    // One byte more than it has, so that a single read finds its end.
    let expected = length + 1;
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_writer_is_noticed_and_a_reader_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let writer = File::create(&path).unwrap();
        let (file, _reader) = (open_regular(&path).unwrap(), open_regular(&path).unwrap());
        assert!(is_open_for_writing(&file));
        drop(writer);
        assert!(!is_open_for_writing(&file));
        // No lease stays: this would wait for it to be given up.
        drop(OpenOptions::new().write(true).open(&path).unwrap());
    }

    #[test]
    fn only_a_regular_file_of_bounded_size_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read_regular(&path, 5).unwrap(), b"12345");
        assert_eq!(read_regular(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        let (fifo, link) = (folder.path().join("fifo"), folder.path().join("link"));
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(open_regular(&fifo).is_err());
        assert!(open_regular(&link).is_err());
    }
}
