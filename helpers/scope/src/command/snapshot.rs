//! `clodex-scope snapshot`: what the tree is, written to a file.

use std::path::Path;

use clodex_core::ExitCode;
use clodex_os::Failure;

use super::asked::Asked;
use crate::cli::SnapshotArguments;
use crate::{Snapshot, Tree, baseline};

pub(super) fn snapshot(arguments: &SnapshotArguments) -> Result<ExitCode, Failure> {
    let Asked { tree, request } = arguments.scope.asked()?;
    refuse_inside(&tree, &arguments.output)?;
    let before = baseline(&tree, request)?;
    for note in before.notes() {
        eprintln!("note: {note}");
    }
    println!("{}", Snapshot::write(&before, &arguments.output)?);
    Ok(ExitCode::Done)
}

/// A snapshot in the tree would be a change of the tree, and in reach of what is watched.
fn refuse_inside(tree: &Tree, output: &Path) -> Result<(), Failure> {
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let real = parent.canonicalize().unwrap_or_else(|_| parent.to_owned());
    if real.starts_with(tree.root()) || real.starts_with(tree.common_dir()) {
        let shown = output.display();
        return Err(Failure::usage(format!(
            "cannot write the snapshot to `{shown}`: it lies in the tree that it is of\nhint: name a file outside"
        )));
    }
    Ok(())
}
