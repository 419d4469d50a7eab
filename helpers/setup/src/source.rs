//! Where the helpers come from: an archive that was named, a build that is there, a build that is made, a release.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clodex_core::ExitCode;
use clodex_os::{ExitKind, Failure, ShortCommand, find_on_path, read_regular};
use serde::Deserialize;

use crate::archive::{self, Program};
use crate::cli::Install;
use crate::installed;
use crate::names::PROGRAMS;
use crate::places::Places;

/// A release build takes minutes, on a small machine many.
const BUILD_LIMIT: Duration = Duration::from_hours(2);
const DOWNLOAD_LIMIT: Duration = Duration::from_mins(10);
/// A release has a tenth of it.
const ARCHIVE_MAX_BYTES: u64 = 256 << 20;
const ASK_LIMIT: Duration = Duration::from_secs(10);
/// What is in the workspace and in no installation.
const NOT_SHIPPED: [&str; 3] = ["clodex-bench", "clodex-sim", "clodex-tests"];
/// Where cargo leaves what it has built, by itself or for a target by name.
const BUILT: [&str; 3] = [
    "target/release",
    "target/x86_64-unknown-linux-musl/release",
    "target/aarch64-unknown-linux-musl/release",
];

/// What is to be installed.
#[derive(Debug)]
pub struct Helpers {
    /// Their version.
    pub version: String,
    /// Where they were found, for people.
    pub from: String,
    /// All of them; none where those that are installed are good.
    pub programs: Option<Vec<Program>>,
}

/// The version of the plugin that is to be served, which is ours where there is no plugin.
pub fn plugin_version(places: &Places) -> String {
    /// `plugin.json`, as far as it concerns us.
    #[derive(Deserialize)]
    struct Manifest {
        version: String,
    }
    let manifest = places.plugin.as_ref().map(|root| root.join(".claude-plugin/plugin.json"));
    let manifest = manifest.and_then(|path| fs::read(path).ok());
    let manifest: Option<Manifest> = manifest.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    manifest.map_or_else(|| env!("CARGO_PKG_VERSION").to_owned(), |manifest| manifest.version)
}

/// Finds helpers without making any: a build of the plugin's version, then what is installed.
pub fn at_hand(places: &Places) -> Option<Helpers> {
    let version = plugin_version(places);
    let found = |dir: &PathBuf| is_complete(dir) && says(dir, &version) && !dir.starts_with(&places.data);
    match built_dirs(places).into_iter().find(found) {
        Some(dir) => read_all(&dir, version),
        None if installed::version(&places.bin()).as_ref() == Some(&version) => {
            Some(Helpers { version, from: "installed already".into(), programs: None })
        }
        None => None,
    }
}

/// Finds them, or makes them.
pub fn have(places: &Places, wish: &Install) -> Result<Helpers, Failure> {
    if let Some(from) = &wish.from_archive {
        return from_archive(places, from, wish.sha256.as_deref());
    }
    if let Some(helpers) = at_hand(places).filter(|_| !wish.build) {
        return Ok(helpers);
    }
    let sources = places.plugin.as_ref().filter(|root| root.join("Cargo.toml").is_file());
    match sources {
        Some(root) if find_on_path("cargo").is_some() => build(places, root),
        Some(_) | None if wish.build => Err(unreachable_helpers(
            "cannot build the helpers: there is no cargo, or no Cargo.toml in the plugin's folder",
        )),
        Some(_) | None => from_archive(places, &release_url(places, wish), wish.sha256.as_deref()),
    }
}

/// Where a release lies: `clodex-<version>-<triple>.tar.gz`, below a base that mirrors can replace.
fn release_url(places: &Places, wish: &Install) -> String {
    let (version, base) = (plugin_version(places), wish.release_url.trim_end_matches('/'));
    format!("{base}/v{version}/clodex-{version}-{}.tar.gz", triple())
}

fn triple() -> String {
    let system = if cfg!(target_os = "macos") { "apple-darwin" } else { "unknown-linux-musl" };
    format!("{}-{system}", env::consts::ARCH)
}

fn built_dirs(places: &Places) -> Vec<PathBuf> {
    let plugin = places.plugin.iter().flat_map(|root| BUILT.iter().map(|dir| root.join(dir)));
    let beside = env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
    plugin.chain(beside).collect()
}

fn is_complete(dir: &Path) -> bool {
    PROGRAMS.iter().all(|name| dir.join(name).is_file())
}

