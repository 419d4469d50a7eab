//! What the program does with its arguments: lint, dry run, or a run, here or detached.

use std::io::{self, BufRead as _, PipeReader, Read as _, Write as _};
use std::process::ExitCode as ProcessExit;
use std::time::{Duration, Instant};

use clap::Parser as _;
use clodex_codex::{AddedMcp, CodexConfig, codex_home};
use clodex_core::{ExitCode, RunId};
use clodex_os::clock::Timestamp;
use clodex_os::detach::{self, Side};
use clodex_os::record_store::{RecordStore, StateDir};
use clodex_os::signals::StopSignals;
use clodex_os::{run_suffix, say, wrapper_beside_this_program};

use crate::artifacts::Artifacts;
use crate::backend::Driver;
use crate::cli::Cli;
use crate::close::Finished;
use crate::codex_start::Codex;
use crate::enforcement::Held;
use crate::hand_over::{self, Importer};
use crate::isolate;
use crate::output_file;
use crate::plan::Plan;
use crate::planning;
use crate::quota::{QuotaGate, QuotaMemory};
use crate::refusal::Refusal;
use crate::report;
use crate::review;
use crate::run::{Run, write_first};
use crate::run_resources::{self, RunResources};

/// Runs the program.
pub fn main() -> ProcessExit {
    let begun = Instant::now();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { ExitCode::Usage } else { ExitCode::Done };
            // A closed stdout or stderr changes nothing about the arguments.
            let _ = error.print();
            if error.use_stderr() && std::env::args_os().any(|arg| arg == "--json") {
                let told = error.to_string();
                let first = told.lines().next().unwrap_or_default().trim_start_matches("error: ");
                say_refused(&Refusal::usage(first, "see `clodex-dispatch --help`"));
            }
            return exit(code as u8);
        }
    };
    match carry_out(&cli, begun) {
        Ok(code) => exit(code),
        Err(refusal) => {
            tell(&cli, &refusal);
            exit(refusal.code as u8)
        }
    }
}

fn carry_out(cli: &Cli, begun: Instant) -> Result<u8, Refusal> {
    if let Some(packet) = &cli.lint {
        let notes = planning::lint(packet)?;
        let notes: Vec<String> = notes.iter().map(|note| format!("note: {note}\n")).collect();
        say(&format!("{}: ok\n{}", packet.display(), notes.concat()));
        return Ok(ExitCode::Done as u8);
    }
    if cli.dry_run {
        let mut plan = planning::plan(cli)?;
        hand_over::quote(&mut plan);
        return dry_run(&plan);
    }
    let output = output_file::clear(cli)?;
    let plan = Plan { output, ..planning::plan(cli)? };
    if cli.detach {
        return detached(cli, plan, begun);
    }
    let retention_days = plan.retention_days;
    let manner = Manner { detached: false, speaks: !cli.quiet };
    let finished = go(plan, begun, manner, |opened| {
        if cli.await_go {
            say(&first_object(opened));
            return wait_for_go();
        }
        if cli.json {
            remark(cli, &first_line(opened));
        } else {
            say(&first_line(opened));
        }
        Ok(())
    })?;
    tell_result(cli, &finished);
    prune_on_the_side(retention_days);
    Ok(finished.code as u8)
}

/// When all is told: nobody waits for it but the end of this process.
fn prune_on_the_side(retention_days: u64) {
    if let Some(state) = StateDir::from_env() {
        clodex_retention::once_a_day(&RecordStore::look_at(state), retention_days);
    }
}

/// How long what a run secured is kept.
fn kept_for(plan: &Plan) -> Duration {
    match plan.retention_days {
        0 => Duration::MAX,
        days => clodex_retention::days_long(days),
    }
}

/// How a run is started.
#[derive(Debug, Clone, Copy)]
struct Manner {
    detached: bool,
    speaks: bool,
}

