//! `clodex-sim-model`: the scripted model as a program of its own. Runs until it is killed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io, thread};

use clodex_sim::{CodexHome, Script, ScriptedModel};

const USAGE: &str = "usage: clodex-sim-model [--port N] [--port-file FILE] [--codex-home DIR]";

#[derive(Default)]
struct Options {
    port: u16,
    port_file: Option<PathBuf>,
    codex_home: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Some(options) = options(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match start(&options) {
        Ok(_model) => loop {
            thread::park();
        },
        Err(e) => {
            eprintln!("cannot start the scripted model on port {}: {e}", options.port);
            ExitCode::FAILURE
        }
    }
}

fn options(mut args: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options::default();
    while let Some(name) = args.next() {
        let value = args.next()?;
        match name.as_str() {
            "--port" => options.port = value.parse().ok()?,
            "--port-file" => options.port_file = Some(value.into()),
            "--codex-home" => options.codex_home = Some(value.into()),
            _ => return None,
        }
    }
    Some(options)
}

fn start(options: &Options) -> io::Result<ScriptedModel> {
    let model = ScriptedModel::listen(options.port, |_| Script::default())?;
    if let Some(dir) = &options.codex_home {
        CodexHome::new(model.port()).write(dir)?;
    }
    match &options.port_file {
        Some(file) => write_whole(file, &format!("{}\n", model.port()))?,
        None => println!("{}", model.port()),
    }
    Ok(model)
}

/// Whoever sees the file sees all of it.
fn write_whole(file: &Path, text: &str) -> io::Result<()> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    fs::write(&partial, text)?;
    fs::rename(&partial, file)
}
