//! Hooks: whole processes, as Claude Code starts them before it goes on. Issue and users count in milliseconds here.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::Effort;
use crate::measure::{Case, Cost, interleave};
use crate::records;
use crate::scratch_dir::ScratchDir;
use crate::table::{Aim, Table, Unit};

/// What nobody notices.
const UNNOTICED: Aim = Aim::AtMost(0.015);
const SHIM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../bin/clodex-hook");
/// A command as long as whole files that are written by heredoc.
const COMMAND_BYTES: usize = 100_000;

/// Who is called, and what with.
struct Hook<'a> {
    scratch: &'a ScratchDir,
    data: PathBuf,
    state: PathBuf,
}

pub fn figures(scratch: &ScratchDir, effort: Effort, table: &mut Table) -> io::Result<()> {
    let repo = scratch.path("repo").canonicalize()?;
    let hook = Hook { scratch, data: installed(scratch)?, state: scratch.path("hook-state") };
    let _live = records::fill(&hook.state, &repo, 3, 5000)?;
    let (free, denied) = (project(scratch, "free", "off")?, project(scratch, "denied", "deny")?);
    let file = |name: &str, event: Value| scratch.file(name, event.to_string());
    let bash = |name: &str, project: &Path, command: &str| {
        let input = json!({ "command": command });
        file(name, event("PreToolUse", project, json!({ "tool_name": "Bash", "tool_input": input })))
    };
    let prompt = file("prompt.json", event("UserPromptSubmit", &repo, json!({ "prompt": "go on" })))?;
    let begin = file("begin.json", event("SessionStart", &repo, json!({ "source": "startup" })))?;
    let off = bash("off.json", &free, "cargo test")?;
    let heredoc =
        format!("cat > /tmp/page.html <<'END'\n{}END\n", filled("<p class=\"a\">it's $5 > 3</p>\n"));
    let heredoc = bash("heredoc.json", &denied, &heredoc)?;
    let dense = bash("dense.json", &denied, &filled("a=1;b $a|c>/tmp/d;(cp $a e.md);[ \"$(f g)\" ]&&h\n"))?;
    let mut cases = [
        Case::program(|| Ok(scratch.command("true"))),
        Case::program(|| hook.direct(&prompt)),
        Case::program(|| hook.through_the_shim(&prompt)),
        Case::program(|| hook.direct(&begin)),
        Case::program(|| hook.direct(&off)),
        Case::program(|| hook.direct(&heredoc)),
        Case::program(|| hook.direct(&dense)),
    ];
    interleave(effort.rounds(100), &mut cases)?;
    let [nothing, prompt, shim, begin, off, heredoc, dense] =
        cases.map(|case| case.each(|cost: &Cost| cost.wall));
    table.quantity("true (the scale)", &nothing, Unit::Milliseconds, Aim::None);
    table.quantity("hook: a prompt, 5000 ended + 3 live", &prompt, Unit::Milliseconds, UNNOTICED);
    table.quantity("the same through the shim", &shim, Unit::Milliseconds, UNNOTICED);
    table.quantity("hook: a session begins, the same records", &begin, Unit::Milliseconds, Aim::None);
    table.quantity("hook: a tool, toggle off", &off, Unit::Milliseconds, UNNOTICED);
    table.quantity("hook: deny, a heredoc of 100 kB", &heredoc, Unit::Milliseconds, UNNOTICED);
    table.quantity("hook: deny, a dense script of 100 kB", &dense, Unit::Milliseconds, Aim::None);
    Ok(())
}

impl Hook<'_> {
    fn direct(&self, event: &Path) -> io::Result<Command> {
        self.called(self.scratch.command("clodex-hook"), event)
    }

    fn through_the_shim(&self, event: &Path) -> io::Result<Command> {
        self.called(self.scratch.command(SHIM), event)
    }

    fn called(&self, mut command: Command, event: &Path) -> io::Result<Command> {
        command.env("CLODEX_STATE_DIR", &self.state).env("CLAUDE_PLUGIN_DATA", &self.data);
        command.stdin(ScratchDir::open(event)?);
        Ok(command)
    }
}

/// The plugin's data, with the measured build installed in it.
fn installed(scratch: &ScratchDir) -> io::Result<PathBuf> {
    let data = scratch.path("clodex-inline");
    std::fs::create_dir_all(&data)?;
    symlink(scratch.binaries(), data.join("bin"))?;
    Ok(data)
}

/// A project with the toggle in this state.
fn project(scratch: &ScratchDir, name: &str, toggle: &str) -> io::Result<PathBuf> {
    let project = scratch.path(name);
    std::fs::create_dir_all(project.join(".claude"))?;
    std::fs::write(project.join(".claude/clodex-toggle.flag"), format!("{toggle}\n"))?;
    project.canonicalize()
}

fn event(name: &str, cwd: &Path, more: Value) -> Value {
    let mut event = json!({ "hook_event_name": name, "session_id": "s", "prompt_id": "p", "cwd": cwd });
    if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
        event.extend(more);
    }
    event
}

fn filled(line: &str) -> String {
    line.repeat(COMMAND_BYTES / line.len())
}
