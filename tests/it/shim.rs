//! The shims in `bin/`: which program they become, from wherever they are called.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use clodex_sim::write_program;

const SHIM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../bin/clodex-shim");

/// A plugin directory with our shims and nothing built.
fn bare_plugin() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("bin")).unwrap();
    write_program(&folder.path().join("bin/clodex-shim"), &fs::read_to_string(SHIM).unwrap()).unwrap();
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
    write_program(&program, &format!("#!/bin/sh\nprintf '%s|' {own} \"$@\"\n")).unwrap();
}

#[test]
fn a_shim_becomes_the_installed_program_then_the_built_one_then_the_one_on_path() {
    let plugin = bare_plugin();
    let on_path = plugin.path().join("onpath");
    let data = plugin.path().join("data/clodex-inline");
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
fn a_shim_starts_nothing_on_its_way_to_what_is_installed() {
    for (place, data) in [
        ("home/.claude/plugins/cache/mk-1/clodex/0.1.0", "home/.claude/plugins/data/clodex-mk-1"),
        ("checkout", "home/.claude/plugins/data/clodex-inline"),
        ("told", "data/clodex-inline"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let plugin = folder.path().join(place);
        fs::create_dir_all(plugin.parent().unwrap()).unwrap();
        fs::rename(bare_plugin().keep(), &plugin).unwrap();
        install(&folder.path().join(data).join("bin"), "clodex-wait");
        // Where there are no programs none can be started.
        let mut shim = Command::new(plugin.join("bin/clodex-wait"));
        shim.env_clear().env("PATH", folder.path()).env("HOME", folder.path().join("home"));
        if place == "told" {
            shim.env("CLAUDE_PLUGIN_DATA", folder.path().join(data));
        }
        let Output { stdout, stderr, .. } = shim.output().unwrap();
        assert_eq!((stdout, stderr), (b"bin|".to_vec(), vec![]), "{place}");
    }
}

#[test]
fn a_shim_knows_its_plugin_however_it_is_called() {
    let plugin = bare_plugin();
    install(&plugin.path().join("target/release"), "clodex-status");
    let elsewhere = plugin.path().join("links");
    fs::create_dir(&elsewhere).unwrap();
    symlink("../bin/clodex-wait", elsewhere.join("clodex-wait")).unwrap();
    symlink(plugin.path().join("bin"), plugin.path().join("linked")).unwrap();
    let nested = plugin.path().join("nested");
    fs::create_dir(&nested).unwrap();
    symlink("../bin", nested.join("bin")).unwrap();
    for called in [
        "bin/clodex-wait",
        "./bin/clodex-wait",
        "bin//clodex-wait",
        "bin/./clodex-wait",
        "links/../bin/clodex-wait",
        "linked/clodex-wait",
        "nested/bin/clodex-wait",
        "links/clodex-wait",
        "clodex-wait",
    ] {
        for absolute in [false, true] {
            let mut shell = Command::new("/bin/sh");
            match (called.contains('/'), absolute) {
                (true, true) => shell.arg("-c").arg(format!("{}/{called}", plugin.path().display())),
                (true, false) | (false, true) => shell.args(["-c", called]),
                (false, false) => shell.arg(called),
            };
            let directory = if called.contains('/') { "." } else { "bin" };
            shell.current_dir(plugin.path().join(directory)).env_clear();
            let path = format!("{}/bin/:/usr/bin:/bin", plugin.path().display());
            let output = shell.env("PATH", path).env("HOME", plugin.path()).output().unwrap();
            let said = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert_eq!(said, ("release|--as|clodex-wait|".into(), "".into()), "{called} {absolute}");
        }
    }
}

#[test]
fn a_shim_without_a_program_says_how_to_get_one() {
    let plugin = bare_plugin();
    let elsewhere = plugin.path().join("links");
    fs::create_dir(&elsewhere).unwrap();
    symlink(plugin.path().join("bin/clodex-shim"), elsewhere.join("clodex-wait")).unwrap();
    let path = format!("{}:/usr/bin:/bin", elsewhere.display());
    let missing = format!(
        "cannot find the program of clodex-wait; hint: run {}/bin/clodex-setup (in Claude Code: /clodex-setup)\n",
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

#[test]
fn a_monitor_without_a_program_waits_for_one_as_long_as_claude_code_lives() {
    let plugin = bare_plugin();
    symlink("clodex-shim", plugin.path().join("bin/clodex-announce")).unwrap();
    let data = plugin.path().join("data/clodex-inline");
    // While it waits, somebody installs.
    let (built, path) = (plugin.path().join("built"), plugin.path().join("path"));
    install(&built, "clodex-announce");
    fs::create_dir(&path).unwrap();
    let bin = data.join("bin");
    let wait =
        format!("#!/bin/sh\nmkdir -p {0} && cp {1}/clodex-announce {0}\n", bin.display(), built.display());
    write_program(&path.join("sleep"), &wait).unwrap();
    let said = |claude: Option<u32>| {
        let mut monitor = Command::new(plugin.path().join("bin/clodex-announce"));
        monitor.env_clear().env("CLAUDE_PLUGIN_DATA", &data);
        monitor.env("PATH", format!("{}:/usr/bin:/bin", path.display()));
        let output = monitor.envs(claude.map(|pid| ("CLAUDE_PID", pid.to_string()))).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), output.stderr)
    };
    assert_eq!(said(None), (Some(0), String::new(), vec![]), "nobody to wait for");
    assert_eq!(said(Some(std::process::id())), (Some(0), "built|".to_owned(), vec![]));
}

#[test]
fn a_shim_finds_what_is_installed_wherever_the_plugin_is_run_from_and_without_being_told() {
    for (place, data) in [
        (
            "home/.claude/plugins/cache/some.market/clodex/0.1.0",
            "home/.claude/plugins/data/clodex-some-market",
        ),
        ("elsewhere/plugins/cache/mk/clodex/0.1.0", "elsewhere/plugins/data/clodex-mk"),
        ("checkout", "home/.claude/plugins/data/clodex-clodex"),
        ("checkout", "home/.claude/plugins/data/clodex-inline"),
        ("checkout", "home/.claude/plugins/data/clodex-another"),
        ("checkout", "config/plugins/data/clodex-clodex"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let plugin = folder.join(place);
        fs::create_dir_all(plugin.join("bin")).unwrap();
        write_program(&plugin.join("bin/clodex-shim"), &fs::read_to_string(SHIM).unwrap()).unwrap();
        symlink("clodex-shim", plugin.join("bin/clodex-wait")).unwrap();
        install(&folder.join(data).join("bin"), "clodex-wait");
        let mut shim = Command::new(plugin.join("bin/clodex-wait"));
        shim.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", folder.join("home"));
        if data.starts_with("config") {
            shim.env("CLAUDE_CONFIG_DIR", folder.join("config"));
        }
        let output = shim.output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "bin|", "{place} {data}");
    }
}
