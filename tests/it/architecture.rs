//! Invariants that no compiler checks: who may use whom, which words may stand where, what must agree with what.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Which of our crates a crate may use. A crate that is not here is a new room: put it here on purpose.
fn allowed() -> BTreeMap<&'static str, &'static [&'static str]> {
    BTreeMap::from([
        ("clodex-core", &[][..]),
        ("clodex-os", &["clodex-core"]),
        ("clodex-scope", &["clodex-core", "clodex-os"]),
        ("clodex-json-rpc", &[]),
        ("clodex-codex", &["clodex-core", "clodex-os", "clodex-json-rpc"]),
        ("clodex-claude-code", &[]),
        ("clodex-transcript", &[]),
        ("clodex-retention", &["clodex-core", "clodex-os", "clodex-scope"]),
        (
            "clodex-dispatch",
            &[
                "clodex-core",
                "clodex-os",
                "clodex-scope",
                "clodex-codex",
                "clodex-retention",
                "clodex-transcript",
            ],
        ),
        ("clodex-progress", &["clodex-core", "clodex-os", "clodex-codex"]),
        ("clodex-statusline", &["clodex-core", "clodex-os"]),
        ("clodex-announce", &["clodex-core", "clodex-os"]),
        ("clodex-status", &["clodex-core", "clodex-os", "clodex-codex"]),
        ("clodex-control", &["clodex-core", "clodex-os", "clodex-codex"]),
        ("clodex-apply", &["clodex-core", "clodex-os", "clodex-scope"]),
        ("clodex-flow", &["clodex-core", "clodex-os", "clodex-retention", "clodex-scope"]),
        (
            "clodex-thread",
            &[
                "clodex-claude-code",
                "clodex-core",
                "clodex-os",
                "clodex-scope",
                "clodex-codex",
                "clodex-json-rpc",
                "clodex-transcript",
            ],
        ),
        ("clodex-setup", &["clodex-core", "clodex-os", "clodex-codex", "clodex-retention"]),
        ("clodex-hook", &["clodex-core", "clodex-os"]),
        ("clodex-sim", &[]),
        (
            "clodex-bench",
            &["clodex-codex", "clodex-core", "clodex-json-rpc", "clodex-os", "clodex-scope", "clodex-sim"],
        ),
    ])
}

#[test]
fn crates_depend_in_one_direction_only() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let allowed = allowed();
    for package in metadata.packages.iter().filter(|p| p.name.as_str() != "clodex-tests") {
        let may = allowed
            .get(package.name.as_str())
            .unwrap_or_else(|| panic!("{} has no place in the rooms", package.name));
        let used =
            package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal && d.path.is_some());
        for dependency in used {
            assert!(
                may.contains(&dependency.name.as_str()),
                "{} may not use {}",
                package.name,
                dependency.name
            );
        }
    }
}

#[test]
fn foreign_crates_stay_in_their_rooms() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let rooms: [(&str, &[&str]); 3] =
        [("git2", &["clodex-scope"]), ("libc", &["clodex-os"]), ("toml", &["clodex-codex"])];
    for package in &metadata.packages {
        for dependency in package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal) {
            let name = dependency.name.as_str();
            if let Some((_, rooms)) = rooms.iter().find(|(foreign, _)| *foreign == name) {
                assert!(rooms.contains(&package.name.as_str()), "{} may not use {name}", package.name);
            }
        }
    }
}

/// Source files that are shipped, with their test modules.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("helpers")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            if path.is_dir() {
                let ours = !matches!(name.as_str(), "tests" | "benches" | "sim" | "target");
                if ours {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|end| end == "rs") && name != "tests.rs" {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_path_buf(), text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 30, "looked at {} files only", found.len());
    found
}

/// The same without the modules of tests that they hold.
fn shipped_sources() -> Vec<(PathBuf, String)> {
    sources().into_iter().map(|(path, text)| (path, without_test_modules(&text))).collect()
}

/// Drops what stands between `#[cfg(test)] mod tests {` and the brace that closes it, both at the margin.
fn without_test_modules(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let opens = |next: &&str| next.starts_with("mod ") && next.ends_with('{');
        if line == "#[cfg(test)]" && lines.peek().is_some_and(opens) {
            lines.by_ref().find(|line| *line == "}");
        } else {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[test]
fn only_test_modules_are_left_out_of_what_is_shipped() {
    let text =
        "use a;\n#[cfg(test)]\nmod tests;\nfn a() {}\n#[cfg(test)]\nmod tests {\n    b();\n}\nfn c() {}\n";
    let shipped = "use a;\n#[cfg(test)]\nmod tests;\nfn a() {}\nfn c() {}\n";
    assert_eq!(without_test_modules(text), shipped);
}

fn files_with(word: &str) -> Vec<String> {
    let is_whole = |line: &str, at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let holds = |text: &str| {
        let mut code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        code.any(|line| line.match_indices(word).any(|(at, _)| is_whole(line, at)))
    };
    shipped_sources()
        .into_iter()
        .filter(|(_, text)| holds(text))
        .map(|(path, _)| path.display().to_string())
        .collect()
}

#[test]
fn words_stand_in_their_rooms_only() {
    for (word, room) in [
        ("Command::new(", "helpers/os/"),
        ("unsafe {", "helpers/os/"),
        ("git2::", "helpers/scope/"),
        ("serde_yaml::", "helpers/core/src/yaml.rs"),
        ("aggregated_output", "helpers/codex/"),
        ("threadId", "helpers/codex/"),
        ("turnId", "helpers/codex/"),
        ("itemId", "helpers/codex/"),
    ] {
        for file in files_with(word) {
            assert!(file.starts_with(room), "`{word}` may stand in {room} only, and stands in {file}");
        }
    }
}

#[test]
fn core_does_no_io_and_knows_no_clock_environment_or_system() {
    for (path, text) in shipped_sources().iter().filter(|(path, _)| path.starts_with("helpers/core")) {
        for word in [
            "std::fs",
            "std::env",
            "std::process",
            "std::net",
            "std::thread",
            "std::{",
            "Instant",
            "SystemTime",
            "File::",
        ] {
            assert!(!text.contains(word), "{} names {word}", path.display());
        }
    }
}

#[test]
fn every_source_file_says_what_it_owns_and_none_is_long() {
    for (path, text) in sources() {
        assert!(text.starts_with("//!"), "{} does not say what it owns", path.display());
        assert!(text.lines().count() <= 400, "{} is longer than 400 lines", path.display());
    }
}

#[test]
fn versions_agree() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let version = metadata.packages[0].version.to_string();
    assert!(metadata.packages.iter().all(|package| package.version.to_string() == version));
    let plugin = json(".claude-plugin/plugin.json");
    assert_eq!(plugin["version"], version.as_str());
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    assert!(changelog.contains(&format!("## {version}")), "CHANGELOG has no `## {version}`");
}

#[test]
fn the_plugin_manifest_is_a_file_and_the_root_names_it() {
    let manifest = root().join(".claude-plugin/plugin.json");
    assert!(manifest.symlink_metadata().unwrap().is_file());
    assert_eq!(fs::read_link(root().join("plugin.json")).unwrap(), Path::new(".claude-plugin/plugin.json"));
    assert_eq!(json(".claude-plugin/plugin.json")["name"], "clodex");
    assert_eq!(json(".claude-plugin/marketplace.json")["plugins"][0]["name"], "clodex");
}

fn json(path: &str) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(root().join(path)).unwrap()).unwrap()
}
