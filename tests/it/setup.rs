//! clodex-setup as a program: every shape of `settings.json` is changed in our part only, and comes back as it was.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::{Command, Output};

use clodex_sim::messages::embed;
use clodex_tests::{ClaudeStage, LIMIT, Running, Sandbox, run_with_timeout};
use serde_json::json;
use sha2::{Digest as _, Sha256};

const PROGRAMS: [&str; 14] = [
    "clodex-announce",
    "clodex-apply",
    "clodex-claude",
    "clodex-contain",
    "clodex-control",
    "clodex-dispatch",
    "clodex-flow",
    "clodex-hook",
    "clodex-progress",
    "clodex-scope",
    "clodex-setup",
    "clodex-status",
    "clodex-statusline",
    "clodex-thread",
];

/// A home, and a plugin whose helpers are scripts that tell their version.
struct Place(Sandbox);

impl Place {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        for program in PROGRAMS {
            let script = format!("#!/bin/sh\necho {program} {}\n", env!("CARGO_PKG_VERSION"));
            sandbox.program(&format!("plugin/target/release/{program}"), &script);
        }
        let manifest = json!({ "name": "clodex", "version": env!("CARGO_PKG_VERSION") });
        sandbox.file("plugin/.claude-plugin/plugin.json", manifest.to_string());
        Self(sandbox)
    }

    fn with(settings: &str) -> Self {
        let place = Self::new();
        place.write(settings);
        place
    }

    fn claude(&self) -> PathBuf {
        self.0.root().join("home/.claude")
    }

    fn settings(&self) -> PathBuf {
        self.claude().join("settings.json")
    }

    fn bin(&self) -> PathBuf {
        self.claude().join("plugins/data/clodex-inline/bin")
    }

    fn write(&self, settings: &str) {
        self.0.file("home/.claude/settings.json", settings);
    }

    fn read(&self) -> String {
        fs::read_to_string(self.settings()).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut setup = self.0.command("clodex-setup");
        setup.args(arguments).env("CLODEX_PLUGIN_ROOT", self.0.root().join("plugin"));
        setup
    }

    /// What it says, and that it went well.
    #[track_caller]
    fn setup(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What the hook says to it.
    fn session_begins(&self) -> String {
        let mut hook = self.0.command("clodex-hook");
        for name in ["CLAUDE_PLUGIN_ROOT", "CLODEX_PLUGIN_ROOT"] {
            hook.env(name, self.0.root().join("plugin"));
        }
        hook.env("CLAUDE_PLUGIN_DATA", self.claude().join("plugins/data/clodex-inline"));
        let event = json!({ "hook_event_name": "SessionStart", "source": "startup", "cwd": self.0.repo() });
        let output = Running::start(hook, event.to_string().as_bytes()).finish(LIMIT);
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn output(&self, arguments: &[&str]) -> Output {
        run_with_timeout(self.command(arguments), LIMIT)
    }
}

/// Settings as people and editors leave them.
const SHAPES: [&str; 12] = [
    "{}",
    "",
    "{\n}\n",
    "{\"a\":1}",
    "{\r\n\t\"model\" : \"opus\",\r\n\r\n\t\"env\": {\"X\":\"\\u00e9\"}\r\n}",
    "\u{feff}{ \"a\": [1, 2 ,3] }\n\n",
    "{\"statusLine\": null, \"b\": {}}",
    "{\n  \"statusLine\": {\n    \"type\": \"command\",\n    \"command\": \"echo 'my \\\"own\\\"'\",\n    \"padding\": 0\n  }\n}\n",
    "{\"statusLine\":{\"command\":\"\\u0065cho x\",\"refreshInterval\":30,\"type\":\"command\"}}",
    "{\"statusLine\":{\"type\":\"command\",\"command\":\"/opt/clodex/bin/clodex-statusline\"}}",
    "{\n    \"permissions\": {\n        \"allow\": [\"Bash(ls)\", \"Bash(clodex-wait:*)\"],\n        \"deny\": []\n    }\n}",
    "{\"permissions\":{},\"statusLine\":{\"type\":\"command\",\"command\":\"a\"},\"statusLine\":{\"type\":\"command\",\"command\":\"b\"}}",
];

#[test]
fn every_shape_comes_back_byte_for_byte_and_a_second_call_changes_nothing() {
    for shape in SHAPES {
        let place = Place::with(shape);
        fs::set_permissions(place.settings(), fs::Permissions::from_mode(0o640)).unwrap();
        let shown = place.setup(&["--dry-run", "--permissions"]);
        assert!(shown.contains("\n+") && place.read() == shape, "{shape:?}: {shown}");
        assert!(!place.bin().exists());
        place.setup(&["--permissions"]);
        let once = place.read();
        let read: serde_json::Value = serde_json::from_str(once.trim_start_matches('\u{feff}')).unwrap();
        assert_eq!(read["statusLine"]["refreshInterval"], 1, "{once}");
        assert!(once.contains("clodex-inline/bin/clodex-statusline"), "{once}");
        let again = place.setup(&["--permissions"]);
        assert!(again.contains("as it should be") && place.read() == once, "{again}");
        place.setup(&["--uninstall"]);
        assert_eq!(place.read(), shape);
        let mode = fs::metadata(place.settings()).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode, place.claude().join("plugins").exists()), (0o640, false));
    }
}

