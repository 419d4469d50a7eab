//! The command line that we give Codex, proven by the real one: what it switches off is off, what it scrubs is gone.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use clodex_codex::{
    CodexConfig, CommandEnvironment, Conversation, ExecRequest, Held, Keep, SlashTmp, event_from_line,
    exec_argv, locate, probe_version,
};
use clodex_core::{Event, Sandbox as CodexSandbox};
use clodex_sim::responses::embed;
use clodex_sim::{CodexHome, ScriptedModel};
use clodex_tests::{Codex, LIMIT, Running, Sandbox, eventually, real_codex};
use serde_json::json;

/// What of the caller's environment is in every test; the first is the provider's key.
const SECRETS: [&str; 5] = ["MOCK_CREDS", "GITHUB_TOKEN", "MY_PASSWORD", "DATABASE_URL", "THEIRS"];

/// Hooks run without having been trusted before: what has to be shown is that they are off.
const TRUSTED: &str = "--dangerously-bypass-hook-trust";

/// A worker run of the real Codex with our command line: what its stream told.
fn run(sandbox: &Sandbox, prompt: &str, allowed_mcp: &[String]) -> Vec<Event<'static>> {
    let binary = locate(Some(&sandbox.root().join("bin/codex")), "".as_ref()).unwrap();
    let version = probe_version(&binary, None).unwrap();
    let workdir = sandbox.repo();
    let config = CodexConfig::read(&sandbox.codex_home(), &workdir);
    let schema = sandbox.file("schema.json", r#"{"type":"object"}"#);
    let request = ExecRequest {
        held: Held::Sandbox(CodexSandbox::WorkspaceWrite, SlashTmp::Shared),
        workdir: &workdir,
        model: None,
        effort: Some("low"),
        images: &[],
        conversation: Conversation::New { schema: &schema },
        keep: Keep::Thread,
        allowed_mcp,
        added_mcp: &[],
        environment: CommandEnvironment { run_id: "the-run", tmp: Path::new("/t"), pytest_addopts: None },
    };
    let mut argv = exec_argv(&request, &config, &version).unwrap();
    argv.insert(1, TRUSTED.into());
    codex_says(sandbox, prompt, argv)
}

fn codex_says(sandbox: &Sandbox, prompt: &str, argv: Vec<OsString>) -> Vec<Event<'static>> {
    let mut codex = sandbox.command("codex");
    codex.args(argv);
    codex.envs(SECRETS.map(|name| (name, "hush-hush")));
    let output = Running::start(codex, prompt.as_bytes()).finish(LIMIT);
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let events: Vec<Event<'static>> = lines.map(|line| event_from_line(line).into_owned()).collect();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(events.last(), Some(Event::TurnCompleted { .. })), "{events:?}\n{stderr}");
    events
}

fn environment_of_the_command(sandbox: &Sandbox) -> String {
    let prompt =
        embed(&json!([{ "do": [{ "run": "/usr/bin/env; /bin/sleep 0.3" }] }, { "do": [{ "say": "done" }] }]));
    let events = run(sandbox, &prompt, &[]);
    let output = events.into_iter().find_map(|event| match event {
        Event::CommandEnded { output, .. } => Some(output.into_owned()),
        _ => None,
    });
    output.unwrap()
}

/// A program that leaves a file when it is started, and is no MCP server, notifier or hook otherwise.
fn leaves(file: &Path) -> String {
    format!("command = \"touch\"\nargs = [\"{}\"]", file.display())
}

#[test]
fn codex_keeps_its_providers_key_and_its_commands_see_no_secret() {
    let Ok(codex) = real_codex() else { return };
    let (sandbox, model) = (Sandbox::new(), ScriptedModel::start().unwrap());
    let theirs = "[shell_environment_policy]\nexclude = [\"THEIRS\"]\n";
    let home = CodexHome::new(model.port()).env_key("MOCK_CREDS").sections(theirs);
    sandbox.codex_is(Codex::Real(codex)).codex_home_is(&home);
    let environment = environment_of_the_command(&sandbox);
    assert!(!environment.contains("hush-hush"), "{environment}");
    assert!(environment.contains("CLODEX_RUN_ID=the-run\n"), "{environment}");
    assert!(environment.contains("CLODEX_TEST_MARKER="), "what is not a secret stays: {environment}");
    let keys: Vec<_> =
        model.requests().iter().map(|r| r.header("authorization").map(str::to_owned)).collect();
    assert!(keys.iter().all(|key| key.as_deref() == Some("Bearer hush-hush")), "{keys:?}");
}

#[test]
fn the_mark_survives_a_policy_that_drops_the_environment() {
    let Ok(codex) = real_codex() else { return };
    for policy in ["inherit = \"core\"", "inherit = \"none\"", "include_only = [\"PATH\"]"] {
        let (sandbox, model) = (Sandbox::new(), ScriptedModel::start().unwrap());
        let policy = format!("[shell_environment_policy]\n{policy}\n");
        sandbox
            .codex_is(Codex::Real(codex.clone()))
            .codex_home_is(&CodexHome::new(model.port()).sections(&policy));
        let environment = environment_of_the_command(&sandbox);
        assert!(environment.contains("CLODEX_RUN_ID=the-run\n"), "{policy}: {environment}");
    }
}

#[test]
fn what_the_user_lets_codex_start_is_started_only_when_named() {
    let Ok(codex) = real_codex() else { return };
    let (sandbox, model) = (Sandbox::new(), ScriptedModel::start().unwrap());
    let started = |name: &str| sandbox.root().join(name);
    let sections = format!(
        "[mcp_servers.plain]\n{}\n[mcp_servers.\"dotted.name\"]\n{}\n[mcp_servers.web]\nurl = \"http://127.0.0.1:9/mcp\"\n\
         [[hooks.SessionStart]]\n[[hooks.SessionStart.hooks]]\ntype = \"command\"\ncommand = \"touch {}\"\n",
        leaves(&started("plain")),
        leaves(&started("dotted")),
        started("hook").display(),
    );
    sandbox.codex_is(Codex::Real(codex)).codex_home_is(&CodexHome::new(model.port()).sections(&sections));
    let notify = format!("notify = [\"touch\", \"{}\"]\n", started("notified").display());
    let config = sandbox.codex_home().join("config.toml");
    fs::write(&config, notify + &fs::read_to_string(&config).unwrap()).unwrap();

    let prompt = embed(&json!([{ "do": [{ "say": "done" }] }]));
    let all = ["plain", "dotted", "hook", "notified"];
    run(&sandbox, &prompt, &[]);
    assert_eq!(all.map(|name| started(name).exists()), [false; 4]);
    run(&sandbox, &prompt, &["dotted.name".to_owned()]);
    assert_eq!(all.map(|name| started(name).exists()), [false, true, false, false]);
    codex_says(&sandbox, &prompt, ["exec", TRUSTED, "--json", "-"].map(OsString::from).into());
    // Without our switches all of them are started, the notifier without anybody waiting for it.
    eventually(LIMIT, || all.iter().all(|name| started(name).exists()).then_some(()));
}
