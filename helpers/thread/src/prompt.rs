//! What is said, and the files that go with it. Reads; decides nothing.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread;

use crossbeam_channel::{bounded, select};

use crate::common_cli::Said;
use crate::stop_signals::{Stops, interrupted};
use crate::trouble::Trouble;

/// Nobody types more, and a device may have no end.
const MAX_BYTES: u64 = 16 << 20;

/// What is said first: to `program`, as an argument or from a file, `-` for standard input.
pub fn prompt(said: &Said, program: &str, stops: &Stops) -> Result<String, Trouble> {
    let text = match (&said.prompt, &said.prompt_file) {
        (Some(prompt), _) => prompt.clone(),
        (None, Some(file)) => read(file, said.takes_stdin(), stops)?,
        (None, None) => String::new(),
    };
    if text.trim().is_empty() {
        return Err(Trouble::usage(format!("the prompt is empty\nhint: {program} \"your question\"")));
    }
    Ok(text)
}

/// All of it: of a terminal or a pipe that may take for ever, unless a stop signal comes first.
fn read(file: &Path, is_stdin: bool, stops: &Stops) -> Result<String, Trouble> {
    let shown = if is_stdin { "standard input".to_owned() } else { format!("`{}`", file.display()) };
    let (done, read) = bounded(1);
    let file = file.to_owned();
    thread::spawn(move || {
        let read = if is_stdin { bounded_text(io::stdin()) } else { File::open(file).and_then(bounded_text) };
        // Whoever has been interrupted does not want to know.
        let _ = done.send(read);
    });
    let text = select! {
        recv(read) -> read => read.unwrap_or_else(|_| Err(io::Error::other("the reading thread has ended"))),
        recv(stops.arrived) -> signal => match signal {
            Ok(signal) => return Err(interrupted(signal)),
            Err(_) => Err(io::Error::other("no signals")),
        },
    };
    let text =
        text.map_err(|error| Trouble::usage(format!("cannot read the prompt from {shown}: {error}")))?;
    utf8(text, &shown)
}

fn bounded_text(from: impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    from.take(MAX_BYTES + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("it is longer than {MAX_BYTES} bytes")));
    }
    Ok(text)
}

fn utf8(text: Vec<u8>, shown: &str) -> Result<String, Trouble> {
    String::from_utf8(text).map_err(|_| {
        Trouble::usage(format!("cannot send {shown}: it is not valid UTF-8\nhint: convert it with iconv"))
    })
}

/// Where the thread works.
pub fn workdir(named: Option<&Path>) -> Result<PathBuf, Trouble> {
    let named = named.unwrap_or(Path::new("."));
    let refused = |why: &dyn std::fmt::Display| {
        Trouble::usage(format!("cannot work in `{}`: {why}\nhint: name a directory with -C", named.display()))
    };
    let workdir = named.canonicalize().map_err(|error| refused(&error))?;
    if !workdir.is_dir() {
        return Err(refused(&"it is not a directory"));
    }
    if workdir.to_str().is_none() {
        return Err(refused(&"neither Codex nor Claude Code takes paths that are not valid UTF-8"));
    }
    Ok(workdir)
}
