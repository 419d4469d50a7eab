//! Our plugin in the real Claude Code in a terminal, with the real Codex; both talk to scripted models. What is asserted
//! is what a user sees, what the model is told, and what is left.

mod broken_state;
mod clear_and_compact;
mod detached;
mod ends;
mod installed;
mod live;
mod mid_turn;
mod several_sessions;
mod without_mods;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use clodex_sim::ScriptedModel;
use clodex_tests::{
    ClaudeStage, ClaudeTerminal, ClaudeVersion, Codex, LIMIT, Packet, binaries, eventually, leftovers,
    real_codex,
};
use serde_json::{Value, json};

/// What a session needs not be asked for.
const ALLOWED: [&str; 4] = ["--permission-mode", "manual", "--allowedTools", "Bash(clodex-dispatch:*)"];

/// Where a scenario takes place.
struct Scene {
    stage: ClaudeStage,
    /// What Codex talks to.
    _codex_model: ScriptedModel,
}

impl Scene {
    fn real() -> Option<Self> {
        Self::of(ClaudeVersion::Pinned)
    }

    fn of(version: ClaudeVersion) -> Option<Self> {
        let stage = ClaudeStage::of(version, json!([]))?;
        let codex_model = ScriptedModel::start().unwrap();
        stage.sandbox.codex_is(Codex::Real(real_codex().ok()?)).model_is(&codex_model);
        Some(Self { stage, _codex_model: codex_model })
    }

    /// Settings of the user's own.
    fn settings_are(&self, settings: &Value) {
        self.stage.sandbox.file("home/.claude/settings.json", settings.to_string());
    }

    /// Settings with our line in them.
    fn shows_our_line(&self) {
        let command = binaries().join("clodex-statusline");
        self.settings_are(
            &json!({ "statusLine": { "type": "command", "command": command, "refreshInterval": 1 } }),
        );
    }

    /// A session that asks for nothing that our commands need.
    #[track_caller]
    fn session(&self, arguments: &[&str]) -> ClaudeTerminal<'_> {
        self.stage.terminal(&[&ALLOWED, arguments].concat())
    }

    /// The packet of a worker who writes `src/<name>/new.txt`, and then thinks until it may go on.
    fn packet(&self, name: &str) -> PathBuf {
        let (scope, file) = (format!("src/{name}/"), format!("src/{name}/new.txt"));
        let answer = json!({ "result": "done", "summary": "wrote it", "report": format!("Wrote {file}."),
            "changed_files": [file], "verification_run": [], "evidence": [], "findings": [], "risks": [],
            "next": "", "verdict": "CLEAN" });
        let work = json!([{ "do": [{ "run": format!("mkdir -p {scope} && echo new > {file}") }] },
                          { "do": [{ "until": self.gate(name) }, { "answer": answer }] }]);
        let packet = Packet::worker(&[&scope]).objective("add a file").script(&work);
        let packet = packet.with(&format!("NAME: {name}")).to_text(&self.stage.sandbox.repo());
        self.stage.sandbox.file(&format!("{name}.md"), packet)
    }

    fn gate(&self, name: &str) -> PathBuf {
        self.stage.sandbox.root().join(format!("{name}-may-go-on"))
    }

    /// Lets a run come to its end.
    fn let_go_on(&self, name: &str) {
        fs::write(self.gate(name), "").unwrap();
    }

    /// Waits until Codex has done its work and thinks.
    #[track_caller]
    fn until_it_thinks(&self, name: &str) {
        let file = self.stage.sandbox.repo().join(format!("src/{name}/new.txt"));
        eventually(LIMIT, || file.exists().then_some(()));
    }

    /// Lets the model dispatch a packet in the background, and waits until Codex has done its work and thinks.
    #[track_caller]
    fn dispatch_in(&self, claude: &ClaudeTerminal<'_>, name: &str) {
        claude.play(name, json!([dispatch(&self.packet(name)), say("Codex has it"), say("Codex is done")]));
        claude.shows(&["Codex has it"]);
        self.until_it_thinks(name);
    }

    /// Waits until the user sees these words, or the model is told them: who is asked depends on what the host can do.
    #[track_caller]
    fn until_told(&self, claude: &ClaudeTerminal<'_>, words: &[&str]) {
        let is_told = |text: &str| words.iter().all(|words| text.contains(words));
        let asked = || self.stage.model.asked().last().is_some_and(|asked| is_told(asked));
        claude.until(&format!("{words:?}"), |screen| is_told(screen) || asked());
    }

    /// The id of a run.
    fn id(&self, name: &str) -> String {
        self.stage.sandbox.status(name)["id"].as_str().unwrap().to_owned()
    }

    /// Whether a run is live, or what became of it.
    fn state(&self, name: &str) -> Value {
        self.stage.sandbox.status(name)["state"].clone()
    }

    /// Waits until a run has ended, and tells its outcome and verdict.
    #[track_caller]
    fn until_ended(&self, name: &str) -> (Value, Value) {
        let run = self.stage.sandbox.until_status(name, |run| run["state"] == "ended");
        (run["outcome"].clone(), run["verdict"].clone())
    }
}

impl Drop for Scene {
    /// Nothing lives when the sessions are over, and no run has left anything that it does not need any more.
    fn drop(&mut self) {
        if !thread::panicking() {
            eventually(LIMIT, || leftovers(self.stage.sandbox.marker()).is_empty().then_some(()));
            self.stage.sandbox.assert_no_leftovers();
        }
    }
}

/// How a model dispatches a packet: in the background, as the skill tells it.
fn dispatch(packet: &Path) -> Value {
    bash(&format!("clodex-dispatch --task {}", packet.display()), true)
}

/// The model's call of Bash.
fn bash(command: &str, in_background: bool) -> Value {
    let mut input = json!({ "command": command, "description": "Codex adds a file" });
    if in_background {
        input["run_in_background"] = json!(true);
        input["timeout"] = json!(7_200_000);
    }
    json!({ "do": [{ "tool": { "name": "Bash", "input": input } }] })
}

fn say(text: &str) -> Value {
    json!({ "do": [{ "say": text }] })
}
