//! The transport of WebSockets, over TCP or a Unix socket: one message a text frame, or several where one would be
//! too long.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};
use tungstenite::client::{IntoClientRequest as _, client_with_config};
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::client::{ClientHandshake, Request as Upgrade};
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message as Framed, WebSocket};

use crate::connection::{Arrived, Closed, Connection};
use crate::message::Message;
use crate::socket::{Address, Socket, rest_until};
use crate::whole_frames::{ReadingSide, WholeFrames};

/// Servers cut connections over frames that are longer; 16 MiB is a common limit.
const FRAME: usize = 8 << 20;
/// Longer messages than anybody sends are an error, not a full memory.
const LONGEST: usize = 256 << 20;

/// What is said before the conversation: headers such as `Authorization`.
#[derive(Clone, Default)]
pub struct Greeting {
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Greeting {
    /// Adds a header; the error names it and never its value.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, String> {
        let parsed_name: HeaderName = name.parse().map_err(|_| format!("`{name}` is not a header name"))?;
        let mut parsed: HeaderValue =
            value.parse().map_err(|_| format!("the value for the header `{name}` cannot be sent"))?;
        parsed.set_sensitive(true);
        self.headers.push((parsed_name, parsed));
        Ok(self)
    }
}

impl fmt::Debug for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.headers.iter().map(|(name, _)| name)).finish()
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answered, or not in time.
    #[error(transparent)]
    Unreachable(#[from] io::Error),
    /// The server wants nothing to do with it: its HTTP status and words.
    #[error("the server refused with HTTP {status}: {said}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What it says why.
        said: String,
    },
    /// Something else than a WebSocket answered.
    #[error("this is no WebSocket: {0}")]
    NoWebSocket(String),
}

/// Connects by the deadline and talks.
pub fn web_socket(
    address: &Address,
    greeting: &Greeting,
    deadline: Option<Instant>,
) -> Result<Connection, ConnectError> {
    let socket = Socket::connect(address, deadline)?;
    let writing = Arc::new(Mutex::new(socket.try_clone()?));
    let ending = socket.try_clone()?;
    let reading = shake_hands(address, greeting, deadline, socket, &writing)?;
    let config = Some(WebSocketConfig::default().max_write_buffer_size(usize::MAX));
    let to = WebSocket::from_raw_socket(WholeFrames::new(writing), Role::Client, config);

    let (connection, to_send, arrived) = Connection::new();
    thread::spawn(move || read_frames(reading, &arrived));
    thread::spawn(move || {
        // What cannot be written is told by the reading side: the peer is gone.
        let _ = write_frames(to, &to_send);
        ending.shut();
    });
    Ok(connection)
}

fn shake_hands(
    address: &Address,
    greeting: &Greeting,
    deadline: Option<Instant>,
    from: Socket,
    writing: &Arc<Mutex<Socket>>,
) -> Result<WebSocket<ReadingSide>, ConnectError> {
    let (authority, path) = match address {
        Address::Tcp { authority, path } => (authority.as_str(), path.as_str()),
        Address::Unix(_) => ("localhost", "/"),
    };
    let mut upgrade: Upgrade = format!("ws://{authority}{path}")
        .into_client_request()
        .map_err(|e| ConnectError::NoWebSocket(e.to_string()))?;
    upgrade.headers_mut().extend(greeting.headers.iter().cloned());
    from.limit(deadline.map(rest_until).transpose()?)?;
    let stream = ReadingSide { from, answers: WholeFrames::new(Arc::clone(writing)) };
    let config = WebSocketConfig::default().max_message_size(Some(LONGEST)).max_frame_size(Some(LONGEST));
    let (reading, _) = client_with_config(upgrade, stream, Some(config)).map_err(refusal)?;
    reading.get_ref().from.limit(None)?;
    Ok(reading)
}

fn refusal(why: HandshakeError<ClientHandshake<ReadingSide>>) -> ConnectError {
    match why {
        // The socket's limit was reached.
        HandshakeError::Interrupted(_) => ConnectError::Unreachable(io::ErrorKind::TimedOut.into()),
        HandshakeError::Failure(tungstenite::Error::Io(e)) => ConnectError::Unreachable(e),
        HandshakeError::Failure(tungstenite::Error::Http(response)) => ConnectError::Refused {
            status: response.status().as_u16(),
            said: String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).trim().to_owned(),
        },
        HandshakeError::Failure(other) => ConnectError::NoWebSocket(other.to_string()),
    }
}

fn read_frames(mut from: WebSocket<ReadingSide>, arrived: &Sender<Arrived>) {
    let closed = loop {
        let text = match from.read() {
            Ok(Framed::Text(text)) => Vec::from(text.as_bytes()),
            Ok(Framed::Binary(bytes)) => bytes.into(),
            // Answered by the protocol itself.
            Ok(Framed::Ping(_) | Framed::Pong(_) | Framed::Close(_) | Framed::Frame(_)) => continue,
            Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => {
                break Closed::InOrder;
            }
            Err(e) => break Closed::Lost(e.to_string()),
        };
        if arrived.send(Arrived::Text(text)).is_err() {
            return;
        }
    };
    // Whoever has dropped the connection does not want to know.
    let _ = arrived.send(Arrived::Closed(closed));
}

fn write_frames(mut to: WebSocket<WholeFrames>, to_send: &Receiver<Message>) -> tungstenite::Result<()> {
    for message in to_send {
        for frame in frames(message.text()) {
            to.write(frame)?;
        }
        to.flush()?;
    }
    to.send(Framed::Close(None))
}

/// One frame, or as many as it takes.
fn frames(text: String) -> Vec<Framed> {
    if text.len() <= FRAME {
        return vec![Framed::text(text)];
    }
    let parts: Vec<&[u8]> = text.as_bytes().chunks(FRAME).collect();
    let last = parts.len() - 1;
    let frame = |(at, part): (usize, &&[u8])| {
        let kind = if at == 0 { Data::Text } else { Data::Continue };
        Framed::Frame(Frame::message(part.to_vec(), OpCode::Data(kind), at == last))
    };
    parts.iter().enumerate().map(frame).collect()
}

#[cfg(test)]
mod tests;
