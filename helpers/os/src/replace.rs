//! Letting another program take the place of this one. Knows nothing of which, or why.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::error::Error;

/// Becomes `program` in this directory, with the terminal and the environment as they are. Returns only what went wrong.
pub fn become_program(program: &Path, arguments: &[&str], directory: &Path) -> Error {
    let arguments = arguments.iter().map(OsStr::new);
    let source = Command::new(program).args(arguments).current_dir(directory).exec();
    Error::System { tried: format!("become `{}` in {}", program.display(), directory.display()), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_named_and_we_go_on() {
        let error = become_program(Path::new("/no/such/program"), &[], Path::new("/"));
        assert!(error.to_string().starts_with("cannot become `/no/such/program` in /: "), "{error}");
    }
}
