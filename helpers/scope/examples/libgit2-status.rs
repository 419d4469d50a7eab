//! Prints how many entries libgit2's recursive status of a repository has: what the passes are measured against
//! (`cargo figures scope`). Not shipped.

use std::process::ExitCode;

use git2::{Repository, StatusOptions};

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else { return ExitCode::from(2) };
    let mut options = StatusOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true);
    options.include_ignored(true).recurse_ignored_dirs(true);
    let counted = Repository::open(path)
        .and_then(|repository| repository.statuses(Some(&mut options)).map(|statuses| statuses.len()));
    match counted {
        Ok(count) => {
            println!("{count}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("libgit2-status: {error}");
            ExitCode::FAILURE
        }
    }
}
