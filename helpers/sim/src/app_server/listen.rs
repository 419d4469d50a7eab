//! Where the server is: in this process for a test's own use, or as a program with Codex's arguments.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread;

use super::perform::{Performance, Shared};
use super::script::Script;
use super::wire::{Stream, Wire};

/// A server in this process. It answers for as long as the process lives.
#[derive(Debug)]
pub struct AppServer {
    address: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Stage {
    script: Script,
    shared: Arc<Shared>,
    connections: AtomicUsize,
}

impl AppServer {
    /// On a free port of the loopback interface.
    pub fn tcp(script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, stage) = (format!("ws://{}", listener.local_addr()?), Stage::new(script)?);
        let shared = Arc::clone(&stage.shared);
        thread::spawn(move || accept(&Arc::new(stage), listener.incoming().flatten().map(Stream::Tcp)));
        Ok(Self { address, shared })
    }

    /// On a Unix socket.
    pub fn unix(script: Script, path: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        let (address, stage) = (format!("unix://{}", path.display()), Stage::new(script)?);
        let shared = Arc::clone(&stage.shared);
        thread::spawn(move || {
            let streams = listener.incoming().flatten().map(Stream::Unix);
            accept(&Arc::new(stage), streams);
        });
        Ok(Self { address, shared })
    }

    /// Over a pair of streams, as its stdout and stdin would be.
    pub fn streams(
        script: Script,
    ) -> io::Result<(Self, impl Read + Send + 'static, impl Write + Send + 'static)> {
        let ((from, said), (heard, to)) = (io::pipe()?, io::pipe()?);
        let stage = Stage::new(script)?;
        let shared = Arc::clone(&stage.shared);
        thread::spawn(move || stage.perform(lines(heard, said)));
        Ok((Self { address: "stdio://".to_owned(), shared }, from, to))
    }

    /// `ws://…` or `unix://…`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it has heard, in order: the number of the connection, from 0, and the message.
    pub fn heard(&self) -> Vec<(usize, String)> {
        self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Stage {
    fn new(script: Script) -> io::Result<Self> {
        let file = script.heard.as_ref().map(|path| File::options().create(true).append(true).open(path));
        let file = file.transpose()?.map(Into::into);
        let shared = Arc::new(Shared { file, ..Shared::default() });
        Ok(Self { script, shared, connections: AtomicUsize::new(0) })
    }

    fn perform(&self, wire: Wire) {
        let number = self.connections.fetch_add(1, Ordering::SeqCst);
        let scene = self.script.connections.get(number).cloned().unwrap_or_default();
        Performance::new(number, scene, Arc::clone(&self.shared)).run(wire);
    }
}

fn lines(from: impl Read + Send + 'static, to: impl Write + Send + 'static) -> Wire {
    Wire::Lines(BufReader::new(Box::new(from)), Box::new(to))
}

fn accept(stage: &Arc<Stage>, streams: impl Iterator<Item = Stream>) {
    for stream in streams {
        let stage = Arc::clone(stage);
        thread::spawn(move || {
            // Who does not shake hands is gone, or never wanted to talk.
            if let Ok(socket) = tungstenite::accept(stream) {
                stage.perform(Wire::Socket(Box::new(socket)));
            }
        });
    }
}

/// The program: `app-server [--listen stdio://|ws://…|unix://…]`. Tells its address as Codex does.
pub fn main(args: &[OsString], script: Script) -> io::Result<()> {
    let listen = args.iter().position(|arg| arg == "--listen").and_then(|at| args.get(at + 1)?.to_str());
    let server = match listen.unwrap_or("stdio://") {
        "stdio://" => {
            Stage::new(script)?.perform(lines(io::stdin(), io::stdout()));
            return Ok(());
        }
        unix if unix.starts_with("unix://") => AppServer::unix(script, Path::new(&unix["unix://".len()..]))?,
        _ => AppServer::tcp(script)?,
    };
    eprintln!("listening on: {}", server.address());
    loop {
        thread::park();
    }
}
