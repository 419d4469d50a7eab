//! The demo: builds the helpers, makes a throwaway repository, dispatches three packets to Codex and shows what a user
//! sees. Offline and without login, unless `--live` asks for the user's own Codex and model.

mod peer;
mod repository;
mod show;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{SystemTime, UNIX_EPOCH};

use peer::Peer;
use repository::Task;

const USAGE: &str = "\
Usage: cargo demo [--live | --stand-in] [--keep]

  --live      use your own Codex, login and model instead of the scripted model
  --stand-in  use the stand-in even where there is a real Codex: it has no sandbox
  --keep      keep the demo's directory and say where it is";

/// What the arguments ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    live: bool,
    stand_in: bool,
    keep: bool,
}

/// Runs the demo; the exit code says whether everything went as it should.
pub fn main(args: impl Iterator<Item = String>) -> ExitCode {
    let mut asked = Asked { live: false, stand_in: false, keep: false };
    for arg in args {
        match arg.as_str() {
            "--live" => asked.live = true,
            "--stand-in" => asked.stand_in = true,
            "--keep" => asked.keep = true,
            "-h" | "--help" => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            unknown => {
                eprintln!("cargo demo: unknown argument `{unknown}`\n\n{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    match run(asked) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(asked: Asked) -> Result<bool, String> {
    show::title("clodex demo");
    let built = build()?;
    let place = Place::make()?;
    let peer = match asked {
        Asked { live: true, .. } => Peer::users_own()?,
        Asked { stand_in: true, .. } => Peer::stand_in(&place.root, "it was asked for")?,
        Asked { .. } => Peer::scripted(&built.target, &place.root)?,
    };
    show::remark(&format!("codex: {}", peer.describe()));
    show::remark(&format!("repository: {}", place.repo().display()));
    repository::make(&place.repo()).map_err(|error| format!("cannot make the demo's repository: {error}"))?;

    let mut as_expected = true;
    for task in [Task::in_scope(), Task::prevented(), Task::found()] {
        show::title(task.title);
        if !peer.can_play(&task) {
            show::remark("left out: the stand-in has no sandbox that could hold it");
            continue;
        }
        peer.learn(&task)?;
        let committed = repository::commit(&place.repo(), "what is there");
        committed.map_err(|error| format!("cannot commit in the demo's repository: {error}"))?;
        let packet = place.root.join(format!("{}.md", task.name));
        let text = task.packet(&place.repo(), asked.live);
        fs::write(&packet, &text).map_err(|error| format!("cannot write `{}`: {error}", packet.display()))?;
        show::quote(&task.packet(&place.repo(), true));
        let code = show::dispatch(&built.binaries, &place.root, &packet, task.args, &peer)?;
        // A live model may be wiser than the script.
        as_expected &= asked.live || code == task.exit_code;
        if !asked.live && code != task.exit_code {
            eprintln!("expected exit code {}, got {code}", task.exit_code);
        }
    }
    if asked.keep {
        show::remark(&format!("kept: {}", place.root.display()));
        std::mem::forget(place);
    } else {
        show::remark("everything above is removed now; `cargo demo --keep` keeps it");
    }
    show::remark("next: `bin/clodex-setup`, or clodex as a plugin of Claude Code (README, \"Install\")");
    Ok(as_expected)
}

/// Where the helpers are.
struct Built {
    target: PathBuf,
    binaries: PathBuf,
}

/// Builds the helpers as this program was built: what `cargo demo` shows is what is in the tree.
fn build() -> Result<Built, String> {
    let own = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let binaries = own.parent().ok_or("this program has no directory")?.to_path_buf();
    let target = binaries.parent().ok_or("this program has no target directory")?.to_path_buf();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--workspace", "--bins"]);
    if binaries.ends_with("release") {
        build.arg("--release");
    }
    let status = build.status().map_err(|error| format!("cannot start cargo: {error}"))?;
    if status.success() { Ok(Built { target, binaries }) } else { Err("the helpers do not build".to_owned()) }
}

/// A directory outside the temp directory, which every sandbox lets everybody write. Removed when dropped.
struct Place {
    root: PathBuf,
}

impl Place {
    fn make() -> Result<Self, String> {
        let home = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
        let base = home.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"));
        let stamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let root = base.join("clodex-demo").join(format!("{stamp:x}-{}", std::process::id()));
        for dir in ["", "repo", "state", "home", "codex-home"] {
            let path = root.join(dir);
            fs::create_dir_all(&path)
                .map_err(|error| format!("cannot make `{}`: {error}", path.display()))?;
        }
        Ok(Self { root })
    }

    fn repo(&self) -> PathBuf {
        self.root.join("repo")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed lies in the cache directory.
        let _ = fs::remove_dir_all(&self.root);
        let _ = self.root.parent().map(fs::remove_dir);
    }
}