#[test]
fn what_the_user_changed_meanwhile_stays_when_ours_is_taken_back() {
    for shape in ["{\n  \"a\": 1\n}\n", SHAPES[7], SHAPES[8], SHAPES[10]] {
        let place = Place::with(shape);
        place.setup(&["--permissions"]);
        let edit = |text: &str| text.replacen('{', "{\n  \"mine\": true,", 1);
        place.write(&edit(&place.read()));
        place.setup(&["--uninstall"]);
        assert_eq!(place.read(), edit(shape));
    }
}

#[test]
fn what_was_made_is_removed_again() {
    let place = Place::new();
    place.setup(&[]);
    assert!(place.bin().join("clodex-wait").exists() && place.settings().exists());
    place.setup(&["--uninstall"]);
    assert!(!place.claude().exists());
}

#[test]
fn a_link_into_a_collection_of_dotfiles_stays_a_link() {
    let place = Place::new();
    let file = place.0.file("dotfiles/claude.json", "{\"a\": 1}");
    fs::create_dir_all(place.claude()).unwrap();
    symlink(&file, place.settings()).unwrap();
    place.setup(&[]);
    assert!(
        place.settings().is_symlink() && fs::read_to_string(&file).unwrap().contains("clodex-statusline")
    );
    place.setup(&["--uninstall"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "{\"a\": 1}");
}

#[test]
fn what_is_no_json_is_left_alone_and_nothing_is_installed() {
    for text in ["{", "// a comment\n{}", "[]", "{\"a\":1,}"] {
        let place = Place::with(text);
        let output = place.output(&[]);
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("hint: "), "{said}");
        assert_eq!((place.read().as_str(), place.bin().exists()), (text, false));
    }
}

