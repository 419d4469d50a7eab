//! The command line of clodex-apply.

use clap::Parser;

const AFTER_HELP: &str = "\
Lands what the run changed in scope: all of it or nothing. Where your tree moved on by commits, both are merged. A file \
with uncommitted edits of yours is never overwritten. Nothing is committed, and the index stays as it is.

Refer to a run by its id, a unique prefix of its id, or its name.

Exit codes: 0 done · 1 the file system refused · 2 bad arguments, no such run, nothing to land · \
6 the run could not be judged · 7 conflicts or edits of yours are in the way; nothing was touched";

/// Land what an isolated run changed, take it back, or throw it away.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(name = "clodex-apply", version, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Arguments {
    /// The run
    pub run: String,
    /// Take back what was landed; refused where you edited it since
    #[arg(long, conflicts_with_all = ["discard", "check"])]
    pub undo: bool,
    /// Throw the run's worktree and its changes away
    #[arg(long, conflicts_with = "check")]
    pub discard: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub check: bool,
    /// Print JSON: `version`, `run_id`, `did`, `changed`, `merged`, `not_as_landed`, `in_the_way`
    #[arg(long)]
    pub json: bool,
    /// Called from inline shell: always exit 0, errors on stdout
    #[arg(long)]
    pub inline: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn one_thing_is_done_at_a_time() {
        Arguments::command().debug_assert();
        assert!(Arguments::try_parse_from(["clodex-apply", "x", "--undo"]).unwrap().undo);
        assert!(Arguments::try_parse_from(["clodex-apply", "x", "--undo", "--discard"]).is_err());
        assert!(Arguments::try_parse_from(["clodex-apply", "--undo"]).is_err());
    }
}
