//! The plugin's own files: what Claude Code reads of them, and that what they name exists.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Commands and skills: path and text.
fn guides() -> Vec<(PathBuf, String)> {
    let commands = fs::read_dir(root().join("commands")).unwrap().map(|entry| entry.unwrap().path());
    let skills =
        fs::read_dir(root().join("skills")).unwrap().map(|entry| entry.unwrap().path().join("SKILL.md"));
    commands.chain(skills).map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

fn front_matter<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let head = text.strip_prefix("---\n")?.split_once("\n---\n")?.0;
    head.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
}

#[test]
fn the_manifests_agree_and_the_one_at_the_root_is_a_link() {
    let plugin: Value = serde_json::from_str(&read(".claude-plugin/plugin.json")).unwrap();
    let market: Value = serde_json::from_str(&read(".claude-plugin/marketplace.json")).unwrap();
    assert_eq!(plugin["name"], market["plugins"][0]["name"]);
    assert_eq!(market["plugins"][0]["source"], "./");
    assert!(market["description"].is_string() && plugin["author"]["name"].is_string());
    assert_eq!(fs::read_link(root().join("plugin.json")).unwrap(), Path::new(".claude-plugin/plugin.json"));
    assert!(root().join(".claude-plugin/plugin.json").symlink_metadata().unwrap().is_file());
}

#[test]
fn commands_and_skills_are_short_and_say_what_they_are() {
    for (path, text) in guides() {
        let is_skill = path.ends_with("SKILL.md");
        let file = if is_skill { path.parent().unwrap() } else { &path };
        assert_eq!(front_matter(&text, "name"), file.file_stem().unwrap().to_str(), "{}", path.display());
        let description = front_matter(&text, "description").unwrap();
        assert!(description.len() < 250, "{}", path.display());
        assert!(!is_skill || description.starts_with("Use when "), "{description}");
        assert!(text.lines().count() < if is_skill { 150 } else { 41 }, "{}", path.display());
    }
}

/// The words of each piece of code that calls one of our helpers.
fn calls(text: &str) -> Vec<Vec<String>> {
    let is_call = |code: &&str| code.starts_with("clodex-");
    let words = |code: &str| code.split_whitespace().map(str::to_owned).collect();
    text.split('`').skip(1).step_by(2).filter(is_call).map(words).collect()
}

#[test]
fn every_helper_and_flag_that_a_guide_names_exists() {
    let mut checked = 0;
    for (path, text) in guides() {
        for call in calls(&text) {
            let helper = &call[0];
            assert!(root().join("bin").join(helper).exists(), "{}: {helper}", path.display());
            let source = match helper.as_str() {
                "clodex-status" | "clodex-result" | "clodex-wait" | "clodex-debug" => {
                    "helpers/status/src/cli.rs"
                }
                "clodex-cancel" => "helpers/control/src/cli.rs",
                "clodex-apply" => "helpers/apply/src/cli.rs",
                "clodex-dispatch" => "helpers/dispatch/src/cli.rs",
                other => panic!("{}: which command line has {other}?", path.display()),
            };
            for flag in call.iter().filter_map(|word| word.strip_prefix("--")) {
                let field = format!("pub {}:", flag.replace('-', "_"));
                assert!(read(source).contains(&field), "{}: {helper} has no --{flag}", path.display());
                checked += 1;
            }
        }
    }
    assert!(checked >= 8, "only {checked} flags were found: does `calls` still see them?");
}

#[test]
fn every_file_that_the_skill_refers_to_exists() {
    let text = read("skills/clodex/SKILL.md");
    let named: Vec<&str> = text.split('`').filter(|code| code.starts_with("references/")).collect();
    assert!(!named.is_empty());
    for file in named {
        assert!(root().join("skills/clodex").join(file).exists(), "{file}");
    }
}

/// A plugin directory with our shims and nothing built.
fn bare_plugin() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("bin")).unwrap();
    fs::copy(root().join("bin/clodex-shim"), folder.path().join("bin/clodex-shim")).unwrap();
    symlink("clodex-shim", folder.path().join("bin/clodex-wait")).unwrap();
    folder
}

fn call(plugin: &Path, path: &str, data: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = Command::new(plugin.join("bin/clodex-wait"))
        .args(arguments)
        .env_clear()
        .env("PATH", path)
        .env("CLAUDE_PLUGIN_DATA", data)
        .output()
        .unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn install(directory: &Path, name: &str) {
    fs::create_dir_all(directory).unwrap();
    let program = directory.join(name);
    let own = directory.file_name().unwrap().to_str().unwrap();
    fs::write(&program, format!("#!/bin/sh\nprintf '%s|' {own} \"$@\"\n")).unwrap();
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_shim_becomes_the_installed_program_then_the_built_one_then_the_one_on_path() {
    let plugin = bare_plugin();
    let on_path = plugin.path().join("onpath");
    let data = plugin.path().join("data");
    let path = format!("{}/bin:{}:/usr/bin:/bin", plugin.path().display(), on_path.display());
    install(&on_path, "clodex-status");
    let words = ["a b", "$(x)"];
    let said = |own: &str, as_wait: &str| (Some(0), format!("{own}|{as_wait}a b|$(x)|"), String::new());
    assert_eq!(call(plugin.path(), &path, &data, &words), said("onpath", "--as|clodex-wait|"));
    install(&plugin.path().join("target/release"), "clodex-status");
    assert_eq!(call(plugin.path(), &path, &data, &words), said("release", "--as|clodex-wait|"));
    install(&data.join("bin"), "clodex-wait");
    assert_eq!(call(plugin.path(), &path, &data, &words), said("bin", ""));
}

#[test]
fn a_shim_without_a_program_says_how_to_get_one() {
    let plugin = bare_plugin();
    let elsewhere = plugin.path().join("links");
    fs::create_dir(&elsewhere).unwrap();
    symlink(plugin.path().join("bin/clodex-shim"), elsewhere.join("clodex-wait")).unwrap();
    let path = format!("{}:/usr/bin:/bin", elsewhere.display());
    let missing = format!(
        "cannot find the program of clodex-wait; hint: run `cargo build --release` in {}\n",
        plugin.path().canonicalize().unwrap().display()
    );
    let data = plugin.path().join("data");
    assert_eq!(call(plugin.path(), &path, &data, &["a"]), (Some(3), String::new(), missing.clone()));
    assert_eq!(call(plugin.path(), &path, &data, &["a", "--inline"]), (Some(0), missing, String::new()));
}

#[test]
fn a_hook_without_a_program_is_silent() {
    let plugin = bare_plugin();
    symlink("clodex-shim", plugin.path().join("bin/clodex-hook")).unwrap();
    let mut hook = Command::new(plugin.path().join("bin/clodex-hook"));
    let output = hook.env_clear().env("PATH", "/usr/bin:/bin").output().unwrap();
    assert_eq!((output.status.code(), output.stdout, output.stderr), (Some(0), vec![], vec![]));
}
