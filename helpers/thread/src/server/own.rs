//! A server of our own: it and all that it starts end with us, however we end.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{env, fs};

use clodex_codex::{reason_on_stderr, words_on_stderr};
use clodex_core::harmless;
use clodex_json_rpc::{Address, ConnectError, Greeting, web_socket};
use clodex_os::{
    Contained, ContainedCommand, Ending, Spawned, atomic_file, run_suffix, wrapper_beside_this_program,
};

use super::{SHORTER_PATH, Server, is_absent, is_too_long};
use crate::sandbox_leftovers::SandboxLeftovers;
use crate::trouble::{Kind, Trouble};

/// How long it may take to end when it is asked to.
const ENDING: Duration = Duration::from_secs(2);
/// How much of what it complains about is kept.
const LAST_WORDS: usize = 2 << 10;

/// A longer line is shown as several.
const LONGEST_LINE: u64 = 64 << 10;

/// A server that lives as long as this.
#[derive(Debug)]
pub struct Own {
    contained: Contained,
    complaints: Arc<Mutex<Vec<u8>>>,
    complaining: Option<JoinHandle<()>>,
    /// Where its socket is.
    directory: Option<PathBuf>,
    /// What its sandboxes may leave behind.
    leftovers: SandboxLeftovers,
    /// Its end of file is the server's end, where it does not talk over its streams.
    _stdin: Option<ChildStdin>,
}

impl Own {
    /// One that is talked with over its streams.
    pub fn over_streams(server: &Server) -> Result<(Self, ChildStdout, ChildStdin), Trouble> {
        let spawned = spawn(server, &[])?;
        let Spawned { contained, ending: _, stdin, stdout, stderr } = spawned;
        Ok((Self::new(contained, stderr, server, None, None), stdout, stdin))
    }

    /// One that listens at this address, or at a socket that nobody else can reach; whether it still may.
    pub fn listening(server: &Server, address: Option<&Address>) -> Result<(Self, Address, Life), Trouble> {
        let directory = if address.is_none() { Some(socket_directory()?) } else { None };
        if let Some(address) = address {
            is_free(address)?;
        }
        let own = directory.as_ref().map(|directory| Address::Unix(directory.join("s")));
        let address = own.or(address.cloned()).expect("without an address there is a socket of our own");
        let spawned = spawn(server, &["--listen", &address.to_string()])?;
        let Spawned { contained, ending, stdin, stdout, stderr } = spawned;
        thread::spawn(move || each_line(stdout, |_| {}));
        let own = Self::new(contained, stderr, server, directory, Some(stdin));
        Ok((own, address, Life::until(ending)))
    }

    fn new(
        contained: Contained,
        stderr: impl Read + Send + 'static,
        server: &Server,
        directory: Option<PathBuf>,
        stdin: Option<ChildStdin>,
    ) -> Self {
        let complains = server.complains.clone();
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&complaints);
        let complaining = thread::spawn(move || {
            each_line(stderr, |bytes| {
                if let Some(notices) = &complains {
                    notices.say(format!("codex: {}", harmless(String::from_utf8_lossy(bytes).trim_end())));
                }
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(bytes);
                // Whole lines, for as long as there is more than one.
                while kept.len() > LAST_WORDS {
                    let line = kept.iter().position(|byte| *byte == b'\n').map_or(kept.len(), |end| end + 1);
                    if line == kept.len() {
                        kept.drain(..line - LAST_WORDS);
                    } else {
                        kept.drain(..line);
                    }
                }
            });
        });
        let leftovers = server.leftovers.clone();
        Self { contained, complaints, complaining: Some(complaining), directory, leftovers, _stdin: stdin }
    }

    /// Ends it and tells what it complained about last, on one line.
    pub fn last_words(&mut self) -> String {
        self.end();
        let kept = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = String::from_utf8_lossy(&kept);
        let words = words_on_stderr(&kept);
        harmless(&if words.is_empty() {
            reason_on_stderr(&kept).unwrap_or_default()
        } else {
            words.join(" ")
        })
    }

    fn end(&mut self) {
        self.contained.terminate();
        // It is held by namespaces or marks, so nothing can be left that would be worth telling.
        let _ = self.contained.wait_all_dead(Instant::now() + ENDING);
        self.leftovers.remove();
        if let Some(complaining) = self.complaining.take() {
            // Its stream has ended with the server.
            let _ = complaining.join();
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.end();
        if let Some(directory) = &self.directory {
            // A directory that is left is empty and private.
            let _ = fs::remove_dir_all(directory);
        }
    }
}

