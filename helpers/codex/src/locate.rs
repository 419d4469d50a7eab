//! Finds the native Codex binary. What npm puts on the PATH is a node script that starts it: a signal to that script
//! does not reach Codex, and it costs 40 ms. Looks at files, starts nothing.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clodex_os::{find_on, is_executable};

/// Why there is no Codex to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotFound {
    /// The path that was given explicitly is no executable file.
    Explicit(PathBuf),
    /// No directory of PATH has a `codex`.
    OnPath,
}

impl std::error::Error for NotFound {}

impl std::fmt::Display for NotFound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Explicit(path) => write!(
                f,
                "cannot start codex: `{}` is not an executable file\nhint: check --codex or CLODEX_CODEX",
                path.display()
            ),
            Self::OnPath => f.write_str(
                "cannot start codex: there is none on PATH\nhint: `npm install -g @openai/codex`, or name it with CLODEX_CODEX",
            ),
        }
    }
}

/// The binary to start: `explicit` (flag or `CLODEX_CODEX`) before the first `codex` of `path`; an npm wrapper is
/// replaced by the native binary of its platform package, anything else is used as it is.
pub fn locate(explicit: Option<&Path>, path: &OsStr) -> Result<PathBuf, NotFound> {
    let found = match explicit {
        // It is started elsewhere, and means what it meant where it was typed.
        Some(given) if is_executable(given) => {
            std::path::absolute(given).unwrap_or_else(|_| given.to_owned())
        }
        Some(given) => return Err(NotFound::Explicit(given.to_owned())),
        None => find_on(path, "codex").ok_or(NotFound::OnPath)?,
    };
    Ok(native_behind_wrapper(&found).unwrap_or(found))
}

/// The native binary that an npm wrapper would start.
fn native_behind_wrapper(wrapper: &Path) -> Option<PathBuf> {
    let script = std::fs::canonicalize(wrapper).ok()?;
    let package = script.parent()?.parent()?;
    let is_wrapper = script.file_name()? == "codex.js" && package.ends_with("@openai/codex");
    let (platform, triple) = platform()?;
    if !is_wrapper {
        return None;
    }
    let platform_packages = module_dirs(package).map(|modules| modules.join("@openai").join(platform));
    let mut packages = platform_packages.chain([package.to_owned()]);
    packages.find_map(|package| native_in(&package.join("vendor").join(triple)))
}

/// Where node looks for a module needed by `package`: `node_modules` of itself and of every directory above it.
fn module_dirs(package: &Path) -> impl Iterator<Item = PathBuf> {
    let holds_modules = |dir: &&Path| dir.file_name() != Some(OsStr::new("node_modules"));
    package.ancestors().filter(holds_modules).map(|dir| dir.join("node_modules"))
}

/// `bin/codex` since 0.150, `codex/codex` before.
fn native_in(vendor: &Path) -> Option<PathBuf> {
    ["bin/codex", "codex/codex"].iter().map(|name| vendor.join(name)).find(|binary| is_executable(binary))
}

/// Codex's names for this platform's npm package and target.
fn platform() -> Option<(&'static str, &'static str)> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some(("codex-linux-x64", "x86_64-unknown-linux-musl")),
        ("linux", "aarch64") => Some(("codex-linux-arm64", "aarch64-unknown-linux-musl")),
        ("macos", "x86_64") => Some(("codex-darwin-x64", "x86_64-apple-darwin")),
        ("macos", "aarch64") => Some(("codex-darwin-arm64", "aarch64-apple-darwin")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn executable(path: PathBuf) -> PathBuf {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// An npm installation below `root` with a link in `root/bin`, as `npm install -g` leaves it.
    fn npm(root: &Path) -> PathBuf {
        let script = executable(root.join("lib/node_modules/@openai/codex/bin/codex.js"));
        std::fs::create_dir_all(root.join("bin")).unwrap();
        symlink(&script, root.join("bin/codex")).unwrap();
        root.join("bin")
    }

    fn located(bin: &Path) -> PathBuf {
        locate(None, bin.as_os_str()).unwrap()
    }

    #[test]
    fn the_native_binary_is_found_in_every_npm_layout() {
        let (platform, triple) = platform().unwrap();
        let layouts = [
            format!("lib/node_modules/@openai/{platform}/vendor/{triple}/bin/codex"),
            format!(
                "lib/node_modules/@openai/codex/node_modules/@openai/{platform}/vendor/{triple}/bin/codex"
            ),
            format!("lib/node_modules/@openai/{platform}/vendor/{triple}/codex/codex"),
            format!("lib/node_modules/@openai/codex/vendor/{triple}/codex/codex"),
        ];
        for layout in layouts {
            let root = tempfile::tempdir().unwrap();
            let root = root.path().canonicalize().unwrap();
            let native = executable(root.join(&layout));
            assert_eq!(located(&npm(&root)), native, "{layout}");
        }
    }

    #[test]
    fn a_wrapper_without_its_platform_package_and_other_programs_are_used_as_they_are() {
        let root = tempfile::tempdir().unwrap();
        let bin = npm(root.path());
        assert_eq!(located(&bin), bin.join("codex"));
        let other = executable(root.path().join("other/codex"));
        assert_eq!(located(&root.path().join("other")), other);
    }

    #[test]
    fn an_explicit_path_wins_and_must_be_executable() {
        let root = tempfile::tempdir().unwrap();
        let mine = executable(root.path().join("mine"));
        let on_path = executable(root.path().join("bin/codex"));
        let path = on_path.parent().unwrap().as_os_str();
        assert_eq!(locate(Some(&mine), path), Ok(mine));
        let gone = root.path().join("gone");
        assert_eq!(locate(Some(&gone), path), Err(NotFound::Explicit(gone)));
    }

    #[test]
    fn path_is_searched_in_order_without_relative_entries_and_plain_files() {
        let root = tempfile::tempdir().unwrap();
        let plain = root.path().join("plain");
        std::fs::create_dir(&plain).unwrap();
        std::fs::write(plain.join("codex"), "").unwrap();
        let second = executable(root.path().join("second/codex"));
        let path = std::env::join_paths([Path::new("."), Path::new(""), &plain, &root.path().join("second")])
            .unwrap();
        assert_eq!(locate(None, &path), Ok(second));
        assert_eq!(locate(None, plain.as_os_str()), Err(NotFound::OnPath));
    }
}
