//! From arguments, settings and packet to a [`Plan`]. Reads files and the environment; changes nothing.

use std::env;
use std::path::{Path, PathBuf};

use clodex_codex::AnswerSchema;
use clodex_codex::app_server::call::INPUT_MAX_CHARS;
use clodex_core::{
    AnswerForm, Backend, ByProducts, Enforcement, ExitCode, Flow, Isolate, Layer, Mode, ModelChoice,
    PacketProblem, Place, Prompt, Sandbox, ScopeRules, Setting, Settings, Task, fenced,
};
use clodex_os::ConfigFiles;
use clodex_scope::{Reach, Tree, Wishes};

use crate::answer::Schema;
use crate::cli::Cli;
use crate::flow_leftovers;
use crate::hand_over::HandOver;
use crate::homes::{self, real};
use crate::overlap_gate::OverlapGate;
use crate::packet_file::PacketFile;
use crate::plan::{Plan, RunsDir};
use crate::quota::QuotaWish;
use crate::refusal::Refusal;
use crate::review;
use crate::task_request::TaskRequest;
use crate::task_text::{as_documents, documents, read_file};
use crate::thread_ref;

/// Decides everything about the run that the arguments ask for.
pub fn plan(cli: &Cli) -> Result<Plan, Refusal> {
    let packet = cli.task.as_deref().map(PacketFile::read).transpose()?;
    let contract = cli.contract.as_deref().map(PacketFile::read).transpose()?;
    let (workdir, tree) = match packet.as_ref().or(contract.as_ref()) {
        Some(file) => file.place()?,
        None => free_place(cli)?,
    };
    let contract = contract.map(|file| file.packet);
    let files = ConfigFiles::read(tree.root())?;
    let said = match (&packet, &contract) {
        (Some(file), _) => Layer::from_packet(&file.packet),
        // What it says of its scope is nothing for a run that has none.
        (None, Some(contract)) => Layer { allow_dirty_overlap: None, ..Layer::from_packet(contract) },
        (None, None) => Layer::default(),
    };
    let settings = settings(cli, said, &files)?;
    let asked = match packet {
        Some(file) => TaskRequest::by_packet(file, cli.name.as_deref()),
        None if cli.review => review::asked(cli, &settings, &tree)?,
        None => TaskRequest::by_arguments(cli, &settings, contract.as_ref())?,
    };
    decide(cli, asked, workdir, tree, &files, &settings)
}

/// Checks a packet and what it says of the file system; for `--lint`. What is not wrong and yet should be known comes
/// back.
pub fn lint(path: &Path) -> Result<Vec<String>, Refusal> {
    let file = PacketFile::read(path)?;
    let (_, tree) = file.place()?;
    let tiers = ConfigFiles::read(tree.root())?.tiers()?;
    if let Some(tier) = &file.packet.tier {
        tiers.choose(&tier.text).map_err(|unknown| {
            let known = format!("the tiers are {}", unknown.known.join(", "));
            file.refuse(vec![PacketProblem::at(tier.line, format!("unknown tier `{}`", unknown.name), known)])
        })?;
    }
    let asked = TaskRequest::by_packet(file, None);
    let rules = tree.scope_rules(asked.scope_entries(&tree)?);
    let by_products = asked.by_products(&tree, &[])?;
    let reach = clodex_scope::grants(&tree, &rules, &by_products, &Wishes::default());
    let is_named =
        |path: &[u8]| rules.places().any(|place| matches!(place, Place::Directory(named) if *named == *path));
    let made = reach.create.iter().filter_map(|made| made.strip_prefix(tree.root()).ok()?.to_str());
    let made = made.filter(|path| is_named(path.as_bytes()));
    let made = made.map(|path| format!("`{path}/` is not there: it is made before the run"));
    Ok(reach.notes.iter().cloned().chain(made).collect())
}

