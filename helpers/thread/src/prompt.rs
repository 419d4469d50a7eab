//! What is said, and the files that go with it. Reads; decides nothing.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;

use crate::trouble::Trouble;

/// What is said first: to `program`, as an argument or from a file, `-` for standard input.
pub fn prompt(said: Option<&str>, file: Option<&Path>, program: &str) -> Result<String, Trouble> {
    let text = match (said, file) {
        (Some(prompt), _) => prompt.to_owned(),
        (None, Some(file)) if file == Path::new("-") => {
            let mut text = Vec::new();
            let read = io::stdin().read_to_end(&mut text);
            read.map_err(|error| {
                Trouble::usage(format!("cannot read the prompt from standard input: {error}"))
            })?;
            utf8(text, "standard input")?
        }
        (None, Some(file)) => {
            let shown = format!("`{}`", file.display());
            let text = fs::read(file)
                .map_err(|error| Trouble::usage(format!("cannot read the prompt from {shown}: {error}")))?;
            utf8(text, &shown)?
        }
        (None, None) => String::new(),
    };
    if text.trim().is_empty() {
        return Err(Trouble::usage(format!(
            "nothing is said: the prompt is empty\nhint: {program} \"your question\""
        )));
    }
    Ok(text)
}

fn utf8(text: Vec<u8>, shown: &str) -> Result<String, Trouble> {
    String::from_utf8(text).map_err(|_| {
        Trouble::usage(format!("cannot say what {shown} holds: it is no UTF-8\nhint: convert it with iconv"))
    })
}

/// The schema of the answer.
pub fn schema(file: Option<&Path>) -> Result<Option<Box<RawValue>>, Trouble> {
    let Some(file) = file else { return Ok(None) };
    let shown = file.display();
    let text = fs::read_to_string(file)
        .map_err(|error| Trouble::usage(format!("cannot read the schema `{shown}`: {error}")))?;
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| Trouble::usage(format!("the schema `{shown}` is no JSON: {error}")))
}

/// Where the thread works.
pub fn workdir(named: Option<&Path>) -> Result<PathBuf, Trouble> {
    let named = named.unwrap_or(Path::new("."));
    let refused = |why: &dyn std::fmt::Display| {
        Trouble::usage(format!("cannot work in `{}`: {why}\nhint: name a directory with -C", named.display()))
    };
    let workdir = named.canonicalize().map_err(|error| refused(&error))?;
    if !workdir.is_dir() {
        return Err(refused(&"it is no directory"));
    }
    if workdir.to_str().is_none() {
        return Err(refused(&"neither Codex nor Claude Code takes paths that are no UTF-8"));
    }
    Ok(workdir)
}
