//! `cargo figures`: how fast the release build is, as ratios from one interleaved run. Prints and never judges: the
//! machine is shared, and a time that fails a build on a bad day is turned off on the next.

mod figures;
mod measure;
mod raw_client;
mod records;
mod release_build;
mod repository;
mod scope_pass;
mod scratch_dir;
mod server;
mod streams;
mod table;
mod timed_server;

use std::io;
use std::process::ExitCode;

use release_build::ReleaseBuild;
use scratch_dir::ScratchDir;
use table::Table;

const USAGE: &str = "\
Usage: cargo figures [--quick] [GROUP…]

Builds the static release and prints its figures. Groups: start, hook, scope, dispatch, latency, stream,
app-server, flow (default: all).

  --quick   fewer rounds: the order of magnitude";

/// How often things are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effort {
    Quick,
    Full,
}

impl Effort {
    fn rounds(self, full: usize) -> usize {
        match self {
            Self::Quick => (full / 5).max(3),
            Self::Full => full,
        }
    }
}

fn main() -> ExitCode {
    if let Some(done) = scope_pass::if_asked() {
        return ended(done);
    }
    if let Some(done) = timed_server::if_asked() {
        return ended(done);
    }
    let mut effort = Effort::Full;
    let mut groups = Vec::new();
    for arg in std::env::args().skip(1) {
        match arg.as_str() {
            "--quick" => effort = Effort::Quick,
            group if figures::GROUPS.iter().any(|(name, _)| *name == group) => groups.push(arg),
            "-h" | "--help" => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            unknown => {
                eprintln!("cargo figures: unknown argument `{unknown}`\n\n{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    ended(run(effort, &groups))
}

fn ended(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo figures: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(effort: Effort, groups: &[String]) -> io::Result<()> {
    // What measures is a release build, too: it reads records and takes scope passes itself.
    let Some(built) = ReleaseBuild::beside_this_program()? else { return release_build::build_and_become() };
    let scratch = ScratchDir::make(&built)?;
    let mut table = Table::default();
    for (name, figures) in figures::GROUPS {
        if groups.is_empty() || groups.iter().any(|group| group == name) {
            eprintln!("measuring: {name}");
            figures(&scratch, effort, &mut table)?;
        }
    }
    table.print(&built);
    Ok(())
}
