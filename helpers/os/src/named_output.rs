//! A file that a user names for what a program has to say. A regular file is replaced; whatever else lies there
//! (`/dev/null`, a FIFO, `/dev/stdout`, the shell's `>(command)`) is written to and never removed.
#![expect(unsafe_code, reason = "a descriptor by its number has no safe form")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::unistd::{AccessFlags, access};

use crate::atomic_file::{self, Durability};
use crate::error::{Error, Result, Tried as _};
use crate::poll::is_writable;

/// As many symlinks as the kernel follows.
const MAX_LINKS: usize = 40;
/// So much fits into a pipe that can be written to at all: more could block.
const CHUNK: usize = 512;
/// A reader that takes nothing for so long is not there.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a name leads to. That is decided once, before anything runs that could put something else in its place.
#[derive(Debug)]
pub struct NamedOutput {
    name: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// A regular file, or none yet; absolute, and no symlink itself.
    File(PathBuf),
    /// A device or a FIFO.
    Stream(PathBuf),
    /// What this program was started with: written to where it stands, as others who write to it do.
    Inherited(File),
}

impl NamedOutput {
    /// Looks where `name` leads, through symlinks. An error for a directory, and for a stream that cannot be written to.
    pub fn find(name: &Path) -> Result<Self> {
        let place = find(name).tried(format!("write to `{}`", name.display()))?;
        Ok(Self { name: name.to_owned(), place })
    }

    /// As the user wrote it.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// The regular file that it is or will be, absolute; none for anything else.
    pub fn file(&self) -> Option<&Path> {
        match &self.place {
            Place::File(path) => Some(path),
            Place::Stream(_) | Place::Inherited(_) => None,
        }
    }

    /// Whether it is gone for a program that leaves its caller's streams behind.
    pub fn is_inherited(&self) -> bool {
        matches!(self.place, Place::Inherited(_))
    }

    /// Takes away what was written to it earlier, where that can be; an error where nothing could be written afterwards.
    pub fn clear(&self) -> Result<()> {
        let Place::File(path) = &self.place else { return Ok(()) };
        let removed = match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        };
        let cleared = removed.and_then(|()| atomic_file::may_write_in(path.parent().unwrap_or(path)));
        cleared.tried(format!("write to `{}`", self.name.display()))
    }

    /// Writes all of it: a file is replaced whole.
    pub fn write(&self, content: &[u8]) -> Result<()> {
        let written = match &self.place {
            Place::File(path) => return atomic_file::replace(path, content, Durability::Cached),
            Place::Stream(path) => open_stream(path).and_then(|stream| pour(&stream, content)),
            Place::Inherited(stream) => pour(stream, content),
        };
        written
            .map_err(|source| Error::System { tried: format!("write to `{}`", self.name.display()), source })
    }
}