fn decide(
    cli: &Cli,
    asked: TaskRequest,
    workdir: PathBuf,
    tree: Tree,
    files: &ConfigFiles,
    settings: &Settings,
) -> Result<Plan, Refusal> {
    let rules = tree.scope_rules(asked.scope_entries(&tree)?);
    let configured: Vec<&str> = settings.by_products.iter().map(|setting| setting.value.as_str()).collect();
    let by_products = asked.by_products(&tree, &configured)?;
    let (sandbox, enforcement) = sandbox(cli, asked.mode, settings)?;
    let deny: Vec<PathBuf> =
        asked.deny_read.iter().flat_map(|entry| clodex_codex::denials(entry, &workdir)).collect();
    if !deny.is_empty() && matches!(enforcement, Some(Enforcement::Sandbox | Enforcement::None)) {
        return Err(Refusal::usage(
            "DENY READ can only be held by a profile",
            "leave out `--enforcement`, or DENY READ",
        ));
    }
    let choice = model_choice(cli, files, settings)?;
    let schema = schema(cli)?;
    let images = cli.image.iter().map(|image| real_file(image)).collect::<Result<Vec<_>, _>>()?;
    let resume = cli.resume.as_deref().map(|text| thread_ref::resolve_thread(text, "resume")).transpose()?;
    let fork = cli.fork.as_deref().map(|text| thread_ref::resolve_thread(text, "fork")).transpose()?;
    clodex_codex::check_expressible(&images, resume.as_deref().or(fork.as_deref()))
        .map_err(|error| Refusal::told(ExitCode::Usage, &error))?;
    let prompt = match &asked.prompt {
        Some(own) => own.clone(),
        None => prompt(cli, &asked, &workdir, &schema)?,
    };
    check_length(&prompt)?;
    let rows = settings.rows();
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let runs_dir = match &settings.output_dir.value {
        Some(dir) => RunsDir::Named(absolute(dir)),
        None => RunsDir::InWorkdir(workdir.join(".codex-dispatch").join("runs")),
    };
    let homes = homes::in_tree(&tree);
    let reach = reach(&tree, sandbox, (&rules, &by_products), asked.allow_commit, &runs_dir, &homes);
    Ok(Plan {
        name: asked.name,
        mode: asked.mode,
        objective: asked.objective,
        task: asked.task.into_bytes(),
        prompt,
        write_scope: rules.entries(),
        rules,
        by_products,
        verification: asked.verification,
        mcp: asked.mcp,
        added_mcp: cli.mcp.clone(),
        sandbox,
        enforcement,
        reach,
        homes,
        deny,
        network: asked.network,
        allow_commit: asked.allow_commit,
        isolate: settings.isolate.value,
        copy: asked.copy,
        // In a worktree of its own there is no work of the user's to overwrite, unless what lies uncommitted in theirs
        // comes along as the flow's.
        allow_dirty_overlap: settings.allow_dirty_overlap.value
            || settings.isolate.value.is_on() && cli.goes_on.is_empty(),
        left: flow_leftovers::left_by(&cli.goes_on, flow(cli).as_ref(), &tree),
        containment: settings.containment.value,
        on_violation: settings.on_violation.value,
        secured_bytes: settings.secured_mib.value << 20,
        retention_days: settings.retention_days.value,
        quota: QuotaWish { gate: settings.quota_gate.value, is_forced: cli.force },
        overlap_gate: if cli.force { OverlapGate::Forced } else { OverlapGate::Shut },
        model: choice.model,
        fallback_model: choice.fallback,
        backend: settings.backend.value,
        effort: cli.effort.clone().or(choice.effort),
        resume,
        fork,
        session: cli.from_session.as_deref().map(HandOver::read).transpose()?,
        ephemeral: cli.ephemeral,
        images,
        schema,
        codex: settings.codex.value.clone(),
        timeout_sec: settings.timeout_sec.value,
        verify: settings.verify.value.then_some(settings.verify_timeout_sec.value),
        heartbeat_sec: settings.heartbeat_sec.value,
        answer_timeout_sec: settings.answer_timeout_sec.value,
        idle_timeout_sec: settings.idle_timeout_sec.value,
        runs_dir,
        output: None,
        flow: flow(cli),
        effective: rows.iter().map(|(name, value, source)| format!("{name} = {value}  ({source})")).collect(),
        workdir,
        tree,
    })
}

fn flow(cli: &Cli) -> Option<Flow> {
    let (id, step) = (cli.flow.clone()?, cli.step.clone()?);
    Some(Flow { id, step, label: cli.step_label.clone().unwrap_or_default() })
}

fn free_place(cli: &Cli) -> Result<(PathBuf, Tree), Refusal> {
    let named = cli.workdir.as_deref().unwrap_or(Path::new("."));
    let refused = |why: String| {
        Refusal::usage(
            format!("cannot use work directory `{}`: {why}", named.display()),
            "name a directory with -C",
        )
    };
    let workdir = named.canonicalize().map_err(|error| refused(error.to_string()))?;
    if !workdir.is_dir() {
        return Err(refused("it is not a directory".to_owned()));
    }
    let tree = Tree::discover(&workdir).map_err(|error| Refusal::told(ExitCode::Usage, &error))?;
    Ok((workdir, tree))
}

