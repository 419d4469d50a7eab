//! Where the words of a task come from: packet file, prompt file, standard input, argument, template, documents.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clodex_core::{BUILT_IN_TEMPLATES, ExitCode, ProjectDoc, fill_template};

use crate::cli::{Cli, InjectDocs};
use crate::refusal::Refusal;

/// What is read from files and streams is never more.
const MAX_BYTES: u64 = 16 << 20;

/// Reads a whole file, up to a limit.
pub fn read_file(path: &Path, what: &str) -> Result<Vec<u8>, Refusal> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let shown = format!("{what} `{}`", path.display());
    checked(read(), &shown)
}

/// The free prompt's own words, before any template; there have to be some.
pub fn free_words(cli: &Cli) -> Result<String, Refusal> {
    let (words, shown) = words(cli)?;
    if words.trim().is_empty() {
        return Err(Refusal::usage(format!("the prompt from {shown} is empty"), "say what is to be done"));
    }
    Ok(words)
}

/// What the user says, if anything, and where.
pub fn words(cli: &Cli) -> Result<(String, String), Refusal> {
    let (bytes, shown) = match (&cli.prompt_file, &cli.prompt) {
        (Some(path), _) if path.as_os_str() == "-" => {
            let mut bytes = Vec::new();
            let read = io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes).map(|_| bytes);
            (checked(read, "the prompt from standard input")?, "standard input".to_owned())
        }
        (Some(path), _) => (read_file(path, "the prompt file")?, format!("`{}`", path.display())),
        (None, Some(prompt)) => (prompt.clone().into_bytes(), "the argument".to_owned()),
        (None, None) => (Vec::new(), "the argument".to_owned()),
    };
    let words = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        Refusal::usage(
            format!("cannot read the prompt from {shown}: byte {offset} is not UTF-8"),
            "save it as UTF-8",
        )
    })?;
    if words.contains('\0') {
        return Err(Refusal::usage(format!("the prompt from {shown} holds a NUL byte"), "remove it"));
    }
    Ok((words, shown))
}

/// Fills a template with the prompt's sections: a file, else one of the templates directories, else a built-in one.
pub fn filled(template: &str, words: &str, dirs: &[PathBuf]) -> Result<String, Refusal> {
    let text = template_text(template, dirs)?;
    fill_template(&text, words).map_err(|error| Refusal {
        code: ExitCode::Usage,
        message: format!("cannot fill template `{template}`: {error}"),
        hint: None,
    })
}

/// The text of a template: a file, else one of the directories, else a built-in one.
pub fn template_text(template: &str, dirs: &[PathBuf]) -> Result<String, Refusal> {
    let as_text = |bytes: Vec<u8>| {
        String::from_utf8(bytes)
            .map_err(|_| Refusal::usage(format!("template `{template}` is not UTF-8"), "save it as UTF-8"))
    };
    if template.contains('/') || Path::new(template).is_file() {
        return as_text(read_file(Path::new(template), "the template")?);
    }
    for dir in dirs {
        let path = dir.join(format!("{template}.md"));
        if path.is_file() {
            return as_text(read_file(&path, "the template")?);
        }
    }
    let built_in = BUILT_IN_TEMPLATES.iter().find(|(name, _)| *name == template);
    built_in.map(|(_, text)| (*text).to_owned()).ok_or_else(|| {
        let known: Vec<&str> = BUILT_IN_TEMPLATES.iter().map(|(name, _)| *name).collect();
        Refusal::usage(
            format!("there is no template `{template}`"),
            format!("name a file, or one of: {}", known.join(", ")),
        )
    })
}

/// The documents of the work directory that are asked for; one that is asked for by name has to be there.
pub fn documents(which: InjectDocs, workdir: &Path) -> Result<Vec<(&'static str, Vec<u8>)>, Refusal> {
    let mut found = Vec::new();
    for name in which.file_names() {
        let path = workdir.join(name);
        if path.is_file() {
            found.push((*name, read_file(&path, "the document")?));
        } else if which != InjectDocs::All {
            return Err(Refusal::usage(
                format!("cannot inject {name}: `{}` is not a file", path.display()),
                "leave out --inject-docs, or use --inject-docs=all for whichever is there",
            ));
        }
    }
    Ok(found)
}

/// The documents as the prompt takes them.
pub fn as_documents<'a>(files: &'a [(&'static str, Vec<u8>)]) -> Result<Vec<ProjectDoc<'a>>, Refusal> {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    ProjectDoc::checked(&files).map_err(|error| Refusal::told(ExitCode::Usage, &error))
}

fn checked(read: io::Result<Vec<u8>>, shown: &str) -> Result<Vec<u8>, Refusal> {
    match read {
        Ok(bytes) if bytes.len() as u64 > MAX_BYTES => Err(Refusal::usage(
            format!("cannot take {shown}: it is longer than 16 MiB"),
            "name files instead of quoting them",
        )),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(Refusal::usage(format!("cannot read {shown}: {error}"), "check the path")),
    }
}
