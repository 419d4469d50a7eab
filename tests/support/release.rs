//! A release of ours as a user downloads it, made of what the tests' own build made. Knows nothing of who installs it.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::{Sandbox, binaries, run_with_timeout};

const PATIENCE: Duration = Duration::from_mins(2);
/// What is built and not shipped.
const NOT_SHIPPED: [&str; 3] = ["clodex-bench", "clodex-demo", "clodex-sim-"];

impl Sandbox {
    /// Writes a release of this version for this machine; where it can be had, for `CLODEX_RELEASE_URL`.
    #[track_caller]
    pub fn release(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let system = if cfg!(target_os = "macos") { "apple-darwin" } else { "unknown-linux-musl" };
        let name = format!("clodex-{version}-{}-{system}.tar.gz", std::env::consts::ARCH);
        let shipped = self.shipped();
        let releases = self.root().join("releases");
        let archive = releases.join(format!("v{version}")).join(&name);
        fs::create_dir_all(archive.parent().expect("it lies below")).expect("the sandbox is writable");
        let mut tar = self.command("tar");
        tar.args(["--use-compress-program", "gzip -1", "-cf"]).arg(&archive).arg("-C").arg(shipped).arg(".");
        assert!(run_with_timeout(tar, PATIENCE).status.success());
        let bytes = fs::read(&archive).expect("tar wrote it");
        let digest = sha256(&bytes);
        fs::write(format!("{}.sha256", archive.display()), format!("{digest}  {name}\n"))
            .expect("the sandbox is writable");
        format!("file://{}", releases.display())
    }

    /// Our programs without the symbols, as a release build leaves them.
    #[track_caller]
    fn shipped(&self) -> PathBuf {
        let shipped = self.root().join("shipped");
        fs::create_dir(&shipped).expect("the sandbox is writable");
        for entry in fs::read_dir(binaries()).expect("the binaries were built").flatten() {
            let name = entry.file_name().into_string().expect("our names are text");
            let is_ours = name.starts_with("clodex-") && !name.contains('.');
            if is_ours && !NOT_SHIPPED.iter().any(|other| name.starts_with(other)) {
                let mut strip = self.command("strip");
                strip.arg("-o").arg(shipped.join(&name)).arg(entry.path());
                assert!(run_with_timeout(strip, PATIENCE).status.success(), "{name}");
            }
        }
        shipped
    }
}

/// A digest as programs print it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a string takes everything");
        digits
    })
}