fn settings(cli: &Cli, packet: Layer, files: &ConfigFiles) -> Result<Settings, Refusal> {
    let flags = Layer {
        timeout_sec: cli.timeout_sec.map(|value| Setting::flag("--timeout-sec", value)),
        heartbeat_sec: cli.heartbeat_sec.map(|value| Setting::flag("--heartbeat-sec", value)),
        answer_timeout_sec: cli.answer_timeout.map(|value| Setting::flag("--answer-timeout", value)),
        idle_timeout_sec: cli.idle_timeout.map(|value| Setting::flag("--idle-timeout", value)),
        tier: cli.tier.clone().map(|value| Setting::flag("--tier", value)),
        enforcement: cli.enforcement.map(|value| Setting::flag("--enforcement", value)),
        sandbox: if cli.review {
            Some(Setting::flag("--review", Sandbox::ReadOnly))
        } else {
            cli.sandbox.map(|value| Setting::flag("--sandbox", value))
        },
        allow_dirty_overlap: cli.allow_dirty_overlap.then(|| Setting::flag("--allow-dirty-overlap", true)),
        verify: if cli.check.is_empty() {
            cli.verify.then(|| Setting::flag("--verify", true))
        } else {
            Some(Setting::flag("--check", true))
        },
        verify_timeout_sec: cli.verify_timeout_sec.map(|value| Setting::flag("--verify-timeout-sec", value)),
        output_dir: cli.output_dir.clone().map(|value| Setting::flag("--output-dir", value)),
        codex: cli.codex.clone().map(|value| Setting::flag("--codex", value)),
        isolate: if cli.review {
            Some(Setting::flag("--review", Isolate::Off))
        } else if cli.with_dirty {
            Some(Setting::flag("--with-dirty", Isolate::WithDirty))
        } else {
            cli.isolate.map(|value| Setting::flag("--isolate", value))
        },
        containment: cli.containment.map(|value| Setting::flag("--containment", value)),
        on_violation: cli.on_violation.map(|value| Setting::flag("--on-violation", value)),
        backend: if cli.review {
            Some(Setting::flag("--review", Backend::Exec))
        } else {
            cli.backend.map(|value| Setting::flag("--backend", value))
        },
        quota_gate: cli.quota_gate.map(|value| Setting::flag("--quota-gate", value)),
        ..Layer::default()
    };
    let environment = Layer::from_environment(|name| env::var_os(name))
        .map_err(|error| Refusal::told(ExitCode::Usage, &error))?;
    let mut layers = vec![flags, packet, environment];
    layers.extend(files.layers()?);
    layers.extend(cli.review.then(review::defaults));
    Ok(Settings::effective(&layers))
}

/// Codex would refuse it when everything has begun.
fn check_length(prompt: &str) -> Result<(), Refusal> {
    let length = prompt.chars().count();
    if length <= INPUT_MAX_CHARS {
        return Ok(());
    }
    Err(Refusal::usage(
        format!("cannot send a prompt of {length} characters: Codex takes {INPUT_MAX_CHARS} at most"),
        "put long material into files that the worker can read, and name them",
    ))
}

fn prompt(cli: &Cli, asked: &TaskRequest, workdir: &Path, schema: &Schema) -> Result<String, Refusal> {
    let files = match cli.inject_docs {
        Some(which) => documents(which, workdir)?,
        None => vec![],
    };
    let write_scope: Vec<&str> = asked.scope.iter().map(|item| item.text.as_str()).collect();
    let prompt = Prompt {
        mode: asked.mode,
        task: if asked.packet.is_some() { Task::Packet(&asked.task) } else { Task::Free(&asked.task) },
        write_scope: &write_scope,
        network: &asked.network,
        allow_commit: asked.allow_commit,
        docs: &as_documents(&files)?,
        answer: match schema {
            Schema::Claim => AnswerForm::Claim,
            Schema::Own(_) | Schema::Review(_) => AnswerForm::OwnSchema,
        },
    };
    let addendum = cli.addendum.as_deref().map(addendum).transpose()?.unwrap_or_default();
    Ok(prompt.render() + &addendum)
}

