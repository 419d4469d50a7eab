//! From arguments, settings and packet to a [`Plan`]. Reads files and the environment; changes nothing.

use std::env;
use std::path::{Path, PathBuf};

use clodex_core::{
    AnswerForm, ByProducts, Enforcement, ExitCode, Layer, Mode, ModelChoice, Packet, PacketProblem,
    PacketProblems, Prompt, Sandbox, ScopeEntry, ScopeEntryError, Setting, Settings, Task, Tiers,
};
use clodex_scope::Tree;

use crate::answer::{OwnSchema, Schema};
use crate::cli::Cli;
use crate::config_files::ConfigFiles;
use crate::plan::{Plan, RunsDir};
use crate::refusal::Refusal;
use crate::task_text::{as_documents, documents, filled, free_words, read_file};

/// What is asked for, whoever says it: a packet, or arguments.
struct Asked {
    mode: Mode,
    name: String,
    objective: String,
    task: String,
    workdir: PathBuf,
    /// Each with its line in the packet.
    scope: Vec<(String, Option<usize>)>,
    by_product_lines: Vec<(String, usize)>,
    verification: Vec<String>,
    mcp: Vec<String>,
    packet: Option<(Packet, PathBuf)>,
}

/// Decides everything about the run that the arguments ask for.
pub fn plan(cli: &Cli) -> Result<Plan, Refusal> {
    let packet = match &cli.task {
        Some(path) => Some((parse_packet(path)?, path.clone())),
        None => None,
    };
    let workdir = match &packet {
        Some((packet, path)) => packet_workdir(packet, path)?,
        None => real_dir(cli.workdir.as_deref().unwrap_or(Path::new(".")), "work directory")?,
    };
    let tree = discover(&workdir, packet.as_ref())?;
    let files = ConfigFiles::read(tree.root())?;
    let settings = settings(cli, packet.as_ref().map(|(packet, _)| packet), &files)?;
    let asked = match packet {
        Some((packet, path)) => from_packet(cli, packet, path, workdir),
        None => from_arguments(cli, workdir, &settings)?,
    };
    decide(cli, asked, tree, &files, &settings)
}

/// Checks a packet and what it says of the file system; for `--lint`.
pub fn lint(path: &Path) -> Result<(), Refusal> {
    let packet = parse_packet(path)?;
    let workdir = packet_workdir(&packet, path)?;
    let tree = discover(&workdir, Some(&(packet.clone(), path.to_owned())))?;
    let files = ConfigFiles::read(tree.root())?;
    if let Some(tier) = &packet.tier {
        files.tiers()?.choose(&tier.text).map_err(|error| at_line(path, tier.line, &error))?;
    }
    let cli = <Cli as clap::Parser>::parse_from(["clodex-dispatch", "lint"]);
    let asked = from_packet(&cli, packet, path.to_owned(), workdir);
    scope_entries(&asked, &tree)?;
    by_products(&asked, &tree, &[])?;
    Ok(())
}

