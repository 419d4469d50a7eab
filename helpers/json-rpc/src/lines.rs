//! The transport of standard streams: one message a line. Knows no process.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::thread;

use crossbeam_channel::{Receiver, Sender};

use crate::connection::{Arrived, Closed, Connection};
use crate::message::Message;

/// Talks over a pair of streams, such as a process's stdout and stdin. The reading thread ends with its stream, the
/// writing one when the connection is dropped; it then drops its stream, which the other side sees as the end.
pub fn lines(from: impl Read + Send + 'static, to: impl Write + Send + 'static) -> Connection {
    let (connection, to_send, arrived) = Connection::new();
    thread::spawn(move || read_lines(BufReader::new(from), &arrived));
    // What cannot be written is told by the reading side: the peer is gone.
    thread::spawn(move || drop(write_lines(to, &to_send)));
    connection
}

fn read_lines(mut from: impl BufRead, arrived: &Sender<Arrived>) {
    let closed = loop {
        let mut line = Vec::new();
        match from.read_until(b'\n', &mut line) {
            Ok(0) => break Closed::InOrder,
            Ok(_) if line.last() != Some(&b'\n') => break Closed::Lost("it ended within a line".to_owned()),
            Ok(_) if line.trim_ascii().is_empty() => {}
            Ok(_) => {
                line.pop();
                if arrived.send(Arrived::Text(line)).is_err() {
                    return;
                }
            }
            Err(e) => break Closed::Lost(e.to_string()),
        }
    };
    // Whoever has dropped the connection does not want to know.
    let _ = arrived.send(Arrived::Closed(closed));
}

fn write_lines(mut to: impl Write, to_send: &Receiver<Message>) -> io::Result<()> {
    for message in to_send {
        let mut line = message.text();
        line.push('\n');
        to.write_all(line.as_bytes())?;
        to.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Incoming;
    use crate::message::{Id, Response, params};
    use std::time::Duration;

    const SOON: Duration = Duration::from_mins(2);

    fn all(connection: &Connection) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            match connection.receive(None).unwrap() {
                Incoming::Message(message) => all.push(message.text()),
                Incoming::Unreadable(unreadable) => all.push(unreadable.begin),
                Incoming::Woken => all.push("woken".to_owned()),
                Incoming::Closed(closed) => {
                    all.push(closed.to_string());
                    return all;
                }
            }
        }
    }

    #[test]
    fn lines_come_in_order_and_bad_ones_do_not_end_it() {
        let said: &[u8] = b"{\"method\":\"a\"}\n\n  \r\nnonsense\n{\"id\":1,\"result\":2}\n";
        let end = "the other side closed the connection";
        assert_eq!(
            all(&lines(said, io::sink())),
            [r#"{"method":"a"}"#, "nonsense", r#"{"id":1,"result":2}"#, end]
        );
        let lost = "the connection was lost: it ended within a line";
        assert_eq!(all(&lines(&b"{\"method\":"[..], io::sink())), [lost]);
    }

    #[test]
    fn a_line_of_thirty_megabytes_comes_whole() {
        let said = format!("{{\"method\":\"{}\"}}\n", "x".repeat(30 << 20));
        let length = said.len();
        let connection = lines(io::Cursor::new(said), io::sink());
        assert_eq!(all(&connection)[0].len(), length - 1);
    }

    #[test]
    fn what_is_sent_is_written_and_dropping_the_connection_ends_it() {
        let (read, write) = io::pipe().unwrap();
        let connection = lines(io::empty(), write);
        for number in 0..3 {
            let outcome = Ok(params(&number).unwrap());
            connection.send(Message::Response(Response { id: Id::Number(number), outcome }), SOON).unwrap();
        }
        drop(connection);
        let written = io::read_to_string(read).unwrap();
        assert_eq!(written, "{\"id\":0,\"result\":0}\n{\"id\":1,\"result\":1}\n{\"id\":2,\"result\":2}\n");
    }

    #[test]
    fn one_that_does_not_read_is_told_and_not_waited_for() {
        let (_read, write) = io::pipe().unwrap();
        let connection = lines(io::empty(), write);
        let long = params(&"x".repeat(1 << 20)).unwrap();
        let patience = Duration::from_millis(10);
        let mut sent = (0..2 * crate::connection::QUEUED).map(|_| {
            let outcome = Ok(long.clone());
            connection.send(Message::Response(Response { id: Id::Number(0), outcome }), patience)
        });
        assert_eq!(sent.find_map(Result::err), Some(crate::Sending::Stuck(patience)));
    }
}
