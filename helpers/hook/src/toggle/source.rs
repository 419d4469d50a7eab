//! Whether a path is a source file of the project: the tables, and the look at the file system that keeps `..`,
//! symlinks and a relative `cd` from fooling them.

use std::fs;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use clodex_core::{BUILT_IN_DIRECTORIES, TOGGLE_FLAG};

/// Ends of the names of source files. What is in no table is none.
pub(super) const ENDINGS: &[&str] = &[
    "rs", "c", "h", "cc", "cpp", "cxx", "hh", "hpp", "hxx", "inl", "m", "mm", "swift", "go", "zig", "nim",
    "d", "v", "sv", "vhd", "vhdl", "py", "pyi", "pyx", "pxd", "ipynb", "rb", "erb", "rake", "php", "pl",
    "pm", "t", "lua", "tcl", "r", "jl", "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "vue",
    "svelte", "astro", "html", "htm", "css", "scss", "sass", "less", "java", "kt", "kts", "scala", "sc",
    "groovy", "gradle", "clj", "cljs", "cljc", "cs", "fs", "fsx", "vb", "razor", "dart", "ex", "exs", "erl",
    "hrl", "elm", "hs", "lhs", "ml", "mli", "re", "rei", "lisp", "el", "scm", "rkt", "asm", "s", "cu", "cl",
    "glsl", "hlsl", "wgsl", "vert", "frag", "metal", "sol", "move", "sh", "bash", "zsh", "fish", "ps1",
    "bat", "cmd", "awk", "sed", "sql", "graphql", "gql", "proto", "thrift", "tf", "nix", "bzl", "cmake",
    "mk", "pas", "f", "f90", "f95", "for", "ada", "adb", "ads", "cob", "cbl",
];

/// Files that are known by their name.
pub(super) const NAMES: &[&str] = &[
    "makefile",
    "gnumakefile",
    "dockerfile",
    "containerfile",
    "justfile",
    "rakefile",
    "gemfile",
    "cmakelists.txt",
    "jenkinsfile",
    "vagrantfile",
    "build.bazel",
    "meson.build",
];

/// Directories of the project that hold nothing of its own.
const FOREIGN: &[&str] = &["node_modules", "venv", "site-packages"];

/// No directory is looked through for longer.
const ENTRIES: usize = 2000;
/// As many as the kernel follows.
const LINKS: usize = 40;

/// A project, and where in it a tool works.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// The project's root, without symlinks.
    pub(super) project: &'a Path,
    /// Where relative paths begin.
    pub(super) cwd: &'a Path,
}

impl Place<'_> {
    /// The path relative to the project's root, where it is one of its source files or holds some.
    pub(super) fn source_at(&self, path: &str) -> Option<String> {
        let whole = resolved(&self.cwd.join(path));
        let within = whole.strip_prefix(self.project).ok()?;
        if within == Path::new(TOGGLE_FLAG) {
            return Some(TOGGLE_FLAG.to_owned());
        }
        let is_open = within.components().any(|part| is_open_place(&part.as_os_str().to_string_lossy()));
        (!is_open && is_source(&whole)).then(|| within.to_string_lossy().into_owned())
    }

    /// The same for a name in a directory, or for the path itself where it is no directory.
    pub(super) fn source_into(&self, directory: &str, name: &str) -> Option<String> {
        let is_directory = fs::metadata(self.cwd.join(directory)).is_ok_and(|found| found.is_dir());
        if is_directory || directory.ends_with('/') {
            self.source_at(&format!("{directory}/{name}"))
        } else {
            self.source_at(directory)
        }
    }

    /// Whether a directory lies in the project.
    pub(super) fn is_within(&self, directory: &str) -> bool {
        resolved(&self.cwd.join(directory)).starts_with(self.project)
    }
}

/// The path as the kernel would walk it, as far as it exists.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let mut done = PathBuf::from("/");
    let mut rest: Vec<PathBuf> = vec![path.to_owned()];
    let mut links = 0;
    while let Some(next) = rest.pop() {
        let mut parts = next.components();
        let Some(part) = parts.next() else { continue };
        let behind = parts.as_path().to_owned();
        if !behind.as_os_str().is_empty() {
            rest.push(behind);
        }
        match part {
            Component::RootDir | Component::Prefix(_) => done = PathBuf::from("/"),
            Component::CurDir => {}
            Component::ParentDir => drop(done.pop()),
            Component::Normal(name) => {
                done.push(name);
                if links < LINKS
                    && let Ok(target) = fs::read_link(&done)
                {
                    links += 1;
                    done.pop();
                    rest.push(target);
                }
            }
        }
    }
    done
}

