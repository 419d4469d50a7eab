//! The status line in Claude Code: which file's wins, whether it is ours, whether it runs, and how long it takes; and
//! whether Claude Code is told to run neither it nor any hook.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clodex_os::{ExitKind, ShortCommand};
use serde_json::json;

use super::finding::Finding;
use crate::json_text::JsonText;
use crate::status_line::{self, Found};

const CHECK: &str = "statusline";
/// Claude Code ends a line that is still being made when the next one is due.
const SLOW: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_secs(2);
/// The first one finds cold caches.
const RENDERS: usize = 4;
const PROGRAM: &str = "clodex-statusline";
const SETUP: &str = "`clodex-setup`";

/// A settings file of Claude Code.
#[derive(Debug, Default)]
pub struct Settings {
    path: PathBuf,
    line: Option<Line>,
    hooks_off: bool,
    broken: Option<String>,
}

/// The status line in it.
#[derive(Debug)]
struct Line {
    command: String,
    is_ours: bool,
}

/// The settings files that are there, the strongest first.
pub fn settings(claude: &Path, project: &Path) -> Vec<Settings> {
    let of_project = project.join(".claude");
    let managed = if cfg!(target_os = "macos") {
        "/Library/Application Support/ClaudeCode/managed-settings.json"
    } else {
        "/etc/claude-code/managed-settings.json"
    };
    let mut paths = vec![
        PathBuf::from(managed),
        of_project.join("settings.local.json"),
        of_project.join("settings.json"),
        claude.join("settings.json"),
    ];
    // Who is at home in the directory of the user's own file has it twice.
    paths.dedup();
    paths.into_iter().filter_map(read).collect()
}

fn read(path: PathBuf) -> Option<Settings> {
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => return Some(Settings { path, broken: Some(error.to_string()), ..Settings::default() }),
    };
    Some(match JsonText::parse(text) {
        Ok(json) => Settings {
            path,
            line: line_of(&json),
            hooks_off: json.get(&["disableAllHooks"]).is_some_and(|node| json.raw(node) == "true"),
            broken: None,
        },
        Err(error) => Settings { path, broken: Some(error), ..Settings::default() },
    })
}

fn line_of(json: &JsonText) -> Option<Line> {
    match status_line::found(json) {
        Found::None | Found::Unknown => None,
        Found::Ours { command, .. } => Some(Line { command, is_ours: true }),
        // Somebody may call ours in a script of their own.
        Found::Foreign(foreign) => {
            Some(Line { is_ours: foreign.command.contains(PROGRAM), command: foreign.command })
        }
    }
}

/// The command that Claude Code would run.
pub fn winner(settings: &[Settings]) -> Option<&str> {
    settings.iter().find_map(|file| Some(file.line.as_ref()?.command.as_str()))
}

fn has_ours(file: &Settings) -> bool {
    file.line.as_ref().is_some_and(|line| line.is_ours)
}

/// Whether ours is the one that is shown.
pub fn judge(settings: &[Settings]) -> Finding {
    if let Some((path, why)) = settings.iter().find_map(|file| Some((&file.path, file.broken.as_ref()?))) {
        let what = format!("cannot read `{}`: {why}", path.display());
        return Finding::fail(CHECK, what, "repair the file; Claude Code ignores what it cannot read");
    }
    let Some(first) = settings.iter().find(|file| file.line.is_some()) else {
        return Finding::warn(CHECK, "none is registered", format!("{SETUP} registers it"));
    };
    let path = first.path.display();
    if has_ours(first) {
        return Finding::ok(CHECK, format!("registered in {path}"));
    }
    let ours = settings.iter().find(|file| has_ours(file));
    if let Some(ours) = ours {
        let what = format!("{path} has one of its own, which wins over ours in {}", ours.path.display());
        return Finding::warn(
            CHECK,
            what,
            format!("take `statusLine` out of {path}, or call {PROGRAM} there"),
        );
    }
    Finding::warn(
        CHECK,
        format!("{path} has another one"),
        format!("{SETUP} keeps it and shows ours below it"),
    )
}

