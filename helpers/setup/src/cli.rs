//! The command line of clodex-setup.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::doctor::DoctorArguments;
use crate::prune::PruneArguments;

const AFTER_HELP: &str = "\
Exit codes: 0 done, or nothing to do · 2 bad arguments, or a file that is left alone · 3 no helpers could be had";

/// Installs clodex's helpers, registers them with Claude Code, and takes it all back.
#[derive(Debug, Parser)]
#[command(name = "clodex-setup", version, after_help = AFTER_HELP, max_term_width = 100)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// What is to be set up.
    #[command(flatten)]
    pub install: Install,
    /// What else is to be done
    #[command(subcommand)]
    pub task: Option<Task>,
    /// Called from inline shell: always exit 0, errors on stdout
    #[arg(long, global = true)]
    pub inline: bool,
    /// The plugin's data directory, where the caller knows it
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
}

/// What is done instead of setting up.
#[derive(Debug, Clone, Subcommand)]
pub enum Task {
    /// Check everything that clodex needs and leaves behind, and say what to do
    ///
    /// A line for each check: ok, warn or fail. Exit code 0 when nothing fails, else 1. Only --fix changes anything.
    Doctor(DoctorArguments),
    /// Let go of runs that ended long ago: records, artifacts, worktrees
    ///
    /// A run whose changes were neither landed nor thrown away stays. Of an artifact directory only what clodex wrote is
    /// removed. clodex-dispatch does the same at the end of a run, once a day at most.
    Prune(PruneArguments),
}

/// What is to be set up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Install {}