fn decide(
    cli: &Cli,
    asked: Asked,
    tree: Tree,
    files: &ConfigFiles,
    settings: &Settings,
) -> Result<Plan, Refusal> {
    let entries = scope_entries(&asked, &tree)?;
    let rules = tree.scope_rules(entries);
    let configured: Vec<&str> = settings.by_products.iter().map(|setting| setting.value.as_str()).collect();
    let by_products = by_products(&asked, &tree, &configured)?;
    let sandbox = sandbox(cli, asked.mode, settings.sandbox.value)?;
    let choice = model_choice(cli, files, settings)?;
    let schema = schema(cli)?;
    let docs = match cli.inject_docs {
        Some(which) => documents(which, &asked.workdir)?,
        None => vec![],
    };
    let scope_shown: Vec<&str> = asked.scope.iter().map(|(entry, _)| entry.as_str()).collect();
    let prompt = Prompt {
        mode: asked.mode,
        task: if asked.packet.is_some() { Task::Packet(&asked.task) } else { Task::Free(&asked.task) },
        write_scope: &scope_shown,
        docs: &as_documents(&docs)?,
        answer: match schema {
            Schema::Claim => AnswerForm::Claim,
            Schema::Own(_) => AnswerForm::OwnSchema,
        },
    }
    .render();
    let effective =
        settings.rows().iter().map(|(name, value, source)| format!("{name} = {value}  ({source})")).collect();
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
        sandbox,
        enforcement: if sandbox == Sandbox::DangerFullAccess {
            Enforcement::None
        } else {
            Enforcement::Sandbox
        },
        allow_dirty_overlap: settings.allow_dirty_overlap.value,
        containment: settings.containment.value,
        model: cli.model.clone().or(choice.model),
        fallback_model: choice.fallback,
        effort: cli.effort.clone().or(choice.effort),
        resume: cli.resume.clone(),
        ephemeral: cli.ephemeral,
        images: cli.image.iter().map(|image| real_file(image)).collect::<Result<_, _>>()?,
        schema,
        codex: settings.codex.value.clone(),
        timeout_sec: settings.timeout_sec.value,
        heartbeat_sec: settings.heartbeat_sec.value,
        runs_dir: match &settings.output_dir.value {
            Some(dir) => RunsDir::Named(std::path::absolute(dir).unwrap_or_else(|_| dir.clone())),
            None => RunsDir::InWorkdir(asked.workdir.join(".codex-dispatch").join("runs")),
        },
        output: cli
            .output
            .as_deref()
            .map(|path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned())),
        effective,
        workdir: asked.workdir,
        tree,
    })
}

fn parse_packet(path: &Path) -> Result<Packet, Refusal> {
    let bytes = read_file(path, "packet")?;
    Packet::parse(&bytes).map_err(|problems| packet_refusal(&problems, path))
}

fn packet_refusal(problems: &PacketProblems, path: &Path) -> Refusal {
    Refusal { code: ExitCode::Usage, message: problems.about(&path.display().to_string()), hint: None }
}

fn at_line(path: &Path, line: usize, error: &impl std::fmt::Display) -> Refusal {
    let text = error.to_string();
    let (what, hint) = text.split_once("\n  hint: ").unwrap_or((&text, "see the packet reference"));
    let problem = PacketProblem::at(line, what, hint);
    match PacketProblems::check(vec![problem]) {
        Err(problems) => packet_refusal(&problems, path),
        Ok(()) => Refusal::told(ExitCode::Usage, error),
    }
}

fn packet_workdir(packet: &Packet, path: &Path) -> Result<PathBuf, Refusal> {
    let named = Path::new(&packet.workdir.text);
    match named.canonicalize() {
        Ok(real) if real.is_dir() => Ok(real),
        Ok(_) => Err(at_line(
            path,
            packet.workdir.line,
            &format!("WORKDIR `{}` is no directory\n  hint: name a directory", named.display()),
        )),
        Err(error) => Err(at_line(
            path,
            packet.workdir.line,
            &format!(
                "WORKDIR `{}` cannot be used: {error}\n  hint: name an existing directory",
                named.display()
            ),
        )),
    }
}

fn discover(workdir: &Path, packet: Option<&(Packet, PathBuf)>) -> Result<Tree, Refusal> {
    Tree::discover(workdir).map_err(|error| match packet {
        Some((packet, path)) => at_line(
            path,
            packet.workdir.line,
            &format!("WORKDIR: {error}\n  hint: `git init` there, or name a directory of a repository"),
        ),
        None => {
            Refusal::usage(error.to_string(), "`git init` there, or name a directory of a repository with -C")
        }
    })
}