/// Whether Claude Code runs hooks and status lines at all.
pub fn judge_hooks(settings: &[Settings]) -> Finding {
    match settings.iter().find(|file| file.hooks_off) {
        None => Finding::ok("hooks", "not disabled"),
        Some(file) => {
            let what = format!(
                "`disableAllHooks` in {}: neither hooks nor the status line run",
                file.path.display()
            );
            Finding::warn("hooks", what, "remove the key, or use `clodex-status` instead")
        }
    }
}

/// How long the line takes.
#[derive(Debug, Default)]
pub struct Renders {
    /// The command as a whole, sorted.
    whole: Vec<Duration>,
    /// Our program by itself, sorted.
    own: Vec<Duration>,
    /// Why it shows nothing.
    broken: Option<String>,
}

impl Renders {
    /// Runs it a few times as Claude Code does. `own` is our program, where it is installed.
    pub fn measure(command: &str, own: Option<&Path>, project: &Path) -> Self {
        let input = stdin(project);
        let mut renders = Self::default();
        for _ in 0..RENDERS {
            match render(command, &input, project) {
                Ok(took) => renders.whole.push(took),
                Err(why) => {
                    renders.broken = Some(why);
                    return renders;
                }
            }
        }
        let own = own.map(|program| format!("'{}'", program.display().to_string().replace('\'', r"'\''")));
        for command in own.iter().cycle().take(if own.is_some() { RENDERS } else { 0 }) {
            renders.own.extend(render(command, &input, project));
        }
        renders.whole.sort_unstable();
        renders.own.sort_unstable();
        renders
    }

    /// Whether it runs, and fast enough to be seen.
    pub fn judge(&self) -> Finding {
        let check = "line-speed";
        if let Some(why) = &self.broken {
            return Finding::fail(
                check,
                format!("the status line shows nothing: {why}"),
                "run its command by hand",
            );
        }
        let Some(whole) = median(&self.whole) else { return Finding::ok(check, "not measured") };
        let own = median(&self.own);
        let foreign = own.map(|own| whole.saturating_sub(own));
        let told = match (own, foreign) {
            (Some(own), Some(foreign)) => {
                format!("{} (ours {}, the rest {})", ms(whole), ms(own), ms(foreign))
            }
            (None, _) | (_, None) => ms(whole),
        };
        if whole <= SLOW {
            return Finding::ok(check, told);
        }
        let hint = if own.is_some_and(|own| own <= SLOW) {
            "the status line that was there before ours is slow: make it faster, or take it out"
        } else {
            "the machine is busy, or the status line is slow; see how many runs live: `clodex-status`"
        };
        Finding::warn(check, format!("{told}: more than {} is not shown reliably", ms(SLOW)), hint)
    }
}

fn median(sorted: &[Duration]) -> Option<Duration> {
    sorted.get(sorted.len() / 2).copied()
}

fn ms(took: Duration) -> String {
    format!("{} ms", took.as_millis())
}