/// Makes the places, says the first line, and runs to the end.
fn go(
    plan: Plan,
    begun: Instant,
    manner: Manner,
    announce: impl FnOnce(&RunResources) -> Result<(), Refusal>,
) -> Result<Finished, Refusal> {
    let signals = StopSignals::catch_and_outlive_group().map_err(|error| {
        Refusal::usage(format!("cannot catch signals: {error}"), "raise the limit of open files")
    })?;
    let state = StateDir::required().map_err(|failure| Refusal::told(ExitCode::Usage, &failure.message()))?;
    let store = RecordStore::open(state).map_err(|error| Refusal::told(ExitCode::Usage, &error))?;
    let codex = Codex::find(plan.codex.as_deref(), store.dir().path())?;
    review::check_codex(&plan, &codex)?;
    let home = codex_home();
    let config =
        home.as_ref().map_or_else(CodexConfig::default, |home| CodexConfig::read(home, &plan.workdir));
    refuse_unknown_mcp(&plan, &config)?;
    let driver = Driver::choose(&plan, &codex, &config)?;
    let memory = QuotaMemory::of(store.dir(), home.as_deref(), &config, driver);
    // It takes longer than what follows.
    let gate = QuotaGate::begin(&plan, &codex, memory.as_ref());
    let wrapper =
        wrapper_beside_this_program().map_err(|error| Refusal::told(ExitCode::Unreachable, &error))?;
    // Runs whose dispatcher was killed are closed by whoever comes next, before this one counts as living in the same
    // directory. That it cannot be done is no reason not to run.
    let _ = store.reap_all();
    clodex_scope::sweep(&store.dir().secured(), |id| store.dir().is_among_live(id), kept_for(&plan));
    clodex_retention::sweep_worktrees(&store);
    let worktrees = store.dir().worktree_ids();
    let held = Held::decide(&plan, &codex, &config, store.dir().path())?;
    let opened = run_resources::open(&plan, &held, driver, &store, manner.detached)?;
    if let Err(refusal) = announce(&opened) {
        opened.refuse(&refusal);
        return Err(refusal);
    }
    let (mut plan, mut opened) = isolate::enter(plan, held.enforcement, &store, opened)?;
    let importer = Importer { codex: &codex.binary, codex_home: home.as_deref(), scratch: &opened.scratch };
    opened.notes.extend(hand_over::begin(&mut plan, importer));
    opened.notes.extend(driver.note(&plan, &codex, &config));
    opened.record.thread_id.clone_from(&plan.resume);
    opened.record.quota = gate.known().cloned();
    let run = Run {
        plan: &plan,
        held,
        codex,
        driver,
        config,
        codex_home: home,
        wrapper,
        store: &store,
        worktrees,
        memory,
        begun,
        speaks: manner.speaks,
    };
    run.carry_out(opened, gate, signals)
}

/// The caller's side waits for the first line and ends; the other side is the run.
fn detached(cli: &Cli, plan: Plan, begun: Instant) -> Result<u8, Refusal> {
    match detach::split().map_err(|error| Refusal::told(ExitCode::Usage, &error))? {
        Side::Caller(from_run) => hear(from_run),
        Side::Detached(to_caller) => {
            let mut to_caller = Some(to_caller);
            let retention_days = plan.retention_days;
            let finished = go(plan, begun, Manner { detached: true, speaks: false }, |opened| {
                if let Some(mut to_caller) = to_caller.take() {
                    let first = if cli.json { first_object(opened) } else { first_line(opened) };
                    let _ = to_caller.write_all(format!("0{first}").as_bytes());
                }
                Ok(())
            });
            if let (Err(refusal), Some(mut to_caller)) = (&finished, to_caller) {
                let _ = to_caller.write_all(format!("{}{refusal}\n", refusal.code as u8).as_bytes());
            }
            prune_on_the_side(retention_days);
            finished.map(|finished| finished.code as u8)
        }
    }
}

/// One digit, the exit code, then what is to be said: the first line, or why there is no run.
fn hear(mut from_run: PipeReader) -> Result<u8, Refusal> {
    let mut said = String::new();
    // A side that dies without a word has said nothing.
    let _ = from_run.read_to_string(&mut said);
    match said.split_at_checked(1) {
        Some(("0", first)) => {
            say(first);
            Ok(0)
        }
        Some((code, why)) => {
            let _ = io::stderr().write_all(format!("clodex-dispatch: {why}").as_bytes());
            Ok(code.parse().unwrap_or(ExitCode::Usage as u8))
        }
        None => {
            Err(Refusal::usage("the detached run died before it began", "run it without --detach to see why"))
        }
    }
}

