//! Which tree is meant and what may be changed in it, by arguments or by a packet.

use std::path::Path;

use clodex_core::{Packet, PacketItem, ScopeEntryError, scope_syntax_refusal};
use clodex_os::Failure;

use crate::cli::ScopeArguments;
use crate::{Request, Tree};

/// What was asked for.
pub(super) struct Asked {
    pub(super) tree: Tree,
    pub(super) request: Request,
}

impl ScopeArguments {
    /// Finds the tree, and what the entries mean in it.
    pub(super) fn asked(&self) -> Result<Asked, Failure> {
        let packet = self.packet.as_deref().map(read_packet).transpose()?;
        let workdir = packet.as_ref().map(|packet| Path::new(&packet.workdir.text));
        let tree = Tree::discover(self.workdir.as_deref().or(workdir).unwrap_or(Path::new(".")))?;
        let (scope, by_products) = match &packet {
            Some(packet) => (texts(&packet.write_scope), texts(&packet.by_products)),
            None => (words(&self.scope), words(&self.by_product)),
        };
        if let Some((why, hint)) = scope.iter().find_map(|entry| scope_syntax_refusal(entry)) {
            return Err(Failure::usage(format!("{why}\nhint: {hint}")));
        }
        let entries = scope.into_iter().map(|entry| tree.scope_entry(entry));
        let rules = tree.scope_rules(entries.collect::<Result<_, _>>().map_err(|error| refused(&error))?);
        let by_products = tree.by_products(&by_products).map_err(|error| refused(&error))?;
        let allow_commit = packet.as_ref().is_some_and(|packet| packet.allow_commit);
        let request = Request { rules, by_products, allow_commit, ..Request::default() };
        Ok(Asked { tree, request })
    }
}

fn words(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn texts(items: &[PacketItem]) -> Vec<&str> {
    items.iter().map(|item| item.text.as_str()).collect()
}

fn read_packet(path: &Path) -> Result<Packet, Failure> {
    let shown = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::usage(format!(
            "cannot read packet `{shown}`: {error}\nhint: name a file that holds a packet"
        ))
    })?;
    Packet::parse(&bytes).map_err(|problems| Failure::usage(problems.about(&shown)))
}

fn refused(error: &ScopeEntryError) -> Failure {
    Failure::usage(format!("{error}\nhint: name paths inside the repository, relative to the work directory"))
}
