//! The server: accepts, finds the step that a request is due, remembers what came.
//! Knows how scripts are addressed; not what the steps look like on the wire.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Request, read_request, user_texts};
use super::plan::{beats, close, running_terminal};
use super::prompt::scripts_in;
use super::script::{Reply, Script, Step};
use super::wire::Wire;

/// What the server says when a script has no more steps, or when there is none at all.
const LAST_WORD: &str = "All done.";

type Default = dyn Fn(&Request) -> Script + Send + Sync;

/// A scripted Responses API on the loopback interface. Dropping it hangs up on all clients.
pub struct ScriptedModel {
    port: u16,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for ScriptedModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptedModel").field("port", &self.port).finish_non_exhaustive()
    }
}

struct Shared {
    default: Box<Default>,
    stopping: AtomicBool,
    /// How many requests a script of a thread has had; see [`Address`].
    counts: Mutex<HashMap<Address, usize>>,
    requests: Mutex<Vec<Arc<Request>>>,
    connections: Mutex<HashMap<u64, TcpStream>>,
}

/// Thread, script and number of the script in its conversation.
type Address = (String, String, usize);

impl ScriptedModel {
    /// Starts a server for prompts that carry their scripts.
    pub fn start() -> io::Result<Self> {
        Self::with_default(|_| Script::default())
    }

    /// Starts a server that asks `default` for the script of a prompt that carries none.
    pub fn with_default(default: impl Fn(&Request) -> Script + Send + Sync + 'static) -> io::Result<Self> {
        Self::listen(0, default)
    }

    /// Like [`Self::with_default`], on a port of the caller's choice; 0 = any.
    pub fn listen(
        port: u16,
        default: impl Fn(&Request) -> Script + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            default: Box::new(default),
            stopping: AtomicBool::new(false),
            counts: Mutex::default(),
            requests: Mutex::default(),
            connections: Mutex::default(),
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Ok(Self { port, shared, acceptor: Some(acceptor) })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// All requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<Arc<Request>> {
        lock(&self.shared.requests).clone()
    }

    /// How many clients are connected: streams that are under way or silent.
    pub fn open_connections(&self) -> usize {
        lock(&self.shared.connections).len()
    }
}

impl Drop for ScriptedModel {
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
    let mut wire = Wire::new(stream);
    if request.method != "POST" || !request.path.ends_with("/responses") {
        return wire.answer(
            404,
            &[].into(),
            r#"{"error":{"message":"the scripted model has no such page"}}"#,
        );
    }
    let json = request.json();
    let step = match shared.due_step(&request, &json) {
        Ok(step) => step,
        Err(why) => {
            let body = json!({ "error": { "message": format!("scripted model: {why}") } });
            return wire.answer(400, &[].into(), &body.to_string());
        }
    };
    wire.pause(Duration::from_millis(step.delay_ms))?;
    match &step.reply {
        Reply::Refusal { status, body } => wire.answer(*status, &step.headers, body),
        Reply::Stream(stream) => {
            let beats = beats(stream, number, running_terminal(&json));
            wire.stream(&step.headers, stream.ping_ms, &beats, close(&stream.ending))
        }
    }
}

impl Shared {
    /// The step that this request is due; asking counts.
    fn due_step(&self, request: &Request, json: &Value) -> Result<Step, String> {
        let texts = user_texts(json);
        let mut scripts = Vec::new();
        for text in &texts {
            scripts.append(&mut scripts_in(text)?);
        }
        let nth = scripts.len();
        let (script, address) = match scripts.pop() {
            Some(json) => {
                let text = json.to_string();
                let script = Script::from_json(json).map_err(|e| format!("script: {e}"))?;
                (script, (request.thread_id().to_owned(), text, nth))
            }
            // Each user message begins the default script anew.
            None => ((self.default)(request), (request.thread_id().to_owned(), String::new(), texts.len())),
        };
        let mut counts = lock(&self.counts);
        let count = counts.entry(address).or_default();
        let step = script.steps.into_iter().nth(*count);
        *count += 1;
        Ok(step.unwrap_or_else(last_word))
    }
}

fn last_word() -> Step {
    serde_json::from_value(json!({ "do": [{ "say": LAST_WORD }] }))
        .expect("it is a step as the docs show them")
}

/// A thread that panicked has not broken these collections.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
