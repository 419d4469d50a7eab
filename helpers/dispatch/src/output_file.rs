//! The file that `-o` names, before the run: nothing of an earlier run may be left in it, and the run must be able to
//! write it. What comes into it is the end of the run's business.

use std::path::Path;

use clodex_os::NamedOutput;

use crate::cli::Cli;
use crate::refusal::Refusal;

/// Removes what an earlier run left: it must not be taken for this one's message, nor for that of one which is refused.
/// What cannot be written to is told of in time.
pub fn clear(cli: &Cli) -> Result<Option<NamedOutput>, Refusal> {
    let Some(name) = &cli.output else { return Ok(None) };
    if is_read_by_the_run(cli, name) {
        return Err(Refusal::usage(
            format!("cannot replace `{}`: the run reads it", name.display()),
            "name another file with -o",
        ));
    }
    let found = NamedOutput::find(name).and_then(|output| output.clear().map(|()| output));
    let output = found.map_err(|error| {
        let why = error.io().map_or_else(|| error.to_string(), ToString::to_string);
        Refusal::usage(
            format!("cannot write the final message to `{}`: {why}", name.display()),
            "name a file in a directory that can be written with -o",
        )
    })?;
    if cli.detach && output.is_inherited() {
        return Err(Refusal::usage(
            format!("cannot write the final message to `{}` when detached", name.display()),
            "name a file with -o, or leave out --detach",
        ));
    }
    Ok(Some(output))
}

fn is_read_by_the_run(cli: &Cli, path: &Path) -> bool {
    let inputs = [&cli.task, &cli.prompt_file, &cli.output_schema].into_iter().flatten().chain(&cli.image);
    let mut inputs = inputs.filter_map(|input| input.canonicalize().ok());
    path.canonicalize().is_ok_and(|path| inputs.any(|input| input == path))
}