/// Writes what a run would start with, and shows where each setting comes from.
fn dry_run(plan: &Plan) -> Result<u8, Refusal> {
    let id = RunId::new(&Timestamp::now().compact(), plan.mode, &plan.name, &run_suffix());
    let parent = run_resources::runs_dir(plan)?;
    let made = Artifacts::create(&parent, &id).and_then(|mut artifacts| {
        write_first(plan, &mut artifacts)?;
        artifacts.write("settings.txt", plan.shown().into_bytes())?;
        Ok(artifacts)
    });
    let artifacts = made.map_err(|error| {
        Refusal::usage(
            format!("cannot write to {}: {error}", parent.display()),
            "name another place with --output-dir",
        )
    })?;
    say(&format!("dry run {id}\nartifacts {}\n\n{}", artifacts.dir().display(), plan.shown()));
    Ok(ExitCode::Done as u8)
}

fn refuse_unknown_mcp(plan: &Plan, config: &CodexConfig) -> Result<(), Refusal> {
    let taken = |server: &&AddedMcp| config.mcp_servers.contains_key(&server.name);
    if let Some(server) = plan.added_mcp.iter().find(taken) {
        return Err(Refusal::usage(
            format!("--mcp: Codex's configuration has an MCP server `{}` already", server.name),
            "give yours another name; the packet's field MCP lets that one stay on",
        ));
    }
    let mut names: Vec<&str> = plan.added_mcp.iter().map(|server| server.name.as_str()).collect();
    names.sort_unstable();
    if let Some([name, ..]) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Refusal::usage(
            format!("--mcp gives two servers the name `{name}`"),
            "give each a name of its own",
        ));
    }
    match config.unknown_mcp_servers(&plan.mcp).as_slice() {
        [] => Ok(()),
        unknown => Err(Refusal::usage(
            format!(
                "the packet's MCP names what Codex's configuration does not have: {}",
                unknown.join(", ")
            ),
            match config.mcp_servers.keys().cloned().collect::<Vec<_>>().as_slice() {
                [] => "it has no MCP server at all; see `codex mcp add`".to_owned(),
                known => format!("known: {}", known.join(", ")),
            },
        )),
    }
}

/// Whoever started this run writes its id down before it lets it go: a run that nobody knows of does not work. Whoever
/// dies before that lets nothing go.
fn wait_for_go() -> Result<(), Refusal> {
    let mut word = String::new();
    match io::stdin().lock().read_line(&mut word) {
        Ok(read) if read > 0 => Ok(()),
        Ok(_) | Err(_) => Err(Refusal {
            code: ExitCode::Cancelled,
            message: "the caller ended before it released the run".to_owned(),
            hint: None,
        }),
    }
}

/// The same for programs, where nothing else will be said.
fn first_object(opened: &RunResources) -> String {
    let record = &opened.record;
    format!(
        "{}\n",
        serde_json::json!({ "version": 1, "run_id": record.id, "artifact_dir": record.artifact_dir })
    )
}

fn first_line(opened: &RunResources) -> String {
    format!("run {} · artifacts {}\n", opened.record.id, report::one_line(&opened.record.artifact_dir))
}

fn tell_result(cli: &Cli, finished: &Finished) {
    if cli.json {
        match serde_json::to_string_pretty(&finished.result) {
            Ok(text) => say(&format!("{text}\n")),
            Err(error) => remark(cli, &format!("cannot write the result as JSON: {error}\n")),
        }
    } else {
        say(&format!("\n{}", finished.report));
    }
    // Not a remark that --quiet could be meant for.
    for failure in &finished.failures {
        let _ = io::stderr().write_all(format!("clodex-dispatch: {failure}\n").as_bytes());
    }
}

fn tell(cli: &Cli, refusal: &Refusal) {
    let _ = io::stderr().write_all(format!("clodex-dispatch: {refusal}\n").as_bytes());
    if cli.json {
        say_refused(refusal);
    }
}

fn say_refused(refusal: &Refusal) {
    let told = serde_json::json!({
        "version": 1, "outcome": "refused", "verdict": "refused", "exit_code": refusal.code as u8,
        "error": refusal.message, "hint": refusal.hint,
    });
    say(&format!("{told}\n"));
}

/// stderr is for people.
fn remark(cli: &Cli, text: &str) {
    if !cli.quiet {
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

fn exit(code: u8) -> ProcessExit {
    ProcessExit::from(code)
}