fn settings(cli: &Cli, packet: Option<&Packet>, files: &ConfigFiles) -> Result<Settings, Refusal> {
    let mut flags = Layer {
        timeout_sec: cli.timeout_sec.map(|value| Setting::flag("--timeout-sec", value)),
        heartbeat_sec: cli.heartbeat_sec.map(|value| Setting::flag("--heartbeat-sec", value)),
        tier: cli.tier.clone().map(|value| Setting::flag("--tier", value)),
        sandbox: cli.sandbox.map(|value| Setting::flag("--sandbox", value)),
        allow_dirty_overlap: cli.allow_dirty_overlap.then(|| Setting::flag("--allow-dirty-overlap", true)),
        output_dir: cli.output_dir.clone().map(|value| Setting::flag("--output-dir", value)),
        codex: cli.codex.clone().map(|value| Setting::flag("--codex", value)),
        containment: cli.containment.map(|value| Setting::flag("--containment", value)),
        ..Layer::default()
    };
    flags.backend = cli.backend.map(|value| Setting::flag("--backend", value));
    let environment = Layer::from_environment(|name| env::var_os(name))
        .map_err(|error| Refusal::told(ExitCode::Usage, &error))?;
    let mut layers = vec![flags];
    layers.extend(packet.map(Layer::from_packet));
    layers.push(environment);
    layers.extend(files.layers()?);
    Ok(Settings::effective(&layers))
}

fn from_packet(cli: &Cli, packet: Packet, path: PathBuf, workdir: PathBuf) -> Asked {
    let items = |items: &[clodex_core::PacketItem]| items.iter().map(|item| item.text.clone()).collect();
    Asked {
        mode: packet.mode,
        name: cli.name.clone().unwrap_or_else(|| packet.title().to_owned()),
        objective: first_line(&packet.objective),
        task: packet.text.clone(),
        workdir,
        scope: packet.write_scope.iter().map(|item| (item.text.clone(), Some(item.line))).collect(),
        by_product_lines: packet.by_products.iter().map(|item| (item.text.clone(), item.line)).collect(),
        verification: items(&packet.verification),
        mcp: items(&packet.mcp),
        packet: Some((packet, path)),
    }
}

fn from_arguments(cli: &Cli, workdir: PathBuf, settings: &Settings) -> Result<Asked, Refusal> {
    let mode = match (cli.mode, cli.scope.is_empty()) {
        (None, true) => Mode::Reviewer,
        (None | Some(Mode::Worker), false) => Mode::Worker,
        (Some(Mode::Worker), true) => {
            return Err(Refusal::usage(
                "a worker needs a scope",
                "name what it may change with --scope PATH",
            ));
        }
        (Some(mode), true) => mode,
        (Some(mode), false) => {
            return Err(Refusal::usage(
                format!("a {mode} writes nothing, so it has no scope"),
                "leave out --scope, or use --mode worker",
            ));
        }
    };
    let words = free_words(cli)?;
    let task = match &cli.template {
        Some(template) => {
            let dirs: Vec<PathBuf> = settings.templates.iter().map(|setting| setting.value.clone()).collect();
            filled(template, &words, &dirs)?
        }
        None => words,
    };
    let objective = first_line(&task);
    Ok(Asked {
        mode,
        name: cli.name.clone().unwrap_or_else(|| clodex_core::slug(&objective)),
        objective,
        task,
        workdir,
        scope: cli.scope.iter().map(|entry| (entry.clone(), None)).collect(),
        by_product_lines: vec![],
        verification: vec![],
        mcp: vec![],
        packet: None,
    })
}

fn scope_entries(asked: &Asked, tree: &Tree) -> Result<Vec<ScopeEntry>, Refusal> {
    let mut entries = Vec::new();
    let mut problems = Vec::new();
    for (text, line) in &asked.scope {
        match (tree.scope_entry(text), line) {
            (Ok(entry), _) => entries.push(entry),
            (Err(error), Some(line)) => {
                problems.push(PacketProblem::at(*line, format!("WRITE SCOPE: {error}"), entry_hint(&error)));
            }
            (Err(error), None) => {
                return Err(Refusal::usage(format!("--scope: {error}"), entry_hint(&error)));
            }
        }
    }
    if let (Err(problems), Some((_, path))) = (PacketProblems::check(problems), &asked.packet) {
        return Err(packet_refusal(&problems, path));
    }
    Ok(entries)
}

