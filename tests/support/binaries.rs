//! Builds the workspace's binaries, as the tests' own build did, once per test process.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// `<target>/[<triple>/]<profile>`: where the test itself was built.
static BUILT_IN: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = env::current_exe().expect("a test knows its own path");
    test.ancestors().nth(2).expect("a test lies in <profile>/deps").to_owned()
});

static BINARIES: LazyLock<&Path> = LazyLock::new(|| {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--workspace", "--bins"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    build.arg("--target-dir").arg(target_dir());
    let profile = BUILT_IN.file_name().and_then(OsStr::to_str).expect("a profile's name is text");
    if profile != "debug" {
        build.args(["--profile", profile]);
    }
    if let Some(triple) = triple() {
        build.arg("--target").arg(triple);
    }
    let status = build.status().expect("cargo, which runs the tests, can be started");
    assert!(status.success(), "the binaries that the tests need do not build: {status}");
    &BUILT_IN
});

/// The directory of all binaries of the workspace, freshly built.
pub fn binaries() -> &'static Path {
    *BINARIES
}

/// The target directory, where everything that tests leave behind belongs.
pub fn target_dir() -> &'static Path {
    let levels = if triple().is_some() { 2 } else { 1 };
    BUILT_IN.ancestors().nth(levels).expect("a profile lies in the target directory")
}

/// The target triple, when the tests were built for one by name.
fn triple() -> Option<&'static OsStr> {
    let name = BUILT_IN.parent()?.file_name()?;
    // All triples have at least two dashes; no usual name of a target directory does.
    let dashes = name.to_str()?.matches('-').count();
    (dashes >= 2).then_some(name)
}
