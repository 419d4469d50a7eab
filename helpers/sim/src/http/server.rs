//! A server on the loopback interface: accepts, remembers what came, hangs up on everybody when it is dropped.
//! What is answered is its owner's business.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::Wire;
use super::request::{Request, read_request};

/// Answers a request; its number counts from 1.
type Answer = dyn Fn(&Request, usize, &mut Wire<'_>) -> io::Result<()> + Send + Sync;

/// A server that answers as it is told.
pub(crate) struct Server {
    port: u16,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    answer: Box<Answer>,
    stopping: AtomicBool,
    requests: Mutex<Vec<Arc<Request>>>,
    connections: Mutex<HashMap<u64, TcpStream>>,
}

impl Server {
    /// Listens on a port; 0 = any.
    pub(crate) fn listen(
        port: u16,
        answer: impl Fn(&Request, usize, &mut Wire<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            stopping: AtomicBool::new(false),
            requests: Mutex::default(),
            connections: Mutex::default(),
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Ok(Self { port, shared, acceptor: Some(acceptor) })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// All requests so far, in order of arrival.
    pub(crate) fn requests(&self) -> Vec<Arc<Request>> {
        lock(&self.shared.requests).clone()
    }

    /// How many clients are connected.
    pub(crate) fn open_connections(&self) -> usize {
        lock(&self.shared.connections).len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the acceptor, which hangs up on everybody before it ends.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    for (number, stream) in (0..).zip(listener.incoming()) {
        if shared.stopping.load(Ordering::SeqCst) {
            break;
        }
        let Ok(stream) = stream else { continue };
        let Ok(handle) = stream.try_clone() else { continue };
        lock(&shared.connections).insert(number, handle);
        let shared = Arc::clone(shared);
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread::spawn(move || {
            // A client that leaves in the middle is an everyday event here.
            let _ = serve(&stream, &shared);
            let _ = stream.shutdown(Shutdown::Both);
            lock(&shared.connections).remove(&number);
        }));
    }
    for connection in lock(&shared.connections).values() {
        let _ = connection.shutdown(Shutdown::Both);
    }
    for thread in threads {
        let _ = thread.join();
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(request) = read_request(stream)? else { return Ok(()) };
    let request = Arc::new(request);
    let number = {
        let mut requests = lock(&shared.requests);
        requests.push(Arc::clone(&request));
        requests.len()
    };
    (shared.answer)(&request, number, &mut Wire::new(stream))
}

/// A thread that panicked has not broken these collections.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
