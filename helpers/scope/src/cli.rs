//! The command line of clodex-scope. Owns words and their help; decides nothing.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const AFTER_HELP: &str = "\
Exit codes: 0 clean · 2 bad arguments, nothing was done · 6 violation, or a verdict that could not be completed";

/// What a work tree was, what became of it, and whether that was allowed.
#[derive(Debug, Parser)]
#[command(name = "clodex-scope", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Explain(ExplainArguments),
}

/// Which tree, and what may be changed in it.
#[derive(Debug, Args)]
pub(crate) struct ScopeArguments {
    /// The work directory: scope entries are relative to it (default: the packet's, or the current one)
    #[arg(short = 'C', value_name = "DIR")]
    pub(crate) workdir: Option<PathBuf>,
    /// What may be changed: a directory, a file or a glob; can be given again; none means nothing
    #[arg(long, value_name = "PATH")]
    pub(crate) scope: Vec<String>,
    /// Take scope, by-products and work directory from a task packet
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scope", "by_product"])]
    pub(crate) packet: Option<PathBuf>,
    /// A git-ignored build output besides the usual ones, whose changes are noted only; can be given again
    #[arg(long, value_name = "DIR")]
    pub(crate) by_product: Vec<String>,
}

/// Say what a change of a path would count as, and why
///
/// Nothing needs to lie there. Exits with 6 when the change of any of the paths would be a violation.
#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    #[command(flatten)]
    pub(crate) scope: ScopeArguments,
    /// Answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Relative to the work directory, or absolute
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}