/// What Claude Code would show of the registered status line.
fn status_line(place: &Place) -> (Option<i32>, String) {
    let settings: serde_json::Value = serde_json::from_str(&place.read()).unwrap();
    let mut shell = place.0.command("/bin/sh");
    shell.arg("-c").arg(settings["statusLine"]["command"].as_str().unwrap());
    let output = run_with_timeout(shell, LIMIT);
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_users_own_line_lives_with_us_and_without_us() {
    let place = Place::with(r#"{"statusLine":{"type":"command","command":"echo \"it's $0\"; pwd"}}"#);
    let own = (Some(0), format!("it's /bin/sh\n{}\n", place.0.repo().display()));
    place.setup(&[]);
    fs::remove_file(place.bin().join("clodex-statusline")).unwrap();
    let real = clodex_tests::binaries().join("clodex-statusline");
    symlink(real, place.bin().join("clodex-statusline")).unwrap();
    assert_eq!(status_line(&place), own);
    fs::remove_dir_all(place.claude().join("plugins")).unwrap();
    assert_eq!(status_line(&place), own);
    place.setup(&[]);
    fs::remove_dir_all(place.claude().join("plugins")).unwrap();
    place.setup(&["--uninstall"]);
    assert_eq!(status_line(&place), own);
}

#[test]
fn only_an_archive_of_the_right_digest_is_installed() {
    let place = Place::new();
    let archive = place.0.root().join("clodex.tar.gz");
    let mut tar = place.0.command("tar");
    tar.args(["-czf"]).arg(&archive).arg("-C").arg(place.0.root().join("plugin/target")).arg("release");
    assert!(run_with_timeout(tar, LIMIT).status.success());
    fs::remove_dir_all(place.0.root().join("plugin/target")).unwrap();
    let from = archive.to_str().unwrap();
    let wrong = place.output(&["--from-archive", from, "--sha256", &"0".repeat(64)]);
    assert_eq!((wrong.status.code(), place.bin().exists()), (Some(3), false));
    let bytes = fs::read(&archive).unwrap();
    let digest = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    fs::write(format!("{from}.sha256"), format!("{digest}  clodex.tar.gz\n")).unwrap();
    let url = format!("file://{from}");
    place.setup(&["--from-archive", &url]);
    assert!(place.bin().join("clodex-status").is_file());
}

/// As if the plugin had been updated: its build is of this version.
fn update(place: &Place, version: &str) {
    for program in PROGRAMS {
        let script = format!("#!/bin/sh\necho {program} {version}\n");
        place.0.program(&format!("plugin/target/release/{program}"), &script);
    }
    let manifest = json!({ "name": "clodex", "version": version });
    place.0.file("plugin/.claude-plugin/plugin.json", manifest.to_string());
}

fn installed(place: &Place, program: &str) -> String {
    let output = run_with_timeout(place.0.command(place.bin().join(program).to_str().unwrap()), LIMIT);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn refreshing_brings_what_is_installed_to_the_plugins_version_and_is_silent() {
    let place = Place::new();
    assert_eq!(place.setup(&["--refresh"]), "");
    assert!(!place.claude().exists(), "nothing is installed that was not");
    place.setup(&[]);
    let settings = place.read();
    assert_eq!(place.setup(&["--refresh"]), "");
    update(&place, "9.9.9");
    assert_eq!(place.setup(&["--refresh"]), "");
    assert_eq!(
        (installed(&place, "clodex-status"), place.read()),
        ("clodex-status 9.9.9\n".into(), settings)
    );
    update(&place, "9.9.10");
    assert_eq!(place.session_begins(), "", "a session that begins does it, too");
    assert_eq!(installed(&place, "clodex-status"), "clodex-status 9.9.10\n");
    update(&place, "10.0.0");
    fs::remove_dir_all(place.0.root().join("plugin/target")).unwrap();
    assert!(place.session_begins().contains("the plugin is 10.0.0"));
    assert!(
        place.setup(&["--refresh"]).contains("are 9.9.10, the plugin is 10.0.0; hint: run /clodex-setup")
    );
}

#[test]
fn sessions_that_begin_together_refresh_once_and_a_helper_is_always_there() {
    let place = Place::new();
    place.setup(&[]);
    for round in 1..4 {
        let version = format!("9.9.{round}");
        update(&place, &version);
        std::thread::scope(|scope| {
            let sessions: Vec<_> = (0..4).map(|_| scope.spawn(|| place.setup(&["--refresh"]))).collect();
            while !sessions.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                assert!(installed(&place, "clodex-wait").starts_with("clodex-status "));
            }
        });
        assert_eq!(installed(&place, "clodex-wait"), format!("clodex-status {version}\n"));
        let kept = fs::read_dir(place.bin().parent().unwrap()).unwrap();
        let programs = kept
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("programs-"));
        assert_eq!(programs.count(), 1);
    }
}

#[test]
fn helpers_that_do_not_run_here_take_nobodys_place_and_leave_nothing() {
    let place = Place::new();
    for program in PROGRAMS {
        place.0.program(&format!("other/{program}"), "\u{7f}ELF of another machine");
    }
    let archive = place.0.root().join("other.tar.gz");
    let mut tar = place.0.command("tar");
    tar.arg("-czf").arg(&archive).arg("-C").arg(place.0.root()).arg("other");
    assert!(run_with_timeout(tar, LIMIT).status.success());
    let bytes = fs::read(&archive).unwrap();
    let digest = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let arguments = ["--from-archive", archive.to_str().unwrap(), "--sha256", &digest];
    for there in [false, true] {
        if there {
            place.setup(&[]);
        }
        let refused = place.output(&arguments);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("do not run here"), "{said}");
        assert_eq!(place.claude().exists(), there);
    }
    assert!(installed(&place, "clodex-status").starts_with("clodex-status "));
}