/// Whether a server of ours lives.
#[derive(Debug, Clone, Default)]
pub struct Life(Arc<AtomicBool>);

impl Life {
    fn until(ending: Ending) -> Self {
        let life = Self::default();
        let ended = Arc::clone(&life.0);
        thread::spawn(move || {
            ending.wait();
            ended.store(true, Ordering::Release);
        });
        life
    }

    /// Whether it is over: nobody will listen there any more.
    pub fn is_over(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

fn spawn(server: &Server, listen: &[&str]) -> Result<Spawned, Trouble> {
    let unreachable = |error: &dyn fmt::Display| Trouble::new(Kind::Unreachable, error.to_string());
    let path = env::var_os("PATH").unwrap_or_default();
    let binary = clodex_codex::locate(server.codex.as_deref(), &path).map_err(|error| unreachable(&error))?;
    let wrapper = wrapper_beside_this_program().map_err(|error| unreachable(&error))?;
    // What it leaves behind under best effort comes to us, and is ended with it.
    clodex_os::process::adopt_orphans();
    ContainedCommand::new(&wrapper, binary, format!("thread-{}-{}", std::process::id(), run_suffix()))
        .args(["app-server"].iter().chain(listen))
        .args(clodex_codex::bounded_retries())
        .current_dir(&server.workdir)
        .own_group()
        .spawn()
        .map_err(|error| unreachable(&error))
}

/// Where somebody answers already, ours could not, and we would talk with theirs.
fn is_free(address: &Address) -> Result<(), Trouble> {
    match web_socket(address, &Greeting::default(), Some(Instant::now() + ENDING)) {
        Err(ConnectError::Unreachable(error)) if is_absent(&error) => Ok(()),
        Err(ConnectError::Unreachable(error)) if error.kind() != io::ErrorKind::TimedOut => {
            let elsewhere = "name another place with --uri, or leave --uri out";
            let hint = if is_too_long(address) { SHORTER_PATH } else { elsewhere };
            Err(not_free(address, &error, hint))
        }
        // One that says nothing is one all the same.
        Ok(_) | Err(_) => {
            Err(not_free(address, &"another server answers there", "leave --start out to talk with it"))
        }
    }
}

fn not_free(address: &Address, why: &dyn fmt::Display, hint: &str) -> Trouble {
    Trouble::new(Kind::Unreachable, format!("cannot start a server at {address}: {why}\nhint: {hint}"))
}

/// A new directory of ours with a short name: a socket's path must not be long.
fn socket_directory() -> Result<PathBuf, Trouble> {
    let parent = env::var_os("XDG_RUNTIME_DIR").map_or_else(env::temp_dir, PathBuf::from);
    let directory = parent.join(format!("clodex-{}-{}", std::process::id(), run_suffix()));
    atomic_file::private_dir(&directory)
        .map_err(|error| Trouble::new(Kind::Unreachable, error.to_string()))?;
    Ok(directory)
}

fn each_line(from: impl Read, mut each: impl FnMut(&[u8])) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while let Ok(1..) = from.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
        each(&line);
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn why_nothing_can_be_started_there_is_told_as_it_is() {
        let directory = socket_directory().unwrap();
        let not_free = |path: PathBuf| is_free(&Address::Unix(path)).unwrap_err().message;
        let long = not_free(directory.join("x".repeat(120)));
        assert!(!long.contains("answers there") && long.contains("\nhint: name a shorter path"), "{long}");
        let file = directory.join("file");
        fs::write(&file, "").unwrap();
        let below = not_free(file.join("s"));
        assert!(!below.contains("answers there") && below.contains("or leave --uri out"), "{below}");
        assert!(is_free(&Address::Unix(directory.join("s"))).is_ok());
        // It never says anything.
        let _listener = UnixListener::bind(directory.join("s")).unwrap();
        assert!(not_free(directory.join("s")).contains("another server answers there"));
        fs::remove_dir_all(directory).unwrap();
    }
}