/// What is told after a packet. It stands in a fence, so that nothing in it can be taken for a part of the contract.
fn addendum(path: &Path) -> Result<String, Refusal> {
    let text = String::from_utf8(read_file(path, "the addendum")?).map_err(|_| {
        Refusal::usage(format!("the addendum `{}` is not UTF-8", path.display()), "save it as UTF-8")
    })?;
    let about = "What came up since the task was written. It is background: the task and its limits stay as they are.";
    Ok(format!("\n\n# Addendum\n\n{about}\n\n{}", fenced(&text)))
}

/// Codex's sandbox mode, and what shall hold it; the mode alone never takes the profile away.
fn sandbox(cli: &Cli, mode: Mode, settings: &Settings) -> Result<(Sandbox, Option<Enforcement>), Refusal> {
    let by_mode = if mode.writes() { Sandbox::WorkspaceWrite } else { Sandbox::ReadOnly };
    let open = Sandbox::DangerFullAccess;
    let (sandbox, enforcement) = match (settings.sandbox.value, settings.enforcement.value) {
        (Some(Sandbox::DangerFullAccess), None | Some(Enforcement::None))
        | (None, Some(Enforcement::None)) => (open, Some(Enforcement::None)),
        (Some(Sandbox::DangerFullAccess), Some(held @ (Enforcement::Profile | Enforcement::Sandbox))) => {
            return Err(Refusal::usage(
                format!("`-s danger-full-access` and `--enforcement {}` exclude each other", held.as_str()),
                "leave one of them out",
            ));
        }
        (Some(held @ (Sandbox::ReadOnly | Sandbox::WorkspaceWrite)), Some(Enforcement::None)) => {
            return Err(Refusal::usage(
                format!("`-s {}` and `--enforcement none` exclude each other", held.as_str()),
                "leave one of them out",
            ));
        }
        (wanted, held) => (wanted.unwrap_or(by_mode), held),
    };
    if sandbox == open && !cli.i_know_this_is_unsandboxed {
        return Err(Refusal::usage(
            "without a sandbox Codex may write anywhere (`-s danger-full-access`, `--enforcement none`)",
            "if you mean it, add --i-know-this-is-unsandboxed",
        ));
    }
    Ok((sandbox, enforcement))
}

/// What a profile would have to let the worker write.
pub fn reach(
    tree: &Tree,
    sandbox: Sandbox,
    (rules, by_products): (&ScopeRules, &ByProducts),
    allow_commit: bool,
    runs_dir: &RunsDir,
    homes: &[PathBuf],
) -> Reach {
    let protect = match runs_dir {
        RunsDir::Named(dir) => real(dir),
        // Its parent holds the file that hides it from git.
        RunsDir::InWorkdir(dir) => dir.parent().and_then(real),
    };
    let nothing = ScopeRules::default();
    let (rules, allow_commit) = match sandbox {
        Sandbox::ReadOnly => (&nothing, false),
        Sandbox::WorkspaceWrite => (rules, allow_commit),
        Sandbox::DangerFullAccess => return Reach::default(),
    };
    clodex_scope::grants(
        tree,
        rules,
        by_products,
        &Wishes {
            allow_commit,
            protect: protect.into_iter().collect(),
            homes: homes.to_vec(),
            ..Wishes::default()
        },
    )
}

/// A model that is named outright wins over a tier from a weaker source (clap refuses both as flags).
fn model_choice(cli: &Cli, files: &ConfigFiles, settings: &Settings) -> Result<ModelChoice, Refusal> {
    let tiers = files.tiers()?;
    match (&cli.model, &settings.tier.value) {
        (Some(model), _) => Ok(ModelChoice { model: Some(model.clone()), ..ModelChoice::default() }),
        (None, Some(tier)) => tiers.choose(tier).map_err(|error| Refusal::told(ExitCode::Usage, &error)),
        (None, None) => Ok(ModelChoice::default()),
    }
}

fn schema(cli: &Cli) -> Result<Schema, Refusal> {
    if cli.review {
        return review::schema();
    }
    let Some(path) = &cli.output_schema else { return Ok(Schema::Claim) };
    let refused = |why: String| {
        let message = format!("cannot use --output-schema `{}`: it {why}", path.display());
        Refusal::usage(message, "check it with a JSON schema validator")
    };
    let text =
        String::from_utf8(read_file(path, "the schema")?).map_err(|_| refused("is not UTF-8".to_owned()))?;
    AnswerSchema::compile(text).map(|own| Schema::Own(Box::new(own))).map_err(refused)
}

fn real_file(path: &Path) -> Result<PathBuf, Refusal> {
    path.canonicalize().map_err(|error| {
        Refusal::usage(format!("cannot use image `{}`: {error}", path.display()), "check the path")
    })
}
