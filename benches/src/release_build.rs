//! The release build that is measured: static where the target is installed, the host's own where it is not.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names, in the environment, the directory of the release binaries and what kind of build they are.
const VARIABLE: &str = "CLODEX_BENCH_BUILT";

/// Where the measured binaries are.
#[derive(Debug)]
pub struct ReleaseBuild {
    /// What kind of build it is, for people.
    pub kind: String,
    binaries: PathBuf,
}

impl ReleaseBuild {
    /// The build that this program belongs to; absent in the program that cargo started.
    pub fn beside_this_program() -> io::Result<Option<Self>> {
        let Ok(kind) = std::env::var(VARIABLE) else { return Ok(None) };
        let own = std::env::current_exe()?;
        let binaries = own.parent().ok_or_else(|| io::Error::other("this program has no directory"))?;
        Ok(Some(Self { kind, binaries: binaries.to_owned() }))
    }

    /// One of our programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }

    /// The directory of the binaries.
    pub fn binaries(&self) -> &Path {
        &self.binaries
    }
}

/// Builds everything for release and goes on as the program that came out of it; returns on errors only.
pub fn build_and_become() -> io::Result<()> {
    let own = std::env::current_exe()?;
    let target =
        own.ancestors().nth(2).ok_or_else(|| io::Error::other("this program has no target directory"))?;
    let triple = static_triple();
    let is_installed = triple.as_deref().is_some_and(has_target);
    let (kind, binaries) = match triple {
        Some(triple) if is_installed => {
            build(&["--target", &triple])?;
            (format!("release, {triple}"), target.join(triple).join("release"))
        }
        Some(triple) => {
            eprintln!(
                "the target {triple} is not installed: measuring the host's own release build, which starts slower"
            );
            eprintln!("hint: rustup target add {triple}");
            build(&[])?;
            ("release of the host".to_owned(), target.join("release"))
        }
        None => {
            build(&[])?;
            ("release of the host".to_owned(), target.join("release"))
        }
    };
    let mut next = Command::new(binaries.join("clodex-bench"));
    Err(next.args(std::env::args_os().skip(1)).env(VARIABLE, kind).exec())
}

fn static_triple() -> Option<String> {
    cfg!(target_os = "linux").then(|| format!("{}-unknown-linux-musl", std::env::consts::ARCH))
}

fn has_target(triple: &str) -> bool {
    let asked = Command::new("rustc").args(["--print", "target-libdir", "--target", triple]).output();
    asked.is_ok_and(|told| Path::new(String::from_utf8_lossy(&told.stdout).trim()).is_dir())
}

fn build(target: &[&str]) -> io::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--workspace", "--bins", "--examples"])
        .args(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("the release does not build")) }
}
