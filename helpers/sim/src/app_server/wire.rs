//! How messages travel: lines, or WebSocket frames, and the ways in which both can go wrong. Knows no JSON.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;

use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Message, WebSocket};

/// One connection.
pub(super) enum Wire {
    /// A message a line.
    Lines(BufReader<Box<dyn Read + Send>>, Box<dyn Write + Send>),
    /// A message a frame.
    Socket(Box<WebSocket<Stream>>),
}

/// What a WebSocket goes over.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Wire {
    /// The next message; none at the end, however it comes.
    pub(super) fn read(&mut self) -> Option<String> {
        match self {
            Self::Lines(from, _) => {
                let mut line = String::new();
                (from.read_line(&mut line).ok()? > 0).then_some(line)
            }
            Self::Socket(socket) => loop {
                if let Message::Text(text) = socket.read().ok()? {
                    return Some(text.to_string());
                }
            },
        }
    }

    /// A whole message.
    pub(super) fn write(&mut self, text: &str) -> io::Result<()> {
        match self {
            Self::Lines(_, to) => {
                to.write_all(format!("{text}\n").as_bytes())?;
                to.flush()
            }
            Self::Socket(socket) => socket.send(Message::text(text)).map_err(io::Error::other),
        }
    }

    /// A message in pieces.
    pub(super) fn write_pieces(&mut self, text: &str, of: usize) -> io::Result<()> {
        match self {
            Self::Lines(_, to) => {
                for piece in text.as_bytes().chunks(of).chain([&b"\n"[..]]) {
                    to.write_all(piece)?;
                    to.flush()?;
                }
                Ok(())
            }
            Self::Socket(socket) => {
                let pieces: Vec<&[u8]> = text.as_bytes().chunks(of).collect();
                for (at, piece) in pieces.iter().enumerate() {
                    let kind = if at == 0 { Data::Text } else { Data::Continue };
                    let frame = Frame::message(piece.to_vec(), OpCode::Data(kind), at + 1 == pieces.len());
                    socket.send(Message::Frame(frame)).map_err(io::Error::other)?;
                }
                Ok(())
            }
        }
    }

    /// A message as the bytes that it is on the wire.
    pub(super) fn bytes(&self, text: &str) -> Vec<u8> {
        match self {
            Self::Lines(..) => format!("{text}\n").into_bytes(),
            Self::Socket(_) => {
                let mut bytes = Vec::new();
                let frame = Frame::message(text.to_owned(), OpCode::Data(Data::Text), true);
                frame.format(&mut bytes).expect("a vector takes everything");
                bytes
            }
        }
    }

    /// These very bytes.
    pub(super) fn write_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Lines(_, to) => to.write_all(bytes).and_then(|()| to.flush()),
            Self::Socket(socket) => socket.get_mut().write_all(bytes),
        }
    }

    /// Ends it in order; what still comes is let go by.
    pub(super) fn close(mut self) {
        if let Self::Socket(socket) = &mut self {
            // One that is gone already is as closed as it should be.
            let _ = socket.close(None);
            while socket.read().is_ok() {}
        }
    }

    /// Ends it without a word.
    pub(super) fn cut(self) {
        if let Self::Socket(socket) = &self {
            // Gone already is as good.
            let _ = match socket.get_ref() {
                Stream::Tcp(stream) => stream.shutdown(Shutdown::Both),
                Stream::Unix(stream) => stream.shutdown(Shutdown::Both),
            };
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lines(..) => "Lines",
            Self::Socket(_) => "Socket",
        })
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(into),
            Self::Unix(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
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
