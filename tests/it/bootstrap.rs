//! `bin/clodex-bootstrap`: what clodex-setup does from a copy of the plugin in which nothing is built. The archives hold a
//! script in its place that says what it was called with.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Output;

use clodex_tests::{LIMIT, Sandbox, run_with_timeout};
use sha2::{Digest as _, Sha256};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A plugin as a marketplace gives it, and a place of releases beside it.
struct Copy(Sandbox);

impl Copy {
    fn new() -> Self {
        let copy = Self(Sandbox::new());
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        for file in ["bin/clodex-shim", "bin/clodex-bootstrap", ".claude-plugin/plugin.json"] {
            copy.0.file(&format!("plug in/{file}"), fs::read(root.join(file)).unwrap());
        }
        copy.0.program("plug in/bin/clodex-shim", &fs::read_to_string(root.join("bin/clodex-shim")).unwrap());
        symlink("clodex-shim", copy.path("plug in/bin/clodex-setup")).unwrap();
        copy
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.root().join(below)
    }

    /// An archive of one program, with its digest beside it.
    fn archive(&self, name: &str, script: &str) -> (String, String) {
        self.0.program("made/clodex/clodex-setup", script);
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        let mut tar = self.0.command("tar");
        tar.arg("-czf").arg(self.path(name)).arg("-C").arg(self.path("made")).arg("clodex");
        assert!(run_with_timeout(tar, LIMIT).status.success());
        let bytes = fs::read(self.path(name)).unwrap();
        let digest =
            Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        self.0.file(&format!("{name}.sha256"), format!("{digest}  {name}\n"));
        (self.path(name).display().to_string(), digest)
    }

    fn release(&self) {
        let system = if cfg!(target_os = "macos") { "apple-darwin" } else { "unknown-linux-musl" };
        let name = format!("clodex-{VERSION}-{}-{system}.tar.gz", std::env::consts::ARCH);
        self.archive(&format!("releases/v{VERSION}/{name}"), SAYS);
    }

    /// As Claude's Bash tool calls it: nothing tells of the plugin.
    fn call(&self, arguments: &[&str]) -> Output {
        let mut setup = self.0.command(self.path("plug in/bin/clodex-setup").to_str().unwrap());
        setup.args(arguments).env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()));
        fs::create_dir_all(self.path("scratch")).unwrap();
        let releases = format!("file://{}", self.path("releases").display());
        setup.env("TMPDIR", self.path("scratch")).env("CLODEX_RELEASE_URL", releases);
        let output = run_with_timeout(setup, LIMIT);
        assert_eq!(fs::read_dir(self.path("scratch")).unwrap().count(), 0, "nothing is left of it");
        output
    }

    #[track_caller]
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.call(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn refuses(&self, arguments: &[&str], why: &str) {
        let output = self.call(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(3) && said.contains(why), "{arguments:?}: {output:?}");
    }
}

const SAYS: &str = "#!/bin/sh\nprintf '%s|' \"$@\"\n";

#[test]
fn without_cargo_it_is_taken_out_of_the_release() {
    let copy = Copy::new();
    copy.refuses(&[], "cannot build or download clodex's helpers; hint: install Rust");
    copy.release();
    let said = copy.says(&["--inline", "--data", "a b"]);
    assert!(said.starts_with("--inline|--data|a b|--from-archive|") && said.contains("|--sha256|"), "{said}");
    let elsewhere = format!("--release-url=file://{}", copy.path("none").display());
    copy.refuses(&[&elsewhere], "cannot build or download");
    assert!(copy.says(&[&elsewhere, "--inline"]).contains("cannot build or download"));
}

#[test]
fn the_archive_that_is_named_is_the_one_that_is_taken() {
    let copy = Copy::new();
    copy.0.program("bin/cargo", "#!/bin/sh\nexit 9\n");
    copy.0.file("plug in/Cargo.toml", "");
    let (archive, digest) = copy.archive("own.tar.gz", SAYS);
    for arguments in [
        &["--from-archive", &archive][..],
        &["--from-archive", &archive, "--sha256", &digest.to_uppercase()],
        &["--permissions", "--from-archive", &archive, "--sha256", &format!("file://{archive}.sha256")],
    ] {
        assert_eq!(copy.says(arguments), arguments.join("|") + "|");
    }
    copy.refuses(&["--from-archive", &archive, "--sha256", &"0".repeat(64)], "nothing was unpacked");
    fs::remove_file(format!("{archive}.sha256")).unwrap();
    copy.refuses(&["--from-archive", &archive], "cannot build or download");
}

#[test]
fn what_does_not_run_here_is_told() {
    let copy = Copy::new();
    let (archive, _) = copy.archive("own.tar.gz", "#!/no/such/shell\n");
    copy.refuses(&["--from-archive", &archive], "what it holds does not run here");
    let (archive, _) = copy.archive("empty.tar.gz", "");
    copy.refuses(&["--from-archive", &archive], "what it holds does not run here");
}

#[test]
fn with_cargo_it_is_built_and_called() {
    let copy = Copy::new();
    copy.0.file("plug in/Cargo.toml", "");
    let builds = "#!/bin/sh\nwhile [ \"$1\" != --target-dir ]; do shift; done\nmkdir -p \"$2/release\"\n\
                  printf '#!/bin/sh\\nprintf \"%%s|\" built \"$@\"\\n' >\"$2/release/clodex-setup\"\n\
                  chmod +x \"$2/release/clodex-setup\"\n";
    copy.0.program("bin/cargo", builds);
    assert_eq!(copy.says(&["--inline"]), "built|--inline|");
}

#[test]
fn what_needs_an_installation_builds_none() {
    let copy = Copy::new();
    copy.release();
    for task in ["doctor", "prune", "--uninstall", "--dry-run"] {
        copy.refuses(&[task], "so nothing is installed; hint: run ");
    }
    assert_eq!(copy.says(&["--refresh"]), "");
}
