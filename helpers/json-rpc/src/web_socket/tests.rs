//! The transport talks with a server that the protocol's crate plays.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;
use std::time::Duration;

use tungstenite::accept_hdr;
use tungstenite::handshake::server::{Request, Response};

use super::*;
use crate::connection::Incoming;
use crate::message::{Id, Notification, params};

const LONG: Duration = Duration::from_mins(2);

fn soon() -> Instant {
    Instant::now() + LONG
}

/// A server for one connection on loopback, and where it is.
fn server<T: Send + 'static>(
    play: impl FnOnce(&mut WebSocket<std::net::TcpStream>, Option<String>) -> T + Send + 'static,
) -> (Address, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("ws://{}", listener.local_addr().unwrap()).parse().unwrap();
    let played = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut bearer = None;
        #[expect(clippy::result_large_err, reason = "the crate's own type")]
        let look = |request: &Request, response: Response| {
            bearer = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
            Ok(response)
        };
        let mut socket = accept_hdr(stream, look).unwrap();
        play(&mut socket, bearer)
    });
    (address, played)
}

fn text(incoming: Option<Incoming>) -> String {
    match incoming {
        Some(Incoming::Message(message)) => message.text(),
        Some(Incoming::Unreadable(unreadable)) => unreadable.begin,
        Some(Incoming::Closed(closed)) => closed.to_string(),
        Some(Incoming::Woken) => "woken".to_owned(),
        None => "nothing".to_owned(),
    }
}

fn told(method: String) -> Message {
    Message::Notification(Notification { method, params: None })
}

#[test]
fn messages_go_both_ways_with_the_header_and_a_close_ends_it() {
    let (address, played) = server(|socket, bearer| {
        socket.send(Framed::text("nonsense")).unwrap();
        socket.send(Framed::Ping("are you there".into())).unwrap();
        socket.send(Framed::text(r#"{"id":7,"method":"ask"}"#)).unwrap();
        let mut heard = [socket.read().unwrap(), socket.read().unwrap()];
        heard.sort_by_key(|message| !message.is_pong());
        socket.close(None).unwrap();
        while socket.read().is_ok() {}
        (bearer, heard[1].to_text().unwrap().to_owned(), heard[0].clone())
    });
    let greeting = Greeting::default().header("Authorization", "Bearer secret").unwrap();
    assert_eq!(format!("{greeting:?}"), r#"["authorization"]"#);
    let connection = web_socket(&address, &greeting, Some(soon())).unwrap();
    assert_eq!(text(connection.receive(Some(soon()))), "nonsense");
    assert_eq!(text(connection.receive(Some(soon()))), r#"{"id":7,"method":"ask"}"#);
    let answer = crate::Response { id: Id::Number(7), outcome: Ok(params(&"done").unwrap()) };
    connection.send(Message::Response(answer), LONG).unwrap();
    assert_eq!(text(connection.receive(Some(soon()))), "the other side closed the connection");
    let pong = Framed::Pong("are you there".into());
    assert_eq!(
        played.join().unwrap(),
        (Some("Bearer secret".to_owned()), r#"{"id":7,"result":"done"}"#.to_owned(), pong)
    );
}

#[test]
fn a_long_message_goes_both_ways_in_frames_that_a_server_takes() {
    let method = "x".repeat(12 << 20);
    let (address, played) = server(|socket, _| {
        socket.set_config(|config| {
            config.max_frame_size = Some(FRAME + 64);
            config.max_message_size = None;
        });
        let heard = socket.read().unwrap();
        socket.send(heard.clone()).unwrap();
        while socket.read().is_ok() {}
        heard.len()
    });
    let connection = web_socket(&address, &Greeting::default(), Some(soon())).unwrap();
    connection.send(told(method), LONG).unwrap();
    let came_back = text(connection.receive(Some(soon()))).len();
    drop(connection);
    assert_eq!(played.join().unwrap(), came_back);
    assert!(came_back > 12 << 20);
}

#[test]
fn a_unix_socket_is_as_good() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let played = thread::spawn(move || {
        let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        let heard = socket.read().unwrap();
        // It vanishes without a word.
        drop(socket);
        heard.to_text().unwrap().to_owned()
    });
    let connection = web_socket(&Address::Unix(path), &Greeting::default(), Some(soon())).unwrap();
    connection.send(told("hello".to_owned()), LONG).unwrap();
    assert!(text(connection.receive(Some(soon()))).starts_with("the connection was lost: "));
    assert_eq!(played.join().unwrap(), r#"{"method":"hello"}"#);
}

/// What a server that says this and no more is to a client.
fn said_by(raw: &'static [u8]) -> ConnectError {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("ws://{}", listener.local_addr().unwrap()).parse().unwrap();
    let played = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        // Whoever waits for nothing may have left before it has asked.
        let read = stream.read(&mut request);
        assert!(raw.is_empty() || read.unwrap() > 0);
        stream.write_all(raw).unwrap();
        stream
    });
    let deadline = Some(Instant::now() + Duration::from_millis(if raw.is_empty() { 50 } else { 120_000 }));
    let error = web_socket(&address, &Greeting::default(), deadline).unwrap_err();
    drop(played.join().unwrap());
    error
}

#[test]
fn who_is_not_there_or_does_not_want_is_told_apart() {
    let refused =
        said_by(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 30\r\n\r\nmissing websocket bearer token\n");
    assert_eq!(refused.to_string(), "the server refused with HTTP 401: missing websocket bearer token");
    assert!(matches!(said_by(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), ConnectError::NoWebSocket(_)));
    assert!(matches!(said_by(b""), ConnectError::Unreachable(e) if e.kind() == io::ErrorKind::TimedOut));
    // A port that the system gives to nobody by itself.
    let address = "ws://127.0.0.1:1".parse().unwrap();
    let nobody = web_socket(&address, &Greeting::default(), Some(soon())).unwrap_err();
    assert!(matches!(nobody, ConnectError::Unreachable(e) if e.kind() == io::ErrorKind::ConnectionRefused));
}
