//! A stream socket, TCP or Unix, by its address. Knows nothing of what goes through.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `ws://host:port/path`.
    Tcp {
        /// Host and port, as written.
        authority: String,
        /// Begins with a slash.
        path: String,
    },
    /// `unix://path`.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix://").filter(|path| !path.is_empty()) {
            return Ok(Self::Unix(path.into()));
        }
        let Some(rest) = text.strip_prefix("ws://") else {
            return Err(format!("`{}` is not an address: ws://HOST:PORT or unix://PATH", without_user(text)));
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(format!("`{}`: an address takes no user and no password", without_user(text)));
        }
        let port = authority.rsplit_once(':').map(|(host, port)| (!host.is_empty(), port.parse::<u16>()));
        let Some((true, Ok(_))) = port else {
            return Err(format!("`{}` names no host and port: ws://HOST:PORT", without_user(text)));
        };
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self::Tcp { authority: authority.to_owned(), path: path.to_owned() })
    }
}

/// An address as it may be shown: whatever could be a password is left out.
fn without_user(text: &str) -> String {
    let Some((before, host)) = text.rsplit_once('@') else { return text.to_owned() };
    let scheme = before.find("://").map_or("", |end| &before[..end + 3]);
    format!("{scheme}…@{host}")
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { authority, path } if path == "/" => write!(f, "ws://{authority}"),
            Self::Tcp { authority, path } => write!(f, "ws://{authority}{path}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Connects by the deadline, at whichever of the host's addresses answers first.
    pub(crate) fn connect(address: &Address, deadline: Option<Instant>) -> io::Result<Self> {
        match address {
            Address::Unix(path) => UnixStream::connect(path).map(Self::Unix),
            Address::Tcp { authority, .. } => {
                let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
                for place in authority.to_socket_addrs()? {
                    let connected = match deadline {
                        None => TcpStream::connect(place),
                        Some(deadline) => TcpStream::connect_timeout(&place, rest_until(deadline)?),
                    };
                    match connected {
                        Ok(stream) => {
                            // Messages are whole when they are written; nothing is gained by waiting for more.
                            stream.set_nodelay(true)?;
                            return Ok(Self::Tcp(stream));
                        }
                        Err(e) => last = e,
                    }
                }
                Err(last)
            }
        }
    }

    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
        }
    }

    /// Lets each read and write take that long; holds for all clones.
    pub(crate) fn limit(&self, each: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(each).and_then(|()| stream.set_write_timeout(each)),
            Self::Unix(stream) => stream.set_read_timeout(each).and_then(|()| stream.set_write_timeout(each)),
        }
    }

    /// Ends it for all clones; one that is read from or written to returns.
    pub(crate) fn shut(&self) {
        // One that is closed already is as closed as it should be.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

/// What is left until then; none is an error.
pub(crate) fn rest_until(deadline: Instant) -> io::Result<Duration> {
    let rest = deadline.saturating_duration_since(Instant::now());
    if rest.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(rest) }
}

/// A signal that somebody in this program catches is no reason to give up: where a limit is set, the system does not
/// begin again by itself.
impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                Self::Tcp(stream) => stream.read(into),
                Self::Unix(stream) => stream.read(into),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_as_they_are_written() {
        for text in [
            "ws://127.0.0.1:8765",
            "ws://[::1]:1",
            "ws://host:80/deep/path?x",
            "unix:///run/codex.sock",
            "unix://s",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "ws://",
            "ws://host",
            "ws://:80",
            "ws://host:99999",
            "wss://host:443",
            "unix://",
            "http://h:1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_taken_and_never_shown() {
        for text in
            ["ws://me:secret@host:80", "ws://me:sec/ret@host", "wss://me:s@cret@host:80", "me:secret@host:80"]
        {
            let why = text.parse::<Address>().unwrap_err();
            assert!(why.contains("…@host") && !why.contains("me:") && !why.contains("ret"), "{why}");
        }
        let told = "ws://me:secret@host:80".parse::<Address>().unwrap_err();
        assert_eq!(told, "`ws://…@host:80`: an address takes no user and no password");
        assert!("ws://host:80/a@b".parse::<Address>().is_ok());
    }
}
