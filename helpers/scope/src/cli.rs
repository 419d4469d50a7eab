//! The command line of clodex-scope. Owns words and their help; decides nothing.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const AFTER_HELP: &str = "\
Exit codes: 0 clean, or put back · 1 something could not be put back, and is named · 2 bad arguments, or nobody can be \
asked: nothing was done · 6 violation, or a verdict that could not be completed · 7 another run works in the same tree";

/// What a work tree was, what became of it, and whether that was allowed.
#[derive(Debug, Parser)]
#[command(name = "clodex-scope", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Snapshot(SnapshotArguments),
    Compare(CompareArguments),
    Explain(ExplainArguments),
    Restore(RestoreArguments),
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

/// Write down what the tree is, before something runs in it
///
/// The digest of the snapshot goes to stdout: kept where the watched program cannot reach it and given to `compare`,
/// it exposes a forged snapshot.
#[derive(Debug, Args)]
pub(crate) struct SnapshotArguments {
    #[command(flatten)]
    pub(crate) scope: ScopeArguments,
    /// Where to write it: outside the tree, and out of reach of what is watched
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// Compare the tree with a snapshot: what changed, and whether that was allowed
///
/// Nothing that may still write should be alive.
#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// What `snapshot` wrote
    #[arg(value_name = "FILE")]
    pub(crate) snapshot: PathBuf,
    /// What `snapshot` printed: any other snapshot is refused
    #[arg(long, value_name = "HEX")]
    pub(crate) digest: Option<String>,
    /// Answer as JSON, with the fields of policy.json
    #[arg(long)]
    pub(crate) json: bool,
}

/// Say what a change of a path would count as, and why
///
/// Nothing needs to be there. Exits with 6 when the change of any of the paths would be a violation.
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

/// Put back what a run changed outside its scope, path by path
///
/// Later changes by others are left alone. What is removed is kept in the run's artifacts: `quarantine/`,
/// `quarantine.patch` and `quarantine.json`. An interrupted attempt can be made again.
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The run: its id, a unique prefix of its id, or its name
    pub(crate) run: String,
    /// Only these paths and what is below them, as the report names them [default: all]
    pub(crate) paths: Vec<String>,
    /// Do not ask for confirmation
    #[arg(long)]
    pub(crate) yes: bool,
    /// Answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
