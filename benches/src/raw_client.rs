//! The barest client of an app-server that there can be: a pipe, lines, and the word that ends a turn. What clodex's
//! clients add is what they take beyond it.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout, Command};

use clodex_os::Contained;
use serde_json::{Value, json};

use crate::server;

/// A server of its own, and the loop.
#[derive(Debug)]
pub struct RawClient {
    _server: Contained,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    line: String,
    asked: u32,
    /// Turns that were asked for and have not ended.
    under_way: usize,
}

impl RawClient {
    /// Starts the server and shakes hands, as clodex does.
    pub fn greet(server: &Command) -> io::Result<Self> {
        let (held, from, to) = server::start(server)?;
        let (from, line) = (BufReader::new(from), String::new());
        let mut barest = Self { _server: held, to, from, line, asked: 0, under_way: 0 };
        let unwanted = ["item/reasoning/summaryTextDelta", "item/reasoning/textDelta"];
        barest.ask(
            "initialize",
            &json!({
                "clientInfo": { "name": "figures", "version": "0" },
                "capabilities": { "experimentalApi": true, "optOutNotificationMethods": unwanted },
            }),
        )?;
        barest.until("\"userAgent\"")?;
        barest.say(&json!({ "method": "initialized" }))?;
        Ok(barest)
    }

    /// Opens a thread; gives its id.
    pub fn open(&mut self, cwd: &str) -> io::Result<String> {
        self.ask("thread/start", &json!({ "cwd": cwd }))?;
        let opened = format!("{{\"id\":{},", self.asked);
        self.until(&opened)?;
        let answer: Value = serde_json::from_str(&self.line)?;
        let id = answer["result"]["thread"]["id"].as_str();
        id.map(str::to_owned).ok_or_else(|| io::Error::other(format!("no thread: {}", self.line)))
    }

    /// Asks for a turn.
    pub fn begin(&mut self, thread: &str, text: &str) -> io::Result<()> {
        self.under_way += 1;
        self.ask("turn/start", &json!({ "threadId": thread, "input": [{ "type": "text", "text": text }] }))
    }

    /// Waits until all turns have ended.
    pub fn end(&mut self) -> io::Result<()> {
        while self.under_way > 0 {
            self.until("\"turn/completed\"")?;
            self.under_way -= 1;
        }
        Ok(())
    }

    /// Waits for a line with this in it; gives it.
    pub fn until(&mut self, word: &str) -> io::Result<&str> {
        loop {
            self.line.clear();
            if self.from.read_line(&mut self.line)? == 0 {
                return Err(io::Error::other(format!("the server ended before {word}")));
            }
            if self.line.contains(word) {
                return Ok(&self.line);
            }
        }
    }

    fn ask(&mut self, method: &str, params: &Value) -> io::Result<()> {
        self.asked += 1;
        self.say(&json!({ "id": self.asked, "method": method, "params": params }))
    }

    fn say(&mut self, message: &Value) -> io::Result<()> {
        self.to.write_all(format!("{message}\n").as_bytes())
    }
}
