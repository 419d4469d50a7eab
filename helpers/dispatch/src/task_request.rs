//! The task as requested, by a packet or by arguments, before it is checked against the tree.

use std::path::PathBuf;

use clodex_core::{
    ByProducts, Mode, Network, Packet, PacketItem, PacketProblem, ScopeEntry, ScopeEntryError, Settings,
    Verification, copy_refusal, slug,
};
use clodex_scope::Tree;

use crate::cli::Cli;
use crate::packet_file::PacketFile;
use crate::refusal::Refusal;
use crate::task_text::{filled, free_words};

/// What is asked for.
#[derive(Debug)]
pub struct TaskRequest {
    /// What Codex shall be.
    pub mode: Mode,
    /// Short name for people.
    pub name: String,
    /// First line of what is to be done.
    pub objective: String,
    /// All of it, in the caller's words.
    pub task: String,
    /// What may be changed; line 0 for entries that no packet has.
    pub scope: Vec<PacketItem>,
    /// Build outputs that the packet names.
    pub by_products: Vec<PacketItem>,
    /// Checks that are asked for.
    pub verification: Verification,
    /// MCP servers that stay on.
    pub mcp: Vec<String>,
    /// Whether the worker may commit.
    pub allow_commit: bool,
    /// What its commands may reach.
    pub network: Network,
    /// Paths and globs that it may not read, as written.
    pub deny_read: Vec<String>,
    /// What an isolated run brings along.
    pub copy: Vec<String>,
    /// What Codex is sent, where it is not made of the task: a review has words of its own.
    pub prompt: Option<String>,
    /// The packet, where there is one.
    pub packet: Option<PacketFile>,
}

impl TaskRequest {
    /// What a packet asks for. `name` is stronger than its own.
    pub fn by_packet(file: PacketFile, name: Option<&str>) -> Self {
        let packet = &file.packet;
        let texts = |items: &[PacketItem]| items.iter().map(|item| item.text.clone()).collect();
        Self {
            mode: packet.mode,
            name: name.map_or_else(|| packet.run_name(), str::to_owned),
            objective: first_line(&packet.objective),
            task: packet.text.clone(),
            scope: packet.write_scope.clone(),
            by_products: packet.by_products.clone(),
            verification: Verification::OfPacket(texts(&packet.verification)),
            mcp: texts(&packet.mcp),
            allow_commit: packet.allow_commit,
            network: packet.network.clone(),
            deny_read: texts(&packet.deny_read),
            copy: texts(&packet.copy),
            prompt: None,
            packet: Some(file),
        }
    }

    /// What arguments ask for, under the contract of a packet where they name one.
    pub fn by_arguments(cli: &Cli, settings: &Settings, contract: Option<&Packet>) -> Result<Self, Refusal> {
        let mode = mode(cli)?;
        if let Some((why, hint)) = cli.copy.iter().find_map(|path| copy_refusal(path)) {
            return Err(Refusal::usage(format!("--copy: {why}"), hint));
        }
        let words = free_words(cli)?;
        let task = match &cli.template {
            Some(template) => {
                let dirs: Vec<PathBuf> =
                    settings.templates.iter().map(|setting| setting.value.clone()).collect();
                filled(template, &words, &dirs)?
            }
            None => words,
        };
        let objective = first_line(&task);
        let asked = Self {
            mode,
            name: cli.name.clone().unwrap_or_else(|| slug(&objective)),
            objective,
            task,
            scope: cli.scope.iter().map(|entry| PacketItem { text: entry.clone(), line: 0 }).collect(),
            by_products: vec![],
            verification: Verification::Commands(cli.check.clone()),
            mcp: vec![],
            allow_commit: cli.allow_commit,
            network: network(cli)?,
            deny_read: cli.deny_read.clone(),
            copy: cli.copy.clone(),
            prompt: None,
            packet: None,
        };
        Ok(match contract {
            Some(packet) => asked.held_to(packet, cli.verify),
            None => asked,
        })
    }

    /// The same under the contract of a packet, all but its scope. Its checks are asked for only where clodex runs
    /// them: who looks before the work is done sees them fail.
    fn held_to(self, packet: &Packet, verify: bool) -> Self {
        let texts = |items: &[PacketItem]| items.iter().map(|item| item.text.clone()).collect::<Vec<_>>();
        Self {
            by_products: packet.by_products.clone(),
            verification: if verify {
                Verification::OfPacket(texts(&packet.verification))
            } else {
                self.verification
            },
            mcp: texts(&packet.mcp),
            network: packet.network.clone(),
            deny_read: [texts(&packet.deny_read), self.deny_read].concat(),
            copy: texts(&packet.copy),
            ..self
        }
    }

