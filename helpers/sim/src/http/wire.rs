//! Plays an answer to a client: heads, chunks, pauses during which the client may leave.
//! Knows HTTP and time; not what the events mean.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How often a wait looks whether a file has appeared.
const LOOK: Duration = Duration::from_millis(5);
/// A wait without an end is cut into pieces of this length.
const LONG: Duration = Duration::from_hours(1);

/// One beat of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Beat {
    /// A server-sent event.
    Event(Value),
    /// Nothing for a while.
    Pause(Duration),
    /// Nothing until this file exists.
    Until(PathBuf),
}

/// How the connection ends after the last beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    /// The body is complete.
    Whole,
    /// The body breaks off.
    Cut,
    /// The client hangs up first.
    WhenClientLeaves,
}

/// One client's connection.
pub(crate) struct Wire<'a> {
    stream: &'a TcpStream,
    ping: Option<Duration>,
}

impl<'a> Wire<'a> {
    /// A client that has sent its request.
    pub(crate) fn new(stream: &'a TcpStream) -> Self {
        Self { stream, ping: None }
    }

    /// Sends a whole response.
    pub(crate) fn answer(
        &mut self,
        status: u16,
        headers: &BTreeMap<String, String>,
        body: &str,
    ) -> io::Result<()> {
        let mut text = head(status, headers, "application/json");
        let _ = write!(text, "content-length: {}\r\n\r\n{body}", body.len());
        self.stream.write_all(text.as_bytes())
    }

    /// Sends a stream of events and ends it as told. `ping_ms` is for the pauses.
    pub(crate) fn stream(
        &mut self,
        headers: &BTreeMap<String, String>,
        ping_ms: u64,
        beats: &[Beat],
        close: Close,
    ) -> io::Result<()> {
        self.ping = (ping_ms > 0).then(|| Duration::from_millis(ping_ms));
        let head = head(200, headers, "text/event-stream") + "transfer-encoding: chunked\r\n\r\n";
        self.stream.write_all(head.as_bytes())?;
        for beat in beats {
            match beat {
                Beat::Event(event) => self.event(event)?,
                Beat::Pause(pause) => self.pause(*pause)?,
                Beat::Until(path) => self.until(path)?,
            }
        }
        match close {
            Close::Whole => self.stream.write_all(b"0\r\n\r\n"),
            Close::Cut => Ok(()),
            Close::WhenClientLeaves => loop {
                self.pause(LONG)?;
            },
        }
    }

    /// Waits; an error when the client leaves meanwhile.
    pub(crate) fn pause(&mut self, pause: Duration) -> io::Result<()> {
        let end = Instant::now() + pause;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.listen(self.ping.map_or(left, |ping| ping.min(left)))?;
            if self.ping.is_some() {
                self.chunk(": ping\n\n")?;
            }
        }
    }

    fn until(&mut self, path: &Path) -> io::Result<()> {
        let mut quiet_since = Instant::now();
        while !path.exists() {
            self.listen(LOOK)?;
            if self.ping.is_some_and(|ping| quiet_since.elapsed() >= ping) {
                self.chunk(": ping\n\n")?;
                quiet_since = Instant::now();
            }
        }
        Ok(())
    }

    /// Listens for the client's goodbye; it has nothing else to say after its request.
    fn listen(&self, pause: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(pause))?;
        match self.stream.peek(&mut [0]) {
            Ok(0) => Err(ErrorKind::ConnectionAborted.into()),
            // A pipelined request: it waits, and so do we.
            Ok(_) => {
                thread::sleep(pause.min(LOOK));
                Ok(())
            }
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                Ok(())
            }
            Err(e) => Err(e),
        }
    }

    fn event(&mut self, event: &Value) -> io::Result<()> {
        let kind = event["type"].as_str().unwrap_or("message");
        self.chunk(&format!("event: {kind}\ndata: {event}\n\n"))
    }

    fn chunk(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes())
    }
}

fn head(status: u16, headers: &BTreeMap<String, String>, content_type: &str) -> String {
    let mut head =
        format!("HTTP/1.1 {status} Scripted\r\ncontent-type: {content_type}\r\nconnection: close\r\n");
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head
}
