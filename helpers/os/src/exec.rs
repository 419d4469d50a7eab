//! Letting another program take the place of this one. Knows nothing of which, or why.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::error::Error;
use crate::signals;

/// Becomes `program` in this directory, with the terminal and the environment as they are. Returns only what went wrong.
pub fn exec_program(program: &Path, arguments: &[&str], directory: &Path) -> Error {
    let arguments = arguments.iter().map(OsStr::new);
    let without_sigpipe = signals::is_ignored(Signal::SIGPIPE);
    let source = Command::new(program).args(arguments).current_dir(directory).exec();
    // `exec` prepares for the program that did not come: from here a write to a closed pipe would kill us.
    if without_sigpipe {
        signals::ignore(Signal::SIGPIPE);
    }
    Error::System { tried: format!("become `{}` in {}", program.display(), directory.display()), source }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Write as _};

    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_named_and_we_go_on() {
        let error = exec_program(Path::new("/no/such/program"), &[], Path::new("/"));
        assert!(error.to_string().starts_with("cannot become `/no/such/program` in /: "), "{error}");
        let (reader, mut writer) = std::io::pipe().unwrap();
        drop(reader);
        let closed = writer.write(b"a word").unwrap_err();
        assert_eq!(closed.kind(), ErrorKind::BrokenPipe);
    }
}
