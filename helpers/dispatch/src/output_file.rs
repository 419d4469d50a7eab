//! The file that `-o` names, before the run: nothing of an earlier run may be left in it, and the run must be able to
//! write it. What comes into it is the end of the run's business.

use std::fs;
use std::io;
use std::path::Path;

use clodex_os::atomic_file::may_write_in;

use crate::cli::Cli;
use crate::refusal::Refusal;

/// Removes what an earlier run left: it must not be taken for this one's message, nor for that of one which is refused.
/// A file that cannot be written is told of in time.
pub fn clear(cli: &Cli) -> Result<(), Refusal> {
    let Some(output) = &cli.output else { return Ok(()) };
    let path = std::path::absolute(output).unwrap_or_else(|_| output.clone());
    if is_read_by_the_run(cli, &path) {
        return Err(Refusal::usage(
            format!("cannot replace `{}`: the run reads it", output.display()),
            "name another file with -o",
        ));
    }
    let removed = match fs::remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    let dir = path.parent().unwrap_or(&path);
    removed.and_then(|()| may_write_in(dir)).map_err(|error| {
        Refusal::usage(
            format!("cannot write the final message to `{}`: {error}", path.display()),
            "name a file in a directory that can be written with -o",
        )
    })
}

fn is_read_by_the_run(cli: &Cli, path: &Path) -> bool {
    let inputs = [&cli.task, &cli.prompt_file, &cli.output_schema].into_iter().flatten().chain(&cli.image);
    let mut inputs = inputs.filter_map(|input| input.canonicalize().ok());
    path.canonicalize().is_ok_and(|path| inputs.any(|input| input == path))
}