/// Dotfiles, and directories of build outputs or of what others wrote.
fn is_open_place(name: &str) -> bool {
    let name = name.to_lowercase();
    name.starts_with('.') || BUILT_IN_DIRECTORIES.contains(&name.as_str()) || FOREIGN.contains(&name.as_str())
}

fn is_source(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    if path.is_dir() {
        return holds_source(path);
    }
    match name.rsplit_once('.') {
        _ if is_named(&name) => true,
        Some((_, ending)) => ENDINGS.contains(&ending),
        // A pattern without an ending may stand for everything beside it.
        None if name.contains(['*', '?', '[']) => path.parent().is_some_and(holds_source),
        None => begins_like_a_script(path),
    }
}

fn is_named(name: &str) -> bool {
    NAMES.contains(&name) || name.starts_with("dockerfile.") || name.starts_with("makefile.")
}

fn begins_like_a_script(path: &Path) -> bool {
    let mut first = [0; 2];
    let read = clodex_os::open_regular(path).and_then(|mut file| file.read_exact(&mut first));
    read.is_ok() && &first == b"#!"
}

/// Whether there is a source file in it, as far as it is looked through.
fn holds_source(directory: &Path) -> bool {
    let mut directories = vec![directory.to_owned()];
    let mut left = ENTRIES;
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.filter_map(Result::ok) {
            left = left.saturating_sub(1);
            if left == 0 {
                return false;
            }
            let name = entry.file_name().to_string_lossy().to_lowercase();
            let Ok(kind) = entry.file_type() else { continue };
            if is_open_place(&name) {
                continue;
            }
            if kind.is_dir() {
                directories.push(entry.path());
            } else if is_named(&name) || name.rsplit_once('.').is_some_and(|(_, end)| ENDINGS.contains(&end))
            {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_counts_as_source_is_decided_where_the_path_really_leads() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let project = root.join("project");
        for (name, content) in [
            ("src/a.rs", ""),
            ("docs/d.md", ""),
            ("bin/run", "#!/bin/sh\n"),
            ("bin/data", "x"),
            ("target/debug/x.rs", ""),
            ("only/README.md", ""),
            ("deep/down/x.py", ""),
        ] {
            fs::create_dir_all(project.join(name).parent().unwrap()).unwrap();
            fs::write(project.join(name), content).unwrap();
        }
        symlink(project.join("src"), project.join(".hidden")).unwrap();
        symlink("src/new.rs", project.join("notes.md")).unwrap();
        symlink("/tmp", project.join("away")).unwrap();
        symlink(&project, root.join("link")).unwrap();
        symlink("loop", project.join("loop")).unwrap();
        let place = Place { project: &project, cwd: &project.join("docs") };
        let inside = project.to_str().unwrap();
        for (path, wanted) in [
            ("../src/a.rs", Some("src/a.rs")),
            ("../src/./b/../new.RS", Some("src/new.RS")),
            ("../.hidden/a.rs", Some("src/a.rs")),
            ("../notes.md", Some("src/new.rs")),
            (&format!("{inside}/../link/src/a.rs"), Some("src/a.rs")),
            ("../bin/run", Some("bin/run")),
            ("../Makefile", Some("Makefile")),
            ("../Dockerfile.dev", Some("Dockerfile.dev")),
            ("../src", Some("src")),
            ("..", Some("")),
            ("../src/*", Some("src/*")),
            ("../src/*.rs", Some("src/*.rs")),
            ("../deep", Some("deep")),
            ("../.claude/clodex-toggle.flag", Some(".claude/clodex-toggle.flag")),
            ("d.md", None),
            ("d.rst", None),
            ("../Cargo.toml", None),
            ("../package.json", None),
            ("../uv.lock", None),
            ("../src/data.unheard-of", None),
            ("../LICENSE", None),
            ("../bin/data", None),
            ("../.github/x.js", None),
            ("../.claude/hooks/x.py", None),
            ("../.codex-dispatch/task.rs", None),
            ("../target/debug/x.rs", None),
            ("../node_modules/a/x.js", None),
            ("../away/x.rs", None),
            ("../loop/x.rs", Some("loop/x.rs")),
            ("../../other/x.rs", None),
            ("../../project2/x.rs", None),
            ("/tmp/x.rs", None),
            ("../only", None),
            ("../docs", None),
        ] {
            assert_eq!(place.source_at(path).as_deref(), wanted, "{path}");
        }
        assert_eq!(place.source_into("../docs", "/x.md"), None);
        assert_eq!(place.source_into("../docs", "x.rs").as_deref(), Some("docs/x.rs"));
        assert_eq!(place.source_into("../src", "README.md"), None);
        assert_eq!(place.source_into("../src/b.rs", "x.md").as_deref(), Some("src/b.rs"));
    }
}