/// Whether what lies there runs here, and is of this version.
pub fn says(dir: &Path, version: &str) -> bool {
    let asked = ShortCommand::new(dir.join("clodex-setup"), ASK_LIMIT).args(["--version"]).run();
    asked.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).trim() == format!("clodex-setup {version}"))
}

fn read_all(dir: &Path, version: String) -> Option<Helpers> {
    let read = |name: &&'static str| Some((*name, fs::read(dir.join(name)).ok()?));
    let programs = PROGRAMS.iter().map(read).collect::<Option<Vec<Program>>>()?;
    Some(Helpers { version, from: format!("from {}", dir.display()), programs: Some(programs) })
}

/// In the plugin's folder where that is somebody's working copy; otherwise in a place that goes away again.
fn build(places: &Places, root: &Path) -> Result<Helpers, Failure> {
    let is_cached = places.data.parent().is_some_and(|data| root.starts_with(data.with_file_name("cache")));
    let target = if is_cached { places.data.join("build") } else { root.join("target") };
    eprintln!("building the helpers with cargo in {} (some minutes)", target.display());
    let ended = ShortCommand::new("cargo", BUILD_LIMIT)
        .args(["build", "--release", "--locked", "--bins", "--workspace"])
        .args(NOT_SHIPPED.iter().flat_map(|name| ["--exclude", name]))
        .args([Path::new("--target-dir"), &target])
        .current_dir(root)
        .run_shown();
    let built = match ended {
        Ok(ExitKind::Exit(0)) => read_all(&target.join("release"), plugin_version(places)),
        Ok(ExitKind::Exit(_) | ExitKind::Signal(_)) | Err(_) => None,
    };
    if is_cached {
        // Hundreds of megabytes that nobody needs any more.
        let _ = fs::remove_dir_all(&target);
    }
    built.ok_or_else(|| unreachable_helpers("cannot build the helpers: cargo says why above"))
}

fn from_archive(places: &Places, from: &str, sha256: Option<&str>) -> Result<Helpers, Failure> {
    let archive = fetch(places, from)?;
    let digest = match sha256 {
        Some(hex) if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => hex.to_owned(),
        Some(file) => first_word(&fetch(places, file)?),
        None => first_word(&fetch(places, &format!("{from}.sha256"))?),
    };
    let programs = archive::programs(&archive, &digest, from)?;
    Ok(Helpers { version: plugin_version(places), from: format!("from {from}"), programs: Some(programs) })
}

fn first_word(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).split_whitespace().next().unwrap_or_default().to_owned()
}

/// A file, or what a URL leads to.
fn fetch(places: &Places, from: &str) -> Result<Vec<u8>, Failure> {
    if !from.contains("://") {
        return fs::canonicalize(from)
            .and_then(|path| read_regular(&path, ARCHIVE_MAX_BYTES))
            .map_err(|error| unreachable_helpers(&format!("cannot read `{from}`: {error}")));
    }
    let dir = tempdir_in(&places.data)?;
    let file = dir.join("download");
    let most = ARCHIVE_MAX_BYTES.to_string();
    let curl = ["-fsSL", "--retry", "2", "--max-filesize", &most, "-o"];
    let downloaders = [("curl", curl.as_slice()), ("wget", ["-q", "-O"].as_slice())];
    let tried = downloaders.into_iter().find(|(program, _)| find_on_path(program).is_some()).map(
        |(program, options)| {
            let command = ShortCommand::new(program, DOWNLOAD_LIMIT).args(options).args([&file]);
            command.args(["--", from]).run_shown()
        },
    );
    let bytes = matches!(tried, Some(Ok(ExitKind::Exit(0))))
        .then(|| read_regular(&file, ARCHIVE_MAX_BYTES).ok())
        .flatten();
    // It is in memory, or of no use.
    let _ = fs::remove_dir_all(&dir);
    bytes.ok_or_else(|| {
        let how = if tried.is_none() { "there is neither curl nor wget" } else { "the download failed" };
        unreachable_helpers(&format!("cannot download `{from}`: {how}"))
    })
}

fn tempdir_in(data: &Path) -> Result<PathBuf, Failure> {
    let dir = data.join(format!(".download-{}", clodex_os::run_suffix()));
    fs::create_dir_all(&dir)
        .map_err(|error| Failure::usage(format!("cannot make `{}`: {error}", dir.display())))?;
    Ok(dir)
}

fn unreachable_helpers(what: &str) -> Failure {
    Failure::new(
        ExitCode::Unreachable,
        format!(
            "{what}\nhint: install Rust (https://rustup.rs) and try again, or give a release: \
             clodex-setup --from-archive FILE|URL --sha256 HEX"
        ),
    )
}
