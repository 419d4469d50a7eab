//! The command line of clodex-setup.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::doctor::DoctorArguments;
use crate::prune::PruneArguments;

const AFTER_HELP: &str = "\
Without options: finds or builds the helpers and installs them, registers the status line, looks for Codex. A second \
call changes nothing. Only `statusLine` (and with --permissions `permissions.allow`) of settings.json is changed; what \
it was is kept beside the helpers.

Exit codes: 0 done, or nothing to do · 2 bad arguments, or a file that was left alone · 3 no helpers could be had · \
7 a run lives, or its work is nowhere else";

/// Install clodex's helpers, register them with Claude Code, and take it all back.
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
    /// Delete old runs: records, artifacts, worktrees
    ///
    /// A run whose changes were neither landed nor thrown away stays. Of an artifact directory only what clodex wrote is
    /// removed. clodex-dispatch does the same at the end of a run, once a day at most.
    Prune(PruneArguments),
}

/// What is to be set up.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Install {
    /// Show what would be changed, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Take everything back: settings.json byte for byte, helpers, data
    #[arg(long, conflicts_with_all = ["permissions", "from_archive", "build", "refresh"])]
    pub uninstall: bool,
    /// With --uninstall: all runs as well, records and artifacts; refused where work of one of them is nowhere else
    #[arg(long, requires = "uninstall")]
    pub purge: bool,
    /// Let Claude inspect, start and cancel runs without asking
    #[arg(long)]
    pub permissions: bool,
    /// Build the helpers with cargo, even where there are some
    #[arg(long, conflicts_with = "from_archive")]
    pub build: bool,
    /// Take the helpers from a release archive
    #[arg(long, value_name = "FILE|URL")]
    pub from_archive: Option<String>,
    /// Its digest, or what holds it [default: the archive's name with .sha256]
    #[arg(long, value_name = "HEX|FILE|URL")]
    pub sha256: Option<String>,
    /// Where releases are downloaded from (also CLODEX_RELEASE_URL)
    #[arg(long, value_name = "URL", default_value_t = releases())]
    pub release_url: String,
    /// Bring installed helpers up to the plugin's version where a build is at hand; silent when they are
    #[arg(long, conflicts_with_all = ["permissions", "from_archive", "build", "dry_run"])]
    pub refresh: bool,
}

/// Where releases lie unless a mirror is named.
const RELEASES: &str = "https://github.com/clodex/clodex/releases/download";

fn releases() -> String {
    let mirror = std::env::var("CLODEX_RELEASE_URL").ok().filter(|url| !url.is_empty());
    mirror.unwrap_or_else(|| RELEASES.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_options_are_what_they_are() {
        Arguments::command().debug_assert();
        let parsed = |words: &[&str]| Arguments::try_parse_from([&["clodex-setup"], words].concat());
        assert_eq!(parsed(&[]).unwrap().install.release_url, RELEASES);
        assert!(parsed(&["--purge"]).is_err());
        assert!(parsed(&["--uninstall", "--permissions"]).is_err());
        assert!(parsed(&["--uninstall", "--purge", "--dry-run"]).unwrap().install.purge);
    }
}
