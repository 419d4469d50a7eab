//! What is said, and the files that go with it. Reads; decides nothing.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;

use crate::cli::Cli;
use crate::trouble::Trouble;

/// What is said first.
pub fn prompt(cli: &Cli) -> Result<String, Trouble> {
    let text = match (&cli.prompt, &cli.prompt_file) {
        (Some(prompt), _) => prompt.clone(),
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
        return Err(Trouble::usage(
            "nothing is said: the prompt is empty\nhint: clodex-thread \"your question\"",
        ));
    }
    Ok(text)
}

fn utf8(text: Vec<u8>, shown: &str) -> Result<String, Trouble> {
    String::from_utf8(text).map_err(|_| {
        Trouble::usage(format!("cannot say what {shown} holds: it is no UTF-8\nhint: convert it with iconv"))
    })
}

/// The schema of the answer.
pub fn schema(cli: &Cli) -> Result<Option<Box<RawValue>>, Trouble> {
    let Some(file) = &cli.output_schema else { return Ok(None) };
    let shown = file.display();
    let text = fs::read_to_string(file)
        .map_err(|error| Trouble::usage(format!("cannot read the schema `{shown}`: {error}")))?;
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| Trouble::usage(format!("the schema `{shown}` is no JSON: {error}")))
}

/// Where the thread works.
pub fn workdir(cli: &Cli) -> Result<PathBuf, Trouble> {
    let named = cli.workdir.as_deref().unwrap_or(Path::new("."));
    let refused = |why: &dyn std::fmt::Display| {
        Trouble::usage(format!("cannot work in `{}`: {why}\nhint: name a directory with -C", named.display()))
    };
    let workdir = named.canonicalize().map_err(|error| refused(&error))?;
    if !workdir.is_dir() {
        return Err(refused(&"it is no directory"));
    }
    if workdir.to_str().is_none() {
        return Err(refused(&"codex takes paths in UTF-8 only"));
    }
    Ok(workdir)
}
