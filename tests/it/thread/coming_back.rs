//! A connection that is lost in the middle of a turn, and a server that lives on.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use clodex_tests::{LIMIT, Running, Sandbox, eventually};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{AppServer, object, process, prompt, scripted, talking};
use crate::stage::{Stage, sh, step};

/// Stands between a client and a server, and can cut what it carries.
struct Between {
    uri: String,
    /// The clients' ends, in order.
    clients: Arc<Mutex<Vec<TcpStream>>>,
}

impl Between {
    fn and(server: &str) -> Self {
        let server = server.strip_prefix("ws://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("ws://{}", listener.local_addr().unwrap());
        let clients = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&clients);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let there = TcpStream::connect(&server).unwrap();
                carry(&client, &there);
                carry(&there, &client);
                seen.lock().unwrap().push(client);
            }
        });
        Self { uri, clients }
    }

    fn cut(&self) {
        self.clients.lock().unwrap().iter().for_each(|client| client.shutdown(Shutdown::Both).unwrap());
    }

    fn count(&self) -> usize {
        self.clients.lock().unwrap().len()
    }
}

fn carry(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        // Cut is cut; the other side hears of it.
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}

#[test]
fn a_turn_goes_on_after_its_connection_was_lost() {
    let Some(stage) = Stage::real() else { return };
    let server = AppServer::at_a_port(&stage.sandbox, &[]);
    let between = Between::and(&server.uri);
    let go = stage.sandbox.root().join("go");
    let waits = format!("until [ -e {} ]; do sleep 0.05; done", go.display());
    let said =
        prompt(&[step(&[json!({ "say": "I wait" }), sh(&waits)]), step(&[json!({ "say": "It came" })])]);
    let flags = ["--json", "--uri", &between.uri, "--scope", "src", &said];
    let running = Running::start(talking(&stage.sandbox, &flags), b"");
    process(&stage.sandbox, |command| command.contains(&waits) && !command.contains("clodex-thread"));
    between.cut();
    eventually(LIMIT, || (between.count() == 2).then_some(()));
    fs::write(&go, "").unwrap();
    let object = object(running.finish(LIMIT));
    assert_eq!((&object["status"], &object["text"]), (&json!("completed"), &json!("It came")), "{object}");
    let message = |text: &str| json!({ "text": text, "complete": true });
    assert_eq!(object["messages"], json!([message("I wait"), message("It came")]));
    assert!(object["turn_id"].is_string() && object["error"] == Value::Null, "{object}");
}

#[test]
fn who_does_not_want_to_wait_for_a_server_that_says_nothing_leaves() {
    let sandbox = Sandbox::new();
    let server = scripted(json!([{ "turn/start": ["begin", "cut"] }, { "initialize": ["silence"] }]));
    let args = ["--json", "--uri", server.address(), "--connect-timeout", "0", "hi"];
    let running = Running::start(talking(&sandbox, &args), b"");
    let greets_again = |(connection, text): &(usize, String)| *connection == 1 && text.contains("initialize");
    eventually(LIMIT, || server.heard().iter().any(greets_again).then_some(()));
    running.signal(Signal::SIGINT);
    let object = object(running.finish(LIMIT));
    assert_eq!((&object["exit_code"], &object["error"]["kind"]), (&json!(130), &json!("interrupted")));
    assert_eq!((&object["status"], &object["turn_id"]), (&json!("unknown"), &json!("turn-1")), "{object}");
}