fn find(name: &Path) -> io::Result<Place> {
    let mut path = std::path::absolute(name)?;
    for _ in 0..MAX_LINKS {
        if let Some(number) = inherited(&path) {
            return duplicate(number).map(Place::Inherited);
        }
        let found = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Place::File(path)),
            found => found?,
        };
        if found.is_symlink() {
            let leads_to = fs::read_link(&path)?;
            path = path.parent().unwrap_or(Path::new("/")).join(leads_to);
        } else if found.is_file() {
            return Ok(Place::File(path));
        } else if found.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        } else {
            access(&path, AccessFlags::W_OK)?;
            return Ok(Place::Stream(path));
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

/// The number of the descriptor that a path stands for. Followed as a symlink, it would lead to the file behind it, and
/// what else was written there would be lost.
fn inherited(path: &Path) -> Option<RawFd> {
    match path.to_str()? {
        "/dev/stdout" => return Some(libc::STDOUT_FILENO),
        "/dev/stderr" => return Some(libc::STDERR_FILENO),
        _ => {}
    }
    let own = format!("/proc/{}/fd", std::process::id());
    let is_of_ours =
        ["/dev/fd", "/proc/self/fd", &own].into_iter().any(|dir| path.parent() == Some(Path::new(dir)));
    path.file_name()?.to_str()?.parse().ok().filter(|number| is_of_ours && *number >= 0)
}

fn duplicate(number: RawFd) -> io::Result<File> {
    // SAFETY: takes numbers only, and fails for one that is not open.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just made, and nobody else knows it.
    let copy = unsafe { OwnedFd::from_raw_fd(copy) };
    let flags = nix::fcntl::fcntl(&copy, nix::fcntl::FcntlArg::F_GETFL)?;
    if flags & libc::O_ACCMODE == libc::O_RDONLY {
        Err(io::ErrorKind::PermissionDenied.into())
    } else {
        Ok(copy.into())
    }
}

/// Without waiting for a FIFO's reader, and only what is no regular file still.
fn open_stream(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let stream = OpenOptions::new().write(true).custom_flags(flags).open(path).map_err(|error| {
        if error.raw_os_error() == Some(libc::ENXIO) { io::Error::other("nobody reads it") } else { error }
    })?;
    if stream.metadata()?.is_file() {
        Err(io::Error::other("it has become a regular file"))
    } else {
        Ok(stream)
    }
}

/// Blocks for nobody for ever, whether the stream would or not.
fn pour(mut stream: &File, content: &[u8]) -> io::Result<()> {
    for chunk in content.chunks(CHUNK) {
        let mut rest = chunk;
        while !rest.is_empty() {
            if !is_writable(stream, Some(Instant::now() + PATIENCE))? {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads it"));
            }
            match stream.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _};
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::{FileTypeExt as _, symlink};

    use nix::sys::stat::Mode;

    use super::*;

    fn said(name: &Path, content: &str) -> Result<()> {
        let output = NamedOutput::find(name)?;
        output.clear()?;
        output.write(content.as_bytes())
    }

    #[test]
    fn a_file_of_before_goes_and_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("answer");
        fs::write(&name, "of before").unwrap();
        let output = NamedOutput::find(&name).unwrap();
        output.clear().unwrap();
        assert!(!name.exists());
        output.write(b"of now").unwrap();
        assert_eq!(fs::read_to_string(&name).unwrap(), "of now");
    }

    #[test]
    fn a_symlink_stays_and_its_file_is_the_one_that_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("dir")).unwrap();
        symlink("dir/file", at("link")).unwrap();
        for content in ["none was there", "it was there"] {
            said(&at("link"), content).unwrap();
            assert!(at("link").is_symlink() && !at("dir/file").is_symlink());
            assert_eq!(fs::read_to_string(at("dir/file")).unwrap(), content);
        }
        symlink("round", at("round")).unwrap();
        assert!(said(&at("round"), "x").is_err());
    }

    #[test]
    fn a_symlink_that_takes_the_place_later_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (name, theirs) = (folder.path().join("answer"), folder.path().join("theirs"));
        fs::write(&theirs, "theirs").unwrap();
        let output = NamedOutput::find(&name).unwrap();
        symlink(&theirs, &name).unwrap();
        output.write(b"ours").unwrap();
        assert_eq!([&name, &theirs].map(|path| fs::read_to_string(path).unwrap()), ["ours", "theirs"]);
    }

    #[test]
    fn a_device_is_written_to_and_stays() {
        said(Path::new("/dev/null"), "gone").unwrap();
        assert!(fs::symlink_metadata("/dev/null").unwrap().file_type().is_char_device());
    }

    #[test]
    fn a_fifo_stays_and_its_reader_reads_what_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("fifo");
        nix::unistd::mkfifo(&name, Mode::from_bits_truncate(0o600)).unwrap();
        let alone = said(&name, "x").unwrap_err().to_string();
        assert!(alone.ends_with("fifo`: nobody reads it"), "{alone}");
        let long = "long ".repeat(100_000);
        // Open for both, it is there before the writer comes.
        let mut reader = OpenOptions::new().read(true).write(true).open(&name).unwrap();
        let mut read = vec![0; long.len()];
        let reader = std::thread::spawn(move || reader.read_exact(&mut read).map(|()| read).unwrap());
        said(&name, &long).unwrap();
        assert_eq!(String::from_utf8(reader.join().unwrap()).unwrap(), long);
        assert!(fs::symlink_metadata(&name).unwrap().file_type().is_fifo());
    }

    #[test]
    fn an_open_file_is_written_where_it_stands() {
        let mut open = tempfile::tempfile().unwrap();
        open.write_all(b"first, ").unwrap();
        for dir in ["/dev/fd", "/proc/self/fd"].iter().filter(|dir| Path::new(dir).exists()) {
            said(&Path::new(dir).join(open.as_raw_fd().to_string()), "and more, ").unwrap();
        }
        open.write_all(b"last").unwrap();
        open.rewind().unwrap();
        let mut all = String::new();
        open.read_to_string(&mut all).unwrap();
        assert!(all.starts_with("first, and more, ") && all.ends_with("and more, last"), "{all}");
    }

    #[test]
    fn what_cannot_be_written_to_says_so_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let (reader, _writer) = io::pipe().unwrap();
        let reader = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
        let closed = PathBuf::from("/dev/fd/99999");
        for name in [folder.path(), &folder.path().join("none/answer"), &reader, &closed] {
            let error = said(name, "x").unwrap_err().to_string();
            assert!(error.starts_with(&format!("cannot write to `{}`: ", name.display())), "{error}");
        }
    }
}