/// One render: a pipe on stdin, a shell for the command.
fn render(command: &str, input: &str, project: &Path) -> Result<Duration, String> {
    let begun = Instant::now();
    let finished = ShortCommand::new("/bin/sh", LIMIT)
        .args(["-c", r#"printf %s "$1" | /bin/sh -c "$2""#, "sh", input, command])
        .current_dir(project)
        .env("CLAUDE_PROJECT_DIR", project)
        .env("COLUMNS", "120")
        .run()
        .map_err(|error| error.to_string())?;
    match finished.status {
        ExitKind::Exit(0) => Ok(begun.elapsed()),
        status => Err(format!("it ends with {}", status.shell_code())),
    }
}

/// What Claude Code 2.1 sends.
fn stdin(project: &Path) -> String {
    let dir = project.display().to_string();
    json!({
        "session_id": "00000000-0000-0000-0000-000000000000",
        "transcript_path": "/dev/null",
        "cwd": dir,
        "effort": { "level": "medium" },
        "model": { "id": "claude-opus-5-5", "display_name": "Opus 5.5" },
        "workspace": { "current_dir": dir, "project_dir": dir, "added_dirs": [] },
        "version": "2.1.329",
        "output_style": { "name": "default" },
        "cost": {
            "total_cost_usd": 0.5, "total_duration_ms": 18157, "total_api_duration_ms": 402,
            "total_lines_added": 0, "total_lines_removed": 0
        },
        "context_window": {
            "total_input_tokens": 14500, "total_output_tokens": 20, "context_window_size": 1_000_000,
            "current_usage": {
                "input_tokens": 14500, "output_tokens": 20,
                "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0
            },
            "used_percentage": 1, "remaining_percentage": 99
        },
        "exceeds_200k_tokens": false,
        "fast_mode": false,
        "thinking": { "enabled": true }
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    const OURS: &str = "/data/bin/clodex-statusline";

    fn file(path: &str, command: Option<&str>) -> Settings {
        let line = command.map(|command| Line { command: command.to_owned(), is_ours: command == OURS });
        Settings { path: path.into(), line, ..Settings::default() }
    }

    #[test]
    fn a_projects_own_line_wins_over_ours_and_is_said() {
        let (project, user) = (file("/p", Some("theirs")), file("/u", Some(OURS)));
        let level = |files: &[Settings]| judge(files).level;
        assert_eq!(level(&[]), Level::Warn);
        assert_eq!(level(&[file("/p", None), file("/u", Some(OURS))]), Level::Ok);
        let hidden = judge(&[project, user]);
        assert!(hidden.level == Level::Warn && hidden.what.contains("wins over ours in /u"), "{hidden:?}");
        assert!(judge(&[file("/u", Some("theirs"))]).hint.unwrap().contains("clodex-setup"));
        let broken = Settings { broken: Some("line 3".into()), ..file("/u", None) };
        assert_eq!(level(&[broken]), Level::Fail);
    }

    #[test]
    fn files_are_read_in_the_order_in_which_they_win() {
        let root = tempfile::tempdir().unwrap();
        let (claude, project) = (root.path().join("claude"), root.path().join("project"));
        fs::create_dir_all(project.join(".claude")).unwrap();
        fs::create_dir_all(&claude).unwrap();
        let line = |command: &str| format!(r#"{{"statusLine":{{"type":"command","command":"{command}"}}}}"#);
        fs::write(claude.join("settings.json"), line("user")).unwrap();
        fs::write(project.join(".claude/settings.json"), line("project")).unwrap();
        let local = project.join(".claude/settings.local.json");
        fs::write(&local, r#"{"disableAllHooks":true,"other":[1]}"#).unwrap();
        let found = settings(&claude, &project);
        assert_eq!(winner(&found), Some("project"));
        assert_eq!(judge_hooks(&found).level, Level::Warn);
        fs::write(&local, "{\n\"a\": }").unwrap();
        let broken = judge(&settings(&claude, &project));
        assert!(broken.level == Level::Fail && broken.what.contains("line 2"), "{broken:?}");
        assert_eq!(judge_hooks(&[file("/u", None)]).level, Level::Ok);
    }

    #[test]
    fn a_slow_line_is_told_and_whose_part_is_slow() {
        let of = |whole, own| Renders {
            whole: vec![Duration::from_millis(whole)],
            own: vec![Duration::from_millis(own)],
            broken: None,
        };
        assert_eq!(of(90, 2).judge().level, Level::Ok);
        let theirs = of(900, 2).judge();
        assert!(
            theirs.level == Level::Warn && theirs.what.contains("ours 2 ms, the rest 898 ms"),
            "{theirs:?}"
        );
        assert!(theirs.hint.unwrap().contains("before ours"));
        assert!(!of(900, 890).judge().hint.unwrap().contains("before ours"));
    }

    #[test]
    fn it_gets_what_claude_code_sends_and_one_that_fails_or_hangs_is_told() {
        let root = tempfile::tempdir().unwrap();
        let saw = root.path().join("saw");
        let well = Renders::measure(&format!("cat > '{}'", saw.display()), None, root.path());
        // Not how fast: the machine may be busy.
        assert_eq!((well.whole.len(), &well.broken), (RENDERS, &None));
        let sent: serde_json::Value = serde_json::from_slice(&fs::read(saw).unwrap()).unwrap();
        assert_eq!(sent["workspace"]["project_dir"], root.path().display().to_string());
        assert_eq!(Renders::measure("exit 3", None, root.path()).judge().level, Level::Fail);
        let hangs = Renders::measure("sleep 100", None, root.path());
        assert!(hangs.broken.as_ref().is_some_and(|why| why.contains("did not end")), "{hangs:?}");
    }
}
