//! Writing to stdout. A reader that went away (`| head`) has no say in what is done and in its exit code; a full disk is
//! told.

use std::io::{self, ErrorKind, Write as _};

/// Writes a text at once.
pub fn say(text: &str) {
    let mut stdout = io::stdout().lock();
    let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) else { return };
    if error.kind() != ErrorKind::BrokenPipe {
        let _ = writeln!(io::stderr(), "cannot write to stdout: {error}");
    }
}

/// Writes a line at once.
pub fn say_line(line: &str) {
    say(&format!("{line}\n"));
}
