//! A sandbox whose real Codex talks to a scripted model, and clodex-dispatch in it. Knows nothing of any one test.

use std::os::unix::process::CommandExt;
use std::process::Command;

use clodex_sim::ScriptedModel;
use clodex_sim::responses::{Request, Script};
use clodex_tests::{Codex, Dispatched, LIMIT, Packet, Running, Sandbox, real_codex, run_with_timeout};
use serde_json::{Value, json};

/// The smallest PNG there is: one transparent pixel.
pub const ONE_PIXEL: &[u8] = &[
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 1, 0, 0, 0, 1, 8, 6, 0, 0, 0, 31,
    21, 196, 137, 0, 0, 0, 11, 73, 68, 65, 84, 120, 156, 99, 96, 0, 2, 0, 0, 5, 0, 1, 122, 94, 171, 63, 0, 0,
    0, 0, 73, 69, 78, 68, 174, 66, 96, 130,
];

/// Where a test takes place.
pub struct Stage {
    /// Everything but the model.
    pub sandbox: Sandbox,
    /// What the real Codex talks to.
    pub model: ScriptedModel,
}

impl Stage {
    /// A stage with the real Codex; none where there is no such thing (which is told by name).
    pub fn real() -> Option<Self> {
        let codex = real_codex().ok()?;
        let stage = Self { sandbox: Sandbox::new(), model: ScriptedModel::start().unwrap() };
        stage.sandbox.codex_is(Codex::Real(codex)).model_is(&stage.model);
        Some(stage)
    }

    /// Lets the model find the script for a prompt that carries none.
    pub fn answering(self, script: impl Fn(&Request) -> Value + Send + Sync + 'static) -> Self {
        let model =
            ScriptedModel::with_default(move |request| Script::from_json(script(request)).unwrap()).unwrap();
        self.sandbox.model_is(&model);
        Self { model, ..self }
    }

    /// Dispatches a packet and waits for the end.
    #[track_caller]
    pub fn packet(&self, packet: &Packet, args: &[&str]) -> Dispatched {
        dispatch_packet(&self.sandbox, packet, args)
    }

    /// Dispatches with these arguments and waits for the end.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Dispatched {
        dispatch(&self.sandbox, args)
    }

    /// A program that serves on a loopback port: `--port-file FILE`.
    pub fn model_program() -> String {
        clodex_tests::binaries().join("clodex-sim-model").display().to_string()
    }

    /// What Codex asked the model, in order.
    pub fn asked(&self) -> Vec<Request> {
        let requests = self.model.requests();
        requests
            .iter()
            .filter(|request| request.path == "/v1/responses")
            .map(|request| Request::clone(request))
            .collect()
    }
}

/// Dispatches a packet in a sandbox and waits for the end.
#[track_caller]
pub fn dispatch_packet(sandbox: &Sandbox, packet: &Packet, args: &[&str]) -> Dispatched {
    let path = sandbox.packet(packet);
    let path = path.to_str().unwrap();
    dispatch(sandbox, &[&["--task", path], args].concat())
}

/// Dispatches in a sandbox and waits for the end.
#[track_caller]
pub fn dispatch(sandbox: &Sandbox, args: &[&str]) -> Dispatched {
    dispatch_with(sandbox, args, b"", &[])
}

/// Dispatches with something on stdin and more in the environment.
#[track_caller]
pub fn dispatch_with(sandbox: &Sandbox, args: &[&str], stdin: &[u8], env: &[(&str, &str)]) -> Dispatched {
    let mut command = sandbox.dispatcher(args);
    command.envs(env.iter().copied());
    Dispatched::of(Running::start(command, stdin).finish(LIMIT))
}

/// One of the four helpers that look at runs: one binary that goes by its name.
pub fn looking(sandbox: &Sandbox, name: &str) -> Command {
    let mut command = sandbox.command("clodex-status");
    command.arg0(name);
    command
}

/// Runs one of the looking helpers to its end and gives its stdout.
#[track_caller]
pub fn helper(sandbox: &Sandbox, name: &str, args: &[&str]) -> String {
    let mut command = looking(sandbox, name);
    command.args(args);
    let output = run_with_timeout(command, LIMIT);
    assert!(output.status.success(), "{name} {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The final message of a worker that has delivered.
pub fn clean() -> Value {
    claim("done", "CLEAN")
}

/// A final message in clodex's own schema.
pub fn claim(result: &str, verdict: &str) -> Value {
    json!({ "answer": {
        "result": result, "summary": "slug() is there", "report": "# Report\n\nWrote `slug()`.",
        "changed_files": ["src/a.txt"], "verification_run": ["true: passed"], "evidence": ["read it"],
        "findings": [], "risks": ["none seen"], "next": "", "verdict": verdict,
    } })
}

/// A step in which the model does these things.
pub fn step(acts: &[Value]) -> Value {
    json!({ "do": acts })
}

/// A shell command of the model, which looks away from it as late as Codex lets it.
pub fn sh(command: &str) -> Value {
    json!({ "run": { "cmd": command, "yield_time_ms": 30_000 } })
}