#[test]
fn what_is_no_file_is_left_alone() {
    let place = Place::new();
    fs::create_dir_all(place.claude()).unwrap();
    let fifo = place.0.root().join("fifo");
    let mut mkfifo = place.0.command("mkfifo");
    mkfifo.arg(&fifo);
    assert!(run_with_timeout(mkfifo, LIMIT).status.success());
    for target in [fifo, place.0.root().join("repo"), place.settings()] {
        symlink(target, place.settings()).unwrap();
        assert_eq!(place.output(&[]).status.code(), Some(2));
        assert!(place.settings().is_symlink() && !place.bin().exists());
        fs::remove_file(place.settings()).unwrap();
    }
}

#[test]
fn purging_takes_what_runs_left_and_nothing_that_somebody_else_put_there() {
    let place = Place::with("{}");
    place.0.dispatch(&clodex_tests::clean_turn(&[])).exits(0);
    place.setup(&[]);
    let theirs = place.0.state().join("package.json");
    fs::write(&theirs, "{}").unwrap();
    let said = place.setup(&["--uninstall", "--purge"]);
    assert!(said.contains("1 files that are not ours stay"), "{said}");
    assert_eq!(fs::read_dir(place.0.state()).unwrap().count(), 1);
    fs::remove_file(theirs).unwrap();
    place.0.dispatch(&clodex_tests::clean_turn(&[])).exits(0);
    place.setup(&["--uninstall", "--purge"]);
    assert!(!place.0.state().exists());
    assert!(
        !place.0.repo().join(".codex-dispatch/runs").read_dir().is_ok_and(|mut runs| runs.next().is_some())
    );
}

#[test]
fn a_projects_own_status_line_is_told() {
    let place = Place::new();
    place.0.file("repo/.claude/settings.local.json", r#"{"statusLine":{"type":"command","command":"x"}}"#);
    let said = place.setup(&[]);
    assert!(said.contains("settings.local.json has a statusLine of its own"), "{said}");
}

#[test]
fn the_real_claude_code_installs_us_and_setup_leaves_its_settings_as_they_were() {
    let Some(stage) = ClaudeStage::real(json!([{ "do": [{ "say": "shown" }] }])) else { return };
    let plugin = stage.plugin();
    for arguments in [
        &["plugin", "marketplace", "add", plugin.to_str().unwrap()][..],
        &["plugin", "install", "clodex@clodex"],
    ] {
        let output = stage.claude(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let home = stage.sandbox.root().join("home/.claude");
    let before = fs::read(home.join("settings.json")).unwrap();
    let input =
        json!({ "command": "clodex-setup --inline", "description": "Sets up clodex", "timeout": 600_000 });
    let uninstall = json!({ "command": "clodex-setup --inline --uninstall", "description": "Takes it back" });
    for (input, installed) in [(input, true), (uninstall, false)] {
        let script = json!([{ "do": [{ "tool": { "name": "Bash", "input": input } }] }, { "do": [{ "say": "done" }] }]);
        let prompt = format!("go on {}", embed(&script));
        let output = stage.claude(&[
            "-p",
            "--permission-mode",
            "manual",
            "--allowedTools",
            "Bash(clodex-setup:*)",
            "--",
            &prompt,
        ]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n");
        assert_eq!(
            home.join("plugins/data/clodex-clodex/bin/clodex-status").is_file(),
            installed,
            "{}",
            stage.model.asked().last().unwrap()
        );
        assert_eq!(fs::read(home.join("settings.json")).unwrap() == before, !installed);
    }
}