    /// What `--review` asks for: nothing is written, and Codex's reviewer gets `prompt`.
    pub fn by_review(cli: &Cli, objective: String, task: String, prompt: String) -> Result<Self, Refusal> {
        Ok(Self {
            mode: Mode::Reviewer,
            name: cli.name.clone().unwrap_or_else(|| slug(&objective)),
            objective,
            task,
            scope: vec![],
            by_products: vec![],
            verification: Verification::OfPacket(vec![]),
            mcp: vec![],
            allow_commit: false,
            network: network(cli)?,
            deny_read: cli.deny_read.clone(),
            copy: vec![],
            prompt: Some(prompt),
            packet: None,
        })
    }

    /// What the scope's entries mean in this repository.
    pub fn scope_entries(&self, tree: &Tree) -> Result<Vec<ScopeEntry>, Refusal> {
        let (entries, refused): (Vec<_>, Vec<_>) = self
            .scope
            .iter()
            .map(|item| tree.scope_entry(&item.text).map_err(|error| (item.line, error)))
            .partition(Result::is_ok);
        let refused: Vec<_> = refused.into_iter().filter_map(Result::err).collect();
        if refused.is_empty() {
            return Ok(entries.into_iter().flatten().collect());
        }
        Err(self.refuse(("WRITE SCOPE", "--scope"), &refused))
    }

    /// What may be changed besides: the packet's build outputs and the configured ones.
    pub fn by_products(&self, tree: &Tree, configured: &[&str]) -> Result<ByProducts, Refusal> {
        let refused: Vec<_> = self
            .by_products
            .iter()
            .filter_map(|item| Some((item.line, tree.by_products(&[&item.text]).err()?)))
            .collect();
        if !refused.is_empty() {
            return Err(self.refuse(("BY-PRODUCTS", "by_products"), &refused));
        }
        let named = self.by_products.iter().map(|item| item.text.as_str());
        let all: Vec<&str> = named.chain(configured.iter().copied()).collect();
        tree.by_products(&all).map_err(|error| Refusal::usage(format!("by_products: {error}"), hint(&error)))
    }

    /// Names the packet's lines where there is a packet, else the flag.
    fn refuse(&self, (field, flag): (&str, &str), refused: &[(usize, ScopeEntryError)]) -> Refusal {
        if let Some(file) = &self.packet {
            let problem = |(line, error): &(usize, ScopeEntryError)| {
                PacketProblem::at(*line, format!("{field}: {error}"), hint(error))
            };
            return file.refuse(refused.iter().map(problem).collect());
        }
        let texts: Vec<String> = refused.iter().map(|(_, error)| format!("{flag}: {error}")).collect();
        Refusal::usage(texts.join("\n"), refused.first().map_or("", |(_, error)| hint(error)))
    }
}

fn mode(cli: &Cli) -> Result<Mode, Refusal> {
    match (cli.mode, cli.scope.is_empty()) {
        (None, true) => Ok(Mode::Reviewer),
        (None, false) => Ok(Mode::Worker),
        (Some(mode), has_no_scope) if mode.writes() != has_no_scope => Ok(mode),
        (Some(mode), true) => Err(Refusal::usage(
            format!("a {mode} needs a scope"),
            "name what it may change with --scope PATH",
        )),
        (Some(mode), false) => Err(Refusal::usage(
            format!("a {mode} writes nothing, so it has no scope"),
            "leave out --scope, or use --mode worker",
        )),
    }
}

fn network(cli: &Cli) -> Result<Network, Refusal> {
    let words: Vec<&str> = cli.network.iter().map(String::as_str).collect();
    Network::from_words(&words).map_err(|bad| {
        Refusal::usage(
            format!("--network `{bad}` is neither `on`, `off` nor a domain"),
            "name public domains such as `crates.io` or `*.npmjs.org`",
        )
    })
}

fn hint(error: &ScopeEntryError) -> &'static str {
    match error {
        ScopeEntryError::Outside(_) | ScopeEntryError::ParentDirectory(_) => {
            "name paths inside the repository, relative to the work directory"
        }
        ScopeEntryError::Reserved { .. } => "leave it out: git's and clodex's own files are never in scope",
        ScopeEntryError::Symlink { .. } => "name what it leads to, where that lies inside the repository",
        ScopeEntryError::Empty | ScopeEntryError::Nul(_) | ScopeEntryError::Glob { .. } => {
            "write a directory, a file or a glob such as `src/**/*.rs`"
        }
        ScopeEntryError::NeverByProduct(_) => "name a build output such as `target/`",
    }
}

fn first_line(text: &str) -> String {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}