fn entry_hint(error: &ScopeEntryError) -> &'static str {
    match error {
        ScopeEntryError::Outside(_) | ScopeEntryError::ParentDirectory(_) => {
            "name paths inside the repository, relative to the work directory"
        }
        ScopeEntryError::Reserved { .. } => "leave it out: git's and clodex's own files are never in scope",
        ScopeEntryError::Empty | ScopeEntryError::Nul(_) | ScopeEntryError::Glob { .. } => {
            "write a directory, a file or a glob such as `src/**/*.rs`"
        }
        ScopeEntryError::NeverByProduct(_) => "name a build output such as `target/`",
    }
}

fn by_products(asked: &Asked, tree: &Tree, configured: &[&str]) -> Result<ByProducts, Refusal> {
    let root = tree.root().as_os_str().as_encoded_bytes();
    let named = |names: &[&str]| ByProducts::new(names.iter().copied(), tree.workdir_in_root(), root);
    for (text, line) in &asked.by_product_lines {
        if let (Err(error), Some((_, path))) = (named(&[text]), &asked.packet) {
            return Err(at_line(
                path,
                *line,
                &format!("BY-PRODUCTS: {error}\n  hint: {}", entry_hint(&error)),
            ));
        }
    }
    let all: Vec<&str> = asked
        .by_product_lines
        .iter()
        .map(|(text, _)| text.as_str())
        .chain(configured.iter().copied())
        .collect();
    named(&all).map_err(|error| Refusal::usage(format!("by_products: {error}"), entry_hint(&error)))
}

fn sandbox(cli: &Cli, mode: Mode, wanted: Option<Sandbox>) -> Result<Sandbox, Refusal> {
    let by_mode = if mode.writes() { Sandbox::WorkspaceWrite } else { Sandbox::ReadOnly };
    match (wanted.unwrap_or(by_mode), cli.i_know_this_is_unsandboxed) {
        (Sandbox::DangerFullAccess, false) => Err(Refusal::usage(
            "-s danger-full-access lets Codex write anywhere",
            "if you mean it, add --i-know-this-is-unsandboxed",
        )),
        (sandbox, _) => Ok(sandbox),
    }
}

fn model_choice(cli: &Cli, files: &ConfigFiles, settings: &Settings) -> Result<ModelChoice, Refusal> {
    match &settings.tier.value {
        // A model that is named outright wins over a tier from a weaker source.
        Some(_) if cli.model.is_some() => Ok(ModelChoice::default()),
        Some(tier) => files.tiers()?.choose(tier).map_err(|error| Refusal::told(ExitCode::Usage, &error)),
        None => {
            let _: Tiers = files.tiers()?;
            Ok(ModelChoice::default())
        }
    }
}

fn schema(cli: &Cli) -> Result<Schema, Refusal> {
    let Some(path) = &cli.output_schema else { return Ok(Schema::Claim) };
    let refused = |why: String| {
        Refusal::usage(
            format!("cannot use --output-schema `{}`: it {why}", path.display()),
            "check it with a JSON schema validator",
        )
    };
    let text =
        String::from_utf8(read_file(path, "the schema")?).map_err(|_| refused("is not UTF-8".to_owned()))?;
    OwnSchema::compile(text).map(|own| Schema::Own(Box::new(own))).map_err(refused)
}

fn real_dir(path: &Path, what: &str) -> Result<PathBuf, Refusal> {
    let refused = |why: String| {
        Refusal::usage(format!("cannot use {what} `{}`: {why}", path.display()), "name an existing directory")
    };
    let real = path.canonicalize().map_err(|error| refused(error.to_string()))?;
    if real.is_dir() { Ok(real) } else { Err(refused("it is no directory".to_owned())) }
}

fn real_file(path: &Path) -> Result<PathBuf, Refusal> {
    path.canonicalize().map_err(|error| {
        Refusal::usage(format!("cannot use image `{}`: {error}", path.display()), "check the path")
    })
}

fn first_line(text: &str) -> String {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}
