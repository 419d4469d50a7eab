//! `clodex-scope snapshot`: what the tree is, written to a file.

use std::path::Path;

use clodex_core::ExitCode;
use clodex_os::{Failure, NamedOutput, say_line};

use super::target::Asked;
use crate::cli::SnapshotArguments;
use crate::{Snapshot, Tree, baseline};

pub(super) fn snapshot(arguments: &SnapshotArguments) -> Result<ExitCode, Failure> {
    let Asked { tree, request } = arguments.scope.asked()?;
    let output = NamedOutput::find(&arguments.output).map_err(|error| Failure::usage(error.to_string()))?;
    output.file().map_or(Ok(()), |file| refuse_inside(&tree, file))?;
    let before = baseline(&tree, request)?;
    for note in before.notes() {
        eprintln!("note: {note}");
    }
    say_line(&Snapshot::write(&before, &output)?);
    Ok(ExitCode::Done)
}

/// A snapshot in the tree would be a change of the tree, and in reach of what is watched.
fn refuse_inside(tree: &Tree, file: &Path) -> Result<(), Failure> {
    let parent = file.parent().unwrap_or(file);
    let real = parent.canonicalize().unwrap_or_else(|_| parent.to_owned());
    if real.starts_with(tree.root()) || real.starts_with(tree.common_dir()) {
        let shown = file.display();
        return Err(Failure::usage(format!(
            "cannot write the snapshot to `{shown}`: it is inside the tree that it describes\nhint: name a file outside"
        )));
    }
    Ok(())
}
