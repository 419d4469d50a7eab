//! The transport within a process: two connected ends. The peer of tests, and of whoever is a server in the same
//! program.

use std::thread;

use crossbeam_channel::{Receiver, Sender};

use crate::connection::{Arrived, Closed, Connection};
use crate::message::Message;

/// Two ends of one conversation. What is said passes through its text, as everywhere.
pub fn in_memory() -> (Connection, Connection) {
    let (one, from_one, to_one) = Connection::new();
    let (other, from_other, to_other) = Connection::new();
    thread::spawn(move || carry(&from_one, &to_other));
    thread::spawn(move || carry(&from_other, &to_one));
    (one, other)
}

fn carry(from: &Receiver<Message>, to: &Sender<Arrived>) {
    for message in from {
        if to.send(Arrived::Text(message.text().into_bytes())).is_err() {
            return;
        }
    }
    // Whoever has dropped the other end does not want to know.
    let _ = to.send(Arrived::Closed(Closed::InOrder));
}
